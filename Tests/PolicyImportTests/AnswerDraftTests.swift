import Testing

@testable import PolicyImport

/// What of an answer may leave: nothing before a person has looked at it.
@Suite struct AnswerDraftTests {
  private static let named = ##"{ "type": "object", "properties": { "device": { "$ref": "#/components/schemas/Device" } } }"##

  private func response(_ schema: String, body: String? = named, components: String = "") throws -> PolicyTree? {
    let text = Drafting.document(
      (body.map { Drafting.body($0) + ", " } ?? "") + #""responses": { \#(Drafting.answer(schema)) }"#, schemas: components)
    return try Drafting.operation(text)["response"]
  }

  @Test func everyFieldWaitsForAReview() throws {
    let schema =
      #"{ "type": "object", "required": ["imei"], "properties": { "imei": { "type": "string" }, "lastChecked": { "type": "string" }, "#
      + #""oddity": { "type": "string", "nullable": true } } }"#
    let fields = try response(schema)?["fields"]
    #expect(fields?["imei"]?.line == #"{"required":true,"category":"serial","review":true}"#)
    #expect(fields?["lastChecked"]?.line == #"{"release":"always","review":true}"#)
    #expect(fields?["oddity"]?.line == #"{"nullable":true,"review":true}"#)
  }

  @Test func theNearestNameThatSaysSomethingDecides() throws {
    let schema =
      #"{ "type": "object", "properties": { "area": { "type": "object", "properties": { "latitude": { "type": "number" } } } } }"#
    #expect(try response(schema)?.at("fields", "area", "fields", "latitude")?.line == #"{"category":"place","review":true}"#)
  }

  @Test func theDeviceAtTheRootIsTheGatewaysToName() throws {
    let schema =
      ##"{ "type": "object", "properties": { "imei": { "type": "string" }, "device": { "$ref": "#/components/schemas/DeviceResponse" } } }"##
    let response = try response(schema)
    #expect(response?["namesDevice"] == .boolean(true) && response?.at("fields", "device") == nil)
  }

  @Test func aDeviceWithinTheAnswerLeavesForWhoNamedIt() throws {
    let schema =
      ##"{ "type": "array", "items": { "type": "object", "required": ["device"], "properties": { "device": { "$ref": "#/components/schemas/Device" } } } }"##
    let device = try response(schema)?.at("items", "fields", "device")
    #expect(device?["named"] == .boolean(true) && device?["required"] == nil)
  }

  @Test func theClientsSecretIsNeverListed() throws {
    let schema =
      #"{ "type": "object", "properties": { "id": { "type": "string" }, "sinkCredential": { "type": "object", "properties": { "accessToken": { "type": "string" } } } } }"#
    #expect(try response(schema)?["fields"]?.line == #"{"id":{"release":"always","review":true}}"#)
  }

  @Test func anArrayAtTheRootAndAnAnswerWithoutABody() throws {
    #expect(
      try response(#"{ "type": "array", "items": { "type": "string" } }"#, body: nil)?["items"]?.line
        == #"{"release":"always","review":true}"#)
    let text = Drafting.document(#""responses": { "202": { "description": "-" }, "204": { "description": "-" } }"#)
    #expect(try Drafting.operation(text)["response"]?.line == #"{"status":[202,204]}"#)
  }

  @Test func answersThatDifferStandApart() throws {
    let answers =
      Drafting.answer(#"{ "type": "object", "properties": { "id": { "type": "string" } } }"#, status: "202")
      + #", "204": { "description": "-" }"#
    let text = Drafting.document(#""responses": { \#(answers) }"#)
    #expect(
      try Drafting.operation(text)["response"]?.line
        == #"{"answers":{"202":{"fields":{"id":{"release":"always","review":true}}},"204":{}}}"#)
  }

  @Test func shapesAreToldApartByTheirProperty() throws {
    let components =
      ##", "Area": { "type": "object", "required": ["areaType"], "properties": { "areaType": { "type": "string" } }, "##
      + ##""discriminator": { "propertyName": "areaType", "mapping": { "A": "#/components/schemas/A", "B": "#/components/schemas/B" } } }, "##
      + ##""A": { "allOf": [ { "$ref": "#/components/schemas/Area" }, { "required": ["radius"], "properties": { "radius": { "type": "number" } } } ] }, "##
      + ##""B": { "allOf": [ { "$ref": "#/components/schemas/Area" }, { "properties": { "boundary": { "type": "number" } } } ] }"##
    let schema = ##"{ "type": "object", "properties": { "area": { "$ref": "#/components/schemas/Area" } } }"##
    let shapes = try response(schema, components: components)?.at("fields", "area", "shapes")
    #expect(shapes?["property"]?.string == "areaType")
    #expect(shapes?.at("values", "A", "fields", "radius", "required") == .boolean(true))
    #expect(shapes?.at("values", "B", "fields", "radius") == nil)
  }

  @Test func scopesThatAreCalledAsFieldsStandAtTheFields() throws {
    let schema = #"{ "type": "object", "properties": { "name": { "type": "string" }, "email": { "type": "string" } } }"#
    let text = Drafting.document(#""responses": { \#(Drafting.answer(schema)) }"#)
      .replacing(
        #"[ { "openId": ["thing:do"] } ]"#,
        with: #"[ { "openId": ["thing:all"] }, { "openId": ["thing:name"] }, { "openId": ["thing:email"] } ]"#)
    let operation = try Drafting.operation(text)
    #expect(operation["scopes"]?.line == #"["thing:all","thing:name","thing:email"]"#)
    #expect(operation.at("response", "fields", "email", "scopes")?.line == #"["thing:all","thing:email"]"#)
  }

  @Test func scopesOfEventsOpenASubscriptionEach() throws {
    let body = #"{ "type": "object", "properties": { "types": { "type": "array", "items": { "type": "string" } } } }"#
    let text = Drafting.document(Drafting.body(body) + #", "responses": { "204": { "description": "-" } }"#)
      .replacing(#"["thing:do"]"#, with: #"["thing:org.x.thing.v0.on:create", "thing:org.x.thing.v0.off:create"]"#)
    let operation = try Drafting.operation(text)
    #expect(operation["scopes"]?.line == #"["thing:org.x.thing.v0.on:create","thing:org.x.thing.v0.off:create"]"#)
    #expect(operation["eventScopes"]?.line == #"{"at":"types","scope":"thing:{type}:create"}"#)
  }

  @Test func errorsOfItsOwnAndThoseThatItSpellsOtherwise() throws {
    let errors = [
      Drafting.error(404, "NOT_FOUND"), Drafting.error(429, "TOO_MANY_REQUESTS"),
      Drafting.error(403, "THING.TOO_LATE", "Too late."),
    ]
    let text = Drafting.document(
      Drafting.body(Self.named) + #", "responses": { "204": { "description": "-" }, \#(errors.joined(separator: ", ")) }"#)
    let found = try Drafting.draft(text)["errors"]
    #expect(found?["unknownSubscriber"]?.line == #"{"status":404,"code":"NOT_FOUND"}"#)
    #expect(found?["quotaExceeded"]?.line == #"{"code":"TOO_MANY_REQUESTS"}"#)
    #expect(found?["specific"]?.line == #"[{"status":403,"code":"THING.TOO_LATE","message":"Too late."}]"#)
  }

  /// A backend's error is told by the first kind of its status and code: the message must fit what the document means by it.
  @Test func aRangeThatIsNoErrorOfItsOwnIsAnArgument() throws {
    func found(_ errors: [String]) throws -> PolicyTree? {
      let answers = ([#""204": { "description": "-" }"#] + errors).joined(separator: ", ")
      return try Drafting.draft(Drafting.document(Drafting.body(Self.named) + #", "responses": { \#(answers) }"#))["errors"]
    }
    #expect(
      try found([Drafting.error(400, "INVALID_ARGUMENT")])?["outOfRange"]?.line
        == #"{"code":"INVALID_ARGUMENT","message":"Client specified an invalid argument, request body or query param."}"#)
    let both =
      #""400": { "description": "-", "content": { "application/json": { "examples": { "#
      + ["INVALID_ARGUMENT", "OUT_OF_RANGE"].map {
        #""\#($0)": { "value": { "status": 400, "code": "\#($0)", "message": "-" } }"#
      }
      .joined(separator: ", ") + " } } } }"
    #expect(try found([both])?["outOfRange"] == nil)
  }

  private static let refunds = ##"""
    { "type": "object", "required": ["type", "amount"], "discriminator": { "propertyName": "type", "mapping": {
      "total": "#/components/schemas/Total", "partial": "#/components/schemas/Partial" } },
      "properties": { "type": { "type": "string" } } }
    """##
  private static let shapes = ##"""
    , "Total": { "type": "object", "required": ["amount"], "properties": { "amount": { "type": "object", "properties": {
        "shop": { "type": "string" } } } } },
      "Partial": { "type": "object", "required": ["amount"], "properties": { "amount": { "type": "object", "required": ["sum"],
        "properties": { "shop": { "type": "string" }, "sum": { "type": "number" } } } } }
    """##

  /// The answer itself has no shapes in a policy: what either has may leave, and only what both require must be there.
  @Test func whatOneOfSeveralShapesHasIsNotLost() throws {
    let answers = #""responses": { \#(Drafting.answer(Self.refunds)) }"#
    let fields = try Drafting.operation(Drafting.document(answers, schemas: Self.shapes)).at("response", "fields", "amount")
    #expect(fields?["required"] == .boolean(true))
    #expect(fields?.at("fields", "shop") != nil && fields?.at("fields", "sum") != nil)
    #expect(fields?.at("fields", "sum", "required") == nil)
  }

  @Test func shapesThatDifferBelowTheirNamesAreShapes() throws {
    let list = #"{ "type": "array", "items": \#(Self.refunds) }"#
    let answers = #""responses": { \#(Drafting.answer(list)) }"#
    let items = try Drafting.operation(Drafting.document(answers, schemas: Self.shapes)).at(
      "response", "items", "shapes", "values")
    #expect(items?["total"]?.at("fields", "amount", "fields", "sum") == nil)
    #expect(items?["partial"]?.at("fields", "amount", "fields", "sum", "required") == .boolean(true))
  }
}
