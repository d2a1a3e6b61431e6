import Bytes
import JOSE

/// Who acts, and towards whom: the application with its key, and the issuer. From options, or from the `demo.json` of a demo.
struct FlowParty {
  let issuer: String
  let client: String
  let key: SigningKey
  /// The name under which the server knows the key; nil when nobody said.
  let kid: String?
  /// The first that is registered, as far as known.
  var redirectURI: String?
  /// Where a path alone leads to.
  var apiRoot: String?

  init(_ arguments: Arguments) throws {
    let algorithm = try arguments.value("--alg").map { name throws(UsageError) in
      guard let algorithm = SignatureAlgorithm(rawValue: name) else {
        throw UsageError("--alg wants one of \(SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return algorithm
    }
    if let folder = arguments.value("--demo") {
      let demo = try JSONDocument(Files.read(folder + "/demo.json"), file: folder + "/demo.json").root
      let entry = try Self.entry(demo, folder, arguments.value("--client"))
      guard let issuer = demo["issuer"]?.string, let client = entry["client_id"]?.string, let file = entry["private_key"]?.string
      else { throw CommandFailure("\(folder)/demo.json: issuer, client_id or private_key is missing") }
      self.issuer = arguments.value("--issuer") ?? issuer
      self.client = client
      key = try Self.key(arguments.value("--key") ?? Self.keyFile(file, folder), algorithm)
      // The demo's name is of the demo's key.
      kid = arguments.value("--kid") ?? (arguments.value("--key") == nil ? entry["kid"]?.string : nil)
      redirectURI = entry["redirect_uris"]?.array?.first?.string
      apiRoot = demo["apiRoot"]?.string
    } else {
      issuer = try arguments.required("--issuer")
      client = try arguments.required("--client")
      key = try Self.key(arguments.required("--key"), algorithm)
      kid = arguments.value("--kid")
    }
  }

  private static func entry(_ demo: JSONValue, _ folder: String, _ wanted: String?) throws -> JSONValue {
    let clients = demo["clients"]?.array ?? []
    guard let entry = clients.first(where: { wanted == nil || $0["client_id"]?.string == wanted }) else {
      let names = clients.compactMap { $0["client_id"]?.string }.joined(separator: ", ")
      throw UsageError("the demo has no client \"\(wanted ?? "")\"; it has \(names)")
    }
    return entry
  }

  /// The demo may have been started elsewhere: then a relative path does not lead there from here.
  private static func keyFile(_ file: String, _ folder: String) -> String {
    Files.exists(file) ? file : folder + "/clients/" + (file.split(separator: "/").last ?? "")
  }

  private static func key(_ file: String, _ algorithm: SignatureAlgorithm?) throws -> SigningKey {
    do { return try SigningKey.load(file: file, algorithm: algorithm) } catch { throw CommandFailure("\(error)") }
  }
}
