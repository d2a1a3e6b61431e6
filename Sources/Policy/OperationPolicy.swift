import Bytes
import Identifiers

/// What stands at the place of the subject in a body.
public enum SubjectKind: String, Sendable {
  /// CAMARA's `Device`: phoneNumber, networkAccessIdentifier, ipv4Address, ipv6Address.
  case device
  /// A number alone.
  case phoneNumber
}

/// Who a call is about: the five rules of CAMARA's APIs. The path leads from the root of the body to the subject; empty, the
/// whole body is it.
public enum SubjectRule: Sendable, Equatable {
  /// Nobody.
  case none
  /// From the token or from the body, never from both (design guide, appendix A).
  case tokenOrBody([String], SubjectKind)
  /// The body may name the token's subscriber; another one is 403 `INVALID_TOKEN_CONTEXT`.
  case mayConfirm([String], SubjectKind)
  /// Always in the body, whatever the token; `mustMatchToken` refuses another than the token's with 403.
  case alwaysInBody([String], SubjectKind, mustMatchToken: Bool)
  /// The token's. What the body says of a number is for the backend to compare.
  case compared
  /// The token's; without one in it, that of the resource that the request names.
  case token
}

/// How many calls a client may make to an operation: a bucket of `burst`, refilled evenly.
public struct RateLimit: Sendable, Equatable {
  public var requestsPerMinute: Int
  public var burst: Int
}

/// What a successful call costs.
public struct Price: Sendable, Equatable {
  /// Millionths of the currency's unit.
  public var amountMicros: Int
  /// ISO 4217.
  public var currency: String
}

/// One operation of an API, as the gateway needs it.
public final class OperationPolicy: Sendable {
  public let api: APIName
  public let version: String
  public let id: OperationID
  /// Dense over the catalogue: the place of the operation in arrays and sets.
  public let index: Int
  public let title: LocalizedText
  public let method: String
  /// Base path and path, with parameters in braces.
  public let pathTemplate: String
  /// Any one of these lists of scopes opens the operation; of a list, all are needed.
  public let scopeAlternatives: [[Scope]]
  /// 2 and 3: tokens without and with a subscriber.
  public let legs: Set<Int>
  /// The answer is about a person: a purpose is needed, and a legal basis is asked for.
  public let personalData: Bool
  /// What a body asks for can want scopes of its own; nil where it cannot.
  public let eventScopes: EventScopes?
  /// The events that the call may subscribe to; nil where it subscribes to none.
  public let subscription: SubscriptionPolicy?
  /// How the subscriber of a token must have been recognised: any one of these; empty for anyhow.
  public let authenticatedBy: [String]
  public let subject: SubjectRule
  /// A call about nobody is none the worse.
  public let isSubjectOptional: Bool
  /// `name: ` of the field in which the backend gets the subscriber's number; nil where it gets it in the body.
  public let subjectField: [UInt8]?
  public let parameters: [PathParameter]
  /// Of a request, for the backend.
  public let headers: HeaderRules
  /// What the call makes, reads or ends.
  public let resources: [ResourceUse]
  public let query: QuerySchema
  public let bodyRequired: Bool
  public let requestSchema: BodySchema?
  /// What may leave of an answer of success, by its status.
  public let answers: [AnswerContent]
  /// Nil where categories alone decide.
  public let conditions: FieldConditions?
  public let validation: AnswerValidation
  /// Of an answer, for the client.
  public let answerHeaders: HeaderRules
  /// Where what was created can be read; nil for an answer without `Location`.
  public let location: LocationTemplate?
  /// Answers of this API name the identifier that was used, when the request had several.
  public let namesDevice: Bool
  /// Without these the answer would be thinner than its schema allows.
  public let requiredCategories: FieldMask
  /// These may be left out of the answer, or come with events alone.
  public let optionalCategories: FieldMask
  /// Those of the answer.
  private let answerCategories: FieldMask
  public let bodyBytesMaximum: Int?
  public let limits: RateLimit?
  public let price: Price?
  public let timeoutMilliseconds: Int
  /// It reads only: sending it twice does no harm.
  public let isRepeatable: Bool
  /// Passerelle answers it itself: there is no backend.
  public let isServedHere: Bool
  public let errors: ErrorCodes
  /// For documentation; nil where the policy has none.
  public let example: OperationExample?
  /// `"api":"…","operation":"…"`, for the ledger.
  public let ledgerMembers: [UInt8]

  init(_ parts: Parts) {
    api = parts.api
    version = parts.version
    id = parts.id
    index = parts.index
    title = parts.title
    method = parts.method
    pathTemplate = parts.pathTemplate
    scopeAlternatives = parts.scopeAlternatives
    legs = parts.legs
    personalData = parts.personalData
    eventScopes = parts.eventScopes
    subscription = parts.subscription
    authenticatedBy = parts.authenticatedBy
    subject = parts.subject.rule
    isSubjectOptional = parts.subject.isOptional
    subjectField = parts.subject.field
    parameters = parts.parameters
    headers = parts.headers
    resources = parts.resources
    query = parts.query
    bodyRequired = parts.bodyRequired
    requestSchema = parts.requestSchema
    answers = parts.response.contents
    conditions = parts.response.conditions
    validation = parts.response.validation
    answerHeaders = parts.response.headers
    location = parts.location
    namesDevice = parts.response.namesDevice
    requiredCategories = parts.response.required
    answerCategories = parts.response.optional & ~parts.response.required
    optionalCategories = answerCategories | (parts.subscription?.categories ?? 0) & ~parts.response.required
    bodyBytesMaximum = parts.bodyBytesMaximum
    limits = parts.limits
    price = parts.price
    timeoutMilliseconds = parts.timeoutMilliseconds
    isRepeatable = parts.isRepeatable
    isServedHere = parts.isServedHere
    errors = parts.errors
    example = parts.example
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("api", api.rawValue)
    writer.field("operation", id.rawValue)
    writer.endObject()
    ledgerMembers = Array(writer.bytes.dropFirst().dropLast())
  }

  /// What the reader of a policy gathers.
  struct Parts {
    var api: APIName
    var version: String
    var id: OperationID
    var index: Int
    var title: LocalizedText
    var method: String
    var pathTemplate: String
    var scopeAlternatives: [[Scope]]
    var legs: Set<Int>
    var personalData: Bool
    var eventScopes: EventScopes?
    var subscription: SubscriptionPolicy?
    var authenticatedBy: [String]
    var subject: SubjectPolicy
    var parameters: [PathParameter]
    var headers: HeaderRules
    var resources: [ResourceUse]
    var location: LocationTemplate?
    var query: QuerySchema
    var bodyRequired: Bool
    var requestSchema: BodySchema?
    var response: ResponsePolicy
    var bodyBytesMaximum: Int?
    var limits: RateLimit?
    var price: Price?
    var timeoutMilliseconds: Int
    var isRepeatable: Bool
    var isServedHere: Bool
    var errors: ErrorCodes
    var example: OperationExample?
  }

  /// The content of an answer with this status; nil for a status that the operation does not have.
  public func answer(_ status: Int) -> AnswerContent? {
    for content in answers where content.statuses.contains(status) { return content }
    return nil
  }

  /// The categories that may be left out of an answer to a token with these scopes, or of the events that it may ask for.
  public func optionalCategories(openedBy scopes: ScopeSet) -> FieldMask {
    let answer = conditions.map { answerCategories & $0.categories(openedBy: scopes) } ?? answerCategories
    guard let subscription else { return answer }
    return answer | subscription.categories(openedBy: scopes) & ~requiredCategories
  }

  /// True when a token with these scopes may call it.
  public func isOpened(by scopes: ScopeSet) -> Bool { scopeAlternatives.contains { $0.allSatisfy(scopes.contains) } }
}

/// One API in one version.
public struct APIPolicy: Sendable {
  public let name: APIName
  public let version: String
  public let basePath: String
  public let title: LocalizedText
  /// Where people read about it; an https URL.
  public let documentation: String?
  /// Those that are served.
  public let operations: [OperationPolicy]
  let errors: ErrorCodes
  /// What waits for a person to look at it.
  public let unreviewed: [UnreviewedPlace]
}

/// Operations by their dense index in the catalogue.
public struct OperationSet: Equatable, Sendable {
  private var words: [UInt64]

  init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

  mutating func insert(_ index: Int) { words[index >> 6] |= 1 << UInt64(index & 63) }

  public func contains(_ index: Int) -> Bool { index >> 6 < words.count && words[index >> 6] & (1 << UInt64(index & 63)) != 0 }
}
