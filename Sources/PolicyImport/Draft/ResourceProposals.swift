/// Which operations make, list, show and end the same things, by their paths and answers: `POST /sessions`, `GET /sessions/{sessionId}`.
struct ResourceProposals {
  /// A kind of thing that the API makes.
  struct Kind {
    /// `sessions`.
    let name: String
    /// The path of all of them: `/sessions`.
    let collection: String
    /// The parameter that names one: `sessionId`.
    let parameter: String
    /// Where the id stands in an answer.
    let id: String
    /// The call that makes one is about a subscriber.
    let isAboutSubscriber: Bool
  }

  let kinds: [Kind]

  init(_ operations: [OperationFacts]) {
    var kinds: [Kind] = []
    for operation in operations {
      let segments = operation.path.split(separator: "/").map(String.init)
      for index in segments.indices.dropFirst() where segments[index].hasPrefix("{") && !segments[index - 1].hasPrefix("{") {
        let collection = "/" + segments[..<index].joined(separator: "/")
        let parameter = String(segments[index].dropFirst().dropLast())
        guard !kinds.contains(where: { $0.collection == collection }),
          let maker = operations.first(where: { $0.path == collection && $0.method == "POST" }),
          let id = Self.id(in: maker, parameter)
        else { continue }
        let isAboutSubscriber = maker.body.flatMap(SubjectProposal.place) != nil
        kinds.append(
          Kind(
            name: segments[index - 1], collection: collection, parameter: parameter, id: id, isAboutSubscriber: isAboutSubscriber)
        )
      }
    }
    self.kinds = kinds
  }

  /// The id is called as the parameter is, or `id`.
  private static func id(in operation: OperationFacts, _ parameter: String) -> String? {
    let bodies = operation.answers.compactMap(\.body)
    return [parameter, "id"].first { name in !bodies.isEmpty && bodies.allSatisfy { $0.property(name) != nil } }
  }

  // MARK: One operation

  /// The things that the path names.
  func named(_ operation: OperationFacts) -> [Kind] {
    kinds.filter { (operation.path + "/").hasPrefix($0.collection + "/{\($0.parameter)}/") }
  }

  /// The kind of which the answer is a list, and where the list is: empty for the answer itself.
  func listed(_ operation: OperationFacts) -> (kind: Kind, at: String)? {
    let bodies = operation.answers.compactMap(\.body)
    guard bodies.count == 1, let body = bodies.first, named(operation).isEmpty else { return nil }
    for kind in kinds where operation.path == kind.collection || kind.id != "id" {
      if body.items?.property(kind.id) != nil { return (kind, "") }
      if let list = body.properties.first(where: { $0.schema.items?.property(kind.id) != nil }) { return (kind, list.name) }
    }
    return nil
  }

  /// The kind of which the answer is one, and whether it is new.
  func answered(_ operation: OperationFacts) -> (kind: Kind, isNew: Bool)? {
    let bodies = operation.answers.compactMap(\.body)
    for kind in kinds where !named(operation).contains(where: { $0.collection == kind.collection }) {
      guard !bodies.isEmpty, bodies.allSatisfy({ $0.property(kind.id) != nil }) else { continue }
      if operation.path == kind.collection, operation.method == "POST" { return (kind, true) }
      guard kind.id != "id" else { continue }
      return (kind, operation.method == "POST" && operation.answers.contains { $0.status == 201 })
    }
    return nil
  }

  /// `resource` of a policy; nil when the operation has to do with none.
  func tree(_ operation: OperationFacts) -> PolicyTree? {
    var trees = named(operation).map { kind in
      let ends = operation.method == "DELETE" && operation.path == kind.collection + "/{\(kind.parameter)}"
      return PolicyTree.members([
        "name": .string(kind.name), "parameter": .string(kind.parameter), "deletes": ends ? .boolean(true) : nil,
      ])
    }
    if let (kind, at) = listed(operation) {
      let list = PolicyTree.members(["at": at.isEmpty ? nil : .string(at), "id": .string(kind.id)])
      trees.append(.members(["name": .string(kind.name), "lists": list]))
    } else if let (kind, isNew) = answered(operation) {
      trees.append(.members(["name": .string(kind.name), isNew ? "creates" : "shows": .string(kind.id)]))
    }
    return trees.count > 1 ? .list(trees) : trees.first
  }
}
