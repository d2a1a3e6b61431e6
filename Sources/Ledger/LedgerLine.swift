import Bytes
import JOSE

/// The frame of a line: what the writer puts around an entry's members, and how a reader takes it apart by place alone.
enum LedgerLine {
  /// An entry's members at most; what a gateway writes is below 2 KiB.
  static let membersBytesMaximum = 64 << 10
  /// A whole line at most, with its newline: members and frame.
  static let bytesMaximum = membersBytesMaximum + 256
  static let newline: UInt8 = 0x0A
  /// In the place of the hash of a line that is not there.
  static let noHash = Digest32(bytes: [UInt8](repeating: 0, count: 32))!

  private static let opening = Array("{\"seq\":".utf8)
  private static let timeKey = Array(",\"time\":\"".utf8)
  private static let previousKey = Array(",\"prev\":\"".utf8)
  private static let timeCount = 27
  private static let hashCount = 64
  /// `,"prev":"` + 64 digits + `"}`
  private static let closingCount = 9 + 64 + 2

  /// The 64 digits of a hash, written into an array that has room for them: the way of each entry allocates nothing.
  static func write(_ hash: Digest32, into hex: inout [UInt8]) {
    hash.withBytes { bytes in
      for index in 0..<32 {
        hex[2 * index] = Hex.digit(bytes[index] >> 4)
        hex[2 * index + 1] = Hex.digit(bytes[index] & 15)
      }
    }
  }

  /// Appends a line without its newline.
  /// - Parameter previous: the 64 digits of the hash of the line before.
  static func append(
    sequence: UInt64, time: [UInt8], members: Span<UInt8>, previous: [UInt8], to output: inout [UInt8]
  ) {
    output.append(contentsOf: opening)
    output.append(decimal: sequence)
    output.append(contentsOf: timeKey)
    output.append(contentsOf: time)
    output.append(0x22)
    output.append(0x2C)
    // Sound: the members outlive the call, and are only read.
    unsafe members.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
    output.append(contentsOf: previousKey)
    output.append(contentsOf: previous)
    output.append(0x22)
    output.append(0x7D)
  }

  struct Frame {
    var sequence: UInt64
    var time: ByteRange
    var members: ByteRange
    var previous: ByteRange
  }

  /// The parts of a line, or what is wrong with it. Nothing between the frame's parts is looked at.
  static func frame(of line: Span<UInt8>) -> Frame? {
    guard line.count > opening.count + closingCount + timeCount + 12,
      line.extracting(0..<opening.count).equals(opening.span)
    else { return nil }
    var index = opening.count
    var sequence: UInt64 = 0
    let digitsStart = index
    while index < line.count, line[index] >= 0x30, line[index] <= 0x39 {
      guard index - digitsStart < 18 else { return nil }
      sequence = sequence * 10 + UInt64(line[index] - 0x30)
      index += 1
    }
    guard index > digitsStart, line[digitsStart] != 0x30 else { return nil }
    let timeStart = index + timeKey.count
    let membersStart = timeStart + timeCount + 2
    let membersEnd = line.count - closingCount
    guard membersStart < membersEnd, line.extracting(index..<timeStart).equals(timeKey.span),
      line[timeStart + timeCount] == 0x22, line[timeStart + timeCount + 1] == 0x2C,
      line.extracting(membersEnd..<membersEnd + previousKey.count).equals(previousKey.span),
      line[line.count - 2] == 0x22, line[line.count - 1] == 0x7D
    else { return nil }
    return Frame(
      sequence: sequence, time: ByteRange(start: timeStart, count: timeCount),
      members: ByteRange(start: membersStart, count: membersEnd - membersStart),
      previous: ByteRange(start: membersEnd + previousKey.count, count: hashCount))
  }

  /// True when the line names this hash as that of the line before it.
  static func follows(_ line: Span<UInt8>, _ frame: Frame, _ hash: Digest32) -> Bool {
    var wanted = [UInt8](repeating: 0x30, count: hashCount)
    write(hash, into: &wanted)
    return line.slice(frame.previous).equals(wanted.span)
  }
}
