import Bytes
import Telemetry
import Wire

extension Configuration {
  /// What `/metrics` on the admin listener tells, and to whom.
  struct Metrics: Sendable, Equatable {
    /// Clients with series of their own; all others are counted together.
    var clientsMaximum = 200
    /// A file (0600) with the bearer token that a scraper shows; nil: it needs none.
    var bearerTokenFile: String?
  }

  /// Which calls are traced, and where their spans go.
  struct Tracing: Sendable, Equatable {
    /// Of traces that nobody has decided about.
    var sampleRatio = 0.01
    /// A client's `traceparent` is our span's parent, and decides whether the trace is recorded.
    var trustsParents = true
    var serviceName = "passerelle"
    var collector: Collector
  }

  /// Takes spans: OTLP over HTTP, in JSON.
  struct Collector: Sendable, Equatable {
    var address: WebAddress
    /// A file (0600) with the token that is shown; nil shows none.
    var bearerTokenFile: String?
    /// The field in which it is shown, in small letters; in `authorization` as a bearer token, in others alone.
    var header = "authorization"
    /// Spans that may wait; further ones are dropped.
    var queueMaximum = 4096
  }

  /// What is written on standard error.
  struct Log: Sendable {
    var level = LogLevel.info
    var format = Telemetry.Log.Format.text
  }
}

extension Configuration.Metrics {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    clientsMaximum = try reader.optionalInteger("clientsMaximum", in: 0...10_000) ?? clientsMaximum
    bearerTokenFile = try reader.optionalString("bearerTokenFile").map { Files.path($0, in: folder) }
    try reader.finish()
  }
}

extension Configuration.Tracing {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    collector = try Configuration.Collector(reader.required("otlp"), folder: folder)
    if let element = reader.value("sampleRatio") {
      guard let ratio = element.double, (0...1).contains(ratio) else {
        throw element.error("sampleRatio wants a number from 0 to 1")
      }
      sampleRatio = ratio
    }
    trustsParents = try reader.boolean("trustsParents", default: trustsParents)
    serviceName = try reader.optionalString("serviceName") ?? serviceName
    try reader.finish()
  }
}

extension Configuration.Collector {
  /// Written by the client itself.
  private static let reservedHeaders = ["host", "connection", "content-length", "content-type", "transfer-encoding"]

  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    address = try reader.confidentialAddress("url", of: value)
    bearerTokenFile = try reader.optionalString("bearerTokenFile").map { Files.path($0, in: folder) }
    header = try reader.optionalString("header")?.lowercased() ?? header
    let isName = header.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    guard isName, !header.isEmpty, !Self.reservedHeaders.contains(header) else {
      throw (value["header"] ?? value).error("header wants the name of a field, such as \"authorization\" or \"x-api-key\"")
    }
    queueMaximum = try reader.optionalInteger("queueMaximum", in: 1...1_000_000) ?? queueMaximum
    try reader.finish()
  }
}

extension Configuration.Log {
  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    if let name = try reader.optionalString("level") {
      guard let level = LogLevel(rawValue: name) else {
        throw (value["level"] ?? value).error("level wants \"error\", \"warning\" or \"info\"")
      }
      self.level = level
    }
    if let name = try reader.optionalString("format") {
      guard let format = Telemetry.Log.Format(rawValue: name) else {
        throw (value["format"] ?? value).error("format wants \"text\" or \"json\"")
      }
      self.format = format
    }
    try reader.finish()
  }
}
