import Bytes

/// A policy's `subject`: whom an operation is about, and how the backend is told.
struct SubjectPolicy {
  var rule = SubjectRule.none
  var isOptional = false
  /// The query parameter that names the subscriber, as the policy has it; nil where the body does.
  var parameter: JSONValue?
  /// `name: ` of a field of the request to the backend.
  var field: [UInt8]?

  private static let rules = ["none", "tokenOrBody", "mayConfirm", "alwaysInBody", "compared", "token"]

  init(_ value: JSONValue?) throws(DocumentError) {
    guard let value else { return }
    var reader = try ObjectReader(value)
    let name = try reader.string("rule")
    let at = reader.value("at")
    let kindName = try reader.optionalString("kind")
    parameter = reader.value("query")
    let mustMatch = try reader.boolean("mustMatchToken", default: false)
    isOptional = try reader.boolean("optional", default: false)
    field = try reader.value("header").map(Self.field)
    try reader.finish()
    guard let kind = SubjectKind(rawValue: kindName ?? (parameter == nil ? "device" : "phoneNumber")) else {
      throw value.error("kind is device or phoneNumber")
    }
    let path = try at.map(BodyPath.read) ?? []
    switch name {
    case "none": rule = .none
    case "tokenOrBody": rule = .tokenOrBody(path, kind)
    case "mayConfirm": rule = .mayConfirm(path, kind)
    case "alwaysInBody": rule = .alwaysInBody(path, kind, mustMatchToken: mustMatch)
    case "compared": rule = .compared
    case "token": rule = .token
    default:
      let nearest = NearestName.to(name, among: Self.rules)
      throw value.error(
        "rule is one of \(Self.rules.joined(separator: ", "))" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    guard !isOptional || name == "tokenOrBody" || name == "token" else {
      throw value.error("optional goes with the rules tokenOrBody and token")
    }
    guard at == nil && kindName == nil || !["compared", "token"].contains(name) else {
      throw value.error("at and kind go with rules that look for the subscriber in the body")
    }
    if let parameter {
      guard ["tokenOrBody", "mayConfirm", "alwaysInBody"].contains(name), at == nil, kind == .phoneNumber else {
        throw parameter.error(
          "query stands instead of at, for a number alone, in rules that look for the subscriber in the request")
      }
    }
    guard name != "compared" || field != nil else {
      throw value.error("the rule compared wants a header: the backend has to know with whose number it compares")
    }
    guard field == nil || name != "none" else { throw value.error("there is nobody whose number could go in a header") }
    guard field == nil || !path.isEmpty || parameter != nil || ["compared", "token"].contains(name) else {
      throw value.error("where the whole body is the subject, it cannot go in a header")
    }
  }

  /// Where a body can hold the subject.
  var standsInBody: Bool {
    switch rule {
    case .none, .token: false
    case .tokenOrBody, .mayConfirm, .alwaysInBody, .compared: parameter == nil
    }
  }

  private static func field(_ value: JSONValue) throws(DocumentError) -> [UInt8] {
    guard let name = value.string, name.lowercased().hasPrefix("x-"), HeaderRules.isFree(name) else {
      throw value.error("header wants the name of a field that begins with x- and is nobody else's")
    }
    return Array("\(name): ".utf8)
  }
}
