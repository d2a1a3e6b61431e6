import Bytes

/// Who the operator has a contract with, by CAMARA's names of the members (`givenName`, `birthdate`).
struct Person: Sendable {
  /// In the order of CAMARA's kyc-fill-in.
  static let names = [
    "idDocument", "idDocumentType", "idDocumentExpiryDate", "name", "givenName", "familyName", "nameKanaHankaku",
    "nameKanaZenkaku",
    "middleNames", "familyNameAtBirth", "address", "streetName", "streetNumber", "postalCode", "region", "locality", "country",
    "houseNumberExtension", "birthdate", "email", "gender", "cityOfBirth", "countryOfBirth", "nationality",
  ]

  private var values: [String: String]
  /// Their document must be named, or nothing is matched.
  private(set) var requiresDocument = false
  /// Whether the operator has seen a document of theirs.
  private(set) var isVerified = true
  /// `true`, `false` or `not_available`.
  private(set) var contentLock = "not_available"
  private(set) var parentalControl = "not_available"

  subscript(_ name: String) -> String? { values[name] }

  /// Reads what is known; what is not said is as for `everybody`, but what belongs together with something said is not mixed: a name that
  /// is not said is made of the given and the family name, an address of its parts. `null` is not known.
  init(_ value: JSONValue?, over everybody: Person?) throws(DocumentError) {
    guard let value else {
      self = everybody!
      return
    }
    var reader = try ObjectReader(value)
    values = everybody?.values ?? [:]
    if everybody != nil { for name in ["name", "address"] { values[name] = nil } }
    for name in Self.names {
      guard let given = reader.value(name) else { continue }
      guard given.isNull || given.string != nil else { throw given.error("\"\(name)\" wants a string, or null") }
      values[name] = given.string
    }
    let flags = ["true", "false", "not_available"]
    requiresDocument = try reader.boolean("requiresDocument", default: everybody?.requiresDocument ?? false)
    isVerified = try reader.boolean("verified", default: everybody?.isVerified ?? true)
    contentLock = try reader.choice("contentLock", of: flags, default: everybody?.contentLock ?? "not_available")
    parentalControl = try reader.choice("parentalControl", of: flags, default: everybody?.parentalControl ?? "not_available")
    if let date = values["birthdate"], Timestamp(rfc3339: date + "T00:00:00Z") == nil {
      throw (reader.value("birthdate") ?? value).error("\"birthdate\" wants a date such as 1984-03-12")
    }
    try reader.finish()
    makeWhole()
  }

  private mutating func makeWhole() {
    if values["name"] == nil {
      let parts = [values["givenName"], values["familyName"]].compactMap { $0 }
      values["name"] = parts.isEmpty ? nil : parts.joined(separator: " ")
    }
    if values["address"] == nil, let street = values["streetName"], let locality = values["locality"] {
      let number = values["streetNumber"].map { $0 + " " } ?? ""
      values["address"] = "\(number)\(street), \(values["postalCode"].map { $0 + " " } ?? "")\(locality)"
    }
  }

  /// In whole years; nil when the day of birth is not known.
  func age(at now: Timestamp) -> Int? {
    guard let text = values["birthdate"], let birth = Timestamp(rfc3339: text + "T00:00:00Z") else { return nil }
    let hadBirthday = (now.month, now.day) >= (birth.month, birth.day)
    return now.year - birth.year - (hadBirthday ? 0 : 1)
  }
}
