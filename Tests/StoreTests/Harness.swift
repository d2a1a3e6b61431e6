import Bytes
import Foundation
import Identifiers
import JOSE
import Store
import Synchronization
import Testing

/// A directory of a test's own, gone when the tests are: a store may outlive the value that made its directory.
struct Folder: Sendable {
  private static let made = Mutex<[String]>([])
  private static let cleaning: Void = {
    atexit { for path in Folder.made.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
  }()

  let path: String

  init() {
    let path = NSTemporaryDirectory() + "passerelle-test-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    Self.made.withLock { $0.append(path) }
    _ = Self.cleaning
    self.path = path
  }

  var database: String { path + "/passerelle.sqlite" }

  func write(_ bytes: [UInt8], to name: String) { try! Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name)) }
}

/// Stores over a new file, with a clock that the test moves.
struct Fixture {
  let folder = Folder()
  let time = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)
  let database: Database
  let stores: Stores

  init() throws {
    database = try Database(path: folder.database, time: time)
    stores = Fixture.stores(database)
  }

  static func stores(_ database: Database) -> Stores {
    Stores(
      database: database, lookup: HMACKey([UInt8](repeating: 1, count: 32)), sealing: SealingKey([UInt8](repeating: 2, count: 32))
    )
  }

  /// The stores of a second process, as it were: the same file, everything else its own.
  func reopened() throws -> Stores { Fixture.stores(try Database(path: folder.database, time: time)) }

  func now(plus seconds: Int64 = 0) -> Timestamp { time.now().adding(seconds: seconds) }
}

let client = ClientID(rawValue: "client-1")!
let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!
let subject = SubjectPseudonym(rawValue: "pseudonym-1")!

func digest(_ text: String) -> Digest32 { SHA256.digest(Array(text.utf8)) }
func scopes(_ text: String) -> ScopeSet { ScopeSet(parsing: text)! }
func categories(_ names: String...) -> [CategoryID] { names.map { CategoryID(rawValue: $0)! } }
func code(_ text: String, expiresAt: Timestamp, grant: String = "grant-1") -> CodeRecord {
  CodeRecord(
    digest: digest(text), client: client, redirectURI: "https://app.example/callback", codeChallenge: "challenge", nonce: nil,
    grant: GrantID(rawValue: grant)!, scopes: scopes("a b"), expiresAt: expiresAt)
}
