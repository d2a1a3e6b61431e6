/// Consent: what subscribers agreed to, how it came about, and the one function that says what may be done.
///
/// Begin with `DecisionFunction.swift`: every grant and every API call asks it, and nothing else decides (A22). The
/// `ConsentRegister` keeps the records (each the sum of its events, in `Store`), and the `ConsentMemory` of each event loop makes
/// asking cheap without ever being out of date: a withdrawal is seen by the next call on every loop.
