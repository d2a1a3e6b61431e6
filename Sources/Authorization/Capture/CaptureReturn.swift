import Bytes
import Identifiers
import JOSE
import Store

/// What a request at a capture URL says about its answer.
public struct CaptureReturn: Sendable, Equatable {
  /// Of the secret in the capture URL.
  let digest: Digest32
  /// Who may decide.
  let subject: SubjectPseudonym
  let callbackURL: String?
  /// What the client added to the capture URL when it sent the browser there: the very characters, never decoded, so that they go
  /// back unchanged whichever encoding the client reads.
  let state: String?

  /// The client's address with the outcome, and with nothing else but the client's own state: no personal data, no token. Nil
  /// where it gave none.
  func address(_ result: CaptureResult) -> String? {
    guard let callbackURL else { return nil }
    return callbackURL + (callbackURL.utf8.contains(0x3F) ? "&" : "?") + "capture_result=\(result.rawValue)"
      + (state.map { "&state=" + $0 } ?? "")
  }

  /// The characters that RFC 3986 §3.4 knows in a query, and none that ends a parameter, of a bounded number.
  static func isState(_ text: String) -> Bool {
    text.utf8.count <= State.bytesMaximum
      && text.utf8.allSatisfy {
        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A)
          || "-._~!$'()*+,;=:@/?%".utf8.contains($0)
      }
  }
}

/// CAMARA's words for how a capture ended.
enum CaptureResult: String, Sendable {
  case granted, denied, error, timeout
  case partialGrant = "partial_grant"

  /// By what the decision function then permits, not by what was ticked.
  init(of asked: ScopeSet, _ coverage: Coverage) {
    if coverage.covered.isEmpty { self = .denied } else { self = asked.isSubset(of: coverage.covered) ? .granted : .partialGrant }
  }
}

extension CaptureReturn {
  func append(to json: inout JSONWriter) {
    json.field("capture", digest.hex)
    json.field("capture_subject", subject.rawValue)
    if let callbackURL { json.field("callback_url", callbackURL) }
    if let state { json.field("state", state) }
  }

  init?(stored root: JSONValue) {
    guard let digest = root["capture"]?.string.flatMap({ Hex.decode($0) }).flatMap({ Digest32(bytes: $0) }),
      let subject = root["capture_subject"]?.string.flatMap(SubjectPseudonym.init(rawValue:))
    else { return nil }
    self.digest = digest
    self.subject = subject
    callbackURL = root["callback_url"]?.string
    state = root["state"]?.string
  }
}

extension ClientRecord {
  /// True for an address that stands in the registration, byte for byte: for a code one of `redirect_uris`, for the outcome of a
  /// capture one of `callback_uris` as well.
  func mayReturn(to address: String, _ way: AnswerWay) -> Bool {
    switch way {
    case .browser: redirectURIs.contains { $0.utf8.elementsEqual(address.utf8) }
    case .capture: isCallback(address)
    case .poll: false
    }
  }
}
