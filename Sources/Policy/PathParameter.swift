import Bytes

/// A parameter of an operation's path.
public struct PathParameter: Sendable {
  public let name: String
  /// Which segment of the whole path, from 0.
  public let segment: Int
  /// Nil for any value.
  let rule: TextRule?

  /// The parameters of a template, in their order.
  ///
  /// - Parameter rules: a policy's `parameters`: name to rule.
  static func read(_ template: String, rules: JSONValue?, _ patterns: Patterns) throws(DocumentError) -> [PathParameter] {
    var parameters: [PathParameter] = []
    for (index, segment) in template.dropFirst().split(separator: "/").enumerated() where segment.hasPrefix("{") {
      let name = String(segment.dropFirst().dropLast())
      let rule = try rules?[name].map { value throws(DocumentError) -> TextRule in
        var reader = try ObjectReader(value)
        let rule = try TextRule(&reader, value, patterns)
        try reader.finish()
        return rule
      }
      parameters.append(PathParameter(name: name, segment: index, rule: rule))
    }
    for member in rules?.keys ?? [] where !parameters.contains(where: { $0.name == member.name }) {
      throw member.error("the path has no parameter of this name")
    }
    return parameters
  }

  /// What stands in the path, escapes read; nil where they are broken.
  public func value(in path: Span<UInt8>) -> [UInt8]? {
    var start = 1
    for _ in 0..<segment {
      guard let slash = path.firstIndex(of: 0x2F, from: start) else { return nil }
      start = slash + 1
    }
    let end = path.firstIndex(of: 0x2F, from: start) ?? path.count
    guard start <= end else { return nil }
    return PathEscapes.decoded(path.extracting(start..<end), refusesPlus: false)
  }

  /// What is wrong with a value, its escapes read; nil when it is right.
  func fault(_ value: String) -> String? { rule?.fault(Array(value.utf8)).map { "the path parameter \(name) \($0.what)" } }

  /// A value is text, whether there is a rule or not: of what is none, two readers would make two different names.
  public func violation(in path: Span<UInt8>) -> SchemaViolation? {
    guard let value = value(in: path), rule != nil || String(validating: value, as: UTF8.self) != nil else {
      return SchemaViolation(kind: .invalidArgument, message: "The path parameter \(name) has a wrong format.")
    }
    return rule?.fault(value).map {
      SchemaViolation(kind: $0.kind, message: "The path parameter \(name) \($0.what).")
    }
  }
}

/// The address of what was created: the path of the operation that reads it.
public struct LocationTemplate: Sendable {
  private enum Segment: Sendable {
    case literal([UInt8])
    /// The same as in the path of the call.
    case given(PathParameter)
    case id
  }

  private let segments: [Segment]

  /// - Parameters:
  ///   - target: the template of the operation that reads what was created.
  ///   - given: the parameters of the operation that creates it.
  /// - Returns: nil unless one parameter, and only one, is the id of what was created.
  init?(target: String, given: [PathParameter]) {
    var segments: [Segment] = []
    for segment in target.dropFirst().split(separator: "/") {
      if !segment.hasPrefix("{") {
        segments.append(.literal(Array(segment.utf8)))
      } else if let parameter = given.first(where: { $0.name == segment.dropFirst().dropLast() }) {
        segments.append(.given(parameter))
      } else {
        segments.append(.id)
      }
    }
    guard segments.count(where: { if case .id = $0 { true } else { false } }) == 1 else { return nil }
    self.segments = segments
  }

  /// - Parameter path: of the call that created it.
  public func path(id: String, createdBy path: Span<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    for segment in segments {
      output.append(0x2F)
      switch segment {
      case .literal(let bytes): output += bytes
      case .given(let parameter): PathEscapes.append(parameter.value(in: path) ?? [], to: &output)
      case .id: PathEscapes.append(id.utf8, to: &output)
      }
    }
    return output
  }
}
