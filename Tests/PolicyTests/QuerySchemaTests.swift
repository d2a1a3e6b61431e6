import Bytes
import Testing

@testable import Policy

@Suite struct QuerySchemaTests {
  private static func check(
    _ query: String?, _ policy: String = #"{"page": {"pattern": "^[0-9]{1,3}$"}, "at": {"pattern": "^.{1,9}$"}}"#
  )
    throws -> String
  {
    let schema = try QuerySchema(JSONDocument(Array(policy.utf8)).root)
    var output: [UInt8] = []
    let bytes = query.map { Array($0.utf8) }
    if let violation = schema.check(bytes?.span, into: &output) { return "400 " + violation.message }
    return String(decoding: output, as: UTF8.self)
  }

  @Test(
    arguments: [
      (nil, ""), ("", ""), ("page=12", "?page=12"), ("at=a&page=1", "?page=1&at=a"), ("page=%31", "?page=1"),
      ("at=%2b%26%3D%20%c3%A9", "?at=%2B%26%3D%20%C3%A9"), ("at=a/b?c", "?at=a%2Fb%3Fc"), ("at=a=b", "?at=a%3Db"),
    ] as [(String?, String)]) func whatThePolicyNamesIsWrittenAnew(_ query: String?, _ expected: String) throws
  {
    #expect(try Self.check(query) == expected)
  }

  @Test(arguments: [
    "page=1&page=2", "page", "page=", "page=a", "page=1234", "at=%", "at=%2", "at=%zz", "at=%+1", "at=a+b", "page=1;x=2",
  ]) func aWrongValueIsRefused(_ query: String) throws {
    #expect(try Self.check(query).hasPrefix("400 "))
  }

  @Test(arguments: [
    ("x=1", ""), ("page=1&x=1", "?page=1"), ("page=1&p%61ge=2", "?page=1"), ("Page=1", ""), ("page=1&", "?page=1"),
    ("&page=1", "?page=1"), ("page=1&&at=a", "?page=1&at=a"), ("=1", ""), ("page[]=1", ""), ("phoneNumber=%2B33612345678", ""),
  ]) func whatThePolicyDoesNotNameGoesNoFurther(_ query: String, _ expected: String) throws {
    #expect(try Self.check(query) == expected)
  }

  @Test func aRequiredOneMustBeThere() throws {
    let policy = #"{"page": {"pattern": "^[0-9]$", "required": true}}"#
    #expect(try Self.check(nil, policy).contains("page is missing"))
    #expect(try Self.check("page=1", policy) == "?page=1")
  }

  @Test func withoutOneInThePolicyThereIsNone() {
    var output: [UInt8] = []
    #expect(QuerySchema.none.check(nil, into: &output) == nil)
    #expect(QuerySchema.none.check(Array("a=1".utf8).span, into: &output) == nil)
    #expect(output.isEmpty)
  }

  /// The parameter that names the subscriber is written by whoever knows about whom the call is.
  @Test func oneCanNameTheSubscriber() throws {
    let schema = try QuerySchema(
      JSONDocument(Array(#"{"number": {"pattern": "^\\+[0-9]+$"}, "page": {}, "more": {"repeated": true}}"#.utf8)).root)
    #expect(!schema.namesSubject && schema.naming("nobody") == nil && schema.naming("more") == nil)
    let naming = try #require(schema.naming("number"))
    let query = Array("page=1&number=%2B336".utf8)
    var output: [UInt8] = []
    #expect(naming.namesSubject && naming.check(query.span, into: &output) == nil)
    #expect(String(decoding: output, as: UTF8.self) == "?page=1")
    #expect(naming.subject(in: query.span).map { String(decoding: $0, as: UTF8.self) } == "+336")
    #expect(naming.subject(in: Array("page=1".utf8).span) == nil && naming.subject(in: nil) == nil)
    naming.append(subject: "+337".utf8, to: &output)
    #expect(String(decoding: output, as: UTF8.self) == "?page=1&number=%2B337")
    #expect(naming.check(Array("number=336".utf8).span, into: &output) != nil)
  }

  @Test(arguments: [
    #"{"a b": {"pattern": "^x$"}}"#, #"{"a": {"type": "array"}}"#, #"{"a": {"pattern": "("}}"#,
    #"{"a": {"pattern": "^x$", "y": 1}}"#, "[]",
  ])
  func aWrongOneIsRefused(_ policy: String) throws {
    #expect(throws: DocumentError.self) { try Self.check(nil, policy) }
  }
}
