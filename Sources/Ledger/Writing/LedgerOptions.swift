/// How the ledger is kept.
public struct LedgerOptions: Sendable {
  public enum Durability: String, Sendable, CaseIterable {
    /// An entry counts when it is on the disk. The default.
    case durable
    /// An entry counts when the system has it: it survives a crash of this program, not a loss of power. A setting, for those
    /// who measure or who have other guarantees.
    case relaxed
    /// Entries of the loops, which are those of API calls, are not kept at all; all others are, as `relaxed`. For measuring what the
    /// ledger costs; the configuration allows it on loopback alone.
    case none
  }

  public var durability = Durability.durable
  /// A segment that would grow beyond it is followed by the next one. Bytes; default 256 MiB.
  public var segmentBytesMaximum = 256 << 20
  /// A segment that is older is followed by the next one. Default a day.
  public var segmentSecondsMaximum = 86_400

  public init() {}
  public init(durability: Durability = .durable, segmentBytesMaximum: Int = 256 << 20, segmentSecondsMaximum: Int = 86_400) {
    self.durability = durability
    self.segmentBytesMaximum = segmentBytesMaximum
    self.segmentSecondsMaximum = segmentSecondsMaximum
  }
}
