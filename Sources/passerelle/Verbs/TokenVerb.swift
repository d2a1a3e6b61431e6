import Administration
import Bytes
import JOSE

/// `passerelle token issue|inspect`.
enum TokenVerb: Verb {
  static let name = "token"
  static let summary = "issue access tokens for tests and load, and read them"
  static let usage = [
    "token issue --config FILE --client ID [--subject tel:+33...] --scope \"...\" [--count N] [--ttl 1h] [--json]",
    "token inspect TOKEN [--config FILE] [--json]",
  ]
  static let options: [OptionDefinition] = [
    .config, .json, .value("--client", "ID", "the client that the token is for"),
    .value("--subject", "TEL", "the subscriber, for a 3-legged token"), .value("--scope", "SCOPES", "scopes and one purpose"),
    .value("--count", "N", "how many, one a line (1; 100000 at most)"),
    .value("--ttl", "TIME", "how long they live (1h; 24h at most)"),
  ]

  static func run(_ arguments: Arguments) async throws {
    switch arguments.positional.first {
    case "issue": try await issue(arguments)
    case "inspect": try inspect(arguments)
    default: throw UsageError("issue or inspect?")
    }
  }

  private static func issue(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 1, "issue")
    var body = JSONWriter()
    body.beginObject()
    body.field("client_id", try arguments.required("--client"))
    if let subject = arguments.value("--subject") { body.field("subject", subject) }
    body.field("scope", try arguments.required("--scope"))
    body.field("count", try arguments.integer("--count", default: 1, in: 1...AdminAPI.tokensMaximum))
    body.field("ttl", try arguments.seconds("--ttl", default: 3600, maximum: 86_400))
    body.endObject()
    let tokens = try await Command.send(arguments, "POST", "/tokens", body: body.bytes)
    guard !arguments.flag("--json") else { Output.json(tokens.root.raw); return }
    Output.line((tokens.root.array ?? []).compactMap(\.string).joined(separator: "\n"))
  }

  /// Shows header and claims. With `--config` it also says whether the signature is one of this installation's keys; without,
  /// that nothing was verified.
  private static func inspect(_ arguments: Arguments) throws {
    let text = try arguments.positional(exactly: 2, "the TOKEN")[1]
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let header = Base64URL.decode(parts[0]), let claims = Base64URL.decode(parts[1]) else {
      throw CommandFailure("not a JWT: three parts in base64url, separated by dots, were expected")
    }
    let documents = try [JSONDocument(header, file: "header"), JSONDocument(claims, file: "claims")]
    var signature = "not checked (give --config to check it)"
    if arguments.value("--config") != nil {
      let ring = try Installation(Command.configuration(arguments)).keysForReading()
      let isGood = (try? CompactJWS(parsing: Array(text.utf8).span).verified { $0.kid.flatMap(ring.verificationKey) }) != nil
      signature = isGood ? "good" : "not of this installation"
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("header")
    writer.raw(documents[0].root.raw)
    writer.key("claims")
    writer.raw(documents[1].root.raw)
    writer.field("signature", signature)
    writer.endObject()
    guard !arguments.flag("--json") else { Output.json(writer.bytes); return }
    Output.line("header     \(String(decoding: header, as: UTF8.self))")
    Output.line("claims     \(String(decoding: claims, as: UTF8.self))")
    Output.line("signature  \(signature)")
  }
}
