import Bytes
import Wire

/// The simulated operator's look-ups: `POST /simulator/subscribers/by-address|by-token|by-number`. 200 with the number of a
/// subscriber, 404 for nobody.
struct SubscriberLookup {
  let data: SimulatedOperator

  static let tokenPrefix = "simulated-token-of-"

  /// Nil when the path is none of them.
  func answer(_ request: HTTPRequest, _ path: String) -> HTTPResponse? {
    let body = try? JSONDocument(request.body).root
    let subscriber: SimulatedSubscriber?
    switch (request.method, path) {
    case ("POST", "/simulator/subscribers/by-address"):
      subscriber = body?["ipAddress"]?.string.flatMap { data.subscriber(ipv4: $0) }
    case ("POST", "/simulator/subscribers/by-token"):
      subscriber = body?["operatorToken"]?.string.flatMap { token in
        token.hasPrefix(Self.tokenPrefix) ? data.subscriber(String(token.dropFirst(Self.tokenPrefix.count))) : nil
      }
    case ("POST", "/simulator/subscribers/by-number"): subscriber = body?["phoneNumber"]?.string.flatMap { data.subscriber($0) }
    default: return nil
    }
    guard let subscriber else { return BackendError.notFound.answer.response(correlator: nil) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("phoneNumber", subscriber.phoneNumber.e164)
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }
}

extension SimulatedSubscriber {
  /// What the simulated entitlement server would have given to their phone.
  public var operatorToken: String { SubscriberLookup.tokenPrefix + phoneNumber.e164 }
}
