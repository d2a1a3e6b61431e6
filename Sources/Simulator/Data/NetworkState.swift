import Bytes

/// How a phone is connected.
struct NetworkState: Sendable, Equatable {
  /// A country that a phone is in: its mobile country code, and the names that share it (ISO 3166-1 alpha-2).
  struct Country: Sendable, Equatable {
    let code: Int
    let names: [String]
  }

  /// CAMARA's `ConnectedNetworkType`.
  let type: String
  /// `DATA`, `SMS`, both, or none: then the phone is switched off.
  let connectivity: [String]
  /// Where it roams; nil at home.
  let roaming: Country?
  /// How old the operator's knowledge is.
  let ageSeconds: Int

  var isReachable: Bool { !connectivity.isEmpty }

  init(_ reader: inout ObjectReader) throws(DocumentError) {
    type = try reader.choice("type", of: ["2G", "3G", "4G", "5G", "UNKNOWN"])
    let connectivity = try reader.strings("connectivity")
    guard Set(connectivity).isSubset(of: ["DATA", "SMS"]), Set(connectivity).count == connectivity.count else {
      throw reader.error("\"connectivity\" wants DATA, SMS, both or none")
    }
    self.connectivity = connectivity
    if var country = try reader.optionalObject("roaming") {
      roaming = Country(code: try country.integer("countryCode", in: 200...799), names: try country.strings("countryName"))
      try country.finish()
    } else {
      roaming = nil
    }
    ageSeconds = try reader.duration("age", in: 0...86_400, default: 0)
  }
}

/// States that follow one another for ever, each for its time. Which one it is now follows from the clock alone, so that it is the same
/// after a restart.
struct Schedule<State: Sendable & Equatable>: Sendable {
  private let phases: [(seconds: Int, state: State)]
  private let totalSeconds: Int

  /// The state at a moment, and since when it is so: never, when there is no other.
  func state(at now: Timestamp) -> (state: State, since: Timestamp?) {
    guard phases.count > 1 else { return (phases[0].state, nil) }
    let lap = Int64(totalSeconds)
    var rest = ((now.seconds % lap) + lap) % lap
    for phase in phases.dropLast() {
      guard rest >= Int64(phase.seconds) else { return (phase.state, Timestamp(seconds: now.seconds - rest)) }
      rest -= Int64(phase.seconds)
    }
    return (phases[phases.count - 1].state, Timestamp(seconds: now.seconds - rest))
  }
}

extension Schedule<NetworkState> {
  /// Reads one state, or an array of states each with its `for`.
  init(_ value: JSONValue) throws(DocumentError) {
    var phases: [(seconds: Int, state: NetworkState)] = []
    for element in value.array ?? [value] {
      var reader = try ObjectReader(element)
      let seconds = value.array == nil ? 1 : try Moment.duration(reader.required("for"), in: 1...86_400)
      phases.append((seconds, try NetworkState(&reader)))
      try reader.finish()
    }
    guard !phases.isEmpty else { throw value.error("a state of the network was expected") }
    self.phases = phases
    totalSeconds = phases.reduce(0) { $0 + $1.seconds }
  }
}
