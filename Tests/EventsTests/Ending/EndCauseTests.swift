import Store
import Testing

@testable import Events

/// CAMARA's words for an end, and the ledger's.
@Suite struct EndCauseTests {
  private typealias Status = SubscriptionRecord.Status

  /// The words, and whether sink and backend are told of it; of what is no subscription but has one the backend hears less.
  @Test func eachCauseHasItsWords() {
    let expected: [(EndCause, String, Status, String, sink: Bool, backend: Bool, implicit: Bool)] = [
      (.expired, "SUBSCRIPTION_EXPIRED", .expired, "expired", true, true, false),
      (.eventsReached, "MAX_EVENTS_REACHED", .expired, "events_reached", true, true, false),
      (.sinkTokenExpired, "ACCESS_TOKEN_EXPIRED", .expired, "sink_token_expired", true, true, false),
      (.deleted, "SUBSCRIPTION_DELETED", .deleted, "deleted", true, false, false),
      (.sinkGone, "SUBSCRIPTION_DELETED", .deleted, "sink_gone", false, true, false),
      (.consentWithdrawn, "NETWORK_TERMINATED", .inactive, "consent_withdrawn", true, true, true),
      (.clientDisabled, "NETWORK_TERMINATED", .inactive, "client_disabled", true, true, true),
      (.byOperator(description: nil), "NETWORK_TERMINATED", .inactive, "operator", true, true, true),
      (.neverMade, "NETWORK_TERMINATED", .inactive, "never_made", true, false, false),
      (
        .byBackend(terminationReason: "MAX_EVENTS_REACHED", description: nil), "MAX_EVENTS_REACHED", .expired, "backend", true,
        false, false
      ),
      (
        .byBackend(terminationReason: "SUBSCRIPTION_DELETED", description: nil), "SUBSCRIPTION_DELETED", .deleted, "backend",
        true, false, false
      ),
    ]
    for (cause, reason, status, word, sink, backend, implicit) in expected {
      #expect(cause.terminationReason == reason && cause.status == status && cause.word == word, "\(cause)")
      #expect(cause.tellsSink == sink && cause.tellsBackend(isImplicit: false) == backend, "\(cause)")
      #expect(cause.tellsBackend(isImplicit: true) == implicit, "\(cause)")
      #expect(!cause.status.isLive)
    }
  }

  /// What a backend says goes to clients and into the ledger: words of CAMARA's alone.
  @Test(arguments: ["", "network_terminated", "SOMETHING_ELSE", "SUBSCRIPTION_EXPIRED ", "<script>"])
  func aReasonThatCAMARADoesNotHaveIsTheNetworks(_ reason: String) {
    let cause = EndCause.byBackend(terminationReason: reason, description: nil)
    #expect(cause.terminationReason == "NETWORK_TERMINATED" && cause.status == .inactive)
  }

  @Test func descriptions() {
    let (fits, tooLong) = (String(repeating: "x", count: 256), String(repeating: "x", count: 257))
    for cause in [{ EndCause.byOperator(description: $0) }, { .byBackend(terminationReason: "", description: $0) }]
      as [(String?) -> EndCause]
    {
      #expect(cause(nil).description == nil && cause("Maintenance").description == "Maintenance")
      #expect(cause(fits).description == fits && cause(tooLong).description == nil)
    }
    // Neither says that somebody withdrew: that is the subscriber's own affair.
    #expect(EndCause.consentWithdrawn.description == EndCause.clientDisabled.description)
    for cause in [EndCause.expired, .eventsReached, .sinkTokenExpired, .deleted, .sinkGone, .neverMade] {
      #expect(cause.description == nil)
    }
  }
}
