import Bytes
import JOSE
import Wire

/// Stage 3: the correlator of a call.
///
/// `x-correlator` matches `^[a-zA-Z0-9-_:;.\/<>{}]{0,256}$` or the call is refused with 400 `INVALID_ARGUMENT` (CAMARA API
/// Design Guide 5.8.5). It is echoed always; one is made (a UUID) when it is absent or empty. The alphabet admits `<`, `>`,
/// `{` and `}`: it is escaped wherever it is shown or logged (A33).
enum Correlate {
  static let bytesMaximum = 256

  /// Writes the correlator of the call into `correlator`; after a refusal that is a made one, never what the client sent.
  static func run(_ exchange: Exchange, into correlator: inout [UInt8]) throws(APIError) {
    correlator.removeAll(keepingCapacity: true)
    let count = exchange.count(.xCorrelator)
    guard count > 0 else { make(&correlator); return }
    guard count == 1, let value = exchange.field(.xCorrelator), value.count <= bytesMaximum else {
      make(&correlator)
      throw APIError(.invalidArgument, "correlator_malformed", message: "x-correlator wants at most 256 characters, once")
    }
    guard alphabet.containsAll(value) else {
      make(&correlator)
      throw APIError(
        .invalidArgument, "correlator_malformed", message: "x-correlator does not match ^[a-zA-Z0-9-_:;.\\/<>{}]{0,256}$")
    }
    correlator.append(value)
    if correlator.isEmpty { make(&correlator) }
  }

  private static func make(_ correlator: inout [UInt8]) {
    correlator.removeAll(keepingCapacity: true)
    Random.appendUUID(to: &correlator)
  }

  /// Letters, digits and `-_:;./<>{}`.
  static let alphabet = ASCIISet(low: 0x5FFFE00000000000, high: 0x2FFFFFFE87FFFFFE)
}
