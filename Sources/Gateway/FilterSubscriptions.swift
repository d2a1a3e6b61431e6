import Bytes
import Identifiers
import Policy
import Store

/// Subscriptions in answers: the backend knows the gateway's sink, and the client must see its own; what the gateway has ended is over,
/// whatever the backend says.
struct SubscriptionAnswers {
  private let store: any SubscriptionStore
  /// The kinds of resources of which events tell, and whether their answers say how a subscription stands.
  private let kinds: [String: Bool]

  init(_ store: any SubscriptionStore, _ catalogue: Catalogue) {
    self.store = store
    let makers = catalogue.operationsByIndex.compactMap { operation in
      operation.subscription.flatMap { subscription in
        operation.resources.first(where: \.isCreated).map { ($0.kind, subscription.endedType != nil) }
      }
    }
    kinds = Dictionary(makers) { first, _ in first }
  }

  /// What the answer of a creating call says of a subscription.
  struct Facts {
    var expiresAt: Timestamp?
    /// 202 tells an id alone.
    var isActive = false

    init(_ document: [UInt8]) {
      var tape = JSONTape()
      guard !document.isEmpty, (try? tape.parse(document.span)) != nil, tape.kind(0) == .object else { return }
      func text(_ name: String) -> String? {
        tape.member(name, of: 0, in: document.span).flatMap { tape.string($0, in: document.span) }
      }
      expiresAt = text("expiresAt").flatMap { Timestamp(rfc3339: $0) }
      isActive = text("status").map { $0 == "ACTIVE" } ?? (tape.childCount(0) > 1)
    }
  }

  /// The answer to a call about one that the gateway has ended, whatever has become of it at the backend; nil where the backend answers.
  func ended(_ resource: NamedResource, _ operation: OperationPolicy) throws(APIError) -> LocalAnswer? {
    guard kinds[resource.use.kind] == true, resource.isInPath else { return nil }
    let record: SubscriptionRecord?
    do { record = try store.find(kind: resource.use.kind, backendIDs: [resource.id]).first ?? nil } catch {
      throw APIError(.unavailable, "subscription_store_failed")
    }
    guard let record, !record.status.isLive else { return nil }
    if resource.use.deletes { return LocalAnswer(status: 204, body: []) }
    guard operation.method == "GET", let document = record.document else { return nil }
    var tape = JSONTape()
    guard (try? tape.parse(document.span)) != nil, tape.kind(0) == .object,
      let status = tape.member("status", of: 0, in: document.span)
    else { return nil }
    return LocalAnswer(
      status: 200, body: BodyEdit.apply([(tape.range(status), Self.json(record.status.word))], to: document))
  }

  /// The body with the clients' own sinks, found by what the policy says of its resources; nil where nothing has to be written anew.
  ///
  /// - Parameter named: the id in the path.
  func restored(
    _ body: Span<UInt8>, _ tape: JSONTape, _ operation: OperationPolicy, named: String?
  ) throws(APIError) -> [UInt8]? {
    for use in operation.resources {
      guard let tellsStatus = kinds[use.kind] else { continue }
      var elements: [(node: Int, id: String)] = []
      switch use.place {
      case .parameter: if let named { elements = [(0, named)] }
      case .shown(let path): if let id = Self.text(path, of: 0, body, tape) { elements = [(0, id)] }
      case .listed(let array, let id, _): elements = Self.elements(array, id, body, tape)
      case .created, .header, .body: break
      }
      guard !elements.isEmpty else { continue }
      return try restored(body, tape, kind: use.kind, elements, tellsStatus: tellsStatus)
    }
    return nil
  }

  private static func text(_ path: [JSONName], of node: Int, _ body: Span<UInt8>, _ tape: JSONTape) -> String? {
    var place: Int? = node
    for name in path { place = place.flatMap { tape.member(name, of: $0, in: body) } }
    return place.flatMap { tape.string($0, in: body) }
  }

  private static func elements(
    _ path: [JSONName], _ id: [JSONName], _ body: Span<UInt8>, _ tape: JSONTape
  ) -> [(node: Int, id: String)] {
    guard let array = tape.value(at: path, in: body), tape.kind(array) == .array else { return [] }
    var (elements, element) = ([(node: Int, id: String)](), array + 1)
    for _ in 0..<tape.childCount(array) {
      if let name = text(id, of: element, body, tape) { elements.append((element, name)) }
      element = tape.next(element)
    }
    return elements
  }

  /// The body with the clients' own sinks; nil where nothing has to be written anew.
  ///
  /// - Parameters:
  ///   - elements: the nodes of the subscriptions in it, with the backend's names for them.
  ///   - tellsStatus: the API says of a subscription how it stands.
  private func restored(
    _ body: Span<UInt8>, _ tape: JSONTape, kind: String, _ elements: [(node: Int, id: String)], tellsStatus: Bool
  ) throws(APIError) -> [UInt8]? {
    let records: [SubscriptionRecord?]
    do { records = try store.find(kind: kind, backendIDs: elements.map(\.id)) } catch {
      throw APIError(.unavailable, "subscription_store_failed")
    }
    var edits: [(place: ByteRange, text: [UInt8])] = []
    for (element, record) in zip(elements, records) {
      guard let record, tape.kind(element.node) == .object else { continue }
      if let sink = tape.member("sink", of: element.node, in: body) { edits.append((tape.range(sink), Self.json(record.sink))) }
      if tellsStatus, !record.status.isLive, let status = tape.member("status", of: element.node, in: body) {
        edits.append((tape.range(status), Self.json(record.status.word)))
      }
    }
    return edits.isEmpty ? nil : BodyEdit.apply(edits, to: body.bytes())
  }

  /// The same for one that the backend has just made, of which the store has no name yet.
  static func restored(_ body: Span<UInt8>, _ tape: JSONTape, sink own: String) -> [UInt8] {
    guard tape.kind(0) == .object, let sink = tape.member("sink", of: 0, in: body) else { return body.bytes() }
    return BodyEdit.apply([(tape.range(sink), json(own))], to: body.bytes())
  }

  static func json(_ text: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.string(text)
    return writer.bytes
  }
}

extension SubscriptionRecord.Status {
  /// Event guide, 2.2.2.
  var word: String {
    switch self {
    case .requested: "ACTIVATION_REQUESTED"
    case .active: "ACTIVE"
    case .inactive: "INACTIVE"
    case .expired: "EXPIRED"
    case .deleted: "DELETED"
    }
  }
}
