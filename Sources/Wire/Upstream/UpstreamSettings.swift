/// What one backend may cost a loop.
public struct UpstreamLimits: Sendable, Hashable {
  public var connectionsMaximum = 256
  /// Kept open between calls.
  public var idleConnectionsMaximum = 64
  public var idleSecondsMaximum = 50
  public var connectSecondsMaximum = 2
  /// Calls that wait for a connection.
  public var queueMaximum = 1024
  /// How long a call waits for a connection; nil for as long as its own time.
  public var queueMilliseconds: Int?
  public var headBytesMaximum = 16_384
  /// Body of an answer.
  public var answerBytesMaximum = 8 << 20

  public init() {}
}

/// The targets of an API, and how they are used. Of two that are equal one `Upstream` does for both.
public struct UpstreamSettings: Sendable, Hashable {
  /// One place that calls may go to. A name stands for all its addresses, each with this weight.
  public struct Target: Sendable, Hashable {
    public var target: UpstreamTarget
    /// Its share of the calls beside the other targets' weights; 1 or more.
    public var weight: Int

    public init(_ target: UpstreamTarget, weight: Int = 1) {
      self.target = target
      self.weight = weight
    }
  }

  /// When a target is taken out because of what its calls met, and for how long.
  public struct Health: Sendable, Hashable {
    /// Connections in a row that could not be made.
    public var connectFaultsMaximum = 3
    /// Calls in a row that were answered 5xx, broken, or not in time.
    public var answerFaultsMaximum = 10
    /// The first time; doubled each time that the target goes out again.
    public var ejectedMilliseconds = 1000
    public var ejectedMillisecondsMaximum = 60_000

    public init() {}
  }

  /// Questions of the gateway's own whether a target works.
  public struct Check: Sendable, Hashable {
    /// Asked with GET, and answered with 2xx by a target that works; nil for a connection alone (with TLS, a handshake).
    public var path: String?
    public var intervalMilliseconds = 5000
    public var timeoutMilliseconds = 1000
    /// Bad answers in a row that take a target out, and good ones that bring it back.
    public var badMaximum = 3
    public var goodMinimum = 2

    public init() {}
  }

  /// Calls that are sent again.
  public struct Retries: Sendable, Hashable {
    /// Of a hundred calls so many are sent again at most, beside `burst` once.
    public var percent = 20
    public var burst = 10
    /// For one call.
    public var perCallMaximum = 2

    public init() {}
  }

  /// One at least.
  public var targets: [Target]
  public var limits = UpstreamLimits()
  public var health = Health()
  /// Nil asks nothing: calls tell.
  public var check: Check?
  public var retries = Retries()
  /// How long a target that came, or came back, takes to its whole share; 0 gives it at once.
  public var slowStartSeconds = 10
  /// How long the addresses of a name are taken for true.
  public var resolveSeconds = 30

  /// - Precondition: one target at least.
  public init(targets: [Target]) {
    precondition(!targets.isEmpty, "an upstream has a target")
    self.targets = targets
    limits.queueMilliseconds = 1000
  }
}
