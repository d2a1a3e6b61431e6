import Foundation

@testable import Policy

/// Catalogues of policies that tests write.
enum TestCatalogue {
  static let categories = """
    { "place": { "title": {"en": "Place"}, "description": {"en": "Where"}, "example": {"en": "Paris"} },
      "name": { "title": {"en": "Name", "fr": "Nom"}, "description": {"en": "Who"}, "example": {"en": "Ada"} } }
    """
  static let purposes = """
    { "Testing": { "title": {"en": "Testing"}, "description": {"en": "To test"} } }
    """
  static let bases = """
    { "default": "consent", "rules": [ { "client_id": "bank", "basis": "contract" },
      { "purpose": "dpv:Testing", "client_id": "bank", "basis": "legitimate_interest" }, { "api": "other", "basis": "legal_obligation" } ] }
    """
  static let api = """
    // A comment, and commas at ends.
    { "api": "test-api", "version": "1.0.0", "basePath": "/test-api/v1", "title": {"en": "Test"},
      "operations": {
        "makeThing": { "method": "POST", "path": "/things", "title": {"en": "Make"}, "scopes": ["t:make"], "subject": {"rule": "tokenOrBody", "at": "device"},
          "request": { "schema": { "type": "object", "properties": { "size": {"type": "integer", "minimum": 1, "maximum": 9} } } },
          "response": { "status": [201], "fields": { "place": {"required": true, "category": "place"}, "name": {"category": "name"} } },
          "price": {"amount": "0.02", "currency": "EUR"}, "limits": {"requestsPerMinute": 60}, },
        "listThings": { "method": "GET", "path": "/things", "title": {"en": "List"}, "scopes": ["t:read", "t:a t:b"], "response": { "items": {"release": "always"} } },
        "readThing": { "method": "GET", "path": "/things/{id}", "title": {"en": "Read"}, "scopes": ["t:read"], "response": {} },
        "readRemaining": { "method": "GET", "path": "/things/remaining", "title": {"en": "Rest"}, "scopes": ["t:read"], "response": {} },
      },
    }
    """

  /// Writes a folder of policies and loads it; the files given replace or join the usual ones.
  static func load(_ files: [String: String] = [:]) throws -> Catalogue {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("policies-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let usual = ["categories.json": categories, "purposes.json": purposes, "legal-bases.json": bases, "test-api.json": api]
    for (name, text) in usual.merging(files, uniquingKeysWith: { $1 }) {
      try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    return try Catalogue.load(directory: folder.path)
  }
}
