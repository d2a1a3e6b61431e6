import Testing

@testable import PolicyImport

/// Importing again: what a person left follows the document, what they changed stays.
@Suite struct PolicyMergeTests {
  private static let old = document(#"{ "imei": { "type": "string" }, "area": { "type": "string" } }"#, maximum: 4)

  private static func document(_ properties: String, maximum: Int, required: String = "") -> String {
    Drafting.document(
      Drafting.body(#"{ "type": "object", "properties": { "size": { "type": "integer", "maximum": \#(maximum) } } }"#)
        + #", "responses": { \#(Drafting.answer(#"{ "type": "object", "required": [\#(required)], "properties": \#(properties) }"#)) }"#
    )
  }

  /// The policy after a person has looked at it: marks away, texts in two languages, a price, a comment.
  private static func reviewed() throws -> (file: String, record: String) {
    let outcome = try Drafting.outcome(old)
    var file = String(decoding: outcome.text, as: UTF8.self)
    file = file.replacing(#""review": true, "#, with: "").replacing(#", "review": true"#, with: "").replacing(
      "      \"review\": true,\n", with: "")
    file = file.replacing(
      #""title": { "en": "Do it" },"#,
      with:
        "// Agreed with the privacy officer.\n      \"title\": { \"en\": \"Do it now\", \"fr\": \"Faire\" },\n      \"price\": { \"amount\": \"0.01\", \"currency\": \"EUR\" }, // per call"
    )
    #expect(!file.contains("review\": true"))
    return (file, String(decoding: outcome.record, as: UTF8.self))
  }

  @Test func nothingChangesWhenTheDocumentDoesNot() throws {
    let (file, record) = try Self.reviewed()
    let outcome = try Drafting.outcome(Self.old, present: file, record: record)
    #expect(outcome.changes.isEmpty && String(decoding: outcome.text, as: UTF8.self) == file)
  }

  @Test func theDocumentsChangesComeAndThePersonsEditsStay() throws {
    let (file, record) = try Self.reviewed()
    let new = Self.document(#"{ "imei": { "type": "string" }, "lastChecked": { "type": "string" } }"#, maximum: 9)
    let outcome = try Drafting.outcome(new, present: file, record: record)
    #expect(
      outcome.changes.map(\.line) == [
        "~ operations.doIt.request.schema.properties.size.maximum: 4 becomes 9",
        #"- operations.doIt.response.fields.area: { "category": "place" }"#,
        #"+ operations.doIt.response.fields.lastChecked: { "release": "always", "review": true }"#,
      ])
    let text = String(decoding: outcome.text, as: UTF8.self)
    for kept in ["// Agreed with the privacy officer.", #""fr": "Faire""#, #""amount": "0.01""#, "// per call"] {
      #expect(text.contains(kept))
    }
    // What the person let leave still leaves; what is new does not, and a request that holds something else is looked at again.
    #expect(outcome.unreviewed == ["operations.doIt", "operations.doIt.response.fields.lastChecked"])
  }

  @Test func anEditThatTheDocumentContradictsIsKeptAndTold() throws {
    let (file, record) = try Self.reviewed()
    let mine = file.replacing(#""maximum": 4"#, with: #""maximum": 2"#)
    let new = Self.document(#"{ "imei": { "type": "string" }, "area": { "type": "string" } }"#, maximum: 9)
    let outcome = try Drafting.outcome(new, present: mine, record: record)
    #expect(
      outcome.changes.map(\.line) == [
        "= operations.doIt.request.schema.properties.size.maximum: 2 is kept; the document now gives 9"
      ])
    #expect(String(decoding: outcome.text, as: UTF8.self) == mine)
  }

  @Test func aChangeOfScopesWaitsForAReviewAgain() throws {
    let (file, record) = try Self.reviewed()
    let outcome = try Drafting.outcome(Self.old.replacing("thing:do", with: "thing:redo"), present: file, record: record)
    #expect(outcome.unreviewed == ["operations.doIt"])
  }

  @Test func withoutARecordEverythingStays() throws {
    let (file, _) = try Self.reviewed()
    let new = Self.document(#"{ "imei": { "type": "string" }, "lastChecked": { "type": "string" } }"#, maximum: 9)
    let outcome = try Drafting.outcome(new, present: file, record: nil)
    #expect(outcome.changes.filter { $0.kind != .kept }.map(\.place) == ["operations.doIt.response.fields.lastChecked"])
    #expect(String(decoding: outcome.text, as: UTF8.self).contains(#""maximum": 4"#))
  }

  @Test func commentsStayWhereTheyWere() throws {
    let text =
      "// head\n{\n  // before\n  \"a\": 1, // behind\n  /* block */\n  \"b\": [\n    // first\n    2,\n  ],\n  // last\n}\n"
    let file = try PolicyFileText(Array(text.utf8), file: "x.json")
    #expect(
      String(decoding: PolicyText.write(file.tree, head: file.head), as: UTF8.self).replacing("  //", with: " //").contains(
        "\"a\": 1, // behind"))
    for comment in ["// head", "// before", "/* block */", "// first", "// last"] {
      #expect(String(decoding: PolicyText.write(file.tree, head: file.head), as: UTF8.self).contains(comment))
    }
  }

  // MARK: Names

  private static func tree(_ text: String) throws -> PolicyTree { try PolicyFileText(Array(text.utf8), file: "x.json").tree }

  /// A policy of one operation as it was drafted, which a person has let through unchanged, merged with a draft that differs.
  private static func merged(
    _ response: String, _ draft: String, request: (String, String) = ("", ""), schemas: (String, String) = ("", "")
  ) throws -> (tree: PolicyTree, changes: [PolicyChange]) {
    func policy(_ response: String, _ request: String, _ schemas: String) throws -> PolicyTree {
      try tree(#"{ \#(schemas) "operations": { "doIt": { "method": "POST", \#(request) "response": \#(response) } } }"#)
    }
    let old = try policy(response, request.0, schemas.0)
    return PolicyMerge.merge(record: old, mine: old, draft: try policy(draft, request.1, schemas.1))
  }

  private static func marks(_ tree: PolicyTree, _ path: [String] = []) -> [String] {
    (tree["review"] == .boolean(true) ? [path.joined(separator: ".")] : [])
      + tree.members.flatMap { marks($0.value!, path + [$0.name]) }
  }

  /// `review`, `category`, `fields`: words of a policy, and names that an API may give to what it has.
  @Test(arguments: ["review", "category", "release", "fields", "values", "answers", "scopes", "imei"])
  func aFieldMayHaveAnyName(_ name: String) throws {
    func response(_ field: String) -> String { #"{ "fields": { "id": { "release": "always" }, \#(field) } }"# }
    let field = #""\#(name)": { "category": "serial" }"#
    let place = "operations.doIt.response.fields.\(name)"
    // It is another now.
    var outcome = try Self.merged(response(field), response(#""\#(name)": { "category": "place" }"#))
    #expect(outcome.changes.map(\.line) == [#"~ \#(place).category: "serial" becomes "place""#])
    #expect(Self.marks(outcome.tree) == [place])
    #expect(outcome.tree.at("operations", "doIt", "response", "fields", name, "category")?.string == "place")
    // It is new: what nobody has looked at.
    outcome = try Self.merged(
      #"{ "fields": { "id": { "release": "always" } } }"#, response(#""\#(name)": { "category": "serial", "review": true }"#))
    #expect(outcome.changes.map(\.kind) == [.added] && outcome.changes[0].path.last == name)
    #expect(Self.marks(outcome.tree) == [place])
    // It is gone.
    outcome = try Self.merged(response(field), #"{ "fields": { "id": { "release": "always" } } }"#)
    #expect(outcome.changes.map(\.kind) == [.removed] && Self.marks(outcome.tree).isEmpty)
    #expect(outcome.tree.at("operations", "doIt", "response", "fields")?.line == #"{"id":{"release":"always"}}"#)
    // It holds others.
    let nested = { (inner: String) in response(#""\#(name)": { "fields": { "\#(name)": { \#(inner) } } }"#) }
    outcome = try Self.merged(nested(#""category": "serial""#), nested(#""release": "always""#))
    #expect(Set(Self.marks(outcome.tree)) == ["\(place).fields.\(name)"])
  }

  @Test func valuesOfShapesAndStatusesMayHaveAnyName() throws {
    func response(_ category: String) -> String {
      """
      { "answers": { "200": { "fields": { "area": { "shapes": { "property": "kind", "values": {
        "category": { "fields": { "x": { "category": "\(category)" } } } } } } } } } }
      """
    }
    let outcome = try Self.merged(response("serial"), response("place"))
    #expect(
      Self.marks(outcome.tree) == ["operations.doIt.response.answers.200.fields.area.shapes.values.category.fields.x"])
    // A header is a rule, and no field: no mark can stand there.
    let headers = { (rule: String) in #"{ "status": [204], "headers": { "scopes": \#(rule) } }"# }
    let header = try Self.merged(headers(#"{ "type": "integer" }"#), headers("{}"))
    #expect(header.changes.map(\.kind) == [.removed] && Self.marks(header.tree).isEmpty)
    let none = try Self.merged(headers("{}"), #"{ "status": [204], "headers": { "X-Other": {} } }"#)
    #expect(Self.marks(none.tree).isEmpty)
  }

  // MARK: What is looked at again

  @Test(arguments: [
    (#""request": { "required": false },"#, #""request": { "required": true },"#),
    (
      #""request": { "schema": { "type": "object", "properties": { "a": { "maxLength": 1 } } } },"#,
      #""request": { "schema": { "type": "object", "properties": { "a": { "maxLength": 2 } } } },"#
    ),
    (#""query": { "page": { "type": "integer" } },"#, #""query": { "page": {} },"#), ("", #""query": { "page": {} },"#),
    (#""query": { "page": {} },"#, ""),
    (#""parameters": { "id": { "format": "uuid" } },"#, #""parameters": { "id": {} },"#),
  ]) func anOperationWhoseRequestIsAnotherIsLookedAtAgain(_ old: String, _ new: String) throws {
    let outcome = try Self.merged(#"{ "status": [204] }"#, #"{ "status": [204] }"#, request: (old, new))
    #expect(!outcome.changes.isEmpty && Self.marks(outcome.tree) == ["operations.doIt"])
  }

  /// A schema lets through what the operations that name it let through, by however many others.
  @Test(arguments: [("A", true), ("B", true), ("C", true), ("D", false)])
  func aSchemaIsLookedAtAgainWhereItIsUsed(_ changed: String, _ marks: Bool) throws {
    func schemas(_ maximum: Int) -> String {
      let leaf = { (name: String) in #"{ "type": "integer", "maximum": \#(name == changed ? maximum : 1) }"# }
      return """
        "schemas": {
          "A": { "type": "object", "properties": { "own": \(leaf("A")), "list": { "type": "array", "items": { "ref": "B" } } } },
          "B": { "type": "object", "properties": { "own": \(leaf("B")) }, "oneOf": [ { "ref": "C" } ] },
          "C": { "type": "object", "properties": { "own": \(leaf("C")), "again": { "ref": "A" } } },
          "D": { "type": "object", "properties": { "own": \(leaf("D")), "a": { "ref": "A" } } } },
        """
    }
    let request = #""request": { "schema": { "type": "object", "properties": { "a": { "ref": "A" } } } },"#
    let outcome = try Self.merged(
      #"{ "status": [204] }"#, #"{ "status": [204] }"#, request: (request, request), schemas: (schemas(1), schemas(2)))
    #expect(outcome.changes.map(\.place) == ["schemas.\(changed).properties.own.maximum"])
    #expect(Self.marks(outcome.tree) == (marks ? ["operations.doIt"] : []))
  }

  /// A name or a text of the document is shown to a person at a terminal.
  @Test func nothingThatATerminalObeysIsInALine() throws {
    let name = "a\u{1B}[31m\u{9B}2J\u{7F}b"
    let long = String(repeating: "n", count: 300)
    func response(_ field: String, _ category: String) -> String {
      #"{ "fields": { "\#(field)": { "category": "\#(category)" } } }"#.replacing("\u{1B}", with: #"\u001b"#)
    }
    for (old, new) in [
      (response(name, "serial"), response(name, "x\u{9B}31my")), (response("a", "serial"), response(name, "serial")),
      (response(name, "serial"), response("a", "serial")), (response(long, "serial"), response(long, "place")),
    ] {
      let outcome = try Self.merged(old, new)
      #expect(!outcome.changes.isEmpty)
      for change in outcome.changes {
        #expect(!change.line.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }, "\(change.line)")
        #expect(change.place.count < 160)
      }
    }
    let places = try Self.merged(response(name, "serial"), response(name, "place")).changes.map(\.place)
    #expect(places == ["operations.doIt.response.fields.a?[31m?2J?b.category"])
  }

  /// What waits for a review is told at the terminal too; what an example holds waits for nothing.
  @Test func whatWaitsIsToldWithoutThemEither() throws {
    let properties = #"{ "a\u001b[31m": { "type": "string" }, "review": { "type": "string" } }"#
    let text = Self.document(properties, maximum: 4)
    let drafted = try Drafting.outcome(text)
    let places = ["operations.doIt", "operations.doIt.response.fields.a?[31m", "operations.doIt.response.fields.review"]
    #expect(drafted.unreviewed == places)
    let file = String(decoding: drafted.text, as: UTF8.self)
    let mine = file.replacing(
      #""title": { "en": "Do it" },"#, with: #""title": { "en": "Do it" }, "example": { "body": { "review": true } },"#)
    #expect(mine != file)
    let again = try Drafting.outcome(text, present: mine, record: String(decoding: drafted.record, as: UTF8.self))
    #expect(again.unreviewed == places)
  }
}
