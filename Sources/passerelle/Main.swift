import Glibc

/// The command `passerelle`: one file per verb in `Verbs/`, what a running gateway consists of in `Service/`, and the file that
/// describes one in `Configuration/`. Begin with `Verb.swift`, the table of verbs.
@main
struct Passerelle {
  static func main() async {
    forbidCores()
    let words = Array(CommandLine.arguments.dropFirst())
    exit(await run(words))
  }

  /// What the system writes of a process that crashed would hold keys, tokens and numbers (A32).
  private static func forbidCores() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
  }

  /// Runs one command line and returns its exit status: 0 done, 1 failed, 2 not understood.
  static func run(_ words: [String]) async -> Int32 {
    guard let name = words.first else {
      Output.error(Help.overview())
      return 2
    }
    if ["--help", "-h"].contains(name) { return await run(["help"]) }
    if name == "--version" { return await run(["version"]) }
    guard let verb = Verbs.all.first(where: { $0.name == name }) else {
      let nearest = Nearest.name(to: name, among: Verbs.all.map { $0.name })
      Output.error(
        "passerelle: unknown command \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "; see passerelle help"))
      return 2
    }
    return await run(verb, Array(words.dropFirst()))
  }

  private static func run(_ verb: any Verb.Type, _ words: [String]) async -> Int32 {
    if words.contains("--help") || words.contains("-h") {
      Output.line(Help.verb(verb))
      return 0
    }
    do {
      try await verb.run(try Arguments(words, options: verb.options))
      return 0
    } catch let error as UsageError {
      Output.error("passerelle \(verb.name): \(error.message)\n\(Help.usage(verb))")
      return 2
    } catch let error as CommandFailure {
      if !error.message.isEmpty { Output.error("passerelle: \(error.message)") }
      return 1
    } catch {
      Output.error("passerelle: \(error)")
      return 1
    }
  }
}
