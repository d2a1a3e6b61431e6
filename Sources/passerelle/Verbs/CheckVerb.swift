import Authorization
import Bytes
import ConsentMaster
import Identifiers
import JOSE
import Policy
import Wire

/// `passerelle check`: all that `serve` would check before it listens, without listening and without writing; and one harmless
/// request to each of the operator's servers. One that does not answer is a remark: serving is possible, and it may come back. All faults
/// that can be found are said in one run, a line each.
enum CheckVerb: Verb {
  static let name = "check"
  static let summary = "check a configuration, its policies and keys, without serving"
  static let usage = ["check --config FILE [--connect] [--json]"]
  static let options: [OptionDefinition] = [
    .config, .flag("--connect", "open a connection to each backend too; one that takes none is a fault"), .json,
  ]

  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 0, "nothing")
    let configuration = try Command.configuration(arguments)
    var findings = CheckFindings(configuration)
    var report = Report()
    if let catalogue = findings.catalogue {
      report.remarks = findings.attempt { try remarks(configuration, catalogue) } ?? []
      report.questions = findings.attempt { try LegalBasisReport.rows(configuration, catalogue) } ?? []
    }
    report.remarks = findings.remarks + report.remarks
    report.adapters = try await health(configuration, &findings)
    if arguments.flag("--connect") {
      report.upstreams = try await upstreams(configuration)
      for upstream in report.upstreams { if let fault = upstream.fault { findings.attempt { throw CommandFailure(fault) } } }
    }
    if arguments.flag("--json") {
      Output.json(report.json(configuration, findings.faults))
      if !findings.faults.isEmpty { throw CommandFailure("") }
    } else {
      guard findings.faults.isEmpty else { throw CommandFailure(findings.faults.joined(separator: "\npasserelle: ")) }
      report.print("\(try arguments.required("--config")): right")
    }
  }

  /// What is said of a configuration that can be served.
  private struct Report {
    var remarks: [String] = []
    var adapters: [AdapterHealth] = []
    var upstreams: [(name: String, fault: String?)] = []
    var questions: [LegalBasisReport] = []

    func print(_ title: String) {
      Output.line(title)
      for remark in remarks { Output.line("  " + remark) }
      for adapter in adapters { Output.line("  \(adapter.name): \(adapter.finding)") }
      for upstream in upstreams { Output.line("  \(upstream.name): takes connections") }
      LegalBasisReport.print(questions)
    }

    func json(_ configuration: Configuration, _ faults: [String]) -> [UInt8] {
      var writer = JSONWriter()
      writer.beginObject()
      writer.field("ok", faults.isEmpty)
      writer.field("issuer", configuration.issuer)
      if !faults.isEmpty { writer.field("faults", faults) }
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
      if !upstreams.isEmpty {
        writer.key("upstreams")
        writer.beginArray()
        for upstream in upstreams {
          writer.beginObject()
          writer.field("name", upstream.name)
          writer.field("ok", upstream.fault == nil)
          writer.endObject()
        }
        writer.endArray()
      }
      writer.key("clients")
      LegalBasisReport.write(questions, to: &writer)
      writer.endObject()
      return writer.bytes
    }
  }

  /// Opens a connection to each backend that can be spoken to, one after another, 5 s each at most.
  private static func upstreams(_ configuration: Configuration) async throws -> [(name: String, fault: String?)] {
    let loops = try EventLoopGroup(count: 1, time: SystemTime())
    loops.start()
    defer { loops.stop() }
    var found: [(name: String, fault: String?)] = []
    for (name, upstream) in configuration.upstreams.sorted(by: { $0.key < $1.key }) {
      for target in (try? upstream.makeSettings().settings.targets) ?? [] {
        let place = upstream.targets.count == 1 ? "upstreams.\(name)" : "upstreams.\(name) (\(target.target.authority))"
        do throws(UpstreamFailure) {
          try await ConnectionProbe.connect(to: target.target, timeoutSeconds: 5, loop: loops.loops[0])
          found.append((place, nil))
        } catch {
          let reason = if case .untrusted(let fault) = error { "\(fault)" } else { "no connection" }
          found.append((place, "upstreams.\(name): \(target.target.authority): \(reason)"))
        }
      }
    }
    return found
  }

  /// None where a file that they need is a fault already.
  private static func health(_ configuration: Configuration, _ findings: inout CheckFindings) async throws -> [AdapterHealth] {
    let loops = try EventLoopGroup(count: 1, time: SystemTime())
    guard findings.faults.isEmpty else { return [] }
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
    _ = try settings.pushToken()
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
      remarks.append("signing key \(try SigningKey.load(file: configuration.keys + "/signing.pem").kid)")
    } else {
      remarks.append("no keys yet in \(configuration.keys): serve makes them at its first start")
    }
    // What Passerelle answers itself wants none.
    for name in Set(catalogue.operationsByIndex.filter { !$0.isServedHere }.map(\.api.rawValue)).sorted()
    where configuration.upstreams[name] == nil && configuration.upstreams["*"] == nil {
      remarks.append("no upstream for \(name): its calls are answered 503")
    }
    remarks += validationRemarks(configuration, catalogue)
    let kinds = try Installation(configuration).readStores { stores, _ in try stores.resources.kinds() }
    if let remark = catalogue.remark(resourceKinds: kinds ?? []) { remarks.append(remark) }
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

  /// `validateAnswers` does nothing where a policy does not say what answers are.
  private static func validationRemarks(_ configuration: Configuration, _ catalogue: Catalogue) -> [String] {
    var remarks: [String] = []
    for (name, upstream) in configuration.upstreams.sorted(by: { $0.key < $1.key }) {
      guard let validation = upstream.answerValidation, validation != .none else { continue }
      let served = catalogue.operationsByIndex.filter { operation in
        guard !operation.isServedHere, operation.answers.contains(where: { $0.projection != nil }) else { return false }
        return operation.api.rawValue == name || name == "*" && configuration.upstreams[operation.api.rawValue] == nil
      }
      let unknown = served.filter { operation in operation.answers.contains { $0.projection != nil && $0.schema == nil } }
      guard !unknown.isEmpty else { continue }
      remarks.append(
        "upstreams.\(name).validateAnswers: answers of \(unknown.count) of \(served.count) operations are not checked, for their "
          + "policies have no schema of them (\"schema\" in \"response\")")
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
