import Bytes
import Testing

@testable import Wire

/// Keys of session tickets: made by age, known for long enough, and then forgotten.
@Suite struct TLSTicketKeysTests {
  private let time = ManualTime(Timestamp(seconds: 1_800_000_000))

  private func current(_ keys: TLSTicketKeys) -> [UInt8] {
    var key = [UInt8](repeating: 0, count: TLSTicketKeys.byteCount)
    #expect(keys.copyCurrent(to: &key))
    return key
  }

  private func age(_ keys: TLSTicketKeys, _ key: [UInt8]) -> TLSTicketKeys.Age {
    var found = [UInt8](repeating: 0, count: TLSTicketKeys.byteCount)
    let age = keys.copy(named: Array(key[..<16]), to: &found)
    if age != .unknown { #expect(found == key) }
    return age
  }

  @Test func aKeyIsUsedForALifetimeAndKnownForAnother() {
    let keys = TLSTicketKeys(lifetimeSeconds: 100, time: time)
    let first = current(keys)
    time.advance(seconds: 99)
    #expect(current(keys) == first)
    time.advance(seconds: 1)
    let second = current(keys)
    #expect(second != first)
    #expect(age(keys, first) == .older && age(keys, second) == .current)
    time.advance(seconds: 99)
    #expect(age(keys, first) == .older)
    time.advance(seconds: 1)
    #expect(age(keys, first) == .unknown)
  }

  @Test func aKeyThatWasMadeEarlyLeavesTheOneBeforeGood() {
    let keys = TLSTicketKeys(lifetimeSeconds: 100, time: time)
    let first = current(keys)
    keys.rotate()
    let second = current(keys)
    #expect(age(keys, first) == .older && age(keys, second) == .current)
  }

  @Test func twoListenersHaveNoKeyInCommon() {
    let (one, other) = (TLSTicketKeys(lifetimeSeconds: 9, time: time), TLSTicketKeys(lifetimeSeconds: 9, time: time))
    #expect(age(other, current(one)) == .unknown)
  }
}
