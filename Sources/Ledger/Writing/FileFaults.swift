/// Where tests break the disk: asked before each operation on a segment. Nil of a method means that the disk works.
public protocol FileFaults: Sendable {
  func beforeWrite(byteCount: Int) -> WriteFault?
  /// The error number with which the flush fails.
  func beforeSynchronize() -> Int32?
  /// The error number with which cutting the file fails.
  func beforeTruncate() -> Int32?
  /// The error number with which making a segment fails.
  func beforeCreate() -> Int32?
}

extension FileFaults {
  public func beforeWrite(byteCount: Int) -> WriteFault? { nil }
  public func beforeSynchronize() -> Int32? { nil }
  public func beforeTruncate() -> Int32? { nil }
  public func beforeCreate() -> Int32? { nil }
}

public enum WriteFault: Sendable {
  /// Nothing is written.
  case fails(errno: Int32)
  /// Only the first bytes reach the file, and then it fails: what a full disk does in the middle of a batch.
  case partial(byteCount: Int, errno: Int32)
  /// Only the first bytes are taken this time, without an error: the rest has to be written again (POSIX `write`).
  case short(byteCount: Int)
}
