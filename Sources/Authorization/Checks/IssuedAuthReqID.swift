import JOSE
import Store

/// `auth_req_id` is one that was given to this client (CIBA Core §10.1, §11). Another client's is as good as none, and stays as it
/// is: nobody can use up or slow down what is not theirs (A45).
enum IssuedAuthReqID {
  static func examine(_ examination: Examination) throws(Refusal) -> BackchannelRecord {
    guard let identifier = examination.parameters["auth_req_id"] else {
      throw Refusal(.invalidRequest, "auth_req_id is missing")
    }
    guard identifier.utf8.count <= IssuedCode.bytesMaximum else { throw .authReqIDNotGood("the auth_req_id is too long") }
    let digest = SHA256.digest(Array(identifier.utf8))
    let found = try orUnavailable("reading the request") { try examination.dependencies.backchannel.find(digest: digest) }
    guard let found else { throw .authReqIDNotGood("the auth_req_id is unknown") }
    guard found.client == examination.client.id else { throw .authReqIDNotGood("the auth_req_id was given to another client") }
    return found
  }
}

extension Refusal {
  /// One answer for all that can be wrong with an `auth_req_id`: the ledger knows which it was.
  static func authReqIDNotGood(_ detail: String) -> Refusal {
    Refusal(.invalidGrant, "the auth_req_id is not good here, or not good any more", detail: detail)
  }
}
