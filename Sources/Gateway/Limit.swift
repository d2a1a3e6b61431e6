import Bytes
import Identifiers
import Policy
import Store

/// Stage 7: rate limits (token buckets), then the business quota of day and month.
struct Limiter {
  let rates: RateLimiter
  let quotas: QuotaCounters

  /// What a call took, to be given back when it comes to nothing that counts.
  struct Taken {
    fileprivate(set) var quota: (counters: QuotaCounters.ClientCounters, day: UInt32, month: UInt32)?

    /// The call was refused after this stage: it is not charged to the quota. The rate token stays spent. Works once.
    mutating func giveBackQuota() {
      guard let quota else { return }
      self.quota = nil
      quota.counters.day.giveBack(period: quota.day)
      quota.counters.month.giveBack(period: quota.month)
    }
  }

  /// Where the client stands with the limit that is nearest, for the `RateLimit` fields.
  struct Standing: Equatable {
    /// Calls in a window, and its seconds: what the bucket holds, and how long it takes to fill.
    var limit: Int
    var windowSeconds: Int
    var remaining: Int
    /// Seconds until the bucket is full again, or until the next token when there is none.
    var resetSeconds: Int
  }

  /// Takes from the operation's bucket, the client's bucket, the day's and the month's quota; what an earlier one gave is
  /// returned when a later one refuses.
  func run(
    _ token: AccessToken, _ operation: OperationPolicy, _ standing: inout Standing?, monotonic: UInt64, now: Timestamp
  ) throws(APIError) -> Taken {
    renewBuckets(of: token)
    let operationBucket = bucket(of: token, for: operation)
    let clientBucket = token.buckets[0]
    if let operationBucket { try take(operationBucket, &standing, monotonic) }
    if let clientBucket {
      do throws(APIError) { try take(clientBucket, &standing, monotonic) } catch {
        operationBucket?.giveBack()
        throw error
      }
    }
    do throws(APIError) { return try takeQuota(token, now) } catch {
      operationBucket?.giveBack()
      clientBucket?.giveBack()
      throw error
    }
  }

  private func take(_ bucket: RateBucket, _ standing: inout Standing?, _ monotonic: UInt64) throws(APIError) {
    switch bucket.take(at: monotonic) {
    case .admitted(let remaining, let fullIn):
      if standing.map({ remaining < $0.remaining }) ?? true {
        standing = Self.standing(bucket, remaining: remaining, resetSeconds: Self.seconds(fullIn))
      }
    case .refused(let retryIn):
      let seconds = Self.seconds(retryIn)
      standing = Self.standing(bucket, remaining: 0, resetSeconds: seconds)
      throw APIError(.tooManyRequests, "rate_limit", retryAfterSeconds: seconds)
    }
  }

  private static func standing(_ bucket: RateBucket, remaining: Int, resetSeconds: Int) -> Standing {
    Standing(
      limit: Int(bucket.burst), windowSeconds: max(1, Int((bucket.fillNanoseconds + 500_000_000) / 1_000_000_000)),
      remaining: remaining, resetSeconds: resetSeconds)
  }

  private func takeQuota(_ token: AccessToken, _ now: Timestamp) throws(APIError) -> Taken {
    let counters = counters(of: token)
    // Counted also where there is no limit: one that is set later finds the right number.
    guard let day = counters.day.take(period: QuotaCounters.day(now), limit: token.client.quotaPerDay ?? .max) else {
      throw APIError(.quotaExceeded, "quota_day", retryAfterSeconds: Int(86_400 - now.seconds % 86_400))
    }
    guard let month = counters.month.take(period: QuotaCounters.month(now), limit: token.client.quotaPerMonth ?? .max) else {
      counters.day.giveBack(period: day)
      throw APIError(.quotaExceeded, "quota_month", retryAfterSeconds: Self.secondsToNextMonth(now))
    }
    return Taken(quota: (counters, day, month))
  }

  private func counters(of token: AccessToken) -> QuotaCounters.ClientCounters {
    if let counters = token.quota { return counters }
    let counters = quotas.counters(of: token.claims.client)
    token.quota = counters
    return counters
  }

  /// The buckets of a token follow its client's registration.
  private func renewBuckets(of token: AccessToken) {
    guard token.bucketsGeneration != token.clientGeneration else { return }
    token.bucketsGeneration = token.clientGeneration
    token.buckets = [
      token.client.requestsPerMinute.map { limit in
        rates.bucket(for: .init(client: token.claims.client.rawValue, operation: nil, callsPerMinute: limit, burst: limit))
      }
    ]
  }

  private func bucket(of token: AccessToken, for operation: OperationPolicy) -> RateBucket? {
    guard let limit = operation.limits else { return nil }
    let slot = operation.index + 1
    if slot < token.buckets.count, let bucket = token.buckets[slot] { return bucket }
    while token.buckets.count <= slot { token.buckets.append(nil) }
    let bucket = rates.bucket(
      for: .init(
        client: token.claims.client.rawValue,
        operation: .init(api: operation.api.rawValue, version: operation.version, id: operation.id.rawValue),
        callsPerMinute: limit.requestsPerMinute, burst: limit.burst))
    token.buckets[slot] = bucket
    return bucket
  }

  /// Whole seconds, rounded up, at least 1.
  private static func seconds(_ nanoseconds: UInt64) -> Int { max(1, Int((nanoseconds + 999_999_999) / 1_000_000_000)) }

  private static func secondsToNextMonth(_ now: Timestamp) -> Int {
    var time = now
    let month = now.month
    while time.month == month { time = time.adding(seconds: 86_400) }
    return Int(time.seconds - time.seconds % 86_400 - Int64(time.day - 1) * 86_400 - now.seconds)
  }
}
