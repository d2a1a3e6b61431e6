import Bytes
import Identifiers
import Wire

/// One request to a backend, as its handler sees it. Lives as long as it takes to answer; of one thread.
final class Call {
  let request: HTTPRequest
  let data: SimulatedOperator
  let kept: KeptResources
  let now: Timestamp
  /// The path's parameters by name.
  let parameters: [String: String]
  /// Whom the answer is about, as soon as a handler has found out.
  private(set) var subject: SimulatedSubscriber?
  /// Which identifier of a device was used, when several were sent (design guide, appendix A).
  private(set) var usedDevice: JSON?
  /// The identifier by which the body named the device; nil when it named none.
  private(set) var namedDevice: JSON?

  init(_ request: HTTPRequest, _ parameters: [String: String], _ data: SimulatedOperator, _ kept: KeptResources, now: Timestamp) {
    self.request = request
    self.parameters = parameters
    self.data = data
    self.kept = kept
    self.now = now
  }

  /// Whose call it is, as the gateway says; empty when nobody says it.
  var client: String { request.field("x-passerelle-client-id") ?? "" }

  /// - Parameter isOptional: without a body, the body is taken to be empty.
  func body(isOptional: Bool = false) throws(BackendError) -> RequestBody {
    if request.body.isEmpty, isOptional, let nothing = try? JSONDocument(Array("{}".utf8)).root {
      return try RequestBody(nothing)
    }
    guard let root = try? JSONDocument(request.body).root else { throw .invalidArgument("The body is no JSON.") }
    return try RequestBody(root)
  }

  func parameter(_ name: String) -> String { parameters[name] ?? "" }

  /// What an API says of somebody whom it does not know, or cannot serve.
  struct SubjectErrors {
    var unknown = BackendError.unknownSubscriber
    var notApplicable = BackendError.notApplicable
    var missing = BackendError.missingIdentifier
  }

  /// The subscriber whom a `Device` names; without one, whom the gateway names in its own field.
  func device(in body: RequestBody, _ errors: SubjectErrors = SubjectErrors()) throws(BackendError) -> SimulatedSubscriber {
    guard let subscriber = try optionalDevice(in: body, errors) else { throw errors.missing }
    return subscriber
  }

  /// Nil when nobody is named.
  func optionalDevice(
    in body: RequestBody, _ errors: SubjectErrors = SubjectErrors()
  ) throws(BackendError) -> SimulatedSubscriber? {
    guard let device = try body.optionalObject("device") else { return try namedByGateway(errors) }
    guard !device.isEmpty else { throw .invalidArgument("device wants one identifier at least.") }
    let found: SimulatedSubscriber?
    let used: String
    if device["phoneNumber"] != nil {
      (found, used) = (data.subscriber(try Self.number(device).e164), "phoneNumber")
    } else if let address = try device.optionalObject("ipv4Address") {
      guard address["privateAddress"] != nil || address["publicPort"] != nil else {
        throw .invalidArgument("device.ipv4Address wants privateAddress or publicPort beside publicAddress.")
      }
      _ = try address.optionalInteger("publicPort", in: 0...65_535)
      (found, used) = (data.subscriber(ipv4: try address.string("publicAddress")), "ipv4Address")
    } else if let address = try device.optionalString("ipv6Address") {
      (found, used) = (data.subscriber(ipv6: address), "ipv6Address")
    } else {
      throw .unsupportedIdentifier
    }
    namedDevice = [used: device.echo(used)]
    if device.names.count > 1 { usedDevice = namedDevice }
    return try served(found, errors)
  }

  /// The subscriber of `phoneNumber`; without one, whom the gateway names in its own field.
  func phoneNumber(in body: RequestBody, _ errors: SubjectErrors = SubjectErrors()) throws(BackendError) -> SimulatedSubscriber {
    guard body["phoneNumber"] != nil else {
      guard let subscriber = try namedByGateway(errors) else { throw errors.missing }
      return subscriber
    }
    return try served(data.subscriber(try Self.number(body).e164), errors)
  }

  /// The subscriber whom the gateway names in its own field; nil without one.
  func namedByGateway(_ errors: SubjectErrors = SubjectErrors()) throws(BackendError) -> SimulatedSubscriber? {
    guard let number = request.field(data.settings.subscriberHeader) else { return nil }
    return try served(data.subscriber(number), errors)
  }

  /// Whom the call is about, however its API found them; throws what the subscriber's data say of them.
  func served(_ found: SimulatedSubscriber?, _ errors: SubjectErrors) throws(BackendError) -> SimulatedSubscriber {
    guard let found = found.map(kept.phones.current), found.behaviour != .unknown else { throw errors.unknown }
    subject = found
    switch found.behaviour {
    case .notApplicable: throw errors.notApplicable
    case .failing: throw .failing
    default: return found
    }
  }

  private static func number(_ body: RequestBody) throws(BackendError) -> MSISDN {
    guard let number = MSISDN(e164: try body.string("phoneNumber")) else {
      throw .invalidArgument("phoneNumber wants a number in E.164 form, with its +.")
    }
    return number
  }
}
