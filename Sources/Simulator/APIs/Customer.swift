import Bytes

/// What the operator knows of the person of a contract: kyc-match, kyc-fill-in, kyc-age-verification.
enum Customer {
  static let apis = [
    SimulatedAPI("kyc-match", "/kyc-match/v0.4", [.post("/match", "KYC_Match", match)]),
    SimulatedAPI("kyc-fill-in", "/kyc-fill-in/v0.4", [.post("/fill-in", "KYC_Fill-in", fillIn)]),
    SimulatedAPI("kyc-age-verification", "/kyc-age-verification/v0.2", [.post("/verify", "verifyAge", verifyAge)]),
  ]

  /// Those of which the answer says how near a wrong value comes.
  private static let scored: Set = [
    "name", "givenName", "familyName", "nameKanaHankaku", "nameKanaZenkaku", "middleNames", "familyNameAtBirth", "address",
    "streetName", "streetNumber", "region", "locality", "email", "cityOfBirth",
  ]

  private static func match(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    var given: [(name: String, value: String)] = []
    for name in Person.names {
      guard let value = try body.optionalString(name) else { continue }
      given.append((name, value))
    }
    guard !given.isEmpty else {
      throw BackendError(
        400, "KNOW_YOUR_CUSTOMER.INVALID_PARAM_COMBINATION",
        "Invalid combination of parameters: at least one attribute is wanted.")
    }
    let person = try call.phoneNumber(in: body).person
    if person.requiresDocument {
      guard let document = given.first(where: { $0.name == "idDocument" }) else {
        throw BackendError(403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED", "idDocument is required.")
      }
      guard document.value == person["idDocument"] else {
        throw BackendError(403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH", "idDocument does not match.")
      }
    }
    return .ok(.object(given.flatMap { compare($0.name, $0.value, person) }))
  }

  private static func compare(_ name: String, _ given: String, _ person: Person) -> [JSON.Member] {
    guard let known = person[name] else { return [JSON.Member(name: name + "Match", value: .string("not_available"))] }
    let score = Similarity.score(given, known)
    guard score < 100 else { return [JSON.Member(name: name + "Match", value: .string("true"))] }
    let result = JSON.Member(name: name + "Match", value: .string("false"))
    return scored.contains(name) ? [result, JSON.Member(name: name + "MatchScore", value: .integer(score))] : [result]
  }

  private static func fillIn(_ call: Call) throws(BackendError) -> Answer {
    let subscriber = try call.phoneNumber(in: call.body())
    let number = JSON.Member(name: "phoneNumber", value: .string(subscriber.phoneNumber.e164))
    let known = Person.names.compactMap { name in
      subscriber.person[name].map { JSON.Member(name: name, value: .string($0)) }
    }
    return .ok(.object([number] + known))
  }

  private static func verifyAge(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let threshold = try body.integer("ageThreshold", in: 0...120)
    let (wantsLock, wantsControl) = try (body.boolean("includeContentLock"), body.boolean("includeParentalControl"))
    var scores: [Int] = []
    let subscriber = try call.phoneNumber(in: body)
    for name in ["idDocument", "name", "givenName", "familyName", "middleNames", "familyNameAtBirth", "birthdate", "email"] {
      guard let given = try body.optionalString(name) else { continue }
      scores.append(subscriber.person[name].map { Similarity.score(given, $0) } ?? 0)
    }
    let age = subscriber.person.age(at: call.now)
    return .ok([
      "ageCheck": .string(age.map { $0 >= threshold ? "true" : "false" } ?? "not_available"),
      "verifiedStatus": .boolean(subscriber.person.isVerified),
      "identityMatchScore": scores.isEmpty ? nil : .integer(scores.reduce(0, +) / scores.count),
      "contentLock": wantsLock ? .string(subscriber.person.contentLock) : nil,
      "parentalControl": wantsControl ? .string(subscriber.person.parentalControl) : nil,
    ])
  }
}

/// How alike two texts are.
enum Similarity {
  /// 0 to 100; 100 when they are the same but for case, blanks and punctuation.
  static func score(_ a: String, _ b: String) -> Int {
    let (a, b) = (normal(a), normal(b))
    guard a != b else { return 100 }
    let longest = max(a.count, b.count)
    guard longest > 0 else { return 100 }
    return min(99, 100 * (longest - NearestName.distance(a, b)) / longest)
  }

  private static func normal(_ text: String) -> [Character] {
    text.lowercased().prefix(256).filter { $0.isLetter || $0.isNumber }
  }
}
