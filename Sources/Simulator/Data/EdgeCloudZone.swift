import Bytes

/// A place where applications can run near to their users.
struct EdgeCloudZone: Sendable {
  let id: String
  let name: String
  let provider: String
  let point: Point

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    id = try reader.string("id")
    name = try reader.string("name")
    provider = try reader.string("provider")
    point = try Point(&reader)
    try reader.finish()
  }
}
