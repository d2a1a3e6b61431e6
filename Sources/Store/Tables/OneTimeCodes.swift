import Bytes
import Identifiers
import JOSE

/// One-time codes and their limits. A row stays for the hour that the limits look back, so that a restart forgives nothing.
public protocol OneTimeCodeStore: Sendable {
  /// Makes room for a code, unless a limit says no. Counting and inserting are one act. Until it is armed no code is right.
  func issue(_ request: OneTimeCodeRequest, limits: OneTimeCodeLimits) async throws -> OneTimeCodeIssue
  /// From now on this code is right. False when the row is gone, used or expired.
  func arm(interaction: Digest32, serial: Int, number: MSISDN, code: String) async throws -> Bool
  /// One attempt with the newest code of an interaction. Counting, comparing and using up are one act: of any number of attempts at
  /// once no more than the limit are compared, and one is right.
  func attempt(interaction: Digest32, code: String, attemptsMaximum: Int) async throws -> OneTimeCodeAttempt
  /// True while a code of the interaction can still be tried.
  func isOpen(interaction: Digest32, attemptsMaximum: Int) throws -> Bool
}

public final class SQLiteOneTimeCodeStore: OneTimeCodeStore {
  static let schema: StaticString = """
    CREATE TABLE one_time_codes (
      interaction BLOB NOT NULL,              -- SHA-256 of the interaction's handle
      serial      INTEGER NOT NULL,           -- 1, 2, ... within the interaction; the newest is the one that counts
      number      BLOB NOT NULL,              -- HMAC(lookup key, number), for the limit
      source      BLOB NOT NULL,              -- HMAC(lookup key, network address), for the limit
      sealed      BLOB NOT NULL,              -- AES-GCM(sealing key, number), bound to the interaction
      code        BLOB,                       -- HMAC(lookup key, interaction, number, code); NULL: nothing is right
      attempts    INTEGER NOT NULL DEFAULT 0,
      created_at  INTEGER NOT NULL,
      expires_at  INTEGER NOT NULL,
      used_at     INTEGER,
      PRIMARY KEY (interaction, serial)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX one_time_codes_by_number ON one_time_codes (number, created_at);
    CREATE INDEX one_time_codes_by_source ON one_time_codes (source, created_at);
    CREATE INDEX one_time_codes_by_age ON one_time_codes (created_at);
    """
  private static let countOfInteraction: StaticString = "SELECT count(*) FROM one_time_codes WHERE interaction = ?1"
  private static let countOfNumber: StaticString = """
    SELECT count(*) FROM one_time_codes WHERE number = ?1 AND created_at > ?2
    """
  private static let countOfSource: StaticString = """
    SELECT count(*) FROM one_time_codes WHERE source = ?1 AND created_at > ?2
    """
  private static let insertOne: StaticString = """
    INSERT INTO one_time_codes (interaction, serial, number, source, sealed, created_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    """
  private static let armOne: StaticString = """
    UPDATE one_time_codes SET code = ?3 WHERE interaction = ?1 AND serial = ?2 AND code IS NULL AND used_at IS NULL
      AND expires_at > ?4
    """
  private static let newest: StaticString = """
    SELECT serial, sealed, code, attempts, expires_at, used_at FROM one_time_codes WHERE interaction = ?1
    ORDER BY serial DESC LIMIT 1
    """
  private static let tried: StaticString = """
    UPDATE one_time_codes SET attempts = attempts + 1, used_at = ?3 WHERE interaction = ?1 AND serial = ?2
    """
  /// Kept for the hour that the limits look back.
  static let sweepStatement: StaticString = """
    DELETE FROM one_time_codes WHERE (interaction, serial) IN
      (SELECT interaction, serial FROM one_time_codes WHERE created_at < ?1 - 3600000000 ORDER BY created_at LIMIT ?2)
    """
  private static let hourSeconds: Int64 = 3600

  private let database: Database
  private let lookup: HMACKey
  private let sealing: SealingKey

  public init(database: Database, lookup: HMACKey, sealing: SealingKey) {
    self.database = database
    self.lookup = lookup
    self.sealing = sealing
  }

  public func issue(_ request: OneTimeCodeRequest, limits: OneTimeCodeLimits) async throws -> OneTimeCodeIssue {
    let interaction = request.interaction
    let number = digest("number", request.number.e164)
    let source = digest("source", request.source)
    let sealed = sealing.seal(Array(request.number.e164.utf8), context: request.interaction.bytes)
    let hourAgo = request.createdAt.adding(seconds: -Self.hourSeconds)
    return try await database.write { connection in
      let before = try Self.count(connection.statement(Self.countOfInteraction).bind(interaction))
      guard before < limits.codesPerInteraction else { return .tooManyForInteraction }
      guard try Self.count(connection.statement(Self.countOfNumber).bind(number, hourAgo)) < limits.codesPerNumberAndHour else {
        return .tooManyForNumber
      }
      guard try Self.count(connection.statement(Self.countOfSource).bind(source, hourAgo)) < limits.codesPerSourceAndHour else {
        return .tooManyFromSource
      }
      try connection.statement(Self.insertOne).bind(
        interaction, before + 1, number, source, sealed, request.createdAt, request.expiresAt
      ).run()
      return .issued(serial: before + 1)
    }
  }

  public func arm(interaction: Digest32, serial: Int, number: MSISDN, code: String) async throws -> Bool {
    let now = database.time.now()
    let digest = codeDigest(interaction, number, code)
    return try await database.write { connection in
      try connection.statement(Self.armOne).bind(interaction, serial, digest, now).run()
      return connection.changes == 1
    }
  }

  public func attempt(interaction: Digest32, code: String, attemptsMaximum: Int) async throws -> OneTimeCodeAttempt {
    let now = database.time.now()
    return try await database.write { [self] connection in
      guard let row = try newest(interaction, connection) else { return .none }
      guard row.usedAt == nil else { return .used }
      guard now < row.expiresAt else { return .expired }
      guard row.attempts < attemptsMaximum else { return .exhausted }
      let typed = codeDigest(interaction, row.number, code)
      // Of keyed digests, and in constant time (A37); a row that was never armed is compared too, with nothing.
      let expected = row.code ?? Digest32(bytes: [UInt8](repeating: 0, count: 32))!
      let isRight = ConstantTime.equals(typed.bytes.span, expected.bytes.span) && row.code != nil
      try connection.statement(Self.tried).bind(interaction, row.serial, isRight ? now : nil as Timestamp?).run()
      if isRight { return .right(row.number) }
      return row.attempts + 1 < attemptsMaximum ? .wrong : .exhausted
    }
  }

  public func isOpen(interaction: Digest32, attemptsMaximum: Int) throws -> Bool {
    let now = database.time.now()
    guard let row = try database.read({ try newest(interaction, $0) }) else { return false }
    return row.usedAt == nil && now < row.expiresAt && row.attempts < attemptsMaximum
  }

  private struct Row {
    let serial: Int
    let number: MSISDN
    let code: Digest32?
    let attempts: Int
    let expiresAt: Timestamp
    let usedAt: Timestamp?
  }

  private func newest(_ interaction: Digest32, _ connection: Connection) throws -> Row? {
    let row = try connection.statement(Self.newest).bind(interaction)
    guard try row.step() else { return nil }
    guard let clear = sealing.open(row.blob(1), context: interaction.bytes),
      let number = MSISDN(e164: String(decoding: clear, as: UTF8.self))
    else { throw row.malformed(1) }
    return Row(
      serial: row.integer(0), number: number, code: try row.optionalDigest(2), attempts: row.integer(3),
      expiresAt: row.timestamp(4), usedAt: row.optionalTimestamp(5))
  }

  private static func count(_ statement: Statement) throws -> Int { try statement.step() ? statement.integer(0) : 0 }

  private func codeDigest(_ interaction: Digest32, _ number: MSISDN, _ code: String) -> Digest32 {
    digest("code", interaction.hex, number.e164, code)
  }

  /// Named and separated, so that none is ever one that another table keeps under the same key.
  private func digest(_ parts: String...) -> Digest32 {
    lookup.authenticate(Array((["one-time"] + parts).joined(separator: "\u{0}").utf8))
  }
}
