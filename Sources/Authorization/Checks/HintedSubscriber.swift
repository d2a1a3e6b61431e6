import Identifiers
import Store

/// The hint leads to one subscriber of this operator (profile item 29; for JWT bearer, item 48).
enum HintedSubscriber {
  static func examine(_ examination: Examination) async throws(Refusal) -> RecognisedSubscriber {
    let isAssertion = examination.flow == .jwtBearer
    switch await examination.dependencies.recognition.recognise(.hint(examination.hint), on: examination.request.loop) {
    case .recognised(let number, let amr):
      let pseudonym = try await orUnavailable("finding the subscriber") {
        try await examination.dependencies.subjects.findOrCreate(number)
      }
      return RecognisedSubscriber(pseudonym: pseudonym, amr: amr, at: examination.now)
    case .notRecognised:
      // One answer for a subscriber who is not there and one who did not agree, where the profile has no code for it (A44).
      guard isAssertion else { throw Refusal(.unknownUserID, "the hint names no subscriber of this operator") }
      throw .assertionNotGood("the subject is no subscriber of this operator")
    case .failed(let reason):
      // Never a bare 503: the reason names what is unavailable, and holds no personal data.
      throw Refusal(.temporarilyUnavailable, "the subscriber could not be found out: \(reason); try again", detail: reason)
    }
  }
}

extension Refusal {
  /// One answer for a subject who is unknown and one who did not agree: who is a subscriber is not to be found out (A44).
  static func assertionNotGood(_ detail: String) -> Refusal {
    Refusal(.invalidGrant, "there is no consent of that subject, or no such subject", detail: detail)
  }
}
