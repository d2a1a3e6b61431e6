import Testing

@testable import Bytes

@Suite struct JSONGrammarTests {
  @Test(arguments: [
    "null", "true", "false", "0", "-0", "-0.0", "1", "-1", "10", "1.5", "0.5", "1e5", "1E5", "1e+5", "1e-5", "0e0", "0E+00",
    "123.456e78",
    "1e999999", "-1e-999999", #""""#, #""a""#, "[]", "{}", " [ ] ", "\t\n\r 1 \n", "[1]", "[1,2]", "[[],[[]]]", "[ 1 , 2 ]",
    #"{"a":1}"#,
    #"{ "a" : 1 , "b" : [ { } ] }"#, #"{"":0}"#, #"{"a":{"a":{"a":1}}}"#, #"[{"a":1},{"a":1}]"#, #"{"a":1,"A":2}"#,
    #"{"a":1,"\u0062":2}"#, #"{"e":1,"é":2,"e\u0301":3}"#, "\r\n[\r\n]\r\n", #""\/""#, #"["",null,""]"#, "[0,-0]",
    #"{"true":false}"#,
  ]) func jsonIsTaken(_ text: String) { #expect(refusal(text) == nil) }

  static let notJSON: [(String, JSONSyntaxError.Reason)] = [
    ("", .empty), (" ", .empty), ("\n\t\r ", .empty),
    // Cut off.
    ("[", .unexpectedEnd), ("{", .unexpectedEnd), ("[1", .unexpectedEnd), ("[1,", .unexpectedEnd), (#"{"a""#, .unexpectedEnd),
    (#"{"a":"#, .unexpectedEnd), (#"{"a":1"#, .unexpectedEnd), (#"{"a":1,"#, .unexpectedEnd), (#"""#, .unexpectedEnd),
    (#""a"#, .unexpectedEnd), (#""a\"#, .unexpectedEnd), (#""\""#, .unexpectedEnd), ("[[[[", .unexpectedEnd),
    // Commas and colons.
    ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("[,]", .unexpectedByte), ("[1,,2]", .unexpectedByte),
    ("[1 2]", .unexpectedByte),
    ("[1;2]", .unexpectedByte), (#"{"a":1,}"#, .unexpectedByte), (#"{,"a":1}"#, .unexpectedByte),
    (#"{"a":1,,"b":2}"#, .unexpectedByte),
    (#"{"a" 1}"#, .unexpectedByte), (#"{"a",1}"#, .unexpectedByte), (#"{"a"::1}"#, .unexpectedByte), (#"{"a"}"#, .unexpectedByte),
    (#"{:1}"#, .unexpectedByte), (#"{"a":}"#, .unexpectedByte), (#"{"a":1 "b":2}"#, .unexpectedByte),
    (#"["a":1]"#, .unexpectedByte),
    // Brackets.
    ("]", .unexpectedByte), ("}", .unexpectedByte), ("[}", .unexpectedByte), ("{]", .unexpectedByte), ("[1}", .unexpectedByte),
    (#"{"a":1]"#, .unexpectedByte), ("[]]", .trailingData), ("{}}", .trailingData),
    // Keys that are no strings.
    ("{1:2}", .unexpectedByte), ("{a:1}", .unexpectedByte), ("{'a':1}", .unexpectedByte), ("{null:1}", .unexpectedByte),
    ("{[]:1}", .unexpectedByte),
    // Words.
    ("nul", .badLiteral), ("tru", .badLiteral), ("fals", .badLiteral), ("True", .unexpectedByte), ("NULL", .unexpectedByte),
    ("nan", .badLiteral), ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte), ("undefined", .unexpectedByte),
    ("truefalse", .trailingData),
    ("nullx", .trailingData), ("[truth]", .badLiteral),
    // Numbers (RFC 8259 §6).
    ("-", .badNumber), ("+1", .unexpectedByte), ("--1", .badNumber), ("-a", .badNumber), ("01", .badNumber), ("-01", .badNumber),
    ("00", .badNumber),
    ("1.", .badNumber), ("1.e5", .badNumber), (".5", .unexpectedByte), ("-.5", .badNumber), ("1e", .badNumber),
    ("1e+", .badNumber),
    ("1e-", .badNumber), ("1ee5", .badNumber), ("1e5.5", .trailingData), ("1.5.5", .trailingData), ("0x10", .trailingData),
    ("1_000", .trailingData),
    ("1a", .trailingData), ("-Infinity", .badNumber), ("-NaN", .badNumber), ("0.", .badNumber), ("0e", .badNumber),
    ("1+2", .trailingData),
    ("１", .unexpectedByte), ("[-]", .badNumber), ("[1.]", .badNumber), ("[0123]", .badNumber),
    // Strings.
    ("'a'", .unexpectedByte), ("\"a\nb\"", .badString), ("\"a\tb\"", .badString), ("\"\u{0}\"", .badString),
    ("\"\u{1F}\"", .badString),
    (#""\a""#, .badEscape), (#""\x41""#, .badEscape), (#""\'""#, .badEscape), (#""\0""#, .badEscape), (#""\U0041""#, .badEscape),
    (#""\u""#, .badEscape), (#""\u1""#, .badEscape), (#""\u12""#, .badEscape), (#""\u123""#, .badEscape),
    (#""\u123g""#, .badEscape),
    (#""\u+123""#, .badEscape), (#""\u 123""#, .badEscape), ("\"\\\n\"", .badEscape), ("\"\\é\"", .badEscape),
    // Surrogates must come in pairs (RFC 8259 §7, §8.2).
    (#""\uD800""#, .badEscape), (#""\uDC00""#, .badEscape), (#""\uD800\uD800""#, .badEscape), (#""\uDC00\uD800""#, .badEscape),
    (#""\uD800x""#, .badEscape), (#""\uD800\n""#, .badEscape), (#""\uD800\u0041""#, .badEscape), (#""\uD800\uDC0""#, .badEscape),
    (#""\uDFFF""#, .badEscape), (#""\uD800\\uDC00""#, .badEscape),
    // A key that stands twice, also in another spelling (A30).
    (#"{"a":1,"a":1}"#, .duplicateKey), (#"{"a":1,"b":2,"a":3}"#, .duplicateKey), (#"{"":1,"":2}"#, .duplicateKey),
    (#"{"a":1,"\u0061":2}"#, .duplicateKey), (#"{"\u0061":1,"a":2}"#, .duplicateKey),
    (#"{"\u0061":1,"\u0061":2}"#, .duplicateKey),
    (#"{"é":1,"\u00e9":2}"#, .duplicateKey), (#"{"\u00E9":1,"\u00e9":2}"#, .duplicateKey), (#"{"/":1,"\/":2}"#, .duplicateKey),
    (#"{"😀":1,"\ud83d\ude00":2}"#, .duplicateKey), (#"[{"x":{"a":1,"a":2}}]"#, .duplicateKey),
    // Something behind the end.
    ("1 2", .trailingData), ("{} {}", .trailingData), ("[] x", .trailingData), (#""a" "b""#, .trailingData),
    ("{},", .trailingData),
    ("null\u{0}", .trailingData), ("[]\u{FEFF}", .trailingData),
    // White space that is not JSON's, a byte order mark, comments, other languages.
    ("\u{FEFF}{}", .unexpectedByte), ("\u{A0}1", .unexpectedByte), ("\u{0B}1", .unexpectedByte), ("\u{0C}1", .unexpectedByte),
    ("\u{2028}1", .unexpectedByte), ("[1\u{A0}]", .unexpectedByte), ("\u{0}", .unexpectedByte), ("// a\n1", .unexpectedByte),
    ("/* a */1", .unexpectedByte), ("1 // a", .trailingData), ("#a\n1", .unexpectedByte), ("[1,#a\n2]", .unexpectedByte),
    ("<a/>", .unexpectedByte),
    ("{a: 1}", .unexpectedByte), ("(1)", .unexpectedByte), ("\\u0031", .unexpectedByte), ("*", .unexpectedByte),
    (")]}'\n{}", .unexpectedByte),
  ]

  @Test(arguments: notJSON) func anythingElseIsRefusedWithItsReason(_ text: String, _ reason: JSONSyntaxError.Reason) {
    #expect(refusal(text)?.reason == reason)
  }

  @Test func everyBeginningOfATextIsRefused() {
    let text = Array(#"{"a":[1.5e-3,"é\n\ud83d\ude00",{"b":null}],"c":true}"#.utf8)
    #expect(refusal(text) == nil)
    for count in text.indices { #expect(refusal(Array(text[..<count])) != nil, "the first \(count) bytes") }
  }

  @Test func theErrorNamesThePlace() {
    #expect(refusal(#"{"a": 1, "b": nul}"#)?.offset == 14)
    #expect(refusal(#"{"a": 1, "a": 2}"#)?.offset == 9)
    #expect(refusal("[1, 2,, 3]")?.offset == 6)
    #expect(refusal(#"["ab\q"]"#)?.offset == 4)
    #expect(refusal("[1] 2")?.offset == 4)
    #expect("\(refusal("[1] 2")!)" == "something after the end at byte 4")
  }

  @Test func afterAnErrorTheTapeIsEmptyAndMayBeUsedAgain() throws {
    var tape = JSONTape()
    #expect((try? tape.parse(Array("[1,2,".utf8).span)) == nil)
    #expect(tape.isEmpty)
    try tape.parse(Array("[1]".utf8).span)
    #expect(tape.childCount(0) == 1)
  }

  @Test func theFilesOfTheCorpusAreTakenOrRefusedAsTheirNamesSay() {
    let files = corpus("json")
    #expect(files.count >= 20)
    for (name, bytes) in files {
      #expect((refusal(bytes) == nil) == name.hasPrefix("accept-"), "\(name)")
    }
  }
}
