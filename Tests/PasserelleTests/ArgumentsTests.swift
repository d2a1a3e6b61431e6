import Testing

@testable import passerelle

@Suite struct ArgumentsTests {
  private static let options: [OptionDefinition] = [.config, .json, .value("--count", "N", ""), .value("--ttl", "TIME", "")]

  @Test func wordsAreSorted() throws {
    let arguments = try Arguments(["list", "--config", "a.json", "--json", "x", "--count=3", "--", "--y"], options: Self.options)
    #expect(arguments.positional == ["list", "x", "--y"])
    #expect(arguments.value("--config") == "a.json")
    #expect(arguments.flag("--json"))
    #expect(try arguments.integer("--count", default: 1, in: 1...9) == 3)
  }

  @Test(arguments: [
    (["--confg", "x"], "did you mean --config"), (["--config"], "wants a value"), (["--json=1"], "takes no value"),
    (["--json", "--json"], "twice"), (["--config", "a", "--config", "b"], "twice"),
  ]) func mistakesAreNamed(_ words: [String], _ text: String) {
    let error = #expect(throws: UsageError.self) { try Arguments(words, options: Self.options) }
    #expect(error?.message.contains(text) == true)
  }

  @Test(arguments: [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("1d", 86_400)])
  func timesAreRead(_ text: String, _ seconds: Int) throws {
    #expect(try Arguments(["--ttl", text], options: Self.options).seconds("--ttl", default: 1, maximum: 86_400) == seconds)
  }

  @Test(arguments: ["0", "-1s", "1w", "h", "86401", "9223372036854775807d", ""]) func wrongTimesAreRefused(_ text: String) throws
  {
    let arguments = try Arguments(["--ttl", text], options: Self.options)
    #expect(throws: UsageError.self) { try arguments.seconds("--ttl", default: 1, maximum: 86_400) }
  }
}
