import Policy

/// Drafts `errors`: what this API spells otherwise than CAMARA's common errors, and the codes of its own.
struct ErrorsDraft {
  let operations: [OperationFacts]
  /// Those whose body may name a subscriber.
  let naming: [OperationFacts]

  /// Codes that say how a subscriber was recognised, and which events a token covers; CAMARA's APIs name them each in their own way.
  private static let wrongAuthentication = "USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"
  private static let eventScopeMissing = "SUBSCRIPTION_MISMATCH"
  static let authenticationMethods = ["nba", "sc"]

  func tree() -> PolicyTree? {
    var documented: [ErrorFacts] = []
    for error in operations.flatMap(\.errors) {
      if let index = documented.firstIndex(where: { $0.status == error.status && $0.code == error.code }) {
        documented[index].message = documented[index].message ?? error.message
      } else {
        documented.append(error)
      }
    }
    var tree = PolicyTree.object([])
    for error in documented { common(error, &tree) }
    other(documented, &tree)
    let own = documented.filter { error in
      PolicySyntax.errorName(status: error.status, code: error.code) == nil && (400...599).contains(error.status)
        && !error.code.hasSuffix(Self.wrongAuthentication) && error.code != Self.eventScopeMissing && error.code.utf8.count <= 96
    }
    if !own.isEmpty { tree["specific"] = .list(own.map(Self.specific)) }
    return tree.members.isEmpty ? nil : tree
  }

  /// A message of this API's own, where one text says it for all its operations and nothing is left to fill in.
  private func common(_ error: ErrorFacts, _ tree: inout PolicyTree) {
    guard let name = PolicySyntax.errorName(status: error.status, code: error.code), error.status == 404 || error.status == 422
    else {
      return
    }
    let messages = Set(
      operations.flatMap(\.errors).filter { $0.status == error.status && $0.code == error.code }.compactMap(\.message))
    guard messages.count == 1, let message = messages.first, message.utf8.count <= 512, !message.contains("{"),
      message != PolicySyntax.errorMessage(name)
    else { return }
    tree[name] = .members(["message": .string(message)])
  }

  /// What an API without some common code means by another.
  private func other(_ documented: [ErrorFacts], _ tree: inout PolicyTree) {
    func has(_ status: Int, _ code: String) -> Bool { documented.contains { $0.status == status && $0.code == code } }
    // `GET /sessions/{sessionId}` has its 404 for the session, not for a subscriber.
    if naming.contains(where: { $0.documents("NOT_FOUND") }), !has(404, "IDENTIFIER_NOT_FOUND") {
      tree["unknownSubscriber"] = .members(["status": .number("404"), "code": .string("NOT_FOUND")])
    }
    if has(400, "INVALID_ARGUMENT"), !has(400, "OUT_OF_RANGE") {
      // With the message too: a backend's own INVALID_ARGUMENT is told by it.
      tree["outOfRange"] = .members([
        "code": .string("INVALID_ARGUMENT"), "message": PolicySyntax.errorMessage("invalidArgument").map { .string($0) },
      ])
    }
    if has(429, "TOO_MANY_REQUESTS"), !has(429, "QUOTA_EXCEEDED") {
      tree["quotaExceeded"] = .members(["code": .string("TOO_MANY_REQUESTS")])
    }
    if let error = documented.first(where: { $0.status == 403 && $0.code.hasSuffix(Self.wrongAuthentication) }) {
      tree["wrongAuthentication"] = .members(["code": .string(error.code), "message": Self.message(error)])
    }
    if let error = documented.first(where: { $0.status == 403 && $0.code == Self.eventScopeMissing }) {
      tree["eventScopeMissing"] = .members(["code": .string(error.code), "message": Self.message(error)])
    }
  }

  private static func message(_ error: ErrorFacts) -> PolicyTree? { short(error.message).map { .string($0) } }

  /// One that a policy can have, with nothing left to fill in.
  private static func short(_ message: String?) -> String? {
    message.flatMap { $0.utf8.count <= 512 && !$0.contains("{") ? $0 : nil }
  }

  private static func specific(_ error: ErrorFacts) -> PolicyTree {
    let words = error.code.split(separator: ".").last.map { String($0.replacing("_", with: " ")) } ?? error.code
    let message = short(error.message) ?? words.prefix(1) + words.dropFirst().lowercased() + "."
    return .members(["status": .number(String(error.status)), "code": .string(error.code), "message": .string(message)])
  }

  /// True when the operation demands that the network or the SIM card recognised the subscriber.
  static func wantsNetworkAuthentication(_ operation: OperationFacts) -> Bool {
    operation.errors.contains { $0.code.hasSuffix(wrongAuthentication) }
  }
}
