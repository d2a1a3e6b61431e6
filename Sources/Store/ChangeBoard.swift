import Identifiers
import Synchronization

/// Tells memories that what they hold may be out of date, without a lock and without knowing them.
///
/// A memory notes `stamp(hash)` **before** it reads the store and keeps it with what it read; as long as the stamp is the
/// same, nothing under that hash has changed. Who changes something calls `changed(hash)` after the change is durable and
/// before it is acknowledged. Two keys may share a shard: that costs a needless read, never a stale answer.
///
/// Safe from any thread; `stamp` is two loads.
public final class ChangeBoard: @unchecked Sendable {
  private static let shardCount = 4096
  /// Fixed storage, owned for the board's whole life; every index is masked into it, so the pointer is sound.
  private let shards: UnsafeMutablePointer<Atomic<UInt64>>
  private let everything = Atomic<UInt64>(0)

  public init() {
    shards = .allocate(capacity: Self.shardCount)
    for index in 0..<Self.shardCount { (shards + index).initialize(to: Atomic(0)) }
  }

  deinit {
    shards.deinitialize(count: Self.shardCount)
    shards.deallocate()
  }

  /// The present stamp of a key; it rises with each change and never falls.
  public func stamp(_ hash: UInt64) -> UInt64 {
    shards[Self.index(hash)].load(ordering: .acquiring) &+ everything.load(ordering: .acquiring)
  }

  /// The same of what lies under two keys; it rises when either changes.
  public func stamp(_ one: UInt64, _ other: UInt64) -> UInt64 {
    shards[Self.index(one)].load(ordering: .acquiring) &+ shards[Self.index(other)].load(ordering: .acquiring)
      &+ everything.load(ordering: .acquiring)
  }

  /// Whatever was remembered under this key is out of date.
  public func changed(_ hash: UInt64) {
    shards[Self.index(hash)].wrappingAdd(1, ordering: .acquiringAndReleasing)
  }

  /// Whatever was remembered under any key is out of date (another process wrote, or the settings were reloaded).
  public func changedEverything() {
    everything.wrappingAdd(1, ordering: .acquiringAndReleasing)
  }

  /// The hash that both sides use for a key made of identifiers. Not seeded: it must be the same wherever it is computed.
  public static func hash(_ parts: String...) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for part in parts {
      for byte in part.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
      value = (value ^ 0xFF) &* 0x100_0000_01B3  // 0xFF stands in no UTF-8 text: ("a", "bc") is not ("ab", "c")
    }
    return value ^ (value >> 32)  // the low bits choose the shard
  }

  private static func index(_ hash: UInt64) -> Int { Int(hash & UInt64(shardCount - 1)) }
}

extension StringIdentifier {
  /// The key of this identifier on a `ChangeBoard`.
  public var changeHash: UInt64 { ChangeBoard.hash(rawValue) }
}
