/// one-time-password-sms: the SMS lies at `GET /simulator/messages`.
enum OneTimePassword {
  static let api = SimulatedAPI(
    "one-time-password-sms", "/one-time-password-sms/v1",
    [.post("/send-code", "sendCode", send), .post("/validate-code", "validateCode", validate)])

  private static let attemptsMaximum = 3
  private static let codesInAnHourMaximum = 20

  private static func problem(_ status: Int, _ code: String, _ message: String) -> BackendError {
    BackendError(status, "ONE_TIME_PASSWORD_SMS." + code, message)
  }

  private static let notAllowed = problem(
    403, "PHONE_NUMBER_NOT_ALLOWED", "Phone_number can't receive an SMS due to business reasons in the operator.")

  private static func send(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    guard let message = try body.optionalString("message", length: 0...160), message.contains("{{code}}") else {
      throw .invalidArgument("message wants a text with {{code}} in it.")
    }
    guard body["phoneNumber"] != nil else { throw .invalidArgument("phoneNumber is missing.") }
    let subscriber = try call.phoneNumber(in: body, Call.SubjectErrors(unknown: .notFound, notApplicable: notAllowed))
    switch subscriber.messages {
    case .allowed: break
    case .notAllowed: throw notAllowed
    case .blocked:
      throw problem(
        403, "PHONE_NUMBER_BLOCKED", "Phone_number is blocked to receive SMS due to any blocking business reason in the operator."
      )
    }
    let code = OneTimeCode(to: subscriber.phoneNumber.e164, validSeconds: call.data.settings.codeSeconds, at: call.now)
    try call.kept.codes.add(code, at: call.now) { others throws(BackendError) in
      let anHourAgo = call.now.adding(seconds: -3600)
      let recent = others.count { $0.number == code.number && $0.sent > anHourAgo }
      guard recent < codesInAnHourMaximum else {
        throw problem(403, "MAX_OTP_CODES_EXCEEDED", "Too many OTPs have been requested for this MSISDN. Try later.")
      }
    }
    let parts = message.split(separator: "{{code}}", omittingEmptySubsequences: false)
    try call.kept.messages.add(ShortMessage(to: code.number, parts.joined(separator: code.code), at: call.now), at: call.now)
    return .ok(["authenticationId": .string(code.id)])
  }

  private static func validate(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    guard let id = try body.optionalString("authenticationId", length: 1...36),
      let said = try body.optionalString("code", length: 1...10)
    else { throw .invalidArgument("authenticationId and code are wanted.") }
    var fault: BackendError?
    let code = try call.kept.codes.update(id, at: call.now) { code throws(BackendError) in
      guard code.progress.status == "WAITING" else {
        throw code.progress.status == "EXPIRED"
          ? problem(400, "VERIFICATION_EXPIRED", "The authenticationId is no longer valid")
          : problem(
            400, "VERIFICATION_FAILED",
            "The maximum number of attempts for this authenticationId was exceeded without providing a valid OTP")
      }
      guard code.code != said else { return }
      code.wrongCodes += 1
      fault = problem(400, "INVALID_OTP", "The provided OTP is not valid for this authenticationId")
      if code.wrongCodes >= attemptsMaximum { code.progress.move(to: "FAILED", at: call.now) }
    }
    if let fault { throw fault }
    try call.kept.codes.remove(code.id, at: call.now)
    return .noContent
  }
}
