import Bytes
import JOSE

/// What an entry can be found by: a member and its value, as the upper half of an index record.
///
/// A record is one word: 3 bits of the member, 29 of the value's SHA-256, 32 of the entry's place in its segment. Two values that share
/// a term cost a look at a line that does not match; they can never change an answer.
struct IndexTerm: Hashable, Comparable {
  enum Member: UInt32, CaseIterable {
    case subject, client, correlator, event, decision

    var name: StaticString {
      switch self {
      case .subject: "subject"
      case .client: "client_id"
      case .correlator: "correlator"
      case .event: "event"
      case .decision: "decision"
      }
    }

    /// What nearly every entry says narrows nothing down, and would double the index.
    var unindexedValue: StaticString {
      switch self {
      case .event: "api.call"
      case .decision: "allowed"
      case .subject, .client, .correlator: ""
      }
    }
  }

  let word: UInt32

  init(_ member: Member, _ value: Span<UInt8>) {
    let bytes = SHA256.digest(value).bytes
    let hash = UInt32(bytes[0]) << 24 | UInt32(bytes[1]) << 16 | UInt32(bytes[2]) << 8 | UInt32(bytes[3])
    word = member.rawValue << 29 | hash >> 3
  }

  func record(_ ordinal: UInt32) -> UInt64 { UInt64(word) << 32 | UInt64(ordinal) }

  static func < (left: IndexTerm, right: IndexTerm) -> Bool { left.word < right.word }

  /// What a filter asks for, of what is indexed.
  static func terms(of filter: LedgerFilter) -> [IndexTerm] {
    let wanted: [(Member, String?)] = [
      (.subject, filter.subject), (.client, filter.client), (.correlator, filter.correlator), (.event, filter.event),
      (.decision, filter.decision),
    ]
    return wanted.compactMap { member, value in
      guard let value, value != member.unindexedValue.description else { return nil }
      return IndexTerm(member, Array(value.utf8).span)
    }
  }

  /// Calls the body with each term of an entry.
  ///
  /// - Parameter tape: the line, parsed.
  static func forEach(of line: Span<UInt8>, _ tape: JSONTape, _ memory: inout Memory, _ body: (IndexTerm) -> Void) {
    for member in Member.allCases {
      guard let node = tape.member(member.name, of: 0, in: line), tape.kind(node) == .string,
        !tape.stringEquals(node, member.unindexedValue, in: line)
      else { continue }
      body(memory.term(member, node, tape, line))
    }
  }

  /// The term of each member that was made last: clients and subjects often come several times in a row.
  struct Memory {
    private var last: [(value: [UInt8], term: IndexTerm)?] = Array(repeating: nil, count: Member.allCases.count)

    mutating func term(_ member: Member, _ node: Int, _ tape: JSONTape, _ line: Span<UInt8>) -> IndexTerm {
      let place = Int(member.rawValue)
      if let last = last[place], tape.stringEquals(node, last.value, in: line) { return last.term }
      let value = Array((tape.string(node, in: line) ?? "").utf8)
      let term = IndexTerm(member, value.span)
      last[place] = (value, term)
      return term
    }
  }
}
