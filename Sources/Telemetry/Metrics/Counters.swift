import Synchronization

/// A fixed number of counters that one thread adds to and any thread reads.
///
/// An addition is one plain instruction on the adding thread's own memory: no lock, no atomic read-modify-write. Two threads that add to
/// the same counter would lose additions; for that there is `LabelledCounter`.
public struct Counters<let size: Int>: ~Copyable, Sendable {
  @usableFromInline let cells: InlineArray<size, Atomic<UInt64>>

  public init() { cells = InlineArray { _ in Atomic(0) } }

  /// On the one thread that adds.
  @inlinable public func add(_ amount: UInt64 = 1, at index: Int) {
    cells[index].store(cells[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  /// Puts a value in a counter's place, for what is no count. On the one thread that adds.
  @inlinable public func set(_ value: UInt64, at index: Int) { cells[index].store(value, ordering: .relaxed) }

  /// Any thread.
  @inlinable public func value(at index: Int) -> UInt64 { cells[index].load(ordering: .relaxed) }
}

/// How often a memory had what it was asked for. One thread counts, any thread reads.
public final class MemoryMeter: Sendable {
  private let counters = Counters<2>()

  public init() {}

  /// On the one thread that counts.
  public func count(hit: Bool) { counters.add(at: hit ? 0 : 1) }

  public var hits: UInt64 { counters.value(at: 0) }
  public var misses: UInt64 { counters.value(at: 1) }
}
