import Bytes

/// Finds the errors in the answers of an operation: the codes of the schema, the messages of the examples.
struct ErrorReader {
  let library: SourceLibrary
  let flattener: SchemaFlattener
  let notes: DraftNotes

  /// - Throws: `DocumentError` for a reference that leads nowhere.
  func errors(_ response: SourceNode, status: Int) throws(DocumentError) -> [ErrorFacts] {
    var found: [ErrorFacts] = []
    for media in response["content"]?.members ?? [] where media.name.contains("json") {
      for example in try examples(media.value) {
        guard let code = example["code"]?.string, !code.isEmpty, !code.contains("{") else { continue }
        if let wrong = example["status"]?.integer, wrong != status {
          notes.add(example, "an example of a \(status) says \"status\": \(wrong)")
        }
        if !found.contains(where: { $0.code == code }) {
          found.append(ErrorFacts(status: status, code: code, message: example["message"]?.string))
        }
      }
      guard let schema = media.value["schema"] else { continue }
      for option in try flattener.flatten(schema).property("code")?.options ?? [] {
        guard let code = option.text, !code.isEmpty, !code.contains("{"), !found.contains(where: { $0.code == code }) else {
          continue
        }
        found.append(ErrorFacts(status: status, code: code, message: nil))
      }
    }
    return found
  }

  private func examples(_ media: SourceNode) throws(DocumentError) -> [SourceNode] {
    var examples = media["example"].map { [$0] } ?? []
    for member in media["examples"]?.members ?? [] {
      if let value = try library.resolve(member.value)["value"] { examples.append(value) }
    }
    return examples
  }
}
