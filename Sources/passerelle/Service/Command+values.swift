import Accounting
import Bytes
import Identifiers

/// The values of options that several verbs take. What cannot be one is wrong usage, and is said before anything is asked.
extension Command {
  /// A moment, as a day or as RFC 3339 has it; nil when the option is not given.
  static func time(_ arguments: Arguments, _ option: String) throws(UsageError) -> Timestamp? {
    guard let text = arguments.value(option) else { return nil }
    guard let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") else {
      throw UsageError("\(option) wants the form 2026-01-31 or 2026-01-31T12:00:00Z")
    }
    return time
  }

  /// `--from` and `--to`.
  static func interval(_ arguments: Arguments) throws(UsageError) -> (from: Timestamp?, to: Timestamp?) {
    let (from, to) = (try time(arguments, "--from"), try time(arguments, "--to"))
    if let from, let to, from > to { throw UsageError("--from is after --to: nothing lies between them") }
    return (from, to)
  }

  /// `--client`: what a client's identifier looks like; nil when the option is not given.
  @discardableResult
  static func client(_ arguments: Arguments) throws(UsageError) -> ClientID? {
    guard let text = arguments.value("--client") else { return nil }
    guard let id = ClientID(rawValue: text) else {
      throw UsageError("--client wants a client's ID: 1 to 128 visible ASCII characters")
    }
    return id
  }

  /// `--month`, which must be given.
  static func checkMonth(_ arguments: Arguments) throws(UsageError) {
    guard Month(try arguments.required("--month")) != nil else { throw UsageError("--month wants the form 2026-11") }
  }

  /// An option whose values are known.
  static func check(_ arguments: Arguments, _ option: String, among words: [String]) throws(UsageError) {
    guard let word = arguments.value(option), !words.contains(word) else { return }
    let nearest = Nearest.name(to: word, among: words)
    throw UsageError("\(option) wants \(words.joined(separator: ", "))" + (nearest.map { "; did you mean \($0)?" } ?? ""))
  }

  /// `--subject`, as a number; a pseudonym too where one will do.
  static func checkSubject(_ arguments: Arguments, orPseudonym: Bool) throws(UsageError) {
    guard let text = arguments.value("--subject") else { return }
    let isNumber = text.hasPrefix("tel:") || text.hasPrefix("+")
    let isGood =
      isNumber || !orPseudonym
      ? MSISDN(tel: text) != nil || (orPseudonym && MSISDN(e164: text) != nil) : SubjectPseudonym(rawValue: text) != nil
    guard isGood else { throw UsageError("--subject wants the form tel:+33612345678") }
  }

  /// `--purpose`.
  static func checkPurpose(_ arguments: Arguments) throws(UsageError) {
    guard let text = arguments.value("--purpose"), Purpose(rawValue: text) == nil else { return }
    throw UsageError("--purpose wants the form dpv:FraudPreventionAndDetection")
  }
}
