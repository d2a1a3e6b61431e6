/// `passerelle reload`: lets a running gateway read its files again.
enum ReloadVerb: Verb {
  static let name = "reload"
  static let summary =
    "let the running gateway take configuration, policies, certificates and keys as they are in their files now"
  static let usage = ["reload --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]
  static let notes: String? = """
    All of it is read and checked first and then taken in one step, or nothing changes and this says why (status 1). Calls under way end
    with what they began with; no connection is closed. SIGHUP does the same. These need a restart, and a reload in which one of them
    has changed is refused as a whole: issuer; host, port, and whether there is TLS, of listen, mutualTLS and admin; admin.tokenFile;
    data; keys (the folder, and what is not a signing key in it); loops; dpop.proofsRemembered; metrics; tracing; consent.master (also
    outbound.caFile, unless it has a caFile of its own); ledger.
    """

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let answer = try await Command.send(arguments, "POST", "/reload")
    guard !arguments.flag("--json") else { return Output.json(answer.root.raw) }
    let changed = (answer.root["changed"]?.array ?? []).compactMap(\.string)
    Output.line(changed.isEmpty ? "reloaded; nothing has changed" : "reloaded; changed: " + changed.joined(separator: ", "))
    for name in ["configuration_sha256", "policies_sha256"] { Output.line("  \(name)  \(answer.root[name]?.string ?? "-")") }
  }
}
