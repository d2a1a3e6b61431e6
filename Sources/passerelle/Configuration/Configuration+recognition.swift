import Authorization
import Bytes
import Store
import Wire

extension Configuration {
  /// A server of the operator's that is asked, or told something, over HTTP.
  struct Hook: Sendable {
    var address: WebAddress
    /// A file (0600) with the bearer token that is shown to it; nil shows none.
    var bearerTokenFile: String?
    var timeoutMilliseconds = 2000
    /// Under way at a time.
    var requestsMaximum = 64
  }

  /// All hooks, by their place in the file.
  var hooks: [(name: String, hook: Hook)] {
    let all: [(String, Hook?)] = [
      ("recognition.addressLookup", recognition.addressLookup), ("recognition.operatorToken", recognition.operatorToken),
      ("recognition.numberDirectory", recognition.numberDirectory), ("recognition.oneTimeCode", recognition.oneTimeCode?.webhook),
      ("ciba.channel", backchannel.webhook),
    ]
    return all.compactMap { name, hook in hook.map { (name, $0) } }
  }

  /// How a subscriber is recognised.
  struct Recognition: Sendable {
    /// The header that the operator's network adds, in lower case; nil turns header enrichment off.
    var enrichmentHeader: String?
    /// The addresses from which that header is believed.
    var trustedProxies: [AddressRange] = []
    /// Under which address a browser counts as coming.
    var browserAddress = BrowserAddress()
    var addressLookup: Hook?
    var operatorToken: Hook?
    var numberDirectory: Hook?
    var oneTimeCode: OneTimeCode?
  }

  struct OneTimeCode: Sendable {
    var webhook: Hook
    var fields = CodeMessage.Field.usual
    var settings = OneTimeCodes.Settings()
  }

  /// How subscribers are asked who are not in front of a browser (CIBA).
  struct Backchannel: Sendable {
    var webhook: Hook?
    var fields = WebhookChannel.Field.usual
    var intervalSeconds = 5
    var lifetimeSeconds = 300
  }
}

extension Configuration.Hook {
  /// Nothing but the hook.
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    try self.init(&reader, value, folder: folder)
    try reader.finish()
  }

  /// The hook's own members of an object that has more.
  init(_ reader: inout ObjectReader, _ value: JSONValue, folder: String) throws(DocumentError) {
    guard let address = WebAddress(try reader.string("url")) else {
      throw (value["url"] ?? value).error("url wants an http or https URL, such as https://operator.example/lookup")
    }
    self.address = address
    bearerTokenFile = try reader.optionalString("bearerTokenFile").map { Files.path($0, in: folder) }
    timeoutMilliseconds = try reader.optionalInteger("timeoutMilliseconds", in: 10...30_000) ?? timeoutMilliseconds
    requestsMaximum = try reader.optionalInteger("requestsMaximum", in: 1...10_000) ?? requestsMaximum
  }
}

extension Configuration.Recognition {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    if let proxied = try reader.value("headerEnrichment").map(ProxyHeader.init) {
      enrichmentHeader = proxied.header
      trustedProxies = proxied.trustedProxies
    }
    if let proxied = try reader.value("browserAddress").map(ProxyHeader.init) {
      browserAddress = BrowserAddress(header: proxied.header, trustedProxies: proxied.trustedProxies)
    }
    func hook(_ value: JSONValue?) throws(DocumentError) -> Configuration.Hook? {
      guard let value else { return nil }
      return try Configuration.Hook(value, folder: folder)
    }
    addressLookup = try hook(reader.value("addressLookup"))
    operatorToken = try hook(reader.value("operatorToken"))
    numberDirectory = try hook(reader.value("numberDirectory"))
    if let value = reader.value("oneTimeCode") { oneTimeCode = try Configuration.OneTimeCode(value, folder: folder) }
    try reader.finish()
  }
}

/// A field that is believed from some addresses alone.
private struct ProxyHeader {
  let header: String
  let trustedProxies: [AddressRange]

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    header = try reader.string("header").lowercased()
    var ranges: [AddressRange] = []
    for element in try reader.array("trustedProxies") {
      guard let range = element.string.flatMap(AddressRange.init) else {
        throw element.error("trustedProxies wants addresses in CIDR form, such as 10.0.0.0/8 or ::1/128")
      }
      ranges.append(range)
    }
    trustedProxies = ranges
    try reader.finish()
  }
}

extension Configuration.OneTimeCode {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    webhook = try Configuration.Hook(&reader, value, folder: folder)
    fields = try reader.fields("fields", of: value) ?? fields
    // Without the number nobody knows where to, and without the code there is nothing to type.
    guard fields.contains(.phoneNumber), fields.contains(.text) || fields.contains(.code) else {
      throw (value["fields"] ?? value).error("fields wants \"phoneNumber\", and \"text\" or \"code\"")
    }
    if let code = try reader.optionalString("countryCode") {
      guard (1...3).contains(code.utf8.count), code.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !code.hasPrefix("0") else {
        throw (value["countryCode"] ?? value).error("countryCode wants one to three digits, such as \"33\"")
      }
      settings.countryCode = code
    }
    settings.lifetimeSeconds = try reader.optionalInteger("lifetimeSeconds", in: 60...600) ?? settings.lifetimeSeconds
    var limits = settings.limits
    limits.attemptsPerCode = try reader.optionalInteger("attemptsPerCode", in: 1...5) ?? limits.attemptsPerCode
    limits.codesPerInteraction = try reader.optionalInteger("codesPerVisit", in: 1...10) ?? limits.codesPerInteraction
    limits.codesPerNumberAndHour =
      try reader.optionalInteger("codesPerNumberAndHour", in: 1...20) ?? limits.codesPerNumberAndHour
    limits.codesPerSourceAndHour =
      try reader.optionalInteger("codesPerAddressAndHour", in: 1...100_000) ?? limits.codesPerSourceAndHour
    settings.limits = limits
    try reader.finish()
  }
}

extension Configuration.Backchannel {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    if var channel = try reader.optionalObject("channel") {
      let value = try channel.required("webhook")
      var inner = try ObjectReader(value)
      webhook = try Configuration.Hook(&inner, value, folder: folder)
      fields = try inner.fields("fields", of: value) ?? fields
      guard fields.contains(.phoneNumber), fields.contains(.link) else {
        throw (value["fields"] ?? value).error("fields wants \"phoneNumber\" and \"link\" at least")
      }
      try inner.finish()
      try channel.finish()
    }
    intervalSeconds = try reader.optionalInteger("intervalSeconds", in: 1...60) ?? intervalSeconds
    lifetimeSeconds = try reader.optionalInteger("lifetimeSeconds", in: 10...3600) ?? lifetimeSeconds
    try reader.finish()
  }
}

extension ObjectReader {
  /// A list of what may be sent; nil when it is not there.
  fileprivate mutating func fields<Field: RawRepresentable & CaseIterable & Hashable>(
    _ key: String, of value: JSONValue
  ) throws(DocumentError) -> Set<Field>? where Field.RawValue == String {
    guard let names = try optionalStrings(key) else { return nil }
    var fields = Set<Field>()
    for name in names {
      guard let field = Field(rawValue: name) else {
        let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
        throw (value[key] ?? value).error("\(key) wants some of: \(known)")
      }
      fields.insert(field)
    }
    return fields
  }
}
