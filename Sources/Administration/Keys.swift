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

  /// `POST /admin/v1/keys/rotate`: the next key signs from now on.
  func rotateKeys() async throws -> HTTPResponse {
    try dependencies.keys.rotate()
    let kid = LedgerEntry.Detail("kid", dependencies.keys.current.kid)
    try await dependencies.ledger.append(LedgerEntry(event: "key.rotated", detail: [kid]))
    return listKeys()
  }
}
