import Telemetry
import Wire

extension Log {
  /// One line about an upstream.
  func note(_ notice: UpstreamNotice) {
    switch notice.kind {
    case .out: warning("upstream.out", notice.text)
    case .back: info("upstream.back", notice.text)
    case .moved: info("upstream.moved", notice.text)
    case .unresolved: warning("upstream.unresolved", notice.text)
    case .invalid: warning("upstream.answer_invalid", notice.text)
    case .orphaned: error("upstream.orphaned", notice.text)
    case .untrusted: warning("upstream.untrusted", notice.text)
    }
  }
}
