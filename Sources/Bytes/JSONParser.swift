/// The one parser of JSON (RFC 8259): recursive descent over a span, bounded in depth and number of values, linear in time.
struct JSONParser: ~Escapable {
  private let bytes: Span<UInt8>
  private let limits: JSONLimits
  private let dialect: JSONDialect
  private var position = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, _ limits: JSONLimits, _ dialect: JSONDialect) {
    self.bytes = bytes
    self.limits = limits
    self.dialect = dialect
  }

  @_lifetime(self: copy self)
  mutating func document(into nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) {
    // Places are 32 bits wide.
    guard bytes.count < Int(Int32.max) else { throw fault(.tooManyNodes) }
    try skipSpace()
    guard position < bytes.count else { throw fault(.empty) }
    try value(depth: 0, into: &nodes)
    try skipSpace()
    guard position == bytes.count else { throw fault(.trailingData) }
  }

  @_lifetime(self: copy self)
  private mutating func value(depth: Int, into nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) {
    guard position < bytes.count else { throw fault(.unexpectedEnd) }
    guard nodes.count < limits.nodesMaximum else { throw fault(.tooManyNodes) }
    switch bytes[position] {
    case 0x7B: try object(depth: depth + 1, into: &nodes)
    case 0x5B: try array(depth: depth + 1, into: &nodes)
    case 0x22: try string(into: &nodes)
    case 0x2D, 0x30...0x39: try number(into: &nodes)
    case 0x74: try literal("true", .true, into: &nodes)
    case 0x66: try literal("false", .false, into: &nodes)
    case 0x6E: try literal("null", .null, into: &nodes)
    default: throw fault(.unexpectedByte)
    }
  }

  @_lifetime(self: copy self)
  private mutating func object(depth: Int, into nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) {
    guard depth <= limits.depthMaximum else { throw fault(.tooDeep) }
    let this = open(.object, &nodes)
    var keys = KeySet()
    try skipSpace()
    if try close(0x7D, this, &nodes) { return }
    while true {
      guard position < bytes.count else { throw fault(.unexpectedEnd) }
      guard bytes[position] == 0x22 else { throw fault(.unexpectedByte) }
      guard nodes.count < limits.nodesMaximum else { throw fault(.tooManyNodes) }
      let keyPosition = position
      try string(into: &nodes)
      guard keys.insert(nodes.count - 1, of: this, nodes, bytes) else {
        throw JSONSyntaxError(offset: keyPosition, reason: .duplicateKey)
      }
      try skipSpace()
      guard position < bytes.count else { throw fault(.unexpectedEnd) }
      guard bytes[position] == 0x3A else { throw fault(.unexpectedByte) }
      position += 1
      try skipSpace()
      try value(depth: depth, into: &nodes)
      nodes[this].childCount += 1
      if try separator(0x7D, this, &nodes) { return }
    }
  }

  @_lifetime(self: copy self)
  private mutating func array(depth: Int, into nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) {
    guard depth <= limits.depthMaximum else { throw fault(.tooDeep) }
    let this = open(.array, &nodes)
    try skipSpace()
    if try close(0x5D, this, &nodes) { return }
    while true {
      try value(depth: depth, into: &nodes)
      nodes[this].childCount += 1
      if try separator(0x5D, this, &nodes) { return }
    }
  }

  /// What stands between members: true when the end came, false when another member follows.
  @_lifetime(self: copy self)
  private mutating func separator(_ end: UInt8, _ this: Int, _ nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) -> Bool {
    try skipSpace()
    if try close(end, this, &nodes) { return true }
    guard bytes[position] == 0x2C else { throw fault(.unexpectedByte) }
    position += 1
    try skipSpace()
    guard dialect == .commented else { return false }
    return try close(end, this, &nodes)
  }

  @_lifetime(self: copy self)
  private mutating func open(_ kind: JSONTape.Kind, _ nodes: inout [JSONTape.Node]) -> Int {
    nodes.append(
      JSONTape.Node(start: UInt32(position), end: 0, next: 0, childCount: 0, kind: kind, hasEscapes: false))
    position += 1
    return nodes.count - 1
  }

  @_lifetime(self: copy self)
  private mutating func close(_ end: UInt8, _ this: Int, _ nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) -> Bool {
    guard position < bytes.count else { throw fault(.unexpectedEnd) }
    guard bytes[position] == end else { return false }
    position += 1
    nodes[this].end = UInt32(position)
    nodes[this].next = UInt32(nodes.count)
    return true
  }

  @_lifetime(self: copy self)
  private mutating func leaf(_ start: Int, _ kind: JSONTape.Kind, hasEscapes: Bool = false, _ nodes: inout [JSONTape.Node]) {
    nodes.append(
      JSONTape.Node(
        start: UInt32(start), end: UInt32(position), next: UInt32(nodes.count + 1), childCount: 0, kind: kind,
        hasEscapes: hasEscapes))
  }

  @_lifetime(self: copy self)
  private mutating func string(into nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) {
    let start = position
    let end: JSONString.End
    switch JSONString.scan(bytes, from: position + 1) {
    case .success(let found): end = found
    case .failure(let error): throw error
    }
    position = end.position
    leaf(start, .string, hasEscapes: end.hasEscapes, &nodes)
  }

  /// RFC 8259 §6: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
  @_lifetime(self: copy self)
  private mutating func number(into nodes: inout [JSONTape.Node]) throws(JSONSyntaxError) {
    let start = position
    if bytes[position] == 0x2D { position += 1 }
    if position < bytes.count, bytes[position] == 0x30 {
      position += 1
    } else {
      try digits()
    }
    if position < bytes.count, bytes[position] == 0x2E {
      position += 1
      try digits()
    }
    if position < bytes.count, bytes[position] | 0x20 == 0x65 {
      position += 1
      if position < bytes.count, bytes[position] == 0x2B || bytes[position] == 0x2D { position += 1 }
      try digits()
    }
    // A digit here would follow a leading zero.
    if position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { throw fault(.badNumber) }
    leaf(start, .number, &nodes)
  }

  @_lifetime(self: copy self)
  private mutating func digits() throws(JSONSyntaxError) {
    let start = position
    while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { position += 1 }
    guard position > start else { throw fault(.badNumber) }
  }

  @_lifetime(self: copy self)
  private mutating func literal(
    _ word: StaticString, _ kind: JSONTape.Kind, into nodes: inout [JSONTape.Node]
  ) throws(JSONSyntaxError) {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count, bytes.extracting(position..<end).equals(word) else { throw fault(.badLiteral) }
    let start = position
    position = end
    leaf(start, kind, &nodes)
  }

  @_lifetime(self: copy self)
  private mutating func skipSpace() throws(JSONSyntaxError) {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      case 0x2F where dialect == .commented: try skipComment()
      default: return
      }
    }
  }

  @_lifetime(self: copy self)
  private mutating func skipComment() throws(JSONSyntaxError) {
    guard position + 1 < bytes.count else { throw fault(.unexpectedByte) }
    switch bytes[position + 1] {
    case 0x2F:
      position = bytes.firstIndex(of: 0x0A, from: position) ?? bytes.count
    case 0x2A:
      var star = bytes.firstIndex(of: 0x2A, from: position + 2)
      while let found = star, found + 1 < bytes.count, bytes[found + 1] != 0x2F {
        star = bytes.firstIndex(of: 0x2A, from: found + 1)
      }
      guard let found = star, found + 1 < bytes.count else { throw fault(.unclosedComment) }
      position = found + 2
    default: throw fault(.unexpectedByte)
    }
  }

  private func fault(_ reason: JSONSyntaxError.Reason) -> JSONSyntaxError { JSONSyntaxError(offset: position, reason: reason) }
}

/// The keys of one object, to find one that stands twice: compared one by one while they are few, by hash afterwards, so that
/// an object of many keys costs no more than its length.
private struct KeySet {
  private static let fewMaximum = 12
  private var count = 0
  private var hashed: Set<[UInt8]> = []

  /// False when the key stood there before, in whatever spelling.
  mutating func insert(_ key: Int, of object: Int, _ nodes: [JSONTape.Node], _ bytes: Span<UInt8>) -> Bool {
    defer { count += 1 }
    if count < Self.fewMaximum {
      var other = object + 1
      for _ in 0..<count {
        if Self.isSame(nodes[key], nodes[other], bytes) { return false }
        other = Int(nodes[other + 1].next)
      }
      return true
    }
    if count == Self.fewMaximum {
      var other = object + 1
      for _ in 0..<count {
        hashed.insert(Self.text(nodes[other], bytes))
        other = Int(nodes[other + 1].next)
      }
    }
    return hashed.insert(Self.text(nodes[key], bytes)).inserted
  }

  private static func isSame(_ left: JSONTape.Node, _ right: JSONTape.Node, _ bytes: Span<UInt8>) -> Bool {
    if left.hasEscapes || right.hasEscapes { return text(left, bytes) == text(right, bytes) }
    return left.end - left.start == right.end - right.start
      && bytes.extracting(Int(left.start)..<Int(left.end)).equals(bytes.extracting(Int(right.start)..<Int(right.end)))
  }

  private static func text(_ node: JSONTape.Node, _ bytes: Span<UInt8>) -> [UInt8] {
    let inner = bytes.extracting(Int(node.start) + 1..<Int(node.end) - 1)
    return node.hasEscapes ? JSONString.unescaped(inner) : inner.bytes()
  }
}
