import Foundation
import Identifiers

@testable import Bytes
@testable import Policy

/// Files of policies: refused with a place that is there, or an API whose paths lead to its operations and nothing else.
enum PolicyChecks {
  private static let categories = Dictionary(
    uniqueKeysWithValues: [
      "device-serial-number", "device-make-model", "device-pseudonym", "device-identifier-match", "place", "name",
    ].enumerated().map {
      (CategoryID(rawValue: $1)!, FieldMask(1) << FieldMask($0))
    })

  static func check(_ bytes: [UInt8]) throws {
    let api: APIPolicy
    let document: JSONDocument
    do throws(DocumentError) {
      document = try JSONDocument(bytes, file: "policy.json", dialect: .commented)
      api = try PolicyReader(categories: categories, firstIndex: 0).policy(document.root)
    } catch {
      try hold(error.file == "policy.json", "a fault without its file")
      return try JSONChecks.checkPlace(error, bytes)
    }
    // Those that wait for a person are not served.
    let isDraft = document.root["operations"]?.keys.contains { UnreviewedPlace.keepsBack(operation: $0.value) } ?? false
    try hold(!api.operations.isEmpty || isDraft, "an API without operations")
    try hold(api.basePath.hasPrefix("/") && !api.basePath.contains("//"), "a base path that is none")
    let table = RoutingTable([api])
    for operation in api.operations {
      try hold(
        !operation.scopeAlternatives.isEmpty && operation.scopeAlternatives.allSatisfy { !$0.isEmpty },
        "an operation for any scope")
      let path = operation.pathTemplate.split(separator: "/", omittingEmptySubsequences: false).map {
        $0.hasPrefix("{") ? "x1" : String($0)
      }
      let bytes = Array(path.joined(separator: "/").utf8)
      guard case .operation = table.match(path: bytes.span, method: Array(operation.method.utf8).span) else {
        // Another operation with the same path but fewer methods may stand before it, as the loader's own check would say.
        guard api.operations.contains(where: { $0.pathTemplate != operation.pathTemplate }) else {
          throw Broken(description: "an operation that no path leads to")
        }
        continue
      }
      for wrong in [bytes + [0x2F], [0x2F] + bytes, bytes + Array(";x".utf8), bytes + Array("/..".utf8)] as [[UInt8]] {
        if case .operation(let found) = table.match(path: wrong.span, method: Array(operation.method.utf8).span) {
          try hold(found.id != operation.id, "a second spelling of a path")
        }
      }
    }
  }
}
