import Bytes

/// Whether a SIM card or a phone was changed lately: sim-swap, device-swap.
enum Swaps {
  static let apis = [
    SimulatedAPI(
      "sim-swap", "/sim-swap/v2",
      [
        .post("/retrieve-date", "retrieveSimSwapDate") { call throws(BackendError) in
          try date("latestSimChange", call.phoneNumber(in: call.body()).simChange)
        },
        .post("/check", "checkSimSwap") { call throws(BackendError) in try check(call, \.simChange) },
      ]),
    SimulatedAPI(
      "device-swap", "/device-swap/v1",
      [
        .post("/retrieve-date", "retrieveDeviceSwapDate") { call throws(BackendError) in
          try date("latestDeviceChange", call.phoneNumber(in: call.body()).deviceChange)
        },
        .post("/check", "checkDeviceSwap") { call throws(BackendError) in try check(call, \.deviceChange) },
      ]),
  ]

  private static func date(_ name: String, _ change: LastChange) throws(BackendError) -> Answer {
    .ok([name: change.time.map(JSON.time) ?? .null, "monitoredPeriod": change.monitoredDays.map(JSON.integer)])
  }

  private static func check(
    _ call: Call, _ change: KeyPath<SimulatedSubscriber, LastChange>
  ) throws(BackendError) -> Answer {
    let body = try call.body()
    let hours = try body.optionalInteger("maxAge", in: 1...2400) ?? 240
    let subscriber = try call.phoneNumber(in: body)
    return .ok(["swapped": .boolean(subscriber[keyPath: change].isWithin(hours: hours, of: call.now))])
  }
}
