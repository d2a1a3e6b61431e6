import Bytes

/// By which of the configuration's plans a client is charged, and since when.
public struct PlanAssignment: Sendable, Hashable {
  public static let listMaximum = 100

  public var plan: String
  /// Hours since 1970 UTC, the first of a day; nil: since ever.
  public var fromHour: Int?

  public init(plan: String, fromHour: Int? = nil) {
    self.plan = plan
    self.fromHour = fromHour
  }

  /// Reads a list such as `[{ "plan": "trial" }, { "plan": "standard", "from": "2026-11-15" }]`, in whatever order it stands.
  ///
  /// - Returns: the earliest first.
  /// - Throws: `DocumentError` for a malformed name or date, and for two plans from one day on.
  public static func list(_ value: JSONValue) throws(DocumentError) -> [PlanAssignment] {
    guard let array = value.array, array.count <= listMaximum else {
      throw value.error("plans wants a list of { \"plan\": name, \"from\": date }, \(listMaximum) at most")
    }
    var list: [PlanAssignment] = []
    for element in array {
      var reader = try ObjectReader(element)
      let assignment = PlanAssignment(plan: try reader.string("plan"), fromHour: try Self.fromHour(&reader, element))
      guard isName(assignment.plan) else {
        throw (element["plan"] ?? element).error("a plan's name is 1 to 64 letters, digits, dots, hyphens and underscores")
      }
      try reader.finish()
      guard !list.contains(where: { $0.fromHour == assignment.fromHour }) else {
        throw element.error("two plans from the same day on")
      }
      list.append(assignment)
    }
    return list.sorted { ($0.fromHour ?? .min) < ($1.fromHour ?? .min) }
  }

  /// The member `from`, a calendar day of UTC; nil when it is absent.
  public static func fromHour(_ reader: inout ObjectReader, _ place: JSONValue) throws(DocumentError) -> Int? {
    guard let text = try reader.optionalString("from") else { return nil }
    guard text.utf8.count == 10, let day = Timestamp(rfc3339: text + "T00:00:00Z") else {
      throw (place["from"] ?? place).error("from wants a day such as \"2026-11-15\" (UTC)")
    }
    return Int(day.seconds) / 3600
  }

  public static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
  }

  /// The day of `fromHour`, as it is read.
  public var fromDay: String? { fromHour.map { String(Timestamp(seconds: Int64($0) * 3600).rfc3339.prefix(10)) } }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("plan", plan)
    if let fromDay { writer.field("from", fromDay) }
    writer.endObject()
  }
}
