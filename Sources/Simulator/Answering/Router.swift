/// Finds the operation of a path among all APIs.
struct Router: Sendable {
  struct Match {
    let api: SimulatedAPI
    let route: Route
    let parameters: [String: String]
  }

  private struct Entry: Sendable {
    let api: SimulatedAPI
    let route: Route
    let segments: [String]

    /// The parameters, when the path is one of this route's.
    func match(_ path: [Substring]) -> [String: String]? {
      guard path.count == segments.count else { return nil }
      var parameters: [String: String] = [:]
      for (segment, part) in zip(segments, path) {
        if segment.hasPrefix("{") {
          guard !part.isEmpty else { return nil }
          parameters[String(segment.dropFirst().dropLast())] = String(part)
        } else if segment != part {
          return nil
        }
      }
      return parameters
    }

    var parameterCount: Int { segments.count { $0.hasPrefix("{") } }
  }

  /// By path, then by method: most operations have no parameter.
  private var literal: [String: [Entry]] = [:]
  /// Those with fewer parameters first: a literal wins over a parameter.
  private var templates: [Entry] = []
  let apis: [SimulatedAPI]

  init(_ apis: [SimulatedAPI]) {
    self.apis = apis
    for api in apis {
      for route in api.routes {
        let path = api.basePath + route.template
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let entry = Entry(api: api, route: route, segments: segments)
        if entry.parameterCount == 0 { literal[path, default: []].append(entry) } else { templates.append(entry) }
      }
    }
    templates.sort { $0.parameterCount < $1.parameterCount }
  }

  /// - Throws: 404 for a path that no API has, 405 for a method that it has not.
  func find(_ method: String, _ path: String) throws(BackendError) -> Match {
    var candidates = (literal[path] ?? []).map { Match(api: $0.api, route: $0.route, parameters: [:]) }
    if candidates.isEmpty {
      let segments = path.split(separator: "/", omittingEmptySubsequences: false)
      for entry in templates {
        guard let parameters = entry.match(segments), candidates.first.map({ $0.route.template == entry.route.template }) ?? true
        else { continue }
        candidates.append(Match(api: entry.api, route: entry.route, parameters: parameters))
      }
    }
    guard !candidates.isEmpty else { throw .noSuchPath }
    guard let match = candidates.first(where: { $0.route.method == method }) else {
      throw .methodNotAllowed(candidates.map(\.route.method))
    }
    return match
  }
}
