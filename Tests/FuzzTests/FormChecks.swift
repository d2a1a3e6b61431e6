import Foundation

@testable import Authorization

/// Forms and queries of the authorization server, beside the reading that Foundation has of percent signs.
enum FormChecks {
  static func check(_ bytes: [UInt8]) throws {
    let form: FormParameters
    do { form = try FormParameters(bytes) } catch { return }
    let parts = bytes.split(separator: UInt8(ascii: "&"))
    try hold(
      parts.count <= FormParameters.pairsMaximum && bytes.count <= FormParameters.bytesMaximum, "a limit of forms does not hold")
    var (names, seen) = ([[UInt8]](), Set<[UInt8]>())
    for part in parts {
      let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false).map(decoded)
      guard let name = sides[0], let value = sides.count > 1 ? sides[1] : "" else {
        throw Broken(description: "taken although Foundation cannot decode it")
      }
      try hold(!name.utf8.contains(0) && !value.utf8.contains(0), "a NUL in a form")
      try hold(form.values(name).contains { $0.utf8.elementsEqual(value.utf8) }, "a parameter is read wrong")
      if !seen.insert(Array(name.utf8)).inserted {
        try hold(form.hasRepeated && form.isRepeated(name), "a parameter is there twice unseen")
      }
      names.append(Array(name.utf8))
    }
    let again = try FormParameters(form.encoded)
    try hold(again.encoded == form.encoded, "another form when it is written and read")
    for name in names {
      let name = String(decoding: name, as: UTF8.self)
      try hold(
        again.values(name).map { Array($0.utf8) } == form.values(name).map { Array($0.utf8) },
        "a value is lost when it is written")
      try hold(again[name] == form[name], "another value when it is written")
    }
    try hold(form.encoded.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "written with what should be encoded")
  }

  private static func decoded(_ text: some Collection<UInt8>) -> String? {
    // Byte by byte, because what is between percent signs may be half a character.
    let escaped = text.map { byte -> String in
      switch byte {
      case UInt8(ascii: "+"): "%20"
      case UInt8(ascii: "%"): "%"
      case 0x21..<0x7F: String(UnicodeScalar(byte))
      default: String(format: "%%%02X", byte)
      }
    }
    return escaped.joined().removingPercentEncoding
  }
}
