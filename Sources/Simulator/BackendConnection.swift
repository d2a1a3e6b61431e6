import Wire

/// The connection of an exchange, for answers that are spoilt on purpose. Confined to the loop of the exchange.
struct BackendConnection: @unchecked Sendable {
  /// When nobody gives up, a hanging call does.
  private static let hangSecondsMaximum = 600

  private let exchange: Exchange

  init(_ exchange: Exchange) { self.exchange = exchange }

  /// The answer as it goes out; whatever it is after the connection is gone, nobody gets.
  func spoil(_ response: HTTPResponse, _ behaviour: SimulatedSubscriber.Behaviour, _ fault: Fault.Kind?) async -> HTTPResponse {
    switch fault {
    case .hang:
      await hang()
      return response
    case .reset:
      exchange.reset()
      return response
    case .truncate:
      exchange.sever(after: response)
      return response
    case .brokenJSON: return Self.broken(response)
    case .delay, .error, nil: break
    }
    switch behaviour {
    case .brokenJSON: return Self.broken(response)
    case .failingWithHTML: return HTTPResponse.html(500, Array("<h1>Internal Server Error</h1>".utf8))
    case .closing: exchange.sever()
    case .truncated: exchange.sever(after: response)
    default: break
    }
    return response
  }

  private static func broken(_ response: HTTPResponse) -> HTTPResponse {
    var response = response
    if !response.body.isEmpty { response.body = Array(response.body.dropLast()) + Array(",}".utf8) }
    return response
  }

  /// Until the client gives up.
  private func hang() async {
    for _ in 0..<Self.hangSecondsMaximum * 10 where !exchange.isAbandoned {
      do { try await Task.sleep(for: .milliseconds(100)) } catch { break }
    }
    exchange.sever()
  }
}
