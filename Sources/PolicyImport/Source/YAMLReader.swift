#if YAML
  import Bytes
  import CYAML

  /// Reads a YAML document through libyaml's events: one document of maps, lists and scalars.
  ///
  /// Refused with file and line: a name that stands twice, merge keys, tags of an application's own, a second document, a text that is
  /// too deep or too large, also by aliases of aliases (A36).
  struct YAMLReader {
    private let file: String
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var anchors: [String: SourceNode] = [:]
    private var nodes = 0

    /// - Throws: `DocumentError`.
    static func read(_ bytes: [UInt8], file: String) throws(DocumentError) -> SourceNode {
      let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
      defer { parser.deallocate() }
      guard yaml_parser_initialize(parser) == 1 else {
        throw DocumentError(file: file, line: 1, column: 1, reason: "cannot be read: out of memory")
      }
      defer { yaml_parser_delete(parser) }
      // Sound: libyaml reads the bytes until the parser is deleted, and both happen before this function ends.
      let input = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
      defer { input.deallocate() }
      input.update(from: bytes, count: bytes.count)
      yaml_parser_set_input_string(parser, input, bytes.count)
      var reader = YAMLReader(file: file, parser: parser)
      return try reader.document()
    }

    private init(file: String, parser: UnsafeMutablePointer<yaml_parser_t>) {
      self.file = file
      self.parser = parser
    }

    /// What of an event outlives it.
    private struct Event {
      enum Kind { case structure, documentStart, end, scalar(String, isPlain: Bool), alias, sequence, map, close }
      var kind: Kind
      var anchor: String?
      var tag: String?
      var line: Int
      var column: Int
    }

    private mutating func document() throws(DocumentError) -> SourceNode {
      var root: SourceNode?
      while true {
        let event = try next()
        switch event.kind {
        case .end:
          guard let root else { throw error(event, "the document is empty") }
          return root
        case .documentStart:
          guard root == nil else { throw error(event, "a second document in one file is not supported") }
          root = try value(try next(), depth: 0)
        default: continue
        }
      }
    }

    private mutating func value(_ event: Event, depth: Int) throws(DocumentError) -> SourceNode {
      guard depth < SourceLimits.depthMaximum else {
        throw error(event, "is nested deeper than \(SourceLimits.depthMaximum) levels")
      }
      let node: SourceNode
      switch event.kind {
      case .scalar(let text, let isPlain):
        try count(1, event)
        node = SourceNode(try scalar(text, isPlain, event), mark(event))
      case .sequence:
        try count(1, event)
        try check(event, is: "tag:yaml.org,2002:seq")
        node = SourceNode(.array(try sequence(depth)), mark(event))
      case .map:
        try count(1, event)
        try check(event, is: "tag:yaml.org,2002:map")
        node = SourceNode(.object(try map(depth)), mark(event))
      case .alias:
        guard let name = event.anchor, let target = anchors[name] else {
          throw error(event, "an alias names no anchor before it")
        }
        try count(target.weight, event)
        return target
      default: throw error(event, "a value was expected")
      }
      if let anchor = event.anchor { anchors[anchor] = node }
      return node
    }

    private mutating func sequence(_ depth: Int) throws(DocumentError) -> [SourceNode] {
      var elements: [SourceNode] = []
      while true {
        let event = try next()
        if case .close = event.kind { return elements }
        elements.append(try value(event, depth: depth + 1))
      }
    }

    private mutating func map(_ depth: Int) throws(DocumentError) -> [SourceNode.Member] {
      var members: [SourceNode.Member] = []
      var seen: Set<String> = []
      while true {
        let event = try next()
        if case .close = event.kind { return members }
        guard case .scalar(let name, let isPlain) = event.kind else { throw error(event, "a name wants to be a scalar") }
        guard !(isPlain && name == "<<") else { throw error(event, "merge keys (<<) are not supported") }
        guard seen.insert(name).inserted else { throw error(event, "a name stands twice in one object") }
        try count(1, event)
        members.append(SourceNode.Member(name: name, value: try value(try next(), depth: depth + 1)))
      }
    }

    private func scalar(_ text: String, _ isPlain: Bool, _ event: Event) throws(DocumentError) -> SourceNode.Content {
      switch event.tag {
      case nil: return YAMLScalar.content(text, isPlain: isPlain)
      case "tag:yaml.org,2002:str", "!": return .string(text)
      case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null":
        return YAMLScalar.content(text, isPlain: true)
      default: throw error(event, "a tag of this kind is not supported")
      }
    }

    private func check(_ event: Event, is tag: String) throws(DocumentError) {
      guard event.tag == nil || event.tag == tag else { throw error(event, "a tag of this kind is not supported") }
    }

    private mutating func count(_ more: Int, _ event: Event) throws(DocumentError) {
      nodes += more
      guard nodes <= SourceLimits.nodesMaximum else {
        throw error(event, "the document has more than \(SourceLimits.nodesMaximum) values, those of its aliases counted")
      }
    }

    private mutating func next() throws(DocumentError) -> Event {
      var event = yaml_event_t()
      guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
      defer { yaml_event_delete(&event) }
      let (line, column) = (Int(event.start_mark.line) + 1, Int(event.start_mark.column) + 1)
      var result = Event(kind: .structure, line: line, column: column)
      switch event.type {
      case YAML_STREAM_END_EVENT: result.kind = .end
      case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
      case YAML_SCALAR_EVENT:
        let scalar = event.data.scalar
        let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        result.kind = .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        (result.anchor, result.tag) = (Self.text(scalar.anchor), Self.text(scalar.tag))
      case YAML_ALIAS_EVENT:
        result.kind = .alias
        result.anchor = Self.text(event.data.alias.anchor)
      case YAML_SEQUENCE_START_EVENT:
        result.kind = .sequence
        (result.anchor, result.tag) = (Self.text(event.data.sequence_start.anchor), Self.text(event.data.sequence_start.tag))
      case YAML_MAPPING_START_EVENT:
        result.kind = .map
        (result.anchor, result.tag) = (Self.text(event.data.mapping_start.anchor), Self.text(event.data.mapping_start.tag))
      case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: result.kind = .close
      default: break
      }
      return result
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
      pointer.map { String(decodingCString: $0, as: UTF8.self) }
    }

    private func mark(_ event: Event) -> SourceNode.Origin { .mark(file: file, line: event.line, column: event.column) }

    private func error(_ event: Event, _ reason: String) -> DocumentError {
      DocumentError(file: file, line: event.line, column: event.column, reason: reason)
    }

    /// What libyaml says about the text; its words are fixed and repeat nothing of the document.
    private func fault() -> DocumentError {
      let mark = parser.pointee.problem_mark
      let problem = parser.pointee.problem.map { String(cString: $0) } ?? "malformed"
      return DocumentError(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1, reason: "not YAML: \(problem)")
    }
  }
#endif
