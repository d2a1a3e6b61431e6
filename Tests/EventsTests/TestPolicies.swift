import Foundation
import Identifiers
import Policy

/// An API of events that tests write: two types with categories of their own, of which one has a field that may be left out, and the
/// words about the subscription itself; and a watch, which is no subscription but tells of itself.
enum TestPolicies {
  static let seen = "org.example.sightings.v0.seen"
  static let heard = "org.example.sightings.v0.heard"
  static let watched = "org.example.sightings.v0.watched"
  static let started = "org.example.sightings.v0.subscription-started"
  static let ended = "org.example.sightings.v0.subscription-ended"
  /// Of an older version of the event guide.
  static let ends = "org.example.sightings.v0.subscription-ends"

  static func scope(_ type: String) -> Scope { Scope(rawValue: "sightings:\(type):create")! }

  private static let categories = """
    { "place": { "title": {"en": "Place"}, "description": {"en": "Where"}, "example": {"en": "Paris"} },
      "voice": { "title": {"en": "Voice"}, "description": {"en": "What"}, "example": {"en": "Hello"} },
      "name": { "title": {"en": "Name"}, "description": {"en": "Who"}, "example": {"en": "Ada"} } }
    """
  private static let purposes = """
    { "Testing": { "title": {"en": "Testing"}, "description": {"en": "To test"} } }
    """
  private static let bases = #"{ "default": "consent", "rules": [] }"#
  private static let area = """
    "area": { "required": true, "fields": { "radius": { "required": true, "release": "always" } } },
    "device": { "named": true, "fields": { "phoneNumber": { "release": "always" } } }
    """
  private static let id = #""subscriptionId": { "required": true, "release": "always" }"#
  private static let end = """
    { "lifecycle": "ended", "fields": { \(id), \(area),
      "terminationReason": { "required": true, "release": "always" }, "terminationDescription": { "release": "always" } } }
    """
  static let api = """
    { "api": "sightings", "version": "1.0.0", "basePath": "/sightings/v1", "title": {"en": "Sightings"},
      "operations": {
        "createSighting": { "method": "POST", "path": "/subscriptions", "title": {"en": "Make"},
          "scopes": ["\(scope(seen).rawValue)", "\(scope(heard).rawValue)"],
          "eventScopes": { "at": "types", "scope": "sightings:{type}:create" },
          "subject": { "rule": "tokenOrBody", "at": "device" },
          "request": { "schema": { "type": "object", "properties": {
            "device": { "type": "object", "properties": { "phoneNumber": { "type": "string" } } },
            "types": { "type": "array", "items": { "type": "string" } } } } },
          "resource": { "name": "subscriptions", "creates": "id" },
          "events": { "id": "subscriptionId", "end": "deleteSighting", "types": {
            "\(seen)": { "category": "place", "fields": { \(id),
              "name": { "category": "name" }, "phoneNumber": { "named": true, "release": "always" } } },
            "\(heard)": { "category": "voice", "fields": { \(id), "sound": { "required": true, "release": "always" } } },
            "\(started)": { "lifecycle": "started", "fields": { \(id) } },
            "\(ends)": \(end), "\(ended)": \(end) } },
          "response": { "status": [201], "fields": { "id": { "required": true, "release": "always" } } } },
        "createWatch": { "method": "POST", "path": "/watches", "title": {"en": "Watch"},
          "scopes": ["\(scope(seen).rawValue)"], "subject": { "rule": "tokenOrBody", "at": "device" },
          "request": { "schema": { "type": "object", "properties": {
            "device": { "type": "object", "properties": { "phoneNumber": { "type": "string" } } } } } },
          "resource": { "name": "watches", "creates": "watchId" },
          "events": { "id": "watchId", "end": "deleteWatch", "types": {
            "\(watched)": { "category": "place", "fields": { "watchId": { "required": true, "release": "always" } } } } },
          "response": { "status": [201], "fields": { "watchId": { "required": true, "release": "always" } } } },
        "deleteWatch": { "method": "DELETE", "path": "/watches/{watchId}", "title": {"en": "End"}, "scopes": ["sightings:delete"],
          "personalData": false, "subject": { "rule": "token" },
          "resource": { "name": "watches", "parameter": "watchId", "deletes": true }, "response": { "answers": { "204": {} } } },
        "deleteSighting": { "method": "DELETE", "path": "/subscriptions/{id}", "title": {"en": "End"}, "scopes": ["sightings:delete"],
          "personalData": false, "subject": { "rule": "token" },
          "resource": { "name": "subscriptions", "parameter": "id", "deletes": true }, "response": { "answers": { "204": {} } } }
      } }
    """

  /// Read once.
  static let catalogue: Result<Catalogue, any Error> = Result { try load([("sightings.json", api)]) }

  /// Another version of it alone: of the first one nothing is served any more.
  static let otherVersion: Result<Catalogue, any Error> = Result {
    try load([("sightings.json", api.replacing("1.0.0", with: "2.0.0").replacing("/sightings/v1", with: "/sightings/v2"))])
  }

  private static func load(_ files: [(String, String)]) throws -> Catalogue {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("policies-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let usual = [("categories.json", categories), ("purposes.json", purposes), ("legal-bases.json", bases)]
    for (name, text) in usual + files {
      try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    return try Catalogue.load(directory: folder.path)
  }

  /// What is shipped.
  static let shipped: Result<Catalogue, any Error> = Result {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try Catalogue.load(directory: root.appendingPathComponent("policies").path)
  }
}
