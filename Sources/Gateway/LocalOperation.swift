import Identifiers
import Policy
import Store

/// An operation that Passerelle answers itself (`"servedBy": "passerelle"`): it stands where a backend would.
///
/// All stages before it have admitted the call, and its answer passes the filter, the ledger and the same answer as a backend's.
public protocol LocalOperation: Sendable {
  /// Answers one call, on the loop of its connection. Never throws: what goes wrong is an answer with an `ErrorInfo`.
  func answer(_ call: LocalCall) async -> LocalAnswer
}

/// What an operation is told of a call.
public struct LocalCall: Sendable {
  public let client: ClientRecord
  /// Nil where the operation is about nobody.
  public let subject: SubjectPseudonym?
  /// The body as the policy's schema knows it.
  public let body: [UInt8]
}

/// What it answers: a status that the policy names, or an error that it names, with JSON.
public struct LocalAnswer: Sendable {
  public let status: Int
  public let body: [UInt8]

  public init(status: Int, body: [UInt8]) {
    self.status = status
    self.body = body
  }

  /// An `ErrorInfo`; the policy knows the code, and gives it its text.
  public static func refusal(_ status: Int, _ code: String) -> LocalAnswer {
    LocalAnswer(status: status, body: Responder.errorInfo(status: status, code: code, message: ""))
  }
}

/// Which of an API's operations: the name under which an implementation is found.
public struct LocalOperationName: Hashable, Sendable {
  public let api: APIName
  public let operation: OperationID

  public init(api: APIName, operation: OperationID) {
    self.api = api
    self.operation = operation
  }
}
