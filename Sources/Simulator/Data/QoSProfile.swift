import Bytes

/// A quality of service that the operator sells.
struct QoSProfile: Sendable {
  let name: String
  /// `ACTIVE`, `INACTIVE` or `DEPRECATED`.
  let status: String
  let durationSecondsMaximum: Int
  /// Before the quality is there; 0 for at once.
  let provisioningSeconds: Int
  /// The network does not manage to give it.
  let fails: Bool
  /// The profile as CAMARA's qos-profiles shows it.
  let published: JSON

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    let given = try reader.required("profile")
    guard let name = given["name"]?.string, (3...256).contains(name.utf8.count) else {
      throw given.error("\"name\" wants 3 to 256 characters")
    }
    guard let status = given["status"]?.string, ["ACTIVE", "INACTIVE", "DEPRECATED"].contains(status) else {
      throw given.error("\"status\" wants one of ACTIVE, INACTIVE, DEPRECATED")
    }
    (self.name, self.status) = (name, status)
    published = JSON(given)
    durationSecondsMaximum = try Self.seconds(given)
    provisioningSeconds = try reader.duration("provisioning", in: 0...3600, default: 0)
    fails = try reader.boolean("fails", default: false)
    try reader.finish()
  }

  /// Of the profile's `maxDuration`; a day without one.
  private static func seconds(_ profile: JSONValue) throws(DocumentError) -> Int {
    guard let duration = profile["maxDuration"] else { return 86_400 }
    let units = ["Days": 86_400, "Hours": 3600, "Minutes": 60, "Seconds": 1]
    guard let count = duration["value"]?.integer, (1...100_000).contains(count),
      let unit = duration["unit"]?.string.flatMap({ units[$0] })
    else { throw duration.error("\"maxDuration\" wants a value and one of Days, Hours, Minutes, Seconds") }
    return count * unit
  }
}
