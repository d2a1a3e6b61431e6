import Bytes
import Identifiers
import JOSE
import Policy
import Store

/// What `passerelle check` says of each registered client and each of its purposes: for which scopes the subscriber is asked, and on
/// what the others rest.
struct LegalBasisReport {
  let client: ClientID
  let purpose: Purpose
  /// The client's scopes, by what they rest on for this purpose; those that open nothing personal are left out.
  let scopes: [(basis: LegalBasis, scopes: [Scope])]

  /// Reads the registrations beside a gateway that may be running. Where there is no database yet there are none.
  static func clients(_ configuration: Configuration) throws -> [ClientRecord] {
    try Installation(configuration).readStores { stores, _ in try stores.clients.all() } ?? []
  }

  static func rows(_ configuration: Configuration, _ catalogue: Catalogue) throws -> [LegalBasisReport] {
    try clients(configuration).flatMap { client in
      client.purposes.map { purpose in
        LegalBasisReport(
          client: client.id, purpose: purpose, scopes: grouped(client.scopes, client.id, purpose, catalogue))
      }
    }
  }

  private static func grouped(
    _ scopes: ScopeSet, _ client: ClientID, _ purpose: Purpose, _ catalogue: Catalogue
  ) -> [(basis: LegalBasis, scopes: [Scope])] {
    var groups: [LegalBasis: [Scope]] = [:]
    for scope in scopes {
      let bases = Set(
        catalogue.operations(scope).filter(\.personalData).map {
          catalogue.legalBases.basis(api: $0.api, purpose: purpose, client: client)
        })
      for basis in bases { groups[basis, default: []].append(scope) }
    }
    return LegalBasis.allCases.compactMap { basis in groups[basis].map { (basis, $0) } }
  }

  static func print(_ rows: [LegalBasisReport]) {
    for row in rows {
      Output.line("  client \(row.client), \(row.purpose)")
      if row.scopes.isEmpty { Output.line("    nothing personal") }
      for (basis, scopes) in row.scopes {
        let what = basis == .consent ? "asks the subscriber for" : "does not ask (\(basis.rawValue)) for"
        Output.line("    \(what) \(scopes.map(\.rawValue).joined(separator: " "))")
      }
    }
  }

  static func write(_ rows: [LegalBasisReport], to writer: inout JSONWriter) {
    writer.beginArray()
    for row in rows {
      writer.beginObject()
      writer.field("client_id", row.client.rawValue)
      writer.field("purpose", row.purpose.rawValue)
      writer.key("scopes_by_basis")
      writer.beginObject()
      for (basis, scopes) in row.scopes {
        writer.key(basis.rawValue)
        writer.beginArray()
        for scope in scopes { writer.string(scope.rawValue) }
        writer.endArray()
      }
      writer.endObject()
      writer.endObject()
    }
    writer.endArray()
  }
}
