import Authorization
import Bytes
import Policy

/// What is published, as JSON for programs. Texts are there in all languages that the policies have.
struct PublicationDocument {
  let publication: Publication

  init(_ publication: Publication) { self.publication = publication }

  private var site: Site { publication.site }
  private var issuer: String { site.server.settings.issuer }

  static var unknown: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("status", 404)
    writer.field("code", "NOT_FOUND")
    writer.field("message", "There is no such API here; /apis lists those that there are.")
    writer.endObject()
    return writer.bytes
  }

  func all() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("issuer", issuer)
    writer.field("openid_configuration", issuer + EndpointPath.openIDConfiguration.rawValue)
    writer.key("apis")
    writer.beginArray()
    for api in publication.apis { write(api, &writer) }
    writer.endArray()
    writer.key("purposes")
    writer.beginArray()
    for term in site.catalogue.purposes {
      writer.beginObject()
      writer.field("purpose", term.purpose.rawValue)
      write("title", term.title, &writer)
      write("description", term.description, &writer)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }

  func one(_ api: APIPolicy) -> [UInt8] {
    var writer = JSONWriter()
    write(api, &writer)
    return writer.bytes
  }

  private func write(_ api: APIPolicy, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("api", api.name.rawValue)
    writer.field("version", api.version)
    write("title", api.title, &writer)
    writer.field("url", issuer + api.basePath)
    writer.field("page", issuer + Publication.path(of: api))
    if let documentation = api.documentation { writer.field("documentation", documentation) }
    writer.key("operations")
    writer.beginArray()
    for operation in api.operations { write(operation, api, &writer) }
    writer.endArray()
    writer.endObject()
  }

  private func write(_ operation: OperationPolicy, _ api: APIPolicy, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("operation", operation.id.rawValue)
    writer.field("method", operation.method)
    writer.field("path", String(operation.pathTemplate.dropFirst(api.basePath.count)))
    write("title", operation.title, &writer)
    // Any one of the lists; of a list all.
    writer.key("scopes")
    writer.beginArray()
    for alternative in operation.scopeAlternatives {
      writer.beginArray()
      for scope in alternative { writer.string(scope.rawValue) }
      writer.endArray()
    }
    writer.endArray()
    writer.key("legs")
    writer.beginArray()
    for legs in operation.legs.sorted() { writer.integer(legs) }
    writer.endArray()
    writer.field("personal_data", operation.personalData)
    writeData(of: operation, &writer)
    writeTerms(of: operation, &writer)
    writer.field("curl", CurlExample(operation: operation, root: issuer).text)
    writer.endObject()
  }

  private func writeData(of operation: OperationPolicy, _ writer: inout JSONWriter) {
    writer.key("data")
    writer.beginArray()
    for category in site.catalogue.categories(of: operation) {
      writer.beginObject()
      writer.field("category", category.id.rawValue)
      write("title", category.title, &writer)
      writer.field("required", operation.requiredCategories & category.mask != 0)
      writer.endObject()
    }
    writer.endArray()
  }

  private func writeTerms(of operation: OperationPolicy, _ writer: inout JSONWriter) {
    if let limits = operation.limits {
      writer.key("rate_limit")
      writer.beginObject()
      writer.field("requests_per_minute", limits.requestsPerMinute)
      writer.field("burst", limits.burst)
      writer.endObject()
    }
    if publication.settings.showsPrices, let price = operation.price {
      writer.key("price")
      writer.beginObject()
      writer.field("amount", DecimalMicros.text(Int128(price.amountMicros)))
      writer.field("currency", price.currency)
      writer.endObject()
    }
  }

  private func write(_ name: StaticString, _ text: LocalizedText, _ writer: inout JSONWriter) {
    writer.key(name)
    writer.beginObject()
    for language in text.languages {
      writer.key(language)
      writer.string(text.text([language]))
    }
    writer.endObject()
  }
}

extension Catalogue {
  /// The categories of personal data that an answer can release, in the order of the consent page.
  func categories(of operation: OperationPolicy) -> [Policy.Category] {
    categories.filter { $0.mask & (operation.requiredCategories | operation.optionalCategories) != 0 }
  }
}
