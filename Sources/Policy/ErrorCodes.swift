import Bytes

/// What can go wrong with an API call, before an API's version gives it status, code and text.
public enum ErrorKind: Hashable, Sendable {
  case invalidArgument, outOfRange
  case unauthenticated
  /// The DPoP proof is missing or not of this request.
  case invalidProof
  case permissionDenied, invalidTokenContext
  /// The subscriber was not recognised in a way that the operation wants.
  case wrongAuthentication
  /// The token lacks the scope of an event that a subscription asks for.
  case eventScopeMissing
  case notFound
  /// Nobody is known by the identifier.
  case unknownSubscriber
  case methodNotAllowed, notAcceptable
  case aborted, alreadyExists, conflict, incompatibleState, gone, failedPrecondition
  case unsupportedMediaType
  case missingIdentifier, unnecessaryIdentifier, unsupportedIdentifier, serviceNotApplicable
  case quotaExceeded, tooManyRequests
  case internalError, notImplemented, badGateway, unavailable, timeout
  /// A code of the API's own, by its place in the policy's list.
  case specific(Int)
}

/// The errors of one API's version: CAMARA's common ones (`CAMARA_common.yaml` 0.8.0), with what the version spells differently,
/// and the API's own.
public struct ErrorCodes: Sendable {
  /// An error on the wire (`ErrorInfo`).
  public struct Answer: Sendable, Equatable {
    public var status: Int
    public var code: String
    /// For people; may be replaced by a text that says more.
    public var message: String
  }

  private var answers: [ErrorKind: Answer]
  private var specific: [Answer]
  /// What the version spells for itself: where two kinds share status and code, it means this one.
  private var overridden: [ErrorKind] = []

  /// CAMARA's common errors.
  public static let common = ErrorCodes(
    answers: Dictionary(uniqueKeysWithValues: table.map { ($0.kind, $0.answer) }), specific: [])

  public func answer(_ kind: ErrorKind) -> Answer {
    if case .specific(let index) = kind { return specific[index] }
    return answers[kind]!
  }

  /// The kind of a backend's error, when the API knows one with that status and code. Proofs are the gateway's business: no
  /// backend sees one.
  public func kind(status: Int, code: String) -> ErrorKind? {
    if let index = specific.firstIndex(where: { $0.status == status && $0.code == code }) { return .specific(index) }
    return (overridden + Self.table.map(\.kind)).first { kind in
      kind != .invalidProof && answers[kind].map { $0.status == status && $0.code == code } ?? false
    }
  }

  /// The kind that a policy means by a name: that of a kind, or the code of one of the API's own errors.
  func kind(named name: String) -> ErrorKind? {
    if let index = specific.firstIndex(where: { $0.code == name }) { return .specific(index) }
    return Self.table.first { $0.name == name }?.kind
  }

  /// All that `kind(named:)` knows.
  var names: [String] { Self.table.map(\.name) + specific.map(\.code) }

  /// Reads a policy's `errors`: overrides by name of kind, and `specific`, a list of the API's own.
  ///
  /// - Parameter general: what holds where `value` does not speak: CAMARA's common ones, or for an operation those of its API.
  init(_ value: JSONValue?, over general: ErrorCodes = .common) throws(DocumentError) {
    self = general
    guard let value else { return }
    var reader = try ObjectReader(value)
    var own: [ErrorKind] = []
    for (name, kind, _) in Self.table {
      guard let override = reader.value(name) else { continue }
      answers[kind] = try Self.answer(override, fallback: answers[kind])
      own.append(kind)
    }
    // An operation's before those of its API.
    overridden = own + overridden
    for element in try reader.optionalArray("specific") ?? [] {
      let answer = try Self.answer(element, fallback: nil)
      let known = general.specific.firstIndex { $0.status == answer.status && $0.code == answer.code }
      if let known { specific[known] = answer } else { specific.append(answer) }
    }
    try reader.finish()
  }

  private init(answers: [ErrorKind: Answer], specific: [Answer]) {
    self.answers = answers
    self.specific = specific
  }

  private static func answer(_ value: JSONValue, fallback: Answer?) throws(DocumentError) -> Answer {
    var reader = try ObjectReader(value)
    let status = try reader.optionalInteger("status", in: 400...599) ?? fallback?.status
    let code = try reader.optionalString("code") ?? fallback?.code
    let message = try reader.optionalString("message") ?? fallback?.message
    try reader.finish()
    guard let status, let code, let message else { throw value.error("an error wants status, code and message") }
    guard !code.isEmpty, code.utf8.count <= 96, message.utf8.count <= 512 else {
      throw value.error("a code has at most 96 and a message at most 512 characters")
    }
    return Answer(status: status, code: code, message: message)
  }

  static let table: [(name: String, kind: ErrorKind, answer: Answer)] = [
    row(
      "invalidArgument", .invalidArgument, 400, "INVALID_ARGUMENT",
      "Client specified an invalid argument, request body or query param."),
    row("outOfRange", .outOfRange, 400, "OUT_OF_RANGE", "Client specified an invalid range."),
    row(
      "unauthenticated", .unauthenticated, 401, "UNAUTHENTICATED",
      "Request not authenticated due to missing, invalid, or expired credentials. A new authentication is required."),
    // CAMARA profile item 7: status and spelling are OAuth's (RFC 9449 §5), not those of the design guide's codes.
    row(
      "invalidProof", .invalidProof, 400, "invalid_dpop_proof", "The DPoP proof is missing, malformed, or not of this request."),
    row(
      "permissionDenied", .permissionDenied, 403, "PERMISSION_DENIED",
      "Client does not have sufficient permissions to perform this action."),
    row(
      "invalidTokenContext", .invalidTokenContext, 403, "INVALID_TOKEN_CONTEXT",
      "Request body is not consistent with access token."),
    // Codes of their own where an API has them; then `errors` says so.
    row(
      "wrongAuthentication", .wrongAuthentication, 403, "PERMISSION_DENIED",
      "Client does not have sufficient permissions to perform this action."),
    row(
      "eventScopeMissing", .eventScopeMissing, 403, "PERMISSION_DENIED",
      "Client does not have sufficient permissions to perform this action."),
    row("notFound", .notFound, 404, "NOT_FOUND", "The specified resource is not found."),
    row("unknownSubscriber", .unknownSubscriber, 404, "IDENTIFIER_NOT_FOUND", "Device identifier not found."),
    row(
      "methodNotAllowed", .methodNotAllowed, 405, "METHOD_NOT_ALLOWED",
      "The requested method is not allowed/supported on the target resource."),
    row(
      "notAcceptable", .notAcceptable, 406, "NOT_ACCEPTABLE",
      "The server cannot produce a response matching the content requested by the client through Accept-* headers."),
    row(
      "aborted", .aborted, 409, "ABORTED",
      "Resource is being modified by another operation. Please wait, and retry if appropriate."),
    row("alreadyExists", .alreadyExists, 409, "ALREADY_EXISTS", "The resource that a client tried to create already exists."),
    row("conflict", .conflict, 409, "CONFLICT", "A specified resource duplicate entry found."),
    row(
      "incompatibleState", .incompatibleState, 409, "INCOMPATIBLE_STATE", "The resource is in a state that does not allow this."),
    row("gone", .gone, 410, "GONE", "Access to the target resource is no longer available."),
    row(
      "failedPrecondition", .failedPrecondition, 412, "FAILED_PRECONDITION",
      "Request cannot be executed in the current system state."),
    row(
      "unsupportedMediaType", .unsupportedMediaType, 415, "UNSUPPORTED_MEDIA_TYPE",
      "The server refuses to accept the request because the payload format is in an unsupported format."),
    row("missingIdentifier", .missingIdentifier, 422, "MISSING_IDENTIFIER", "The device cannot be identified."),
    row(
      "unnecessaryIdentifier", .unnecessaryIdentifier, 422, "UNNECESSARY_IDENTIFIER",
      "The device is already identified by the access token."),
    row(
      "unsupportedIdentifier", .unsupportedIdentifier, 422, "UNSUPPORTED_IDENTIFIER", "The identifier provided is not supported."),
    row(
      "serviceNotApplicable", .serviceNotApplicable, 422, "SERVICE_NOT_APPLICABLE",
      "The service is not available for the provided identifier."),
    row("quotaExceeded", .quotaExceeded, 429, "QUOTA_EXCEEDED", "Out of resource quota."),
    row("tooManyRequests", .tooManyRequests, 429, "TOO_MANY_REQUESTS", "Rate limit reached."),
    row("internalError", .internalError, 500, "INTERNAL", "Unknown server error. Typically a server bug."),
    row("notImplemented", .notImplemented, 501, "NOT_IMPLEMENTED", "This functionality is not implemented yet."),
    row("badGateway", .badGateway, 502, "BAD_GATEWAY", "An upstream internal service cannot be reached."),
    row("unavailable", .unavailable, 503, "UNAVAILABLE", "Service Unavailable."),
    row("timeout", .timeout, 504, "TIMEOUT", "Request timeout exceeded."),
  ]

  private static func row(
    _ name: String, _ kind: ErrorKind, _ status: Int, _ code: String, _ message: String
  ) -> (name: String, kind: ErrorKind, answer: Answer) {
    (name, kind, Answer(status: status, code: code, message: message))
  }
}
