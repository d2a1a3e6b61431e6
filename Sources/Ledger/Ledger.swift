/// The ledger: one JSON object per line, chained by hash, durable before any answer leaves. Audit and accounting in one.
///
/// `Writing/` is the way in: event loops hand encoded entries to their `LedgerLane`; one thread (`LedgerWriter`) takes what all
/// lanes hold, stamps number, time and chain, writes once and flushes once (group commit), then tells each lane once.
/// `LedgerLog` is what happens to the files, failures included; `LedgerRecovery` is what happens at the start.
///
/// `Reading/` is the way out: `LedgerReader` streams, `LedgerVerification` finds every tampering and says where,
/// `LedgerSearch` answers questions, `LedgerFollower` gives entries as they come. `Index/` makes searches fast and is made from the ledger,
/// `Export/` writes entries in other forms, `Retention/` removes what is too old, `Sealing/` seals. `Usage/` counts calls into the usage store, exactly once.
///
/// The format: `{"seq":N,"time":"...",<members>,"prev":"<64 hex>"}` and a newline; `prev` is the SHA-256 of the line before it,
/// without its newline, over all segments; 64 zeros in the first line of all. Segments are named by their first number.
///
/// Begin with `LedgerEntry.swift`, then `Writing/LedgerWriter.swift`.
