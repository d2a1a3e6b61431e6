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
  /// The client named the subscriber itself, now or when it made the resource that the call is about, so that naming them again tells
  /// it nothing.
  var isNamedByClient = false
}

/// The second half of stage 8: who the call is about, by the rule of the operation (422, 403, 404).
///
/// What the backend gets holds exactly one identifier, the one that consent was looked up for, and nothing that the schema does
/// not name: whatever else could name a subscriber could make the backend answer about somebody who was never asked.
struct SubjectFinder {
  let subjects: any SubjectStore

  /// Finds the subject in a request that was found right; nil where an operation is about nobody. `upstream` gets the body that is to
  /// be forwarded.
  ///
  /// - Parameters:
  ///   - hasDocument: there is a body, and it is on the tape.
  ///   - owner: of the resource that the request names, when it is the client's.
  func run(
    _ exchange: Exchange, _ operation: OperationPolicy, _ token: AccessToken, _ hasDocument: Bool, _ tape: JSONTape,
    owner: ResourceOwner?, _ upstream: inout UpstreamRequest
  ) throws(APIError) -> CallSubject? {
    try checkRecognition(token, operation)
    let request = SubjectBody(bytes: exchange.body, tape: tape, hasDocument: hasDocument, schema: operation.requestSchema)
    func place(_ path: [String], _ kind: SubjectKind) -> SubjectPlace {
      SubjectPlace(path, kind, operation, query: exchange.query)
    }
    let subject: CallSubject?
    switch operation.subject {
    case .none:
      request.copy(to: &upstream.body)
      return nil
    case .tokenOrBody(let path, let kind):
      subject = try tokenOrBody(request, place(path, kind), operation, token, &upstream.body)
    case .mayConfirm(let path, let kind):
      subject = try mayConfirm(request, place(path, kind), operation, token, &upstream.body)
    case .alwaysInBody(let path, let kind, let mustMatchToken):
      subject = try alwaysInBody(request, place(path, kind), token, mustMatchToken, &upstream.body)
    case .compared, .token:
      // Rule C: what the body says of a number is for the backend to compare.
      request.copy(to: &upstream.body)
      subject = try fromToken(token, operation, owner)
    }
    if let subject { tell(subject, operation, &upstream) }
    return subject
  }

  /// The backend is told in the head or in the query, where it is not in the body.
  private func tell(_ subject: CallSubject, _ operation: OperationPolicy, _ upstream: inout UpstreamRequest) {
    guard let field = operation.subjectField else {
      return operation.query.append(subject: subject.number.e164.utf8, to: &upstream.query)
    }
    upstream.fields.append(contentsOf: field)
    upstream.fields.append(contentsOf: subject.number.e164.utf8)
    upstream.fields.append("\r\n")
  }

  /// How the subscriber of the token was recognised (CAMARA profile, item 20).
  private func checkRecognition(_ token: AccessToken, _ operation: OperationPolicy) throws(APIError) {
    guard operation.authenticatedBy.isEmpty || operation.authenticatedBy.contains(where: token.grant.amr.contains) else {
      throw APIError(.wrongAuthentication, "recognised_otherwise")
    }
  }

  /// The token's subscriber; without one the subscriber whom the resource is about.
  private func fromToken(
    _ token: AccessToken, _ operation: OperationPolicy, _ owner: ResourceOwner?
  ) throws(APIError) -> CallSubject? {
    if let pseudonym = token.subject {
      return CallSubject(number: try number(of: pseudonym, token), pseudonym: pseudonym, isOneOfSeveral: false)
    }
    guard let owner, let pseudonym = owner.subject else { return nil }
    let number: MSISDN?
    do { number = try subjects.number(of: pseudonym) } catch { throw APIError(.unavailable, "subject_store_failed") }
    guard let number else { throw APIError(.notFound, "subject_erased") }
    return CallSubject(
      number: number, pseudonym: pseudonym, isOneOfSeveral: false, isNamedByClient: owner.isNamedByClient)
  }

  /// Rule A: from the token or from the body, never from both.
  private func tokenOrBody(
    _ request: borrowing SubjectBody, _ place: SubjectPlace, _ operation: OperationPolicy, _ token: AccessToken,
    _ upstreamBody: inout [UInt8]
  ) throws(APIError) -> CallSubject? {
    let named = request.identifiers(at: place)
    guard let pseudonym = token.subject else {
      guard named.isEmpty else { return try fromBody(named, request, place, token, &upstreamBody) }
      guard operation.isSubjectOptional else { throw APIError(.missingIdentifier, "identifier_missing") }
      request.copy(to: &upstreamBody)
      return nil
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
      number: number, pseudonym: pseudonym, isOneOfSeveral: named.count > 1 && token.subject == nil,
      isNamedByClient: token.subject == nil)
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
