import Dispatch
import Glibc

/// The signals of a running gateway.
///
/// `SIGTERM`, `SIGINT` and `SIGHUP` write a byte into a pipe, which is all that a signal handler may safely do. So a signal that comes before
/// anybody waits for it is kept, not lost.
struct Signals {
  // Written once, before the handler is installed, and only read afterwards.
  private nonisolated(unsafe) static var writeEnd: Int32 = -1
  private let readEnd: Int32

  /// Takes over the signals of the process; from now on it ends only when it is told to by `terminated`. `SIGPIPE` is ignored: a
  /// vanished peer is an error of one write. Once in a process.
  init() throws(CommandFailure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw CommandFailure("no descriptors are left: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    readEnd = ends[0]
    Signals.writeEnd = ends[1]
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGTERM, SIGINT, SIGHUP] {
      signal(number) { number in
        // What was interrupted must find its own error when it goes on.
        let interrupted = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(Signals.writeEnd, &byte, 1)
        errno = interrupted
      }
    }
  }

  /// Returns when `SIGTERM` or `SIGINT` has come.
  ///
  /// - Parameter reload: called for each `SIGHUP` before, one after another, on a thread of its own.
  func terminated(reload: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { [readEnd] in
        var byte: UInt8 = 0
        while true {
          let count = read(readEnd, &byte, 1)
          if count == 1, byte == UInt8(SIGHUP) { reload() } else if count >= 0 || errno != EINTR { break }
        }
        continuation.resume()
      }
    }
  }
}
