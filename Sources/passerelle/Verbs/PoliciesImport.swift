import Bytes
import Policy
import PolicyImport

/// `passerelle policies import SPEC`: the policy of an API from its OpenAPI document, for a person to review.
enum PoliciesImport {
  /// Files that every folder of policies has.
  private static let commonFiles = ["categories.json", "purposes.json", "legal-bases.json"]
  /// Where the last draft of each policy is kept, so that the next import can tell a person's edits from it.
  private static let recordFolder = "imports"

  /// Where things are read and written.
  private struct Places {
    let folder: String
    /// Of the policy; it may not be there yet.
    let name: String
    /// The policy of this base path is there.
    let isPresent: Bool

    var policy: String { folder + "/" + name }
    var record: String { folder + "/" + recordFolder + "/" + name }
  }

  static func run(_ arguments: Arguments, folder: String) throws {
    let words = arguments.positional.dropFirst()
    guard let document = words.first, words.count == 1 else {
      throw UsageError(words.isEmpty ? "SPEC, an OpenAPI document, is missing" : "policies import reads one document at a time")
    }
    let isDry = arguments.flag("--dry-run")
    // Until something is written, the shipped files stand for those that a new folder does not have yet.
    let shipped = commonFiles.allSatisfy { Files.exists(folder + "/" + $0) } ? folder : try ShippedPolicies.folder()
    let categories = Files.exists(folder + "/categories.json") ? folder + "/categories.json" : shipped + "/categories.json"
    let (places, outcome) = try read(document, folder, categories)
    let isChanged = !places.isPresent || !outcome.changes.allSatisfy { $0.kind == .kept }
    let beside = isDry ? [] : try write(outcome, places, shipped, isChanged: isChanged)
    report(outcome, places, beside: beside, isDry: isDry, isChanged: isChanged, arguments)
  }

  private static func read(
    _ document: String, _ folder: String, _ categories: String
  ) throws(CommandFailure) -> (Places, PolicyImporter.Outcome) {
    do throws(DocumentError) {
      let importer = try PolicyImporter(document: document, categories: (try readBytes(categories), categories))
      let places = try self.places(importer, folder)
      let outcome = try importer.outcome(
        present: places.isPresent ? (try readBytes(places.policy), places.policy) : nil,
        record: Files.exists(places.record) ? (try readBytes(places.record), places.record) : nil)
      return (places, outcome)
    } catch { throw CommandFailure("\(error)") }
  }

  private static func readBytes(_ path: String) throws(DocumentError) -> [UInt8] {
    do throws(CommandFailure) { return try Files.read(path) } catch {
      throw fault(error, path)
    }
  }

  /// What a failure says of a file names it already, as its place does.
  private static func fault(_ failure: CommandFailure, _ path: String) -> DocumentError {
    let named = path + ": "
    let reason = failure.message.hasPrefix(named) ? String(failure.message.dropFirst(named.count)) : failure.message
    return DocumentError(file: path, line: 1, column: 1, reason: "cannot be read: " + reason)
  }

  /// None where the folder is not there yet.
  private static func names(in folder: String) throws(DocumentError) -> [String] {
    guard Files.exists(folder) else { return [] }
    do throws(CommandFailure) { return try Files.names(in: folder) } catch {
      throw fault(error, folder)
    }
  }

  /// The file that has the base path already, whatever it is called; else the one that is proposed.
  private static func places(_ importer: PolicyImporter, _ folder: String) throws(DocumentError) -> Places {
    let names = try self.names(in: folder).filter { $0.hasSuffix(".json") && !commonFiles.contains($0) }
    for name in names {
      let root = try JSONDocument(readBytes(folder + "/" + name), file: folder + "/" + name, dialect: .commented).root
      if root["basePath"]?.string == importer.basePath { return Places(folder: folder, name: name, isPresent: true) }
    }
    guard !names.contains(importer.fileName) else {
      throw DocumentError(
        file: folder + "/" + importer.fileName, line: 1, column: 1,
        reason: "is about another base path than \(importer.basePath): rename it, then import again")
    }
    return Places(folder: folder, name: importer.fileName, isPresent: false)
  }

  /// Nothing is written that the gateway would refuse.
  ///
  /// - Returns: what was written beside the policy, with what it is for.
  private static func write(
    _ outcome: PolicyImporter.Outcome, _ places: Places, _ shipped: String, isChanged: Bool
  ) throws(CommandFailure) -> [(file: String, purpose: String)] {
    var written: [(file: String, purpose: String)] = []
    try Files.makeFolder(places.folder, mode: 0o755)
    for name in commonFiles where !Files.exists(places.folder + "/" + name) {
      try Files.write(Files.read(shipped + "/" + name), to: places.folder + "/" + name, mode: 0o644)
      written.append((places.folder + "/" + name, "as it is shipped"))
    }
    do throws(PolicyErrors) {
      _ = try Catalogue.load(directory: places.folder, replacing: [places.name: outcome.text])
    } catch { throw CommandFailure("the draft would not pass policies check, so it is not written: \(error)") }
    if isChanged { try Files.write(outcome.text, to: places.policy, mode: 0o644) }
    try Files.makeFolder(places.folder + "/" + recordFolder, mode: 0o755)
    try Files.write(outcome.record, to: places.record, mode: 0o644)
    written.append((places.record, "this draft, by which the next import tells edits from drafts: keep it with the policies"))
    return written
  }

  // MARK: Report

  private static func report(
    _ outcome: PolicyImporter.Outcome, _ places: Places, beside: [(file: String, purpose: String)], isDry: Bool,
    isChanged: Bool, _ arguments: Arguments
  ) {
    guard !arguments.flag("--json") else {
      Output.json(json(outcome, places, beside: beside.map(\.file), isDry: isDry, isChanged: isChanged))
      return
    }
    for note in outcome.notes { Output.line("\(note.file):\(note.line): \(note.text)") }
    for change in outcome.changes { Output.line(change.line) }
    if isDry, !places.isPresent { Output.bytes(outcome.text) }
    let verb = isDry ? "would be" : "is"
    if !places.isPresent {
      Output.line("\(places.policy): \(outcome.api) \(outcome.version) \(verb) written")
    } else {
      Output.line("\(places.policy): \(isChanged ? "\(verb) changed" : "nothing changes")")
    }
    for (file, purpose) in beside { Output.line("\(file): \(purpose)") }
    guard !outcome.unreviewed.isEmpty else { return }
    Output.line(
      "\(outcome.unreviewed.count) places say \"review\": what they are about is not served and does not leave until the mark is gone"
    )
    guard !isDry else { return }
    Output.line("next: look at each of them, then passerelle policies check \(places.folder) --reviewed")
  }

  private static func json(
    _ outcome: PolicyImporter.Outcome, _ places: Places, beside: [String], isDry: Bool, isChanged: Bool
  ) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("api", outcome.api)
    writer.field("version", outcome.version)
    writer.field("file", places.policy)
    writer.field("new", !places.isPresent)
    writer.field("changed", isChanged)
    writer.field("written", !isDry && isChanged)
    writer.field("beside", beside)
    writer.key("changes")
    writer.beginArray()
    for change in outcome.changes {
      writer.beginObject()
      writer.field("kind", change.kind.rawValue)
      writer.field("place", change.place)
      writer.key("was")
      writer.raw(change.was?.strictJSON ?? Array("null".utf8))
      writer.key("draft")
      writer.raw(change.draft?.strictJSON ?? Array("null".utf8))
      writer.endObject()
    }
    writer.endArray()
    writer.key("notes")
    writer.beginArray()
    for note in outcome.notes {
      writer.beginObject()
      writer.field("file", note.file)
      writer.field("line", note.line)
      writer.field("text", note.text)
      writer.endObject()
    }
    writer.endArray()
    writer.field("unreviewed", outcome.unreviewed)
    writer.endObject()
    return writer.bytes
  }
}
