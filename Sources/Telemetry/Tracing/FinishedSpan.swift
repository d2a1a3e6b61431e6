/// A piece of work that is over, as a trace shows it (OpenTelemetry).
public struct FinishedSpan: Sendable {
  public enum Kind: Int, Sendable {
    case server = 2
    case client = 3
  }

  public enum Value: Sendable, Equatable {
    case text(String)
    case integer(Int)
  }

  public var name: String
  public var kind: Kind
  /// Trace, and the span itself.
  public var place: TraceParent
  /// Nil for the first of its trace.
  public var parent: UInt64?
  /// Another trace that this one came of.
  public var link: TraceParent?
  /// Since 1970.
  public var startNanoseconds: Int64
  public var endNanoseconds: Int64
  public var attributes: [(name: StaticString, value: Value)] = []
  /// It failed, by the conventions for its kind.
  public var isError = false

  public init(
    name: String, kind: Kind, place: TraceParent, parent: UInt64?, link: TraceParent? = nil, startNanoseconds: Int64,
    endNanoseconds: Int64
  ) {
    self.name = name
    self.kind = kind
    self.place = place
    self.parent = parent
    self.link = link
    self.startNanoseconds = startNanoseconds
    self.endNanoseconds = endNanoseconds
  }
}
