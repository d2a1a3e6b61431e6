import Bytes

/// The header fields of a message, as places in its bytes. Used again from message to message.
///
/// A class, so that whoever reads an answer shares it with the parser that filled it. Confined to its loop.
final class FieldLines {
  struct Line {
    var name: ByteRange
    var value: ByteRange
    var known: KnownField?
  }

  private var lines: [Line] = []
  /// The first field of each known name, and how many there are.
  private var first = InlineArray<32, Int16>(repeating: -1)
  private var counts = InlineArray<32, UInt8>(repeating: 0)

  var count: Int { lines.count }
  subscript(index: Int) -> Line { lines[index] }

  func removeAll() {
    lines.removeAll(keepingCapacity: true)
    first = InlineArray<32, Int16>(repeating: -1)
    counts = InlineArray<32, UInt8>(repeating: 0)
  }

  func append(name: ByteRange, value: ByteRange, known field: KnownField?) {
    if let field {
      let slot = Int(field.rawValue)
      if first[slot] < 0 { first[slot] = Int16(lines.count) }
      if counts[slot] < .max { counts[slot] += 1 }
    }
    lines.append(Line(name: name, value: value, known: field))
  }

  /// The value of the first field of a name.
  func first(_ field: KnownField) -> ByteRange? {
    let index = first[Int(field.rawValue)]
    return index < 0 ? nil : lines[Int(index)].value
  }

  func count(of field: KnownField) -> Int { Int(counts[Int(field.rawValue)]) }
}
