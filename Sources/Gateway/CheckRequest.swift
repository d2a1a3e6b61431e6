import Bytes
import Policy
import Wire

/// What the backend gets of a request, as far as the stages have written it. Kept from call to call.
struct UpstreamRequest {
  /// With its `?`; empty for none.
  var query: [UInt8] = []
  /// Whole lines, beside those that every backend gets.
  var fields: [UInt8] = []
  var body: [UInt8] = []

  mutating func removeAll() {
    query.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
    body.removeAll(keepingCapacity: true)
  }
}

/// The first half of stage 8: path, query, fields and body against their schemas (400), before anything of them is believed.
enum RequestCheck {
  /// True when there is a JSON document, which is then on the tape. `upstream` gets query and fields as they are to be forwarded.
  static func run(
    _ exchange: Exchange, _ operation: OperationPolicy, _ tape: inout JSONTape, _ upstream: inout UpstreamRequest
  ) throws(APIError) -> Bool {
    if let violation = operation.query.check(exchange.query, into: &upstream.query) {
      throw APIError(violation.kind, "query_schema", message: violation.message)
    }
    for parameter in operation.parameters {
      if let violation = parameter.violation(in: exchange.path) {
        throw APIError(violation.kind, "path_schema", message: violation.message)
      }
    }
    if !operation.headers.isEmpty { try fields(exchange, operation.headers, &upstream.fields) }
    return try body(exchange, operation, &tape)
  }

  private static func fields(
    _ exchange: Exchange, _ rules: HeaderRules, _ output: inout [UInt8]
  ) throws(APIError) {
    for index in 0..<rules.count {
      let place = try field(index, exchange, rules)
      let violation = place.map { rules.violation(index, exchange.fieldValue($0)) } ?? rules.violation(index, nil)
      if let violation { throw APIError(violation.kind, "header_schema", message: violation.message) }
      guard let place else { continue }
      output.append(contentsOf: rules.name(index))
      output.append(": ")
      output.append(exchange.fieldValue(place))
      output.append("\r\n")
    }
  }

  /// The place of a field that a policy names; nil when it is not there, or is for nobody behind us (A27).
  static func field(_ index: Int, _ exchange: Exchange, _ rules: HeaderRules) throws(APIError) -> Int? {
    var place: Int?
    for candidate in 0..<exchange.fieldCount where rules.isNamed(index, exchange.fieldName(candidate)) {
      guard place == nil else {
        let name = String(decoding: rules.name(index), as: UTF8.self)
        throw APIError(.invalidArgument, "header_twice", message: "The header \(name) is there twice.")
      }
      place = candidate
    }
    return place == nil || isNominated(index, exchange, rules) ? nil : place
  }

  /// RFC 9110 §7.6.1: a field that `Connection` names is for that connection alone.
  private static func isNominated(_ index: Int, _ exchange: Exchange, _ rules: HeaderRules) -> Bool {
    guard exchange.count(.connection) > 0 else { return false }
    for place in 0..<exchange.fieldCount where exchange.fieldName(place).equalsIgnoringASCIICase("connection") {
      let options = exchange.fieldValue(place)
      var start = 0
      while start < options.count {
        var end = options.firstIndex(of: 0x2C, from: start) ?? options.count
        let next = end + 1
        while start < end, isBlank(options[start]) { start += 1 }
        while end > start, isBlank(options[end - 1]) { end -= 1 }
        if rules.isNamed(index, options.extracting(start..<end)) { return true }
        start = next
      }
    }
    return false
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func body(
    _ exchange: Exchange, _ operation: OperationPolicy, _ tape: inout JSONTape
  ) throws(APIError) -> Bool {
    guard !exchange.body.isEmpty else {
      guard !operation.bodyRequired else { throw APIError(.invalidArgument, "body_missing", message: "A JSON body is required.") }
      return false
    }
    do { try tape.parse(exchange.body) } catch {
      throw APIError(.invalidArgument, "body_not_json", message: "The body is not JSON: \(error.reason) at byte \(error.offset).")
    }
    if let violation = operation.requestSchema?.check(exchange.body, tape: tape) {
      throw APIError(violation.kind, "body_schema", message: violation.message)
    }
    return true
  }
}
