import Bytes
import Glibc

/// Reads one OpenAPI document, JSON or YAML.
enum SourceFile {
  /// - Throws: `DocumentError`: it cannot be read, is too large, is neither JSON nor YAML, or is YAML and this program was built
  ///   without it.
  static func read(_ file: String) throws(DocumentError) -> SourceNode {
    guard let bytes = contents(file) else {
      throw DocumentError(file: file, line: 1, column: 1, reason: "cannot be read: \(String(cString: strerror(errno)))")
    }
    guard bytes.count <= SourceLimits.bytesMaximum else {
      throw DocumentError(file: file, line: 1, column: 1, reason: "is larger than \(SourceLimits.bytesMaximum >> 20) MiB")
    }
    return isJSON(bytes, file) ? try SourceNode.json(bytes, file: file) : try yaml(bytes, file)
  }

  private static func yaml(_ bytes: [UInt8], _ file: String) throws(DocumentError) -> SourceNode {
    #if YAML
      return try YAMLReader.read(bytes, file: file)
    #else
      throw DocumentError(
        file: file, line: 1, column: 1,
        reason:
          "is YAML, which this program was built without: convert it to JSON first, for instance with `yq -o=json`, or build with "
          + "libyaml-dev installed and `--traits YAML`")
    #endif
  }

  /// By its name, and without a telling one by its first sign: no OpenAPI document in YAML begins with a brace.
  private static func isJSON(_ bytes: [UInt8], _ file: String) -> Bool {
    if file.hasSuffix(".json") { return true }
    if file.hasSuffix(".yaml") || file.hasSuffix(".yml") { return false }
    return bytes.first { $0 > 0x20 } == 0x7B
  }

  /// At most one byte more than may be read.
  private static func contents(_ file: String) -> [UInt8]? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= SourceLimits.bytesMaximum {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
