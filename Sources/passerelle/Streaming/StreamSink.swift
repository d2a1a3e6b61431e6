import Bytes
import Ledger
import Wire

/// The other end of a stream. Belongs to the stream's thread, and blocks it.
protocol StreamSink: AnyObject {
  /// Hands entries over, in order. Returns when the receiver has them, as far as its protocol can say that.
  ///
  /// - Throws: when that is not known; the same entries come again.
  func send(_ rows: [LedgerRow]) throws
}

/// Posts JSON lines to an HTTP collector; any status from 200 to 299 says that it has them.
final class CollectorSink: StreamSink {
  /// A stop of the gateway waits for it.
  private static let timeoutSeconds = 10
  private let address: WebAddress
  private let format: ExportFormat
  private let bearerToken: String?
  private let outbound: Outbound

  /// - Throws: one line, when the bearer token cannot be read.
  init(_ address: WebAddress, bearerTokenFile: String?, format: ExportFormat, _ outbound: Outbound) throws {
    self.address = address
    self.format = format
    self.outbound = outbound
    bearerToken = try bearerTokenFile.map { try OutboundServices.token($0, key: Configuration.Stream.bearerTokenKey) }
  }

  func send(_ rows: [LedgerRow]) throws {
    var body: [UInt8] = []
    for row in rows { format.append(row, to: &body) }
    let status = try outbound.postAndWait(
      body, to: address, contentType: "application/x-ndjson", bearerToken: bearerToken, timeoutSeconds: Self.timeoutSeconds)
    guard (200..<300).contains(status) else { throw CommandFailure("the collector answered \(status)") }
  }
}

/// Syslog messages (RFC 5424), one an entry: as datagrams, or over TLS with their lengths before them.
final class SyslogSink: StreamSink {
  private static let timeoutMilliseconds = 10_000
  private let host: String
  private let port: Int
  private let message: SyslogMessage
  private let format: ExportFormat
  /// Nil: datagrams.
  private let tls: TLSClientContext?
  private var channel: MessageChannel?
  private var datagrams: DatagramChannel?

  init(host: String, port: Int, tls: TLSClientContext?, message: SyslogMessage, format: ExportFormat) {
    self.host = host
    self.port = port
    self.tls = tls
    self.message = message
    self.format = format
  }

  func send(_ rows: [LedgerRow]) throws {
    do {
      if tls == nil { try sendDatagrams(rows) } else { try sendStream(rows) }
    } catch {
      // Half a message may be on its way: the next begins over another connection.
      (channel, datagrams) = (nil, nil)
      throw error
    }
  }

  private func sendStream(_ rows: [LedgerRow]) throws {
    let channel = try channel ?? MessageChannel(host: host, port: port, tls: tls, timeoutMilliseconds: Self.timeoutMilliseconds)
    self.channel = channel
    var bytes: [UInt8] = []
    for row in rows {
      // RFC 5425 §4.3: octet counting.
      let text = message.text(row, format)
      bytes += "\(text.count) ".utf8
      bytes += text
    }
    try channel.send(bytes, timeoutMilliseconds: Self.timeoutMilliseconds)
  }

  private func sendDatagrams(_ rows: [LedgerRow]) throws {
    let datagrams = try datagrams ?? DatagramChannel(host: host, port: port)
    self.datagrams = datagrams
    for row in rows {
      // RFC 5426 §3.2: what does not fit is cut by the sender; the entry stands whole in the ledger.
      try datagrams.send(Array(message.text(row, format).prefix(DatagramChannel.bytesMaximum)))
    }
  }
}
