import Bytes
import COpenSSLSystem
import Foundation
import JOSE

func json(_ text: String) throws -> JSONValue { try JSONDocument(Array(text.utf8)).root }

func verificationKey(_ jwk: String) throws -> VerificationKey { try VerificationKey(jwk: json(jwk)) }

func base64URL(_ text: String) -> String { Base64URL.encode(Array(text.utf8)) }

/// A compact JWS of these parts, whatever they are.
func token(_ header: String, _ payload: String = #"{"iss":"joe"}"#, signature: [UInt8]) -> String {
  base64URL(header) + "." + base64URL(payload) + "." + Base64URL.encode(signature)
}

/// A compact JWS with a header of one's own, signed.
func signed(_ header: String, _ payload: String = #"{"iss":"joe"}"#, by key: SigningKey) throws -> String {
  let input = base64URL(header) + "." + base64URL(payload)
  return input + "." + Base64URL.encode(try key.sign(Array(input.utf8).span))
}

/// The payload of a token that the key verifies.
func verify(_ token: String, _ key: VerificationKey) throws(JOSEError) -> String {
  try verify(token) { _ in key }
}

func verify(_ token: String, _ key: (JWTHeader) -> VerificationKey?) throws(JOSEError) -> String {
  let text = Array(token.utf8)
  return String(decoding: try CompactJWS(parsing: text.span).verified(by: key).payload, as: UTF8.self)
}

/// Why a token is refused; nil when it is taken.
func refusal(_ token: String, _ key: VerificationKey) -> JOSEError? {
  do throws(JOSEError) { _ = try verify(token, key) } catch { return error }
  return nil
}

extension SigningKey {
  func sign(_ text: String) throws -> [UInt8] { try sign(Array(text.utf8).span) }
}

extension VerificationKey {
  func verifies(_ signature: [UInt8], _ text: String) -> Bool { verify(signature: signature, of: Array(text.utf8).span) }
}

/// A folder that is removed with its owner.
final class TemporaryFolder {
  let path = NSTemporaryDirectory() + "passerelle-jose-" + UUID().uuidString
  init() { try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The small files of `Tests/Fuzz/<name>`.
func corpus(_ name: String, file: String = #filePath) -> [(name: String, bytes: [UInt8])] {
  let folder = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fuzz/\(name)")
  let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
  return files.sorted { $0.path < $1.path }.compactMap { file in
    (try? Data(contentsOf: file)).map { (file.lastPathComponent, Array($0)) }
  }
}

/// The next error in the queue that OpenSSL keeps for this thread; 0 when there is none.
func pendingOpenSSLError() -> UInt { ERR_peek_error() }
