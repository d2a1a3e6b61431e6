/// An event that is ready to leave.
public struct OutgoingEvent: Sendable {
  /// Whose it is: what one does to the server of its sink is nothing to another who has theirs there.
  public var owner: String
  /// The client's, as it was given.
  public var sink: String
  /// A bearer token; nil where the client gave none.
  public var bearer: String?
  public var correlator: String
  /// A structured CloudEvent, `application/cloudevents+json`.
  public var body: [UInt8]

  public init(owner: String = "", sink: String, bearer: String?, correlator: String, body: [UInt8]) {
    self.owner = owner
    self.sink = sink
    self.bearer = bearer
    self.correlator = correlator
    self.body = body
  }
}

/// What a sink made of an event.
public enum DeliveryOutcome: Sendable, Equatable {
  /// It has it.
  case accepted
  /// It wants no more.
  case gone
  /// It answered something else.
  case refused(status: Int, retryAfterSeconds: Int?)
  /// There was no answer: a word of a fixed set, that names neither sink nor address.
  case failed(String)
  /// It was not sent: it might not be any more.
  case notSent
}

/// The way to a sink, one for each protocol that CAMARA's subscriptions may name. HTTP alone today.
public protocol EventTransport: Sendable {
  /// Sends one event, once. Ends by itself, within the time that was configured.
  ///
  /// - Parameter isStillPermitted: asked **on the loop of the delivery**, right before the event is written, whenever it is written. False:
  ///   not a byte of it may leave, and the outcome is `notSent`.
  func send(_ event: OutgoingEvent, isStillPermitted: @escaping @Sendable () -> Bool) async -> DeliveryOutcome
}
