import Bytes

/// What one entry says, beside number, time and chain, which the writer adds. What is nil is absent from the line.
///
/// Nothing here may be a subscriber's number, a device's identity, a token or a secret: subjects go by their pseudonym.
public struct LedgerEntry: Sendable, Equatable {
  /// One more thing that the event's kind wants said.
  public struct Detail: Sendable, Equatable {
    public var key: String
    public var value: String

    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// `api.call`, `token.issued`, `token.refused`, `consent.granted`, `key.rotated`, `admin....`, `ledger.repaired`, ...
  public var event: String
  public var clientID: String?
  /// A pseudonym, never a number.
  public var subject: String?
  public var api: String?
  public var operation: String?
  public var scopes: [String]?
  public var purpose: String?
  public var legalBasis: String?
  public var consentID: String?
  /// `allowed`, `refused` or `failed`.
  public var decision: String?
  public var reason: String?
  /// The data categories that were released.
  public var categories: [String]?
  /// What the gateway answered.
  public var status: Int?
  /// What the backend answered.
  public var upstreamStatus: Int?
  public var durationMicroseconds: Int?
  public var correlator: String?
  public var requestBytes: Int?
  public var responseBytes: Int?
  public var detail: [Detail]

  public init(
    event: String, clientID: String? = nil, subject: String? = nil, api: String? = nil, operation: String? = nil,
    scopes: [String]? = nil, purpose: String? = nil, legalBasis: String? = nil, consentID: String? = nil,
    decision: String? = nil, reason: String? = nil, categories: [String]? = nil, status: Int? = nil,
    upstreamStatus: Int? = nil, durationMicroseconds: Int? = nil, correlator: String? = nil, requestBytes: Int? = nil,
    responseBytes: Int? = nil, detail: [Detail] = []
  ) {
    self.event = event
    self.clientID = clientID
    self.subject = subject
    self.api = api
    self.operation = operation
    self.scopes = scopes
    self.purpose = purpose
    self.legalBasis = legalBasis
    self.consentID = consentID
    self.decision = decision
    self.reason = reason
    self.categories = categories
    self.status = status
    self.upstreamStatus = upstreamStatus
    self.durationMicroseconds = durationMicroseconds
    self.correlator = correlator
    self.requestBytes = requestBytes
    self.responseBytes = responseBytes
    self.detail = detail
  }

  /// Appends the members, without braces, in the order in which they stand above. Everything that would end a line or leave
  /// a string is escaped (A33).
  public func encode(into members: inout [UInt8]) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("event", event)
    writer.optional("client_id", clientID)
    writer.optional("subject", subject)
    writer.optional("api", api)
    writer.optional("operation", operation)
    writer.optional("scopes", scopes)
    writer.optional("purpose", purpose)
    writer.optional("legal_basis", legalBasis)
    writer.optional("consent_id", consentID)
    writer.optional("decision", decision)
    writer.optional("reason", reason)
    writer.optional("categories", categories)
    writer.optional("status", status)
    writer.optional("upstream_status", upstreamStatus)
    writer.optional("duration_us", durationMicroseconds)
    writer.optional("correlator", correlator)
    writer.optional("request_bytes", requestBytes)
    writer.optional("response_bytes", responseBytes)
    if !detail.isEmpty {
      writer.key("detail")
      writer.beginObject()
      // A key that came twice would make the line unreadable for a strict reader: the first stands.
      for (index, item) in detail.enumerated() where !detail[..<index].contains(where: { $0.key == item.key }) {
        writer.key(item.key)
        writer.string(item.value)
      }
      writer.endObject()
    }
    writer.endObject()
    members.append(contentsOf: writer.bytes.dropFirst().dropLast())
  }
}

extension JSONWriter {
  fileprivate mutating func optional(_ name: StaticString, _ value: String?) {
    if let value { field(name, value) }
  }
  fileprivate mutating func optional(_ name: StaticString, _ value: Int?) {
    if let value { field(name, value) }
  }
  fileprivate mutating func optional(_ name: StaticString, _ values: [String]?) {
    if let values { field(name, values) }
  }
}
