import Bytes

/// `passerelle version`.
enum VersionVerb: Verb {
  static let name = "version"
  static let summary = "print the version"
  static let usage = ["version [--json]"]
  static let options = [OptionDefinition.json]

  /// The version of the product; CHANGELOG.md has a section of the same name.
  static let version = "0.1.0"

  static func run(_ arguments: Arguments) async throws {
    guard arguments.flag("--json") else { Output.line("passerelle \(version)"); return }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("version", version)
    writer.endObject()
    Output.json(writer.bytes)
  }
}
