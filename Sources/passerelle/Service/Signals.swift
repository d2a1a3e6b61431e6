import Dispatch
import Glibc

/// The signals of a running gateway.
enum Signals {
  /// Returns when `SIGTERM` or `SIGINT` arrives. `SIGPIPE` is ignored from now on: a vanished peer is an error of one write.
  static func terminated() async {
    signal(SIGPIPE, SIG_IGN)
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    let first = AsyncStream<Void> { continuation in
      for source in sources {
        source.setEventHandler { continuation.finish() }
        source.resume()
      }
    }
    for await _ in first {}
    for source in sources { source.cancel() }
  }
}
