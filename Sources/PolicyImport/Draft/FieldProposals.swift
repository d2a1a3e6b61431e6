import Policy

/// Proposes for a field of an answer what it is to a person, by its name. Every proposal is a guess for somebody to review.
struct FieldProposals {
  enum Proposal: Equatable {
    case category(String)
    /// It says nothing of a person.
    case always
    /// Nothing tells: a person has to decide, and until then it does not leave.
    case unknown
  }

  /// Field names to categories, as `categories.json` has them in `fields`.
  let categories: [String: String]

  /// Ends of names that say when or which, and nothing of a person.
  private static let plainEndings = [
    "Id", "ID", "At", "Time", "Status", "Date", "Url", "URL", "Uri", "Count", "Type", "Info", "Period",
  ]
  private static let plainNames: Set<String> = [
    "id", "status", "type", "types", "protocol", "sink", "qosProfile", "duration", "name", "description", "code", "message",
    "lastChecked",
    "subscriptionMaxEvents", "initialEvent", "unit", "value", "page", "perPage", "totalCount", "totalPages", "geohash",
  ]

  /// - Parameter path: the names that lead to the field, outermost first.
  func proposal(_ path: [String], isAboutPerson: Bool) -> Proposal {
    // The nearest name that says something: `latitude` says nothing, the `area` that it lies in does.
    for index in path.indices.reversed() {
      if index > 0, let category = categories[path[index - 1] + "." + path[index]] { return .category(category) }
      if let category = categories[path[index]] { return .category(category) }
    }
    guard isAboutPerson else { return .always }
    let name = path.last ?? ""
    return Self.plainNames.contains(name) || Self.plainEndings.contains(where: name.hasSuffix) ? .always : .unknown
  }
}
