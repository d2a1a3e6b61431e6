import Bytes

/// What texts and numbers must be.
extension SchemaWalk {
  /// What is wrong with a text, its escapes read.
  func fault(text: Span<UInt8>, _ place: Int) -> ValueFault? {
    if let options = texts[place].options, !isOption(text, options) { return ValueFault(what: "is not one of its values") }
    guard hasLength(text, texts[place].least, texts[place].most) else { return ValueFault(what: "is too short or too long") }
    if let pattern = texts[place].pattern, !patterns[Int(pattern)].matches(text) { return ValueFault(what: "has a wrong format") }
    if let format = texts[place].formatPattern, !patterns[Int(format)].matches(text) {
      return ValueFault(what: "has a wrong format")
    }
    if let format = texts[place].format, !format.admitsMatching(text) { return ValueFault(what: "has a wrong format") }
    return nil
  }

  private func isOption(_ text: Span<UInt8>, _ options: SchemaPlan.Part) -> Bool {
    for index in options.indices where text.equals(names.slice(compiled.plan.options[index])) { return true }
    return false
  }

  @inline(__always)
  private func hasLength(_ text: Span<UInt8>, _ least: Int, _ most: Int) -> Bool {
    // A character has four bytes at most: mostly the bytes say enough.
    text.count <= most && text.count &+ 3 >= least &* 4 || hasCharacters(text, least, most)
  }

  private func hasCharacters(_ text: Span<UInt8>, _ least: Int, _ most: Int) -> Bool {
    var count = 0
    // Every byte but those that continue a character.
    for index in text.indices where text[index] & 0xC0 != 0x80 { count += 1 }
    return count >= least && count <= most
  }

  /// What is wrong with a number, as JSON writes one.
  func fault(number text: Span<UInt8>, _ place: Int) -> ValueFault? {
    guard let number = Self.double(text) else { return ValueFault(what: "is not a number") }
    // JSON Schema: 1.0 is an integer too.
    guard !numbers[place].isWhole || number == number.rounded() else { return ValueFault(what: "is not a whole number") }
    if let options = numbers[place].options, !isOption(number, options) { return ValueFault(what: "is not one of its values") }
    if let range = numbers[place].range, !range.contains(number) { return ValueFault(what: "is out of range", kind: .outOfRange) }
    if let format = numbers[place].format, !format.admits(number: number, text) {
      return ValueFault(what: "is out of range", kind: .outOfRange)
    }
    if let step = numbers[place].step, !(Decimal(text)?.isMultiple(of: step) ?? false) {
      return ValueFault(what: "is not a multiple of its step")
    }
    return nil
  }

  /// Nil beyond what a double can hold.
  private static func double(_ text: Span<UInt8>) -> Double? {
    if let whole = wholeNumber(text) { return Double(whole) }
    guard let number = Decimal(text)?.double ?? Double(text.string()), number.isFinite else { return nil }
    return number
  }

  /// Of up to 15 digits and nothing else, a double holds every one.
  private static func wholeNumber(_ text: Span<UInt8>) -> Int? {
    guard !text.isEmpty, text.count <= 15 else { return nil }
    var value = 0
    for index in text.indices {
      let digit = text[index] &- 0x30
      guard digit < 10 else { return nil }
      value = value &* 10 &+ Int(digit)
    }
    return value
  }

  private func isOption(_ number: Double, _ options: SchemaPlan.Part) -> Bool {
    for index in options.indices where compiled.plan.numericOptions[index] == number { return true }
    return false
  }
}
