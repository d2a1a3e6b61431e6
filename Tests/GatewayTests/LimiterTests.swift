import Bytes
import Foundation
import Identifiers
import Policy
import Store
import Testing

@testable import Gateway

@Suite struct LimiterTests {
  private static let client = ClientID(rawValue: "client")!
  private static let now = Timestamp(rfc3339: "2026-11-30T12:00:00Z")!
  private let catalogue = try! Catalogue.load(
    directory: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .path + "/policies")
  /// One that the policy itself does not limit.
  private var operation: OperationPolicy { catalogue.operationsByIndex.first { $0.limits == nil }! }

  /// A token whose client's registration the test changes, as `Authenticator` renews it.
  private func token(quotaPerDay: Int?) -> AccessToken {
    let grant = GrantRecord(
      id: GrantID(rawValue: "grant")!, client: Self.client, scopes: [], flow: "test", createdAt: Self.now,
      expiresAt: Self.now.adding(seconds: 60))
    let record = ClientRecord(
      id: Self.client, name: "Client", grantTypes: [], scopes: [], jwks: Array("{}".utf8), quotaPerDay: quotaPerDay)
    return AccessToken(
      claims: AccessToken.Claims(
        client: Self.client, grant: grant.id, scopes: [], purpose: nil, expiresAt: grant.expiresAt, notBefore: nil),
      grant: grant, client: record, clientGeneration: 1, grantHash: 0, grantStamp: 0,
      opened: catalogue.operations(openedBy: []))
  }

  /// How many of the calls the limiter let through.
  private func admitted(_ count: Int, _ limiter: Limiter, _ token: AccessToken) -> Int {
    var standing: Limiter.Standing?
    return (0..<count).count { _ in
      (try? limiter.run(token, operation, &standing, monotonic: 1, now: Self.now)) != nil
    }
  }

  @Test func aQuotaThatIsTakenAwayAndComesBackHasCountedOn() {
    let limiter = Limiter(rates: RateLimiter(), quotas: QuotaCounters(used: [:], at: Self.now))
    let token = token(quotaPerDay: 1000)
    #expect(admitted(500, limiter, token) == 500)
    token.client.quotaPerDay = nil
    #expect(admitted(800, limiter, token) == 800)
    token.client.quotaPerDay = 1400
    #expect(admitted(500, limiter, token) == 100)
    // Another loop's token of the same client finds the same count.
    #expect(admitted(5, limiter, self.token(quotaPerDay: 1400)) == 0)
  }

  @Test func theFieldsTellTheBucketAndHowLongItTakesToFill() throws {
    for (rate, expected) in [(600, 60), (7, 60), (5, 60)] {
      let token = token(quotaPerDay: nil)
      token.client.requestsPerMinute = rate
      var standing: Limiter.Standing?
      let limiter = Limiter(rates: RateLimiter(), quotas: QuotaCounters(used: [:], at: Self.now))
      _ = try limiter.run(token, operation, &standing, monotonic: 1, now: Self.now)
      #expect(standing?.limit == rate && standing?.windowSeconds == expected)
    }
  }

  /// A call about somebody without a name here is not one about the token's subscriber.
  @Test func theLedgerNamesNobodyElse() {
    var token = token(quotaPerDay: nil)
    token.grant.subject = SubjectPseudonym(rawValue: "of-the-token")
    let record = CallRecord(catalogue: catalogue)
    func entry(_ subject: CallSubject?) -> String {
      var members = LedgerMembers()
      record.write(
        CallRecord.Facts(
          operation: operation, token: token, subject: subject, permission: nil, verdict: .refused,
          reason: nil,
          categories: 0, status: 403, upstreamStatus: nil, durationMicroseconds: 1, requestBytes: 0, responseBytes: 0),
        correlator: [], into: &members)
      return String(decoding: members.bytes, as: UTF8.self)
    }
    let number = MSISDN(e164: "+33639980001")!
    #expect(entry(nil).contains("of-the-token"))
    #expect(!entry(CallSubject(number: number, pseudonym: nil, isOneOfSeveral: false)).contains("subject"))
    let other = SubjectPseudonym(rawValue: "another")
    #expect(entry(CallSubject(number: number, pseudonym: other, isOneOfSeveral: false)).contains(#""subject":"another""#))
    token = self.token(quotaPerDay: nil)
    #expect(!entry(nil).contains("subject"))
  }

  @Test func whatIsGivenBackTwiceCountsOnce() throws {
    let limiter = Limiter(rates: RateLimiter(), quotas: QuotaCounters(used: [:], at: Self.now))
    let token = token(quotaPerDay: 3)
    var standing: Limiter.Standing?
    var taken = try limiter.run(token, operation, &standing, monotonic: 1, now: Self.now)
    #expect(admitted(1, limiter, token) == 1)
    taken.giveBackQuota()
    taken.giveBackQuota()
    #expect(admitted(5, limiter, token) == 2)
  }
}
