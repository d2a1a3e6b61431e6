import Bytes

/// The members of a request's body, each asked for by name and type: what is not as the API says is a `BackendError` that names the
/// member.
///
/// A stand-in for the checks of real backends, not a whole schema: a gateway before it has looked already.
struct RequestBody {
  private let value: JSONValue
  /// Names from the root to this object, each with a point behind it.
  private let path: String

  init(_ value: JSONValue, path: String = "") throws(BackendError) {
    guard value.kind == .object else { throw .invalidArgument("\(path.isEmpty ? "The body" : path) is no JSON object.") }
    self.value = value
    self.path = path.isEmpty ? "" : path + "."
  }

  subscript(_ name: String) -> JSONValue? { value[name] }
  var isEmpty: Bool { value.keys.isEmpty }
  var names: [String] { value.keys.map(\.name) }

  /// The member as it was sent, to be said again.
  func echo(_ name: String) -> JSON? { value[name].map(JSON.init) }

  func string(_ name: String) throws(BackendError) -> String { try there(optionalString(name), name) }

  func optionalString(_ name: String, length: ClosedRange<Int> = 0...4096) throws(BackendError) -> String? {
    guard let member = value[name] else { return nil }
    guard let string = member.string, length.contains(string.unicodeScalars.count) else {
      throw .invalidArgument("\(path)\(name) wants a string of \(length.lowerBound) to \(length.upperBound) characters.")
    }
    return string
  }

  func choice(_ name: String, of values: [String]) throws(BackendError) -> String {
    try there(optionalChoice(name, of: values), name)
  }

  func optionalChoice(_ name: String, of values: [String]) throws(BackendError) -> String? {
    guard let text = try optionalString(name) else { return nil }
    guard values.contains(text) else { throw .invalidArgument("\(path)\(name) wants one of \(values.joined(separator: ", ")).") }
    return text
  }

  func integer(
    _ name: String, in range: ClosedRange<Int>, beyond: (String) -> BackendError = BackendError.outOfRange
  ) throws(BackendError) -> Int {
    try there(optionalInteger(name, in: range, beyond: beyond), name)
  }

  /// - Parameter beyond: the error of a number that is none of the range.
  func optionalInteger(
    _ name: String, in range: ClosedRange<Int>, beyond: (String) -> BackendError = BackendError.outOfRange
  ) throws(BackendError) -> Int? {
    guard let member = value[name] else { return nil }
    guard let integer = member.integer else { throw .invalidArgument("\(path)\(name) wants a whole number.") }
    guard range.contains(integer) else {
      throw beyond("\(path)\(name) wants a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return integer
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws(BackendError) -> Double {
    guard let number = value[name]?.double, range.contains(number) else {
      throw .invalidArgument("\(path)\(name) wants a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  func boolean(_ name: String) throws(BackendError) -> Bool {
    guard let member = value[name] else { return false }
    guard let boolean = member.boolean else { throw .invalidArgument("\(path)\(name) wants true or false.") }
    return boolean
  }

  func time(_ name: String) throws(BackendError) -> Timestamp { try there(optionalTime(name), name) }

  /// `null` is no time, like a member that is not there.
  func optionalTime(_ name: String) throws(BackendError) -> Timestamp? {
    guard let member = value[name], !member.isNull else { return nil }
    guard let time = member.string.flatMap({ Timestamp(rfc3339: $0) }) else {
      throw .invalidArgument("\(path)\(name) wants a time of RFC 3339 with its zone.")
    }
    return time
  }

  func object(_ name: String) throws(BackendError) -> RequestBody { try there(optionalObject(name), name) }

  func optionalObject(_ name: String) throws(BackendError) -> RequestBody? {
    guard let member = value[name] else { return nil }
    return try RequestBody(member, path: path + name)
  }

  func array(_ name: String, count: ClosedRange<Int>) throws(BackendError) -> [JSONValue] {
    guard let array = value[name]?.array, count.contains(array.count) else {
      throw .invalidArgument("\(path)\(name) wants an array of \(count.lowerBound) to \(count.upperBound) elements.")
    }
    return array
  }

  private func there<Value>(_ value: Value?, _ name: String) throws(BackendError) -> Value {
    guard let value else { throw .invalidArgument("\(path)\(name) is missing.") }
    return value
  }
}
