import Bytes

/// What the verbs share: the configuration, the admin API, and a query string.
enum Command {
  static func configuration(_ arguments: Arguments) throws -> Configuration {
    try Configuration.load(file: arguments.required("--config"))
  }

  /// Sends one request to the admin API of the installation that `--config` names.
  static func send(_ arguments: Arguments, _ method: String, _ path: String, body: [UInt8] = []) async throws -> JSONDocument {
    let client = try AdminClient(configuration(arguments))
    defer { client.close() }
    return try await client.send(method, path, body: body)
  }

  /// `?a=1&b=2` of those options that were given, percent-encoded; empty when none was.
  static func query(_ arguments: Arguments, _ options: [(option: String, parameter: String)]) -> String {
    let pairs = options.compactMap { option, parameter in
      arguments.value(option).map { "\(parameter)=\(encode($0))" }
    }
    return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
  }

  /// RFC 3986 §2.3: everything but unreserved characters is escaped.
  static func encode(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
      default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Prints an array of objects as a table of the named members, one object as a list of all its members; with `--json` either
  /// as it is.
  static func print(_ document: JSONDocument, _ arguments: Arguments, columns: [(title: String, member: String)], none: String) {
    guard !arguments.flag("--json") else { Output.json(document.root.raw); return }
    guard let array = document.root.array else {
      for member in document.root.keys where member.value.kind != .array || member.value.array?.first?.kind != .object {
        Output.line(member.name + String(repeating: " ", count: max(1, 28 - member.name.count)) + cell(member.value))
      }
      return
    }
    Output.table(columns.map(\.title), array.map { row in columns.map { cell(row[$0.member]) } }, none: none)
  }

  static func cell(_ value: JSONValue?) -> String {
    guard let value else { return "-" }
    if let text = value.string { return text }
    if let list = value.array { return list.compactMap(\.string).joined(separator: " ") }
    return String(decoding: value.raw, as: UTF8.self)
  }
}
