/// Text that is safe to stand in an HTML page as it is. Only a `Template` makes it, and a template escapes whatever is not
/// markup already; so no name, state or number of anybody can become a tag or an attribute.
package struct Markup: Sendable, Equatable {
  package fileprivate(set) var html: String

  package static let nothing = Markup(html: "")

  fileprivate init(html: String) { self.html = html }

  /// One after the other, each on its line.
  package init(_ parts: [Markup]) { html = parts.map(\.html).joined(separator: "\n") }

  package var bytes: [UInt8] { Array(html.utf8) }
}

/// A page, or a part of one, with named slots: `{{name}}`.
///
/// A slot stands in text or inside a quoted attribute; both are safe for whatever is put in, because the five characters that
/// mean something there are escaped. Slots stand nowhere else: not in a script, a style or an unquoted attribute.
package struct Template: Sendable {
  package enum Value: Sendable, ExpressibleByStringLiteral {
    case text(String)
    case markup(Markup)

    package init(stringLiteral text: String) { self = .text(text) }
  }

  private enum Part: Sendable {
    case literal(String)
    case slot(String)
  }

  private let parts: [Part]
  package let slots: Set<String>

  /// Reads a template out of the program's own resources. One whose braces do not match is a fault of the build and stops it
  /// at the first use.
  package init(_ file: [UInt8]) {
    var parts: [Part] = []
    var rest = Substring(String(decoding: file, as: UTF8.self))
    while let open = rest.firstRange(of: "{{") {
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else { preconditionFailure("a slot is not closed") }
      parts.append(.literal(String(rest[..<open.lowerBound])))
      parts.append(.slot(String(rest[open.upperBound..<close.lowerBound])))
      rest = rest[close.upperBound...]
    }
    // Files end with a line feed; a part that is put into another brings none along.
    if rest.last == "\n" { rest.removeLast() }
    parts.append(.literal(String(rest)))
    self.parts = parts
    slots = Set(parts.compactMap { if case .slot(let name) = $0 { name } else { nil } })
  }

  /// The template with every slot filled. Slots and values must be the same set: a page with a hole is never sent.
  package func render(_ values: [String: Value]) -> Markup {
    precondition(Set(values.keys) == slots, "slots and values differ: \(slots.symmetricDifference(values.keys).sorted())")
    var html = ""
    for part in parts {
      switch part {
      case .literal(let text): html += text
      case .slot(let name):
        switch values[name] {
        case .markup(let markup): html += markup.html
        case .text(let text): html += Self.escape(text)
        case nil: break
        }
      }
    }
    return Markup(html: html)
  }

  /// Text for HTML: the five characters that could end it are references, and control characters, which some readers skip and
  /// others obey, are shown as what they are not.
  static func escape(_ text: String) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
      case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
      case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
      case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
      case "\n", "\t": escaped.append(scalar)
      case _ where scalar.properties.generalCategory == .control: escaped.append("\u{FFFD}")
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }
}

extension Substring {
  /// The first place of a short text; the standard library has it only in Foundation or with a regular expression.
  fileprivate func firstRange(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
