/// One operation as the document describes it.
struct OperationFacts {
  struct Parameter {
    var name: String
    /// `path`, `query`, `header` or `cookie`.
    var place: String
    var isRequired: Bool
    var schema: FlatSchema
  }

  struct Answer {
    var status: Int
    /// Nil for an answer without a body.
    var body: FlatSchema?
    /// Fields of the answer's head, without `x-correlator`.
    var headers: [(name: String, schema: FlatSchema)]
  }

  let node: SourceNode
  let id: String
  let method: String
  /// Below the base path, with parameters in braces.
  let path: String
  let summary: String
  let description: String
  let parameters: [Parameter]
  let body: FlatSchema?
  let isBodyRequired: Bool
  let answers: [Answer]
  let errors: [ErrorFacts]
  /// Any one of these lists opens it; of a list, all are needed.
  let scopes: [[String]]

  /// The last segment of the path: `{sessionId}`, `retrieve`.
  var lastSegment: String { path.split(separator: "/").last.map(String.init) ?? "" }

  /// True when an error of this code is documented.
  func documents(_ code: String) -> Bool { errors.contains { $0.code == code } }
}

/// An error that an operation documents.
struct ErrorFacts: Hashable {
  var status: Int
  var code: String
  /// Nil when there is no example of it.
  var message: String?
}
