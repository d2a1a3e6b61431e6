import Bytes
import Identifiers
import Store

/// Reads the configuration's `billing`: plans, and which clients have them.
extension PlanBook {
  public static let plansMaximum = 1000
  static let rulesMaximum = 1000
  static let stepsMaximum = 100

  /// - Throws: `DocumentError` that names file, line and what is wrong.
  public init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    self.init()
    for member in try Self.members(reader.value("plans"), "plans: name to plan") {
      guard PlanAssignment.isName(member.name) else {
        throw member.error("a plan's name is 1 to 64 letters, digits, dots, hyphens and underscores")
      }
      plans[member.name] = try Self.versions(member.value)
    }
    for member in try Self.members(reader.value("clients"), "clients: client_id to a plan or a list of plans") {
      guard let client = ClientID(rawValue: member.name) else { throw member.error("a client_id is malformed") }
      let list: [PlanAssignment]
      if let plan = member.value.string {
        list = [PlanAssignment(plan: plan)]
      } else {
        list = try PlanAssignment.list(member.value)
      }
      for assignment in list {
        if let fault = fault(of: assignment) { throw member.value.error("\(client): \(fault)") }
      }
      assignments[client] = list
    }
    try reader.finish()
  }

  private static func members(_ value: JSONValue?, _ what: String) throws(DocumentError) -> [JSONValue.Member] {
    guard let value else { return [] }
    guard value.kind == .object, value.keys.count <= plansMaximum * 100 else {
      throw value.error("an object was expected, \(what)")
    }
    return value.keys
  }

  /// One object, or a list of them, each from its own day on.
  private static func versions(_ value: JSONValue) throws(DocumentError) -> [PlanVersion] {
    guard let array = value.array else { return [try version(value)] }
    var versions: [PlanVersion] = []
    for element in array {
      let version = try version(element)
      guard !versions.contains(where: { $0.fromHour == version.fromHour }) else {
        throw element.error("two versions of a plan from the same day on")
      }
      versions.append(version)
    }
    guard !versions.isEmpty else { throw value.error("a plan has one version or more") }
    return versions.sorted { ($0.fromHour ?? .min) < ($1.fromHour ?? .min) }
  }

  private static func version(_ value: JSONValue) throws(DocumentError) -> PlanVersion {
    var reader = try ObjectReader(value)
    let fromHour = try PlanAssignment.fromHour(&reader, value)
    let currencyText = try reader.string("currency")
    guard let currency = Currency(rawValue: currencyText) else {
      throw (value["currency"] ?? value).error("currency wants three capital letters (ISO 4217)")
    }
    let charging = try charging(&reader, value) ?? .success
    var rules: [PlanVersion.Rule] = []
    for element in try reader.array("prices") {
      guard rules.count < rulesMaximum else { throw element.error("more than \(rulesMaximum) prices") }
      let rule = try rule(element, currency, charging)
      guard !rules.contains(where: { $0.api == rule.api && $0.operation == rule.operation }) else {
        throw element.error("a second price for the same operations")
      }
      rules.append(rule)
    }
    try reader.finish()
    return PlanVersion(fromHour: fromHour, currency: currency, rules: rules)
  }

  private static func charging(_ reader: inout ObjectReader, _ place: JSONValue) throws(DocumentError) -> Charging? {
    guard let text = try reader.optionalString("charged") else { return nil }
    guard let charging = Charging(rawValue: text) else {
      throw (place["charged"] ?? place).error("charged wants \"success\" or \"call\"")
    }
    return charging
  }

  private static func rule(
    _ value: JSONValue, _ currency: Currency, _ charging: Charging
  ) throws(DocumentError) -> PlanVersion.Rule {
    var reader = try ObjectReader(value)
    let (api, operation) = (try reader.optionalString("api"), try reader.optionalString("operation"))
    guard operation == nil || api != nil else { throw value.error("operation wants its \"api\" beside it") }
    var steps = [Tariff.Step(from: 1, price: try price(reader.required("price")))]
    for element in try reader.optionalArray("tiers") ?? [] {
      guard steps.count < stepsMaximum else { throw element.error("more than \(stepsMaximum) tiers") }
      var tier = try ObjectReader(element)
      let step = Tariff.Step(
        from: try tier.integer("from", in: 2...1_000_000_000_000), price: try price(tier.required("price")))
      try tier.finish()
      guard step.from > steps[steps.count - 1].from else {
        throw element.error("tiers want ascending numbers: each \"from\" is the number of the first call at that price")
      }
      steps.append(step)
    }
    let tariff = Tariff(
      currency: currency, charging: try Self.charging(&reader, value) ?? charging,
      freePerMonth: try reader.optionalInteger("freePerMonth", in: 0...1_000_000_000_000) ?? 0, steps: steps)
    try reader.finish()
    return PlanVersion.Rule(api: api, operation: operation, tariff: tariff)
  }

  private static func price(_ value: JSONValue) throws(DocumentError) -> Amount {
    // A JSON number would have gone through a binary fraction in whatever wrote the file.
    guard let price = value.string.flatMap(Amount.init(decimal:)) else {
      throw value.error("price wants a decimal in quotes such as \"0.02\", with six digits behind the point at most")
    }
    return price
  }
}
