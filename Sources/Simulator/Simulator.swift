/// A simulated operator: subscribers with their phones, and CAMARA backends that answer about them over real HTTP.
///
/// It stands where an operator's own backends stand, so that a whole flow can be seen on one machine. It knows nothing of tokens,
/// consent or clients: that is the gateway's business. It is the only place of Passerelle where the names of APIs are in code.
///
/// Begin with `Resources/operator.json` (who and what there is) and `APIs/Routes.swift` (the table of APIs, each a file in `APIs`).
/// `Answering` leads from a request to a handler and from a value to an answer, `Data` reads the data file, `Kept` holds what calls have
/// made (`Resource` says where their events begin), `Faults` is what goes wrong on purpose, and `OperatorBackend` is all of it on a port.
