import Bytes
import Foundation
import Ledger
import Testing
import Wire

@testable import Gateway

@Suite final class UnauthenticatedRefusalsTests {
  private static let second: UInt64 = 1_000_000_000
  private let folder = NSTemporaryDirectory() + "passerelle-refusals-" + UUID().uuidString
  private let ledger: LedgerWriter

  init() throws { ledger = try LedgerWriter(directory: folder, time: SystemTime()) }

  deinit {
    ledger.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func admitted(_ refusals: UnauthenticatedRefusals, _ ip: String, _ count: Int, at now: UInt64 = second) -> Int {
    (0..<count).count { port in refusals.admit(SocketAddress(ip: ip, port: port)!, at: now) == nil }
  }

  @Test func eachSourceHasItsMeasureAndGetsItBackEvenly() {
    let refusals = UnauthenticatedRefusals(perMinute: 60, ledger: ledger)
    #expect(admitted(refusals, "192.0.2.1", 100) == 60)
    #expect(admitted(refusals, "192.0.2.2", 100) == 60)
    #expect(refusals.admit(SocketAddress(ip: "192.0.2.1", port: 1)!, at: Self.second) == 1)
    #expect(admitted(refusals, "192.0.2.1", 100, at: 6 * Self.second) == 5)
  }

  @Test func anIPv6SourceIsANetworkOf64Bits() {
    // Another measure than at first holds from when it is told.
    let refusals = UnauthenticatedRefusals(perMinute: 0, ledger: ledger)
    refusals.limit(perMinute: 10)
    #expect(admitted(refusals, "2001:db8:1:1::1", 6) == 6)
    #expect(admitted(refusals, "2001:db8:1:1:ffff::2", 6) == 4)
    #expect(admitted(refusals, "2001:db8:1:2::1", 6) == 6)
    #expect(admitted(refusals, "::ffff:192.0.2.1", 10) == 10)
    #expect(admitted(refusals, "192.0.2.1", 1) == 0)
  }

  @Test func noughtIsNoLimit() {
    #expect(admitted(UnauthenticatedRefusals(perMinute: 0, ledger: ledger), "192.0.2.1", 5000) == 5000)
  }

  @Test func itsMemoryIsBounded() {
    let refusals = UnauthenticatedRefusals(perMinute: 1, ledger: ledger)
    for number in 0..<(3 * UnauthenticatedRefusals.sourcesMaximum) {
      let ip = "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
      _ = refusals.admit(SocketAddress(ip: ip, port: 1)!, at: Self.second)
    }
    #expect(refusals.sourceCount <= UnauthenticatedRefusals.sourcesMaximum)
  }

  @Test func whatHadNoEntryIsToldOnce() async throws {
    let refusals = UnauthenticatedRefusals(perMinute: 1, ledger: ledger)
    let loop = try EventLoop(index: 0, time: SystemTime())
    for _ in 0..<1000 { refusals.untold.count(on: loop) }
    await refusals.untold.tell()
    await refusals.untold.tell()
    let text = try String(contentsOfFile: folder + "/000000000001.jsonl", encoding: .utf8)
    let lines = text.split(separator: "\n").filter { $0.contains("api.refused_unauthenticated") }
    #expect(lines.count == 1 && lines[0].contains(#""count":"1000""#))
  }
}
