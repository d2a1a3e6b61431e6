import Bytes
import Foundation
import Testing

@testable import Wire

@Suite struct LocalCertificateTests {
  /// A server with it is believed by who was given it, under the names of this machine alone, and by nobody else.
  @Test(arguments: [
    ("127.0.0.1", true, true), ("localhost", true, true), ("elsewhere.example", true, false), ("127.0.0.1", false, false),
  ])
  func itIsForThisMachine(_ name: String, isGiven: Bool, isBelieved: Bool) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("local-certificate-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = try LocalCertificate()
    let (certificateFile, keyFile) = (folder.path + "/certificate.pem", folder.path + "/key.pem")
    try Data(made.certificate).write(to: URL(fileURLWithPath: certificateFile))
    try Data(made.key).write(to: URL(fileURLWithPath: keyFile))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keyFile)
    let tls = try TLSServer(
      TLSServerSettings(certificates: [.init(certificateFile: certificateFile, keyFile: keyFile)]), time: SystemTime())
    let server = try TestServer(TestHandler(), tls: tls)
    let port = server.listener.port
    let status: Int? = try onLoop {
      let context = try TLSClientContext(caFile: isGiven ? certificateFile : nil, trustsSystem: false, serverName: name)
      let client = WebClient(loop: EventLoop.current!, tls: context)
      do throws(WebFailure) {
        return try await client.send(
          "GET", to: WebAddress("https://127.0.0.1:\(port)/")!, timeoutSeconds: 5, answerBytesMaximum: 1000, rule: .any
        ).status
      } catch {
        guard case .untrusted = error else { throw error }
        return nil
      }
    }
    #expect((status == 200) == isBelieved)
  }
}
