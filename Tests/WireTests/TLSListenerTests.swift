import Bytes
import COpenSSLSystem
import Foundation
import Testing

@testable import Wire

/// A listener with TLS: what comes through it whole, what ends it, and what its sessions and certificates do.
@Suite struct TLSListenerTests {
  private static let authorities = TestAuthorities.shared

  private static func files(_ identity: TestIdentity) -> TLSServerSettings.Certificate {
    chmod(identity.keyFile, 0o600)
    return TLSServerSettings.Certificate(certificateFile: identity.certificateFile, keyFile: identity.keyFile)
  }

  private static func settings() -> TLSServerSettings { TLSServerSettings(certificates: [files(authorities.good)]) }

  private static func client(resumes: Bool = false, certificate: TestIdentity? = nil) throws -> TLSClientContext {
    try TLSClientContext(
      caFile: authorities.trusted.certificateFile, certificateFile: certificate?.certificateFile, keyFile: certificate?.keyFile,
      trustsSystem: false, resumes: resumes)
  }

  private static func pool(_ server: TestServer, _ client: TLSClientContext) throws -> TestPool {
    try TestPool(port: server.listener.port, tls: client) { _, _ in }
  }

  /// One request on a connection of its own: the body of the answer, or nil.
  private static func visit(_ server: TestServer, _ client: TLSClientContext) throws -> String? {
    body(try pool(server, client).outcome())
  }

  private static func body(_ result: CallResult?) -> String? {
    guard case .answered(200, let body, _) = result else { return nil }
    return body
  }

  @Test(arguments: [1, 16_383, 16_384, 16_385, 2_000_000]) func bodiesComeAndGoWhole(_ count: Int) throws {
    let tls = try TLSServer(Self.settings(), time: SystemTime())
    let server = try TestServer(limits: { $0.bodyBytesMaximum = 4 << 20 }, tls: tls)
    let body = String(String(repeating: "0123456789abcdefg", count: count / 17 + 1).prefix(count))
    let pool = try Self.pool(server, Self.client())
    for _ in 0..<3 {
      let call = pool.send("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: \(count)\r\n\r\n\(body)", seconds: 60)
      let isWhole = Self.body(call.wait()) == body
      #expect(isWhole)
    }
    #expect(tls.handshakes == (1, 0, 0))
  }

  @Test func aBodyThatIsCutIsNoRequest() throws {
    let handler = TestHandler()
    let server = try TestServer(handler, tls: TLSServer(Self.settings(), time: SystemTime()))
    let pool = try Self.pool(server, Self.client())
    let call = pool.send("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nhalf", seconds: 0.3)
    #expect(call.wait() == .failed(.timedOut))
    #expect(eventually { server.listener.connectionCount == 0 })
    #expect(handler.requests.isEmpty)
  }

  @Test func whoSpeaksHTTPInTheClearIsToldSo() throws {
    let handler = TestHandler()
    let server = try TestServer(handler, tls: TLSServer(Self.settings(), time: SystemTime()))
    let answer = try server.exchange("GET /secret HTTP/1.1\r\nHost: a\r\n\r\n", closing: false)
    #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("Connection: close") && answer.hasSuffix("TLS is wanted.\"}"))
    #expect(handler.requests.isEmpty && handler.rejections.isEmpty)
  }

  @Test(arguments: ["\u{16}\u{3}\u{1}", "nonsense\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0", "SSH-2.0-x\r\n"])
  func garbageEndsTheConnection(_ bytes: String) throws {
    let server = try TestServer(limits: { $0.headSecondsMaximum = 1 }, tls: TLSServer(Self.settings(), time: SystemTime()))
    let client = try server.connect()
    client.send(bytes)
    _ = client.readToEnd()
    #expect(client.end != .silent)
    #expect(eventually { server.listener.connectionCount == 0 })
  }

  @Test func aHandshakeThatNobodyGoesOnWithIsCut() throws {
    let server = try TestServer(limits: { $0.headSecondsMaximum = 1 }, tls: TLSServer(Self.settings(), time: SystemTime()))
    let clients = try (0..<5).map { _ in try server.connect() }
    #expect(eventually { server.listener.connectionCount == 5 })
    for client in clients { #expect(client.readToEnd().isEmpty && client.end == .closed) }
    #expect(server.listener.connectionCount == 0)
  }

  @Test func handshakesCountAsConnections() throws {
    let server = try TestServer(limits: { $0.connectionsMaximum = 2 }, tls: TLSServer(Self.settings(), time: SystemTime()))
    let held = try (0..<2).map { _ in try server.connect() }
    #expect(eventually { server.listener.connectionCount == 2 })
    let third = try server.connect()
    #expect(third.readToEnd().isEmpty && third.end != .silent)
    withExtendedLifetime(held) {}
  }

  // MARK: Sessions

  @Test func sessionsAreResumedOnEveryLoopAndOutliveTheirKeyOnce() throws {
    let time = ManualTime(SystemTime().now())
    let tls = try TLSServer(Self.settings(), time: time)
    let server = try TestServer(loops: 2, tls: tls)
    let client = try Self.client(resumes: true)
    for _ in 0..<5 { #expect(try Self.visit(server, client) == "/a") }
    #expect(tls.handshakes == (1, 4, 0))
    tls.tickets?.rotate()
    #expect(try Self.visit(server, client) == "/a")
    #expect(tls.handshakes == (1, 5, 0))
    time.advance(seconds: 7200)
    #expect(try Self.visit(server, client) == "/a")
    #expect(tls.handshakes == (2, 5, 0))
  }

  @Test func otherSettingsAreForNewConnectionsOnceTheyAreTaken() throws {
    let tls = try TLSServer(Self.settings(), time: SystemTime())
    let server = try TestServer(tls: tls)
    let client = try Self.client(resumes: true)
    #expect(try Self.visit(server, client) == "/a")
    var settings = Self.settings()
    settings.isModernOnly = true
    let reading = try tls.read(settings)
    #expect(try Self.visit(server, client) == "/a")
    tls.take(reading)
    #expect(try Self.visit(server, client) == "/a")
    #expect(tls.handshakes == (1, 2, 0), "sessions outlive the change")
    settings.sessionSeconds = 0
    tls.take(try tls.read(settings))
    #expect(try Self.visit(server, client) == "/a")
    #expect(tls.handshakes == (2, 2, 0))
    #expect(tls.tickets == nil)
    settings.certificates = [.init(certificateFile: "/nowhere.pem", keyFile: "/nowhere.key")]
    #expect(throws: TLSContextError.self) { try tls.read(settings) }
    #expect(try Self.visit(server, client) == "/a")
  }

  @Test func withoutALifetimeNothingIsResumed() throws {
    var settings = Self.settings()
    settings.sessionSeconds = 0
    let tls = try TLSServer(settings, time: SystemTime())
    let server = try TestServer(tls: tls)
    let client = try Self.client(resumes: true)
    for _ in 0..<3 { #expect(try Self.visit(server, client) == "/a") }
    #expect(tls.handshakes == (3, 0, 0))
  }

  // MARK: Certificates

  @Test func newCertificatesAreForNewConnectionsAndWrongOnesForNone() throws {
    let folder = TestFolder()
    let files = TLSServerSettings.Certificate(certificateFile: folder.path + "/c", keyFile: folder.path + "/k")
    func put(_ certificate: TestIdentity, key: TestIdentity) throws {
      try Data(contentsOf: URL(filePath: certificate.certificateFile)).write(to: URL(filePath: files.certificateFile))
      try Data(contentsOf: URL(filePath: key.keyFile)).write(to: URL(filePath: files.keyFile))
      chmod(files.keyFile, 0o600)
    }
    let (good, other) = (Self.authorities.good, Self.authorities.otherName)
    try put(good, key: good)
    let tls = try TLSServer(TLSServerSettings(certificates: [files]), time: SystemTime())
    let server = try TestServer(tls: tls)
    let pool = try Self.pool(server, Self.client())
    #expect(Self.body(pool.send().wait()) == "/a")
    for (certificate, key) in [(other, good), (Self.authorities.expired, Self.authorities.expired)] {
      try put(certificate, key: key)
      #expect(throws: TLSContextError.self) { try tls.reload() }
      #expect(try Self.visit(server, Self.client()) == "/a")
    }
    try put(other, key: other)
    try tls.reload()
    #expect(tls.identities[0].names == ["other.test"])
    #expect(Self.body(pool.send().wait()) == "/a")
    #expect(try Self.visit(server, Self.client()) == nil)
  }

  @Test func aKeyThatEverybodyCanReadOrThatIsAnothersIsRefused() throws {
    var files = Self.files(Self.authorities.good)
    chmod(files.keyFile, 0o644)
    #expect { try TLSIdentity(files, now: SystemTime().now()) } throws: { "\($0)".contains("chmod 600") }
    chmod(files.keyFile, 0o640)
    let identity = try TLSIdentity(files, now: SystemTime().now())
    #expect(
      identity.covers("backend.test") && identity.covers("a.wild.test") && identity.covers("127.0.0.1") && identity.covers("::1"))
    #expect(!identity.covers("a.b.wild.test") && !identity.covers("good") && !identity.covers("127.0.0.2"))
    files.keyFile = Self.files(Self.authorities.otherName).keyFile
    #expect { try TLSIdentity(files, now: SystemTime().now()) } throws: { "\($0)".contains("is not the key") }
  }

  // MARK: Clients with certificates

  @Test func theHandlerSeesTheCertificateOfTheConnection() throws {
    var settings = Self.settings()
    settings.clientCertificates = .init(caFile: Self.authorities.trusted.certificateFile)
    let handler = TestHandler(onRequest: { exchange in
      exchange.beginResponse(status: 200)
      exchange.endResponse(body: Array((exchange.clientCertificate ?? "none").utf8).span)
    })
    let tls = try TLSServer(settings, time: SystemTime())
    let server = try TestServer(handler, tls: tls)
    chmod(Self.authorities.client.keyFile, 0o600)
    let expected = try TLSIdentity(Self.files(Self.authorities.client), now: SystemTime().now()).thumbprint
    let client = try Self.client(resumes: true, certificate: Self.authorities.client)
    for _ in 0..<3 { #expect(try Self.visit(server, client) == expected) }
    #expect(tls.handshakes == (1, 2, 0))
    #expect(try Self.visit(server, Self.client()) == "none")
    let stranger = try Self.visit(server, Self.client(certificate: Self.authorities.unknownAuthority))
    #expect(stranger == nil)
  }

  @Test func whereOneIsRequiredNobodyComesInWithout() throws {
    var settings = Self.settings()
    settings.clientCertificates = .init(caFile: Self.authorities.trusted.certificateFile, isRequired: true)
    let handler = TestHandler()
    let server = try TestServer(handler, tls: TLSServer(settings, time: SystemTime()))
    #expect(try Self.visit(server, Self.client()) == nil)
    #expect(handler.requests.isEmpty)
    #expect(try Self.visit(server, Self.client(certificate: Self.authorities.client)) == "/a")
  }
}
