import Bytes
import Identifiers
import JOSE

/// How a subscription lies in its row. The sink is sealed with its credential: the URL itself often is one.
extension SQLiteSubscriptionStore {
  private static func context(_ id: String) -> String { "subscriptions \(id)" }

  static func seal(document: [UInt8], _ id: String, _ sealing: SealingKey) -> [UInt8] {
    sealing.seal(fields: [document], context: context(id) + " document")
  }

  private static func document(_ row: Statement, _ id: String, _ sealing: SealingKey) throws -> [UInt8]? {
    guard let sealed = row.optionalBlob(23) else { return nil }
    guard let fields = sealing.openFields(sealed, count: 1, context: context(id) + " document") else { throw row.malformed(23) }
    return fields[0]
  }

  static func seal(_ record: SubscriptionRecord, _ sealing: SealingKey) -> [UInt8] {
    let credential =
      switch record.credential {
      case nil: ["", "", ""]
      case .accessToken(let token, _): ["token", token, ""]
      case .privateKeyJWT(let clientID, let tokenURI): ["jwt", clientID, tokenURI]
      }
    return sealing.seal(fields: ([record.sink] + credential).map { Array($0.utf8) }, context: context(record.id))
  }

  /// The columns of `byID`, in their order.
  static func record(_ row: Statement, _ sealing: SealingKey) throws -> SubscriptionRecord {
    let id = row.text(0)
    guard let status = SubscriptionRecord.Status(rawValue: row.text(13)) else { throw row.malformed(13) }
    let (sink, credential) = try open(row, id, sealing)
    return SubscriptionRecord(
      id: id, kind: row.text(1), backendID: row.optionalText(2), api: try row.identifier(3), version: row.text(4),
      operation: try row.identifier(5), client: try row.identifier(6), subject: try row.optionalIdentifier(7),
      isNamedByClient: row.boolean(8), grantedAt: row.optionalTimestamp(9), purpose: try row.optionalIdentifier(10),
      scopes: try row.scopes(11), types: row.words(12), sink: sink, credential: credential, status: status,
      document: try document(row, id, sealing),
      createdAt: row.timestamp(14), expiresAt: row.optionalTimestamp(15), eventsMaximum: row.optionalInteger(17),
      eventCount: row.integer(18), endReason: row.optionalText(19), endedAt: row.optionalTimestamp(20))
  }

  private static func open(
    _ row: Statement, _ id: String, _ sealing: SealingKey
  ) throws -> (sink: String, credential: SinkCredential?) {
    guard let fields = sealing.openFields(row.blob(21), count: 4, context: context(id)) else { throw row.malformed(21) }
    let texts = fields.map { String(decoding: $0, as: UTF8.self) }
    switch texts[1] {
    case "": return (texts[0], nil)
    case "token": return (texts[0], .accessToken(texts[2], expiresAt: row.timestamp(16)))
    case "jwt": return (texts[0], .privateKeyJWT(clientID: texts[2], tokenURI: texts[3]))
    default: throw row.malformed(21)
    }
  }
}
