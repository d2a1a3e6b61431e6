import Bytes
import JOSE

/// An event as it goes to a sink: CloudEvents 1.0 over HTTP, with the members that CAMARA wants.
struct CloudEvent: Sendable {
  /// How it is put into a request (CloudEvents HTTP binding §3.1, §3.2).
  enum Mode: String, CaseIterable, Sendable {
    /// All of it is the body.
    case structured
    /// The data are the body, all else is in fields `ce-`.
    case binary
  }

  let id = Random.uuid()
  let source: String
  let type: String
  let time: Timestamp
  let data: JSON

  /// - Parameter api: what the source is named after.
  init(api: String, type: String, data: JSON, at time: Timestamp) {
    source = "/simulated-operator/" + api
    self.type = type
    self.data = data
    self.time = time
  }

  func fields(_ mode: Mode) -> [(name: String, value: String)] {
    switch mode {
    case .structured: [("content-type", "application/cloudevents+json")]
    case .binary:
      [
        ("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", source), ("ce-type", type),
        ("ce-time", time.rfc3339),
      ]
    }
  }

  func body(_ mode: Mode) -> [UInt8] {
    switch mode {
    case .binary: data.bytes
    case .structured:
      ([
        "id": .string(id), "source": .string(source), "specversion": .string("1.0"), "type": .string(type),
        "time": .time(time), "datacontenttype": .string("application/json"), "data": data,
      ] as JSON).bytes
    }
  }
}
