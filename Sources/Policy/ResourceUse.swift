import Bytes
import Identifiers

/// What a call makes, reads or ends: sessions, payments, subscriptions. Whoever made one is the only one who sees it (design guide,
/// 6.7).
public struct ResourceUse: Sendable {
  public enum Place: Sendable {
    /// The answer is a new one; its id stands there.
    case created([JSONName])
    /// The answer is one that exists; its id stands there.
    case shown([JSONName])
    /// The answer has an array of them: where, and where in each its id stands.
    ///
    /// - `ofClient`: the backend lists those of the client that it is told of, and no other's.
    case listed(array: [JSONName], id: [JSONName], ofClient: Bool)
    /// The request names one.
    case parameter(PathParameter)
    case header(Int)
    case body([JSONName])
  }

  /// The API and its own word: `quality-on-demand:sessions`.
  public let kind: String
  public let place: Place
  /// A successful answer ends it.
  public let deletes: Bool
  public let keptSeconds: Int64

  public var isNamedByRequest: Bool {
    switch place {
    case .created, .shown, .listed: false
    case .parameter, .header, .body: true
    }
  }

  public var isCreated: Bool { if case .created = place { true } else { false } }

  /// Reads a policy's `resource`: one, or a list of them.
  static func read(
    _ value: JSONValue?, api: APIName, parameters: [PathParameter], headers: HeaderRules
  ) throws(DocumentError) -> [ResourceUse] {
    guard let value else { return [] }
    var uses: [ResourceUse] = []
    for element in value.array ?? [value] {
      uses.append(try ResourceUse(element, api: api, parameters: parameters, headers: headers))
    }
    guard uses.count(where: { !$0.isNamedByRequest }) <= 1 else {
      throw value.error("an answer is about one kind of resource: creates, shows or lists, once")
    }
    return uses
  }

  private init(
    _ value: JSONValue, api: APIName, parameters: [PathParameter], headers: HeaderRules
  ) throws(DocumentError) {
    var reader = try ObjectReader(value)
    let name = try reader.string("name")
    let places = ["creates", "shows", "lists", "parameter", "header", "at"].compactMap { key in
      reader.value(key).map { (key: key, value: $0) }
    }
    deletes = try reader.boolean("deletes", default: false)
    let keptDays = try reader.optionalInteger("keptDays", in: 1...36_500)
    keptSeconds = Int64(keptDays ?? 400) * 86_400
    try reader.finish()
    guard !name.isEmpty, name.utf8.count <= 128, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw value.error("name wants a word, or an API's name, a colon and a word")
    }
    kind = name.contains(":") ? name : "\(api.rawValue):\(name)"
    guard places.count == 1 else {
      throw value.error("a resource wants exactly one of creates, shows, lists, parameter, header and at")
    }
    place = try Self.place(places[0].key, places[0].value, parameters, headers)
    guard !deletes || isNamedByRequest else { throw value.error("deletes goes with parameter, header or at") }
    guard keptDays == nil || isCreated else { throw value.error("keptDays goes with creates") }
  }

  private static func place(
    _ key: String, _ value: JSONValue, _ parameters: [PathParameter], _ headers: HeaderRules
  ) throws(DocumentError) -> Place {
    switch key {
    case "creates": return .created(try id(value))
    case "shows": return .shown(try id(value))
    case "at": return .body(try id(value))
    case "lists":
      var reader = try ObjectReader(value)
      let array = try reader.value("at").map(BodyPath.read) ?? []
      let id = try id(reader.required("id"))
      let ofClient = try reader.boolean("ofClient", default: false)
      try reader.finish()
      return .listed(array: array.map { JSONName($0) }, id: id, ofClient: ofClient)
    case "parameter":
      guard let parameter = parameters.first(where: { $0.name == value.string }) else {
        let nearest = NearestName.to(value.string ?? "", among: parameters.map(\.name))
        throw value.error("the path has no such parameter" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
      }
      return .parameter(parameter)
    default:
      guard let name = value.string, let index = headers.index(of: name) else {
        throw value.error("the operation has no such field in its headers")
      }
      return .header(index)
    }
  }

  private static func id(_ value: JSONValue) throws(DocumentError) -> [JSONName] {
    let path = try BodyPath.read(value)
    guard !path.isEmpty else { throw value.error("the place of an id wants at least one name") }
    return path.map { JSONName($0) }
  }
}
