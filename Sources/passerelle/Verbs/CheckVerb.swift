import Bytes
import JOSE
import Policy

/// `passerelle check`: all that `serve` would check before it listens, without listening and without writing.
enum CheckVerb: Verb {
  static let name = "check"
  static let summary = "check a configuration, its policies and keys, without serving"
  static let usage = ["check --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let configuration = try Command.configuration(arguments)
    let catalogue = try Backbone.catalogue(configuration)
    let remarks = try remarks(configuration, catalogue)
    guard arguments.flag("--json") else {
      Output.line("\(try arguments.required("--config")): right")
      for remark in remarks { Output.line("  " + remark) }
      return
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", true)
    writer.field("issuer", configuration.issuer)
    writer.field("remarks", remarks)
    writer.endObject()
    Output.json(writer.bytes)
  }

  private static func remarks(_ configuration: Configuration, _ catalogue: Catalogue) throws -> [String] {
    var remarks = ["\(catalogue.apis.count) policies, \(catalogue.operationsByIndex.count) operations"]
    if Files.exists(configuration.keys + "/signing.pem") {
      let ring = try KeyRing.openOrCreate(directory: configuration.keys)
      remarks.append("signing key \(ring.current.kid)")
    } else {
      remarks.append("no keys yet in \(configuration.keys): serve makes them at its first start")
    }
    for name in Set(catalogue.apis.map(\.name.rawValue)).sorted()
    where configuration.upstreams[name] == nil && configuration.upstreams["*"] == nil {
      remarks.append("no upstream for \(name): its calls are answered 503")
    }
    return remarks
  }
}
