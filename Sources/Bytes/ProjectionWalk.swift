/// One pass of the filter over an answer. It borrows all that it reads, and keeps nothing.
struct ProjectionWalk: ~Escapable {
  private let fields: Span<ProjectionPlan.Field>
  private let elements: Span<ProjectionPlan.Step>
  private let shapes: Span<ProjectionPlan.Shape>
  private let names: Span<UInt8>
  private let nodes: Span<JSONTape.Node>
  private let bytes: Span<UInt8>
  private let echoes: Span<[UInt8]>
  private let allowed: FieldMask
  private(set) var released: FieldMask = 0
  private(set) var fault: Projection.Outcome?

  @_lifetime(copy fields, copy elements, copy shapes, copy names, copy nodes, copy bytes, copy echoes)
  init(
    fields: Span<ProjectionPlan.Field>, elements: Span<ProjectionPlan.Step>, shapes: Span<ProjectionPlan.Shape>,
    names: Span<UInt8>, nodes: Span<JSONTape.Node>, bytes: Span<UInt8>, echoes: Span<[UInt8]>, allowed: FieldMask
  ) {
    self.fields = fields
    self.elements = elements
    self.shapes = shapes
    self.names = names
    self.nodes = nodes
    self.bytes = bytes
    self.echoes = echoes
    self.allowed = allowed
  }

  @_lifetime(self: copy self)
  mutating func value(_ node: Int, _ step: ProjectionPlan.Step, _ output: inout [UInt8]) {
    switch step.kind {
    case .leaf, .whole:
      // A field was asked before; an element of an array, or a whole answer, cannot be left out.
      guard step.isVisible(allowed) else { fault = .withheldRequired("element"); return }
      guard isScalar(node) || step.kind == .whole else { fault = .wrongShape("value"); return }
      released |= step.mask & allowed
      copyWhole(node, &output)
    case .echo:
      // What cannot be left out breaks the answer.
      guard step.isVisible(allowed) else { fault = .withheldRequired("element"); return }
      guard isEcho(node) else { fault = .missingRequired("element"); return }
      released |= step.mask & allowed
      copyWhole(node, &output)
    case .object: object(node, step, &output)
    case .array: array(node, step, &output)
    case .map: map(node, step, &output)
    case .shapes: shaped(node, step, &output)
    }
  }

  @_lifetime(self: copy self)
  private mutating func object(_ node: Int, _ step: ProjectionPlan.Step, _ output: inout [UInt8]) {
    guard nodes[node].kind == .object else { fault = .wrongShape("object"); return }
    output.append(0x7B)
    var (isFirst, start) = (true, node + 1)
    for index in step.first..<step.first + step.count {
      let field = fields[index]
      let leaves =
        field.step.kind == .leaf
        ? field.step.isVisible(allowed)
        : field.required ? canLeave(field.step) : field.step.isVisible(allowed) && canStand(field.step)
      guard leaves else {
        // Whether it is there or not: the subscriber's choice comes first.
        guard field.required else { continue }
        guard field.nullWhenWithheld else { fault = .withheldRequired(names.slice(field.name).string()); return }
        null(field, isFirst: isFirst, &output)
        isFirst = false
        continue
      }
      guard let key = find(field, of: node, from: start), field.nullable || !field.required || nodes[key + 1].kind != .null,
        field.step.kind != .echo || isEcho(key + 1) || field.nullable && nodes[key + 1].kind == .null
      else {
        if field.required { fault = .missingRequired(names.slice(field.name).string()); return }
        continue
      }
      start = Int(nodes[key + 1].next)
      let end = output.count
      if !isFirst { output.append(0x2C) }
      member(key, field, &output)
      guard fault == nil else { return }
      if field.step.kind == .object || field.step.kind == .shapes, !field.required, isEmptied(key + 1, output) {
        output.removeLast(output.count - end)
      } else {
        isFirst = false
      }
    }
    output.append(0x7D)
  }

  @_lifetime(self: copy self)
  @inline(__always)
  private mutating func member(_ key: Int, _ field: ProjectionPlan.Field, _ output: inout [UInt8]) {
    let step = field.step
    if field.nullable, nodes[key + 1].kind == .null { return copy(from: key, through: key + 1, &output) }
    switch step.kind {
    case .leaf, .whole, .echo:
      guard isScalar(key + 1) || step.kind == .whole else {
        fault = .wrongShape(names.slice(field.name).string())
        return
      }
      released |= step.mask & allowed
      guard isScalar(key + 1) || !holdsSecret(key + 1) else {
        copy(from: key, through: key, &output)
        output.append(0x3A)
        return copyWhole(key + 1, &output)
      }
      // The name, the colon and the value stand in one piece.
      copy(from: key, through: key + 1, &output)
    case .object, .array, .map, .shapes:
      copy(from: key, through: key, &output)
      output.append(0x3A)
      value(key + 1, step, &output)
    }
  }

  /// A value without anything in it.
  @inline(__always)
  private func isScalar(_ node: Int) -> Bool { nodes[node].kind != .object && nodes[node].kind != .array }

  /// A string that the client sent itself.
  private func isEcho(_ node: Int) -> Bool {
    guard nodes[node].kind == .string else { return false }
    let text = bytes.extracting(Int(nodes[node].start) + 1..<Int(nodes[node].end) - 1)
    let value = nodes[node].hasEscapes ? JSONString.unescaped(text) : text.bytes()
    for index in echoes.indices where echoes[index] == value { return true }
    return false
  }

  /// True for an object that had something in it and has left as an empty one.
  @inline(__always)
  private func isEmptied(_ node: Int, _ output: [UInt8]) -> Bool {
    nodes[node].detail > 0 && output[output.count - 2] == 0x7B
  }

  /// What is required is there although nothing of it was agreed to, where an empty object is what the API has too.
  private func canLeave(_ step: ProjectionPlan.Step) -> Bool {
    step.kind == .object ? canStand(step) : step.isVisible(allowed) && canStand(step)
  }

  /// False for an object that the API would not have without a field that was not agreed to; it is left out as a whole.
  private func canStand(_ step: ProjectionPlan.Step) -> Bool {
    switch step.kind {
    case .leaf, .whole, .echo: return true
    case .array, .map: return canStand(elements[step.first])
    case .shapes:
      // Which one it is shows too late.
      for index in step.first..<step.first + step.count where !canStand(shapes[index].step) { return false }
      return true
    case .object:
      for index in step.first..<step.first + step.count
      where fields[index].required && !fields[index].nullWhenWithheld {
        guard canLeave(fields[index].step) else { return false }
      }
      return true
    }
  }

  /// The key of a field. Backends mostly keep to one order, so the look-up goes on where the one before ended.
  @inline(__always)
  private func find(_ field: ProjectionPlan.Field, of object: Int, from start: Int) -> Int? {
    find(field.name, field.fingerprint, of: object, from: start)
  }

  @inline(__always)
  private func find(_ name: ByteRange, _ fingerprint: UInt32, of object: Int, from start: Int) -> Int? {
    let end = Int(nodes[object].next)
    var key = start
    for _ in 0..<nodes[object].detail {
      if key == end { key = object + 1 }
      if nodes[key].detail == fingerprint, isNamed(key, name) { return key }
      key = Int(nodes[key + 1].next)
    }
    return nil
  }

  @inline(__always)
  private func isNamed(_ key: Int, _ name: ByteRange) -> Bool {
    let text = bytes.extracting(Int(nodes[key].start) + 1..<Int(nodes[key].end) - 1)
    return nodes[key].hasEscapes
      ? JSONString.unescaped(text).span.equals(names.slice(name)) : text.equals(names.slice(name))
  }

  @_lifetime(self: copy self)
  private mutating func array(_ node: Int, _ step: ProjectionPlan.Step, _ output: inout [UInt8]) {
    guard nodes[node].kind == .array else { fault = .wrongShape("array"); return }
    output.append(0x5B)
    let element = elements[step.first]
    var child = node + 1
    for index in 0..<nodes[node].detail {
      if index > 0 { output.append(0x2C) }
      value(child, element, &output)
      guard fault == nil else { return }
      child = Int(nodes[child].next)
    }
    output.append(0x5D)
  }

  @_lifetime(self: copy self)
  private mutating func map(_ node: Int, _ step: ProjectionPlan.Step, _ output: inout [UInt8]) {
    guard nodes[node].kind == .object else { fault = .wrongShape("object"); return }
    output.append(0x7B)
    let element = elements[step.first]
    var (isFirst, key) = (true, node + 1)
    for _ in 0..<nodes[node].detail {
      defer { key = Int(nodes[key + 1].next) }
      guard !isSecret(key) else { continue }
      if !isFirst { output.append(0x2C) }
      isFirst = false
      copy(from: key, through: key, &output)
      output.append(0x3A)
      value(key + 1, element, &output)
      guard fault == nil else { return }
    }
    output.append(0x7D)
  }

  @_lifetime(self: copy self)
  private mutating func shaped(_ node: Int, _ step: ProjectionPlan.Step, _ output: inout [UInt8]) {
    guard nodes[node].kind == .object, step.count > 0,
      let key = find(shapes[step.first].property, shapes[step.first].fingerprint, of: node, from: node + 1),
      nodes[key + 1].kind == .string
    else { fault = .wrongShape("shape"); return }
    for index in step.first..<step.first + step.count where isNamed(key + 1, shapes[index].value) {
      let shape = shapes[index].step
      return value(node, shape, &output)
    }
    fault = .wrongShape("shape")
  }

  private func null(_ field: ProjectionPlan.Field, isFirst: Bool, _ output: inout [UInt8]) {
    if !isFirst { output.append(0x2C) }
    JSONWriter.append(names.slice(field.name).string(), to: &output)
    output.append(":null")
  }

  // MARK: Copying

  private static let secretName: StaticString = "sinkCredential"
  private static let secretFingerprint = JSONKey.fingerprint(Array(secretName.description.utf8))

  /// True for a key under which a client's secret stands.
  private func isSecret(_ key: Int) -> Bool {
    guard nodes[key].kind == .string, nodes[key].detail == Self.secretFingerprint else { return false }
    let text = bytes.extracting(Int(nodes[key].start) + 1..<Int(nodes[key].end) - 1)
    return nodes[key].hasEscapes ? JSONString.unescaped(text).span.equals(Self.secretName) : text.equals(Self.secretName)
  }

  /// True when the name of a secret stands in a value, as a name or as a text.
  private func holdsSecret(_ node: Int) -> Bool {
    for index in node..<Int(nodes[node].next) where isSecret(index) { return true }
    return false
  }

  /// A value with all that is in it but secrets.
  private func copyWhole(_ node: Int, _ output: inout [UInt8]) {
    guard holdsSecret(node) else { return copy(from: node, through: node, &output) }
    let isObject = nodes[node].kind == .object
    output.append(isObject ? 0x7B : 0x5B)
    var (isFirst, child) = (true, node + 1)
    for _ in 0..<nodes[node].detail {
      let value = isObject ? child + 1 : child
      defer { child = Int(nodes[value].next) }
      guard !isObject || !isSecret(child) else { continue }
      if !isFirst { output.append(0x2C) }
      isFirst = false
      if isObject {
        copy(from: child, through: child, &output)
        output.append(0x3A)
      }
      copyWhole(value, &output)
    }
    output.append(isObject ? 0x7D : 0x5D)
  }

  @inline(__always)
  private func copy(from first: Int, through last: Int, _ output: inout [UInt8]) {
    // Sound: the part is read during the call only.
    unsafe bytes.extracting(Int(nodes[first].start)..<Int(nodes[last].end)).withUnsafeBufferPointer {
      unsafe output.append(contentsOf: $0)
    }
  }
}
