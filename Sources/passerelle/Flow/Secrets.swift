import Authorization
import Bytes
import Wire

/// What of a request and of an answer is shown: secrets only by their beginning, unless they are asked for.
///
/// A secret is told by the name that it stands under, in a form, in an address, in JSON or in a header field.
struct Secrets {
  /// How much of a secret is shown, at most.
  static let charactersShown = 8
  /// In forms and addresses.
  private static let parameterNames: Set<String> = memberNames.union([
    "assertion", "client_assertion", "request", "code", "code_verifier", "token", "id_token_hint", "login_hint_token",
  ])
  /// In JSON, where `code` is the reason of an error and `request` what was signed.
  private static let memberNames: Set<String> = ["access_token", "refresh_token", "id_token", "auth_req_id"]
  /// Plain, and as a query has it.
  private static let credentialPrefixes = ["operatortoken:", "operatortoken%3A"]
  private static let fieldNames: Set<String> = ["dpop", "cookie", "set-cookie", "dpop-nonce"]

  let areShown: Bool

  /// The beginning of a secret: eight characters, and never more than half of it.
  static func shortened(_ secret: some StringProtocol) -> String {
    String(secret.prefix(min(charactersShown, secret.count / 2))) + "…"
  }

  /// The value of a parameter, as it may be shown.
  func parameter(_ name: String, _ value: String) -> String { shown(value, isSecret: Self.parameterNames.contains(name)) }

  private func shown(_ value: String, isSecret: Bool) -> String {
    guard !areShown else { return value }
    if isSecret { return Self.shortened(value) }
    // An operator token is a credential (profile item 36); a number is what the tester gave.
    for prefix in Self.credentialPrefixes where value.hasPrefix(prefix) {
      return prefix + Self.shortened(value.dropFirst(prefix.count))
    }
    return value
  }

  /// An address: the parameters of its query, each as it may be shown.
  func address(_ address: String) -> String {
    guard !areShown, let mark = address.firstIndex(of: "?") else { return address }
    let pairs = address[address.index(after: mark)...].split(separator: "&", omittingEmptySubsequences: false)
    let shown = pairs.map { pair in
      guard let equals = pair.firstIndex(of: "=") else { return String(pair) }
      return pair[...equals] + parameter(String(pair[..<equals]), String(pair[pair.index(after: equals)...]))
    }
    return address[...mark] + shown.joined(separator: "&")
  }

  /// The value of a header field.
  func field(_ name: String, _ value: String) -> String {
    guard !areShown else { return value }
    switch name.lowercased() {
    case "location": return address(value)
    case "authorization":
      guard let space = value.firstIndex(of: " ") else { return Self.shortened(value) }
      return value[...space] + Self.shortened(value[value.index(after: space)...])
    case "cookie", "set-cookie":
      guard let equals = value.firstIndex(of: "=") else { return Self.shortened(value) }
      let end = value.firstIndex(of: ";") ?? value.endIndex
      guard equals < end else { return Self.shortened(value) }
      return value[...equals] + Self.shortened(value[value.index(after: equals)..<end]) + value[end...]
    case let name where Self.fieldNames.contains(name): return Self.shortened(value)
    default: return value
    }
  }

  /// A JSON value: the members that are secrets shortened, at any depth.
  func json(_ value: JSONValue) -> [UInt8] {
    var writer = JSONWriter()
    write(value, to: &writer)
    return writer.bytes
  }

  private func write(_ value: JSONValue, to writer: inout JSONWriter) {
    switch value.kind {
    case .object:
      writer.beginObject()
      for member in value.keys {
        writer.key(member.name)
        if let text = member.value.string {
          writer.string(shown(text, isSecret: Self.memberNames.contains(member.name)))
        } else {
          write(member.value, to: &writer)
        }
      }
      writer.endObject()
    case .array:
      writer.beginArray()
      for element in value.array ?? [] { write(element, to: &writer) }
      writer.endArray()
    case .string: writer.string(value.string ?? "")
    case .number, .true, .false, .null: writer.raw(value.raw)
    }
  }
}
