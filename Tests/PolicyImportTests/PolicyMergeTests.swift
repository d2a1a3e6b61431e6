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
}
