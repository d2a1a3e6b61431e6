import Bytes
import Wire

/// How it stands with the consent master, for who looks after it.
public struct ConsentMasterState: Sendable {
  public var address: String
  public var rememberedSeconds: Int
  public var overdueSeconds: Int
  /// Changes that it has not taken yet, and since when the oldest waits.
  public var waiting: Int
  public var waitingSince: Timestamp?
  /// Why the last change did not get through; nil when it did.
  public var problem: String?

  public init(
    address: String, rememberedSeconds: Int, overdueSeconds: Int, waiting: Int, waitingSince: Timestamp?, problem: String?
  ) {
    self.address = address
    self.rememberedSeconds = rememberedSeconds
    self.overdueSeconds = overdueSeconds
    self.waiting = waiting
    self.waitingSince = waitingSince
    self.problem = problem
  }
}

extension AdminAPI {
  /// `GET /admin/v1/consents/master`.
  func showMaster() throws -> HTTPResponse {
    guard let state = try dependencies.consentMaster?() else { throw AdminError.conflict("There is no consent master.") }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("url", state.address)
    writer.field("remembered_seconds", state.rememberedSeconds)
    writer.field("overdue_seconds", state.overdueSeconds)
    writer.field("waiting", state.waiting)
    if let since = state.waitingSince { writer.field("waiting_since", since.rfc3339) }
    if let problem = state.problem { writer.field("problem", problem) }
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }
}
