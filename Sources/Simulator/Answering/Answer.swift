import Wire

/// What a backend answers.
struct Answer: Sendable {
  var status: Int
  /// Nil for an answer without a body.
  var body: JSON?
  var fields: [(name: String, value: String)]

  init(_ status: Int, _ body: JSON? = nil, fields: [(name: String, value: String)] = []) {
    self.status = status
    self.body = body
    self.fields = fields
  }

  static func ok(_ body: JSON) -> Answer { Answer(200, body) }
  static let noContent = Answer(204)

  func response(correlator: String?) -> HTTPResponse {
    var response = body.map { HTTPResponse.json(status, $0.bytes) } ?? HTTPResponse(status: status)
    response.fields += fields
    if let correlator { response.fields.append(("x-correlator", correlator)) }
    return response
  }
}
