import Bytes
import Identifiers

/// All that the simulated operator knows, of one data file: what holds for all (`operator`), what it sells (`qosProfiles`,
/// `edgeCloudZones`), who its subscribers are, and what happens
/// by itself (`script`).
public struct SimulatedOperator: Sendable {
  public let subscribers: [SimulatedSubscriber]
  let settings: OperatorSettings
  let qosProfiles: [QoSProfile]
  let edgeCloudZones: [EdgeCloudZone]
  /// Nil without one.
  let script: EventScript?
  private let byNumber: [String: SimulatedSubscriber]
  private let byIPv4: [String: SimulatedSubscriber]
  private let byIPv6: [String: SimulatedSubscriber]

  /// Reads a data file.
  ///
  /// - Parameters:
  ///   - file: named in errors.
  ///   - now: what "3d ago" counts from.
  /// - Throws: `DocumentError` with line and reason of the first fault.
  public init(_ bytes: [UInt8], file: String, now: Timestamp = SystemTime().now()) throws(DocumentError) {
    var reader = try ObjectReader(JSONDocument(bytes, file: file, dialect: .commented).root)
    settings = try OperatorSettings(reader.required("operator"))
    qosProfiles = try Self.list(reader.array("qosProfiles")) { value throws(DocumentError) in try QoSProfile(value) }
    edgeCloudZones = try Self.list(reader.array("edgeCloudZones")) { value throws(DocumentError) in try EdgeCloudZone(value) }
    let everybody = try SubscriberDefaults(reader.required("everybody"), now: now)
    subscribers = try Self.list(reader.array("subscribers")) { value throws(DocumentError) in
      try SimulatedSubscriber(value, everybody, now: now)
    }
    byNumber = try Self.index(subscribers, reader.array("subscribers"), "phoneNumber") { $0.phoneNumber.e164 }
    byIPv4 = try Self.index(subscribers, reader.array("subscribers"), "ipv4") { $0.ipv4 }
    byIPv6 = try Self.index(subscribers, reader.array("subscribers"), "ipv6") { $0.ipv6 }
    let numbers = Set(byNumber.keys)
    script = try reader.value("script").map { value throws(DocumentError) in try EventScript(value, numbers: numbers, now: now) }
    try reader.finish()
  }

  /// The data that comes with the program.
  public static func shipped(now: Timestamp = SystemTime().now()) throws(DocumentError) -> SimulatedOperator {
    try SimulatedOperator(shippedFile, file: "operator.json", now: now)
  }

  /// The data file that comes with the program, to begin one's own with.
  public static var shippedFile: [UInt8] { PackageResources.operator_json }

  func subscriber(_ number: String) -> SimulatedSubscriber? { byNumber[number] }

  /// By the public IPv4 address that the phone has now.
  func subscriber(ipv4 address: String) -> SimulatedSubscriber? { byIPv4[address] }

  /// By the IPv6 address, as the data file writes it.
  func subscriber(ipv6 address: String) -> SimulatedSubscriber? { byIPv6[address.lowercased()] }

  func qosProfile(_ name: String) -> QoSProfile? { qosProfiles.first { $0.name == name } }

  private static func list<Element>(
    _ values: [JSONValue], _ read: (JSONValue) throws(DocumentError) -> Element
  ) throws(DocumentError) -> [Element] {
    var list: [Element] = []
    for value in values { list.append(try read(value)) }
    return list
  }

  private static func index(
    _ subscribers: [SimulatedSubscriber], _ values: [JSONValue], _ name: String, _ key: (SimulatedSubscriber) -> String?
  ) throws(DocumentError) -> [String: SimulatedSubscriber] {
    var index: [String: SimulatedSubscriber] = [:]
    for (subscriber, value) in zip(subscribers, values) {
      guard let key = key(subscriber) else { continue }
      guard index.updateValue(subscriber, forKey: key) == nil else { throw value.error("another subscriber has this \(name)") }
    }
    return index
  }
}
