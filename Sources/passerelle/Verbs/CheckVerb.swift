import Authorization
import Bytes
import ConsentMaster
import Identifiers
import JOSE
import Policy
import Wire

/// `passerelle check`: all that `serve` would check before it listens, without listening and without writing; and one harmless
/// request to each of the operator's servers. One that does not answer is a remark: serving is possible, and it may come back.
enum CheckVerb: Verb {
  static let name = "check"
  static let summary = "check a configuration, its policies and keys, without serving"
  static let usage = ["check --config FILE [--json]"]
  static let options: [OptionDefinition] = [.config, .json]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let configuration = try Command.configuration(arguments)
    let catalogue = try Ruleset.catalogue(configuration)
    let remarks = try tlsRemarks(configuration) + remarks(configuration, catalogue)
    _ = try configuration.readLogos()
    let adapters = try await health(configuration)
    let questions = try LegalBasisReport.rows(configuration, catalogue)
    guard arguments.flag("--json") else {
      Output.line("\(try arguments.required("--config")): right")
      for remark in remarks { Output.line("  " + remark) }
      for adapter in adapters { Output.line("  \(adapter.name): \(adapter.finding)") }
      LegalBasisReport.print(questions)
      return
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", true)
    writer.field("issuer", configuration.issuer)
    writer.field("remarks", remarks)
    writer.key("adapters")
    writer.beginArray()
    for adapter in adapters {
      writer.beginObject()
      writer.field("name", adapter.name)
      writer.field("ok", adapter.isGood)
      writer.field("finding", adapter.finding)
      writer.endObject()
    }
    writer.endArray()
    writer.key("clients")
    LegalBasisReport.write(questions, to: &writer)
    writer.endObject()
    Output.json(writer.bytes)
  }

  private static func health(_ configuration: Configuration) async throws -> [AdapterHealth] {
    let loops = try EventLoopGroup(count: 1, time: SystemTime())
    let services = try OutboundServices(configuration, Outbound(configuration.outbound, loop: loops.loops[0]).web)
    loops.start()
    defer { loops.stop() }
    var found = await services.health()
    if let settings = configuration.consent.master {
      found.append(try await health(settings, configuration.outbound, loop: loops.loops[0]))
    }
    if let header = configuration.recognition.enrichmentHeader {
      let count = configuration.recognition.trustedProxies.count
      found.insert(
        AdapterHealth(
          name: "recognition.headerEnrichment", isGood: count > 0,
          finding: count > 0
            ? "believes \(header) from \(count) range\(count == 1 ? "" : "s") of addresses"
            : "no proxy is trusted: nobody is recognised by it"),
        at: 0)
    }
    return found
  }

  /// A look-up of somebody who cannot be.
  private static func health(
    _ settings: Configuration.ConsentMaster, _ outbound: Configuration.Outbound, loop: EventLoop
  ) async throws -> AdapterHealth {
    let connection = MasterConnection(try settings.made(), tls: try ConsentMasterLink.tls(settings, outbound), loop: loop)
    do {
      let found = try await connection.records(
        MSISDN(e164: "+99900000000")!, subject: SubjectPseudonym(rawValue: "check")!, client: nil, purpose: nil)
      let isGood = found.isEmpty
      return AdapterHealth(
        name: "consent.master", isGood: isGood, finding: isGood ? "answers" : "it has records of somebody who cannot be")
    } catch { return AdapterHealth(name: "consent.master", isGood: false, finding: "\(error)") }
  }

  private static func remarks(_ configuration: Configuration, _ catalogue: Catalogue) throws -> [String] {
    var remarks = ["\(catalogue.apis.count) policies, \(catalogue.operationsByIndex.count) operations"]
    if Files.exists(configuration.keys + "/signing.pem") {
      let ring = try KeyRing.openOrCreate(directory: configuration.keys)
      remarks.append("signing key \(ring.current.kid)")
    } else {
      remarks.append("no keys yet in \(configuration.keys): serve makes them at its first start")
    }
    for name in Set(catalogue.apis.map(\.name.rawValue)).sorted()
    where configuration.upstreams[name] == nil && configuration.upstreams["*"] == nil {
      remarks.append("no upstream for \(name): its calls are answered 503")
    }
    remarks += try billingRemarks(configuration, catalogue)
    if configuration.ledger.durability == .none { remarks.append("ledger.durability is none: no API call is recorded") }
    remarks += codeRemarks(configuration.recognition)
    if let master = configuration.consent.master, master.pushTokenFile == nil, master.rememberedSeconds > 0 {
      remarks.append(
        "consent.master.pushTokenFile is not set: what is withdrawn at the consent master holds here after up to "
          + "\(master.rememberedSeconds) s")
    }
    for (name, hook) in configuration.hooks where !hook.address.isSecure && !hook.address.isLoopback {
      remarks.append("\(name): http carries personal data in the clear; https is safer")
    }
    return remarks
  }

  /// - Throws: `CommandFailure` when a registered client has a plan that cannot be: its usage could not be rated.
  private static func billingRemarks(_ configuration: Configuration, _ catalogue: Catalogue) throws -> [String] {
    let plans = Ruleset.plans(configuration, catalogue)
    var remarks: [String] = []
    for client in try LegalBasisReport.clients(configuration) {
      do { _ = try plans.plans(of: client.id, registered: client.plans) } catch { throw CommandFailure("billing: \(error)") }
      guard let said = configuration.billing.assignments[client.id] else { continue }
      if !client.plans.isEmpty, client.plans != said {
        remarks.append("billing: the plans of \(client.id) are those of the configuration, not those of its registration")
      }
    }
    let served = catalogue.operationsByIndex.filter { !$0.isServedHere }
    return remarks + plans.remarks(operations: served.map { ($0.api.rawValue, $0.id.rawValue) })
  }

  /// Reads every file of TLS.
  ///
  /// - Throws: one line for what `serve` could not use. It could use an expired certificate, and what else it serves may matter.
  private static func tlsRemarks(_ configuration: Configuration) throws -> [String] {
    let now = SystemTime().now()
    let tls = try ListenerTLS(configuration, time: SystemTime())
    _ = try configuration.makeGatewaySettings()
    var remarks = tls.remarks(now: now)
    for (name, server, url) in [
      ("listen.tls", tls.front, configuration.issuer), ("mutualTLS.listen.tls", tls.mutual, configuration.mutualTLS?.url ?? ""),
    ] {
      guard let server, let host = WebAddress(url)?.host, !server.identities.contains(where: { $0.covers(host) }) else {
        continue
      }
      remarks.append("\(name): no certificate is for \(host)")
    }
    if tls.front == nil, SocketAddress(ip: configuration.listen.host, port: 0)?.isLoopback == false {
      remarks.append("listen has no tls: tokens and personal data come in the clear unless a proxy of yours stands in front")
    }
    return remarks
  }

  private static func codeRemarks(_ recognition: Configuration.Recognition) -> [String] {
    guard recognition.oneTimeCode != nil else { return [] }
    var remarks: [String] = []
    if !recognition.browserAddress.hasHeader {
      remarks.append("recognition.browserAddress is not set: all who come through one proxy share one limit of codes")
    }
    if recognition.numberDirectory == nil {
      remarks.append("recognition.numberDirectory is not set: codes go to every number, and who types one counts as a subscriber")
    }
    return remarks
  }
}
