/// One operation of an API: where it is and who answers it.
struct Route: Sendable {
  typealias Handler = @Sendable (Call) throws(BackendError) -> Answer

  let method: String
  /// Below the base path; `{name}` is a parameter.
  let template: String
  /// CAMARA's `operationId`.
  let operation: String
  let handler: Handler

  static func get(_ template: String, _ operation: String, _ handler: @escaping Handler) -> Route {
    Route(method: "GET", template: template, operation: operation, handler: handler)
  }

  static func post(_ template: String, _ operation: String, _ handler: @escaping Handler) -> Route {
    Route(method: "POST", template: template, operation: operation, handler: handler)
  }

  static func put(_ template: String, _ operation: String, _ handler: @escaping Handler) -> Route {
    Route(method: "PUT", template: template, operation: operation, handler: handler)
  }

  static func delete(_ template: String, _ operation: String, _ handler: @escaping Handler) -> Route {
    Route(method: "DELETE", template: template, operation: operation, handler: handler)
  }
}

/// An API in one version.
struct SimulatedAPI: Sendable {
  let name: String
  /// Of CAMARA's `servers` entry, without the root.
  let basePath: String
  let routes: [Route]

  init(_ name: String, _ basePath: String, _ routes: [Route]) {
    self.name = name
    self.basePath = basePath
    self.routes = routes
  }
}
