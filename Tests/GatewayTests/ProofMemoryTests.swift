import Bytes
import Dispatch
import JOSE
import Synchronization
import Testing

@testable import Gateway

/// A proof works once for as long as it could be accepted (CAMARA profile item 7).
@Suite struct ProofMemoryTests {
  private static let start = Timestamp(seconds: 1_700_000_000)
  private static let now: Int64 = 1_700_001_000

  private static func memory(_ count: Int = 1000, shards: Int = 1) -> ProofMemory {
    ProofMemory(countMaximum: count, start: start, shardCount: shards)
  }

  private static func digest(_ name: String) -> Digest32 { ProofMemory.digest("key", name) }

  @Test func aProofWorksOnce() {
    let memory = Self.memory()
    #expect(memory.use(Self.digest("a"), issuedAt: Self.now, now: Self.now) == .fresh)
    #expect(memory.use(Self.digest("a"), issuedAt: Self.now, now: Self.now) == .replayed)
    #expect(memory.use(Self.digest("b"), issuedAt: Self.now, now: Self.now) == .fresh)
  }

  @Test func theSameIdentifierOfAnotherKeyIsAnotherProof() {
    #expect(ProofMemory.digest("key1", "a") != ProofMemory.digest("key2", "a"))
  }

  @Test func ofManyAtOnceOneWins() {
    let memory = ProofMemory(countMaximum: 100_000, start: Self.start)
    for round in 0..<200 {
      let wins = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: 8) { _ in
        if memory.use(Self.digest("\(round)"), issuedAt: Self.now, now: Self.now) == .fresh { wins.add(1, ordering: .relaxed) }
      }
      #expect(wins.load(ordering: .relaxed) == 1)
    }
  }

  /// At every second of a proof's life, in whatever part of a generation it was used.
  @Test(arguments: [0, 1, 150, 304, 305, 306, 307, 400, 611, 612, 613])
  func aProofIsRememberedForAsLongAsItCouldBeAccepted(_ offset: Int64) {
    let memory = Self.memory(1_000_000)
    let used = Self.start.seconds + offset
    let issued = used + DPoPProof.skewSeconds
    #expect(memory.use(Self.digest("a"), issuedAt: issued, now: used) == .fresh)
    for now in used...(issued + DPoPProof.ageSecondsMaximum) {
      #expect(memory.use(Self.digest("a"), issuedAt: issued, now: now) == .replayed)
      #expect(memory.use(Self.digest("other \(now)"), issuedAt: now, now: now) == .fresh)
    }
  }

  @Test func proofsOfTheirTimeAreTakenForEver() {
    let memory = Self.memory(10_000)
    for now in stride(from: Self.now, to: Self.now + 5000, by: 7) {
      #expect(memory.use(Self.digest("old \(now)"), issuedAt: now - DPoPProof.ageSecondsMaximum, now: now) == .fresh)
      #expect(memory.use(Self.digest("new \(now)"), issuedAt: now + DPoPProof.skewSeconds, now: now) == .fresh)
    }
  }

  @Test func whatIsForgottenDoesNotComeBackWhenTheClockStepsBack() {
    let memory = Self.memory()
    #expect(memory.use(Self.digest("a"), issuedAt: Self.now, now: Self.now) == .fresh)
    let later = Self.now + 3 * ProofMemory.generationSeconds
    #expect(memory.use(Self.digest("b"), issuedAt: later, now: later) == .fresh)
    #expect(memory.use(Self.digest("a"), issuedAt: Self.now, now: Self.now) == .beforeMemory)
    #expect(memory.use(Self.digest("c"), issuedAt: Self.now + 1, now: Self.now + 1) == .fresh)
  }

  @Test func aRestartDoesNotOpenTheDoorAgain() {
    let start = Timestamp(microseconds: Self.start.microseconds + 1)
    let memory = ProofMemory(countMaximum: 10, start: start, shardCount: 1)
    let second = Self.start.seconds
    #expect(memory.use(Self.digest("a"), issuedAt: second - 1, now: second) == .beforeMemory)
    #expect(memory.use(Self.digest("b"), issuedAt: second, now: second) == .fresh)
  }

  @Test func whenItIsFullNothingIsForgottenAndNothingTaken() {
    let memory = Self.memory(3)
    for name in ["a", "b", "c"] { #expect(memory.use(Self.digest(name), issuedAt: Self.now, now: Self.now) == .fresh) }
    #expect(memory.use(Self.digest("d"), issuedAt: Self.now, now: Self.now) == .full)
    #expect(memory.use(Self.digest("a"), issuedAt: Self.now, now: Self.now) == .replayed)
    let later = Self.now + ProofMemory.generationSeconds
    #expect(memory.use(Self.digest("d"), issuedAt: later, now: later) == .full)
    let latest = later + ProofMemory.generationSeconds
    #expect(memory.use(Self.digest("d"), issuedAt: latest, now: latest) == .fresh)
  }

  @Test func aQuietTimeEmptiesIt() {
    let memory = Self.memory(1)
    #expect(memory.use(Self.digest("a"), issuedAt: Self.now, now: Self.now) == .fresh)
    let later = Self.now + 2 * ProofMemory.generationSeconds
    #expect(memory.use(Self.digest("b"), issuedAt: later, now: later) == .fresh)
  }

  @Test func itHoldsAsManyAsItIsTold() {
    let memory = ProofMemory(countMaximum: 6400, start: Self.start)
    var taken = 0
    for index in 0..<20_000 where memory.use(Self.digest("\(index)"), issuedAt: Self.now, now: Self.now) == .fresh { taken += 1 }
    #expect(taken == 6400)
  }
}
