import Identifiers
import Policy
import Store

/// Exactly one purpose is declared, it is one of W3C's vocabulary, and the client may use it (profile items 57 to 60).
enum SubscriberPurpose {
  static func examine(_ examination: Examination) throws(Refusal) -> Purpose? {
    let scopes = examination.scopes
    guard scopes.purposes.count == 1, let declared = scopes.purposes.first else {
      throw Refusal(.invalidScope, "exactly one purpose (dpv:) has to be among the scopes")
    }
    guard !scopes.apiScopes.isEmpty else { throw Refusal(.invalidScope, "no scope of an API is asked for") }
    let purpose = try KnownPurpose.examine(declared, examination)
    guard examination.client.purposes.contains(purpose) else {
      throw Refusal(.invalidScope, "the purpose is not registered for the client")
    }
    return purpose
  }
}

/// A declared purpose is one that the catalogue knows.
enum KnownPurpose {
  static func examine(_ declared: Scope, _ examination: Examination) throws(Refusal) -> Purpose {
    guard let purpose = Purpose(declared) else {
      // The form before profile 0.2, `dpv:<purpose>#<scope>`, is still met in the field (profile item 58).
      throw Refusal(.invalidScope, "the purpose has to be dpv: and a term, with the scopes beside it, not after a number sign")
    }
    guard examination.dependencies.catalogue.knows(purpose) else {
      throw Refusal(.invalidScope, "the purpose is not a term of the Data Privacy Vocabulary")
    }
    return purpose
  }
}
