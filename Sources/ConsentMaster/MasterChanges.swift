import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Store
import Wire

/// Where the master tells us that something changed: `POST /consent-master/v1/changes`. Once it is answered, the next call asks anew.
public struct MasterChanges: Sendable {
  public static let path = "/consent-master/v1/changes"

  private let token: [UInt8]
  private let subjects: any SubjectStore
  private let changes: ChangeBoard
  private let ledger: LedgerWriter

  /// - Parameter token: the bearer token that the master shows; good for nothing else.
  public init(token: String, subjects: any SubjectStore, changes: ChangeBoard, ledger: LedgerWriter) {
    self.token = Array(token.utf8)
    self.subjects = subjects
    self.changes = changes
    self.ledger = ledger
  }

  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard isEntitled(request) else { return Self.answer(401, "UNAUTHENTICATED", "The master's own bearer token is wanted.") }
    guard request.method == "POST" else { return Self.answer(405, "METHOD_NOT_ALLOWED", "This path takes POST.") }
    do { return try await take(MasterFormat.changes(request.body)) } catch let error as DocumentError {
      return Self.answer(400, "INVALID_ARGUMENT", error.reason)
    } catch {
      return Self.answer(503, "UNAVAILABLE", "The change holds, but it could not be recorded: send it again.")
    }
  }

  /// What is remembered goes first: a withdrawal holds whatever becomes of its entry.
  private func take(_ told: [MasterFormat.Change]) async throws -> HTTPResponse {
    var entries: [LedgerEntry] = []
    var failure: (any Error)?
    for change in told {
      do {
        // About somebody whom nobody has named here, nothing is remembered.
        guard let subject = try subjects.pseudonym(of: change.number) else { continue }
        if let record = change.record {
          changes.changed(ConsentKey(subject: subject, client: record.client, purpose: record.purpose).changeHash)
        } else {
          changes.changed(subject.changeHash)
        }
        entries.append(
          LedgerEntry(
            event: "consent.changed", clientID: change.record?.client.rawValue, subject: subject.rawValue,
            purpose: change.record?.purpose.rawValue, detail: [LedgerEntry.Detail("actor", "master")]))
      } catch {
        // Who it is about cannot be read: then it may be anybody.
        changes.changedEverything()
        failure = error
      }
    }
    if let failure { throw failure }
    for entry in entries { try await ledger.append(entry) }
    return HTTPResponse(status: 204, fields: [("cache-control", "no-store")])
  }

  private func isEntitled(_ request: HTTPRequest) -> Bool {
    let values = request.fields("authorization")
    guard values.count == 1, values[0].lowercased().hasPrefix("bearer ") else { return false }
    return ConstantTime.equals(Array(values[0].utf8.dropFirst(7)).span, token.span)
  }

  private static func answer(_ status: Int, _ code: String, _ message: String) -> HTTPResponse {
    var json = JSONWriter()
    json.beginObject()
    json.field("status", status)
    json.field("code", code)
    json.field("message", message)
    json.endObject()
    return HTTPResponse.json(status, json.bytes)
  }
}
