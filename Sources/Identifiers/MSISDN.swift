/// A subscriber's number in E.164 form: `+`, then 5 to 15 digits, the first not zero (CAMARA `PhoneNumber`).
///
/// It prints masked wherever it is printed, interpolated, reflected or dumped (`+33*****67`); the clear text has to be asked
/// for by name with `e164`, so that a reader of a change sees each place where it leaves.
public struct MSISDN: Hashable, Sendable {
  /// The number in the clear, with its `+`. For the upstream call and the sealed row of the subject store; never for a
  /// log, a message or the ledger.
  public let e164: String

  /// Nil unless the text matches `^\+[1-9][0-9]{4,14}$`.
  public init?(e164 text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 6, bytes.count <= 16, bytes[0] == 0x2B, bytes[1] >= 0x31, bytes[1] <= 0x39,
      bytes[2...].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    e164 = text
  }

  /// Reads the `tel:` form of a login hint (RFC 3966 global number without visual separators, CAMARA profile item 34).
  public init?(tel text: String) {
    guard text.hasPrefix("tel:") else { return nil }
    self.init(e164: String(text.dropFirst(4)))
  }
}

extension MSISDN: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// `+33*****67`: the first two digits and the last two, and never how many there were between.
  public var description: String { "\(e164.prefix(3))*****\(e164.suffix(2))" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["masked": description]) }
}
