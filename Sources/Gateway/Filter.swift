import Bytes
import Consent
import Identifiers
import Policy
import Store
import Wire

/// Stage 11: of the backend's answer, what may leave.
///
/// An answer of success keeps only fields whose category the subscriber agreed to; an answer of failure is written anew from its
/// code. Nothing of an answer that is not what it claims to be is released.
final class AnswerFilter: Sendable {
  /// What leaves.
  struct Released {
    var status: Int
    /// The categories that the answer holds.
    var categories: FieldMask
    /// It breaks its API's schema, and the policy says that it leaves all the same.
    var breaksSchema = false
  }

  /// For whom an answer is.
  struct Reader {
    var consented: ConsentedCategories
    var token: AccessToken
    var subject: CallSubject?
    /// The resource that the request names.
    var resource: NamedResource?
    /// The client's sink, where the call is about to subscribe.
    var sink: String?

    var owner: ResourceOwner? { resource?.owner }

    var viewer: ResourceViewer { ResourceViewer(token, subject) }
  }

  private let resources: any ResourceStore
  private let subscriptions: SubscriptionAnswers?
  private let subjects: any SubjectStore
  private let notices: UpstreamNotices
  /// By the index of the operation.
  private let validations: [AnswerValidation]

  init(
    resources: any ResourceStore, subscriptions: SubscriptionAnswers?, subjects: any SubjectStore, notices: UpstreamNotices,
    validations: [AnswerValidation]
  ) {
    self.resources = resources
    self.subscriptions = subscriptions
    self.subjects = subjects
    self.notices = notices
    self.validations = validations
  }

  /// Filters an answer of success into `output`.
  ///
  /// - Parameter created: what the answer made, also where it cannot leave.
  /// - Throws: 403 when a field that the API requires was not agreed to, so that no answer is thinner than its schema allows;
  ///   502 when the answer breaks its API; the backend's own refusal when it is one that the API knows.
  func run(
    _ answer: borrowing UpstreamAnswer, _ operation: OperationPolicy, _ reader: Reader, _ tape: inout JSONTape,
    created: inout CreatedResource?, fields: inout [UInt8], into output: inout [UInt8]
  ) throws(APIError) -> Released {
    var isJSON = false
    if let type = answer.field(.contentType) { isJSON = answer.field(.contentEncoding) == nil && Route.isJSON(type) }
    let (released, isWhole) = try run(
      GivenAnswer(status: answer.status, body: answer.body, isJSON: isJSON), operation, reader, &tape, created: &created,
      into: &output)
    // A count, or a place in a list, would tell of what was taken out of it.
    if isWhole, !operation.answerHeaders.isEmpty { Self.passFields(answer, operation.answerHeaders, &fields) }
    return released
  }

  /// The fields that the policy names, as far as they are what it says.
  private static func passFields(_ answer: borrowing UpstreamAnswer, _ rules: HeaderRules, _ output: inout [UInt8]) {
    for index in 0..<rules.count {
      for place in 0..<answer.fieldCount where rules.isNamed(index, answer.fieldName(place)) {
        let value = answer.fieldValue(place)
        guard rules.admits(index, value) else { break }
        output.append(contentsOf: rules.name(index))
        output.append(": ")
        output.append(value)
        output.append("\r\n")
        break
      }
    }
  }

  /// The same for an answer of our own: it gets no more trust than a backend's.
  func run(
    _ answer: LocalAnswer, _ operation: OperationPolicy, _ reader: Reader, _ tape: inout JSONTape,
    created: inout CreatedResource?, into output: inout [UInt8]
  ) throws(APIError) -> Released {
    do throws(APIError) {
      return try run(
        GivenAnswer(status: answer.status, body: answer.body.span, isJSON: true), operation, reader, &tape, created: &created,
        into: &output
      ).released
    } catch {
      guard error.isBackends else { throw error }
      // Nobody else was asked: it is a refusal of ours.
      throw APIError(error.kind, "operation_refused")
    }
  }

  /// - Returns: and whether the answer is of everything that the backend said.
  private func run(
    _ answer: borrowing GivenAnswer, _ operation: OperationPolicy, _ reader: Reader, _ tape: inout JSONTape,
    created: inout CreatedResource?, into output: inout [UInt8]
  ) throws(APIError) -> (released: Released, isWhole: Bool) {
    guard answer.status >= 200, answer.status < 300 else { throw refusal(answer, operation, &tape) }
    guard let content = operation.answer(answer.status) else { throw APIError(.badGateway, "backend_status_unknown") }
    guard answer.status != 204, let projection = content.projection else {
      guard answer.body.isEmpty || content.projection == nil else { throw APIError(.badGateway, "backend_body_unexpected") }
      return (Released(status: answer.status, categories: 0), true)
    }
    try Self.requireJSON(answer, &tape)
    guard !operation.resources.isEmpty else {
      let breaksSchema = try validate(answer.body, operation, content, tape)
      let named = try named(operation, reader, nil)
      let categories = try project(answer.body, projection, operation, reader, named, tape, into: &output)
      return (Released(status: answer.status, categories: categories, breaksSchema: breaksSchema), true)
    }
    let found = try AnswerResources(operation, answer.body, tape, reader.viewer, resources)
    created = found.created
    let breaksSchema = try validate(answer.body, operation, content, tape)
    let named = try named(operation, reader, found)
    let categories: FieldMask
    if let own = try clientsBody(answer.body, found.ownBody, operation, reader, &tape, &created) {
      categories = try project(own.span, projection, operation, reader, named, tape, into: &output)
    } else {
      categories = try project(answer.body, projection, operation, reader, named, tape, into: &output)
    }
    return (
      Released(status: answer.status, categories: categories, breaksSchema: breaksSchema),
      !found.isPartOfMore
    )
  }

  /// What the client's own is in an answer, with its own sinks; on the tape when there is one, and nil where that is the whole answer.
  private func clientsBody(
    _ body: Span<UInt8>, _ own: [UInt8]?, _ operation: OperationPolicy, _ reader: Reader, _ tape: inout JSONTape,
    _ created: inout CreatedResource?
  ) throws(APIError) -> [UInt8]? {
    if let own { try Self.parse(own, &tape) }
    if let sink = reader.sink, created != nil {
      let restored = SubscriptionAnswers.restored(body, tape, sink: sink)
      created?.document = restored
      try Self.parse(restored, &tape)
      return restored
    }
    let restored: [UInt8]?
    if let own {
      restored = try subscriptions?.restored(own.span, tape, operation, named: reader.resource?.id)
    } else {
      restored = try subscriptions?.restored(body, tape, operation, named: reader.resource?.id)
    }
    guard let restored else { return own }
    try Self.parse(restored, &tape)
    return restored
  }

  private static func parse(_ body: [UInt8], _ tape: inout JSONTape) throws(APIError) {
    do { try tape.parse(body.span) } catch { throw APIError(.badGateway, "backend_json_broken") }
  }

  /// Gives the categories that left.
  private func project(
    _ body: Span<UInt8>, _ projection: Projection, _ operation: OperationPolicy, _ reader: Reader, _ named: [[UInt8]],
    _ tape: JSONTape, into output: inout [UInt8]
  ) throws(APIError) -> FieldMask {
    var allowed = reader.consented.fields
    if named.isEmpty, let conditions = operation.conditions { allowed &= ~conditions.named }
    switch projection.project(body, tape: tape, allowed: allowed, echoes: named, into: &output) {
    case .complete(let released):
      if let subject = reader.subject, subject.isOneOfSeveral, operation.namesDevice {
        Self.insertDevice(subject.number, into: &output)
      }
      return operation.conditions?.categories(released, allowed: reader.consented.mask) ?? released
    case .withheldRequired: throw APIError(.permissionDenied, "required_category_withheld")
    case .missingRequired: throw APIError(.badGateway, "backend_field_missing")
    case .wrongShape: throw APIError(.badGateway, "backend_shape")
    }
  }

  /// The numbers that the client itself named, now or when it made what the answer is about: what an answer says of them is nothing
  /// new to it, and another number than these is (design guide, appendix A). Empty where no field asks.
  private func named(
    _ operation: OperationPolicy, _ reader: Reader, _ found: AnswerResources?
  ) throws(APIError) -> [[UInt8]] {
    guard let conditions = operation.conditions, conditions.named != 0, reader.token.subject == nil else { return [] }
    if found?.owners == nil, let subject = reader.subject {
      return subject.isNamedByClient ? [Array(subject.number.e164.utf8)] : []
    }
    let owners = found?.owners ?? reader.owner.map { [$0] } ?? []
    // Of several, one number could stand beside a resource of which the client never learnt whose it is.
    guard owners.allSatisfy(\.isNamedByClient) else { return [] }
    do {
      return try Set(owners.compactMap(\.subject)).compactMap { try subjects.number(of: $0).map { Array($0.e164.utf8) } }
    } catch { throw APIError(.unavailable, "subject_store_failed") }
  }

  /// Against the API's own schema, where configuration or policy want it. True when the answer breaks it and leaves all the same.
  private func validate(
    _ body: Span<UInt8>, _ operation: OperationPolicy, _ content: AnswerContent, _ tape: JSONTape
  ) throws(APIError) -> Bool {
    let validation = validations[operation.index]
    guard validation != .none, let violation = content.schema?.check(body, tape: tape) else { return false }
    notices.invalid(operation, violation)
    guard validation == .report else { throw APIError(.badGateway, "backend_schema") }
    return true
  }

  private static func requireJSON(_ answer: borrowing GivenAnswer, _ tape: inout JSONTape) throws(APIError) {
    guard answer.isJSON else { throw APIError(.badGateway, "backend_not_json") }
    do { try tape.parse(answer.body) } catch { throw APIError(.badGateway, "backend_json_broken") }
  }

  /// A backend's error answer passes only as its code, and only when it is a proper `ErrorInfo` with a code that the API knows
  /// for that status; its message may name a subscriber, and is replaced. A backend that refuses the gateway's own identity
  /// (401, 407) is a fault of ours, not of the client's.
  private func refusal(_ answer: borrowing GivenAnswer, _ operation: OperationPolicy, _ tape: inout JSONTape) -> APIError {
    guard answer.status >= 400, answer.status != 401, answer.status != 407,
      (try? Self.requireJSON(answer, &tape)) != nil, tape.kind(0) == .object,
      let code = tape.member("code", of: 0, in: answer.body).flatMap({ tape.string($0, in: answer.body) }),
      tape.member("status", of: 0, in: answer.body).flatMap({ tape.integer($0, in: answer.body) }) ?? answer.status
        == answer.status,
      let kind = operation.errors.kind(status: answer.status, code: code)
    else { return APIError(.badGateway, "backend_error") }
    var error = APIError(kind, "backend_refused")
    error.isBackends = true
    return error
  }

  /// `"device":{"phoneNumber":"…"}` as the first member of the answer: the one identifier that was used.
  private static func insertDevice(_ number: MSISDN, into output: inout [UInt8]) {
    guard output.first == 0x7B else { return }
    var member = Array(#"{"device":{"phoneNumber":""#.utf8)
    member.append(contentsOf: number.e164.utf8)
    member.append(contentsOf: output.count > 2 ? #""},"#.utf8 : #""}"#.utf8)
    output.replaceSubrange(0..<1, with: member)
  }
}

/// An answer as the filter takes it, whoever gave it.
private struct GivenAnswer: ~Copyable, ~Escapable {
  let status: Int
  let body: Span<UInt8>
  /// It says that its body is JSON, and is not coded otherwise.
  let isJSON: Bool

  @_lifetime(copy body)
  init(status: Int, body: Span<UInt8>, isJSON: Bool) {
    self.status = status
    self.body = body
    self.isJSON = isJSON
  }
}
