import Bytes
import Wire

/// Events over HTTP, as CloudEvents' webhooks and CAMARA's event guide have it: a POST to an `https` sink, its certificate verified, its
/// addresses judged, redirects not followed.
public struct HTTPTransport: EventTransport {
  private let client: JudgedWebClient
  private let timeoutMilliseconds: Int
  private let originName: String
  private let allowsPlainHTTP: Bool

  /// - Parameters:
  ///   - client: works on the loop of the delivery.
  ///   - originName: the gateway's name, as sinks are asked whether they want its events (`WebHook-Request-Origin`).
  ///   - allowsPlainHTTP: for tests and the demo.
  public init(client: JudgedWebClient, timeoutMilliseconds: Int, originName: String, allowsPlainHTTP: Bool = false) {
    self.client = client
    self.timeoutMilliseconds = timeoutMilliseconds
    self.originName = originName
    self.allowsPlainHTTP = allowsPlainHTTP
  }

  public func send(_ event: OutgoingEvent, isStillPermitted: @escaping @Sendable () -> Bool) async -> DeliveryOutcome {
    guard let address = WebAddress(event.sink), address.isSecure || allowsPlainHTTP else { return .failed("bad_address") }
    var fields = [
      (name: "Content-Type", value: "application/cloudevents+json"), (name: "Accept", value: "application/json"),
      (name: "x-correlator", value: event.correlator), (name: "WebHook-Request-Origin", value: originName),
    ]
    if let bearer = event.bearer { fields.append((name: "Authorization", value: "Bearer " + bearer)) }
    do throws(WebFailure) {
      let answer = try await client.send(
        "POST", to: address, fields: fields, body: event.body, owner: event.owner, timeoutMilliseconds: timeoutMilliseconds,
        isStillWanted: isStillPermitted)
      return Self.outcome(answer)
    } catch {
      return Self.outcome(error)
    }
  }

  private static func outcome(_ answer: HTTPResponse) -> DeliveryOutcome {
    switch answer.status {
    case 200...299: .accepted
    case 410: .gone
    default: .refused(status: answer.status, retryAfterSeconds: retryAfter(answer))
    }
  }

  /// RFC 9110 §10.2.3, in seconds; a date is as good as nothing said: we come back later anyway.
  private static func retryAfter(_ answer: HTTPResponse) -> Int? {
    guard answer.status == 429 || answer.status == 503, let text = answer.field("retry-after"), (1...9).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int(text)
  }

  private static func outcome(_ failure: WebFailure) -> DeliveryOutcome {
    switch failure {
    case .unwanted: .notSent
    case .unresolvable: .failed("unresolvable")
    case .forbiddenAddress: .failed("forbidden_address")
    case .unreachable: .failed("unreachable")
    case .untrusted: .failed("untrusted")
    case .timedOut: .failed("timeout")
    case .tooLarge: .failed("answer_too_large")
    case .broken: .failed("broken")
    }
  }
}
