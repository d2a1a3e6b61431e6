import Bytes

/// The members of a message that leaves for a webhook: those of a list that the operator allows, and no others.
struct MessageFields<Field: RawRepresentable & Hashable & Sendable>: Sendable where Field.RawValue == String {
  private let allowed: Set<Field>
  private var json = JSONWriter()

  init(allowed: Set<Field>) {
    self.allowed = allowed
    json.beginObject()
  }

  /// Adds a member when it is allowed.
  mutating func add(_ field: Field, _ value: String) {
    guard allowed.contains(field) else { return }
    json.key(field.rawValue)
    json.string(value)
  }

  mutating func add(_ field: Field, _ value: Int) {
    guard allowed.contains(field) else { return }
    json.key(field.rawValue)
    json.integer(value)
  }

  consuming func end() -> [UInt8] {
    json.endObject()
    return json.bytes
  }
}
