/// Brings a new draft into a policy that a person has edited since the last one.
///
/// What the person left as it was drafted follows the document; what they changed stays, and is told of where the document now says
/// something else. Who and what a call is about, and what a field is to a person, are marked for review again when they change.
struct PolicyMerge {
  private(set) var changes: [PolicyChange] = []
  /// There is a record of the last draft. Without one nobody can tell an edit from a draft: everything stays, and only what cannot
  /// leave before a review is added.
  private let hasRecord: Bool

  private init(hasRecord: Bool) { self.hasRecord = hasRecord }

  /// - Parameters:
  ///   - record: the last draft; nil when there is none.
  ///   - mine: the file as it stands.
  static func merge(record: PolicyTree?, mine: PolicyTree, draft: PolicyTree) -> (tree: PolicyTree, changes: [PolicyChange]) {
    var merge = PolicyMerge(hasRecord: record != nil)
    var tree = merge.object(record, mine, draft, [])
    for change in merge.changes where change.kind != .kept { mark(change.path, &tree) }
    return (tree, merge.changes)
  }

  private mutating func object(_ record: PolicyTree?, _ mine: PolicyTree, _ draft: PolicyTree, _ path: [String]) -> PolicyTree {
    var result = mine
    for entry in mine.members where !Self.isMark(entry) {
      result[entry.name] = value(record?[entry.name], entry.value!, draft[entry.name], path + [entry.name])
    }
    var previous: String?
    for entry in draft.members where !Self.isMark(entry) {
      defer { previous = entry.name }
      guard mine[entry.name] == nil, let value = entry.value else { continue }
      let here = path + [entry.name]
      guard let old = record?[entry.name] else {
        guard hasRecord || Self.waitsForReview(here) else { note(.kept, here, nil, value); continue }
        note(.added, here, nil, value)
        result = Self.insert(entry, after: previous, in: result)
        continue
      }
      // The person took it away. That is told of only when it means something else now.
      if old != value { note(.kept, here, nil, value) }
    }
    return result
  }

  /// - Returns: what stands in the file from now on; nil for nothing.
  private mutating func value(_ record: PolicyTree?, _ mine: PolicyTree, _ draft: PolicyTree?, _ path: [String]) -> PolicyTree? {
    guard let draft else {
      // The person's own, or what they changed, stays.
      guard let record else { return mine }
      guard Self.unmarked(record) == Self.unmarked(mine) else { note(.kept, path, mine, nil); return mine }
      note(.removed, path, mine, nil)
      return nil
    }
    if mine == draft { return mine }
    if mine.isObject, draft.isObject { return object(record, mine, draft, path) }
    if let record, record == mine { note(.changed, path, mine, draft); return draft }
    if record == nil || record != draft { note(.kept, path, mine, draft) }
    return mine
  }

  private mutating func note(_ kind: PolicyChange.Kind, _ path: [String], _ was: PolicyTree?, _ draft: PolicyTree?) {
    changes.append(PolicyChange(kind: kind, path: path, was: was, draft: draft))
  }

  // MARK: Review

  private static let reviewKey = "review"

  /// A field of an answer may have the same name; it is an object.
  private static func isMark(_ entry: PolicyTree.Entry) -> Bool {
    guard entry.name == reviewKey, let value = entry.value else { return false }
    return !value.isObject
  }

  /// Members of an operation that say who it is about and who may call it.
  private static let weighty: Set<String> = [
    "method", "path", "scopes", "eventScopes", "legs", "authenticatedBy", "personalData", "subject", "resource", "headers",
    "request", "query", "parameters",
  ]
  /// Members of a field that say when it leaves.
  private static let decisive: Set<String> = ["category", "release", "whole", "named", "scopes", "withheld", "shapes"]

  /// New operations and new fields of answers carry the mark themselves.
  private static func waitsForReview(_ path: [String]) -> Bool {
    path.count == 2 && path[0] == "operations" || place(of: path) == "fields"
  }

  /// Of a path to what stands in an answer under a name that may be anything: what the names are of. Nil where the last word is the
  /// policy's own.
  private static func place(of path: [String]) -> String? {
    guard path.count > 4, path[0] == "operations", path[2] == "response" else { return nil }
    var place: String?
    for index in 4..<path.count {
      let isName = place == nil && ["fields", "values", "headers", "answers"].contains(path[index - 1])
      place = isName ? path[index - 1] : nil
    }
    return place
  }

  /// Marks the operation or the field that a change concerns.
  private static func mark(_ path: [String], _ tree: inout PolicyTree) {
    if path.count > 1, path[0] == "schemas" { return markUsers(of: path[1], &tree) }
    guard path.count > 2, path[0] == "operations" else { return }
    if weighty.contains(path[2]) { set(Array(path.prefix(2)), &tree) }
    guard path[2] == "response", let last = path.last, decisive.contains(last), place(of: path) == nil else { return }
    set(Array(path.dropLast()), &tree)
  }

  /// The operations whose requests hold what a schema lets through, directly or by other schemas.
  private static func markUsers(of name: String, _ tree: inout PolicyTree) {
    var names: Set<String> = [name]
    let schemas = tree["schemas"]?.members ?? []
    while let more = schemas.first(where: { !names.contains($0.name) && ($0.value.map { refers($0, to: names) } ?? false) }) {
      names.insert(more.name)
    }
    for operation in tree["operations"]?.members ?? [] {
      if let request = operation.value?["request"], refers(request, to: names) { set(["operations", operation.name], &tree) }
    }
  }

  private static func refers(_ tree: PolicyTree, to names: Set<String>) -> Bool {
    if let name = tree["ref"]?.string, names.contains(name) { return true }
    return tree.members.contains { $0.value.map { refers($0, to: names) } ?? false }
      || tree.elements.contains { refers($0, to: names) }
  }

  private static func set(_ path: [String], _ tree: inout PolicyTree) {
    guard let name = path.first else {
      if tree.isObject { tree[reviewKey] = .boolean(true) }
      return
    }
    guard var inner = tree[name] else { return }
    set(Array(path.dropFirst()), &inner)
    tree[name] = inner
  }

  /// Without the marks: to take one away is no edit.
  private static func unmarked(_ tree: PolicyTree) -> PolicyTree {
    switch tree {
    case .object(let entries):
      return .object(
        entries.filter { !isMark($0) }.map { entry in
          var entry = entry
          entry.value = entry.value.map(unmarked)
          return entry
        })
    case .array(let entries): return .array(entries.map { PolicyTree.Entry("", $0.value.map(unmarked)) })
    default: return tree
    }
  }

  /// Where the draft has it: behind the member that stands before it there.
  private static func insert(_ entry: PolicyTree.Entry, after previous: String?, in tree: PolicyTree) -> PolicyTree {
    guard case .object(var entries) = tree else { return tree }
    let index = previous.flatMap { name in entries.firstIndex { $0.value != nil && $0.name == name } }.map { $0 + 1 }
    entries.insert(entry, at: index ?? (previous == nil ? 0 : entries.count))
    return .object(entries)
  }
}
