import Bytes
import COpenSSLSystem
import Foundation
import Synchronization
import Testing

@testable import Wire

/// Whom a TLS connection of ours trusts, against a real TLS server.
@Suite struct TLSHandshakeTests {
  static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  private static let authorities = TestAuthorities.shared

  static func context() throws -> TLSClientContext { try TLSClientContext(caFile: authorities.trusted.certificateFile) }

  /// A pool to a port on this machine that takes it for some host.
  private static func pool(
    _ port: Int, host: String = "127.0.0.1", time: any TimeSource = SystemTime(),
    limits: (inout UpstreamLimits) -> Void = { _ in }
  ) throws -> TestPool {
    try TestPool(port: port, host: host, tls: context(), time: time, limits: limits) { _, _ in }
  }

  private static func outcome(
    _ host: String = "127.0.0.1", _ adjust: (inout TLSBackend.Settings) -> Void
  ) throws -> CallResult? {
    let backend = try TLSBackend(adjust) { connection, _ in connection.answerAll(ok) }
    defer { backend.stop() }
    return try pool(backend.port, host: host).outcome()
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], ["127.0.0.1", "localhost"])
  func aGoodCertificateIsTaken(_ version: Int32, _ host: String) throws {
    let seen = Mutex<[String]>([])
    let backend = try TLSBackend({ $0.versions = version...version }) { connection, _ in
      seen.withLock { $0 = [connection.version, connection.serverName ?? "none", connection.chosenProtocol] }
      connection.answerAll(Self.ok)
    }
    let pool = try Self.pool(backend.port, host: host)
    for _ in 0..<3 { #expect(pool.send().wait() == .ok("ok")) }
    #expect(backend.connectionCount == 1, "the connection is kept")
    // RFC 6066 §3: no server name for an address.
    let name = host == "localhost" ? host : "none"
    #expect(seen.withLock { $0 } == [version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3", name, "http/1.1"])
    backend.stop()
  }

  @Test func aCertificateThatIsNotGoodIsRefusedWithTheReason() throws {
    let bad: [(TestIdentity, String)] = [
      (Self.authorities.otherName, "IP address mismatch"), (Self.authorities.expired, "certificate has expired"),
      (Self.authorities.notYetGood, "certificate is not yet valid"),
      (Self.authorities.unknownAuthority, "unable to get local issuer certificate"),
      (Self.authorities.selfSigned, "self-signed certificate"), (Self.authorities.commonNameOnly, "IP address mismatch"),
    ]
    for (identity, reason) in bad {
      #expect(try Self.outcome { $0.identity = identity } == .failed(.untrusted(.certificate(reason))), "\(reason)")
    }
  }

  @Test func aNameMustStandInTheCertificate() throws {
    for identity in [Self.authorities.otherName, Self.authorities.commonNameOnly] {
      #expect(try Self.outcome("localhost") { $0.identity = identity } == .failed(.untrusted(.certificate("hostname mismatch"))))
    }
  }

  @Test func nothingIsSentToWhomIsNotTrusted() throws {
    let got = Mutex(0)
    let backend = try TLSBackend({
      $0.identity = Self.authorities.selfSigned; $0.versions = TLS1_2_VERSION...TLS1_2_VERSION
    }) {
      connection, _ in
      if connection.readRequest() != nil { got.withLock { $0 += 1 } }
    }
    let pool = try Self.pool(backend.port)
    let call = pool.send()
    #expect(call.wait() == .failed(.untrusted(.certificate("self-signed certificate"))))
    #expect(call.sentCount == 0 && got.withLock { $0 } == 0)
    backend.stop()
  }

  @Test func withoutTheAuthoritysFileItIsNotTrusted() throws {
    let backend = try TLSBackend { connection, _ in connection.answerAll(Self.ok) }
    let pool = try TestPool(port: backend.port, tls: TLSClientContext()) { _, _ in }
    guard case .failed(.untrusted(.certificate)) = pool.send().wait() else { Issue.record("trusted"); return }
    backend.stop()
  }

  @Test func oldVersionsAreRefused() throws {
    let result = try Self.outcome { $0.versions = TLS1_1_VERSION...TLS1_1_VERSION }
    guard case .failed(.untrusted(.handshake(let reason))) = result else { Issue.record("\(String(describing: result))"); return }
    #expect(reason.contains("protocol"))
  }

  @Test func aServerThatSpeaksNoTLS() throws {
    let backend = try Backend { connection, _ in
      connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
      _ = connection.readToEnd()
    }
    let result = try Self.pool(backend.port).outcome()
    guard case .failed(.untrusted(.handshake)) = result else { Issue.record("\(String(describing: result))"); return }
    backend.stop()
  }

  @Test func aServerThatClosesInTheHandshake() throws {
    let backend = try Backend { connection, _ in
      _ = connection.read(count: 16)
      connection.reset()
    }
    #expect(try Self.pool(backend.port).outcome() == .failed(.untrusted(.closed)))
    let polite = try Backend { connection, _ in
      // All of the hello is read, so that closing sends no reset.
      let head = connection.read(count: 5) ?? [0, 0, 0, 0, 0]
      _ = connection.read(count: Int(head[3]) << 8 | Int(head[4]))
      connection.close()
    }
    #expect(try Self.pool(polite.port).outcome() == .failed(.untrusted(.closed)))
    for backend in [backend, polite] { backend.stop() }
  }

  @Test func aServerThatHangsInTheHandshake() throws {
    let time = ManualTime()
    let reached = DispatchSemaphore(value: 0)
    let backend = try Backend { connection, _ in
      _ = connection.read(count: 16)
      reached.signal()
      _ = connection.readToEnd()
    }
    // The call's own deadline, and the limit for connecting.
    for (seconds, expected) in [(1.0, UpstreamFailure.timedOut), (100, .unreachable)] {
      let pool = try Self.pool(backend.port, time: time) { $0.connectSecondsMaximum = 2 }
      let call = pool.send(seconds: seconds)
      reached.wait()
      time.advance(seconds: seconds == 1 ? 0.9 : 1.9)
      for _ in 0..<2 { pool.loop.settle() }
      #expect(call.endCount == 0)
      time.advance(seconds: 0.2)
      for _ in 0..<2 { pool.loop.settle() }
      #expect(call.wait() == .failed(expected))
      #expect(call.endCount == 1)
    }
    backend.stop()
  }

  @Test func closingThePoolEndsAHandshake() throws {
    let reached = DispatchSemaphore(value: 0)
    let backend = try Backend { connection, _ in
      _ = connection.read(count: 16)
      reached.signal()
      _ = connection.readToEnd()
    }
    let pool = try Self.pool(backend.port)
    let call = pool.send()
    reached.wait()
    let inner = pool.pool
    pool.loop.run { inner.close() }
    #expect(call.wait() == .failed(.unreachable))
    #expect(call.endCount == 1)
    backend.stop()
  }

  @Test func aClientCertificateIsShown() throws {
    let backend = try TLSBackend({ $0.wantsClientCertificate = true }) { connection, _ in connection.answerAll(Self.ok) }
    let client = Self.authorities.client
    let with = try TLSClientContext(
      caFile: Self.authorities.trusted.certificateFile, certificateFile: client.certificateFile, keyFile: client.keyFile)
    #expect(try TestPool(port: backend.port, tls: with) { _, _ in }.outcome() == .ok("ok"))
    // In TLS 1.3 the client learns only after the handshake that it was not taken.
    guard case .failed = try Self.pool(backend.port).outcome() else { Issue.record("taken without"); return }
    backend.stop()
  }

  @Test func filesThatAreNoneAreNamed() {
    let (good, folder) = (Self.authorities.good, Self.authorities.folder.path)
    for (ca, certificate, key, named) in [
      (folder + "/none", nil, nil, folder + "/none"), (good.keyFile, nil, nil, good.keyFile),
      (nil, good.keyFile, good.keyFile, good.keyFile), (nil, good.certificateFile, good.certificateFile, good.certificateFile),
      (nil, good.certificateFile, Self.authorities.client.keyFile, Self.authorities.client.keyFile),
    ] as [(String?, String?, String?, String)] {
      let error = #expect(throws: TLSContextError.self) {
        try TLSClientContext(caFile: ca, certificateFile: certificate, keyFile: key)
      }
      #expect(error?.description.hasPrefix(named + ": ") == true, "\(String(describing: error))")
    }
    #expect(throws: TLSContextError.certificateWithoutKey) { try TLSClientContext(certificateFile: good.certificateFile) }
    #expect(throws: TLSContextError.certificateWithoutKey) { try TLSClientContext(keyFile: good.keyFile) }
  }
}
