import Bytes
import Wire

/// The steps of a flow: printed one by one as they happen, or as one JSON object at the end.
final class FlowReport {
  private let secrets: Secrets
  private let printsJSON: Bool
  private var steps: [FlowStep] = []

  init(secrets: Secrets, printsJSON: Bool) {
    self.secrets = secrets
    self.printsJSON = printsJSON
  }

  // MARK: What happens

  func begin(_ title: String) {
    steps.append(FlowStep(title: title))
    print("\(steps.count > 1 ? "\n" : "")\(steps.count)  \(title)")
  }

  func sent(_ request: FlowRequest) {
    let shown = FlowStep.Request(request, secrets)
    change { $0.request = shown }
    print(FlowText.request(shown))
  }

  func received(_ response: HTTPResponse) {
    let shown = FlowStep.Response(response, secrets)
    change { $0.response = shown }
    print(FlowText.response(shown))
  }

  /// The address that the browser was sent to with the answer in it: a request that comes to the application.
  func received(at address: String) {
    let shown = FlowStep.Request(method: "GET", address: secrets.address(address), fields: [], form: [], body: nil)
    change { $0.request = shown }
    print(FlowText.request(shown))
  }

  /// Something made or read in this step; its secrets are shortened here.
  func detail(_ label: String, _ json: [UInt8]) {
    guard let document = try? JSONDocument(json) else { return }
    let shown = FlowStep.Detail(label: label, json: secrets.json(document.root))
    change { $0.details.append(shown) }
    print(FlowText.detail(shown))
  }

  func note(_ text: String) {
    change { $0.notes.append(text) }
    print(FlowText.note(text))
  }

  /// What the person has to do now; on standard error beside JSON, which comes only at the end.
  func ask(_ text: String) {
    if printsJSON { Output.error(text) } else { Output.line("   \(text)") }
  }

  /// One verification.
  ///
  /// - Parameters:
  ///   - text: what holds when it is ok.
  ///   - rule: the profile item or the section that wants it.
  @discardableResult
  func check(_ text: String, _ rule: String, _ isOK: Bool) -> Bool { add(text, rule, isOK, isMandatory: true) }

  /// A verification of what is a SHOULD: it is shown and decides nothing.
  @discardableResult
  func recommend(_ text: String, _ rule: String, _ isOK: Bool) -> Bool { add(text, rule, isOK, isMandatory: false) }

  /// A verification without which going on would be pointless or dangerous.
  ///
  /// - Throws: `CommandFailure` when it does not hold.
  func require(_ text: String, _ rule: String, _ isOK: Bool, otherwise: String) throws(CommandFailure) {
    guard check(text, rule, isOK) else { throw CommandFailure(otherwise) }
  }

  private func add(_ text: String, _ rule: String, _ isOK: Bool, isMandatory: Bool) -> Bool {
    let check = FlowStep.Check(text: "\(text) (\(rule))", isOK: isOK, isMandatory: isMandatory)
    change { $0.checks.append(check) }
    print(FlowText.check(check))
    return isOK
  }

  private func change(_ body: (inout FlowStep) -> Void) {
    if steps.isEmpty { steps.append(FlowStep(title: "")) }
    body(&steps[steps.count - 1])
  }

  private func print(_ text: String) { if !printsJSON, !text.isEmpty { Output.line(text) } }

  // MARK: The end

  /// Mandatory verifications that failed.
  var failedChecks: [String] { steps.flatMap(\.checks).filter { $0.isMandatory && !$0.isOK }.map(\.text) }

  /// The JSON object, or the last line.
  func finish(isOK: Bool, tokens: TokenSet?) {
    guard printsJSON else {
      if let tokens, secrets.areShown { Output.line("\ntokens\n" + FlowText.pretty(tokens.json)) }
      let checks = steps.flatMap(\.checks)
      let recommended = checks.count { !$0.isOK && !$0.isMandatory }
      let remarks = recommended == 0 ? "" : ", \(recommended) recommended not followed"
      Output.line("\n\(isOK ? "done" : "failed"): \(steps.count) steps, \(checks.count { $0.isOK }) checks good\(remarks)")
      return
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", isOK)
    writer.key("steps")
    writer.beginArray()
    for step in steps { step.write(to: &writer) }
    writer.endArray()
    if let tokens, secrets.areShown {
      writer.key("tokens")
      writer.raw(tokens.json)
    }
    writer.endObject()
    Output.json(writer.bytes)
  }
}
