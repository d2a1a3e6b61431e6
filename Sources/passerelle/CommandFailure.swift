/// A command that failed: one line that says what and what to do; the command exits with status 1.
struct CommandFailure: Error, CustomStringConvertible {
  let message: String
  /// The admin API's own words about what it was sent.
  let isRefusal: Bool

  init(_ message: String, isRefusal: Bool = false) {
    self.message = message
    self.isRefusal = isRefusal
  }

  /// The same, with what it is about before it: a file, or a key of the configuration.
  func of(_ what: String) -> CommandFailure { CommandFailure("\(what): \(message)", isRefusal: isRefusal) }
  var description: String { message }
}
