import Bytes
import Glibc

/// A document and the neighbours that it names, with what `$ref` leads to.
///
/// Only files are read: a reference to another machine is refused, never fetched (A28).
final class SourceLibrary {
  let root: SourceNode
  private var documents: [String: SourceNode]

  private static let hopsMaximum = 32

  /// - Throws: `DocumentError`.
  init(_ file: String) throws(DocumentError) {
    root = try SourceFile.read(file)
    documents = [file: root]
  }

  /// Follows `$ref` as far as it leads. What stands beside a `$ref` does not count (OpenAPI 3.0.3, Reference Object).
  ///
  /// - Throws: `DocumentError` at the reference that leads nowhere, in a circle, or to another machine.
  func resolve(_ node: SourceNode) throws(DocumentError) -> SourceNode {
    var node = node
    for _ in 0..<Self.hopsMaximum {
      guard let reference = node["$ref"] else { return node }
      guard let text = reference.string else { throw reference.error("$ref wants a string") }
      node = try target(text, reference)
    }
    throw node.error("$ref leads in a circle")
  }

  /// The last name of a reference to a component: `Device` of `#/components/schemas/Device`.
  static func name(_ node: SourceNode) -> String? {
    guard let text = node["$ref"]?.string, let hash = text.firstIndex(of: "#") else { return nil }
    return text[hash...].split(separator: "/").last.map(String.init)
  }

  private func target(_ text: String, _ place: SourceNode) throws(DocumentError) -> SourceNode {
    let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let document = parts[0].isEmpty ? documents[place.file] ?? root : try neighbour(parts[0], place)
    guard parts.count == 2, !parts[1].isEmpty else { return document }
    var node = document
    for part in parts[1].split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = Self.unescaped(String(part))
      let next =
        node[name]
        ?? node.elements.flatMap { elements in Int(name).flatMap { elements.indices.contains($0) ? elements[$0] : nil } }
      guard let next else { throw place.error("$ref leads nowhere: \(Self.plain(text)) is not in the document") }
      node = next
    }
    return node
  }

  /// A document beside the one that names it: at the path that is written, else the file of that name in the same folder (CAMARA's
  /// repositories keep `CAMARA_common.yaml` in `../common`).
  private func neighbour(_ path: String, _ place: SourceNode) throws(DocumentError) -> SourceNode {
    guard !path.contains(":"), !path.hasPrefix("/"), [".yaml", ".yml", ".json"].contains(where: path.hasSuffix) else {
      throw place.error("$ref names \(Self.plain(path)), which is no file beside this one; nothing is fetched from elsewhere")
    }
    let folder = place.file.lastIndex(of: "/").map { String(place.file[...$0]) } ?? ""
    let base = String(path.split(separator: "/").last ?? "")
    for candidate in [folder + path, folder + base] {
      if let known = documents[candidate] { return known }
      guard access(candidate, R_OK) == 0 else { continue }
      guard documents.count < SourceLimits.filesMaximum else {
        throw place.error("the document names more than \(SourceLimits.filesMaximum) others")
      }
      let document = try SourceFile.read(candidate)
      documents[candidate] = document
      return document
    }
    throw place.error("$ref names \(Self.plain(path)), which is not there, nor \(Self.plain(base)) beside this file")
  }

  /// RFC 6901 §4 and §6: percent signs first, then `~1` and `~0`.
  private static func unescaped(_ part: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(part.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == 0x25, rest.count >= 2, let high = Hex.value(rest[rest.startIndex]),
        let low = Hex.value(rest[rest.startIndex + 1])
      {
        bytes.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self).replacing("~1", with: "/").replacing("~0", with: "~")
  }

  /// Of a text of the document, what may stand in an error: no control characters, and no end of it.
  static func plain(_ text: String) -> String { DocumentError.printable(text, maximum: 96) }
}
