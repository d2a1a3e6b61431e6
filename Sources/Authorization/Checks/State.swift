/// `state` is visible ASCII with blanks (RFC 6749 appendix A.5) of a bounded length, and comes back as it is.
enum State {
  static let bytesMaximum = 2048

  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    let parameters = examination.parameters
    guard let state = parameters["state"], !parameters.isRepeated("state") else { return nil }
    guard state.utf8.count <= bytesMaximum, state.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw Refusal(.invalidRequest, "state has other than visible ASCII characters, or more than 2048")
    }
    return state
  }
}
