import Bytes
import Identifiers
import JOSE
import Synchronization

/// Who hides behind a pseudonym. Nothing here can be read without the keys, and one deleted row makes a person's ledger
/// entries, consents and grants anonymous.
public protocol SubjectStore: Sendable {
  /// The pseudonym of a subscriber that is known already.
  func pseudonym(of number: MSISDN) throws -> SubjectPseudonym?
  /// The pseudonym of a subscriber, made (and durable) at the first request. The same for everyone who asks at once.
  func findOrCreate(_ number: MSISDN) async throws -> SubjectPseudonym
  /// The number behind a pseudonym; nil when it was never given out or was erased.
  func number(of pseudonym: SubjectPseudonym) throws -> MSISDN?
  /// Forgets who the pseudonym is. It cannot be undone: the same number gets another pseudonym afterwards.
  ///
  /// - Returns: false when the database's log could not be emptied too, and still holds the sealed number for a while.
  @discardableResult
  func erase(_ pseudonym: SubjectPseudonym) async throws -> Bool
  /// Rises with each erasure: a number that was read before is to be read again.
  var erasures: UInt64 { get }
}

public final class SQLiteSubjectStore: SubjectStore {
  static let schema: StaticString = """
    CREATE TABLE subjects (
      pseudonym  TEXT NOT NULL PRIMARY KEY,
      lookup     BLOB NOT NULL UNIQUE,   -- HMAC(lookup key, number)
      sealed     BLOB NOT NULL,          -- AES-GCM(sealing key, number), bound to the pseudonym
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """
  private static let byLookup: StaticString = "SELECT pseudonym FROM subjects WHERE lookup = ?1"
  private static let sealedNumber: StaticString = "SELECT sealed FROM subjects WHERE pseudonym = ?1"
  private static let insert: StaticString = """
    INSERT INTO subjects (pseudonym, lookup, sealed, created_at) VALUES (?1, ?2, ?3, ?4)
    """
  private static let delete: StaticString = "DELETE FROM subjects WHERE pseudonym = ?1"

  private let database: Database
  private let lookup: HMACKey
  private let sealing: SealingKey
  private let erased = Erasures()

  private final class Erasures: Sendable {
    private let count = Atomic<UInt64>(0)
    var value: UInt64 { count.load(ordering: .acquiring) }
    func raise() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  }

  public init(database: Database, lookup: HMACKey, sealing: SealingKey) {
    self.database = database
    self.lookup = lookup
    self.sealing = sealing
    database.onForeignCommit { [erased] in erased.raise() }
  }

  public func pseudonym(of number: MSISDN) throws -> SubjectPseudonym? {
    let key = lookupKey(number)
    return try database.read { try Self.find(key, $0) }
  }

  public func findOrCreate(_ number: MSISDN) async throws -> SubjectPseudonym {
    if let known = try pseudonym(of: number) { return known }
    let key = lookupKey(number)
    guard let proposed = SubjectPseudonym(rawValue: Base64URL.encode(Random.bytes(16))) else {
      throw StoreError.malformedRow(table: "subjects", column: "pseudonym")
    }
    let sealed = sealing.seal(Array(number.e164.utf8), context: Array(proposed.rawValue.utf8))
    let now = database.time.now()
    return try await database.write { connection in
      // Another request may have been first; the transaction decides.
      if let known = try Self.find(key, connection) { return known }
      try connection.statement(Self.insert).bind(proposed, key, sealed, now).run()
      return proposed
    }
  }

  public func number(of pseudonym: SubjectPseudonym) throws -> MSISDN? {
    let sealed: [UInt8]? = try database.read { connection in
      let statement = try connection.statement(Self.sealedNumber).bind(pseudonym)
      return try statement.step() ? statement.blob(0) : nil
    }
    guard let sealed else { return nil }
    guard let clear = sealing.open(sealed, context: Array(pseudonym.rawValue.utf8)),
      let number = MSISDN(e164: String(decoding: clear, as: UTF8.self))
    else { throw StoreError.malformedRow(table: "subjects", column: "sealed") }
    return number
  }

  @discardableResult
  public func erase(_ pseudonym: SubjectPseudonym) async throws -> Bool {
    try await database.write {
      try $0.statement(Self.delete).bind(pseudonym).run()
    } whenDurable: { [erased] in
      erased.raise()
    }
    // The log still holds pages as they were before: with them the number would live on until somebody writes over it.
    return (try? database.truncateLog()) != nil
  }

  public var erasures: UInt64 { erased.value }

  private func lookupKey(_ number: MSISDN) -> Digest32 { lookup.authenticate(Array(number.e164.utf8).span) }

  private static func find(_ key: Digest32, _ connection: Connection) throws -> SubjectPseudonym? {
    let statement = try connection.statement(byLookup).bind(key)
    return try statement.step() ? try statement.identifier(0) : nil
  }
}
