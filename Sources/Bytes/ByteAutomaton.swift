/// A deterministic automaton over bytes: one look-up for each byte, whatever it stands for.
///
/// It reads without checks, because it runs over every text of a body. Sound: `init` writes all rows, and holds that each entry is the
/// place of one of them; a byte has one of 256 columns.
public struct ByteAutomaton: Sendable {
  private static let dead = 0

  /// Of each byte.
  private let columns: [UInt8]
  private let columnCount: Int
  /// By state and column, where the row of the next state begins; that of the state 0 at 0. The last of a row is 1 when its state
  /// accepts.
  private let rows: [UInt32]

  /// The state 0 is the one from which no text is accepted any more; every text begins in the state 1.
  ///
  /// - Parameters:
  ///   - columns: of each of the 256 bytes. Bytes that no state tells apart may share one.
  ///   - next: by state and column, the next state.
  ///   - accepts: by state, whether a text that ends in it is one of those that are looked for.
  /// - Precondition: each column and each next state is there.
  public init(columns: [UInt8], next: [[UInt32]], accepts: [Bool]) {
    let columnCount = Int(columns.max() ?? 0) + 1
    precondition(columns.count == 256 && next.count == accepts.count && next.count > 1)
    var rows: [UInt32] = []
    for (row, isAccepting) in zip(next, accepts) {
      precondition(row.count == columnCount && row.allSatisfy { $0 < next.count })
      rows += row.map { $0 * UInt32(columnCount + 1) }
      rows.append(isAccepting ? 1 : 0)
    }
    self.columns = columns
    self.columnCount = columnCount
    self.rows = rows
  }

  /// True when a text is one of those that are looked for.
  public func accepts(_ text: Span<UInt8>) -> Bool {
    unsafe rows.withUnsafeBufferPointer { rows in
      unsafe columns.withUnsafeBufferPointer { columns in
        unsafe text.withUnsafeBufferPointer { text in
          unsafe Self.accepts(text, rows.baseAddress!, columns.baseAddress!, columnCount)
        }
      }
    }
  }

  @inline(__always)
  private static func accepts(
    _ text: UnsafeBufferPointer<UInt8>, _ rows: UnsafePointer<UInt32>, _ columns: UnsafePointer<UInt8>, _ columnCount: Int
  ) -> Bool {
    var row = columnCount + 1
    for place in 0..<text.count {
      let column = unsafe columns[Int(truncatingIfNeeded: text[place])]
      row = unsafe Int(truncatingIfNeeded: rows[row &+ Int(truncatingIfNeeded: column)])
      guard row != Self.dead else { return false }
    }
    return unsafe rows[row &+ columnCount] != 0
  }
}
