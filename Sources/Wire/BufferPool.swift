import Bytes

/// Bytes that a connection reads into: what is there lies between `lower` and `upper`. Confined to a loop.
final class ReadBuffer {
  static let usualBytes = 16_384

  private(set) var storage: UnsafeMutableRawBufferPointer
  /// The first byte that is not consumed.
  var lower = 0
  /// One past the last byte that was read.
  var upper = 0

  init(bytes: Int = usualBytes) { storage = .allocate(byteCount: bytes, alignment: 16) }
  deinit { storage.deallocate() }

  var capacity: Int { storage.count }
  var count: Int { upper - lower }
  var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: storage[upper...]) }

  /// The first byte of the storage.
  var start: UnsafePointer<UInt8> { UnsafePointer(storage.baseAddress!.assumingMemoryBound(to: UInt8.self)) }

  /// Everything from the start of the storage to `upper`: places found by parsing are places in this.
  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // Sound: the storage lives as long as the buffer, and its first `upper` bytes were written by `read`.
      let span = unsafe Span<UInt8>(_unsafeStart: start, count: upper)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Moves what is not consumed to the start.
  func compact() {
    guard lower > 0 else { return }
    if count > 0 { storage.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[lower..<upper])) }
    upper -= lower
    lower = 0
  }

  /// Makes the storage at least so large; places stay as they are.
  func grow(to bytes: Int) {
    guard bytes > capacity else { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<upper]))
    storage.deallocate()
    storage = larger
  }

  /// Moves a part to another place within the storage; the parts may overlap.
  func move(_ range: Range<Int>, to start: Int) {
    guard !range.isEmpty, range.lowerBound != start else { return }
    UnsafeMutableRawBufferPointer(rebasing: storage[start..<start + range.count])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[range]))
  }
}

/// Buffers that wait for a connection that reads: an idle connection holds none, so that ten thousand of them are cheap.
final class BufferPool {
  private static let countMaximum = 1024
  private var free: [ReadBuffer] = []

  func take() -> ReadBuffer { free.popLast() ?? ReadBuffer() }

  /// Takes a buffer back; one that has grown is let go, so that a large request does not stay in memory.
  func give(_ buffer: ReadBuffer) {
    guard free.count < Self.countMaximum, buffer.capacity == ReadBuffer.usualBytes else { return }
    buffer.lower = 0
    buffer.upper = 0
    free.append(buffer)
  }
}
