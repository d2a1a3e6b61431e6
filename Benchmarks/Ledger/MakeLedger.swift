import Bytes
import Dispatch
import Glibc
import Ledger
import Synchronization

/// Fills a folder with a ledger of synthetic calls, written by the gateway's own writer, so that its form is the true one.
///
///     swift run -c release make-ledger FOLDER ENTRIES [--short]
///
/// A hundred clients of very different sizes, one subscriber for each ten calls, a correlator for each call, one call in fifty refused.
/// `--short` leaves out what no search looks at, for a hundred million entries in 30 GB instead of 70. Used by `ledger_search.py`.
@main
struct MakeLedger {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 3, let count = Int(arguments[2]), count > 0 else {
      print("usage: make-ledger FOLDER ENTRIES [--short]")
      exit(2)
    }
    let isShort = arguments.contains("--short")
    let writer = try LedgerWriter(directory: arguments[1], time: SystemTime(), options: LedgerOptions(durability: .relaxed))
    let feed = Feed(writer)
    var members: [UInt8] = []
    for number in 0..<count {
      members.removeAll(keepingCapacity: true)
      Calls.append(number, of: count, isShort: isShort, to: &members)
      feed.append(members)
    }
    feed.finish()
    writer.close()
  }
}

/// A lane of the ledger, fed as fast as it takes.
final class Feed: LedgerTicket {
  private let lane: LedgerLane
  private let notified = DispatchSemaphore(value: 0)
  private var open = 0

  init(_ writer: LedgerWriter) {
    lane = writer.makeLane { [notified] in notified.signal() }
  }

  func append(_ members: [UInt8]) {
    lane.append(members: members.span, ticket: self, wakes: open % 4096 == 0)
    open += 1
    // Room for the next: half of what a lane holds, and few enough bytes.
    while open > 8192 { wait() }
  }

  func finish() {
    while open > 0 { wait() }
  }

  private func wait() {
    lane.flush()
    notified.wait()
    lane.drain()
  }

  func ledgerSettled(_ durable: Bool) {
    guard durable else {
      print("the ledger does not take any more")
      exit(1)
    }
    open -= 1
  }
}

/// What the calls look like. The same number gives the same call.
enum Calls {
  static let clientCount = 100

  static func append(_ number: Int, of count: Int, isShort: Bool, to bytes: inout [UInt8]) {
    let noise = scramble(UInt64(number) &+ 1)
    // The first client has half of the calls, the second a quarter...; the rest is spread over all.
    let client = min(noise.trailingZeroBitCount, 8) == 8 ? Int(noise >> 32) % clientCount : noise.trailingZeroBitCount
    let isRefused = noise % 50 == 7
    text("\"event\":\"api.call\",\"client_id\":\"client-", &bytes)
    decimal(client, 3, &bytes)
    text("\",\"subject\":\"", &bytes)
    identifier(scramble((noise >> 20) % UInt64(max(1, count / 10)) &+ 77), &bytes)
    if !isShort {
      text(
        "\",\"api\":\"device-identifier\",\"operation\":\"retrieveIdentifier\",\"scopes\":[\"device-identifier:retrieve-identifier\"],"
          + "\"purpose\":\"dpv:FraudPreventionAndDetection\",\"legal_basis\":\"consent\",\"consent_id\":\"", &bytes)
      identifier(noise, &bytes)
    }
    text(isRefused ? "\",\"decision\":\"refused\",\"status\":403" : "\",\"decision\":\"allowed\",\"status\":200", &bytes)
    if !isShort {
      text(
        ",\"categories\":[\"device-make-model\",\"device-serial-number\"],\"upstream_status\":200,\"duration_us\":1234", &bytes)
    }
    text(",\"correlator\":\"c-", &bytes)
    decimal(number, 12, &bytes)
    text(isShort ? "\"" : "\",\"request_bytes\":100,\"response_bytes\":200", &bytes)
  }

  /// SplitMix64: numbers to noise, one to one.
  private static func scramble(_ number: UInt64) -> UInt64 {
    var z = number &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  /// 22 characters, as pseudonyms and identifiers of consents have.
  private static func identifier(_ noise: UInt64, _ bytes: inout [UInt8]) {
    var rest = noise
    for _ in 0..<22 {
      bytes.append(alphabet[Int(rest & 63)])
      rest = rest >> 6 | rest << 58
      rest = rest &* 0x9E37_79B9_7F4A_7C15
    }
  }

  private static func decimal(_ number: Int, _ digits: Int, _ bytes: inout [UInt8]) {
    let text = String(number)
    for _ in 0..<max(0, digits - text.utf8.count) { bytes.append(0x30) }
    bytes += text.utf8
  }

  private static func text(_ text: String, _ bytes: inout [UInt8]) { bytes += text.utf8 }
}
