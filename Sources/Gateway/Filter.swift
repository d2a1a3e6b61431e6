import Bytes
import Consent
import Identifiers
import Policy
import Wire

/// Stage 11: of the backend's answer, what may leave.
///
/// An answer of success keeps only fields whose category the subscriber agreed to; an answer of failure is written anew from its
/// code. Nothing of an answer that is not what it claims to be is released.
struct AnswerFilter {
  /// What leaves.
  struct Released {
    var status: Int
    /// The categories that the answer holds.
    var categories: FieldMask
  }

  /// Filters an answer of success into `output`.
  ///
  /// - Throws: 403 when a field that the API requires was not agreed to, so that no answer is thinner than its schema allows;
  ///   502 when the answer breaks its API; the backend's own refusal when it is one that the API knows.
  func run(
    _ answer: borrowing UpstreamAnswer, _ operation: OperationPolicy, _ consented: ConsentedCategories, _ subject: CallSubject?,
    _ tape: inout JSONTape, into output: inout [UInt8]
  ) throws(APIError) -> Released {
    var isJSON = false
    if let type = answer.field(.contentType) { isJSON = answer.field(.contentEncoding) == nil && Route.isJSON(type) }
    return try run(
      GivenAnswer(status: answer.status, body: answer.body, isJSON: isJSON), operation, consented, subject, &tape, into: &output)
  }

  /// The same for an answer of our own: it gets no more trust than a backend's.
  func run(
    _ answer: LocalAnswer, _ operation: OperationPolicy, _ consented: ConsentedCategories, _ subject: CallSubject?,
    _ tape: inout JSONTape, into output: inout [UInt8]
  ) throws(APIError) -> Released {
    do throws(APIError) {
      return try run(
        GivenAnswer(status: answer.status, body: answer.body.span, isJSON: true), operation, consented, subject, &tape,
        into: &output)
    } catch {
      guard error.isBackends else { throw error }
      // Nobody else was asked: it is a refusal of ours.
      throw APIError(error.kind, "operation_refused")
    }
  }

  private func run(
    _ answer: borrowing GivenAnswer, _ operation: OperationPolicy, _ consented: ConsentedCategories, _ subject: CallSubject?,
    _ tape: inout JSONTape, into output: inout [UInt8]
  ) throws(APIError) -> Released {
    guard answer.status >= 200, answer.status < 300 else { throw refusal(answer, operation, &tape) }
    guard operation.successStatuses.contains(answer.status) else { throw APIError(.badGateway, "backend_status_unknown") }
    guard answer.status != 204, let projection = operation.projection else {
      guard answer.body.isEmpty || operation.projection == nil else { throw APIError(.badGateway, "backend_body_unexpected") }
      return Released(status: answer.status, categories: 0)
    }
    try Self.requireJSON(answer, &tape)
    switch projection.project(answer.body, tape: tape, allowed: consented.mask, into: &output) {
    case .complete(let released):
      if let subject, subject.isOneOfSeveral, operation.namesDevice { Self.insertDevice(subject.number, into: &output) }
      return Released(status: answer.status, categories: released)
    case .withheldRequired: throw APIError(.permissionDenied, "required_category_withheld")
    case .missingRequired: throw APIError(.badGateway, "backend_field_missing")
    case .wrongShape: throw APIError(.badGateway, "backend_shape")
    }
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
