import Bytes
import Identifiers
import Policy
import Store
import Wire

/// Who a call is about, as the gateway found it.
struct CallSubject {
  /// The subscriber's number, for the backend.
  var number: MSISDN
  /// Nil for a number that has never been seen here: nobody has consented to anything, and there is no name for the ledger.
  var pseudonym: SubjectPseudonym?
  /// The request named several identifiers of a device, so the answer says which one was used (design guide, appendix A).
  var isOneOfSeveral: Bool
}

/// Stage 8: query and body against their schemas (400), then who the call is about, by the rule of the operation (422, 403, 404).
///
/// What the backend gets holds exactly one identifier, the one that consent was looked up for, and nothing that the schema does
/// not name: whatever else could name a subscriber could make the backend answer about somebody who was never asked.
struct SubjectFinder {
  let subjects: any SubjectStore

  /// Checks query and body and finds the subject; nil where an operation is about nobody. `upstreamQuery` (with its `?`) and
  /// `upstreamBody` get what is to be forwarded.
  func run(
    _ exchange: Exchange, _ operation: OperationPolicy, _ token: AccessToken, _ tape: inout JSONTape,
    _ upstreamQuery: inout [UInt8], _ upstreamBody: inout [UInt8]
  ) throws(APIError) -> CallSubject? {
    if let violation = operation.query.check(exchange.query, into: &upstreamQuery) {
      throw APIError(.invalidArgument, "query_schema", message: violation.message)
    }
    let hasDocument = try Self.check(exchange, operation, &tape)
    let request = SubjectBody(bytes: exchange.body, tape: tape, hasDocument: hasDocument, schema: operation.requestSchema)
    switch operation.subject {
    case .none:
      request.copy(to: &upstreamBody)
      return nil
    case .tokenOrBody(let path, let kind):
      return try tokenOrBody(request, SubjectPlace(path, kind), operation, token, &upstreamBody)
    case .mayConfirm(let path, let kind):
      return try mayConfirm(request, SubjectPlace(path, kind), operation, token, &upstreamBody)
    case .alwaysInBody(let path, let kind, let mustMatchToken):
      return try alwaysInBody(request, SubjectPlace(path, kind), token, mustMatchToken, &upstreamBody)
    }
  }

  /// The body's schema comes before the identifier rules. True when there is a JSON document.
  private static func check(
    _ exchange: Exchange, _ operation: OperationPolicy, _ tape: inout JSONTape
  ) throws(APIError) -> Bool {
    guard !exchange.body.isEmpty else {
      guard !operation.bodyRequired else { throw APIError(.invalidArgument, "body_missing", message: "A JSON body is required.") }
      return false
    }
    do { try tape.parse(exchange.body) } catch {
      throw APIError(.invalidArgument, "body_not_json", message: "The body is not JSON: \(error.reason) at byte \(error.offset).")
    }
    if let violation = operation.requestSchema?.check(exchange.body, tape: tape) {
      throw APIError(violation.code == .outOfRange ? .outOfRange : .invalidArgument, "body_schema", message: violation.message)
    }
    return true
  }

  /// Rule A: from the token or from the body, never from both.
  private func tokenOrBody(
    _ request: borrowing SubjectBody, _ place: SubjectPlace, _ operation: OperationPolicy, _ token: AccessToken,
    _ upstreamBody: inout [UInt8]
  ) throws(APIError) -> CallSubject {
    let named = request.identifiers(at: place)
    guard let pseudonym = token.subject else {
      guard !named.isEmpty else { throw APIError(.missingIdentifier, "identifier_missing") }
      return try fromBody(named, request, place, token, &upstreamBody)
    }
    guard named.isEmpty else { throw APIError(.unnecessaryIdentifier, "identifier_unnecessary") }
    let number = try number(of: pseudonym, token)
    request.write(number, at: place, to: &upstreamBody)
    return CallSubject(number: number, pseudonym: pseudonym, isOneOfSeveral: false)
  }

  /// Rule B: the body may name the token's subscriber; another one is 403 `INVALID_TOKEN_CONTEXT`.
  private func mayConfirm(
    _ request: borrowing SubjectBody, _ place: SubjectPlace, _ operation: OperationPolicy, _ token: AccessToken,
    _ upstreamBody: inout [UInt8]
  ) throws(APIError) -> CallSubject {
    let named = request.identifiers(at: place)
    guard let pseudonym = token.subject else {
      guard !named.isEmpty else { throw APIError(.missingIdentifier, "identifier_missing") }
      return try fromBody(named, request, place, token, &upstreamBody)
    }
    let number = try number(of: pseudonym, token)
    if !named.isEmpty, named.number != number { throw APIError(.invalidTokenContext, "identifier_of_another") }
    request.write(number, at: place, to: &upstreamBody)
    return CallSubject(number: number, pseudonym: pseudonym, isOneOfSeveral: false)
  }

  /// Rule D: always in the body; with a 3-legged token it must be about the token's subscriber where the policy says so.
  private func alwaysInBody(
    _ request: borrowing SubjectBody, _ place: SubjectPlace, _ token: AccessToken, _ mustMatchToken: Bool,
    _ upstreamBody: inout [UInt8]
  ) throws(APIError) -> CallSubject {
    let named = request.identifiers(at: place)
    guard !named.isEmpty else { throw APIError(.missingIdentifier, "identifier_missing") }
    guard let pseudonym = token.subject, mustMatchToken else {
      let subject = try fromBody(named, request, place, token, &upstreamBody)
      // About another person a token with a subscriber opens no more than one without.
      guard token.subject == nil || subject.pseudonym == token.subject || mayDoWithoutSubscriber(token) else {
        throw APIError(.permissionDenied, "two_legged_not_allowed")
      }
      return subject
    }
    let number = try number(of: pseudonym, token)
    // What cannot be shown to be the same subscriber is refused like another one.
    guard named.number == number else { throw APIError(.permissionDenied, "identifier_of_another") }
    request.write(number, at: place, to: &upstreamBody)
    return CallSubject(number: number, pseudonym: pseudonym, isOneOfSeveral: false)
  }

  private func mayDoWithoutSubscriber(_ token: AccessToken) -> Bool {
    token.claims.purpose.map(token.client.twoLeggedPurposes.contains) ?? false
  }

  /// A subscriber named in the body. The gateway knows people by number; other identifiers are for a backend's look-up to
  /// resolve, and while none is configured they are not supported.
  private func fromBody(
    _ named: NamedIdentifiers, _ request: borrowing SubjectBody, _ place: SubjectPlace, _ token: AccessToken,
    _ upstreamBody: inout [UInt8]
  ) throws(APIError) -> CallSubject {
    guard named.hasNumber else { throw APIError(.unsupportedIdentifier, "identifier_unsupported") }
    guard let number = named.number else { throw APIError(.unknownSubscriber, "number_not_global") }
    let pseudonym: SubjectPseudonym?
    do { pseudonym = try subjects.pseudonym(of: number) } catch { throw APIError(.unavailable, "subject_store_failed") }
    request.write(number, at: place, to: &upstreamBody)
    // Design guide, appendix A: `device` never with a 3-legged token.
    return CallSubject(
      number: number, pseudonym: pseudonym, isOneOfSeveral: named.count > 1 && token.subject == nil)
  }

  private func number(of pseudonym: SubjectPseudonym, _ token: AccessToken) throws(APIError) -> MSISDN {
    let erasures = subjects.erasures
    if let number = token.number, token.numberErasures == erasures { return number }
    let number: MSISDN?
    do { number = try subjects.number(of: pseudonym) } catch { throw APIError(.unavailable, "subject_store_failed") }
    // The link between pseudonym and number was erased: the token is about nobody any more.
    guard let number else { throw APIError(.unauthenticated, "subject_erased") }
    (token.number, token.numberErasures) = (number, erasures)
    return number
  }
}
