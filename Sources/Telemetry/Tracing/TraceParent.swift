import Bytes

/// Where a call stands in a trace: the field `traceparent` (W3C Trace Context §3.2).
public struct TraceParent: Sendable, Equatable {
  /// 128 bits that are not all zero, the same for all spans of a trace.
  public var trace: TraceID
  /// Not zero.
  public var span: UInt64
  /// The lowest bit: whoever sent it records the trace. Others are handed on as far as they are known (level 2: random trace id).
  public var flags: UInt8

  public static let sampled: UInt8 = 1
  static let random: UInt8 = 2

  public var isSampled: Bool { flags & Self.sampled != 0 }

  public init(trace: TraceID, span: UInt64, flags: UInt8) {
    self.trace = trace
    self.span = span
    self.flags = flags
  }

  /// Nil when it is not what it claims to be. Of a version that is not known yet the parts of version 00 are read (§3.2.3.1).
  public init?(_ value: Span<UInt8>) {
    guard value.count >= 55, value[2] == 0x2D, value[35] == 0x2D, value[52] == 0x2D else { return nil }
    guard let version = Self.number(value, 0..<2), version != 0xFF else { return nil }
    guard value.count == 55 || (version > 0 && value[55] == 0x2D) else { return nil }
    guard let high = Self.number(value, 3..<19), let low = Self.number(value, 19..<35), high | low != 0,
      let span = Self.number(value, 36..<52), span != 0, let flags = Self.number(value, 53..<55)
    else { return nil }
    self.init(
      trace: TraceID(high: high, low: low), span: span, flags: UInt8(flags) & (Self.sampled | Self.random))
  }

  /// Small letters alone: §3.2.2 has no others.
  private static func number(_ value: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
    var number: UInt64 = 0
    for index in range {
      let byte = value[index]
      switch byte {
      case 0x30...0x39: number = number << 4 | UInt64(byte - 0x30)
      case 0x61...0x66: number = number << 4 | UInt64(byte - 0x61 + 10)
      default: return nil
      }
    }
    return number
  }

  /// Appends the value of the field, in version 00.
  public func append(to output: inout [UInt8]) {
    output.append("00-")
    trace.append(to: &output)
    output.append(0x2D)
    output.append(hex: span)
    output.append("-0")
    output.append(Hex.digit(flags))
  }
}

/// The name of a trace.
public struct TraceID: Sendable, Hashable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  func append(to output: inout [UInt8]) {
    output.append(hex: high)
    output.append(hex: low)
  }
}

extension [UInt8] {
  /// Appends 16 digits.
  mutating func append(hex value: UInt64) {
    for shift in stride(from: 60, through: 0, by: -4) { append(Hex.digit(UInt8(value >> UInt64(shift) & 15))) }
  }
}
