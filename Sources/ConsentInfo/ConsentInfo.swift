/// CAMARA's Consent Info API 0.2: an application asks whether it may have a subscriber's data before it asks for the data, and gets an
/// address at which the subscriber can agree. `policies/consent-info-0.2.json` is its policy; the gateway admits, records and
/// filters its calls like all others.
///
/// `RetrieveStatus` answers the one operation, from the register's word for each scope (`ConsentRegister.standing`), `StatusInfo`
/// writes it. Addresses are the authorization server's (`AuthorizationServer.issueCapture`), as is the page behind them.
///
/// Begin with `RetrieveStatus.swift`.

import Authorization
import Consent
import Gateway
import Identifiers
import Policy

public struct ConsentInfo: Sendable {
  let catalogue: Catalogue
  let consents: ConsentRegister
  let server: AuthorizationServer

  public init(catalogue: Catalogue, consents: ConsentRegister, server: AuthorizationServer) {
    self.catalogue = catalogue
    self.consents = consents
    self.server = server
  }

  /// What the gateway finds the API's operations by.
  public static func operations(_ api: ConsentInfo) -> [LocalOperationName: any LocalOperation] {
    let name = LocalOperationName(
      api: APIName(rawValue: "consent-info")!, operation: OperationID(rawValue: "retrieveStatus")!)
    return [name: RetrieveStatus(api: api)]
  }
}
