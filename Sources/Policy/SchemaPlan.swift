import Bytes

/// A schema as flat tables, one for each kind of thing that it speaks of. They name each other's entries by their places.
struct SchemaPlan: Sendable {
  /// Some entries of a table that stand side by side.
  struct Part {
    var first: UInt32 = 0
    var count: UInt32 = 0

    var isEmpty: Bool { count == 0 }
    var indices: Range<Int> { Int(first)..<Int(first) + Int(count) }
  }

  /// What one value must be.
  struct Rule {
    /// Nil: anything that the other rules admit.
    var type: BodySchema.ValueType?
    /// The kinds of values that the type admits, by `bit`.
    var kinds: UInt8 = 0xFF
    /// Of the kinds that have one value each, those that are among its values.
    var words: UInt8 = 0xFF
    var isNullable = false
    /// More rules than these may hold, depending on the value.
    var hasBranches = false
    /// It says what an object's properties are.
    var describesObject = false
    var hasUniqueItems = false
    var additional = Additional.leftOut
    var properties = Part()
    /// Of `names`.
    var required = Part()
    /// Of `groups`: all names of one of them must be there.
    var anyRequired = Part()
    /// Of its required properties, those that are among its first 64 properties, one bit each.
    var requiredMask: UInt64 = 0
    /// There are others.
    var hasMoreRequired = false
    /// Of `foldedNames`.
    var folded = Part()
    /// The lengths of those, one bit each.
    var foldedLengths: UInt64 = 0
    var hasFoldedASCII = true
    /// Of properties or elements.
    var least: UInt32 = 0
    var most = UInt32.max
    var items: UInt32?
    /// The place of its discriminator.
    var cases: UInt32?
    /// Of `branches`.
    var anyOf = Part()
    var oneOf = Part()
    var text: UInt32?
    var number: UInt32 = 0
    var explanation: UInt32?

    @inline(__always)
    static func bit(_ kind: JSONTape.Kind) -> UInt8 { 1 &<< kind.rawValue }
    @inline(__always)
    static func bit(length: Int) -> UInt64 { 1 &<< UInt64(truncatingIfNeeded: min(length, 63)) }
  }

  /// What becomes of properties that are not listed.
  enum Additional {
    case leftOut
    case refused
    case handedOn
    case each(UInt32)
  }

  struct Name {
    /// Of `bytes`.
    let text: ByteRange
    let fingerprint: UInt32
  }

  struct Property {
    let name: Name
    /// `"name":`, as it is written, of `bytes`.
    let key: ByteRange
    let rule: UInt32
  }

  /// Properties that must all be there, where no other group is.
  struct Group {
    /// Of `names`.
    let names: Part
    /// One bit each, where all of them are among the first 64 properties of their object; otherwise 0.
    let mask: UInt64
  }

  /// Rules that depend on the value of one property.
  struct Discriminator {
    let property: Name
    let cases: Part
  }

  struct Case {
    let value: ByteRange
    let rule: UInt32
  }

  /// What a text must be.
  struct Text {
    /// Of `options`; nil: any text.
    var options: Part?
    /// Characters.
    var least = 0
    var most = Int.max
    var pattern: UInt32?
    /// The pattern of its format.
    var formatPattern: UInt32?
    /// Where there is more to it than a pattern.
    var format: BodySchema.Format?
  }

  /// What a number must be.
  struct Number {
    var isWhole = false
    /// Of `numericOptions`; nil: any number.
    var options: Part?
    var range: BodySchema.NumberRange?
    var format: BodySchema.Format?
    var step: Decimal?
  }

  /// What is said of any violation of a value.
  struct Explanation {
    let message: String?
    let error: ErrorKind?
  }

  /// The place of the rule for the whole value.
  var root = 0
  var rules: [Rule] = []
  /// The properties of every object, side by side.
  var properties: [Property] = []
  var names: [Name] = []
  var groups: [Group] = []
  /// The names of properties in lower case, as far as they are ASCII.
  var foldedNames: [ByteRange] = []
  /// The same of each rule, where they are not.
  var foldedSets: [Set<String>] = []
  var discriminators: [Discriminator] = []
  var cases: [Case] = []
  var branches: [UInt32] = []
  var texts: [Text] = []
  var options: [ByteRange] = []
  /// The first demands nothing.
  var numbers = [Number()]
  var numericOptions: [Double] = []
  var patterns: [Pattern] = []
  var explanations: [Explanation] = []
  /// All names and texts, one behind the other.
  var bytes: [UInt8] = []
}
