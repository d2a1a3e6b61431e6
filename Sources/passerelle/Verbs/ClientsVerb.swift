import Bytes
import Store

/// `passerelle clients add|list|show|disable|enable`.
enum ClientsVerb: Verb {
  static let name = "clients"
  static let summary = "register, list, show, disable and enable API consumers"
  static let usage = [
    "clients add FILE --config FILE [--replace] [--json]", "clients list --config FILE [--json]",
    "clients show ID --config FILE [--json]", "clients disable ID --config FILE [--json]",
    "clients enable ID --config FILE [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .flag("--replace", "change a client that is registered already; its grants end"),
  ]

  private static let columns = [
    ("client_id", "client_id"), ("name", "client_name"), ("enabled", "enabled"), ("grant types", "grant_types"),
    ("requests a minute", "requests_per_minute"), ("quota a day", "quota_per_day"), ("quota a month", "quota_per_month"),
  ]

  static func run(_ arguments: Arguments) async throws {
    switch arguments.positional.first {
    case "add": try await add(arguments)
    case "list":
      _ = try arguments.positional(exactly: 1, "list")
      Command.print(try await Command.send(arguments, "GET", "/clients"), arguments, columns: columns, none: "no clients")
    case "show": try await act(arguments, "GET", "")
    case "disable": try await act(arguments, "POST", "/disable")
    case "enable": try await act(arguments, "POST", "/enable")
    default: throw UsageError("add, list, show, disable or enable?")
    }
  }

  /// The file holds one registration, comments allowed; it is sent as strict JSON. What is wrong with it is said with its file, and its
  /// line where that is known.
  private static func add(_ arguments: Arguments) async throws {
    let file = try arguments.positional(exactly: 2, "the FILE of the registration")[1]
    let document = try JSONDocument(Files.read(file), file: file, dialect: .commented)
    _ = try ClientRecord(json: document.root)
    let path = "/clients" + (arguments.flag("--replace") ? "?replace=true" : "")
    do {
      let row = try await Command.send(arguments, "POST", path, body: document.root.strictJSON())
      Command.print(row, arguments, columns: columns, none: "")
    } catch let failure as CommandFailure where failure.isRefusal { throw failure.of(file) }
  }

  private static func act(_ arguments: Arguments, _ method: String, _ act: String) async throws {
    let id = try arguments.positional(exactly: 2, "the client's ID")[1]
    let row = try await Command.send(arguments, method, "/clients/\(Command.encode(id))\(act)")
    Command.print(row, arguments, columns: columns, none: "")
  }
}
