import Bytes
import JOSE

/// The Merkle tree of RFC 6962 §2.1 over the lines of a segment: its root stands for all of them, and a short path shows that one
/// of them is among them.
///
/// A leaf is SHA-256(0x00 || line without its newline), a node SHA-256(0x01 || left || right); the split is at the largest power of two
/// below the number of leaves.
public struct MerkleTree: Sendable {
  /// Complete subtrees, largest first, each half of the one before or smaller: what a root needs, in logarithmic space.
  private var subtrees: [(hash: Digest32, leafCount: Int)] = []
  public private(set) var leafCount = 0

  public init() {}

  public mutating func append(_ line: Span<UInt8>) { append(leaf: Self.leaf(line)) }

  mutating func append(leaf: Digest32) {
    leafCount += 1
    subtrees.append((leaf, 1))
    while subtrees.count > 1, subtrees[subtrees.count - 2].leafCount == subtrees[subtrees.count - 1].leafCount {
      let right = subtrees.removeLast()
      let left = subtrees.removeLast()
      subtrees.append((Self.node(left.hash, right.hash), left.leafCount * 2))
    }
  }

  /// The root; of no leaves, SHA-256 of nothing (RFC 6962 §2.1).
  public var root: Digest32 {
    guard var hash = subtrees.last?.hash else { return SHA256.digest([]) }
    for subtree in subtrees.dropLast().reversed() { hash = Self.node(subtree.hash, hash) }
    return hash
  }

  static func leaf(_ line: Span<UInt8>) -> Digest32 {
    let stream = SHA256Stream()
    stream.update([0].span)
    stream.update(line)
    return stream.finish()
  }

  static func node(_ left: Digest32, _ right: Digest32) -> Digest32 { SHA256.digest([1] + left.bytes + right.bytes) }

  /// The audit path of a leaf (RFC 6962 §2.1.1), from the leaf upwards.
  static func path(of index: Int, in leaves: ArraySlice<Digest32>) -> [Digest32] {
    guard leaves.count > 1 else { return [] }
    let split = largestPowerOfTwo(below: leaves.count)
    let middle = leaves.startIndex + split
    return index < split
      ? path(of: index, in: leaves[..<middle]) + [root(of: leaves[middle...])]
      : path(of: index - split, in: leaves[middle...]) + [root(of: leaves[..<middle])]
  }

  /// The root that a leaf and its path lead to; nil when the path has another length than a tree of that size gives it (RFC 9162
  /// §2.1.3.2).
  public static func root(leaf: Digest32, index: Int, leafCount: Int, path: [Digest32]) -> Digest32? {
    guard index >= 0, index < leafCount else { return nil }
    var (hash, place, last) = (leaf, index, leafCount - 1)
    for sibling in path {
      guard last > 0 else { return nil }
      if place & 1 == 1 || place == last {
        hash = node(sibling, hash)
        while place & 1 == 0 && place > 0 {
          place >>= 1
          last >>= 1
        }
      } else {
        hash = node(hash, sibling)
      }
      place >>= 1
      last >>= 1
    }
    return last == 0 ? hash : nil
  }

  private static func root(of leaves: ArraySlice<Digest32>) -> Digest32 {
    var tree = MerkleTree()
    for leaf in leaves { tree.append(leaf: leaf) }
    return tree.root
  }

  private static func largestPowerOfTwo(below count: Int) -> Int {
    var power = 1
    while power * 2 < count { power *= 2 }
    return power
  }
}
