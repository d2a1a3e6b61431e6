import Bytes
import Identifiers
import JOSE
import Ledger
import Store
import Wire

/// One-time codes over SMS: how a subscriber is recognised whom the network did not (RFC 8176: `sms`, `otp`).
///
/// A code is good for one waiting request, one number and a few minutes. What the person in front of the page sees, and how long it
/// takes, is the same for a subscriber's number and for any other (A44): whether a message goes out is decided after the page's answer,
/// and a code that was not sent is right nowhere.
public struct OneTimeCodes: Sendable {
  public struct Settings: Sendable {
    public var limits = OneTimeCodeLimits()
    public var lifetimeSeconds = 300
    /// For numbers that are typed in national form; digits, nil refuses those.
    public var countryCode: String?

    public init() {}
  }

  public static let digits = 6
  static let amr = ["sms", "otp"]

  public let settings: Settings
  private let store: any OneTimeCodeStore
  private let message: CodeMessage
  /// Nil sends a code to any number.
  private let directory: NumberDirectory?
  private let browserAddress: BrowserAddress
  private let ledger: LedgerWriter
  private let time: any TimeSource

  public init(
    settings: Settings, store: any OneTimeCodeStore, message: CodeMessage, directory: NumberDirectory?,
    browserAddress: BrowserAddress, ledger: LedgerWriter, time: any TimeSource
  ) {
    self.settings = settings
    self.store = store
    self.message = message
    self.directory = directory
    self.browserAddress = browserAddress
    self.ledger = ledger
    self.time = time
  }

  /// Has a code sent to a number, unless there were too many.
  ///
  /// - Parameter text: what the message says, given the code.
  public func send(
    to number: MSISDN, for visit: CodeVisit, browser: HTTPRequest, language: String,
    text: @escaping @Sendable (_ code: String) -> String
  ) async throws(InteractionRefusal) -> OneTimeCodeIssue {
    let now = time.now()
    let request = OneTimeCodeRequest(
      interaction: visit.digest, number: number, source: source(of: browser), createdAt: now,
      expiresAt: now.adding(seconds: Int64(settings.lifetimeSeconds)))
    let issue: OneTimeCodeIssue
    do { issue = try await store.issue(request, limits: settings.limits) } catch { throw .unavailable }
    guard case .issued(let serial) = issue else {
      await record(visit, "refused", reason: "\(issue)")
      return issue
    }
    // Not awaited: the page's answer must not wait longer for a number that gets a message (A44).
    browser.loop.spawn {
      await deliver(to: number, serial, visit, language, text, on: browser.loop)
    }
    return issue
  }

  /// True while a code of this request can be typed.
  public func isOpen(for visit: CodeVisit) throws(InteractionRefusal) -> Bool {
    do {
      return try store.isOpen(interaction: visit.digest, attemptsMaximum: settings.limits.attemptsPerCode)
    } catch { throw .unavailable }
  }

  /// One attempt; the number is that of a subscriber who holds the phone when the outcome is `right`, once.
  public func attempt(_ code: String, for visit: CodeVisit) async throws(InteractionRefusal) -> OneTimeCodeAttempt {
    let outcome: OneTimeCodeAttempt
    do {
      outcome = try await store.attempt(
        interaction: visit.digest, code: code, attemptsMaximum: settings.limits.attemptsPerCode)
    } catch { throw .unavailable }
    if outcome == .exhausted { await record(visit, "refused", reason: "tooManyAttempts") }
    return outcome
  }

  private func deliver(
    to number: MSISDN, _ serial: Int, _ visit: CodeVisit, _ language: String, _ text: @Sendable (String) -> String,
    on loop: EventLoop
  ) async {
    switch await directory?.recognise(.hint(.number(number)), on: loop) {
    case .recognised, nil: break
    case .notRecognised: return await record(visit, "refused", reason: "notASubscriber")
    case .failed(let reason): return await record(visit, "failed", reason: reason)
    }
    let code = Self.random()
    do {
      guard try await store.arm(interaction: visit.digest, serial: serial, number: number, code: code) else {
        return
      }
      try await message.send(code, to: number, text: text(code), language: language)
      await record(visit, "allowed", reason: nil)
    } catch let failure as OperatorServiceFailure {
      await record(visit, "failed", reason: failure.reason)
    } catch {
      await record(visit, "failed", reason: "the code could not be stored")
    }
  }

  /// Nobody is named: a number that somebody typed is not a subscriber's doing.
  private func record(_ visit: CodeVisit, _ decision: String, reason: String?) async {
    _ = try? await ledger.append(
      LedgerEntry(event: "code.sent", clientID: visit.client?.rawValue, decision: decision, reason: reason))
  }

  /// The address that counts for the limit. In IPv6 one person has a whole /64.
  private func source(of browser: HTTPRequest) -> String {
    let peer = browser.remoteAddress?.host ?? ""
    guard case .known(let address) = browserAddress.of(browser), let bytes = SocketAddress(ip: address.ip, port: 0)?.ipBytes
    else {
      return peer
    }
    return Hex.encode(bytes.count == 16 ? Array(bytes.prefix(8)) : bytes)
  }

  /// Six digits, each as likely as the other.
  static func random() -> String {
    // 4,294,000,000 is the largest multiple of a million below 2^32: what is above would make small codes likelier.
    var value: UInt32
    repeat { value = Random.bytes(4).reduce(0) { $0 << 8 | UInt32($1) } } while value >= 4_294_000_000
    let digits = String(value % 1_000_000)
    return String(repeating: "0", count: Self.digits - digits.utf8.count) + digits
  }
}

/// What a code is good for: one waiting request, or one browser in front of the subscriber's own pages.
public struct CodeVisit: Sendable {
  let digest: Digest32
  /// Who asks, for the ledger; nil when nobody does but the subscriber.
  let client: ClientID?
}

extension Interaction {
  public var codeVisit: CodeVisit { CodeVisit(digest: record.digest, client: client.id) }
}

extension AuthorizationServer {
  /// The person typed the right code.
  public func recognisedByCode(
    _ interaction: Interaction, number: MSISDN
  ) async throws(InteractionRefusal) -> HTTPResponse {
    try await recognised(interaction, number: number, amr: OneTimeCodes.amr)
  }
}
