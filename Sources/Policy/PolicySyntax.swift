/// What of the language of policies somebody who writes one has to know.
public enum PolicySyntax {
  /// The largest count that a schema may name.
  public static let countMaximum = 1 << 20

  /// The name under which `errors` knows one of CAMARA's common errors; nil for another.
  public static func errorName(status: Int, code: String) -> String? {
    ErrorCodes.table.first { $0.answer.status == status && $0.answer.code == code }?.name
  }

  /// True for a format that says something of values of a type; others are refused.
  public static func isFormat(_ name: String, of type: String) -> Bool {
    guard let format = BodySchema.Format(rawValue: name) else { return false }
    return format.isNumeric ? type == "integer" || type == "number" : type == "string"
  }

  /// True for a number that `multipleOf` takes; others are refused.
  public static func isStep(_ literal: String) -> Bool {
    guard let value = Double(literal), value > 0, value.isFinite else { return false }
    return Decimal(literal) != nil
  }

  /// The usual message of an error, by its name.
  public static func errorMessage(_ name: String) -> String? { ErrorCodes.table.first { $0.name == name }?.answer.message }
}

extension PolicySyntax {
  /// True for a field of a head that a policy may pass on: neither HTTP's own nor one that the gateway writes.
  public static func isPassable(header name: String) -> Bool { HeaderRules.isFree(name) }

  /// True for the name of a query parameter that a policy may pass on.
  public static func isPassable(query name: String) -> Bool { QuerySchema.isName(name) }

  /// Query parameters and request fields that one operation may name.
  public static let queryCountMaximum = 64
  public static let headerCountMaximum = 16

  /// True for the version of an API's document. It is printed, and goes into URLs, entries and metrics.
  public static func isVersion(_ text: String) -> Bool {
    (1...versionBytesMaximum).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
  }

  public static let versionBytesMaximum = 64
}
