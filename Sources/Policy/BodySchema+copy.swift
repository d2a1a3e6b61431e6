import Bytes

extension BodySchema {
  /// Appends a body with those members alone that the schema names, at every level that it describes (an object with
  /// properties, an array with items). What it does not describe is copied as it stands.
  ///
  /// A member that the API does not know could mean something to a backend: another subscriber, spelled `Device` or
  /// `phoneNumber`, of whom nobody here has asked whether they agree (A22, A30).
  ///
  /// - Parameter tape: of these bytes, found right by `check`.
  public func copy(_ bytes: Span<UInt8>, tape: borrowing JSONTape, to output: inout [UInt8]) {
    let plan = compiled.plan
    BodyCopy(SchemaWalk(compiled, plan, JSONView(bytes, tape)), isOmitting: false).value(0, plan.root, nil, { _ in }, &output)
  }

  /// The same, with a value of the gateway's own at a place: instead of what stands there, or where nothing does.
  ///
  /// - Parameters:
  ///   - path: the names that lead to the place, at least one. A level of it that the schema does not describe keeps nothing
  ///     but what leads to the place.
  ///   - write: appends the value.
  public func copy(
    _ bytes: Span<UInt8>, tape: borrowing JSONTape, placingAt path: ArraySlice<String>, to output: inout [UInt8],
    write: (inout [UInt8]) -> Void
  ) {
    let plan = compiled.plan
    BodyCopy(SchemaWalk(compiled, plan, JSONView(bytes, tape)), isOmitting: false).value(0, plan.root, path, write, &output)
  }

  /// The same as the first, without what stands at a place.
  ///
  /// - Parameter path: at least one name.
  public func copy(_ bytes: Span<UInt8>, tape: borrowing JSONTape, omittingAt path: ArraySlice<String>, to output: inout [UInt8])
  {
    let plan = compiled.plan
    BodyCopy(SchemaWalk(compiled, plan, JSONView(bytes, tape)), isOmitting: true).value(0, plan.root, path, { _ in }, &output)
  }

  /// Appends an object that holds nothing but what leads to a place, and the value there.
  public static func wrap(_ path: ArraySlice<String>, to output: inout [UInt8], write: (inout [UInt8]) -> Void) {
    guard let name = path.first else { write(&output); return }
    output.append(0x7B)
    append(key: name, to: &output)
    wrap(path.dropFirst(), to: &output, write: write)
    output.append(0x7D)
  }

  /// `"name":`. The reader of policies sees to it that a path has no name that wants escapes.
  fileprivate static func append(key name: String, to output: inout [UInt8]) {
    output.append(0x22)
    output.append(contentsOf: name.utf8)
    output.append(0x22)
    output.append(0x3A)
  }
}

/// One pass over a body. Its depth is that of the schema.
private struct BodyCopy: ~Escapable {
  private let walk: SchemaWalk
  /// What stands at the place is left out.
  private let isOmitting: Bool

  @_lifetime(copy walk)
  init(_ walk: SchemaWalk, isOmitting: Bool) {
    self.walk = walk
    self.isOmitting = isOmitting
  }

  /// - Parameters:
  ///   - rule: nil where the schema says nothing.
  ///   - path: what is left of the way to the place; nil beside it.
  func value(
    _ node: Int, _ rule: Int?, _ path: ArraySlice<String>?, _ write: (inout [UInt8]) -> Void, _ output: inout [UInt8]
  ) {
    let kind = walk.json.kind(node)
    if let path, !isOmitting || kind == .object {
      guard !path.isEmpty, kind == .object else { BodySchema.wrap(path, to: &output, write: write); return }
      object(node, rule, path, write, &output)
    } else if let rule, kind == .object, walk.rules[rule].describesObject {
      object(node, rule, nil, write, &output)
    } else if let rule, kind == .array, let items = walk.rules[rule].items {
      array(node, Int(items), &output)
    } else {
      copy(node, &output)
    }
  }

  private func object(
    _ node: Int, _ rule: Int?, _ path: ArraySlice<String>?, _ write: (inout [UInt8]) -> Void, _ output: inout [UInt8]
  ) {
    output.append(0x7B)
    let start = output.count
    let place = path?.first.flatMap { value(of: JSONName($0), in: node) }
    if place == nil, let path, !isOmitting { missing(path, &output, write) }
    let branches = branches(rule, node)
    var key = node + 1
    for _ in 0..<walk.json.childCount(node) {
      defer { key = walk.json.next(key + 1) }
      let isOnPath = key + 1 == place
      if isOnPath, isOmitting, path?.count == 1 { continue }
      let property = property(key, rule, branches)
      let additional = property == nil ? additional(rule) : (isKept: true, rule: nil)
      guard additional.isKept || isOnPath else { continue }
      if output.count > start { output.append(0x2C) }
      if let property {
        append(walk.names.slice(property.key), &output)
      } else {
        copy(key, &output)
        output.append(0x3A)
      }
      value(key + 1, property.map { Int($0.rule) } ?? additional.rule, isOnPath ? path?.dropFirst() : nil, write, &output)
    }
    output.append(0x7D)
  }

  private func value(of name: JSONName, in object: Int) -> Int? {
    walk.json.key(name.bytes.span, name.fingerprint, of: object, from: object + 1).map { $0 + 1 }
  }

  private func branches(_ rule: Int?, _ node: Int) -> BranchStack {
    rule.map { walk.branches(of: $0, fitting: node) } ?? BranchStack()
  }

  private func property(_ key: Int, _ rule: Int?, _ branches: BranchStack) -> SchemaPlan.Property? {
    if let rule, let index = walk.property(key, walk.rules[rule].properties) { return walk.properties[index] }
    for place in 0..<branches.count {
      if let index = walk.property(key, walk.rules[Int(branches[place])].properties) { return walk.properties[index] }
    }
    return nil
  }

  /// Whether what is not listed is handed on.
  private func additional(_ rule: Int?) -> (isKept: Bool, rule: Int?) {
    guard let rule else { return (false, nil) }
    switch walk.rules[rule].additional {
    case .handedOn: return (true, nil)
    case .each(let each): return (true, Int(each))
    case .leftOut, .refused: return (false, nil)
    }
  }

  /// The member that leads to the place, where there is none.
  private func missing(_ path: ArraySlice<String>, _ output: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
    BodySchema.append(key: path[path.startIndex], to: &output)
    BodySchema.wrap(path.dropFirst(), to: &output, write: write)
  }

  private func array(_ node: Int, _ items: Int, _ output: inout [UInt8]) {
    output.append(0x5B)
    var child = node + 1
    for index in 0..<walk.json.childCount(node) {
      if index > 0 { output.append(0x2C) }
      value(child, items, nil, { _ in }, &output)
      child = walk.json.next(child)
    }
    output.append(0x5D)
  }

  private func copy(_ node: Int, _ output: inout [UInt8]) { append(walk.json.raw(node), &output) }

  private func append(_ bytes: Span<UInt8>, _ output: inout [UInt8]) {
    bytes.withUnsafeBufferPointer { output.append(contentsOf: $0) }
  }
}
