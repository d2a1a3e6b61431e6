import Bytes
import Identifiers

/// A kind of data that a person can understand and agree to (DESIGN section 5).
public struct Category: Sendable {
  public let id: CategoryID
  /// The bit that stands for it in a `FieldMask`.
  public let index: Int
  public let title: LocalizedText
  public let description: LocalizedText
  /// What would be seen, made up.
  public let example: LocalizedText
  /// Names of fields for which `policies import` proposes it: `imei`, or with the name before it, `config.area`.
  public let fieldNames: [String]

  public var mask: FieldMask { 1 << FieldMask(index) }

  init(id: CategoryID, index: Int, _ value: JSONValue) throws(DocumentError) {
    self.id = id
    self.index = index
    var reader = try ObjectReader(value)
    title = try LocalizedText(reader.required("title"))
    description = try LocalizedText(reader.required("description"))
    example = try LocalizedText(reader.required("example"))
    fieldNames = try reader.optionalStrings("fields") ?? []
    try reader.finish()
  }
}

/// A purpose of W3C's Data Privacy Vocabulary, in words that people read.
public struct PurposeTerm: Sendable {
  public let purpose: Purpose
  public let title: LocalizedText
  public let description: LocalizedText

  init(_ member: JSONValue.Member) throws(DocumentError) {
    guard let purpose = Purpose(rawValue: "dpv:" + member.name) else { throw member.error("a purpose wants letters and digits") }
    self.purpose = purpose
    var reader = try ObjectReader(member.value)
    title = try LocalizedText(reader.required("title"))
    description = try LocalizedText(reader.required("description"))
    try reader.finish()
  }
}
