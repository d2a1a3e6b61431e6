/// One word of the command line and what it does.
protocol Verb {
  static var name: String { get }
  /// One line for the overview.
  static var summary: String { get }
  /// The forms it takes, without the program's name.
  static var usage: [String] { get }
  static var options: [OptionDefinition] { get }
  /// What else `--help` says; nil for nothing.
  static var notes: String? { get }
  /// - Throws: `UsageError` for what cannot be understood, `CommandFailure` for what failed.
  static func run(_ arguments: Arguments) async throws
}

extension Verb {
  static var notes: String? { nil }
}

/// The table of verbs, in the order of the overview.
enum Verbs {
  static var all: [any Verb.Type] {
    [
      DemoVerb.self, SimulateVerb.self, ServeVerb.self, CheckVerb.self, ReloadVerb.self, HealthVerb.self, KeysVerb.self,
      CertificatesVerb.self,
      ClientsVerb.self, ConsentsVerb.self, SubjectsVerb.self, PoliciesVerb.self, UpstreamsVerb.self, SubscriptionsVerb.self,
      EventsVerb.self, AuditVerb.self, UsageVerb.self, TokenVerb.self, FlowVerb.self, VersionVerb.self, HelpVerb.self,
    ]
  }
}

/// The texts of `help` and `--help`.
enum Help {
  static func overview() -> String {
    let width = Verbs.all.map { $0.name.count }.max() ?? 0
    let rows = Verbs.all.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count))  \($0.summary)" }
    return """
      Passerelle, a consent-aware API gateway for CAMARA.

      usage: passerelle COMMAND [OPTION...]

      \(rows.joined(separator: "\n"))

      passerelle COMMAND --help says more about one of them.
      """
  }

  static func usage(_ verb: any Verb.Type) -> String {
    verb.usage.enumerated().map { ($0 == 0 ? "usage: " : "       ") + "passerelle " + $1 }.joined(separator: "\n")
  }

  static func verb(_ verb: any Verb.Type) -> String {
    var text = verb.summary + "\n\n" + usage(verb)
    if let notes = verb.notes { text += "\n\n" + notes }
    guard !verb.options.isEmpty else { return text }
    let labels = verb.options.map { $0.name + ($0.value.map { " " + $0 } ?? "") }
    let width = labels.map(\.count).max() ?? 0
    text += "\n\n"
    text += zip(labels, verb.options).map { "  \($0)\(String(repeating: " ", count: width - $0.count))  \($1.help)" }
      .joined(separator: "\n")
    return text
  }
}
