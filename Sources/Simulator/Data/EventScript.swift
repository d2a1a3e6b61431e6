import Bytes

/// What happens by itself while the simulator runs: changes of phones and events, each at its time, once or again and again.
struct EventScript: Sendable {
  enum Act: Sendable {
    case change(number: String, JSONValue)
    case event(EventOrder)
  }

  struct Step: Sendable {
    /// From the start of the simulator, or of the lap.
    let seconds: Int
    let act: Act
  }

  static let stepsMaximum = 1000
  private static let nobody = "no subscriber has this phoneNumber"

  let isEnabled: Bool
  /// Nil when it runs once.
  let lapSeconds: Int?
  /// In the order of their times.
  let steps: [Step]

  /// Reads `{ "enabled": false, "every": "2m", "steps": [{ "at": "5s", "phoneNumber": "+33...", "change": {...} }] }`; a step has `change`
  /// (of the phone) or `event`.
  ///
  /// - Parameter numbers: whose phones there are.
  init(_ value: JSONValue, numbers: Set<String>, now: Timestamp) throws(DocumentError) {
    var reader = try ObjectReader(value)
    isEnabled = try reader.boolean("enabled", default: false)
    lapSeconds = try reader.value("every").map { value throws(DocumentError) in try Moment.duration(value, in: 1...86_400) }
    var steps: [Step] = []
    for element in try reader.array("steps") {
      var step = try ObjectReader(element)
      let seconds = try Moment.duration(step.required("at"), in: 0...86_400)
      if let event = step.value("event") {
        let order = try EventOrder(event)
        if let number = order.number, !numbers.contains(number) { throw event.error(Self.nobody) }
        steps.append(Step(seconds: seconds, act: .event(order)))
      } else {
        let change = try step.required("change")
        // Read again when its time has come: "0s ago" counts from then.
        _ = try PhoneChange(change, now: now)
        let number = try step.string("phoneNumber")
        guard numbers.contains(number) else { throw element.error(Self.nobody) }
        steps.append(Step(seconds: seconds, act: .change(number: number, change)))
      }
      try step.finish()
    }
    try reader.finish()
    guard steps.count <= Self.stepsMaximum else { throw value.error("a script has \(Self.stepsMaximum) steps at most") }
    self.steps = steps.enumerated().sorted { ($0.element.seconds, $0.offset) < ($1.element.seconds, $1.offset) }.map(\.element)
    if let lapSeconds, let last = self.steps.last, last.seconds > lapSeconds {
      throw value.error("a step is later than \"every\"")
    }
  }
}
