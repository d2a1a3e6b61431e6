import Bytes
import Foundation
import Synchronization
import Testing

@testable import JOSE

/// Keys that somebody else publishes: how often they are fetched, and how long they are believed.
@Suite struct RemoteKeySetTests {
  /// Somebody who publishes keys, and counts who asks.
  private final class Publisher: Sendable {
    struct Gone: Error {}

    private let state = Mutex<(answer: [UInt8]?, fetches: Int)>((nil, 0))
    var fetchCount: Int { state.withLock { $0.fetches } }

    func publish(_ keys: [SigningKey]) { publish(JWKSet(keys: keys.map(\.verificationKey)).json()) }
    func publish(_ bytes: [UInt8]) { state.withLock { $0.answer = bytes } }
    func disappear() { state.withLock { $0.answer = nil } }

    func fetch() throws -> [UInt8] {
      let answer = state.withLock { state in
        state.fetches += 1
        return state.answer
      }
      guard let answer else { throw Gone() }
      return answer
    }
  }

  private let time = ManualTime()
  private let publisher = Publisher()
  private let first: SigningKey
  private let second: SigningKey
  private let set: RemoteKeySet

  init() throws {
    first = try SigningKey.generate(.es256)
    second = try SigningKey.generate(.es256)
    set = RemoteKeySet(time: time) { [publisher] in try publisher.fetch() }
    publisher.publish([first])
  }

  private func kid(_ kid: String?, _ algorithm: SignatureAlgorithm = .es256) async -> String? {
    await set.key(kid: kid, algorithm: algorithm)?.kid
  }

  @Test func aSetIsFetchedOnceInItsLifetime() async {
    #expect(set.cachedKey(kid: first.kid, algorithm: .es256) == nil)
    #expect(set.state == RemoteKeySet.State(ageSeconds: nil, keyCount: 0, lastError: nil))
    for _ in 0..<3 { #expect(await kid(first.kid) == first.kid) }
    #expect(set.cachedKey(kid: first.kid, algorithm: .es256)?.kid == first.kid)
    time.advance(seconds: 3599)
    #expect(await kid(first.kid) == first.kid)
    #expect(publisher.fetchCount == 1)
    #expect(set.state == RemoteKeySet.State(ageSeconds: 3599, keyCount: 1, lastError: nil))
    time.advance(seconds: 1)
    #expect(set.cachedKey(kid: first.kid, algorithm: .es256) == nil, "too old to be used without asking")
    #expect(await kid(first.kid) == first.kid)
    #expect(publisher.fetchCount == 2 && set.state.ageSeconds == 0)
  }

  @Test func aWithdrawnKeyIsGoneAfterTheLifetime() async {
    #expect(await kid(first.kid) == first.kid)
    publisher.publish([second])
    time.advance(seconds: 3600)
    #expect(await kid(first.kid) == nil)
  }

  @Test func aNewKeyIsFetchedWhenItIsFirstSeen() async {
    #expect(await kid(first.kid) == first.kid)
    publisher.publish([first, second])
    #expect(await kid(second.kid) == second.kid)
    #expect(publisher.fetchCount == 2)
  }

  @Test func unknownKeysCostTwoFetchesInThirtySeconds() async {
    #expect(await kid(first.kid) == first.kid)
    for number in 0..<100 { #expect(await kid("forged-\(number)") == nil) }
    #expect(publisher.fetchCount == 2)
    time.advance(seconds: 29.9)
    #expect(await kid("forged") == nil)
    #expect(publisher.fetchCount == 2)
    time.advance(seconds: 0.1)
    for number in 0..<100 { #expect(await kid("forged-\(number)") == nil) }
    #expect(publisher.fetchCount == 4)
    #expect(await kid(first.kid) == first.kid, "who is known is not held up")
  }

  @Test func theAlgorithmIsTheKeysOwn() async {
    #expect(await kid(first.kid, .rs256) == nil)
    #expect(await kid(nil) == first.kid, "without a kid there must be one key")
    publisher.publish([first, second])
    time.advance(seconds: 3600)
    #expect(await kid(nil) == nil)
  }

  // MARK: Failures

  @Test func theLastGoodSetServesForADay() async {
    #expect(await kid(first.kid) == first.kid)
    publisher.disappear()
    time.advance(seconds: 3600)
    #expect(await kid(first.kid) == first.kid)
    #expect(set.state == RemoteKeySet.State(ageSeconds: 3600, keyCount: 1, lastError: "unreachable"))
    for _ in 0..<10 { #expect(await kid(first.kid) == first.kid) }
    #expect(publisher.fetchCount == 2, "not asked again at once")
    time.advance(seconds: 82_799)
    #expect(await kid(first.kid) == first.kid)
    time.advance(seconds: 1)
    #expect(await kid(first.kid) == nil, "a day old")
    publisher.publish([first])
    time.advance(seconds: 30)
    #expect(await kid(first.kid) == first.kid)
    #expect(set.state == RemoteKeySet.State(ageSeconds: 0, keyCount: 1, lastError: nil))
  }

  @Test func nothingThereAtFirst() async {
    publisher.disappear()
    for _ in 0..<3 { #expect(await kid(first.kid) == nil) }
    #expect(publisher.fetchCount == 1)
    #expect(set.state == RemoteKeySet.State(ageSeconds: nil, keyCount: 0, lastError: "unreachable"))
    publisher.publish([first])
    time.advance(seconds: 30)
    #expect(await kid(first.kid) == first.kid)
  }

  @Test func aDocumentThatIsNoSetChangesNothing() async {
    #expect(await kid(first.kid) == first.kid)
    let twice = JWKSet(keys: [first.verificationKey, first.verificationKey]).json()
    let large = [UInt8](repeating: 0x20, count: RemoteKeySet.documentBytesMaximum) + JWKSet(keys: [second.verificationKey]).json()
    for bytes in [[], Array("<html>".utf8), Array("[]".utf8), Array(#"{"keys":{}}"#.utf8), twice, large] {
      publisher.publish(bytes)
      time.advance(seconds: 3600)
      #expect(await kid(first.kid) == first.kid)
      #expect(set.state.lastError == "malformed")
    }
  }

  // MARK: At the same time

  @Test(arguments: [true, false]) func callersAtTheSameTimeShareOneFetch(_ isGood: Bool) async throws {
    let gate = Gate()
    let (publisher, first) = (publisher, first)
    if !isGood { publisher.disappear() }
    let set = RemoteKeySet(time: time) {
      await gate.pass()
      return try publisher.fetch()
    }
    await withTaskGroup(of: String?.self) { group in
      for _ in 0..<50 { group.addTask { await set.key(kid: first.kid, algorithm: .es256)?.kid } }
      await gate.reached()
      gate.open()
      for await found in group { #expect(found == (isGood ? first.kid : nil)) }
    }
    #expect(publisher.fetchCount == 1)
  }

  /// Holds whoever passes until it is opened.
  private final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, isReached: Bool)>((false, false))

    func pass() async {
      state.withLock { $0.isReached = true }
      while !state.withLock({ $0.isOpen }) { await Task.yield() }
    }

    func reached() async { while !state.withLock({ $0.isReached }) { await Task.yield() } }
    func open() { state.withLock { $0.isOpen = true } }
  }
}
