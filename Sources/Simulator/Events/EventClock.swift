import Bytes

/// What makes events come by themselves: looks for them some times a second, and takes the steps of the script.
struct EventClock: Sendable {
  let data: SimulatedOperator
  let kept: KeptResources
  let events: OperatorEvents
  let time: any TimeSource

  /// Until the task is cancelled or its loop stops.
  func run() async {
    while !Task.isCancelled {
      events.look()
      try? await Task.sleep(for: .milliseconds(OperatorEvents.lookMilliseconds))
    }
  }

  func runScript() async {
    guard let script = data.script else { return }
    repeat {
      let start = time.monotonicNanoseconds()
      for step in script.steps {
        await wait(seconds: step.seconds, from: start)
        guard !Task.isCancelled else { return }
        take(step.act)
      }
      await wait(seconds: script.lapSeconds ?? 0, from: start)
    } while script.lapSeconds != nil && !Task.isCancelled
  }

  func take(_ act: EventScript.Act) {
    let now = time.now()
    switch act {
    case .change(let number, let value):
      guard let change = try? PhoneChange(value, now: now) else { return }
      kept.phones.change(number, change)
      events.look()
    case .event(let order): _ = order.carryOut(events, kept, data.settings.country, at: now)
    }
  }

  private func wait(seconds: Int, from start: UInt64) async {
    let end = start + UInt64(seconds) * 1_000_000_000
    let now = time.monotonicNanoseconds()
    if end > now { try? await Task.sleep(for: .nanoseconds(end - now)) }
  }
}
