import Foundation

@testable import PolicyImport

/// Small OpenAPI documents, drafted in a folder of their own.
enum Drafting {
  static let categories = """
    { "place": { "title": {"en": "Place"}, "description": {"en": "Where"}, "example": {"en": "Paris"}, "fields": ["area"] },
      "serial": { "title": {"en": "Serial"}, "description": {"en": "Which"}, "example": {"en": "1"}, "fields": ["imei"] } }
    """

  /// A document of one operation, `POST /x` unless said otherwise, with CAMARA's device as a component.
  static func document(
    _ operation: String, path: String = "/x", method: String = "post", schemas: String = "", description: String = ""
  ) -> String {
    """
    { "openapi": "3.0.3", "info": { "title": "Thing", "version": "1.2.0", "description": "\(description)" },
      "servers": [ { "url": "{apiRoot}/thing/v1" } ],
      "paths": { "\(path)": { "\(method)": { "operationId": "doIt", "summary": "Do it.", "security": [ { "openId": ["thing:do"] } ],
        \(operation) } } },
      "components": { "schemas": { "Device": { "type": "object", "minProperties": 1, "properties": {
        "phoneNumber": { "type": "string", "pattern": "^\\\\+[1-9][0-9]{4,14}$" }, "ipv6Address": { "type": "string", "format": "ipv6" } } },
        "DeviceResponse": { "allOf": [ { "$ref": "#/components/schemas/Device" }, { "maxProperties": 1 } ] }\(schemas) } } }
    """
  }

  static func body(_ schema: String, isRequired: Bool = true) -> String {
    #""requestBody": { "required": \#(isRequired), "content": { "application/json": { "schema": \#(schema) } } }"#
  }

  static func answer(_ schema: String, status: String = "200") -> String {
    #""\#(status)": { "description": "-", "content": { "application/json": { "schema": \#(schema) } } }"#
  }

  static func error(_ status: Int, _ code: String, _ message: String = "Something.") -> String {
    #""\#(status)": { "description": "-", "content": { "application/json": { "examples": { "e": { "value": "#
      + #"{ "status": \#(status), "code": "\#(code)", "message": "\#(message)" } } } } } }"#
  }

  /// Runs a closure in a folder that holds these files.
  static func inFolder<Result>(_ files: [String: String], _ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("import-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      let place = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: place, atomically: true, encoding: .utf8)
    }
    return try body(folder.path)
  }

  static func importer(_ text: String, name: String = "api.json", beside: [String: String] = [:]) throws -> PolicyImporter {
    try inFolder(beside.merging([name: text]) { $1 }) { folder in
      try PolicyImporter(document: folder + "/" + name, categories: (Array(categories.utf8), "categories.json"))
    }
  }

  static func outcome(_ text: String, present: String? = nil, record: String? = nil) throws -> PolicyImporter.Outcome {
    try importer(text).outcome(
      present: present.map { (Array($0.utf8), "thing-1.json") }, record: record.map { (Array($0.utf8), "record.json") })
  }

  /// The draft of a new policy.
  static func draft(_ text: String, name: String = "api.json", beside: [String: String] = [:]) throws -> PolicyTree {
    let outcome = try importer(text, name: name, beside: beside).outcome(present: nil, record: nil)
    return try PolicyFileText(outcome.text, file: "thing-1.json").tree
  }

  /// The one operation of a draft.
  static func operation(_ text: String, name: String = "api.json", beside: [String: String] = [:]) throws -> PolicyTree {
    let draft = try draft(text, name: name, beside: beside)
    return draft["operations"]!.members[0].value!
  }
}

extension PolicyTree {
  /// A value of it by names: `tree.at("response", "fields")`.
  func at(_ names: String...) -> PolicyTree? { names.reduce(Optional(self)) { tree, name in tree?[name] } }
  /// On one line.
  var line: String { String(decoding: strictJSON, as: UTF8.self) }
}
