import Store
import Wire

/// What a client may name as the sink of its events, and how it shows that the sink wants them.
///
/// A sink is `https`, and every address that its name stands for is public, or in a range that the operator allows; this is judged here,
/// and again at each delivery by the `JudgedWebClient` (A19, A21). Beyond that the sink is registered with the client, or it says itself
/// that it takes events of this gateway: CloudEvents' web hooks, section 4, so that nobody is sent events who has not asked for them.
public struct SinkRules: Sendable {
  public enum Verdict: Sendable, Equatable {
    case admitted
    /// For the client: names no address.
    case refused(String)
  }

  private static let timeoutMilliseconds = 5000

  private let client: JudgedWebClient
  private let originName: String
  private let allowsPlainHTTP: Bool

  /// - Parameters:
  ///   - originName: what the sink is asked about (`WebHook-Request-Origin`): the gateway's host.
  ///   - allowsPlainHTTP: for tests and the demo.
  public init(client: JudgedWebClient, originName: String, allowsPlainHTTP: Bool) {
    self.client = client
    self.originName = originName
    self.allowsPlainHTTP = allowsPlainHTTP
  }

  /// May events go there? Any thread.
  public func judge(sink: String, of client: ClientRecord) async -> Verdict {
    guard let address = WebAddress(sink), address.isSecure || allowsPlainHTTP else {
      return .refused("sink wants an absolute URL with https, without user information or a fragment.")
    }
    do throws(WebFailure) {
      if client.eventSinks.contains(where: { Self.covers($0, address) }) {
        try await self.client.judge(address, timeoutMilliseconds: Self.timeoutMilliseconds)
        return .admitted
      }
      guard client.eventSinkProof == .handshake else {
        return .refused("sink wants one of the addresses that are registered with the client (event_sinks).")
      }
      return try await shakeHands(address)
    } catch { return .refused(Self.reason(error)) }
  }

  /// A registered sink stands for itself, and with a slash at its end for all below it.
  static func covers(_ registered: String, _ sink: WebAddress) -> Bool {
    guard let rule = WebAddress(registered), rule.isSecure == sink.isSecure, rule.host == sink.host, rule.port == sink.port
    else { return false }
    guard rule.target.hasSuffix("/") else { return rule.target == sink.target }
    return sink.target.hasPrefix(rule.target) && !mayLeadOut(sink.target.prefix { $0 != "?" })
  }

  /// What a server would make of dots is its own affair: it is not below what was registered. Some decode a slash or a backslash before they
  /// look at dots, and some overlook what follows a semicolon.
  private static func mayLeadOut(_ path: Substring) -> Bool {
    let read = ["%2e": ".", "%2f": "/", "%5c": "/", "%3b": ";"].reduce(path.lowercased()) { $0.replacing($1.key, with: $1.value) }
    return read.split(separator: "/").contains { [".", ".."].contains($0.prefix { $0 != ";" }) }
  }

  /// No rate is asked for (`WebHook-Request-Rate`): a sink that wants fewer says 429 with `Retry-After`.
  private func shakeHands(_ address: WebAddress) async throws(WebFailure) -> Verdict {
    let answer = try await client.send(
      "OPTIONS", to: address, fields: [("WebHook-Request-Origin", originName)], timeoutMilliseconds: Self.timeoutMilliseconds)
    let allowed = answer.field("webhook-allowed-origin").map {
      $0.split(separator: ",").map { $0.trimming(while: \.isWhitespace) }
    }
    guard (200...299).contains(answer.status), let allowed,
      allowed.contains(where: { $0 == "*" || $0.lowercased() == originName })
    else {
      return .refused(
        "sink does not say that it takes these events: it wants to answer OPTIONS with WebHook-Allowed-Origin: \(originName).")
    }
    return .admitted
  }

  private static func reason(_ failure: WebFailure) -> String {
    switch failure {
    case .unresolvable: "sink names a host that is not known."
    case .forbiddenAddress: "sink wants an address of the public Internet."
    case .untrusted: "sink shows a certificate that cannot be trusted."
    case .unreachable, .timedOut, .tooLarge, .broken, .unwanted:
      "sink does not answer OPTIONS with WebHook-Request-Origin (CloudEvents' web hooks), by which it shows that it takes events."
    }
  }
}

extension Substring {
  fileprivate func trimming(while isTrimmed: (Character) -> Bool) -> Substring {
    let rest = drop(while: isTrimmed)
    return rest.lastIndex { !isTrimmed($0) }.map { rest[...$0] } ?? rest.prefix(0)
  }
}
