import Bytes
import Wire

/// Asks the operator's network who has an address now: the one that a browser came under, or the one that a client names.
///
/// `POST {"ipAddress": "192.0.2.1", "port": 4711}`; the port is absent when nobody named one.
public struct AddressLookup: SubscriberRecognition {
  public let name = "addressLookup"
  private let service: OperatorService
  private let browserAddress: BrowserAddress

  public init(service: OperatorService, browserAddress: BrowserAddress) {
    self.service = service
    self.browserAddress = browserAddress
  }

  public func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome {
    switch signal {
    case .browser(let request):
      switch browserAddress.of(request) {
      // The network itself carried the request: network-based authentication (profile items 9 and 20).
      case .known(let address): return await SubscriberAnswer.outcome(service, Self.body(address), amr: ["nba"])
      case .hidden: return .notRecognised
      case .malformed: return .failed(reason: "the field with the browser's address holds none, or more than one")
      }
    case .hint(.address(let address)):
      // The client says so, and any client can name any address: that finds a subscriber and authenticates nobody. `nba` here would
      // open the APIs that want the network's own word (profile item 20).
      return await SubscriberAnswer.outcome(service, Self.body(address), amr: [])
    case .hint: return .notRecognised
    }
  }

  static func body(_ address: SubscriberAddress) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("ipAddress", address.ip)
    if let port = address.port { json.field("port", port) }
    json.endObject()
    return json.bytes
  }
}
