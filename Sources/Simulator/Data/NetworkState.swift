import Bytes

/// How a phone is connected.
struct NetworkState: Sendable, Equatable {
  /// A country that a phone is in: its mobile country code, and the names that share it (ISO 3166-1 alpha-2).
  struct Country: Sendable, Equatable {
    let code: Int
    let names: [String]

    init(code: Int, names: [String]) {
      self.code = code
      self.names = names
    }

    /// Reads `{ "countryCode": 214, "countryName": ["ES"] }`.
    init(_ value: JSONValue) throws(DocumentError) {
      var reader = try ObjectReader(value)
      code = try reader.integer("countryCode", in: 200...799)
      names = try reader.strings("countryName")
      try reader.finish()
    }
  }

  static let types = ["2G", "3G", "4G", "5G", "UNKNOWN"]

  /// CAMARA's `ConnectedNetworkType`.
  let type: String
  /// `DATA`, `SMS`, both, or none: then the phone is switched off.
  let connectivity: [String]
  /// Where it roams; nil at home.
  let roaming: Country?
  /// How old the operator's knowledge is.
  let ageSeconds: Int

  var isReachable: Bool { !connectivity.isEmpty }

  init(type: String, connectivity: [String], roaming: Country?, ageSeconds: Int) {
    self.type = type
    self.connectivity = connectivity
    self.roaming = roaming
    self.ageSeconds = ageSeconds
  }

  init(_ reader: inout ObjectReader) throws(DocumentError) {
    type = try reader.choice("type", of: Self.types)
    connectivity = try Self.connectivity(&reader)
    roaming = try reader.value("roaming").map { value throws(DocumentError) in try Country(value) }
    ageSeconds = try reader.duration("age", in: 0...86_400, default: 0)
  }

  static func connectivity(_ reader: inout ObjectReader) throws(DocumentError) -> [String] {
    let words = try reader.strings("connectivity")
    guard Set(words).isSubset(of: ["DATA", "SMS"]), Set(words).count == words.count else {
      throw reader.error("\"connectivity\" wants DATA, SMS, both or none")
    }
    return words
  }
}

/// States that follow one another for ever, each for its time. Which one it is now follows from the clock alone, so that it is the same
/// after a restart.
struct Schedule<State: Sendable & Equatable>: Sendable {
  private let phases: [(seconds: Int, state: State)]
  private let totalSeconds: Int
  /// When somebody last changed them; nil for never.
  private var changed: Timestamp?

  private init(_ phases: [(seconds: Int, state: State)], _ totalSeconds: Int, changed: Timestamp?) {
    self.phases = phases
    self.totalSeconds = totalSeconds
    self.changed = changed
  }

  /// The same times with other states.
  func changed(since time: Timestamp, _ change: (State) -> State) -> Schedule {
    Schedule(phases.map { ($0.seconds, change($0.state)) }, totalSeconds, changed: time)
  }

  /// The state at a moment, and since when it is so: never, when there is no other.
  func state(at now: Timestamp) -> (state: State, since: Timestamp?) {
    guard phases.count > 1 else { return (phases[0].state, changed) }
    let lap = Int64(totalSeconds)
    var rest = ((now.seconds % lap) + lap) % lap
    for phase in phases.dropLast() {
      guard rest >= Int64(phase.seconds) else { return (phase.state, since(Timestamp(seconds: now.seconds - rest))) }
      rest -= Int64(phase.seconds)
    }
    return (phases[phases.count - 1].state, since(Timestamp(seconds: now.seconds - rest)))
  }

  private func since(_ phase: Timestamp) -> Timestamp { changed.map { max($0, phase) } ?? phase }
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
