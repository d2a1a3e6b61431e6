import Bytes
import Policy
import Store

/// What an answer says of resources, before anything of it is released: one that it made, one that it shows, or a list, of which only
/// the caller's own are left.
struct AnswerResources {
  /// The id of what the answer made.
  var created: CreatedResource?
  /// The answer with the caller's own alone; nil where it stays as it is.
  var ownBody: [UInt8]?
  /// The answer's head may be of more than its body: of all that the backend has.
  private(set) var isPartOfMore = false
  /// Whose those are that the answer shows, where it shows what was there before.
  var owners: [ResourceOwner]?

  /// - Parameter tape: of the body.
  init(
    _ operation: OperationPolicy, _ body: Span<UInt8>, _ tape: JSONTape, _ viewer: ResourceViewer, _ store: any ResourceStore
  ) throws(APIError) {
    for use in operation.resources {
      switch use.place {
      case .created(let path): created = CreatedResource(use: use, id: try Self.id(path, body, tape))
      case .shown(let path): try show(use, try Self.id(path, body, tape), viewer, store)
      case .listed(let array, let id, let ofClient):
        try list(use, array, id, body, tape, viewer, store)
        isPartOfMore = !ofClient || ownBody != nil
      case .parameter, .header, .body: break
      }
    }
  }

  private static func id(_ path: [JSONName], _ body: Span<UInt8>, _ tape: JSONTape) throws(APIError) -> String {
    guard let id = tape.value(at: path, in: body).flatMap({ tape.string($0, in: body) }), isID(id) else {
      throw APIError(.badGateway, "backend_id_missing")
    }
    return id
  }

  /// A dot or two would be an address of something else.
  private static func isID(_ id: String) -> Bool {
    !id.isEmpty && id != "." && id != ".." && id.utf8.count <= ResourceCheck.idBytesMaximum
  }

  private mutating func show(
    _ use: ResourceUse, _ id: String, _ viewer: ResourceViewer, _ store: any ResourceStore
  ) throws(APIError) {
    let owner: ResourceOwner?
    do { owner = try store.owner(kind: use.kind, id: id) } catch { throw APIError(.unavailable, "resource_store_failed") }
    guard let owner, viewer.sees(owner) else { throw APIError(.notFound, "resource_of_another") }
    owners = [owner]
  }

  private mutating func list(
    _ use: ResourceUse, _ path: [JSONName], _ idPath: [JSONName], _ body: Span<UInt8>, _ tape: JSONTape,
    _ viewer: ResourceViewer, _ store: any ResourceStore
  ) throws(APIError) {
    guard let array = tape.value(at: path, in: body), tape.kind(array) == .array else {
      throw APIError(.badGateway, "backend_shape")
    }
    guard tape.childCount(array) <= ResourceCheck.listedMaximum else { throw APIError(.badGateway, "backend_list_too_long") }
    var (elements, ids): ([Int], [String]) = ([], [])
    var element = array + 1
    for _ in 0..<tape.childCount(array) {
      var node: Int? = element
      for name in idPath { node = node.flatMap { tape.member(name, of: $0, in: body) } }
      // What has no name cannot be anybody's.
      if let id = node.flatMap({ tape.string($0, in: body) }), Self.isID(id) {
        elements.append(element)
        ids.append(id)
      }
      element = tape.next(element)
    }
    let known: [ResourceOwner?]
    do { known = try store.owners(kind: use.kind, ids: ids) } catch { throw APIError(.unavailable, "resource_store_failed") }
    let own = zip(elements, known).filter { $0.1.map(viewer.sees) ?? false }
    owners = own.compactMap(\.1)
    guard own.count < tape.childCount(array) else { return }
    ownBody = Self.body(with: own.map(\.0), insteadOf: array, body, tape)
  }

  /// The body with these elements alone in an array.
  private static func body(with elements: [Int], insteadOf array: Int, _ body: Span<UInt8>, _ tape: JSONTape) -> [UInt8] {
    let place = tape.range(array)
    var output = body.extracting(0..<place.lower).bytes()
    output.append(0x5B)
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(0x2C) }
      output.append(body.slice(tape.range(element)))
    }
    output.append(0x5D)
    output.append(body.extracting(place.upper..<body.count))
    return output
  }
}
