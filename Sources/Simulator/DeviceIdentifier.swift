import Bytes
import Identifiers
import Wire

/// The Device Identifier API as a backend answers it, in its three versions.
struct DeviceIdentifier {
  enum Version: String, CaseIterable {
    case release010 = "/device-identifier/v0.1.0"
    case release03 = "/device-identifier/v0.3"
    case release04alpha1 = "/device-identifier/v0.4alpha1"

    /// The version that a path belongs to; nil when the path is none of its operations.
    init?(_ path: String) {
      guard let version = Version.allCases.first(where: { path.hasPrefix($0.rawValue + "/") }),
        version.operations.contains(String(path.dropFirst(version.rawValue.utf8.count + 1)))
      else { return nil }
      self = version
    }

    private var operations: [String] {
      switch self {
      case .release010: ["retrieve-identifier", "retrieve-type"]
      case .release03: ["retrieve-identifier", "retrieve-type", "retrieve-ppid"]
      case .release04alpha1: ["retrieve-identifier", "retrieve-type", "retrieve-ppid", "match-identifier"]
      }
    }
  }

  let data: SimulatedOperator
  let version: Version

  /// Who the request is about: the first identifier that the operator can resolve.
  func subject(_ request: HTTPRequest) -> Result<SimulatedSubscriber, BackendError> {
    guard request.method == "POST", let root = try? JSONDocument(request.body).root, root.kind == .object else {
      return .failure(.badRequest)
    }
    // In 0.1.0 the body is the device; later it is one of its members.
    let device = version == .release010 ? root : root["device"]
    let subscriber: SimulatedSubscriber?
    if let number = device?["phoneNumber"]?.string {
      subscriber = data.subscriber(number.hasPrefix("+") ? number : "+" + number)
    } else if let address = device?["ipv4Address"]?["publicAddress"]?.string {
      subscriber = data.subscriber(ipv4: address)
    } else {
      return .failure(.unsupportedIdentifier(version))
    }
    guard let subscriber, subscriber.behaviour != .unknown else { return .failure(.unknownSubscriber(version)) }
    switch subscriber.behaviour {
    case .notApplicable: return .failure(.notApplicable)
    case .failing: return .failure(.failing)
    default: return .success(subscriber)
    }
  }

  func answer(_ subscriber: SimulatedSubscriber, _ request: HTTPRequest, _ correlator: String?) -> HTTPResponse {
    var response = HTTPResponse.json(200, body(subscriber, request))
    switch subscriber.behaviour {
    case .brokenJSON: response.body = Array(response.body.dropLast()) + Array(",}".utf8)
    case .failingWithHTML: response = HTTPResponse.html(500, Array("<h1>Internal Server Error</h1>".utf8))
    default: break
    }
    if let correlator { response.fields.append(("x-correlator", correlator)) }
    return response
  }

  private func body(_ subscriber: SimulatedSubscriber, _ request: HTTPRequest) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("lastChecked", subscriber.lastChecked.rfc3339)
    if subscriber.behaviour != .incomplete { write(subscriber.device, request, to: &writer) }
    if subscriber.behaviour == .talkative {
      writer.field("imsi", "208010123456789")
      writer.field("homeAddress", "12 rue de la Paix, Paris")
      writer.key("location")
      writer.beginObject()
      writer.field("latitude", 48)
      writer.endObject()
    }
    writer.endObject()
    return writer.bytes
  }

  private func write(_ device: SimulatedSubscriber.Device, _ request: HTTPRequest, to writer: inout JSONWriter) {
    switch request.path.dropFirst(version.rawValue.utf8.count + 1) {
    case "retrieve-ppid":
      writer.field("ppid", Pseudonym.make(device.imei, client: request.field("x-passerelle-client-id") ?? ""))
    case "match-identifier":
      writer.field("match", matches(device, request))
    case "retrieve-type":
      writeType(device, to: &writer)
    default:
      writer.field("imeisv", device.imeisv)
      writer.field("imei", device.imei)
      writeType(device, to: &writer)
    }
  }

  private func writeType(_ device: SimulatedSubscriber.Device, to writer: inout JSONWriter) {
    writer.field("tac", device.tac)
    writer.field("model", device.model)
    writer.field("manufacturer", device.manufacturer)
  }

  private func matches(_ device: SimulatedSubscriber.Device, _ request: HTTPRequest) -> Bool {
    guard let root = try? JSONDocument(request.body).root, let given = root["providedIdentifier"]?.string else { return false }
    switch root["providedIdentifierType"]?.string {
    case "IMEI": return given == device.imei
    case "IMEISV": return given == device.imeisv
    case "TAC": return given == device.tac
    default: return false
    }
  }
}

/// A stand-in for an operator's pseudonyms: 64 hexadecimal digits, other ones for each client. Not a secret and not meant as
/// one: the numbers behind it are made up.
enum Pseudonym {
  static func make(_ imei: String, client: String) -> String {
    var state: [UInt64] = [0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1]
    for (index, byte) in (client + "\u{0}" + imei).utf8.enumerated() {
      let lane = index % 4
      state[lane] = (state[lane] ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      state[(lane + 1) % 4] ^= state[lane] >> 29
    }
    return state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
