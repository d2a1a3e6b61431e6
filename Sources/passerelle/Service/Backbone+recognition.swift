import Authorization

extension RuledBackbone {
  /// The adapters that recognise a subscriber, in the order in which they are asked: the network's own word first.
  func recognition(_ services: OutboundServices) -> [any SubscriberRecognition] {
    let settings = configuration.recognition
    var adapters: [any SubscriberRecognition] = []
    if let header = settings.enrichmentHeader {
      adapters.append(HeaderEnrichment(header: header, trustedProxies: settings.trustedProxies))
    }
    if let service = services.addressLookup {
      adapters.append(AddressLookup(service: service, browserAddress: settings.browserAddress))
    }
    if let service = services.operatorToken { adapters.append(OperatorTokenCheck(service: service)) }
    adapters.append(services.numberDirectory.map { NumberDirectory(service: $0) } ?? NamedNumbers())
    return adapters
  }

  /// Nil where no webhook sends them.
  func oneTimeCodes(_ services: OutboundServices) -> OneTimeCodes? {
    guard let service = services.oneTimeCode, let settings = configuration.recognition.oneTimeCode else { return nil }
    return OneTimeCodes(
      settings: settings.settings, store: stores.oneTimeCodes, message: CodeMessage(service: service, allowed: settings.fields),
      directory: services.numberDirectory.map { NumberDirectory(service: $0) },
      browserAddress: configuration.recognition.browserAddress, ledger: ledger, time: time)
  }

  /// Nil where there is no way to a subscriber who is elsewhere.
  func webhookChannel(_ services: OutboundServices) -> (any SubscriberChannel)? {
    services.backchannel.map { WebhookChannel(service: $0, allowed: configuration.backchannel.fields, time: time) }
  }
}
