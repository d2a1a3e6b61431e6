import Bytes
import JOSE
import Ledger
import Wire

extension AdminAPI {
  /// `GET /admin/v1/keys`: the signing keys and what each is for; no secret part.
  func listKeys() -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginArray()
    for key in dependencies.keys.list() {
      writer.beginObject()
      writer.field("kid", key.kid)
      writer.field("role", key.role)
      writer.field("file", key.file)
      writer.endObject()
    }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/keys/rotate`: the next key signs from now on. Its entry comes first: a key never signs that the ledger does not
  /// know of.
  func rotateKeys() async throws -> HTTPResponse {
    let next = dependencies.keys.list().first { $0.role == "signs next" }?.kid ?? ""
    try await recorded(LedgerEntry(event: "key.rotated", detail: [LedgerEntry.Detail("kid", next)])) {
      try dependencies.keys.rotate()
    }
    return listKeys()
  }
}
