import Bytes

/// Reads a chunked body (RFC 9112 §7.1) in place: the data moves together at the front, over the framing between.
///
/// Strict: sizes are 1 to 8 hexadecimal digits followed by CRLF; extensions and trailers, which nothing here needs and which
/// recipients have read differently, are refused (A26).
struct ChunkedDecoder {
  enum Progress: Equatable {
    case needsMore
    case complete
    case malformed
    case tooLarge
  }

  private enum State { case size, data(Int), dataEnd, lastEnd, complete }

  private var state = State.size
  /// Where the next byte to be read stands.
  private(set) var read: Int
  /// One past the data that was read so far.
  private(set) var written: Int
  private let start: Int

  /// Begins at a place, where the data will lie too.
  init(at place: Int) {
    (start, read, written) = (place, place, place)
  }

  /// Reads what is there.
  ///
  /// - Parameter bodyBytesMaximum: of the data, all chunks together.
  mutating func advance(_ buffer: ReadBuffer, bodyBytesMaximum: Int) -> Progress {
    while true {
      switch state {
      case .size:
        switch size(buffer.bytes) {
        case .needsMore: return .needsMore
        case .malformed: return .malformed
        case .size(let size):
          guard size <= bodyBytesMaximum - (written - start) else { return .tooLarge }
          state = size == 0 ? .lastEnd : .data(size)
        }
      case .data(let left):
        let count = min(left, buffer.upper - read)
        buffer.move(read..<read + count, to: written)
        read += count
        written += count
        guard count == left else { state = .data(left - count); return .needsMore }
        state = .dataEnd
      case .dataEnd, .lastEnd:
        guard buffer.upper - read >= 2 else { return startsWrong(buffer.bytes) ? .malformed : .needsMore }
        guard buffer.bytes[read] == 0x0D, buffer.bytes[read + 1] == 0x0A else { return .malformed }
        read += 2
        if case .lastEnd = state { state = .complete } else { state = .size }
      case .complete: return .complete
      }
    }
  }

  /// The room that was read is free again: what follows can be moved down to `written`.
  mutating func compact(_ buffer: ReadBuffer) {
    buffer.move(read..<buffer.upper, to: written)
    buffer.upper -= read - written
    read = written
  }

  private func startsWrong(_ bytes: Span<UInt8>) -> Bool { read < bytes.count && bytes[read] != 0x0D }

  private enum Size { case needsMore, malformed, size(Int) }

  private mutating func size(_ bytes: Span<UInt8>) -> Size {
    var value = 0
    var index = read
    while index < bytes.count, let digit = Self.digit(bytes[index]) {
      guard index - read < 8 else { return .malformed }
      value = value << 4 | digit
      index += 1
    }
    guard index < bytes.count else { return index - read > 8 ? .malformed : .needsMore }
    guard index > read, bytes[index] == 0x0D else { return .malformed }
    guard index + 1 < bytes.count else { return .needsMore }
    guard bytes[index + 1] == 0x0A else { return .malformed }
    read = index + 2
    return .size(value)
  }

  private static func digit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte - 0x30)
    case 0x41...0x46: Int(byte - 0x41 + 10)
    case 0x61...0x66: Int(byte - 0x61 + 10)
    default: nil
    }
  }
}
