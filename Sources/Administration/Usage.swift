import Accounting
import Bytes
import Dispatch
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/usage?client_id=&api=&operation=&from=&to=&by=hour|day|month`: what was used and what it costs, counted from the
  /// ledger up to its last durable entry.
  func reportUsage(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("client_id", "api", "operation", "from", "to", "by")
    var filter = UsageFilter()
    filter.client = try request.query["client_id"].map(Self.clientID)
    filter.api = request.query["api"]
    filter.operation = request.query["operation"]
    filter.fromHour = try request.query["from"].map(Self.hour)
    filter.toHour = try request.query["to"].map(Self.hour)
    if let from = filter.fromHour, let to = filter.toHour, from > to { throw AdminError.invalid("from is after to") }
    guard let period = UsagePeriod(rawValue: request.query["by"] ?? "day") else {
      throw AdminError.invalid("by wants hour, day or month")
    }
    // Reading the ledger and a year of rows takes its time; the loop goes on meanwhile.
    return try await Self.offLoop { [dependencies, filter] in
      _ = try dependencies.usage.advance()
      try Self.checkClient(filter.client, dependencies)
      return HTTPResponse.json(200, UsageReport.json(try dependencies.accounts.report(filter, by: period), by: period))
    }
  }

  /// `GET /admin/v1/usage/statement?client_id=&month=2026-11&format=json|csv|html`: what a client owes for a month.
  func usageStatement(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("client_id", "month", "format")
    let client = try Self.clientID(request.query["client_id"] ?? "")
    let month = try Self.month(request)
    guard let format = StatementFormat(rawValue: request.query["format"] ?? "json") else {
      throw AdminError.invalid("format wants json, csv or html")
    }
    return try await Self.offLoop { [dependencies] in
      _ = try dependencies.usage.advance()
      do {
        return format.answer(try dependencies.accounts.statement(of: client, month: month, at: dependencies.time.now()))
      } catch AccountingError.unknownClient { throw AdminError.noClient(client.rawValue) }
    }
  }

  /// `GET /admin/v1/usage/records?month=2026-11&client_id=`: usage records after TMF635.
  func usageRecords(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("client_id", "month")
    let client = try request.query["client_id"].map(Self.clientID)
    let month = try Self.month(request)
    return try await Self.offLoop { [dependencies] in
      _ = try dependencies.usage.advance()
      try Self.checkClient(client, dependencies)
      let records = UsageRecords(dependencies.accounts, month: month, at: dependencies.time.now())
      return HTTPResponse.json(200, try records.json(client: client))
    }
  }

  /// - Throws: `AdminError` for a client that is not registered and has used nothing.
  private static func checkClient(_ client: ClientID?, _ dependencies: AdminDependencies) throws {
    guard let client, try dependencies.stores.clients.client(client) == nil else { return }
    guard try dependencies.stores.usage.clients().contains(client) else { throw AdminError.noClient(client.rawValue) }
  }

  /// `POST /admin/v1/usage/rebuild`: counts the whole ledger anew. Its entry comes first.
  func rebuildUsage() async throws -> HTTPResponse {
    var entries = 0
    try await recorded(LedgerEntry(event: "admin.usage_rebuilt")) {
      entries = try await Self.offLoop { [dependencies] in
        try dependencies.usage.rebuild(key: dependencies.keys.audit.verificationKey)
      }
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("entries", entries)
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// Runs what blocks on a thread that may be blocked.
  static func offLoop<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
    }
  }

  /// Hours since 1970, UTC.
  private static func hour(_ text: String) throws -> Int {
    guard let time = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") else {
      throw AdminError.invalid("a time wants the form 2026-01-31 or 2026-01-31T12:00:00Z")
    }
    return Int(time.seconds / 3600)
  }

  private static func month(_ request: AdminRequest) throws -> Month {
    guard let month = request.query["month"].flatMap({ Month($0) }) else {
      throw AdminError.invalid("month wants the form 2026-11")
    }
    return month
  }
}
