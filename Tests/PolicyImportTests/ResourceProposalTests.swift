import Testing

@testable import PolicyImport

/// Sessions, payments, subscriptions: who makes, lists, reads and ends them.
@Suite struct ResourceProposalTests {
  private static let session = #"{ "type": "object", "properties": { "sessionId": { "type": "string" } } }"#
  private static let text = """
    { "openapi": "3.0.3", "info": { "title": "Quality", "version": "1.0.0" }, "servers": [ { "url": "{apiRoot}/quality/v1" } ],
      "security": [ { "openId": ["quality:all"] } ],
      "paths": {
        "/sessions": { "post": { "operationId": "make",
          "requestBody": { "content": { "application/json": { "schema": { "type": "object", "properties": { "phoneNumber": { "type": "string" } } } } } },
          "responses": { "201": { "content": { "application/json": { "schema": \(session) } } } } } },
        "/sessions/{sessionId}": {
          "parameters": [ { "name": "sessionId", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } } ],
          "get": { "operationId": "read", "responses": { "200": { "content": { "application/json": { "schema": \(session) } } } } },
          "delete": { "operationId": "end", "responses": { "204": { "description": "-" } } } },
        "/retrieve-sessions": { "post": { "operationId": "list",
          "responses": { "200": { "content": { "application/json": { "schema": { "type": "array", "items": \(session) } } } } } } },
        "/profiles/{name}": { "get": { "operationId": "profile", "responses": { "200": { "description": "-" } } } } } }
    """

  @Test(arguments: [
    ("make", #"{"name":"sessions","creates":"sessionId"}"#), ("read", #"{"name":"sessions","parameter":"sessionId"}"#),
    ("end", #"{"name":"sessions","parameter":"sessionId","deletes":true}"#),
    ("list", #"{"name":"sessions","lists":{"id":"sessionId"}}"#),
  ]) func whatEachCallDoesWithThem(_ id: String, _ expected: String) throws {
    #expect(try Drafting.draft(Self.text).at("operations", id, "resource")?.line == expected)
  }

  @Test func whatNobodyMakesIsNobodys() throws {
    #expect(try Drafting.draft(Self.text).at("operations", "profile", "resource") == nil)
  }

  @Test func theSubscriberIsTheTokensOrTheOneOfTheResource() throws {
    let draft = try Drafting.draft(Self.text)
    #expect(draft.at("operations", "make", "subject", "at")?.string == "phoneNumber")
    #expect(draft.at("operations", "read", "subject")?.line == #"{"rule":"token"}"#)
    #expect(draft.at("operations", "list", "subject")?.line == #"{"rule":"token","optional":true}"#)
    #expect(draft.at("operations", "profile", "subject") == nil)
  }

  @Test func parametersOfThePathHaveTheirRules() throws {
    #expect(try Drafting.draft(Self.text).at("operations", "read", "parameters")?.line == #"{"sessionId":{"format":"uuid"}}"#)
  }
}
