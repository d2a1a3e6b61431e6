import Bytes
import Wire

/// Lets a running gateway read its files again.
public protocol ReloadControl: Sendable {
  /// Reads configuration, policies, certificates and keys, and puts all of it in the place of what was, or none. Whatever came of it is
  /// in the ledger, and on standard error, when this returns.
  ///
  /// - Parameter cause: who asked for it, for the ledger.
  func reload(_ cause: ReloadCause) async -> ReloadOutcome
}

/// Who asked for a reload.
public enum ReloadCause: String, Sendable {
  case signal
  case adminAPI = "admin_api"
}

/// What became of a reload.
public enum ReloadOutcome: Sendable {
  /// All of it holds from now on.
  case taken(Taken)
  /// Everything stays as it was.
  case refused(Refusal)

  /// What runs now.
  public struct Taken: Sendable {
    /// The digests (SHA-256, hexadecimal) of configuration and policies.
    public var configurationDigest: String
    public var policiesDigest: String
    /// The members of the configuration that have changed, and `policies`, `certificates` or `keys` where those have.
    public var changed: [String]

    public init(configurationDigest: String, policiesDigest: String, changed: [String]) {
      self.configurationDigest = configurationDigest
      self.policiesDigest = policiesDigest
      self.changed = changed
    }
  }

  /// Why it was not taken.
  public struct Refusal: Sendable {
    /// One line: what is wrong, with file and place where there is one.
    public var reason: String
    /// Changed members that a running gateway cannot follow.
    public var needsRestart: [String]

    public init(reason: String, needsRestart: [String] = []) {
      self.reason = reason
      self.needsRestart = needsRestart
    }
  }
}

extension AdminAPI {
  /// `POST /admin/v1/reload`: 200 with what has changed, or 409 with why everything stays as it was.
  func reload() async throws -> HTTPResponse {
    guard let control = dependencies.reload else {
      throw AdminError.conflict("no gateway runs with this configuration; `passerelle check` looks at the files")
    }
    var writer = JSONWriter()
    writer.beginObject()
    switch await control.reload(.adminAPI) {
    case .taken(let taken):
      writer.field("changed", taken.changed)
      writer.field("configuration_sha256", taken.configurationDigest)
      writer.field("policies_sha256", taken.policiesDigest)
      writer.endObject()
      return HTTPResponse.json(200, writer.bytes)
    case .refused(let refusal):
      writer.field("status", 409)
      writer.field("code", "CONFLICT")
      writer.field("message", "Everything stays as it was: \(refusal.reason)")
      if !refusal.needsRestart.isEmpty { writer.field("needs_restart", refusal.needsRestart) }
      writer.endObject()
      return HTTPResponse.json(409, writer.bytes)
    }
  }
}
