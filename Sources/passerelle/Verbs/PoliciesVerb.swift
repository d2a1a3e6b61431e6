import Bytes
import Policy

/// `passerelle policies list|check|import`.
enum PoliciesVerb: Verb {
  static let name = "policies"
  static let summary = "list, check and import the policies that teach the gateway its APIs"
  static let usage = [
    "policies list [DIR] [--config FILE] [--json]", "policies check [DIR] [--reviewed] [--config FILE] [--json]",
    "policies import SPEC [--output DIR] [--dry-run] [--config FILE] [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json,
    .value("--output", "DIR", "import: the folder of policies (default: that of the configuration, else the shipped one)"),
    .flag("--dry-run", "import: show what would be written, and write nothing"),
    .flag("--reviewed", "check: fail while anything waits for a review"),
  ]

  static func run(_ arguments: Arguments) async throws {
    guard let act = arguments.positional.first, ["list", "check", "import"].contains(act), arguments.positional.count <= 2 else {
      throw UsageError("policies list, policies check or policies import?")
    }
    if let option = ["--output", "--dry-run"].first(where: { arguments.value($0) != nil || arguments.flag($0) }), act != "import"
    {
      throw UsageError("\(option) is for policies import")
    }
    if act == "import" { return try PoliciesImport.run(arguments, folder: arguments.value("--output") ?? shared(arguments)) }
    let folder = try folder(arguments)
    let catalogue: Catalogue
    do { catalogue = try Catalogue.load(directory: folder) } catch { throw CommandFailure("\(error)") }
    if act == "list" { return list(catalogue, arguments) }
    report(catalogue, folder, arguments)
    let waiting = catalogue.apis.flatMap(\.unreviewed)
    guard arguments.flag("--reviewed"), let first = waiting.first else { return }
    throw CommandFailure("\(first.file):\(first.line): \(first.place) waits for a review, one of \(waiting.count) places")
  }

  private static func folder(_ arguments: Arguments) throws -> String {
    if arguments.positional.count == 2 { return arguments.positional[1] }
    return try shared(arguments)
  }

  /// The folder that no word names.
  private static func shared(_ arguments: Arguments) throws -> String {
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
    let waiting = catalogue.apis.flatMap(\.unreviewed)
    guard arguments.flag("--json") else {
      for place in waiting { Output.line("\(place.file):\(place.line): \(place.place) waits for a review") }
      Output.line(
        "\(folder): \(apis) policies with \(operations) operations are right"
          + (waiting.isEmpty ? "" : "; what waits for a review is not served"))
      return
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("policies", apis)
    writer.field("operations", operations)
    writer.field("categories", catalogue.categories.count)
    writer.field("purposes", catalogue.purposes.count)
    writer.field("unreviewed", waiting.map { "\($0.file):\($0.line): \($0.place)" })
    writer.endObject()
    Output.json(writer.bytes)
  }
}
