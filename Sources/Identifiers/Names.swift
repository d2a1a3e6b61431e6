/// An OAuth client (RFC 6749 §2.2): the application that asks. 1 to 128 visible ASCII characters.
public struct ClientID: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 128) else { return nil }
    self.rawValue = rawValue
  }
}

/// The name of a CAMARA API, as in its path and scopes: `device-identifier`.
public struct APIName: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 64) else { return nil }
    self.rawValue = rawValue
  }
}

/// The `operationId` of an operation in its API: `retrieveIdentifier`.
public struct OperationID: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 64) else { return nil }
    self.rawValue = rawValue
  }
}

/// A data category that a person can understand and agree to: `device-serial-number`. Lower case, digits and hyphens.
public struct CategoryID: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 64),
      rawValue.utf8.allSatisfy({ ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D })
    else { return nil }
    self.rawValue = rawValue
  }
}

/// One grant: what a subscriber (or nobody, with client credentials) let one client have. Every token names its grant.
public struct GrantID: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 64) else { return nil }
    self.rawValue = rawValue
  }
}

/// One consent record: the history of one subscriber, one client and one purpose.
public struct ConsentID: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 64) else { return nil }
    self.rawValue = rawValue
  }
}

/// The keyed pseudonym of a subscriber, under which ledger, consents and grants know them.
///
/// It is random, not derived from the number: the row that links the two can be destroyed, and then nothing leads back.
public struct SubjectPseudonym: StringIdentifier {
  public let rawValue: String
  public init?(rawValue: String) {
    guard isVisibleASCII(rawValue, countMaximum: 64) else { return nil }
    self.rawValue = rawValue
  }
}
