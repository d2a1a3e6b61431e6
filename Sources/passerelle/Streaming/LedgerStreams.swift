import Ledger
import Wire

/// The streams of a configuration, and what health tells of them.
final class LedgerStreams: Sendable {
  let streams: [LedgerStream]

  /// - Throws: one line, when a file that a stream needs cannot be used.
  init(_ backbone: Backbone, _ outbound: Outbound) throws {
    let configuration = backbone.configuration
    let folder = configuration.data + "/streams"
    if !configuration.ledger.streams.isEmpty { try Files.makeFolder(folder) }
    streams = try configuration.ledger.streams.map { settings in
      LedgerStream(
        name: settings.name, ledgerFolder: configuration.ledgerFolder, file: "\(folder)/\(settings.name).json",
        lastSequence: { [ledger = backbone.ledger] in ledger.lastSequence },
        makeSink: try Self.sink(settings, outbound))
    }
  }

  private static func sink(
    _ settings: Configuration.Stream, _ outbound: Outbound
  ) throws -> @Sendable () throws -> any StreamSink {
    let format = settings.format
    switch settings.destination {
    case .collector(let address, let tokenFile):
      // Read at the start once too, so that a file that is not there is said then.
      _ = try CollectorSink(address, bearerTokenFile: tokenFile, format: format, outbound)
      return { try CollectorSink(address, bearerTokenFile: tokenFile, format: format, outbound) }
    case .syslog(let host, let port, let isTLS):
      let message = SyslogMessage(facility: settings.facility)
      return { SyslogSink(host: host, port: port, tls: isTLS ? outbound.tls : nil, message: message, format: format) }
    }
  }

  func start() { for stream in streams { stream.start() } }

  func stop() { Self.stop(streams) }

  /// All are told before one is waited for: receivers that do not answer cost one time limit, not one each.
  static func stop(_ streams: [LedgerStream]) {
    for stream in streams { stream.beginToStop() }
    for stream in streams { stream.join() }
  }

  /// For `/readyz`: how far each is behind. A stream that stands still does not make the gateway unready.
  var health: [(name: String, state: String)] {
    streams.map { stream in
      let state = stream.state
      let missed = state.missed == 0 ? "" : ", \(state.missed) gone before they were sent"
      let fault = state.fault.map { ": \($0)" } ?? ""
      return ("ledger_stream_" + stream.name, "\(state.behind) entries behind\(missed)\(fault)")
    }
  }
}
