import Bytes
import Ledger
import Wire

extension AdminAPI {
  /// `POST /admin/v1/ledger/retain` with `{"dry_run": true|false}`: removes the segments whose entries are all older than the configuration
  /// keeps them, or says which these are.
  func retain(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    let isDry = try body.boolean("dry_run", default: false)
    try body.finish()
    guard let retention = dependencies.retention else {
      throw AdminError.conflict("ledger.retentionDays is not set: everything is kept")
    }
    // Reading and removing files blocks; the loop goes on.
    let report = try await Self.offLoop { try isDry ? retention.plan() : retention.run() }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("dry_run", isDry)
    writer.field("segments", report.segments)
    writer.field("bytes", report.bytes)
    if let entries = report.entries {
      writer.field("first", Int(entries.lowerBound))
      writer.field("last", Int(entries.upperBound))
    }
    if let stays = report.stays { writer.field("stays", stays) }
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }
}
