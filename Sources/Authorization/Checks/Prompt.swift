/// What `prompt` asks for (OIDC Core §3.1.2.1).
enum PromptValue: Sendable, Equatable {
  /// Ask the person only when something is missing.
  case whenNeeded
  /// Show nothing: answer or refuse.
  case never
  /// Ask for consent even when there is one.
  case consent
}

/// `prompt` is `none` alone, or `login`, `consent` or both; anything else is refused (OIDC Core §3.1.2.1).
///
/// `login` needs nothing done: the network recognises the subscriber anew at each request.
enum Prompt {
  static func examine(_ examination: Examination) throws(Refusal) -> PromptValue {
    guard let text = examination.asked["prompt"] else { return .whenNeeded }
    let values = text.split(separator: " ", omittingEmptySubsequences: false)
    guard values.allSatisfy({ ["none", "login", "consent"].contains($0) }) else {
      throw Refusal(.invalidRequest, "prompt has a value that is not supported")
    }
    if values.contains("none") {
      guard values.count == 1 else { throw Refusal(.invalidRequest, "prompt=none stands alone") }
      return .never
    }
    return values.contains("consent") ? .consent : .whenNeeded
  }
}
