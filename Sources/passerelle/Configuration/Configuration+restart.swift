extension Configuration {
  /// The keys that differ from those of the configuration that a gateway runs with, and that it cannot follow without a restart: where it
  /// listens, what its data is, and what its threads are made of. Empty when it can follow every change.
  func needsRestart(from running: Configuration) -> [String] {
    func differ<Value: Equatable>(_ value: (Configuration) -> Value) -> Bool { value(self) != value(running) }
    let rows: [(name: String, isDifferent: Bool)] = [
      ("issuer", differ(\.issuer)),
      ("listen.host", differ(\.listen.host)), ("listen.port", differ(\.listen.port)),
      ("listen.tls, on or off", differ { $0.listen.tls == nil }),
      ("mutualTLS, there or not", differ { $0.mutualTLS == nil }),
      ("mutualTLS.listen.host", running.mutualTLS != nil && mutualTLS != nil && differ { $0.mutualTLS?.listen.host }),
      ("mutualTLS.listen.port", running.mutualTLS != nil && mutualTLS != nil && differ { $0.mutualTLS?.listen.port }),
      ("admin.host", differ(\.admin.host)), ("admin.port", differ(\.admin.port)),
      ("admin.tokenFile", differ(\.admin.tokenFile)), ("admin.tls, on or off", differ { $0.admin.tls == nil }),
      ("data", differ(\.data)), ("keys", differ(\.keys)), ("loops", differ(\.loops)),
      ("dpop.proofsRemembered", differ(\.dpop.proofsRemembered)),
      ("metrics", differ(\.metrics)), ("tracing", differ(\.tracing)),
      ("consent.master", differ(\.consent.master)),
      ("outbound.caFile, with which consent.master began", readsAuthoritiesOnce && differ(\.outbound.caFile)),
      ("events", differ(\.events)), ("ledger", differ(\.ledger)),
    ]
    return rows.filter(\.isDifferent).map(\.name)
  }

  private var readsAuthoritiesOnce: Bool { consent.master.map { $0.caFile == nil } ?? false }

  /// The members of the file that say something else than those of another one, by name.
  func changedMembers(from other: Configuration) -> [String] {
    Set(source.members.keys).union(other.source.members.keys).filter { source.members[$0] != other.source.members[$0] }.sorted()
  }
}
