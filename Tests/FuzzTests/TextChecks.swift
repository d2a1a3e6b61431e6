import Foundation

@testable import Bytes
@testable import Gateway
@testable import Identifiers

/// Small texts of headers and parameters: correlators, scopes, purposes, numbers, times, media types.
enum TextChecks {
  static func check(_ bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    let isCorrelator = bytes.allSatisfy {
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:;./<>{}".utf8.contains($0)
    }
    try hold(Correlate.alphabet.containsAll(bytes.span) == isCorrelator, "the alphabet of correlators")
    if let scopes = ScopeSet(parsing: text) {
      try hold(ScopeSet(parsing: scopes.description) == scopes && scopes.count <= 128, "scopes are others when they are written")
      try hold(
        scopes.elements.allSatisfy { $0.rawValue.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C } },
        "a scope that is none")
      try hold(Set(scopes.elements).count == scopes.count, "a scope twice")
    }
    if let purpose = Purpose(rawValue: text) {
      try hold(text.utf8.starts(with: "dpv:".utf8) && purpose.term.utf8.count + 4 == text.utf8.count, "a purpose that is none")
      try hold(Scope(rawValue: text) != nil, "a purpose that is no scope")
    }
    if let number = MSISDN(e164: text) {
      try hold(number.e164.utf8.elementsEqual(bytes) && (6...16).contains(bytes.count), "a number has a second spelling")
      try hold(number.description.count <= 10, "a number is shown")
    }
    if let time = Timestamp(rfc3339: text) { try checkTime(time, text) }
    var escaped: [UInt8] = []
    JSONWriter.append(text, to: &escaped)
    let read = (try? JSONSerialization.jsonObject(with: Data(escaped), options: .fragmentsAllowed)) as? String
    try hold(read.map { Array($0.utf8) } == Array(text.utf8), "a text is another when it is escaped")
    try checkMediaTypes(bytes)
  }

  private static func checkTime(_ time: Timestamp, _ text: String) throws(Broken) {
    guard (0..<253_402_300_800).contains(time.seconds) else { return }
    try hold(Timestamp(rfc3339: time.rfc3339) == time, "a time is another when it is written")
    // Foundation reads neither leap seconds nor fractions of any length.
    let plain = text.utf8.filter { $0 != 0x2E }.count == text.utf8.count
    guard plain, !text.contains(":60"), let date = try? Date(text.uppercased(), strategy: .iso8601) else { return }
    try hold(Int64(date.timeIntervalSince1970) == time.seconds, "Foundation reads another time: \(text)")
  }

  /// Whatever is asked for besides, JSON that is named with weight is admitted, and JSON that is excluded is not.
  private static func checkMediaTypes(_ bytes: [UInt8]) throws(Broken) {
    if Route.isJSON(bytes.span) {
      let text = String(decoding: bytes, as: UTF8.self).lowercased()
      try hold(text.drop { $0 == " " || $0 == "\t" }.hasPrefix("application/json"), "a media type that is not JSON")
    }
    guard Route.admitsJSON(bytes.span), !bytes.isEmpty else { return }
    let text = String(decoding: bytes, as: UTF8.self).lowercased()
    try hold(
      text.contains("application/json") || text.contains("*/*") || text.contains("application/*"), "JSON that nobody asked for")
  }
}
