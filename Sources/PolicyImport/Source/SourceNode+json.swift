import Bytes

extension SourceNode {
  /// Reads a JSON document. A duplicate name, a text too deep or too large is refused.
  ///
  /// - Throws: `DocumentError` with file and line.
  static func json(_ bytes: [UInt8], file: String) throws(DocumentError) -> SourceNode {
    let limits = JSONLimits(depthMaximum: SourceLimits.depthMaximum, nodesMaximum: SourceLimits.nodesMaximum)
    return node(try JSONDocument(bytes, file: file, limits: limits).root)
  }

  private static func node(_ value: JSONValue) -> SourceNode {
    let content: Content
    switch value.kind {
    case .object: content = .object(value.keys.map { Member(name: $0.name, value: node($0.value)) })
    case .array: content = .array((value.array ?? []).map(node))
    case .string: content = .string(value.string ?? "")
    case .number:
      let text = String(decoding: value.raw, as: UTF8.self)
      content = .number(json: text, written: text)
    case .true: content = .boolean(true)
    case .false: content = .boolean(false)
    case .null: content = .null
    }
    return SourceNode(content, .json(value))
  }
}
