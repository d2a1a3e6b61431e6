import Bytes

/// What holds for all subscribers.
struct OperatorSettings: Sendable {
  /// In lower case: in this field of a request a gateway names the subscriber, where the API's body does not.
  let subscriberHeader: String
  let coverage: Box
  /// Below it, an area is too small to be asked about.
  let areaRadiusMetresMinimum: Double
  /// Below it, people are not counted.
  let countMinimum: Int
  /// Of each kind of resource (sessions, payments, ...); the oldest is forgotten for a new one.
  let resourcesMaximum: Int
  /// Before a subscription is active; 0 answers 201, otherwise 202.
  let activationSeconds: Int
  /// Of one payment, in thousandths.
  let chargeThousandthsMaximum: Int
  /// How long an asynchronous payment or refund is `processing`.
  let settlementSeconds: Int
  /// How long a reservation holds.
  let reservationSeconds: Int
  /// How long a code of one use is good.
  let codeSeconds: Int
  /// How long a registration for calls holds.
  let registrationSeconds: Int
  /// The operator's own.
  let country: NetworkState.Country
  /// How often an event is sent until its sink takes it.
  let eventAttemptsMaximum: Int

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    subscriberHeader = try reader.string("subscriberHeader").lowercased()
    var box = try reader.object("coverage")
    coverage = Box(
      south: try box.number("south", in: -90...90), west: try box.number("west", in: -180...180),
      north: try box.number("north", in: -90...90), east: try box.number("east", in: -180...180))
    try box.finish()
    areaRadiusMetresMinimum = try reader.number("areaRadiusMinimum", in: 1...100_000)
    countMinimum = try reader.integer("countMinimum", in: 0...100_000)
    resourcesMaximum = try reader.integer("resourcesMaximum", in: 1...1_000_000)
    activationSeconds = try reader.duration("activation", in: 0...3600, default: 0)
    chargeThousandthsMaximum = try reader.integer("chargeMaximum", in: 1...1_000_000) * 1000
    settlementSeconds = try reader.duration("settlement", in: 0...86_400, default: 2)
    reservationSeconds = try reader.duration("reservation", in: 1...86_400, default: 900)
    codeSeconds = try reader.duration("code", in: 1...86_400, default: 300)
    registrationSeconds = try reader.duration("registration", in: 1...864_000, default: 3600)
    country =
      try reader.value("country").map { value throws(DocumentError) in try NetworkState.Country(value) }
      ?? NetworkState.Country(code: 208, names: ["FR"])
    eventAttemptsMaximum = try reader.optionalInteger("eventAttempts", in: 1...20) ?? 10
    try reader.finish()
  }
}
