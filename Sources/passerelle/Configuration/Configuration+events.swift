import Bytes
import Wire

extension Configuration {
  /// Subscriptions, their events and where these go.
  struct Events: Sendable, Equatable {
    /// Where backends reach this gateway, without a slash at the end: `/events/` and a secret follow. Nil: under the issuer.
    var sinkURL: String?
    /// Where a client's sink may be although it is not public.
    var allowedSinkAddresses: [AddressRange] = []
    /// Sinks without TLS, on loopback and for tests.
    var allowsPlainHTTP = false
    var waitingPerSubscription = 1000
    var waitingMaximum = 1_000_000
    var attemptsMaximum = 20
    var attemptHours = 24
    var deliveriesAtOnce = 256
    var connectionsPerSink = 16
    var timeoutMilliseconds = 10_000
  }
}

extension Configuration.Events {
  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    if let url = try reader.optionalString("sinkUrl") {
      guard WebAddress(url) != nil, !url.hasSuffix("/"), !url.contains("?") else {
        throw (value["sinkUrl"] ?? value).error("sinkUrl wants an http or https URL without a slash or a query at its end")
      }
      sinkURL = url
    }
    for element in try reader.optionalArray("allowedSinkAddresses") ?? [] {
      guard let range = element.string.flatMap(AddressRange.init) else {
        throw element.error("allowedSinkAddresses wants addresses in CIDR form, such as 10.0.0.0/8 or ::1/128")
      }
      allowedSinkAddresses.append(range)
    }
    allowsPlainHTTP = try reader.boolean("allowPlainHttp", default: false)
    waitingPerSubscription = try reader.optionalInteger("waitingPerSubscription", in: 1...1_000_000) ?? waitingPerSubscription
    waitingMaximum = try reader.optionalInteger("waitingMaximum", in: 1...100_000_000) ?? waitingMaximum
    attemptsMaximum = try reader.optionalInteger("attemptsMaximum", in: 1...100) ?? attemptsMaximum
    attemptHours = try reader.optionalInteger("attemptHours", in: 1...720) ?? attemptHours
    deliveriesAtOnce = try reader.optionalInteger("deliveriesAtOnce", in: 4...10_000) ?? deliveriesAtOnce
    connectionsPerSink = try reader.optionalInteger("connectionsPerSink", in: 1...1000) ?? connectionsPerSink
    timeoutMilliseconds = try reader.optionalInteger("timeoutMilliseconds", in: 100...60_000) ?? timeoutMilliseconds
    try reader.finish()
  }
}
