/// No parameter stands there twice, in the array notation, or both in the query and in the body (RFC 6749 §3.1 and §3.2,
/// profile items 18 and 70, A31): which of two counts is a question that two readers answer differently.
enum ParametersOnce {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard !examination.parameters.hasRepeated else { throw Refusal(.invalidRequest, "a parameter is there twice") }
  }
}
