/// How fast a peer has to be once it has begun to send, or to take: for some seconds as slow as it likes, from then on at least so
/// many bytes a second on the average, and done within a time whatever its rate (A35).
///
/// It is asked only when its timer fires, and says when to ask again: bytes that come cost an addition.
struct Pace {
  enum Verdict: Equatable {
    case tooSlow
    case lookAgain(at: UInt64)
  }

  /// The rate is nobody's business before.
  static let graceNanoseconds: UInt64 = 5_000_000_000

  private let start: UInt64
  private let end: UInt64
  /// 0: as slow as it likes.
  private let bytesPerSecond: UInt64
  /// What has come, or was taken, since the start.
  var bytes: UInt64 = 0

  /// - Parameter now: monotonic.
  init(from now: UInt64, seconds: Int, bytesPerSecond: Int) {
    start = now
    end = now + UInt64(seconds) * 1_000_000_000
    self.bytesPerSecond = UInt64(max(0, bytesPerSecond))
  }

  func verdict(at now: UInt64) -> Verdict {
    let enough = min(end, fastEnoughUntil)
    return now < enough ? .lookAgain(at: enough) : .tooSlow
  }

  /// When the bytes of now will be too few.
  private var fastEnoughUntil: UInt64 {
    guard bytesPerSecond > 0 else { return end }
    let (nanoseconds, isHuge) = bytes.multipliedReportingOverflow(by: 1_000_000_000)
    return start + max(Self.graceNanoseconds, isHuge ? end - start : nanoseconds / bytesPerSecond)
  }
}
