import Authorization
import JOSE
import Wire

/// The operator's own servers that the configuration names, ready to be asked.
struct OutboundServices: Sendable {
  private(set) var addressLookup: OperatorService?
  private(set) var operatorToken: OperatorService?
  private(set) var numberDirectory: OperatorService?
  private(set) var oneTimeCode: OperatorService?
  private(set) var backchannel: OperatorService?

  /// - Throws: one line that names the configuration's key, when a file with a token cannot be used.
  init(_ configuration: Configuration, _ web: WebClient) throws {
    func service(_ title: String, _ key: String, _ hook: Configuration.Hook?) throws -> OperatorService? {
      guard let hook else { return nil }
      var settings = OperatorService.Settings(address: hook.address)
      settings.bearerToken = try hook.bearerTokenFile.map { try Self.token($0, key: key + ".bearerTokenFile") }
      settings.timeoutMilliseconds = hook.timeoutMilliseconds
      settings.requestsMaximum = hook.requestsMaximum
      return OperatorService(title: title, settings: settings, client: web)
    }
    let recognition = configuration.recognition
    addressLookup = try service("the address look-up", "recognition.addressLookup", recognition.addressLookup)
    operatorToken = try service("the check of operator tokens", "recognition.operatorToken", recognition.operatorToken)
    numberDirectory = try service("the number directory", "recognition.numberDirectory", recognition.numberDirectory)
    oneTimeCode = try service("the SMS gateway", "recognition.oneTimeCode", recognition.oneTimeCode?.webhook)
    backchannel = try service("the channel to subscribers", "ciba.channel", configuration.backchannel.webhook)
  }

  /// Asks each that is configured one harmless thing, all at once.
  func health() async -> [AdapterHealth] {
    let probes: [(name: String, service: OperatorService?, probe: HealthProbe)] = [
      ("recognition.addressLookup", addressLookup, .address), ("recognition.operatorToken", operatorToken, .operatorToken),
      ("recognition.numberDirectory", numberDirectory, .number), ("recognition.oneTimeCode", oneTimeCode, .presence),
      ("ciba.channel", backchannel, .presence),
    ]
    return await withTaskGroup(of: (Int, AdapterHealth).self) { group in
      for (index, entry) in probes.enumerated() {
        guard let service = entry.service else { continue }
        group.addTask { (index, await service.health(entry.name, entry.probe)) }
      }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  /// - Parameter key: of the configuration, which names the file.
  static func token(_ file: String, key: String) throws -> String {
    let bytes: [UInt8]
    do { bytes = try KeyFile.read(file) } catch { throw CommandFailure("\(key): \(error)") }
    let token = String(decoding: bytes, as: UTF8.self).trimmed
    // RFC 6750 §2.1: what is more than these would be more than a field.
    guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw CommandFailure("\(key): \(file): a bearer token is one word in ASCII")
    }
    return token
  }
}
