import Bytes
import JOSE
import Testing

@testable import Events

@Suite struct SubscriptionSecretTests {
  @Test func bothHalvesAreNeededForTheDigest() throws {
    let (one, other) = (SubscriptionSecret.random(), SubscriptionSecret.random())
    #expect(one.path.utf8.count == 43 && one.bearer.utf8.count == 43)
    #expect(Set([one.path, one.bearer, other.path, other.bearer]).count == 4)
    let again = try #require(SubscriptionSecret(path: one.path, bearer: one.bearer))
    #expect(again.digest == one.digest && again.path == one.path && again.bearer == one.bearer)
    for (path, bearer) in [(one.bearer, one.path), (other.path, one.bearer), (one.path, other.bearer)] {
      #expect(SubscriptionSecret(path: path, bearer: bearer)?.digest != one.digest)
    }
    let bytes = try #require(Base64URL.decode(one.path)) + #require(Base64URL.decode(one.bearer))
    #expect(bytes.count == 64 && SHA256.digest(bytes) == one.digest)
  }

  /// Of which there is one spelling: another that means the same would be another secret.
  @Test func whatIsNotOfTheFormIsNone() {
    let good = SubscriptionSecret.random()
    for bad in [
      "", "x", String(good.path.dropLast()), good.path + "A", good.path + "=", String(good.path.dropLast()) + "+",
      String(good.path.dropLast()) + "/", String(good.path.dropLast()) + "é", String(repeating: " ", count: 43),
      String(repeating: "A", count: 42) + "B",
    ] {
      #expect(SubscriptionSecret(path: bad, bearer: good.bearer) == nil, "\(bad)")
      #expect(SubscriptionSecret(path: good.path, bearer: bad) == nil, "\(bad)")
    }
  }
}
