import Bytes

extension FlowStep {
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("title", title)
    if let request {
      writer.key("request")
      request.write(to: &writer)
    }
    if let response {
      writer.key("response")
      response.write(to: &writer)
    }
    for detail in details {
      writer.key(detail.label)
      writer.raw(detail.json)
    }
    if !notes.isEmpty { writer.field("notes", notes) }
    writer.key("checks")
    writer.beginArray()
    for check in checks {
      writer.beginObject()
      writer.field("text", check.text)
      writer.field("ok", check.isOK)
      writer.field("mandatory", check.isMandatory)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
  }
}

extension FlowStep.Request {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("method", method)
    writer.field("url", address)
    if !fields.isEmpty { FlowStep.write(fields, "headers", to: &writer) }
    if !form.isEmpty { FlowStep.write(form, "form", to: &writer) }
    if let body {
      writer.key("body")
      writer.raw(body)
    }
    writer.endObject()
  }
}

extension FlowStep.Response {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("status", status)
    if !fields.isEmpty { FlowStep.write(fields, "headers", to: &writer) }
    switch body {
    case .none: break
    case .json(let json):
      writer.key("body")
      writer.raw(json)
    case .other(let text): writer.field("body", text)
    }
    writer.endObject()
  }
}

extension FlowStep {
  /// An object; the values of a name that stands more than once are a list, so that no name stands twice.
  fileprivate static func write(_ pairs: [(name: String, value: String)], _ key: String, to writer: inout JSONWriter) {
    writer.key(key)
    writer.beginObject()
    var seen: Set<String> = []
    for pair in pairs where seen.insert(pair.name).inserted {
      let values = pairs.filter { $0.name == pair.name }.map(\.value)
      writer.key(pair.name)
      guard values.count > 1 else { writer.string(pair.value); continue }
      writer.beginArray()
      for value in values { writer.string(value) }
      writer.endArray()
    }
    writer.endObject()
  }
}
