/// The one parser of JSON (RFC 8259): recursive descent, bounded in depth and number of values, linear in time.
///
/// It works on pointers because this is half of the cost of a call's filter. Sound: it lives only inside of
/// `JSONTape.parse`, which lends both; every read of `base` is below `count` and every write to `nodes` below its own count,
/// each checked where it happens.
struct JSONParser {
  private let base: UnsafePointer<UInt8>
  private let count: Int
  private let nodes: UnsafeMutableBufferPointer<JSONTape.Node>
  private let limits: JSONLimits
  private let takesComments: Bool
  private var position = 0
  private(set) var nodeCount = 0
  /// The limit was not reached, but the list is full: it must be made longer and the text be read again.
  private(set) var needsRoom = false

  init(
    _ bytes: UnsafeBufferPointer<UInt8>, into nodes: UnsafeMutableBufferPointer<JSONTape.Node>, _ limits: JSONLimits,
    _ dialect: JSONDialect
  ) {
    unsafe base = bytes.baseAddress!
    count = bytes.count
    unsafe self.nodes = nodes
    self.limits = limits
    takesComments = dialect == .commented
  }

  mutating func document() throws(JSONSyntaxError) {
    try skipSpace()
    guard position < count else { throw fault(.empty) }
    try value(depth: 0)
    try skipSpace()
    guard position == count else { throw fault(.trailingData) }
  }

  private var byte: UInt8 {
    @inline(__always) get {
      assert(position < count)
      return unsafe base[position]
    }
  }

  private mutating func value(depth: Int) throws(JSONSyntaxError) {
    guard position < count else { throw fault(.unexpectedEnd) }
    switch byte {
    case 0x7B: try object(depth: depth + 1)
    case 0x5B: try array(depth: depth + 1)
    case 0x22: try string()
    case 0x2D, 0x30...0x39: try number()
    case 0x74: try literal("true", .true)
    case 0x66: try literal("false", .false)
    case 0x6E: try literal("null", .null)
    default: throw fault(.unexpectedByte)
    }
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) {
    guard depth <= limits.depthMaximum else { throw fault(.tooDeep) }
    let this = try open(.object)
    var keys = JSONKeySet()
    try skipSpace()
    if try close(0x7D, this, 0) { return }
    while true {
      guard position < count else { throw fault(.unexpectedEnd) }
      guard byte == 0x22 else { throw fault(.unexpectedByte) }
      let key = nodeCount
      try string()
      let text = unsafe UnsafeBufferPointer(start: base, count: count)
      guard unsafe keys.insert(key, of: this, nodes.baseAddress!, text) else {
        throw unsafe JSONSyntaxError(offset: Int(nodes[key].start), reason: .duplicateKey)
      }
      try skipSpace()
      guard position < count else { throw fault(.unexpectedEnd) }
      guard byte == 0x3A else { throw fault(.unexpectedByte) }
      position += 1
      try skipSpace()
      try value(depth: depth)
      if try separator(0x7D, this, keys.count) { return }
    }
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) {
    guard depth <= limits.depthMaximum else { throw fault(.tooDeep) }
    let this = try open(.array)
    var elements = 0
    try skipSpace()
    if try close(0x5D, this, 0) { return }
    while true {
      try value(depth: depth)
      elements += 1
      if try separator(0x5D, this, elements) { return }
    }
  }

  /// What stands between members: true when the end came, false when another member follows.
  @inline(__always)
  private mutating func separator(_ end: UInt8, _ this: Int, _ childCount: Int) throws(JSONSyntaxError) -> Bool {
    try skipSpace()
    if try close(end, this, childCount) { return true }
    guard byte == 0x2C else { throw fault(.unexpectedByte) }
    position += 1
    try skipSpace()
    return takesComments ? try close(end, this, childCount) : false
  }

  @inline(__always)
  private mutating func open(_ kind: JSONTape.Kind) throws(JSONSyntaxError) -> Int {
    let this = nodeCount
    try append(JSONTape.Node(start: UInt32(truncatingIfNeeded: position), kind: kind))
    position += 1
    return this
  }

  @inline(__always)
  private mutating func close(_ end: UInt8, _ this: Int, _ childCount: Int) throws(JSONSyntaxError) -> Bool {
    guard position < count else { throw fault(.unexpectedEnd) }
    guard byte == end else { return false }
    position += 1
    unsafe nodes[this].end = UInt32(truncatingIfNeeded: position)
    unsafe nodes[this].next = UInt32(truncatingIfNeeded: nodeCount)
    unsafe nodes[this].detail = UInt32(truncatingIfNeeded: childCount)
    return true
  }

  @inline(__always)
  private mutating func leaf(
    _ start: Int, _ kind: JSONTape.Kind, hasEscapes: Bool = false, isPlain: Bool = false
  ) throws(JSONSyntaxError) {
    var node = JSONTape.Node(start: UInt32(truncatingIfNeeded: start), kind: kind)
    node.end = UInt32(truncatingIfNeeded: position)
    node.next = UInt32(truncatingIfNeeded: nodeCount + 1)
    node.hasEscapes = hasEscapes
    node.isPlain = isPlain
    try append(node)
  }

  @inline(__always)
  private mutating func append(_ node: JSONTape.Node) throws(JSONSyntaxError) {
    guard nodeCount < limits.nodesMaximum else { throw fault(.tooManyNodes) }
    guard unsafe nodeCount < nodes.count else {
      needsRoom = true
      throw fault(.tooManyNodes)
    }
    unsafe nodes[nodeCount] = node
    nodeCount += 1
  }

  @inline(__always)
  private mutating func string() throws(JSONSyntaxError) {
    let start = position
    var scanner = unsafe JSONStringScanner(base: base, count: count, position: position + 1)
    let reason = scanner.end()
    position = scanner.position
    if let reason { throw fault(reason) }
    try leaf(start, .string, hasEscapes: scanner.hasEscapes, isPlain: scanner.isPlain)
  }

  /// RFC 8259 §6: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
  private mutating func number() throws(JSONSyntaxError) {
    let start = position
    if byte == 0x2D { position += 1 }
    if position < count, byte == 0x30 {
      position += 1
    } else {
      try digits()
    }
    if position < count, byte == 0x2E {
      position += 1
      try digits()
    }
    if position < count, byte | 0x20 == 0x65 {
      position += 1
      if position < count, byte == 0x2B || byte == 0x2D { position += 1 }
      try digits()
    }
    // A digit here would follow a leading zero.
    if position < count, byte >= 0x30, byte <= 0x39 { throw fault(.badNumber) }
    try leaf(start, .number)
  }

  @inline(__always)
  private mutating func digits() throws(JSONSyntaxError) {
    let start = position
    while position < count, byte >= 0x30, byte <= 0x39 { position += 1 }
    guard position > start else { throw fault(.badNumber) }
  }

  private mutating func literal(_ word: StaticString, _ kind: JSONTape.Kind) throws(JSONSyntaxError) {
    let start = position
    guard count - position >= word.utf8CodeUnitCount else { throw fault(.badLiteral) }
    for index in 0..<word.utf8CodeUnitCount where unsafe base[start + index] != word.utf8Start[index] {
      throw fault(.badLiteral)
    }
    position += word.utf8CodeUnitCount
    try leaf(start, kind)
  }

  @inline(__always)
  private mutating func skipSpace() throws(JSONSyntaxError) {
    // Most often there is none, or one blank.
    guard position < count, byte <= 0x20 || takesComments else { return }
    if byte == 0x20, position + 1 < count, unsafe base[position + 1] > 0x20, !takesComments {
      position += 1
      return
    }
    try skipSomeSpace()
  }

  private mutating func skipSomeSpace() throws(JSONSyntaxError) {
    while position < count {
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0D:
        position += 1
        skipBlanks()
      case 0x2F where takesComments: try skipComment()
      default: return
      }
    }
  }

  /// Indentation, eight bytes at once.
  @inline(__always)
  private mutating func skipBlanks() {
    while position + 8 <= count,
      unsafe UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self) == 0x2020_2020_2020_2020
    { position += 8 }
  }

  private mutating func skipComment() throws(JSONSyntaxError) {
    let rest = unsafe UnsafeBufferPointer(start: base, count: count).span
    guard position + 1 < count else { throw fault(.unexpectedByte) }
    switch rest[position + 1] {
    case 0x2F:
      position = rest.firstIndex(of: 0x0A, from: position) ?? count
    case 0x2A:
      var star = rest.firstIndex(of: 0x2A, from: position + 2)
      while let found = star, found + 1 < count, rest[found + 1] != 0x2F {
        star = rest.firstIndex(of: 0x2A, from: found + 1)
      }
      guard let found = star, found + 1 < count else { throw fault(.unclosedComment) }
      position = found + 2
    default: throw fault(.unexpectedByte)
    }
  }

  private func fault(_ reason: JSONSyntaxError.Reason) -> JSONSyntaxError { JSONSyntaxError(offset: position, reason: reason) }
}
