import Accounting
import Identifiers
import JOSE
import Policy

/// What the files of an installation say at one moment: the configuration and the policies that it names, checked, with the digests
/// under which the ledger knows them. Immutable; a reload makes another one.
struct Ruleset: Sendable {
  let configuration: Configuration
  let catalogue: Catalogue
  /// The configuration's plans, and for who has none the policies' prices.
  let plans: PlanBook
  /// SHA-256 in hexadecimal over the names and digests of the files of the folder.
  let policiesDigest: String

  /// Reads the policies.
  ///
  /// - Throws: `CommandFailure` that says all that is wrong with them, or that they changed while they were read.
  init(_ configuration: Configuration) throws(CommandFailure) {
    self.configuration = configuration
    let digest = try Self.digest(of: configuration.policies)
    catalogue = try Self.catalogue(configuration)
    plans = Self.plans(configuration, catalogue)
    policiesDigest = try Self.digest(of: configuration.policies)
    guard policiesDigest == digest else {
      throw CommandFailure("\(configuration.policies): changed while it was read; try again")
    }
  }

  static func catalogue(_ configuration: Configuration) throws(CommandFailure) -> Catalogue {
    do { return try Catalogue.load(directory: configuration.policies) } catch { throw CommandFailure("\(error)") }
  }

  /// The configuration's plans, and for who has none the policies' prices. Versions of one API share its name; an operation has one
  /// price in all of them, the newest's.
  static func plans(_ configuration: Configuration, _ catalogue: Catalogue) -> PlanBook {
    var plans = configuration.billing
    for operation in catalogue.operationsByIndex {
      guard let price = operation.price, let currency = Currency(rawValue: price.currency) else { continue }
      plans.setListPrice(
        api: operation.api.rawValue, operation: operation.id.rawValue, micros: price.amountMicros, currency: currency)
    }
    return plans
  }

  private static func digest(of folder: String) throws(CommandFailure) -> String {
    var text = ""
    for name in try Files.names(in: folder) where name.hasSuffix(".json") {
      text += "\(SHA256.digest(try Files.read(folder + "/" + name)).hex)  \(name)\n"
    }
    return SHA256.digest(Array(text.utf8)).hex
  }
}

extension Catalogue {
  /// What is said of kinds of resources that the store has and no policy knows; nil where there are none.
  func remark(resourceKinds kinds: [String]) -> String? {
    let unknown = unknown(resourceKinds: kinds)
    guard !unknown.isEmpty else { return nil }
    return "resources of clients are kept that no policy knows, so nobody can read or end them here: "
      + unknown.joined(separator: ", ")
  }
}
