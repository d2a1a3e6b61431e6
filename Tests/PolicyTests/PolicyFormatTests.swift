import Bytes
import Foundation
import Identifiers
import Testing

@testable import Policy

/// What policies can say beyond the simplest, and what `policies check` refuses of it.
@Suite struct PolicyFormatTests {
  private static let api = """
    { "api": "test-api", "version": "1.0.0", "basePath": "/test-api/v1", "title": {"en": "Test"},
      "scopes": ["t:sessions:create", "t:read", "t:delete", "t:fill:name", "t:fill:place", "t:fill:all", "t:a.on:create", "t:a.off:create"],
      "errors": { "eventScopeMissing": {"code": "SUBSCRIPTION_MISMATCH"}, "wrongAuthentication": {"code": "TEST.NOT_BY_NETWORK"},
        "specific": [ {"status": 410, "code": "GONE.FOR_GOOD", "message": "m"}, {"status": 409, "code": "TEST.CONFIRMED", "message": "m"} ] },
      "operations": {
        "create": { "method": "POST", "path": "/sessions", "title": {"en": "Make"}, "scopes": ["t:sessions:create"], "personalData": false,
          "subject": {"rule": "tokenOrBody", "at": "device", "optional": true},
          "headers": {"registrationId": {"maxLength": 40, "required": true}},
          "request": {"schema": {"type": "object", "properties": {"device": {"type": "object", "properties": {"phoneNumber": {"type": "string"}}}}}},
          "resource": {"name": "sessions", "creates": "id", "keptDays": 3},
          "response": {"location": "read", "validate": "report", "headers": {"X-Total-Count": {"type": "integer"}}, "answers": {
            "201": {"schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
                    "fields": {"id": {"required": true, "release": "always"}, "device": {"named": true, "fields": {"phoneNumber": {"release": "always"}}}}},
            "202": {} }} },
        "read": { "method": "GET", "path": "/sessions/{sessionId}", "title": {"en": "Read"}, "scopes": ["t:read"], "personalData": false,
          "subject": {"rule": "token", "header": "x-number"}, "parameters": {"sessionId": {"format": "uuid"}},
          "errors": {"notFound": {"code": "TEST.NO_SESSION"}, "specific": [ {"status": 409, "code": "TEST.ENDED", "message": "m"} ]},
          "resource": [{"name": "sessions", "parameter": "sessionId"}],
          "query": {"page": {"type": "integer", "minimum": 1}, "date.gte": {"format": "date-time"}, "state": {"enum": ["on", "off"], "repeated": true}},
          "response": {"fields": {"id": {"release": "always"}}} },
        "end": { "method": "DELETE", "path": "/sessions/{sessionId}", "title": {"en": "End"}, "scopes": ["t:delete"],
          "resource": {"name": "sessions", "parameter": "sessionId", "deletes": true}, "response": {"status": [204]} },
        "rest": { "method": "GET", "path": "/sessions/rest", "title": {"en": "Rest"}, "scopes": ["t:read"],
          "resource": {"name": "sessions", "lists": {"at": "items", "id": "id"}}, "response": {"fields": {"items": {"items": {"fields": {"id": {"release": "always"}}}}}} },
        "fill": { "method": "POST", "path": "/fill", "title": {"en": "Fill"}, "scopes": ["t:fill:name", "t:fill:place", "t:fill:all"], "legs": [3],
          "authenticatedBy": ["nba"], "subject": {"rule": "token"},
          "response": {"fields": {
            "name": {"category": "name", "scopes": ["t:fill:name", "t:fill:all"]},
            "place": {"category": "place", "scopes": ["t:fill:place", "t:fill:all"]},
            "when": {"required": true, "nullable": true, "withheld": "null", "category": "place"}}} },
        "subscribe": { "method": "POST", "path": "/subscriptions", "title": {"en": "Watch"}, "scopes": ["t:a.on:create", "t:a.off:create"],
          "eventScopes": {"at": "types", "scope": "t:{type}:create"},
          "request": {"schema": {"type": "object", "required": ["types"], "properties": {"types": {"type": "array", "items": {"type": "string"}}}}},
          "response": {"status": [201], "fields": {"area": {"shapes": {"property": "kind", "values": {"A": {"fields": {"kind": {"release": "always"}}}}}},
            "tags": {"entries": {"release": "always"}}}} },
      },
    }
    """

  private static func load(_ text: String = api) throws -> Catalogue { try TestCatalogue.load(["test-api.json": text]) }

  private static func operation(_ id: String) throws -> OperationPolicy {
    try #require(try load().operationsByIndex.first { $0.id.rawValue == id })
  }

  @Test func itIsReadAsItStands() throws {
    let create = try Self.operation("create")
    #expect(create.answers.map(\.statuses) == [[201], [202]] && create.answer(202)?.projection == nil)
    #expect(create.isSubjectOptional && create.validation == .report && create.conditions != nil && !create.personalData)
    #expect(create.resources.map(\.kind) == ["test-api:sessions"] && create.resources[0].keptSeconds == 3 * 86_400)
    let path = create.location?.path(id: "a/b c", createdBy: Array("/test-api/v1/sessions".utf8).span)
    #expect(path.map { String(decoding: $0, as: UTF8.self) } == "/test-api/v1/sessions/a%2Fb%20c")
    #expect(create.errors.answer(.eventScopeMissing).code == "SUBSCRIPTION_MISMATCH")
    #expect(create.errors.kind(status: 410, code: "GONE.FOR_GOOD") == .specific(0))
    #expect(create.errors.kind(status: 403, code: "PERMISSION_DENIED") == .permissionDenied)
    let read = try Self.operation("read")
    #expect(read.subject == .token && read.subjectField.map { String(decoding: $0, as: UTF8.self) } == "x-number: ")
    #expect(read.conditions == nil)
    // What it spells otherwise is its own; for the rest its API's holds.
    #expect(read.errors.answer(.notFound).code == "TEST.NO_SESSION" && create.errors.answer(.notFound).code == "NOT_FOUND")
    #expect(read.errors.answer(.wrongAuthentication).code == "TEST.NOT_BY_NETWORK")
    #expect(read.errors.kind(status: 410, code: "GONE.FOR_GOOD") == .specific(0))
    #expect(
      read.errors.kind(status: 409, code: "TEST.ENDED") == .specific(2)
        && create.errors.kind(status: 409, code: "TEST.ENDED") == nil)
  }

  /// An act that wants consent although it tells nothing says so (confirming a payment).
  @Test func anActMayBeAboutAPersonAndTellNothing() throws {
    let text = Self.api.replacing(#"["t:read"], "personalData": false"#, with: #"["t:read"], "personalData": true"#)
    #expect(text != Self.api)
    let read = try #require(try Self.load(text).operationsByIndex.first { $0.id.rawValue == "read" })
    #expect(read.personalData && read.requiredCategories == 0)
  }

  @Test(arguments: [
    ("/test-api/v1/sessions/b4333c46-49c0-4f62-80d7-f0ef930f1c46", true), ("/test-api/v1/sessions/1", false),
    ("/test-api/v1/sessions/%62" + "4333c46-49c0-4f62-80d7-f0ef930f1c46", true),
  ]) func aParameterOfAPathHasARule(_ path: String, _ isRight: Bool) throws {
    let read = try Self.operation("read")
    #expect((read.parameters[0].violation(in: Array(path.utf8).span) == nil) == isRight)
  }

  @Test(arguments: [
    ("a", true), ("%c3%a9", true), ("%c3%A9%20b", true), ("%ff", false), ("%c3", false), ("a%ED%A0%80", false), ("%zz", false),
    ("%+1", false),
  ]) func aParameterWithoutARuleIsTextAllTheSame(_ value: String, _ isRight: Bool) throws {
    let end = try Self.operation("end")
    #expect((end.parameters[0].violation(in: Array("/test-api/v1/sessions/\(value)".utf8).span) == nil) == isRight)
  }

  @Test(
    arguments: [
      ("page=1&date.gte=2026-01-01T00:00:00%2B01:00", nil), ("page=0", ErrorKind.outOfRange), ("page=01", .invalidArgument),
      ("page=1.5", .invalidArgument), ("date.gte=2026-01-01", .invalidArgument), ("state=on&state=off,on", nil),
      ("state=on,x", .invalidArgument), ("page=1&page=1", .invalidArgument),
    ] as [(String, ErrorKind?)]) func queriesHaveTypes(_ query: String, _ expected: ErrorKind?) throws
  {
    var output: [UInt8] = []
    #expect(try Self.operation("read").query.check(Array(query.utf8).span, into: &output)?.kind == expected)
  }

  /// kyc-fill-in: one scope for each field, and one for all.
  @Test func aFieldLeavesWithItsScopeAndItsCategory() throws {
    let fill = try Self.operation("fill")
    let conditions = try #require(fill.conditions)
    func released(_ scopes: String, _ allowed: FieldMask) -> FieldMask {
      conditions.categories(
        conditions.fields(allowed: allowed, scopes: ScopeSet(parsing: scopes)!), allowed: allowed)
    }
    let (place, name): (FieldMask, FieldMask) = (1, 2)
    #expect(fill.requiredCategories == 0)
    #expect(fill.optionalCategories(openedBy: ScopeSet(parsing: "t:fill:name")!) == name | place)
    #expect(released("t:fill:name", name) == name && released("t:fill:name", 0) == 0 && released("t:fill:place", name) == 0)
    #expect(released("t:fill:all", name | place) == name | place)
  }

  @Test func aSubscriptionNeedsTheScopeOfEachEvent() throws {
    let events = try #require(try Self.operation("subscribe").eventScopes)
    func needed(_ body: String) throws -> [String]? {
      var tape = JSONTape()
      let bytes = Array(body.utf8)
      try tape.parse(bytes.span)
      return events.needed(bytes.span, tape: tape)?.map(\.rawValue)
    }
    #expect(try needed(#"{"types": ["a.on"]}"#) == ["t:a.on:create"])
    #expect(try needed(#"{"types": ["a.on", "a.off", "a.on"]}"#) == ["t:a.on:create", "t:a.off:create"])
    #expect(try needed(#"{"types": ["a.on", "b"]}"#) == nil && needed("{}") == nil)
    // What nothing is needed for would be everybody's.
    #expect(try needed(#"{"types": []}"#) == nil)
  }

  private static let mistakes: [(String, String, String)] = [
    (#""scopes": ["t:read"], "personalData""#, #""scopes": ["t:raed"], "personalData""#, #"did you mean "t:read""#),
    (#""scopes": ["t:fill:name", "t:fill:all"]}"#, #""scopes": ["t:fill:nam"]}"#, #"did you mean "t:fill:name""#),
    (#""location": "read""#, #""location": "raed""#, #"did you mean "read""#),
    (#""location": "read""#, #""location": "rest""#, "one parameter"),
    (#""id": {"required": true, "release": "always"}, "device""#, #""device""#, "the filter would drop it"),
    (
      #""id": {"required": true, "release": "always"}, "device""#, #""id": {"release": "always"}, "device""#,
      #"wants "required": true"#
    ),
    (#""device": {"named": true,"#, #""device": {"#, #""named": true"#),
    (#""validate": "report""#, #""validate": "warn""#, "refuse"),
    (#""201": {"schema""#, #""301": {"schema""#, "200 to 299"), (#""creates": "id""#, #""creates": """#, "at least one name"),
    (#""creates": "id", "keptDays": 3"#, #""creates": "id", "shows": "id""#, "exactly one"),
    (
      #"[{"name": "sessions", "parameter": "sessionId"}]"#, #"[{"name": "sessions", "parameter": "sessionid"}]"#,
      #"did you mean "sessionId""#
    ),
    (#""header": "x-number""#, #""header": "authorization""#, "x-"),
    (#""header": "x-number""#, #""header": "x-forwarded-for""#, "x-"),
    (#""headers": {"registrationId""#, #""headers": {"Cookie""#, "not a policy's"),
    (#""headers": {"registrationId""#, #""headers": {"registrationID": {}, "registrationId""#, "there already"),
    (
      #""header": "x-number"}, "parameters""#, #""header": "x-number"}, "headers": {"X-Number": {}}, "parameters""#,
      "a client must not write it"
    ),
    (#""version": "1.0.0""#, #""version": "1.0.0\u202e""#, "visible ASCII"),
    (#""version": "1.0.0""#, #""version": """#, "visible ASCII"),
    (
      #""query": {"page": {"type": "integer", "minimum": 1}"#,
      #""query": {"page": {"pattern": "^(.{0,100}){100}$"}"#, "takes too much to compile"
    ),
    (#"{"rule": "token"}"#, #"{"rule": "compared"}"#, "header"),
    (#"{"rule": "token"}"#, #"{"rule": "tokn"}"#, #"did you mean "token""#),
    (#""header": "x-number"}, "parameters""#, #""query": "page"}, "parameters""#, "instead of at"),
    (#"{"rule": "token", "header": "x-number"}"#, #"{"rule": "tokenOrBody", "query": "pgae"}"#, #"did you mean "page""#),
    (#"{"rule": "token", "header": "x-number"}"#, #"{"rule": "tokenOrBody", "query": "state"}"#, "once at most"),
    (
      #"{"rule": "token", "header": "x-number"}"#, #"{"rule": "tokenOrBody", "query": "page", "kind": "device"}"#,
      "a number alone"
    ),
    (
      #""named": true, "fields": {"phoneNumber": {"release": "always"}}"#, #""named": true, "release": "always", "whole": true"#,
      "whole"
    ),
    (#""legs": [3],"#, "", "legs"), (#""withheld": "null""#, #""withheld": "zero""#, "null"),
    (#""required": true, "nullable": true, "withheld""#, #""required": true, "withheld""#, "nullable"),
    (#""name": {"category": "name", "scopes""#, #""name": {"required": true, "category": "name", "scopes""#, "cannot hang"),
    (#""tags": {"entries": {"release": "always"}}"#, #""sinkCredential": {"release": "always"}"#, "secret"),
    (#""fields": {"kind": {"release": "always"}}"#, #""fields": {"knd": {"release": "always"}}"#, "tells the shapes apart"),
    (#""scope": "t:{type}:create""#, #""scope": "u:{type}:create""#, "no scope"),
    (#""optional": true},"#, #""optional": true}, "legs": [2, 3], "authenticatedBy": ["nba"],"#, "authenticatedBy"),
    (#""path": "/sessions/rest""#, #""path": "/{any}/sessionId""#, "alike"),
    (#""parameters": {"sessionId""#, #""parameters": {"session""#, "no parameter of this name"),
    (#""deletes": true"#, #""deletes": true, "keptDays": 1"#, "keptDays"),
    (
      #""personalData": false,"# + "\n      \"subject\": {\"rule\": \"token\", \"header\"",
      "\n      \"subject\": {\"rule\": \"token\", \"header\"", "no field of its answer"
    ),
  ]

  @Test(arguments: mistakes.indices) func whatCannotHoldIsRefusedWithFileLineAndReason(_ index: Int) throws {
    let (old, new, reason) = Self.mistakes[index]
    try #require(Self.api.contains(old))
    let errors = try #require(throws: PolicyErrors.self) { try Self.load(Self.api.replacingOccurrences(of: old, with: new)) }
    let error = try #require(errors.errors.first)
    #expect(error.file.hasSuffix("test-api.json") && error.line >= 1)
    #expect(error.reason.contains(reason), "\(error)")
  }

  /// Without fields nothing of an answer is read: what it makes would be nobody's.
  @Test(arguments: [#""creates": "id""#, #""shows": "id""#, #""lists": {"id": "id"}"#])
  func whatStandsInAnAnswerWantsAnAnswerWithFields(_ place: String) throws {
    func api(_ response: String) -> String {
      """
      { "api": "test-api", "version": "1.0.0", "basePath": "/test-api/v1", "title": {"en": "Test"}, "operations": {
        "act": { "method": "POST", "path": "/act", "title": {"en": "Act"}, "scopes": ["t:act"],
          "resource": {"name": "sessions", \(place)}, "response": \(response) } } }
      """
    }
    let fields = #"{"fields": {"id": {"required": true, "release": "always"}}}"#
    for response in [
      place.contains("lists") ? #"{"items": \#(fields)}"# : fields, #"{"answers": {"200": \#(fields), "202": {}}}"#,
    ] {
      #expect(throws: Never.self) { try Self.load(api(response)) }
    }
    for response in [#"{"status": [201]}"#, #"{"answers": {"201": {}, "202": {}}}"#, "{}"] {
      let errors = try #require(throws: PolicyErrors.self) { try Self.load(api(response)) }
      #expect(errors.errors.first?.reason.contains("want an answer with fields") == true, "\(response): \(errors)")
    }
  }

  // MARK: Errors

  private static func errors(_ text: String, over general: ErrorCodes = .common) throws -> ErrorCodes {
    try ErrorCodes(JSONDocument(Array(text.utf8)).root, over: general)
  }

  /// A backend's error has a status and a code; which of several kinds is meant, the operation says first, then its API.
  @Test func anOperationsErrorsComeBeforeItsApis() throws {
    let api = try Self.errors(
      #"{"gone": {"status": 404, "code": "NOT_FOUND"}, "specific": [{"status": 409, "code": "X", "message": "api"}]}"#)
    #expect(api.kind(status: 404, code: "NOT_FOUND") == .gone)
    let operation = try Self.errors(
      #"{"unknownSubscriber": {"code": "NOT_FOUND"}, "specific": [{"status": 409, "code": "X", "message": "operation"}]}"#,
      over: api)
    #expect(operation.kind(status: 404, code: "NOT_FOUND") == .unknownSubscriber)
    #expect(operation.answer(.gone).status == 404)
    let specific = try #require(operation.kind(status: 409, code: "X"))
    #expect(operation.answer(specific).message == "operation")
    #expect(api.answer(try #require(api.kind(status: 409, code: "X"))).message == "api")
  }

  /// In the order of the table, whatever the order of the file.
  @Test func ofSeveralOverridesTheFirstOfTheTableIsMeant() throws {
    for names in [
      ["missingIdentifier", "unknownSubscriber", "conflict"], ["conflict", "unknownSubscriber", "missingIdentifier"],
    ] {
      let members = names.map { #""\#($0)": {"status": 404, "code": "NO"}"# }.joined(separator: ", ")
      #expect(try Self.errors("{\(members)}").kind(status: 404, code: "NO") == .unknownSubscriber)
      #expect(
        try Self.errors("{\(members)}", over: Self.errors(#"{"gone": {"status": 404, "code": "NO"}}"#)).kind(
          status: 404, code: "NO") == .unknownSubscriber)
    }
  }
}
