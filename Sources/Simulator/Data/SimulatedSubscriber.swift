import Bytes
import Identifiers

/// A simulated subscriber: the phone that they use, and what the operator knows of them.
public struct SimulatedSubscriber: Sendable {
  /// How the backends behave when they are asked about them.
  public enum Behaviour: String, Sendable, CaseIterable {
    case normal
    /// The backend has never heard of the number: 404.
    case unknown
    /// A line without a phone of its own: 422.
    case notApplicable = "not-applicable"
    /// The answer comes after five seconds.
    case slow
    /// The answer is not JSON, though it says so.
    case brokenJSON = "broken-json"
    /// 500 with a proper error.
    case failing
    /// 500 with a page of HTML.
    case failingWithHTML = "failing-html"
    /// The connection closes without an answer.
    case closing
    /// The answer lacks the fields that the API requires: of an object only the first member is there.
    case incomplete
    /// The answer holds more than the API has: fields that nobody agreed to.
    case talkative
    /// The answer is gone before its announced length.
    case truncated
  }

  /// A phone.
  public struct Device: Sendable {
    public let imei: String
    public let imeisv: String
    public let manufacturer: String
    public let model: String
    /// The first eight digits of the IMEI: make and model.
    public var tac: String { String(imei.prefix(8)) }
  }

  public let phoneNumber: MSISDN
  public let ipv4: String?
  /// In lower case.
  public let ipv6: String?
  /// What is special about them, in a few words.
  public let note: String
  public let device: Device
  public let lastChecked: Timestamp
  public let behaviour: Behaviour
  var network: Schedule<NetworkState>
  var place: Place
  var simChange: LastChange
  var deviceChange: LastChange
  let person: Person
  let account: Account
  let messages: MessageReception

  init(_ value: JSONValue, _ everybody: SubscriberDefaults, now: Timestamp) throws(DocumentError) {
    var reader = try ObjectReader(value)
    let text = try reader.required("phoneNumber")
    guard let number = text.string.flatMap({ MSISDN(e164: $0) }) else { throw text.error("phoneNumber is malformed") }
    phoneNumber = number
    ipv4 = try reader.optionalString("ipv4")
    ipv6 = try reader.optionalString("ipv6")?.lowercased()
    note = try reader.string("note")
    device = Device(
      imei: try reader.string("imei"), imeisv: try reader.string("imeisv"), manufacturer: try reader.string("manufacturer"),
      model: try reader.string("model"))
    lastChecked = try Moment.read(reader.required("lastChecked"), now: now)
    let behaviours = Behaviour.allCases.map(\.rawValue)
    behaviour = Behaviour(rawValue: try reader.choice("behaviour", of: behaviours, default: Behaviour.normal.rawValue))!
    network = try reader.value("network").map { value throws(DocumentError) in try Schedule(value) } ?? everybody.network
    place = try reader.value("place").map { value throws(DocumentError) in try Place(value) } ?? everybody.place
    simChange =
      try reader.value("simChange").map { value throws(DocumentError) in try LastChange(value, now: now) }
      ?? everybody.simChange
    deviceChange =
      try reader.value("deviceChange").map { value throws(DocumentError) in try LastChange(value, now: now) }
      ?? everybody.deviceChange
    person = try Person(reader.value("person"), over: everybody.person)
    account = try reader.value("account").map { value throws(DocumentError) in try Account(value) } ?? everybody.account
    messages =
      try reader.value("messages").map { value throws(DocumentError) in try MessageReception(value) } ?? everybody.messages
    try reader.finish()
  }
}

/// What holds for whoever the list of subscribers says nothing else of.
struct SubscriberDefaults {
  let network: Schedule<NetworkState>
  let place: Place
  let simChange: LastChange
  let deviceChange: LastChange
  let person: Person
  let account: Account
  let messages: MessageReception

  init(_ value: JSONValue, now: Timestamp) throws(DocumentError) {
    var reader = try ObjectReader(value)
    network = try Schedule(reader.required("network"))
    place = try Place(reader.required("place"))
    simChange = try LastChange(reader.required("simChange"), now: now)
    deviceChange = try LastChange(reader.required("deviceChange"), now: now)
    person = try Person(reader.required("person"), over: nil)
    account = try Account(reader.required("account"))
    messages = try MessageReception(reader.required("messages"))
    try reader.finish()
  }
}
