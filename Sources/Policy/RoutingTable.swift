import Bytes

/// What a path and a method lead to.
public enum RouteMatch {
  case operation(OperationPolicy)
  /// The path is known; these methods are, separated by commas. With the errors of its API.
  case methodNotAllowed(String, ErrorCodes)
  /// The path lies below the base path of an API, but leads to nothing. With the errors of that API.
  case unknown(ErrorCodes)
  /// The path belongs to no API.
  case notOurs
}

/// Paths to operations, byte for byte: nothing is decoded or made equal first, so that no two spellings lead to one operation
/// (A25). A literal segment wins over a parameter; an API with a longer base path wins over one with a shorter.
///
/// Paths without parameters, which are nearly all, are found by one hash. Look-ups neither allocate nor make a `String`.
public struct RoutingTable: Sendable {
  private struct Route: Sendable {
    let path: [UInt8]
    var methods: [(name: [UInt8], operation: OperationPolicy)]
    var allow: String { methods.map { String(decoding: $0.name, as: UTF8.self) }.sorted().joined(separator: ", ") }
  }

  /// A path with parameters; nil stands for one.
  private struct Template: Sendable {
    let segments: [[UInt8]?]
    var route: Route
  }

  private var literals: [UInt64: [Route]] = [:]
  private var templates: [Template] = []
  private var bases: [UInt64: [(path: [UInt8], errors: ErrorCodes)]] = [:]
  /// How many segments base paths have, each number once.
  private var baseSegmentCounts: [Int] = []

  /// - Parameter operations: no two with one path and method; the loader has seen to it.
  init(_ apis: [APIPolicy]) {
    for api in apis {
      addBase(Array(api.basePath.utf8), api.errors)
      for operation in api.operations { add(operation) }
    }
    // Where two templates fit, the one with more literal segments is meant.
    templates.sort { left, right in
      left.segments.count { $0 == nil } < right.segments.count { $0 == nil }
    }
  }

  /// True when the path lies below the base path of an API.
  public func owns(_ path: Span<UInt8>) -> Bool { base(path) != nil }

  /// The place of the API below whose base path a path lies.
  private func base(_ path: Span<UInt8>) -> (hash: UInt64, index: Int)? {
    for count in baseSegmentCounts {
      guard let end = Self.end(ofSegment: count, in: path) else { continue }
      let prefix = path.extracting(0..<end)
      let hash = Self.hash(prefix)
      if let index = bases[hash]?.firstIndex(where: { prefix.equals($0.path.span) }) { return (hash, index) }
    }
    return nil
  }

  public func match(path: Span<UInt8>, method: Span<UInt8>) -> RouteMatch {
    for route in literals[Self.hash(path)] ?? [] where path.equals(route.path.span) { return Self.match(route, method) }
    for template in templates where Self.fits(template.segments, path) { return Self.match(template.route, method) }
    guard let (hash, index) = base(path), let errors = bases[hash]?[index].errors else { return .notOurs }
    return .unknown(errors)
  }

  private static func match(_ route: Route, _ method: Span<UInt8>) -> RouteMatch {
    for entry in route.methods where method.equals(entry.name.span) { return .operation(entry.operation) }
    return .methodNotAllowed(route.allow, route.methods[0].operation.errors)
  }

  private mutating func addBase(_ path: [UInt8], _ errors: ErrorCodes) {
    bases[Self.hash(path.span), default: []].append((path, errors))
    let count = path.count { $0 == 0x2F }
    if !baseSegmentCounts.contains(count) { baseSegmentCounts.append(count) }
  }

  private mutating func add(_ operation: OperationPolicy) {
    let path = Array(operation.pathTemplate.utf8)
    let method = (name: Array(operation.method.utf8), operation: operation)
    let segments = Self.segments(path)
    if segments.contains(where: { $0 == nil }) {
      if let index = templates.firstIndex(where: { $0.segments == segments }) {
        templates[index].route.methods.append(method)
      } else {
        templates.append(Template(segments: segments, route: Route(path: path, methods: [method])))
      }
      return
    }
    var routes = literals[Self.hash(path.span)] ?? []
    if let index = routes.firstIndex(where: { $0.path == path }) {
      routes[index].methods.append(method)
    } else {
      routes.append(Route(path: path, methods: [method]))
    }
    literals[Self.hash(path.span)] = routes
  }

  private static func segments(_ path: [UInt8]) -> [[UInt8]?] {
    path.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false).map { $0.first == 0x7B ? nil : Array($0) }
  }

  private static func fits(_ segments: [[UInt8]?], _ path: Span<UInt8>) -> Bool {
    guard !path.isEmpty, path[0] == 0x2F else { return false }
    var start = 1
    for (index, segment) in segments.enumerated() {
      let end = path.firstIndex(of: 0x2F, from: start) ?? path.count
      guard (end == path.count) == (index == segments.count - 1) else { return false }
      let part = path.extracting(start..<end)
      if let segment {
        guard part.equals(segment.span) else { return false }
      } else {
        guard isParameter(part) else { return false }
      }
      start = end + 1
    }
    return true
  }

  /// A value that no other server could read as more than one segment, or as none: no empty one, no dots alone, no `;`, and no
  /// escaped slash, backslash, dot or NUL.
  private static func isParameter(_ part: Span<UInt8>) -> Bool {
    guard !part.isEmpty, part.count <= 512, !part.equals("."), !part.equals("..") else { return false }
    for index in part.indices {
      if part[index] == 0x3B || part[index] == 0x5C { return false }
      guard part[index] == 0x25 else { continue }
      guard index + 2 < part.count else { return false }
      let escaped = part.extracting(index + 1..<index + 3)
      for refused in ["2f", "5c", "2e", "00", "3b"] as [StaticString] where escaped.equalsIgnoringASCIICase(refused) {
        return false
      }
    }
    return true
  }

  /// Where a segment ends, when a slash or nothing follows.
  private static func end(ofSegment count: Int, in path: Span<UInt8>) -> Int? {
    var slash = -1
    for _ in 0..<count {
      guard let next = path.firstIndex(of: 0x2F, from: slash + 1) else { return nil }
      slash = next
    }
    return path.firstIndex(of: 0x2F, from: slash + 1) ?? path.count
  }

  /// FNV-1a. The table is fixed at load and made of our own paths: nobody can crowd it.
  private static func hash(_ bytes: Span<UInt8>) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in bytes.indices { value = (value ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3 }
    return value
  }
}
