/// A part of some bytes, by place: 8 bytes small, so that parsed things can hold many.
public struct ByteRange: Sendable, Equatable {
  public var start: Int32
  public var count: Int32

  /// - Precondition: both are within 0...2,147,483,647; what is parsed here is bounded far below.
  @inlinable public init(start: Int, count: Int) {
    self.start = Int32(start)
    self.count = Int32(count)
  }

  @inlinable public var lower: Int { Int(start) }
  /// One past the last.
  @inlinable public var upper: Int { Int(start) + Int(count) }
}
