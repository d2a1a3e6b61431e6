import Telemetry
import Testing

@testable import Gateway

@Suite struct CallMeterTests {
  private static let name = CallMeter.OperationName(api: "a", version: "1", operation: "o")

  private func series(_ meter: CallMeter, _ name: String) -> [String] {
    meter.families().filter { $0.name == name }.flatMap(\.series).map { series in
      let labels = series.labels.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
      switch series.value {
      case .count(let count): return "\(labels) \(count)"
      case .number(let number): return "\(labels) \(number)"
      case .histogram(let histogram): return "\(labels) \(histogram.count)"
      }
    }
  }

  @Test func clientsBeyondTheMaximumAndThoseOfReservedNamesAreCountedAsOther() {
    let meter = CallMeter(clientsMaximum: 2)
    let operation = meter.place(of: Self.name)
    for client in ["other", "one", "two", "three", "unknown", "one"] {
      let row = meter.loop(0).row(.init(operation: operation, client: meter.place(ofClient: client)))
      row.durations.observe(nanoseconds: 1)
    }
    #expect(
      series(meter, "passerelle_client_call_duration_seconds") == ["client_id=other 3", "client_id=one 2", "client_id=two 1"])
  }

  @Test func loopsAreAddedUp() {
    let meter = CallMeter()
    let key = LoopMeter.RowKey(operation: meter.place(of: Self.name), client: meter.place(ofClient: "one"))
    for index in [0, 1, 1] {
      meter.loop(index).row(key).outcomes.add(at: CallRow.place(.refused, status: 429))
      meter.loop(index).row(key).limits.add(at: 1)
      meter.loop(index).countRefusal(operation: key.operation, reason: "quota_day")
      meter.loop(index).countRefusal(operation: nil, reason: "no_such_operation")
    }
    let operation = "api=a api_version=1 operation=o"
    #expect(series(meter, "passerelle_calls") == ["\(operation) client_id=one decision=refused status_class=4xx 3"])
    #expect(series(meter, "passerelle_limit_refusals") == ["client_id=one limit=quota_day 3"])
    #expect(series(meter, "passerelle_call_refusals") == ["\(operation) reason=quota_day 3"])
    #expect(series(meter, "passerelle_unrouted_requests") == ["reason=no_such_operation 3"])
  }

  @Test func anOperationKeepsItsPlace() {
    let meter = CallMeter()
    let other = CallMeter.OperationName(api: "a", version: "2", operation: "o")
    #expect([Self.name, other, Self.name].map { meter.place(of: $0) } == [0, 1, 0])
  }

  @Test func aStatusOutsideTheClassesIsInTheNearest() {
    #expect(CallRow.place(.allowed, status: 101) == 0 && CallRow.place(.failed, status: 599) == 11)
    #expect(CallRow.place(.failed, status: 604) == 11)
  }
}
