import Foundation
import Testing

@testable import Bytes

@Suite struct ProjectionTests {
  private func project(
    _ text: String, _ rule: Projection.Rule, allowed: FieldMask, echoes: [String] = []
  ) throws -> (String, Projection.Outcome) {
    let bytes = Array(text.utf8)
    var (tape, output) = (JSONTape(), [UInt8]())
    try tape.parse(bytes.span)
    let outcome = Projection(rule).project(
      bytes.span, tape: tape, allowed: allowed, echoes: echoes.map { Array($0.utf8) }, into: &output)
    return (String(decoding: output, as: UTF8.self), outcome)
  }

  private let identifier: Projection.Rule = .object([
    .init(name: "lastChecked", rule: .always, required: true), .init(name: "imei", rule: .release(whenAny: 0b1), required: true),
    .init(name: "imeisv", rule: .release(whenAny: 0b10)), .init(name: "model", rule: .release(whenAny: 0b1100)),
  ])

  @Test func onlyWhatWasAgreedToLeaves() throws {
    let answer =
      #"{ "imsi" : "208", "imei" : "490154203237518", "imeisv":"49", "lastChecked":"2024", "model" : "3110", "location":{"imei":"x"} }"#
    let (text, outcome) = try project(answer, identifier, allowed: 0b1)
    #expect(text == #"{"lastChecked":"2024","imei" : "490154203237518"}"#)
    #expect(outcome == .complete(released: 0b1))
    #expect(
      try project(answer, identifier, allowed: 0b1011).0
        == #"{"lastChecked":"2024","imei" : "490154203237518","imeisv":"49","model" : "3110"}"#)
    #expect(try project(answer, identifier, allowed: 0b1011).1 == .complete(released: 0b1011))
  }

  @Test func theReportNamesOnlyWhatWasThere() throws {
    let (_, outcome) = try project(#"{"lastChecked":"2024","imei":"1"}"#, identifier, allowed: .max)
    #expect(outcome == .complete(released: 0b1))
  }

  @Test func aRequiredFieldThatWasNotAgreedToEndsTheAnswer() throws {
    #expect(try project(#"{"lastChecked":"2024","imei":"1"}"#, identifier, allowed: 0b10).1 == .withheldRequired("imei"))
    #expect(try project(#"{"lastChecked":"2024"}"#, identifier, allowed: 0b10).1 == .withheldRequired("imei"))
    #expect(try project(#"{"lastChecked":"2024","imei":"1"}"#, identifier, allowed: 0).1 == .withheldRequired("imei"))
  }

  @Test func aRequiredFieldThatTheBackendLeftOutEndsTheAnswerToo() throws {
    #expect(try project(#"{"lastChecked":"2024"}"#, identifier, allowed: 0b1).1 == .missingRequired("imei"))
    #expect(try project(#"{"imei":"1"}"#, identifier, allowed: 0b1).1 == .missingRequired("lastChecked"))
    #expect(try project("{}", identifier, allowed: 0b1).1 == .missingRequired("lastChecked"))
  }

  @Test(arguments: ["[]", "1", "null", #""x""#]) func anAnswerOfAnotherShapeIsRefused(_ text: String) throws {
    #expect(try project(text, identifier, allowed: .max).1 == .wrongShape("object"))
    if text != "[]" { #expect(try project(text, .array(of: .always), allowed: .max).1 == .wrongShape("array")) }
  }

  @Test func anInnerValueOfAnotherShapeIsRefused() throws {
    let rule: Projection.Rule = .object([.init(name: "area", rule: .object([.init(name: "x", rule: .always)]))])
    #expect(try project(#"{"area":[1]}"#, rule, allowed: 0).1 == .wrongShape("object"))
    #expect(try project(#"{"area":null}"#, rule, allowed: 0).1 == .wrongShape("object"))
  }

  /// Nothing that no category allows leaves, wherever the rule stands: also when there is no object around it.
  @Test func aRuleWithoutAnObjectAroundItWithholdsToo() throws {
    for mask: FieldMask in [0, 0b1] {
      let rules: [(String, Projection.Rule)] = [
        (#""secret""#, .release(whenAny: mask)), (#"["secret"]"#, .array(of: .release(whenAny: mask))),
        (#"[["secret"]]"#, .array(of: .array(of: .release(whenAny: mask)))),
      ]
      for (text, rule) in rules {
        let (output, outcome) = try project(text, rule, allowed: 0b10)
        #expect(!output.contains("secret"), "\(text)")
        guard case .withheldRequired = outcome else {
          Issue.record("\(text): \(outcome)")
          continue
        }
      }
    }
    #expect(try project(#"["a"]"#, .array(of: .release(whenAny: 1)), allowed: 1).0 == #"["a"]"#)
    #expect(try project("[]", .array(of: .release(whenAny: 1)), allowed: 0).0 == "[]")
  }

  @Test func anEmptyMaskIsNeverReleased() throws {
    let rule: Projection.Rule = .object([.init(name: "a", rule: .release(whenAny: 0)), .init(name: "b", rule: .always)])
    #expect(try project(#"{"a":1,"b":2}"#, rule, allowed: .max).0 == #"{"b":2}"#)
  }

  @Test func arraysKeepTheirShape() throws {
    let rule: Projection.Rule = .array(
      of: .object([.init(name: "id", rule: .release(whenAny: 1)), .init(name: "n", rule: .always)]))
    #expect(try project(#"[{"id":1,"n":2,"x":3},{},{"n":"1"}]"#, rule, allowed: 0).0 == #"[{"n":2},{},{"n":"1"}]"#)
    #expect(try project(#"[{"id":1},{"id":2}]"#, rule, allowed: 1).0 == #"[{"id":1},{"id":2}]"#)
    #expect(try project("[]", rule, allowed: 1).0 == "[]")
  }

  @Test func anObjectOfWhichNothingMayLeaveIsLeftOut() throws {
    let inner: Projection.Rule = .object([.init(name: "imei", rule: .release(whenAny: 1))])
    let rule: Projection.Rule = .object([
      .init(name: "device", rule: inner), .init(name: "list", rule: .array(of: inner)), .init(name: "t", rule: .always),
    ])
    let text = #"{"device":{"imei":"1"},"list":[{"imei":"1"}],"t":1}"#
    #expect(try project(text, rule, allowed: 0).0 == #"{"t":1}"#)
    #expect(try project(text, rule, allowed: 1).0 == text)
    #expect(!Projection(inner).isReleased(by: 0b10))
    #expect(Projection(inner).isReleased(by: 0b11))
  }

  @Test func numbersAndStringsKeepTheirBytes() throws {
    let rule: Projection.Rule = .object([.init(name: "a", rule: .always), .init(name: "é", rule: .always)])
    let text = #"{"a":1.00e+02,"\u00e9":"\u0061\/😀"}"#
    #expect(try project(text, rule, allowed: 0).0 == text)
    let whole: Projection.Rule = .object([.init(name: "a", rule: .whole(whenAny: nil))])
    #expect(try project(#"{"a" : [ 1 , { "x" : 2 } ] }"#, whole, allowed: 0).0 == #"{"a" : [ 1 , { "x" : 2 } ]}"#)
  }

  /// Nobody agreed to what a backend puts into a value that the API has without anything in it.
  @Test(arguments: [#"{"imei":"490154203237518"}"#, #"["490154203237518"]"#, "{}", "[]"])
  func aValueThatHoldsMoreThanTheRuleKnowsIsRefused(_ value: String) throws {
    let rules: [Projection.Rule] = [.always, .release(whenAny: 1)]
    for rule in rules {
      let field: Projection.Rule = .object([.init(name: "model", rule: rule, required: true)])
      #expect(try project(#"{"model":\#(value)}"#, field, allowed: 1).1 == .wrongShape("model"))
      #expect(try project(value, rule, allowed: 1).1 == .wrongShape("value"))
      #expect(try project("[\(value)]", .array(of: rule), allowed: 1).1 == .wrongShape("value"))
    }
  }

  @Test func aWholeIsReleasedWithAllThatIsInItOrNotAtAll() throws {
    let rule: Projection.Rule = .object([.init(name: "a", rule: .whole(whenAny: 1)), .init(name: "b", rule: .always)])
    let text = #"{"a":{"x":[1]},"b":2}"#
    #expect(try project(text, rule, allowed: 1) == (text, .complete(released: 1)))
    #expect(try project(text, rule, allowed: 2) == (#"{"b":2}"#, .complete(released: 0)))
  }

  @Test func nullIsNoValueOfARequiredFieldUnlessTheApiHasIt() throws {
    for rule in [Projection.Rule.always, .object([.init(name: "x", rule: .always)]), .array(of: .always)] {
      let required: Projection.Rule = .object([.init(name: "a", rule: rule, required: true)])
      #expect(try project(#"{"a":null}"#, required, allowed: 1).1 == .missingRequired("a"))
      let nullable: Projection.Rule = .object([.init(name: "a", rule: rule, required: true, nullable: true)])
      #expect(try project(#"{"a":null}"#, nullable, allowed: 1).0 == #"{"a":null}"#)
    }
    #expect(try project(#"{"a":null}"#, .object([.init(name: "a", rule: .always)]), allowed: 0).0 == #"{"a":null}"#)
  }

  @Test func anOptionalObjectThatLacksWhatItsApiRequiresIsLeftOut() throws {
    let inner: Projection.Rule = .object([
      .init(name: "imei", rule: .release(whenAny: 1), required: true), .init(name: "model", rule: .release(whenAny: 2)),
    ])
    for rule in [inner, .array(of: inner)] {
      let text = rule.isArray ? #"{"d":[{"imei":"1","model":"2"}],"t":1}"# : #"{"d":{"imei":"1","model":"2"},"t":1}"#
      let optional: Projection.Rule = .object([.init(name: "d", rule: rule), .init(name: "t", rule: .always)])
      #expect(try project(text, optional, allowed: 2) == (#"{"t":1}"#, .complete(released: 0)))
      #expect(try project(text, optional, allowed: 3).0 == text)
      let required: Projection.Rule = .object([.init(name: "d", rule: rule, required: true)])
      #expect(try project(text, required, allowed: 2).1 == .withheldRequired("d"))
    }
  }

  @Test func aFieldIsKnownInAnySpelling() throws {
    #expect(try project(#"{"lastChecked":1,"\u0069mei":"2"}"#, identifier, allowed: 1).0 == #"{"lastChecked":1,"\u0069mei":"2"}"#)
    #expect(
      try project(#"{"lastChecked":1,"imei":2,"\u0069msi":"2"}"#, identifier, allowed: 1).0 == #"{"lastChecked":1,"imei":2}"#)
  }

  @Test func whatIsWrittenIsAppended() throws {
    let bytes = Array(#"{"a":1}"#.utf8)
    var (tape, output) = (JSONTape(), Array("before ".utf8))
    try tape.parse(bytes.span)
    _ = Projection(.whole(whenAny: nil)).project(bytes.span, tape: tape, allowed: 0, into: &output)
    #expect(String(decoding: output, as: UTF8.self) == #"before {"a":1}"#)
  }

  @Test func everyBitOfTheMaskCounts() throws {
    for bit in 0..<128 {
      let mask: FieldMask = 1 << FieldMask(bit)
      let rule: Projection.Rule = .object([.init(name: "a", rule: .release(whenAny: mask))])
      #expect(try project(#"{"a":1}"#, rule, allowed: mask).1 == .complete(released: mask))
      #expect(try project(#"{"a":1}"#, rule, allowed: ~mask).0 == "{}")
    }
  }

  private let area: Projection.Rule = .shapes(
    property: "areaType",
    [
      (
        "CIRCLE",
        .object([.init(name: "areaType", rule: .always), .init(name: "radius", rule: .release(whenAny: 1), required: true)])
      ),
      (
        "POLYGON",
        .object([.init(name: "areaType", rule: .always), .init(name: "boundary", rule: .array(of: .release(whenAny: 1)))])
      ),
    ])

  @Test func aPropertySaysWhichShapeAnObjectHas() throws {
    #expect(
      try project(#"{"radius":5,"areaType":"CIRCLE","boundary":[1]}"#, area, allowed: 1).0 == #"{"areaType":"CIRCLE","radius":5}"#
    )
    #expect(
      try project(#"{"radius":5,"areaType":"POLYGO\u004E","boundary":[1]}"#, area, allowed: 1).0
        == #"{"areaType":"POLYGO\u004E","boundary":[1]}"#)
    for text in [#"{"radius":5}"#, #"{"areaType":"LINE"}"#, #"{"areaType":1}"#, "[]"] {
      #expect(try project(text, area, allowed: 1).1 == .wrongShape("shape"), "\(text)")
    }
    #expect(try project(#"{"areaType":"CIRCLE","radius":5}"#, area, allowed: 0).1 == .withheldRequired("radius"))
    // Left out as a whole where it may be, because one of its shapes could not stand.
    #expect(try project(#"{"area":{"areaType":"POLYGON"}}"#, .object([.init(name: "area", rule: area)]), allowed: 0).0 == "{}")
  }

  @Test func aMapKeepsItsNamesAndFiltersItsValues() throws {
    let rule: Projection.Rule = .map(of: .object([.init(name: "x", rule: .always)]))
    #expect(try project(#"{"a":{"x":1,"y":2}, "b":{}}"#, rule, allowed: 0).0 == #"{"a":{"x":1},"b":{}}"#)
    #expect(try project("[]", rule, allowed: 0).1 == .wrongShape("object"))
  }

  /// Design guide, appendix A: an answer never names an identifier that was not sent.
  @Test(arguments: [
    (#"{"device":{"phoneNumber":"+336"},"t":1}"#, #"{"device":{"phoneNumber":"+336"},"t":1}"#),
    (#"{"device":{"phoneNumber":"\u002B336"},"t":1}"#, #"{"device":{"phoneNumber":"\u002B336"},"t":1}"#),
    (#"{"device":{"phoneNumber":"+337"},"t":1}"#, #"{"t":1}"#), (#"{"device":{"phoneNumber":336}}"#, "{}"),
    (#"{"device":{"phoneNumber":["+336"]}}"#, "{}"), (#"{"device":{"ipv4Address":"192.0.2.1"},"t":1}"#, #"{"t":1}"#),
    (#"{"t":1,"device":{}}"#, #"{"device":{},"t":1}"#),
  ]) func anEchoRepeatsWhatWasSentAndNothingElse(_ answer: String, _ left: String) throws {
    let rule: Projection.Rule = .object([
      .init(name: "device", rule: .object([.init(name: "phoneNumber", rule: .echo(whenAny: 1))])),
      .init(name: "t", rule: .always),
    ])
    #expect(try project(answer, rule, allowed: 1, echoes: ["+33", "+336"]).0 == left)
    #expect(try project(answer, rule, allowed: 0, echoes: ["+336"]).0 == (answer.contains("\"t\"") ? #"{"t":1}"# : "{}"))
    let required: Projection.Rule = .object([.init(name: "phoneNumber", rule: .echo(whenAny: 1), required: true)])
    #expect(try project(#"{"phoneNumber":"+337"}"#, required, allowed: 1, echoes: ["+336"]).1 == .missingRequired("phoneNumber"))
    #expect(
      try project(#"["+337"]"#, .array(of: .echo(whenAny: 1)), allowed: 1, echoes: ["+336"]).1 == .missingRequired("element"))
  }

  /// An optional object of which nothing is left would say that there is something that is not told.
  @Test func anObjectThatIsLeftWithNothingIsLeftOut() throws {
    let rule: Projection.Rule = .object([
      .init(name: "a", rule: .object([.init(name: "x", rule: .always)])),
      .init(name: "b", rule: .object([.init(name: "x", rule: .always)]), required: true), .init(name: "c", rule: .always),
    ])
    #expect(try project(#"{"a":{"y":1},"b":{"y":1},"c":2}"#, rule, allowed: 0).0 == #"{"b":{},"c":2}"#)
    #expect(try project(#"{"c":2,"b":{},"a":{}}"#, rule, allowed: 0).0 == #"{"a":{},"b":{},"c":2}"#)
  }

  /// The same for one of several shapes, of which nothing else than the property that tells it is there.
  @Test func aShapeThatIsLeftWithNothingIsLeftOut() throws {
    let cases: [(String, Projection.Rule)] = [
      ("A", .object([.init(name: "x", rule: .release(whenAny: 1))])),
      ("B", .object([.init(name: "y", rule: .release(whenAny: 2)), .init(name: "z", rule: .always)])),
    ]
    let shapes: Projection.Rule = .shapes(property: "kind", cases)
    let rule: Projection.Rule = .object([.init(name: "area", rule: shapes), .init(name: "t", rule: .always)])
    let required: Projection.Rule = .object([.init(name: "area", rule: shapes, required: true), .init(name: "t", rule: .always)])
    for (area, left) in [(#"{"kind":"A","x":1}"#, "{}"), (#"{"kind":"B","w":1}"#, "{}"), (#"{"kind":"B","z":1}"#, #"{"z":1}"#)] {
      let text = #"{"area":\#(area),"t":1}"#
      #expect(try project(text, rule, allowed: 2).0 == (left == "{}" ? #"{"t":1}"# : #"{"area":\#(left),"t":1}"#))
      #expect(try project(text, required, allowed: 2).0 == #"{"area":\#(left),"t":1}"#)
    }
    #expect(try project(#"{"t":1,"area":{"kind":"A","x":1}}"#, rule, allowed: 1).0 == #"{"area":{"x":1},"t":1}"#)
  }

  /// `latestSimChange`: required, and null where nothing may be said.
  @Test func aRequiredFieldCanLeaveAsNull() throws {
    let rule: Projection.Rule = .object([
      .init(name: "latest", rule: .release(whenAny: 1), required: true, nullable: true, nullWhenWithheld: true),
      .init(name: "period", rule: .always),
    ])
    #expect(try project(#"{"latest":"2024","period":3}"#, rule, allowed: 0).0 == #"{"latest":null,"period":3}"#)
    #expect(try project(#"{"latest":"2024","period":3}"#, rule, allowed: 1).0 == #"{"latest":"2024","period":3}"#)
    #expect(try project(#"{"period":3}"#, rule, allowed: 1).1 == .missingRequired("latest"))
    // An optional object around it can stand with it.
    let around: Projection.Rule = .object([.init(name: "swap", rule: rule)])
    #expect(
      try project(#"{"swap":{"latest":"2024","period":3}}"#, around, allowed: 0).0 == #"{"swap":{"latest":null,"period":3}}"#)
  }

  @Test func aClientsSecretLeavesNowhere() throws {
    let secret = #""sinkCredential":{"accessToken":"secret"}"#
    let whole: Projection.Rule = .object([.init(name: "a", rule: .whole(whenAny: nil))])
    for (text, expected) in [
      (#"{"a":{\#(secret),"b":1}}"#, #"{"a":{"b":1}}"#), (#"{"a":[{"b":{"c":2,\#(secret)}},3]}"#, #"{"a":[{"b":{"c":2}},3]}"#),
      (#"{"a":{"sink\u0043redential":"secret"}}"#, #"{"a":{}}"#),
      // A value is no name.
      (#"{"a":["sinkCredential"]}"#, #"{"a":["sinkCredential"]}"#),
    ] { #expect(try project(text, whole, allowed: 0).0 == expected) }
    #expect(try project("{\(secret),\"b\":1}", .map(of: .whole(whenAny: nil)), allowed: 0).0 == #"{"b":1}"#)
  }
}

extension Projection.Rule {
  fileprivate var isArray: Bool { if case .array = self { true } else { false } }
}
