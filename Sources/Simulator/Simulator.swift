/// A simulated operator: subscribers with their phones, and CAMARA backends that answer about them over real HTTP.
///
/// It stands where an operator's own backends stand, so that a whole flow can be seen on one machine. It knows nothing of
/// tokens, consent or clients: that is the gateway's business.
///
/// Begin with `Resources/subscribers.json` (who there is) and `OperatorBackend.swift` (the paths).
