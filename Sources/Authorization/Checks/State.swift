/// `state` is visible ASCII with blanks (RFC 6749 appendix A.5) of a bounded length, and comes back as it is.
enum State {
  static let bytesMaximum = 2048

  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    guard let state = examination.asked["state"] else { return nil }
    guard isWellFormed(state) else {
      throw Refusal(.invalidRequest, "state has other than visible ASCII characters, or more than 2048")
    }
    return state
  }

  /// The state of a request that was refused before it was examined, to go back with the refusal when it is fit to.
  static func unexamined(_ parameters: FormParameters) -> String? {
    parameters.isRepeated("state") ? nil : parameters["state"].flatMap { isWellFormed($0) ? $0 : nil }
  }

  private static func isWellFormed(_ state: String) -> Bool {
    state.utf8.count <= bytesMaximum && state.utf8.allSatisfy { (0x20...0x7E).contains($0) }
  }
}
