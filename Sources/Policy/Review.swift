import Bytes

/// A place of a policy that waits for a person: it says `"review": true`.
///
/// What waits is not served: an operation is neither routed nor are its scopes known, and a field of an answer does not leave. An
/// operation of which a required field waits is not served either.
public struct UnreviewedPlace: Sendable, Equatable {
  /// Names from the root of the file: `operations.retrieve.response.fields.imei`.
  public let place: String
  public let file: String
  /// From 1.
  public let line: Int

  /// All of a file, in its order.
  static func all(_ root: JSONValue) -> [UnreviewedPlace] { find(root, []) }

  private static func find(_ value: JSONValue, _ path: [String]) -> [UnreviewedPlace] {
    var found: [UnreviewedPlace] = []
    if let mark = value["review"], mark.boolean == true {
      found.append(
        UnreviewedPlace(
          place: path.map { DocumentError.printable($0, maximum: 96) }.joined(separator: "."), file: mark.file,
          line: mark.position().line))
    }
    for member in value.keys where member.value.kind == .object && !isWithout(member.name, at: path) {
      found += find(member.value, path + [member.name])
    }
    return found
  }

  /// True for what no mark can stand in: examples and the properties of schemas may have any name, also that of the mark.
  public static func isWithout(_ name: String, at path: [String]) -> Bool {
    path.isEmpty ? name == "schemas" : path.count == 2 && ["example", "request"].contains(name)
  }

  /// True for an operation that is not served: it waits itself, or something does that its answer must have.
  static func keepsBack(operation: JSONValue) -> Bool {
    if operation["review"]?.boolean == true { return true }
    guard let response = operation["response"] else { return false }
    return ([response] + (response["answers"]?.keys.map(\.value) ?? [])).contains(where: lacks)
  }

  /// True for a field of an answer that does not leave: it waits itself, or something does without which it would not be whole.
  static func keepsBack(field: JSONValue) -> Bool { field["review"]?.boolean == true || lacks(field) }

  private static func lacks(_ rule: JSONValue) -> Bool {
    if let items = rule["items"] ?? rule["entries"], keepsBack(field: items) { return true }
    if let shapes = rule["shapes"]?["values"], shapes.keys.contains(where: { lacks($0.value) }) { return true }
    return rule["fields"]?.keys.contains { $0.value["required"]?.boolean == true && keepsBack(field: $0.value) } ?? false
  }
}
