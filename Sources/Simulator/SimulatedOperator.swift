import Bytes
import Identifiers

/// A simulated subscriber with the phone that they use.
public struct SimulatedSubscriber: Sendable {
  /// How the device backend behaves when it is asked about them.
  public enum Behaviour: String, Sendable {
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
    /// The answer lacks the fields that the API requires.
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
  /// What is special about them, in a few words.
  public let note: String
  public let device: Device
  public let lastChecked: Timestamp
  public let behaviour: Behaviour

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    guard let number = MSISDN(e164: try reader.string("phoneNumber")) else { throw value.error("phoneNumber is malformed") }
    phoneNumber = number
    ipv4 = try reader.optionalString("ipv4")
    note = try reader.string("note")
    device = Device(
      imei: try reader.string("imei"), imeisv: try reader.string("imeisv"), manufacturer: try reader.string("manufacturer"),
      model: try reader.string("model"))
    guard let time = Timestamp(rfc3339: try reader.string("lastChecked")) else { throw value.error("lastChecked is no time") }
    lastChecked = time
    let name = try reader.optionalString("behaviour") ?? Behaviour.normal.rawValue
    guard let behaviour = Behaviour(rawValue: name) else { throw value.error("there is no behaviour \"\(name)\"") }
    self.behaviour = behaviour
    try reader.finish()
  }
}

/// The subscribers of the simulated operator. The numbers are of a range that is kept for fiction.
public struct SimulatedOperator: Sendable {
  public let subscribers: [SimulatedSubscriber]
  private let byNumber: [String: SimulatedSubscriber]

  /// Reads a data file.
  public init(_ bytes: [UInt8], file: String) throws(DocumentError) {
    let root = try JSONDocument(bytes, file: file, dialect: .commented).root
    guard let array = root.array else { throw root.error("an array of subscribers was expected") }
    var subscribers: [SimulatedSubscriber] = []
    for value in array { subscribers.append(try SimulatedSubscriber(value)) }
    self.subscribers = subscribers
    byNumber = Dictionary(subscribers.map { ($0.phoneNumber.e164, $0) }) { first, _ in first }
  }

  /// The data that comes with the program.
  public static func shipped() throws(DocumentError) -> SimulatedOperator {
    try SimulatedOperator(PackageResources.subscribers_json, file: "subscribers.json")
  }

  func subscriber(_ number: String) -> SimulatedSubscriber? { byNumber[number] }

  /// By the public IPv4 address that the phone has now.
  func subscriber(ipv4 address: String) -> SimulatedSubscriber? { subscribers.first { $0.ipv4 == address } }
}
