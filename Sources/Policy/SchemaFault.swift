/// What is wrong with one value.
struct ValueFault {
  var what: String
  var kind = ErrorKind.invalidArgument
}

/// What is wrong with a body, and the way to it. It is written from the inside out, on the way back from the value.
struct SchemaFault {
  private enum Step {
    case name(String)
    case element(Int)
  }

  private var what: String
  private var kind: ErrorKind
  private var message: String?
  private var isExplained = false
  /// Innermost first.
  private var path: [Step] = []

  init(_ what: String, _ kind: ErrorKind = .invalidArgument) { (self.what, self.kind) = (what, kind) }

  /// How many levels below the value the fault is.
  var depth: Int { path.count }

  var violation: SchemaViolation { SchemaViolation(kind: kind, message: message ?? "\(place) \(what).") }

  private var place: String {
    guard !path.isEmpty else { return "The body" }
    return path.reversed().reduce(into: "") { text, step in
      switch step {
      case .name(let name): text += text.isEmpty ? name : "." + name
      case .element(let index): text += "[\(index)]"
      }
    }
  }

  mutating func isUnder(name: String) { path.append(.name(name)) }
  mutating func isUnder(element: Int) { path.append(.element(element)) }

  /// What the schema of the value says of it, unless that of a part has spoken.
  mutating func explain(_ explanation: SchemaPlan.Explanation) {
    guard !isExplained else { return }
    isExplained = true
    message = explanation.message
    kind = explanation.error ?? kind
  }
}
