import Bytes

/// Device Identifier, in three versions that differ in body, operations and errors.
enum DeviceIdentifier {
  enum Version: String, CaseIterable {
    case release010 = "/device-identifier/v0.1.0"
    case release03 = "/device-identifier/v0.3"
    case release04alpha1 = "/device-identifier/v0.4alpha1"
  }

  static let apis = Version.allCases.map { version in SimulatedAPI("device-identifier", version.rawValue, routes(version)) }

  private static func routes(_ version: Version) -> [Route] {
    var routes: [Route] = [
      .post("/retrieve-identifier", "retrieveIdentifier") { call throws(BackendError) in
        let subscriber = try subject(call, version)
        return answer(
          subscriber, call,
          [("imeisv", .string(subscriber.device.imeisv)), ("imei", .string(subscriber.device.imei))] + type(subscriber))
      },
      .post("/retrieve-type", "retrieveType") { call throws(BackendError) in
        let subscriber = try subject(call, version)
        return answer(subscriber, call, type(subscriber))
      },
    ]
    guard version != .release010 else { return routes }
    routes.append(
      .post("/retrieve-ppid", "retrievePPID") { call throws(BackendError) in
        let subscriber = try subject(call, version)
        return answer(subscriber, call, [("ppid", .string(Pseudonym.make(subscriber.device.imei, client: call.client)))])
      })
    guard version == .release04alpha1 else { return routes }
    routes.append(.post("/match-identifier", "matchIdentifier", match))
    return routes
  }

  private static func match(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let type = try body.choice("providedIdentifierType", of: ["IMEI", "IMEISV", "TAC"])
    let given = try body.string("providedIdentifier")
    let subscriber = try subject(call, .release04alpha1)
    let device = subscriber.device
    let known = ["IMEI": device.imei, "IMEISV": device.imeisv, "TAC": device.tac][type]
    return answer(subscriber, call, [("match", .boolean(given == known))])
  }

  /// Who the request is about. In 0.1.0 the body is the device; later it is one of its members.
  private static func subject(_ call: Call, _ version: Version) throws(BackendError) -> SimulatedSubscriber {
    let body = try call.body()
    guard version == .release010 else { return try call.device(in: body) }
    let errors = Call.SubjectErrors(unknown: BackendError(404, "NOT_FOUND", "No device found for the specified parameters"))
    if let number = try body.optionalString("phoneNumber") {
      return try call.served(call.data.subscriber(number.hasPrefix("+") ? number : "+" + number), errors)
    }
    if let address = try body.optionalObject("ipv4Address") {
      return try call.served(call.data.subscriber(ipv4: try address.string("publicAddress")), errors)
    }
    throw errors.unknown
  }

  private static func answer(_ subscriber: SimulatedSubscriber, _ call: Call, _ members: [(String, JSON)]) -> Answer {
    let checked = JSON.Member(name: "lastChecked", value: .time(subscriber.lastChecked))
    let device = call.usedDevice.map { [JSON.Member(name: "device", value: $0)] } ?? []
    return .ok(.object([checked] + members.map { JSON.Member(name: $0.0, value: $0.1) } + device))
  }

  private static func type(_ subscriber: SimulatedSubscriber) -> [(String, JSON)] {
    let device = subscriber.device
    return [("tac", .string(device.tac)), ("model", .string(device.model)), ("manufacturer", .string(device.manufacturer))]
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
