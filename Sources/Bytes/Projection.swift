/// Which data categories are allowed, one bit each.
public typealias FieldMask = UInt128

/// The allow-list filter of answers (DESIGN section 3.11), compiled once from a policy.
///
/// A field that is not named is dropped, at any depth; arrays keep their shape; numbers and strings keep their bytes. What
/// leaves is copied from the answer, never written anew.
public struct Projection: Sendable {
  /// What becomes of one value.
  public indirect enum Rule: Sendable {
    /// Released as it stands when one of these categories is allowed; never, when the mask is 0.
    case release(whenAny: FieldMask)
    /// Released as it stands, always.
    case always
    /// An object of which only the named fields leave, each by its own rule.
    case object([Field])
    /// An array; the rule is for each element.
    case array(of: Rule)
  }

  /// A field that an answer may hold.
  public struct Field: Sendable {
    public var name: String
    public var rule: Rule
    /// The API's schema demands it: an answer without it must not leave.
    public var required: Bool
    let bytes: [UInt8]

    public init(name: String, rule: Rule, required: Bool = false) {
      self.name = name
      self.rule = rule
      self.required = required
      bytes = Array(name.utf8)
    }
  }

  public enum Outcome: Equatable, Sendable {
    /// The answer was written; these categories left with it.
    case complete(released: FieldMask)
    /// A required field was not agreed to.
    case withheldRequired(String)
    /// A required field is not in the answer.
    case missingRequired(String)
    /// A value is not an object or an array where the API has one.
    case wrongShape(String)
  }

  private let rule: Rule

  public init(_ rule: Rule) { self.rule = rule }

  /// Appends what may leave of an answer. After any outcome but `complete` the output is incomplete and must be thrown away.
  ///
  /// - Parameters:
  ///   - tape: of these bytes.
  ///   - allowed: the categories that were agreed to.
  public func project(
    _ bytes: Span<UInt8>, tape: borrowing JSONTape, allowed: FieldMask, into output: inout [UInt8]
  ) -> Outcome {
    var walk = Walk(allowed: allowed)
    walk.value(0, rule, bytes, tape, &output)
    return walk.fault ?? .complete(released: walk.released)
  }

  /// True when some of the answer would be released by these categories; used to know what a page must offer.
  public func isReleased(by allowed: FieldMask) -> Bool { Self.isVisible(rule, allowed) }

  fileprivate static func isVisible(_ rule: Rule, _ allowed: FieldMask) -> Bool {
    switch rule {
    case .always: true
    case .release(let mask): mask & allowed != 0
    case .object(let fields): fields.contains { isVisible($0.rule, allowed) }
    case .array(let element): isVisible(element, allowed)
    }
  }
}

/// One pass over an answer.
private struct Walk {
  let allowed: FieldMask
  var released: FieldMask = 0
  var fault: Projection.Outcome?

  init(allowed: FieldMask) { self.allowed = allowed }

  mutating func value(
    _ node: Int, _ rule: Projection.Rule, _ bytes: Span<UInt8>, _ tape: borrowing JSONTape, _ output: inout [UInt8]
  ) {
    switch rule {
    case .always: copy(node, bytes, tape, &output)
    case .release(let mask):
      released |= mask & allowed
      copy(node, bytes, tape, &output)
    case .object(let fields): object(node, fields, bytes, tape, &output)
    case .array(let element): array(node, element, bytes, tape, &output)
    }
  }

  private mutating func object(
    _ node: Int, _ fields: [Projection.Field], _ bytes: Span<UInt8>, _ tape: borrowing JSONTape, _ output: inout [UInt8]
  ) {
    guard tape.kind(node) == .object else { fault = .wrongShape("object"); return }
    output.append(0x7B)
    var isFirst = true
    for field in fields {
      guard let member = tape.member(field, of: node, in: bytes) else {
        if field.required { return refuse(field) }
        continue
      }
      guard Projection.isVisible(field.rule, allowed) else {
        if field.required { fault = .withheldRequired(field.name); return }
        continue
      }
      if !isFirst { output.append(0x2C) }
      isFirst = false
      copy(member - 1, bytes, tape, &output)
      output.append(0x3A)
      value(member, field.rule, bytes, tape, &output)
      guard fault == nil else { return }
    }
    output.append(0x7D)
  }

  /// A required field that is not there: it is the subscriber's choice when it would not have been released anyway.
  private mutating func refuse(_ field: Projection.Field) {
    fault = Projection.isVisible(field.rule, allowed) ? .missingRequired(field.name) : .withheldRequired(field.name)
  }

  private mutating func array(
    _ node: Int, _ element: Projection.Rule, _ bytes: Span<UInt8>, _ tape: borrowing JSONTape, _ output: inout [UInt8]
  ) {
    guard tape.kind(node) == .array else { fault = .wrongShape("array"); return }
    output.append(0x5B)
    var child = node + 1
    for index in 0..<tape.childCount(node) {
      if index > 0 { output.append(0x2C) }
      value(child, element, bytes, tape, &output)
      guard fault == nil else { return }
      child = tape.next(child)
    }
    output.append(0x5D)
  }

  private func copy(_ node: Int, _ bytes: Span<UInt8>, _ tape: borrowing JSONTape, _ output: inout [UInt8]) {
    unsafe bytes.slice(tape.range(node)).withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
  }
}

extension JSONTape {
  /// The value of a field, by its prepared name.
  fileprivate func member(_ field: Projection.Field, of object: Int, in bytes: Span<UInt8>) -> Int? {
    var key = object + 1
    for _ in 0..<childCount(object) {
      if stringEquals(key, field.bytes, in: bytes) { return key + 1 }
      key = next(key + 1)
    }
    return nil
  }
}
