/// What a JSON text may cost.
public struct JSONLimits: Sendable {
  /// Objects and arrays within each other.
  public var depthMaximum = 32
  /// Values and keys in all.
  public var nodesMaximum = 100_000

  public init() {}
  public init(depthMaximum: Int, nodesMaximum: Int) {
    self.depthMaximum = depthMaximum
    self.nodesMaximum = nodesMaximum
  }
}

/// How a JSON text may be written.
public enum JSONDialect: Sendable {
  /// RFC 8259 and nothing more.
  case strict
  /// With `//` and `/* */` comments and trailing commas: configuration and policies.
  case commented
}

/// Why a text is not JSON, and where. The reason never holds a byte of the text.
public struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
  /// In bytes from the start.
  public let offset: Int
  public let reason: Reason

  public enum Reason: String, Sendable, CustomStringConvertible {
    case empty = "it is empty"
    case unexpectedEnd = "it ends too early"
    case unexpectedByte = "an unexpected character"
    case badString = "a control character in a string"
    case badEscape = "a wrong escape in a string"
    case badUTF8 = "bytes that are not UTF-8"
    case badNumber = "a malformed number"
    case badLiteral = "a word that is not true, false or null"
    case duplicateKey = "a key that stands twice in its object"
    case trailingData = "something after the end"
    case tooDeep = "too many levels"
    case tooManyNodes = "too many values"
    case unclosedComment = "a comment without an end"

    public var description: String { rawValue }
  }

  public var description: String { "\(reason) at byte \(offset)" }
}
