import Bytes
import JOSE

/// carrier-billing: payments in one step, and in two with a reservation between.
enum CarrierBilling {
  static let api = SimulatedAPI(
    "carrier-billing", "/carrier-billing/v0.5",
    [
      .get("/payments", "retrievePayments", list),
      .post("/payments", "createPayment", create),
      .post("/payments/prepare", "preparePayment", prepare),
      .get("/payments/{paymentId}", "retrievePayment") { call throws(BackendError) in
        .ok(try call.kept.payments.find(call.parameter("paymentId"), at: call.now).json)
      },
      .post("/payments/{paymentId}/validate", "validatePayment", validate),
      .post("/payments/{paymentId}/confirm", "confirmPayment", confirm),
      .post("/payments/{paymentId}/cancel", "cancelPayment", cancel),
    ])

  private static let denied = BackendError(403, "CARRIER_BILLING.PAYMENT_DENIED", "Payment denied by business.")

  // MARK: One step

  private static func create(_ call: Call) throws(BackendError) -> Answer {
    let payment = try payment(call, isReservation: false)
    try add(payment, call)
    return Answer(201, payment.json)
  }

  private static func prepare(_ call: Call) throws(BackendError) -> Answer {
    let payment = try payment(call, isReservation: true)
    try add(payment, call)
    if let code = payment.authorization?.code {
      let text = "Your code for the purchase is \(code)."
      try call.kept.messages.add(ShortMessage(to: payment.number, text, at: call.now), at: call.now)
    }
    return Answer(201, payment.preparedJSON)
  }

  private static func payment(_ call: Call, isReservation: Bool) throws(BackendError) -> Payment {
    let body = try call.body()
    let transaction = try body.object("amountTransaction")
    let amount = try transaction.object("paymentAmount")
    let charge = try charge(amount, "paymentDetails", id: "id")
    let reference = try transaction.string("referenceCode")
    let correlator = try transaction.optionalString("clientCorrelator")
    let merchant = try amount.optionalObject("chargingMetaData")?.optionalString("merchantIdentifier")
    let sink = try body.eventSink()
    let subscriber = try call.phoneNumber(in: transaction)
    guard !subscriber.account.isBarred else { throw denied }
    guard charge.amount.count <= call.data.settings.chargeThousandthsMaximum else {
      throw BackendError(422, "CARRIER_BILLING.UNAUTHORIZED_AMOUNT", "Unauthorized amount requested.")
    }
    let number = subscriber.phoneNumber.e164
    let shown: JSON = [
      "phoneNumber": .string(number), "clientCorrelator": correlator.map(JSON.string),
      "paymentAmount": transaction.echo("paymentAmount"),
      "referenceCode": .string(reference), "serverReferenceCode": .string("sim-" + Random.uuid().prefix(8)),
    ]
    let isValidated = isReservation && subscriber.account.settlement == .validated
    return Payment(
      number: number, client: call.client, correlator: correlator, merchant: merchant, charge: charge, transaction: shown,
      sink: sink,
      created: call.now, authorization: isValidated ? (Random.uuid(), ShortMessage.code()) : nil,
      progress: progress(subscriber.account.settlement, isReservation: isReservation, call))
  }

  private static func progress(_ settlement: Account.Settlement, isReservation: Bool, _ call: Call) -> Progress {
    let (now, settings) = (call.now, call.data.settings)
    let settled = now.adding(seconds: Int64(settings.settlementSeconds))
    func expiry(after time: Timestamp) -> Progress.Step {
      .init(time: time.adding(seconds: Int64(settings.reservationSeconds)), status: "cancelled")
    }
    // What is settled at once is a step as well: sinks are told of it.
    func processing(_ status: String, at time: Timestamp, _ expiry: Progress.Step? = nil) -> Progress {
      Progress("processing", since: now, plan: [.init(time: time, status: status)] + (expiry.map { [$0] } ?? []))
    }
    return switch (settlement, isReservation) {
    case (.synchronous, false), (.validated, false): processing("succeeded", at: now)
    case (.asynchronous, false): processing("succeeded", at: settled)
    case (.denied, _): processing("denied", at: settled)
    case (.synchronous, true): processing("reserved", at: now, expiry(after: now))
    case (.asynchronous, true): processing("reserved", at: settled, expiry(after: settled))
    case (.validated, true): processing("pending_validation", at: now, expiry(after: now))
    }
  }

  private static func add(_ payment: Payment, _ call: Call) throws(BackendError) {
    let limit = call.data.subscriber(payment.number)?.account.limitThousandths ?? 0
    try call.kept.payments.add(payment, at: call.now) { others throws(BackendError) in
      if let correlator = payment.correlator,
        others.contains(where: { $0.client == payment.client && $0.correlator == correlator })
      {
        throw BackendError(409, "ALREADY_EXISTS", "The resource that a client tried to create already exists.")
      }
      let spent = others.filter { $0.number == payment.number }.reduce(Thousandths(0)) { $0 + $1.weighs }
      guard (spent + payment.charge.amount).count <= limit else {
        throw BackendError(
          422, "CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED",
          "Unauthorized payment request. Accumulated user mobile payments overpass account amount threshold.")
      }
    }
  }

  /// - Parameters:
  ///   - details: the member with what the amount is made up of.
  ///   - id: the member of each that names it.
  static func charge(_ amount: RequestBody, _ details: String, id: String) throws(BackendError) -> Payment.Charge {
    let information = try amount.object("chargingInformation")
    guard let sum = Thousandths(information["amount"]), sum.count > 0 else {
      throw .invalidArgument("amount wants a number above 0 with three digits behind the point at most.")
    }
    guard information["taxAmount"] == nil || Thousandths(information["taxAmount"]) != nil else {
      throw .invalidArgument("taxAmount wants a number with three digits behind the point at most.")
    }
    let currency = try information.string("currency")
    _ = try information.string("description")
    var items: [String: Thousandths] = [:]
    if amount[details] != nil {
      for value in try amount.array(details, count: 1...1000) {
        let item = try RequestBody(value, path: details)
        guard let part = Thousandths(item["amount"]), part.count > 0 else {
          throw .invalidArgument("\(details).amount wants a number above 0.")
        }
        items[try item.string(id)] = part
      }
    }
    return Payment.Charge(amount: sum, currency: currency, isTaxIncluded: try information.boolean("isTaxIncluded"), items: items)
  }

  // MARK: The second step

  private static func validate(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let (id, code) = try (body.string("authorizationId"), body.string("code"))
    let reservation = call.data.settings.reservationSeconds
    var fault: BackendError?
    _ = try call.kept.payments.update(call.parameter("paymentId"), at: call.now) { payment throws(BackendError) in
      guard let authorization = payment.authorization, authorization.id == id else {
        throw BackendError(400, "CARRIER_BILLING.INVALID_AUTHORIZATION_ID", "Invalid authorizationId.")
      }
      guard payment.progress.status == "pending_validation" else {
        throw BackendError(409, "ALREADY_EXISTS", "The payment is validated already.")
      }
      guard authorization.code == code else {
        payment.wrongCodes += 1
        let isLast = payment.wrongCodes >= 3
        if isLast { payment.progress.move(to: "denied", at: call.now) }
        fault =
          isLast
          ? BackendError(400, "CARRIER_BILLING.VALIDATION_FAILED", "Maximum number of attempts exceeded.")
          : BackendError(400, "CARRIER_BILLING.INVALID_CODE", "Invalid code.")
        return
      }
      let expiry = Progress.Step(time: call.now.adding(seconds: Int64(reservation)), status: "cancelled")
      payment.progress.move(to: "reserved", at: call.now, plan: [expiry])
    }
    if let fault { throw fault }
    return .noContent
  }

  private static func confirm(_ call: Call) throws(BackendError) -> Answer {
    try changeReserved(call) { payment throws(BackendError) in
      guard payment.progress.status == "reserved" else { throw denied }
      payment.progress.move(to: "succeeded", at: call.now)
    }
  }

  private static func cancel(_ call: Call) throws(BackendError) -> Answer {
    try changeReserved(call) { payment throws(BackendError) in payment.progress.move(to: "cancelled", at: call.now) }
  }

  private static func changeReserved(
    _ call: Call, _ change: (inout Payment) throws(BackendError) -> Void
  ) throws(BackendError) -> Answer {
    let body = try call.body()
    let number = body["phoneNumber"] == nil ? nil : try call.phoneNumber(in: body).phoneNumber.e164
    _ = try call.kept.payments.update(call.parameter("paymentId"), at: call.now) { payment throws(BackendError) in
      // Somebody else's payment is none (the API's own rule).
      if let number, number != payment.number { throw BackendError.notFound }
      switch payment.progress.status {
      case "succeeded": throw BackendError(409, "CARRIER_BILLING.PAYMENT_CONFIRMED", "The payment has been already confirmed.")
      case "cancelled": throw BackendError(409, "CARRIER_BILLING.PAYMENT_CANCELLED", "The payment has been already cancelled.")
      default: try change(&payment)
      }
    }
    return Answer(202)
  }

  // MARK: Lists

  private static func list(_ call: Call) throws(BackendError) -> Answer {
    let query = try Query(call.request.query)
    let filter = try ListFilter(query, "CARRIER_BILLING", date: "paymentCreationDate", status: "paymentStatus")
    return filter.page(
      call.kept.payments.all(at: call.now).map { ($0.created, $0.progress.status, $0.merchant, $0.json) })
  }
}

/// Filters, order and pages of the lists of payments and refunds.
struct ListFilter {
  private let page: Int
  private let perPage: Int
  private let from: Timestamp?
  private let to: Timestamp?
  private let isDescending: Bool
  private let statuses: [String]?
  private let merchant: String?

  /// - Parameters:
  ///   - api: what the API's own codes begin with.
  ///   - date: the parameters of the times are named so, with `.gte` and `.lte` behind.
  init(_ query: Query, _ api: String, date: String, status: String) throws(BackendError) {
    page = try query.integer("page", default: 1, in: 1...1_000_000)
    perPage = try query.integer("perPage", default: 10, in: 1...1000)
    from = try Self.time(query, date + ".gte")
    to = try Self.time(query, date + ".lte")
    if let from, let to, from > to {
      throw BackendError(400, api + ".INVALID_DATE_RANGE", "Client specified an invalid date range.")
    }
    isDescending = try query.choice("order", of: ["desc", "asc"]) != "asc"
    statuses = query.list(status)
    merchant = query.first("merchantIdentifier")
    let known: Set = ["processing", "pending_validation", "denied", "reserved", "succeeded", "cancelled"]
    guard Set(statuses ?? []).isSubset(of: known) else { throw .invalidArgument("\(status) has a value that it cannot have.") }
  }

  private static func time(_ query: Query, _ name: String) throws(BackendError) -> Timestamp? {
    guard let text = query.first(name) else { return nil }
    guard let time = Timestamp(rfc3339: text) else { throw .invalidArgument("\(name) wants a time of RFC 3339 with its zone.") }
    return time
  }

  /// - Parameter rows: from the oldest on.
  func page(_ rows: [(created: Timestamp, status: String, merchant: String?, json: JSON)]) -> Answer {
    let fitting = rows.filter { row in
      (from ?? row.created) <= row.created && row.created <= (to ?? row.created) && statuses?.contains(row.status) ?? true
        && (merchant == nil || merchant == row.merchant)
    }
    let ordered = isDescending ? fitting.reversed() : fitting
    let start = min((page - 1) * perPage, ordered.count)
    let shown = ordered[start..<min(start + perPage, ordered.count)]
    return Answer(
      200, .array(shown.map(\.json)),
      fields: [("Content-Last-Key", String(start + shown.count)), ("X-Total-Count", String(ordered.count))])
  }
}
