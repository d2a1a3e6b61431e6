import Authorization

/// The answer of the authorization endpoint, as the redirect URI gets it (RFC 6749 §4.1.2).
struct RedirectAnswer {
  private let parameters: FormParameters

  /// - Parameter address: the whole address that the browser was sent to, or its target alone.
  init(_ address: String) throws(CommandFailure) {
    let query = address.firstIndex(of: "?").map { address[address.index(after: $0)...] } ?? ""
    do throws(FormParameters.Malformation) { parameters = try FormParameters(Array(query.utf8)) } catch {
      throw CommandFailure("the answer at the redirect URI cannot be read")
    }
  }

  /// True when an address is the redirect URI with something behind it.
  static func isAt(_ redirectURI: String, _ address: String) -> Bool {
    guard address.hasPrefix(redirectURI) else { return false }
    let rest = address.dropFirst(redirectURI.count)
    return rest.isEmpty || rest.hasPrefix(redirectURI.contains("?") ? "&" : "?")
  }

  /// Checks `state`, `iss` and that nothing stands twice, then gives the code.
  ///
  /// - Throws: `CommandFailure` for a refusal, and for an answer that is not to be trusted: its code is not redeemed.
  func code(state: String, _ metadata: ServerMetadata, _ report: FlowReport) throws(CommandFailure) -> String {
    report.check("no parameter stands twice", "RFC 6749 §3.1", !parameters.hasRepeated)
    try report.require(
      "state is the one that was sent", "RFC 6749 §4.1.2", parameters["state"] == state,
      otherwise: "the answer has another state than the request: its code is not used")
    try examineIssuer(metadata, report)
    if let error = parameters["error"] {
      throw CommandFailure(
        "the authorization endpoint refused: " + OAuthFailure.text(error, parameters["error_description"]))
    }
    guard let code = parameters["code"] else { throw CommandFailure("the answer has neither code nor error") }
    report.check("the answer has a code", "RFC 6749 §4.1.2", true)
    return code
  }

  /// RFC 9207 §2.4. Who announces it must send it; who sends it must be right. The profile alone does not want it (item 24).
  private func examineIssuer(_ metadata: ServerMetadata, _ report: FlowReport) throws(CommandFailure) {
    let issuer = parameters["iss"]
    if metadata.isTrue("authorization_response_iss_parameter_supported") {
      try report.require(
        "answer has iss", "RFC 9207 §2", issuer != nil,
        otherwise: "the answer has no iss, though the server announces it: its code is not used")
    } else {
      report.recommend("answer has iss", "RFC 9207 §2", issuer != nil)
    }
    guard let issuer else { return }
    try report.require(
      "iss is the issuer that was asked", "RFC 9207 §2.4", issuer == metadata.issuer,
      otherwise: "the answer is of another issuer, \"\(FlowText.safe(issuer))\": its code is not used")
  }
}
