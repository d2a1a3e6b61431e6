import Bytes
import Policy

/// `passerelle policies list|check`.
enum PoliciesVerb: Verb {
  static let name = "policies"
  static let summary = "list and check the policies that teach the gateway its APIs"
  static let usage = ["policies list [DIR] [--config FILE] [--json]", "policies check [DIR] [--config FILE] [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  static func run(_ arguments: Arguments) async throws {
    guard let act = arguments.positional.first, ["list", "check"].contains(act), arguments.positional.count <= 2 else {
      throw UsageError("policies list or policies check?")
    }
    let folder = try folder(arguments)
    let catalogue: Catalogue
    do { catalogue = try Catalogue.load(directory: folder) } catch { throw CommandFailure("\(error)") }
    if act == "list" { list(catalogue, arguments) } else { report(catalogue, folder, arguments) }
  }

  private static func folder(_ arguments: Arguments) throws -> String {
    if arguments.positional.count == 2 { return arguments.positional[1] }
    if arguments.value("--config") != nil { return try Command.configuration(arguments).policies }
    return try ShippedPolicies.folder()
  }

  private static func list(_ catalogue: Catalogue, _ arguments: Arguments) {
    var writer = JSONWriter()
    writer.beginArray()
    var rows: [[String]] = []
    for operation in catalogue.operationsByIndex {
      let scopes = operation.scopeAlternatives.map { $0.map(\.rawValue).joined(separator: " ") }.joined(separator: " or ")
      rows.append([operation.api.rawValue, operation.version, operation.method, operation.pathTemplate, scopes])
      writer.beginObject()
      writer.field("api", operation.api.rawValue)
      writer.field("version", operation.version)
      writer.field("operation", operation.id.rawValue)
      writer.field("method", operation.method)
      writer.field("path", operation.pathTemplate)
      writer.field("scope", scopes)
      writer.endObject()
    }
    writer.endArray()
    guard !arguments.flag("--json") else { Output.json(writer.bytes); return }
    Output.table(["api", "version", "method", "path", "scope"], rows, none: "no policies")
  }

  private static func report(_ catalogue: Catalogue, _ folder: String, _ arguments: Arguments) {
    let (apis, operations) = (catalogue.apis.count, catalogue.operationsByIndex.count)
    guard arguments.flag("--json") else {
      Output.line("\(folder): \(apis) policies with \(operations) operations are right")
      return
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("policies", apis)
    writer.field("operations", operations)
    writer.field("categories", catalogue.categories.count)
    writer.field("purposes", catalogue.purposes.count)
    writer.endObject()
    Output.json(writer.bytes)
  }
}
