import Bytes

/// What happens to a subscriber's phone: members of the data file's `network`, and `place`, `simChange`, `deviceChange`; what is not said
/// stays. Or an act: a word for some of them.
struct PhoneChange: Sendable {
  /// Words for what happens to phones.
  enum Act: String, CaseIterable, Sendable {
    case goAbroad = "go-abroad"
    case goFurther = "go-further"
    case comeHome = "come-home"
    case switchOff = "switch-off"
    case switchOn = "switch-on"
    case smsOnly = "sms-only"
    case swapSIM = "swap-sim"
    case swapDevice = "swap-device"
    case toParis = "to-paris"
    case toLyon = "to-lyon"
  }

  private var type: String?
  private var connectivity: [String]?
  /// Nil inside: at home.
  private var roaming: NetworkState.Country??
  private var place: Place?
  private var simChange: LastChange?
  private var deviceChange: LastChange?
  private var time: Timestamp

  /// - Throws: for a member that there is not, a value that it cannot have, or nothing at all.
  init(_ value: JSONValue, now: Timestamp) throws(DocumentError) {
    time = now
    var reader = try ObjectReader(value)
    guard !value.keys.isEmpty else { throw value.error("a change wants one member at least") }
    if reader.value("act") != nil {
      let words = Act.allCases.map(\.rawValue)
      apply(Act(rawValue: try reader.choice("act", of: words))!)
    }
    if reader.value("type") != nil { type = try reader.choice("type", of: NetworkState.types) }
    if reader.value("connectivity") != nil { connectivity = try NetworkState.connectivity(&reader) }
    if let country = reader.value("roaming") {
      roaming = .some(country.isNull ? nil : try NetworkState.Country(country))
    }
    if let value = reader.value("place") { place = try Place(value) }
    if let value = reader.value("simChange") { simChange = try LastChange(value, now: now) }
    if let value = reader.value("deviceChange") { deviceChange = try LastChange(value, now: now) }
    try reader.finish()
  }

  private mutating func apply(_ act: Act) {
    switch act {
    case .goAbroad: roaming = .some(NetworkState.Country(code: 214, names: ["ES"]))
    case .goFurther: roaming = .some(NetworkState.Country(code: 268, names: ["PT"]))
    case .comeHome: roaming = .some(nil)
    case .switchOff: connectivity = []
    case .switchOn: connectivity = ["DATA", "SMS"]
    case .smsOnly: connectivity = ["SMS"]
    case .swapSIM: simChange = LastChange(at: time)
    case .swapDevice: deviceChange = LastChange(at: time)
    case .toParis: place = .circle(Circle(center: Point(latitude: 48.8566, longitude: 2.3522), radiusMetres: 50), ageSeconds: 0)
    case .toLyon: place = .circle(Circle(center: Point(latitude: 45.764, longitude: 4.8357), radiusMetres: 50), ageSeconds: 0)
    }
  }

  /// Both, the later one above the earlier.
  func followed(by later: PhoneChange) -> PhoneChange {
    var both = self
    both.type = later.type ?? type
    both.connectivity = later.connectivity ?? connectivity
    both.roaming = later.roaming ?? roaming
    both.place = later.place ?? place
    both.simChange = later.simChange ?? simChange
    both.deviceChange = later.deviceChange ?? deviceChange
    both.time = later.time
    return both
  }

  func applied(to subscriber: SimulatedSubscriber) -> SimulatedSubscriber {
    var subscriber = subscriber
    if type != nil || connectivity != nil || roaming != nil {
      subscriber.network = subscriber.network.changed(since: time) { state in
        NetworkState(
          type: type ?? state.type, connectivity: connectivity ?? state.connectivity, roaming: roaming ?? state.roaming,
          ageSeconds: 0)
      }
    }
    subscriber.place = place ?? subscriber.place
    subscriber.simChange = simChange ?? subscriber.simChange
    subscriber.deviceChange = deviceChange ?? subscriber.deviceChange
    return subscriber
  }
}
