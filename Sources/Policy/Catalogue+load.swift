import Bytes
import Glibc
import Identifiers

/// All that is wrong with a folder of policies.
public struct PolicyErrors: Error, CustomStringConvertible {
  public let errors: [DocumentError]
  public var description: String { errors.map(\.description).joined(separator: "\n") }

  init(_ errors: [DocumentError]) { self.errors = errors }
}

extension Catalogue {
  /// Files of the folder that are not the policy of an API.
  private static let commonFiles = ["categories.json", "purposes.json", "legal-bases.json"]
  /// A `FieldMask` has so many bits.
  private static let categoriesMaximum = 128

  /// Reads a folder: `categories.json`, `purposes.json`, `legal-bases.json`, and every other `.json` file as the policy of an API.
  ///
  /// - Parameter texts: by file name, what is read instead of a file of the folder, or beside its files.
  /// - Throws: `PolicyErrors` with the first fault of each file that has one.
  public static func load(
    directory: String, replacing texts: [String: [UInt8]] = [:]
  ) throws(PolicyErrors) -> Catalogue {
    guard access(directory, R_OK | X_OK) == 0 else {
      let reason = String(cString: strerror(errno))
      throw PolicyErrors([DocumentError(file: directory, line: 1, column: 1, reason: "cannot be read: \(reason)")])
    }
    var errors: [DocumentError] = []
    func collecting<Value>(_ read: () throws(DocumentError) -> Value) -> Value? {
      do throws(DocumentError) { return try read() } catch {
        errors.append(error)
        return nil
      }
    }
    let categories = collecting { () throws(DocumentError) in try readCategories(directory + "/categories.json") }
    let purposes = collecting { () throws(DocumentError) in try readPurposes(directory + "/purposes.json") }
    let bases = collecting { () throws(DocumentError) in
      try LegalBases(PolicyFile.read(directory + "/legal-bases.json").root)
    }
    let masks = Dictionary(uniqueKeysWithValues: (categories ?? []).map { ($0.id, $0.mask) })
    var apis: [APIPolicy] = []
    for name in Set(PolicyFile.names(in: directory)).union(texts.keys).sorted() where !commonFiles.contains(name) {
      let file = directory + "/" + name
      let api = collecting { () throws(DocumentError) in
        let reader = PolicyReader(categories: masks, firstIndex: apis.reduce(0) { $0 + $1.operations.count })
        let root = try PolicyFile.read(file, text: texts[name]).root
        let api = try reader.policy(root)
        try check(api, beside: apis, root)
        return api
      }
      if let api { apis.append(api) }
    }
    if apis.isEmpty, errors.isEmpty {
      errors.append(DocumentError(file: directory, line: 1, column: 1, reason: "there is no policy of an API in this folder"))
    }
    guard errors.isEmpty, let categories, let purposes, let bases else { throw PolicyErrors(errors) }
    return Catalogue(apis: apis, categories: categories, purposes: purposes, legalBases: bases)
  }

  private static func readCategories(_ file: String) throws(DocumentError) -> [Category] {
    let root = try PolicyFile.read(file).root
    var categories: [Category] = []
    for member in root.keys {
      guard let id = CategoryID(rawValue: member.name) else {
        throw member.error("a category wants small letters, digits and hyphens")
      }
      guard categories.count < categoriesMaximum else {
        throw member.error("there are more than \(categoriesMaximum) categories")
      }
      categories.append(try Category(id: id, index: categories.count, member.value))
    }
    guard !categories.isEmpty else { throw root.error("categories.json wants an object: category to texts") }
    return categories
  }

  private static func readPurposes(_ file: String) throws(DocumentError) -> [PurposeTerm] {
    let root = try PolicyFile.read(file).root
    var purposes: [PurposeTerm] = []
    for member in root.keys { purposes.append(try PurposeTerm(member)) }
    guard !purposes.isEmpty else { throw root.error("purposes.json wants an object: purpose to texts") }
    return purposes
  }

  /// Two files must not speak of the same paths: nobody could say which holds.
  private static func check(_ api: APIPolicy, beside others: [APIPolicy], _ root: JSONValue) throws(DocumentError) {
    let place = root["basePath"] ?? root
    if let other = others.first(where: { $0.basePath == api.basePath }) {
      throw place.error("\(other.name) \(other.version) has this base path already")
    }
    if let other = others.first(where: { $0.basePath.hasPrefix(api.basePath + "/") || api.basePath.hasPrefix($0.basePath + "/") })
    {
      throw place.error("this base path and that of \(other.name) \(other.version) lie within each other")
    }
    for (index, operation) in api.operations.enumerated() {
      let place = root["operations"]?[operation.id.rawValue] ?? root
      for other in api.operations[..<index] {
        let shapes = (PathShape(operation.pathTemplate), PathShape(other.pathTemplate))
        guard shapes.0 != shapes.1 || operation.method != other.method else {
          throw place.error("\(other.id.rawValue) has this method and path already")
        }
        guard !shapes.0.isAmbiguous(beside: shapes.1) else {
          throw place.error("a request could mean this path and that of \(other.id.rawValue) alike")
        }
      }
    }
  }

  /// A template with its parameters alike.
  private struct PathShape: Equatable {
    private let segments: [Substring?]

    init(_ template: String) { segments = template.dropFirst().split(separator: "/").map { $0.hasPrefix("{") ? nil : $0 } }

    /// Some path fits both, and neither has more literal segments, so that it would win.
    func isAmbiguous(beside other: PathShape) -> Bool {
      guard self != other, segments.count == other.segments.count,
        segments.count(where: { $0 == nil }) == other.segments.count(where: { $0 == nil })
      else { return false }
      return zip(segments, other.segments).allSatisfy { $0 == nil || $1 == nil || $0 == $1 }
    }
  }
}

/// Files of a folder of policies.
enum PolicyFile {
  /// The `.json` files, in the order of their names.
  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasSuffix(".json"), !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Comments and trailing commas are allowed.
  ///
  /// - Parameter text: what is read instead of the file.
  static func read(_ file: String, text: [UInt8]? = nil) throws(DocumentError) -> JSONDocument {
    guard let bytes = text ?? contents(file) else {
      throw DocumentError(file: file, line: 1, column: 1, reason: "cannot be read: \(String(cString: strerror(errno)))")
    }
    return try JSONDocument(bytes, file: file, dialect: .commented)
  }

  private static func contents(_ file: String) -> [UInt8]? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      guard bytes.count <= 16 << 20 else {
        errno = EFBIG
        return nil
      }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
  }
}
