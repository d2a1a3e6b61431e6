/// Events: what backends tell of subscriptions, on its way to the applications that subscribed.
///
/// A backend posts each event to an address of the gateway's own, one per subscription (`EventIntake`); it is checked, put into a durable
/// queue, and acknowledged. `Delivery` takes it from there, in order within its subscription: it asks the one decision function whether the
/// subscriber still agrees, leaves of the event's data what was agreed to, writes the ledger, and sends it to the client's sink over an
/// `EventTransport`. A subscription ends in one place, the `SubscriptionEnder`, whatever the reason; `SubscriptionSweeps` looks for those
/// whose time, token or consent is over.
///
/// Begin with `EventService.swift`, which puts the parts together, then read `Delivery/EventPassage.swift`: the way of one event.
