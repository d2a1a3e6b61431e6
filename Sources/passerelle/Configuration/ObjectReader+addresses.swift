import Bytes
import Wire

extension ObjectReader {
  /// The address of a server of the operator's own: what goes there goes over TLS, or stays on this machine.
  ///
  /// - Parameter value: the object that is read.
  mutating func confidentialAddress(_ key: String, of value: JSONValue) throws(DocumentError) -> WebAddress {
    try Self.confidentialAddress(string(key), key, value)
  }

  mutating func optionalConfidentialAddress(_ key: String, of value: JSONValue) throws(DocumentError) -> WebAddress? {
    guard let text = try optionalString(key) else { return nil }
    return try Self.confidentialAddress(text, key, value)
  }

  private static func confidentialAddress(_ text: String, _ key: String, _ value: JSONValue) throws(DocumentError) -> WebAddress {
    guard let address = WebAddress(text), address.isConfidential else {
      throw (value[key] ?? value).error("\(key) wants an https address; http is for loopback alone")
    }
    return address
  }
}
