import Bytes
import CSQLite
import Identifiers
import JOSE

/// A value that a statement takes as a parameter.
public protocol Bindable {
  /// Binds the value to one parameter, numbered from 1. SQLite copies it; nothing of the value is kept.
  func bind(to statement: OpaquePointer, at index: Int32) -> Int32
}

/// SQLITE_TRANSIENT: SQLite copies the bytes before the call returns. The header defines it as a cast that Swift cannot import.
private let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

extension Int: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 { sqlite3_bind_int64(statement, index, Int64(self)) }
}

extension Bool: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 { sqlite3_bind_int64(statement, index, self ? 1 : 0) }
}

extension String: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
    var text = self
    return text.withUTF8 { bytes in
      // An empty text may have no address; a null pointer would bind NULL.
      guard let base = bytes.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, copied) }
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
        sqlite3_bind_text(statement, index, $0, Int32(bytes.count), copied)
      }
    }
  }
}

extension [UInt8]: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
    withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, !bytes.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
      return sqlite3_bind_blob(statement, index, base, Int32(bytes.count), copied)
    }
  }
}

extension Digest32: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 { bytes.bind(to: statement, at: index) }
}

/// Microseconds since 1970 UTC.
extension Timestamp: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
    sqlite3_bind_int64(statement, index, microseconds)
  }
}

/// Scopes are kept as in a token: separated by single spaces.
extension ScopeSet: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 { description.bind(to: statement, at: index) }
}

/// Absent is NULL.
extension Optional: Bindable where Wrapped: Bindable {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
    switch self {
    case .some(let value): value.bind(to: statement, at: index)
    case .none: sqlite3_bind_null(statement, index)
    }
  }
}

extension StringIdentifier {
  public func bind(to statement: OpaquePointer, at index: Int32) -> Int32 { rawValue.bind(to: statement, at: index) }
}

extension ClientID: Bindable {}
extension APIName: Bindable {}
extension OperationID: Bindable {}
extension GrantID: Bindable {}
extension ConsentID: Bindable {}
extension SubjectPseudonym: Bindable {}
extension Purpose: Bindable {}
