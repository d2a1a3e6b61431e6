import Bytes

extension BodySchema {
  /// Appends a body with those members alone that the schema names, at every level that it describes (an object with
  /// properties, an array with items). What it does not describe is copied as it stands.
  ///
  /// A member that the API does not know could mean something to a backend: another subscriber, spelled `Device` or
  /// `phoneNumber`, of whom nobody here has asked whether they agree (A22, A30).
  ///
  /// - Parameter tape: of these bytes, found right by `check`.
  public func copy(_ bytes: Span<UInt8>, tape: JSONTape, to output: inout [UInt8]) {
    BodyCopy(tape: tape, isOmitting: false).value(0, root, nil, bytes, { _ in }, &output)
  }

  /// The same, with a value of the gateway's own at a place: instead of what stands there, or where nothing does.
  ///
  /// - Parameters:
  ///   - path: the names that lead to the place, at least one. A level of it that the schema does not describe keeps nothing
  ///     but what leads to the place.
  ///   - write: appends the value.
  public func copy(
    _ bytes: Span<UInt8>, tape: JSONTape, placingAt path: ArraySlice<String>, to output: inout [UInt8],
    write: (inout [UInt8]) -> Void
  ) {
    BodyCopy(tape: tape, isOmitting: false).value(0, root, path, bytes, write, &output)
  }

  /// The same as the first, without what stands at a place.
  ///
  /// - Parameter path: at least one name.
  public func copy(_ bytes: Span<UInt8>, tape: JSONTape, omittingAt path: ArraySlice<String>, to output: inout [UInt8]) {
    BodyCopy(tape: tape, isOmitting: true).value(0, root, path, bytes, { _ in }, &output)
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
private struct BodyCopy {
  let tape: JSONTape
  /// What stands at the place is left out.
  let isOmitting: Bool

  /// - Parameter path: what is left of the way to the place; nil beside it.
  func value(
    _ node: Int, _ schema: BodySchema.Node?, _ path: ArraySlice<String>?, _ bytes: Span<UInt8>,
    _ write: (inout [UInt8]) -> Void, _ output: inout [UInt8]
  ) {
    if let path, !isOmitting || tape.kind(node) == .object {
      guard !path.isEmpty, tape.kind(node) == .object else { BodySchema.wrap(path, to: &output, write: write); return }
      object(node, schema, path, bytes, write, &output)
    } else if let schema, schema.describesObject, tape.kind(node) == .object {
      object(node, schema, nil, bytes, write, &output)
    } else if let items = schema?.rules.items, tape.kind(node) == .array {
      array(node, items, bytes, &output)
    } else {
      copy(node, bytes, &output)
    }
  }

  private func object(
    _ node: Int, _ schema: BodySchema.Node?, _ path: ArraySlice<String>?, _ bytes: Span<UInt8>,
    _ write: (inout [UInt8]) -> Void, _ output: inout [UInt8]
  ) {
    output.append(0x7B)
    let start = output.count
    let place = path?.first.flatMap { tape.member($0, of: node, in: bytes) }
    if place == nil, let path, !isOmitting { missing(path, &output, write) }
    let branches = schema.map { $0.hasBranches ? SchemaCheck.branches(of: $0, fitting: node, tape, bytes) : [] } ?? []
    var key = node + 1
    for _ in 0..<tape.childCount(node) {
      defer { key = tape.next(key + 1) }
      let isOnPath = key + 1 == place
      if isOnPath, isOmitting, path?.count == 1 { continue }
      let property = property(key, schema, branches, bytes)
      let additional = property == nil ? additional(schema) : (isKept: true, node: nil)
      guard additional.isKept || isOnPath else { continue }
      if output.count > start { output.append(0x2C) }
      if let property {
        output.append(contentsOf: property.key)
      } else {
        copy(key, bytes, &output)
        output.append(0x3A)
      }
      value(key + 1, property?.node ?? additional.node, isOnPath ? path?.dropFirst() : nil, bytes, write, &output)
    }
    output.append(0x7D)
  }

  private func property(
    _ key: Int, _ schema: BodySchema.Node?, _ branches: [BodySchema.Node], _ bytes: Span<UInt8>
  ) -> BodySchema.Property? {
    if let property = schema?.property(key, tape, bytes) { return property }
    for branch in branches { if let property = branch.property(key, tape, bytes) { return property } }
    return nil
  }

  /// Whether what is not listed is handed on.
  private func additional(_ schema: BodySchema.Node?) -> (isKept: Bool, node: BodySchema.Node?) {
    switch schema?.rules.additional {
    case .handedOn: (true, nil)
    case .each(let node): (true, node)
    case .leftOut, .refused, nil: (false, nil)
    }
  }

  /// The member that leads to the place, where there is none.
  private func missing(_ path: ArraySlice<String>, _ output: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
    BodySchema.append(key: path[path.startIndex], to: &output)
    BodySchema.wrap(path.dropFirst(), to: &output, write: write)
  }

  private func array(_ node: Int, _ items: BodySchema.Node, _ bytes: Span<UInt8>, _ output: inout [UInt8]) {
    output.append(0x5B)
    var child = node + 1
    for index in 0..<tape.childCount(node) {
      if index > 0 { output.append(0x2C) }
      value(child, items, nil, bytes, { _ in }, &output)
      child = tape.next(child)
    }
    output.append(0x5D)
  }

  private func copy(_ node: Int, _ bytes: Span<UInt8>, _ output: inout [UInt8]) {
    bytes.slice(tape.range(node)).withUnsafeBufferPointer { output.append(contentsOf: $0) }
  }
}
