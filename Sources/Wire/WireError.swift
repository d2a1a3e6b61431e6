import Glibc

/// What the system refused.
public enum WireError: Error, CustomStringConvertible, Equatable {
  case system(String, Int32)
  case badAddress(String)

  public var description: String {
    switch self {
    case .system(let what, let code): "\(what): \(String(cString: strerror(code)))"
    case .badAddress(let address): "\(address) is not an IP address"
    }
  }
}
