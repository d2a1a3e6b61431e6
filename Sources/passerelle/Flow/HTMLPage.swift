import Wire

/// What a browser without eyes needs of a page: its title, and its forms. Read leniently, as browsers do; nothing in it is run.
struct HTMLPage {
  struct Form {
    /// As it stands there; empty for the page's own address.
    var action = ""
    var isPosted = false
    /// What is sent unchanged: hidden fields, boxes that are ticked, texts as they are filled in.
    var fields: [(name: String, value: String)] = []
    /// What sends the form and says with what decision.
    var buttons: [(name: String, value: String)] = []
  }

  private(set) var title = ""
  private(set) var heading = ""
  /// The first one: on a page that refuses, why.
  private(set) var paragraph = ""
  private(set) var forms: [Form] = []
  private var isInForm = false

  /// Nil when the answer is no page.
  init?(_ response: HTTPResponse) {
    guard response.field("content-type")?.lowercased().hasPrefix("text/html") == true else { return nil }
    self.init(String(decoding: response.body, as: UTF8.self))
  }

  init(_ text: String) {
    var rest = Array(text.utf8)[...]
    while let start = rest.firstIndex(of: UInt8(ascii: "<")) {
      rest = rest[(start + 1)...]
      if rest.starts(with: "!--".utf8) { rest = HTMLPage.after("-->", in: rest); continue }
      guard let tag = HTMLTag(&rest) else { continue }
      switch tag.name {
      case "title", "h1", "p":
        let content = HTMLTag.decode(rest.prefix { $0 != UInt8(ascii: "<") }).split(whereSeparator: \.isWhitespace).joined(
          separator: " ")
        if tag.name == "title", title.isEmpty { title = content }
        if tag.name == "h1", heading.isEmpty { heading = content }
        if tag.name == "p", paragraph.isEmpty { paragraph = content }
      case "script", "style", "template", "textarea": rest = HTMLPage.after("</\(tag.name)", in: rest)
      default: read(tag)
      }
    }
  }

  /// The form that asks for a decision with this button.
  func form(deciding decision: String) -> Form? {
    forms.first { $0.buttons.contains { $0.name == "decision" && $0.value == decision } }
  }

  private mutating func read(_ tag: HTMLTag) {
    switch tag.name {
    case "form":
      isInForm = true
      forms.append(Form(action: tag["action"] ?? "", isPosted: tag["method"]?.lowercased() == "post"))
    case "/form": isInForm = false
    case "input", "button":
      guard isInForm, let name = tag["name"], !name.isEmpty, tag["disabled"] == nil else { return }
      let kind = (tag["type"] ?? (tag.name == "button" ? "submit" : "text")).lowercased()
      switch kind {
      case "submit", "image": forms[forms.count - 1].buttons.append((name, tag["value"] ?? ""))
      case "button", "reset", "file": break
      case "checkbox", "radio":
        if tag["checked"] != nil { forms[forms.count - 1].fields.append((name, tag["value"] ?? "on")) }
      default:
        if tag.name == "input" { forms[forms.count - 1].fields.append((name, tag["value"] ?? "")) }
      }
    default: break
    }
  }

  private static func after(_ end: String, in bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let end = Array(end.utf8)
    var rest = bytes
    while let start = rest.firstIndex(where: { $0 | 0x20 == end[0] | 0x20 }) {
      rest = rest[start...]
      if rest.prefix(end.count).map(HTMLTag.lowercased) == end { return rest.dropFirst(end.count) }
      rest = rest.dropFirst()
    }
    return rest[rest.endIndex...]
  }
}

/// One tag of a page with its attributes.
struct HTMLTag {
  /// In lower case; with a slash before it for an end tag.
  let name: String
  private let attributes: [(name: String, value: String)]

  subscript(_ name: String) -> String? { attributes.first { $0.name == name }?.value }

  /// Reads from behind the `<` to behind the `>`; nil, with nothing read, for what is no tag.
  init?(_ bytes: inout ArraySlice<UInt8>) {
    let name = bytes.prefix { !Self.isSpace($0) && $0 != UInt8(ascii: ">") && !($0 == UInt8(ascii: "/") && $0 != bytes.first) }
    guard let first = name.first(where: { $0 != UInt8(ascii: "/") }), (0x61...0x7A).contains(first | 0x20) else { return nil }
    self.name = String(decoding: name.map(Self.lowercased), as: UTF8.self)
    var rest = bytes[name.endIndex...]
    var attributes: [(name: String, value: String)] = []
    while true {
      rest = rest.drop { Self.isSpace($0) || $0 == UInt8(ascii: "/") }
      guard let byte = rest.first, byte != UInt8(ascii: ">") else { break }
      let key = rest.prefix { !Self.isSpace($0) && ![UInt8(ascii: "="), UInt8(ascii: ">"), UInt8(ascii: "/")].contains($0) }
      // A stray sign is skipped, or the end would never come.
      guard !key.isEmpty else { rest = rest.dropFirst(); continue }
      rest = rest[key.endIndex...]
      attributes.append((String(decoding: key.map(Self.lowercased), as: UTF8.self), Self.value(&rest)))
    }
    self.attributes = attributes
    bytes = rest.dropFirst()
  }

  /// What stands behind a name: `="..."`, `='...'`, `=...`, or nothing.
  private static func value(_ rest: inout ArraySlice<UInt8>) -> String {
    let behind = rest.drop(while: isSpace)
    guard behind.first == UInt8(ascii: "=") else { return "" }
    rest = behind.dropFirst().drop(while: isSpace)
    if let quote = rest.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      let text = rest.dropFirst().prefix { $0 != quote }
      rest = rest[text.endIndex...].dropFirst()
      return decode(text)
    }
    let text = rest.prefix { !isSpace($0) && $0 != UInt8(ascii: ">") }
    rest = rest[text.endIndex...]
    return decode(text)
  }

  /// Character references: the five of XML and those by number; others stay as they are.
  static func decode(_ bytes: ArraySlice<UInt8>) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.contains("&") else { return text }
    var (result, rest) = ("", text[...])
    while let start = rest.firstIndex(of: "&") {
      result += rest[..<start]
      rest = rest[start...]
      guard let end = rest.prefix(12).firstIndex(of: ";"), let character = character(rest[rest.index(after: start)..<end]) else {
        result.append("&")
        rest = rest.dropFirst()
        continue
      }
      result.unicodeScalars.append(character)
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  private static let references: [Substring: Unicode.Scalar] = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}",
  ]

  private static func character(_ name: Substring) -> Unicode.Scalar? {
    guard name.first == "#" else { return references[name] }
    let digits = name.dropFirst()
    let number = digits.first == "x" || digits.first == "X" ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
    return number.flatMap(Unicode.Scalar.init)
  }

  static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
  private static func isSpace(_ byte: UInt8) -> Bool { [0x09, 0x0A, 0x0C, 0x0D, 0x20].contains(byte) }
}
