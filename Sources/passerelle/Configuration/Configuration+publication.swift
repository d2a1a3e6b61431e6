import Bytes
import Pages

extension PublicationSettings {
  init(_ value: JSONValue) throws(DocumentError) {
    self.init()
    var reader = try ObjectReader(value)
    isEnabled = try reader.boolean("enabled", default: isEnabled)
    showsPrices = try reader.boolean("prices", default: showsPrices)
    try reader.finish()
  }
}
