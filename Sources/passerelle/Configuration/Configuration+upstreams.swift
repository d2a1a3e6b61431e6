import Bytes
import Gateway
import Policy
import Wire

extension Configuration {
  /// The backends of an API: one `url`, or several `targets`.
  struct Upstream: Sendable {
    /// One place that calls may go to.
    struct Target: Sendable {
      var host: String
      var port: Int
      /// Its share of the calls beside the other targets' weights.
      var weight = 1
      /// Nil for a backend that is spoken to in the clear.
      var tls: UpstreamTLS?
    }

    var targets: [Target] = []
    /// Replaces the policies' time limit; nil keeps it.
    var timeoutMilliseconds: Int?
    /// The same for some operations, by their ids.
    var operationTimeoutMilliseconds: [String: Int] = [:]
    /// What becomes of answers that break the policy's schema; nil keeps what the policy says.
    var answerValidation: AnswerValidation?
    /// Everything but the targets themselves.
    var settings: UpstreamSettings

    static let targetsMaximum = 256
  }

  static func upstreams(_ value: JSONValue?, _ root: JSONValue, folder: String) throws(DocumentError) -> [String: Upstream] {
    guard let value else { throw root.error("\"upstreams\" is missing: where the calls of each API go") }
    guard value.kind == .object else { throw value.error("upstreams wants an object: API name to { \"url\": ... }") }
    var upstreams: [String: Upstream] = [:]
    for member in value.keys { upstreams[member.name] = try Upstream(member.value, folder: folder) }
    return upstreams
  }

  /// - Throws: one line, when a time limit is for an operation that no policy has.
  func checkUpstreams(_ catalogue: Catalogue) throws {
    for (name, upstream) in upstreams {
      let operations = catalogue.operationsByIndex.filter { operation in
        !operation.isServedHere && (name == "*" ? upstreams[operation.api.rawValue] == nil : operation.api.rawValue == name)
      }
      let known = Set(operations.map(\.id.rawValue))
      for operation in upstream.operationTimeoutMilliseconds.keys.sorted() where !known.contains(operation) {
        let nearest = NearestName.to(operation, among: known.sorted()).map { "; did you mean \"\($0)\"?" } ?? ""
        throw CommandFailure("upstreams.\(name).operations: no policy has an operation \"\(operation)\"\(nearest)")
      }
    }
  }
}

extension Configuration.Upstream {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    // The targets are made from these, with the files of TLS read, when they are needed.
    settings = UpstreamSettings(targets: [UpstreamSettings.Target(UpstreamTarget(host: "", port: 0))])
    let tls = reader.value("tls")
    if let list = try reader.optionalArray("targets") {
      guard reader.value("url") == nil else { throw value.error("url and targets exclude each other: url is for one target") }
      guard (1...Self.targetsMaximum).contains(list.count) else {
        throw value.error("targets wants 1 to \(Self.targetsMaximum) of { \"url\": ... }")
      }
      for element in list { targets.append(try Target(element, folder: folder, sharedTLS: tls)) }
      if let tls, targets.allSatisfy({ $0.tls == nil }) { throw tls.error("tls is for https targets") }
    } else {
      targets = [try Target(url: try reader.string("url"), value["url"] ?? value, tls: tls, isShared: false, folder: folder)]
    }
    timeoutMilliseconds = try reader.optionalInteger("timeoutMilliseconds", in: 1...600_000)
    try readOperations(reader.value("operations"))
    answerValidation = try reader.value("validateAnswers").map(Self.validation)
    settings.limits = try Self.limits(&reader, settings.limits)
    if let element = reader.value("health") { settings.health = try UpstreamSettings.Health(element) }
    if let element = reader.value("check") { settings.check = try UpstreamSettings.Check(element) }
    if let element = reader.value("retries") { settings.retries = try UpstreamSettings.Retries(element) }
    settings.slowStartSeconds = try reader.optionalInteger("slowStartSeconds", in: 0...3600) ?? settings.slowStartSeconds
    settings.resolveSeconds = try reader.optionalInteger("resolveSeconds", in: 1...86_400) ?? settings.resolveSeconds
    try reader.finish()
  }

  private static func validation(_ value: JSONValue) throws(DocumentError) -> AnswerValidation {
    switch value.string {
    case "off": return .none
    case "report": return .report
    case "refuse": return .refuse
    default: throw value.error("validateAnswers is \"off\", \"report\" or \"refuse\"")
    }
  }

  private mutating func readOperations(_ value: JSONValue?) throws(DocumentError) {
    guard let value else { return }
    guard value.kind == .object else { throw value.error("operations wants an object: operation to its settings") }
    for member in value.keys {
      var reader = try ObjectReader(member.value)
      operationTimeoutMilliseconds[member.name] = try reader.integer("timeoutMilliseconds", in: 1...600_000)
      try reader.finish()
    }
  }

  private static func limits(
    _ reader: inout ObjectReader, _ defaults: UpstreamLimits
  ) throws(DocumentError) -> UpstreamLimits {
    var limits = defaults
    limits.connectionsMaximum =
      try reader.optionalInteger("connectionsMaximum", in: 1...65_536) ?? limits.connectionsMaximum
    limits.idleConnectionsMaximum =
      try reader.optionalInteger("idleConnectionsMaximum", in: 0...65_536) ?? limits.idleConnectionsMaximum
    limits.idleSecondsMaximum = try reader.optionalInteger("idleSecondsMaximum", in: 1...3600) ?? limits.idleSecondsMaximum
    limits.connectSecondsMaximum =
      try reader.optionalInteger("connectSecondsMaximum", in: 1...60) ?? limits.connectSecondsMaximum
    limits.queueMaximum = try reader.optionalInteger("queueMaximum", in: 0...1_000_000) ?? limits.queueMaximum
    limits.queueMilliseconds = try reader.optionalInteger("queueMilliseconds", in: 1...600_000) ?? limits.queueMilliseconds
    limits.answerBytesMaximum =
      try reader.optionalInteger("answerBytesMaximum", in: 1024...(256 << 20)) ?? limits.answerBytesMaximum
    return limits
  }

  /// Reads the files of TLS.
  ///
  /// - Parameter contexts: those of the generation before whose files are the same are taken over.
  /// - Throws: one line that names the file that is wrong.
  func makeSettings(_ contexts: UpstreamContexts = UpstreamContexts()) throws -> GatewaySettings.Upstream {
    var made = settings
    made.targets = try targets.map { UpstreamSettings.Target(try $0.makeTarget(contexts), weight: $0.weight) }
    return GatewaySettings.Upstream(
      settings: made, timeoutMilliseconds: timeoutMilliseconds, operationTimeoutMilliseconds: operationTimeoutMilliseconds,
      answerValidation: answerValidation)
  }
}

extension Configuration.Upstream.Target {
  /// - Parameter sharedTLS: what the upstream says for all its targets.
  fileprivate init(_ value: JSONValue, folder: String, sharedTLS: JSONValue?) throws(DocumentError) {
    var reader = try ObjectReader(value)
    let own = reader.value("tls")
    try self.init(
      url: try reader.string("url"), value["url"] ?? value, tls: own ?? sharedTLS, isShared: own == nil, folder: folder)
    weight = try reader.optionalInteger("weight", in: 1...1000) ?? weight
    try reader.finish()
  }

  fileprivate init(
    url text: String, _ place: JSONValue, tls element: JSONValue?, isShared: Bool, folder: String
  ) throws(DocumentError) {
    guard let url = WebAddress(text), url.target == "/" else {
      throw place.error("url wants a scheme, a host and a port, such as http://127.0.0.1:9101, and no path")
    }
    if let element, url.isSecure {
      tls = try Configuration.UpstreamTLS(element, folder: folder)
    } else if let element, !isShared {
      throw element.error("tls is for an https url")
    } else if url.isSecure {
      tls = Configuration.UpstreamTLS()
    }
    host = url.host
    port = url.port
  }

  fileprivate func makeTarget(_ contexts: UpstreamContexts) throws -> UpstreamTarget {
    guard let tls else { return UpstreamTarget(host: host, port: port) }
    let context = try contexts.value(UpstreamContextKey(tls)) { try tls.context() }
    return UpstreamTarget(host: host, port: port, tls: context)
  }
}

extension UpstreamSettings.Health {
  fileprivate init(_ value: JSONValue) throws(DocumentError) {
    self.init()
    var reader = try ObjectReader(value)
    connectFaultsMaximum = try reader.optionalInteger("connectFaultsMaximum", in: 1...1_000_000) ?? connectFaultsMaximum
    answerFaultsMaximum = try reader.optionalInteger("answerFaultsMaximum", in: 1...1_000_000) ?? answerFaultsMaximum
    ejectedMilliseconds = try reader.optionalInteger("ejectedMilliseconds", in: 10...3_600_000) ?? ejectedMilliseconds
    ejectedMillisecondsMaximum =
      try reader.optionalInteger("ejectedMillisecondsMaximum", in: 10...86_400_000)
      ?? max(ejectedMilliseconds, ejectedMillisecondsMaximum)
    guard ejectedMillisecondsMaximum >= ejectedMilliseconds else {
      throw value.error("ejectedMillisecondsMaximum is less than ejectedMilliseconds")
    }
    try reader.finish()
  }
}

extension UpstreamSettings.Check {
  fileprivate init(_ value: JSONValue) throws(DocumentError) {
    self.init()
    var reader = try ObjectReader(value)
    path = try reader.optionalString("path")
    if let path, WebAddress("http://host" + path)?.target != path || !path.hasPrefix("/") {
      throw (value["path"] ?? value).error("path wants one such as /health")
    }
    intervalMilliseconds = try reader.optionalInteger("intervalMilliseconds", in: 100...3_600_000) ?? intervalMilliseconds
    timeoutMilliseconds = try reader.optionalInteger("timeoutMilliseconds", in: 10...60_000) ?? timeoutMilliseconds
    badMaximum = try reader.optionalInteger("badMaximum", in: 1...100) ?? badMaximum
    goodMinimum = try reader.optionalInteger("goodMinimum", in: 1...100) ?? goodMinimum
    try reader.finish()
  }
}

extension UpstreamSettings.Retries {
  fileprivate init(_ value: JSONValue) throws(DocumentError) {
    self.init()
    var reader = try ObjectReader(value)
    percent = try reader.optionalInteger("percent", in: 0...100) ?? percent
    burst = try reader.optionalInteger("burst", in: 1...10_000) ?? burst
    perCallMaximum = try reader.optionalInteger("perCallMaximum", in: 0...10) ?? perCallMaximum
    try reader.finish()
  }
}
