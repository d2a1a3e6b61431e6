/// Reads the members of one object and refuses what it was not asked for, with the nearest known key: a mistyped setting is an
/// error, never a default.
///
/// Ask for every key, then call `finish()`.
public struct ObjectReader: Sendable {
  private let object: JSONValue
  private var known: [String] = []

  /// - Throws: `DocumentError` when the value is no object.
  public init(_ value: JSONValue) throws(DocumentError) {
    guard value.kind == .object else { throw value.error("an object was expected") }
    object = value
  }

  /// The member as it stands.
  public mutating func value(_ key: String) -> JSONValue? {
    known.append(key)
    return object[key]
  }

  /// - Throws: `DocumentError` when the member is missing.
  public mutating func required(_ key: String) throws(DocumentError) -> JSONValue {
    guard let value = value(key) else { throw object.error("\"\(key)\" is missing") }
    return value
  }

  public mutating func string(_ key: String) throws(DocumentError) -> String {
    try Self.string(required(key), key)
  }

  public mutating func optionalString(_ key: String) throws(DocumentError) -> String? {
    guard let value = value(key) else { return nil }
    return try Self.string(value, key)
  }

  public mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(DocumentError) -> Int {
    try Self.integer(required(key), key, range)
  }

  public mutating func optionalInteger(_ key: String, in range: ClosedRange<Int>) throws(DocumentError) -> Int? {
    guard let value = value(key) else { return nil }
    return try Self.integer(value, key, range)
  }

  public mutating func boolean(_ key: String, default fallback: Bool) throws(DocumentError) -> Bool {
    guard let value = value(key) else { return fallback }
    guard let boolean = value.boolean else { throw value.error("\"\(key)\" wants true or false") }
    return boolean
  }

  /// An array of strings.
  public mutating func strings(_ key: String) throws(DocumentError) -> [String] {
    try Self.strings(required(key), key)
  }

  public mutating func optionalStrings(_ key: String) throws(DocumentError) -> [String]? {
    guard let value = value(key) else { return nil }
    return try Self.strings(value, key)
  }

  /// An array of anything.
  public mutating func array(_ key: String) throws(DocumentError) -> [JSONValue] {
    let value = try required(key)
    guard let array = value.array else { throw value.error("\"\(key)\" wants an array") }
    return array
  }

  public mutating func optionalArray(_ key: String) throws(DocumentError) -> [JSONValue]? {
    guard value(key) != nil else { return nil }
    return try array(key)
  }

  /// An object, to be read by a reader of its own.
  public mutating func object(_ key: String) throws(DocumentError) -> ObjectReader { try ObjectReader(required(key)) }

  public mutating func optionalObject(_ key: String) throws(DocumentError) -> ObjectReader? {
    guard let value = value(key) else { return nil }
    return try ObjectReader(value)
  }

  /// The error at the place of the whole object.
  public func error(_ reason: String) -> DocumentError { object.error(reason) }

  /// - Throws: `DocumentError` at the first key that nobody asked for.
  public func finish() throws(DocumentError) {
    guard let first = unknownKeys().first else { return }
    throw first
  }

  /// An error for each key that nobody asked for.
  public func unknownKeys() -> [DocumentError] {
    object.keys.filter { !known.contains($0.name) }.map { member in
      let nearest = NearestName.to(member.name, among: known)
      return member.error(
        "unknown key \"\(DocumentError.printable(member.name, maximum: 64))\""
          + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
  }

  private static func string(_ value: JSONValue, _ key: String) throws(DocumentError) -> String {
    guard let string = value.string else { throw value.error("\"\(key)\" wants a string") }
    return string
  }

  private static func integer(_ value: JSONValue, _ key: String, _ range: ClosedRange<Int>) throws(DocumentError) -> Int {
    guard let integer = value.integer, range.contains(integer) else {
      throw value.error("\"\(key)\" wants a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  private static func strings(_ value: JSONValue, _ key: String) throws(DocumentError) -> [String] {
    guard let array = value.array else { throw value.error("\"\(key)\" wants an array of strings") }
    var strings: [String] = []
    for element in array {
      guard let string = element.string else { throw element.error("\"\(key)\" wants an array of strings") }
      strings.append(string)
    }
    return strings
  }
}
