import Bytes

extension Configuration {
  /// What `/metrics` on the admin listener tells, and to whom.
  struct Metrics: Sendable {
    /// Clients with series of their own; all others are counted together.
    var clientsMaximum = 200
    /// A file (0600) with the bearer token that a scraper shows; nil: it needs none.
    var bearerTokenFile: String?
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
