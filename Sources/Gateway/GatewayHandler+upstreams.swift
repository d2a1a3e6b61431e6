import Policy
import Wire

extension GatewayHandler {
  /// How it stands with the backends of each API, by name. Any thread.
  public func upstreamStates() -> [UpstreamState] {
    upstreamsByName.sorted { $0.key < $1.key }.map { $0.value.snapshot() }
  }

  /// Lets go of the backends that the handler in this one's place does not use too. Calls that are still here end as they would, and
  /// connections close after them. Any thread; once.
  public func retireUpstreams(keptBy next: GatewayHandler? = nil) {
    for (name, upstream) in upstreamsByName where next?.upstreamsByName[name] !== upstream { upstream.retire() }
  }

  /// One for each name, taken over where nothing of it is new.
  static func makeUpstreams(
    _ settings: GatewaySettings, _ dependencies: GatewayDependencies, _ loops: [EventLoop], _ previous: GatewayHandler?
  ) -> [String: Upstream] {
    var made: [String: Upstream] = [:]
    for (name, wanted) in settings.upstreams {
      if let known = previous?.upstreamsByName[name], known.settings == wanted.settings {
        made[name] = known
      } else {
        made[name] = Upstream(name: name, settings: wanted.settings, loops: loops, notice: dependencies.notice)
      }
    }
    return made
  }
}

extension GatewaySettings {
  /// What becomes of an answer to the operation that breaks its schema: the configuration's word for its API, or the policy's.
  func answerValidation(of operation: OperationPolicy) -> AnswerValidation {
    guard !operation.isServedHere else { return operation.validation }
    return (upstreams[operation.api.rawValue] ?? upstreams["*"])?.answerValidation ?? operation.validation
  }

  /// How long a call to the operation may take at its backend: the configuration's word for it, or for its API, or the policy's.
  func timeoutNanoseconds(of operation: OperationPolicy) -> UInt64 {
    let upstream = upstreams[operation.api.rawValue] ?? upstreams["*"]
    let milliseconds =
      upstream?.operationTimeoutMilliseconds[operation.id.rawValue] ?? upstream?.timeoutMilliseconds
      ?? operation.timeoutMilliseconds
    return UInt64(milliseconds) * 1_000_000
  }
}
