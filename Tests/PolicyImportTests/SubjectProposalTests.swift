import Testing

@testable import PolicyImport

/// Who a call is about (catalogue of CAMARA's APIs: five kinds of rule, and where the subject sits).
@Suite struct SubjectProposalTests {
  private static let device = ##"{ "$ref": "#/components/schemas/Device" }"##
  private static let number = #"{ "type": "string" }"#

  private func subject(
    _ properties: String, required: String = "",
    errors: [String] = [Drafting.error(422, "UNNECESSARY_IDENTIFIER"), Drafting.error(400, "MISSING_IDENTIFIER")],
    description: String = ""
  ) throws -> String? {
    let schema = #"{ "type": "object", "required": [\#(required)], "properties": { \#(properties) } }"#
    let responses = #""responses": { "204": { "description": "-" }, \#(errors.joined(separator: ", ")) }"#
    let text = Drafting.document(Drafting.body(schema) + ", " + responses, description: description)
    return try Drafting.operation(text)["subject"]?.line
  }

  @Test func aDeviceInTheBodyThatTheTokenMayNameInstead() throws {
    #expect(try subject(#""device": \#(Self.device)"#) == #"{"rule":"tokenOrBody","at":"device","kind":"device"}"#)
  }

  @Test func aSubjectDeepInTheBody() throws {
    let nested =
      #""config": { "type": "object", "properties": { "subscriptionDetail": { "type": "object", "properties": { "device": \#(Self.device) } } } }"#
    #expect(try subject(nested) == #"{"rule":"tokenOrBody","at":"config.subscriptionDetail.device","kind":"device"}"#)
    let payment = #""amountTransaction": { "type": "object", "properties": { "phoneNumber": \#(Self.number) } }"#
    #expect(try subject(payment) == #"{"rule":"tokenOrBody","at":"amountTransaction.phoneNumber","kind":"phoneNumber"}"#)
  }

  @Test func theWholeBodyIsTheDevice() throws {
    let text = Drafting.document(Drafting.body(Self.device) + #", "responses": { "204": { "description": "-" } }"#)
    #expect(try Drafting.operation(text)["subject"]?.line == #"{"rule":"alwaysInBody","kind":"device","mustMatchToken":true}"#)
  }

  @Test func aNumberThatTheSchemaRequires() throws {
    let found = try subject(#""phoneNumber": \#(Self.number)"#, required: #""phoneNumber""#)
    #expect(found == #"{"rule":"alwaysInBody","at":"phoneNumber","kind":"phoneNumber"}"#)
  }

  @Test func aNumberThatMayConfirmTheToken() throws {
    let found = try subject(#""phoneNumber": \#(Self.number)"#, errors: [Drafting.error(403, "INVALID_TOKEN_CONTEXT")])
    #expect(found == #"{"rule":"mayConfirm","at":"phoneNumber","kind":"phoneNumber"}"#)
  }

  @Test func aDeviceThatIsOnlyAFilter() throws {
    let found = try subject(#""device": \#(Self.device)"#, errors: [Drafting.error(422, "UNNECESSARY_IDENTIFIER")])
    #expect(found == #"{"rule":"tokenOrBody","at":"device","kind":"device","optional":true}"#)
  }

  @Test func aNumberThatIsComparedWithTheTokens() throws {
    let found = try subject(#""phoneNumber": \#(Self.number)"#, description: "Both endpoints require a 3-legged token.")
    #expect(found?.contains(#""rule":"compared""#) == true)
  }

  @Test func aCallAboutNobody() throws { #expect(try subject(#""area": { "type": "string" }"#) == nil) }

  @Test(arguments: [
    ("In cases where personal data is processed by the API the use of three-legged access tokens is mandatory.", [2, 3]),
    ("A two-legged or a three-legged token must be used.", [2, 3]), ("This is defined as Client Credentials - 2-legged.", [2]),
    ("Two endpoints which both require a **3-legged token**.", [3]), ("", [2, 3]),
  ]) func legsFollowTheWords(_ words: String, _ legs: [Int]) { #expect(LegsProposal.legs(words) == Set(legs)) }

  /// A backend must not be asked about one who was never asked for consent.
  @Test(arguments: ["query", "header"]) func aSubscriberOutsideTheBodyIsLeftOut(_ place: String) throws {
    let parameters =
      #""parameters": [ { "name": "msisdn", "in": "\#(place)", "schema": { "type": "string" } }, "#
      + #"{ "name": "page", "in": "\#(place)", "schema": { "type": "integer", "minimum": 1 } } ]"#
    let text = Drafting.document(parameters + #", "responses": { "204": { "description": "-" } }"#, method: "get")
    let rules = try Drafting.operation(text)[place == "query" ? "query" : "headers"]
    #expect(rules?.line == #"{"page":{"type":"integer","minimum":1}}"#)
  }

  @Test func aNumberInTheQuery() throws {
    let answers = #""responses": { "204": { "description": "-" } }"#
    let parameter = #"{ "name": "phoneNumber", "in": "query", "schema": { "type": "string" } }"#
    let operation = try Drafting.operation(Drafting.document("\"parameters\": [\(parameter)], \(answers)", method: "get"))
    #expect(operation["subject"]?.line == #"{"rule":"tokenOrBody","query":"phoneNumber"}"#)
    #expect(operation["query"]?["phoneNumber"] != nil)
  }

  /// `GET /sessions/{sessionId}` has its 404 for the session.
  @Test func aMissingResourceIsNoUnknownSubscriber() throws {
    let schema = #"{ "type": "object", "properties": { "phoneNumber": { "type": "string" } } }"#
    let error = Drafting.error(404, "NOT_FOUND")
    let naming = Drafting.document(Drafting.body(schema) + #", "responses": { "204": { "description": "-" }, \#(error) }"#)
    #expect(try Drafting.draft(naming)["errors"]?["unknownSubscriber"]?["code"] == .string("NOT_FOUND"))
    let other = Drafting.document(#""responses": { "204": { "description": "-" }, \#(error) }"#, method: "get")
    #expect(try Drafting.draft(other)["errors"]?["unknownSubscriber"] == nil)
  }
}
