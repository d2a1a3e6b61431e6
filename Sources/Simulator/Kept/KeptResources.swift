/// All that calls have made. Nobody's in particular: the simulated operator knows of no clients, and shows each resource to whoever has
/// its id. Whose it is, is the gateway's business.
final class KeptResources: Sendable {
  let sessions: Shelf<QoSSession>
  let assignments: Shelf<QoSAssignment>
  let subscriptions: Shelf<Subscription>
  let payments: Shelf<Payment>
  let refunds: Shelf<Refund>
  let codes: Shelf<OneTimeCode>
  let registrations: Shelf<CallRegistration>
  let calls: Shelf<MediaSession>
  let messages: Shelf<ShortMessage>
  let phones = PhoneStates()

  /// - Parameter maximum: of each kind.
  init(maximum: Int) {
    sessions = Shelf(maximum: maximum)
    assignments = Shelf(maximum: maximum)
    subscriptions = Shelf(maximum: maximum)
    payments = Shelf(maximum: maximum)
    refunds = Shelf(maximum: maximum)
    codes = Shelf(maximum: maximum)
    registrations = Shelf(maximum: maximum)
    calls = Shelf(maximum: maximum)
    messages = Shelf(maximum: maximum)
  }

  func forget() {
    sessions.removeAll()
    assignments.removeAll()
    subscriptions.removeAll()
    payments.removeAll()
    refunds.removeAll()
    codes.removeAll()
    registrations.removeAll()
    calls.removeAll()
    messages.removeAll()
    phones.forget()
  }
}
