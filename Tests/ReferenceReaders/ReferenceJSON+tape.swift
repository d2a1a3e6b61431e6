import Bytes

extension ReferenceJSON {
  /// What a value is, read through the tape of the real parser.
  package init(_ value: JSONValue) {
    self =
      switch value.kind {
      case .object: .object(value.keys.map { ($0.name, ReferenceJSON($0.value)) })
      case .array: .array((value.array ?? []).map { ReferenceJSON($0) })
      case .string: .string(value.string ?? "?")
      case .number: .number(String(decoding: value.raw, as: UTF8.self))
      case .true: .boolean(true)
      case .false: .boolean(false)
      case .null: .null
      }
  }
}
