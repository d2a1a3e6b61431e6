import JOSE
import Store

/// `code` and `redirect_uri` are there, and the code is one that was issued to this client. Another client's code is as good as none, and stays as it is: nobody can use
/// up what is not theirs (A12).
enum IssuedCode {
  static let bytesMaximum = 128

  static func examine(_ examination: Examination) throws(Refusal) -> CodeRecord {
    let parameters = examination.parameters
    guard let code = parameters["code"], parameters["redirect_uri"] != nil else {
      throw Refusal(.invalidRequest, "code or redirect_uri is missing")
    }
    guard code.utf8.count <= bytesMaximum else { throw .codeNotGood("the code is too long") }
    // Looked up by digest: what is compared byte by byte tells nothing about the code (A37).
    let digest = SHA256.digest(Array(code.utf8))
    guard let record = try orUnavailable("reading the code", { try examination.dependencies.codes.find(digest: digest) }) else {
      throw .codeNotGood("the code is unknown")
    }
    guard record.client == examination.client.id else { throw .codeNotGood("the code was issued to another client") }
    return record
  }
}

extension Refusal {
  /// One answer for all that can be wrong with a code (RFC 6749 §5.2): the ledger knows which it was.
  static func codeNotGood(_ detail: String) -> Refusal {
    Refusal(.invalidGrant, "the code is not good here, or not good any more", detail: detail)
  }
}
