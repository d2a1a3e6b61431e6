import Identifiers
import Policy

extension Catalogue {
  /// True when an operation that the scope opens answers with, or about, a person's data.
  func touchesPersonalData(_ scope: Scope) -> Bool { operations(scope).contains(where: \.personalData) }

  /// True when an operation that the scope opens may be called without a user.
  func allowsTwoLegs(_ scope: Scope) -> Bool { operations(scope).contains { $0.legs.contains(2) } }
}
