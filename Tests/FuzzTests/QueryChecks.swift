@testable import Bytes
@testable import Policy

/// Queries of API calls: what goes on to a backend is what the policy names, in one spelling.
enum QueryChecks {
  private static let schema = try! QuerySchema(
    JSONDocument(
      Array(
        #"{"page": {"pattern": "^[0-9]{1,4}$", "required": true}, "q": {"pattern": "^.{0,20}$"}, "seq": {"pattern": "^[a-z/]*$"}}"#
          .utf8)
    ).root)

  static func check(_ bytes: [UInt8]) throws {
    var output: [UInt8] = []
    guard schema.check(bytes.span, into: &output) == nil else { return }
    try hold(output.first == 0x3F, "a query without its question mark")
    var again: [UInt8] = []
    try hold(
      schema.check(output.span.extracting(1..<output.count), into: &again) == nil && again == output,
      "another query when it is written")
    let names = output.dropFirst().split(separator: 0x26).map { $0.prefix { $0 != 0x3D } }
    try hold(
      names.map { String(decoding: $0, as: UTF8.self) }.allSatisfy { ["page", "q", "seq"].contains($0) },
      "a parameter that no policy names")
    try hold(Set(names).count == names.count, "a parameter twice")
    try hold(output.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "written with what should be encoded")
    // Each given name stood there in just these bytes.
    let given = Set(bytes.split(separator: 0x26).map { $0.prefix { $0 != 0x3D } })
    try hold(names.allSatisfy(given.contains), "a parameter that nobody sent")
  }
}
