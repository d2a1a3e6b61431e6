import Bytes
import Identifiers
import Store

/// Whose consent, to whom, for what: there is one record for each.
public struct ConsentKey: Hashable, Sendable {
  public let subject: SubjectPseudonym
  public let client: ClientID
  public let purpose: Purpose

  public init(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) {
    self.subject = subject
    self.client = client
    self.purpose = purpose
  }

  /// Its place on the change board. It has its subject's, too (`subject.changeHash`): a change there is one of all about the subject.
  public var changeHash: UInt64 { ChangeBoard.hash(subject.rawValue, client.rawValue, purpose.rawValue) }
}

/// Who says how it stands with a consent: the register here (`RegisterSource`), or the consent master that an operator has already
/// (`ConsentMaster`). What follows from a record says the one decision function, wherever it came from.
///
/// Safe from any thread.
public protocol ConsentSource: Sendable {
  /// The ledger's word for it; nil for the register here.
  var word: StaticString? { get }
  /// How long an answer may be taken for true; nil: as long as the change board does not say otherwise.
  var validity: ConsentValidity? { get }
  /// The record when it can be had without waiting, which takes microseconds; otherwise `row` has to be awaited.
  func look(_ key: ConsentKey) throws -> ConsentLook
  /// The record as it is now.
  ///
  /// - Parameter stamp: of the key on the change board, read just before: nothing that was asked under an older one is an answer.
  func row(_ key: ConsentKey, stamp: UInt64) async throws -> ConsentRow?
  /// Every record about a subscriber, whatever became of it.
  func rows(of subject: SubjectPseudonym) async throws -> [ConsentRow]
  /// A change is in the store here, and its entry in the ledger. Returns once the source's answers include it, or when that takes
  /// longer than somebody can wait.
  func took(_ event: ConsentEventRow) async
  /// Changes may be in the store here that the source has to learn; it does not wait for that.
  func wake()
  /// True once the source knows all that was decided here about the subscriber; false when that takes too long.
  func isSettled(_ subject: SubjectPseudonym) async throws -> Bool
}

public enum ConsentLook: Sendable {
  case known(ConsentRow?)
  case mustAsk
}

/// How long what somebody else said about a consent is believed.
public struct ConsentValidity: Sendable {
  public var rememberedNanoseconds: UInt64
  /// Beyond that, and only while the source cannot be asked.
  public var overdueNanoseconds: UInt64

  public init(rememberedSeconds: Int, overdueSeconds: Int) {
    rememberedNanoseconds = UInt64(rememberedSeconds) * 1_000_000_000
    overdueNanoseconds = UInt64(overdueSeconds) * 1_000_000_000
  }
}

/// The register's own store: always at hand, and never wrong.
struct RegisterSource: ConsentSource {
  let store: any ConsentStore

  var word: StaticString? { nil }
  var validity: ConsentValidity? { nil }

  func look(_ key: ConsentKey) throws -> ConsentLook {
    .known(try store.record(subject: key.subject, client: key.client, purpose: key.purpose))
  }

  func row(_ key: ConsentKey, stamp: UInt64) async throws -> ConsentRow? {
    try store.record(subject: key.subject, client: key.client, purpose: key.purpose)
  }

  func rows(of subject: SubjectPseudonym) async throws -> [ConsentRow] {
    var rows: [ConsentRow] = []
    while true {
      let page = try store.search(ConsentFilter(subject: subject, limit: ConsentFilter.limitMaximum, after: rows.last?.id))
      rows += page
      guard page.count == ConsentFilter.limitMaximum else { return rows }
    }
  }

  func took(_ event: ConsentEventRow) async {}
  func wake() {}
  func isSettled(_ subject: SubjectPseudonym) async throws -> Bool { true }
}
