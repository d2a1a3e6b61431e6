/// `response_type` is `code`: no token ever passes through the browser (RFC 9700 §2.1.2). It comes back in the query.
enum ResponseType {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard let type = examination.asked["response_type"] else {
      throw Refusal(.invalidRequest, "response_type is missing")
    }
    guard type == "code" else { throw Refusal(.unsupportedResponseType, "response_type has to be code") }
    guard examination.asked["response_mode"] ?? "query" == "query" else {
      throw Refusal(.invalidRequest, "response_mode has to be query")
    }
  }
}
