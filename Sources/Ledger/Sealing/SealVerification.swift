import Bytes
import JOSE

/// Checks the seals of a ledger whose chain was found good: each by the audit key, each over its segment as it is now, each linked to the
/// one before. Finds what the chain alone cannot show: a ledger that was rewritten from some entry on, or rolled back.
public enum SealVerification {
  public struct Report: Sendable, Equatable {
    public var sealCount = 0
    /// The last seal that was found good; its text can be kept elsewhere.
    public var last: Seal?
    /// Closed segments that are not sealed yet.
    public var unsealed: [String] = []
    /// The first place where something is not as it was, and why.
    public var fault: String?

    /// Nothing looked at yet.
    public init() {}
  }

  /// - Parameters:
  ///   - earlier: seals that were kept elsewhere: each must be, byte for byte, the one that stands here.
  ///   - retention: what the ledger's verification found of removed segments: their seals must be there still.
  public static func verify(
    directory: String, key: VerificationKey, earlier: [String] = [], retention: RetentionMark? = nil
  ) throws(LedgerError) -> Report {
    var report = Report()
    let removedUpTo = retention?.last ?? 0
    let segments = try Segments.list(directory).filter { (Segments.firstSequence(of: $0) ?? 0) > removedUpTo }
    var sealed = SealFiles.sealedSegments(directory)
    let removed = sealed.filter { (Segments.firstSequence(of: $0) ?? 0) <= removedUpTo }
    sealed.removeFirst(removed.count)
    var previous = Seal.beginning
    report.fault = chain(removed, retention, directory, key, &previous)
    guard report.fault == nil else { return report }
    report.sealCount = removed.count
    if let stray = sealed.first(where: { !segments.contains($0) }) {
      report.fault = "\(stray): it was sealed and is not there any more"
      return report
    }
    for segment in segments.dropLast() {
      guard let text = SealFiles.read(directory, segment: segment) else {
        report.unsealed.append(segment)
        continue
      }
      guard report.unsealed.isEmpty else {
        report.fault = "\(report.unsealed[0]): its seal is missing, and later segments have theirs"
        return report
      }
      guard let seal = Seal(text: text, key: key), seal.segment == segment else {
        report.fault = "\(segment): its seal is not by the audit key"
        return report
      }
      report.fault = try fault(of: seal, previous, directory)
      guard report.fault == nil else { return report }
      previous = seal.digest
      report.sealCount += 1
      report.last = seal
    }
    if let newest = segments.last, sealed.contains(newest) {
      report.fault = "\(newest): it was sealed, and the segment after it is not there any more"
    }
    if report.fault == nil { report.fault = compare(earlier, directory, key) }
    return report
  }

  /// The seals of what was removed: each by the audit key and linked to the one before, from the first entry to the last that is gone.
  private static func chain(
    _ removed: [String], _ retention: RetentionMark?, _ directory: String, _ key: VerificationKey, _ previous: inout String
  ) -> String? {
    guard let retention else { return nil }
    var last: UInt64 = 0
    for segment in removed {
      guard let seal = SealFiles.read(directory, segment: segment).flatMap({ Seal(text: $0, key: key) }),
        seal.segment == segment
      else { return "\(segment): its seal is not by the audit key" }
      guard seal.previous == previous, seal.first == last + 1 else {
        return "\(segment): a seal before it is missing, which was to stay when its segment was removed"
      }
      (previous, last) = (seal.digest, seal.last)
    }
    guard last == retention.last, previous == retention.seal else {
      return "\(retention.segment): its seal, which was to stay when the segment was removed, is missing or another one"
    }
    return nil
  }

  private static func fault(of seal: Seal, _ previous: String, _ directory: String) throws(LedgerError) -> String? {
    guard seal.previous == previous else { return "\(seal.segment): its seal does not follow from the seal before" }
    var tree = MerkleTree()
    let reader = try SegmentReader(directory: directory, name: seal.segment)
    while case .line = try reader.advance() { tree.append(reader.line) }
    guard tree.leafCount == seal.leafCount else {
      return "\(seal.segment): \(seal.leafCount) entries were sealed, and \(tree.leafCount) are there"
    }
    return tree.root == seal.root ? nil : "\(seal.segment): its entries are not those that were sealed"
  }

  private static func compare(_ earlier: [String], _ directory: String, _ key: VerificationKey) -> String? {
    for text in earlier {
      guard let kept = Seal(text: text, key: key) else { return "a seal that was kept is not by the audit key" }
      guard let present = SealFiles.read(directory, segment: kept.segment) else {
        return "\(kept.segment): a seal of it was kept, and it has none here"
      }
      guard Seal(text: present, key: key)?.text == kept.text else {
        return "\(kept.segment): it was sealed otherwise than the seal that was kept says: the ledger was written anew"
      }
    }
    return nil
  }
}
