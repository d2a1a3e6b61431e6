import Bytes
import Identifiers
import JOSE

/// number-verification: the number is the one of the phone that asked, which the gateway names in its own field.
enum NumberVerification {
  static let api = SimulatedAPI(
    "number-verification", "/number-verification/v2",
    [.post("/verify", "phoneNumberVerify", verify), .get("/device-phone-number", "phoneNumberShare", share)])

  private static let notByNetwork = BackendError(
    403, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK",
    "Client must authenticate via the mobile network to use this service")
  /// The API knows of no 404 and no 422: whom the network does not know, it cannot have authenticated.
  private static let errors = Call.SubjectErrors(unknown: notByNetwork, notApplicable: notByNetwork, missing: notByNetwork)

  private static func verify(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    guard body.names.count == 1 else { throw .invalidArgument("Either phoneNumber or hashedPhoneNumber is wanted.") }
    let isVerified: (SimulatedSubscriber) -> Bool
    if body["phoneNumber"] != nil {
      guard let number = MSISDN(e164: try body.string("phoneNumber")) else {
        throw .invalidArgument("phoneNumber wants a number in E.164 form, with its +.")
      }
      isVerified = { $0.phoneNumber == number }
    } else {
      let hash = try body.string("hashedPhoneNumber")
      guard let digest = Hex.decode(hash.lowercased()), digest.count == 32 else {
        throw .invalidArgument("hashedPhoneNumber wants a SHA-256 in hexadecimal digits.")
      }
      isVerified = { SHA256.digest(Array($0.phoneNumber.e164.utf8)).bytes == digest }
    }
    return .ok(["devicePhoneNumberVerified": .boolean(isVerified(try subscriber(call)))])
  }

  private static func share(_ call: Call) throws(BackendError) -> Answer {
    .ok(["devicePhoneNumber": .string(try subscriber(call).phoneNumber.e164)])
  }

  private static func subscriber(_ call: Call) throws(BackendError) -> SimulatedSubscriber {
    guard let subscriber = try call.namedByGateway(errors) else { throw notByNetwork }
    return subscriber
  }
}
