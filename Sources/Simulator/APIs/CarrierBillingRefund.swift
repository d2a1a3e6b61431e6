import Bytes

/// carrier-billing-refund: money back, all of a payment or a part of it.
enum CarrierBillingRefund {
  static let api = SimulatedAPI(
    "carrier-billing-refund", "/carrier-billing-refund/v0.3",
    [
      .get("/payments/{paymentId}/refunds", "retrieveRefunds", list),
      .post("/payments/{paymentId}/refunds", "createRefund", create),
      .get("/payments/{paymentId}/refunds/remaining-amount", "retrievePaymentRemainingAmount", remaining),
      .get("/payments/{paymentId}/refunds/{refundId}", "retrieveRefund") { call throws(BackendError) in
        let refund = try call.kept.refunds.find(call.parameter("refundId"), at: call.now)
        guard refund.payment == call.parameter("paymentId") else { throw .notFound }
        return .ok(refund.json)
      },
    ])

  private static func problem(_ status: Int, _ code: String, _ message: String) -> BackendError {
    BackendError(status, "CARRIER_BILLING_REFUND." + code, message)
  }

  private static func payment(_ call: Call) throws(BackendError) -> Payment {
    try call.kept.payments.find(call.parameter("paymentId"), at: call.now)
  }

  private static func create(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let type = try body.choice("type", of: ["total", "partial"])
    let transaction = try body.object("amountTransaction")
    let amount = try transaction.object("refundAmount")
    _ = try transaction.string("referenceCode")
    let correlator = try transaction.optionalString("clientCorrelator")
    let (reason, sink) = try (body.optionalString("reason"), body.eventSink())
    let part = type == "partial" ? try CarrierBilling.charge(amount, "refundDetails", id: "paymentItemId") : nil
    let payment = try payment(call)
    guard payment.progress.status == "succeeded" else {
      throw problem(422, "INVALID_PAYMENT_STATUS", "Payment is not yet completed.")
    }
    if let part { try check(part, of: payment.charge) }
    let merchant = try amount.optionalObject("chargingMetaData")?.optionalString("merchantIdentifier")
    let refund = Refund(
      payment: payment.id, number: payment.number, client: call.client, correlator: correlator, merchant: merchant, type: type,
      amount: part?.amount ?? payment.charge.amount, reason: reason, transaction: shown(transaction), sink: sink,
      created: call.now,
      progress: progress(payment, call))
    try call.kept.refunds.add(refund, at: call.now) { others throws(BackendError) in
      if let correlator, others.contains(where: { $0.client == refund.client && $0.correlator == correlator }) {
        throw BackendError(409, "ALREADY_EXISTS", "The resource that a client tried to create already exists.")
      }
      guard refund.amount <= rest(of: payment, others) else {
        throw problem(422, "UNAUTHORIZED_AMOUNT", "Unauthorized amount requested.")
      }
    }
    return Answer(201, refund.json)
  }

  /// A part must be of the payment's own making.
  private static func check(_ part: Payment.Charge, of whole: Payment.Charge) throws(BackendError) {
    guard part.isTaxIncluded == whole.isTaxIncluded else {
      throw problem(422, "TAXES_MANAGEMENT_MISMATCH", "Inconsistent isTaxIncluded value with regards to related payment.")
    }
    let fits = part.items.allSatisfy { id, amount in whole.items[id].map { amount <= $0 } ?? false }
    guard part.currency == whole.currency, fits else {
      throw problem(422, "REFUND_DETAILS_MISMATCH", "Inconsistent refundDetails information with regards to related payment.")
    }
  }

  /// As the payment went.
  private static func progress(_ payment: Payment, _ call: Call) -> Progress {
    let settled = call.now.adding(seconds: Int64(call.data.settings.settlementSeconds))
    // What is settled at once is a step as well: sinks are told of it.
    let step: Progress.Step =
      switch call.data.subscriber(payment.number)?.account.settlement {
      case .asynchronous: .init(time: settled, status: "succeeded")
      case .denied: .init(time: settled, status: "denied")
      default: .init(time: call.now, status: "succeeded")
      }
    return Progress("processing", since: call.now, plan: [step])
  }

  private static func shown(_ transaction: RequestBody) -> JSON {
    .object(
      ["clientCorrelator", "refundAmount", "referenceCode"].compactMap { name in
        transaction.echo(name).map { JSON.Member(name: name, value: $0) }
      })
  }

  private static func rest(of payment: Payment, _ refunds: [Refund]) -> Thousandths {
    refunds.filter { $0.payment == payment.id && $0.progress.status != "denied" }.reduce(payment.charge.amount) { $0 - $1.amount }
  }

  private static func remaining(_ call: Call) throws(BackendError) -> Answer {
    let payment = try payment(call)
    return .ok([
      "amount": rest(of: payment, call.kept.refunds.all(at: call.now)).json, "currency": .string(payment.charge.currency),
      "isTaxIncluded": .boolean(payment.charge.isTaxIncluded),
    ])
  }

  private static func list(_ call: Call) throws(BackendError) -> Answer {
    let query = try Query(call.request.query)
    let filter = try ListFilter(query, "CARRIER_BILLING_REFUND", date: "refundCreationDate", status: "refundStatus")
    let payment = try payment(call)
    return filter.page(
      call.kept.refunds.all(at: call.now).filter { $0.payment == payment.id }.map {
        ($0.created, $0.progress.status, $0.merchant, $0.json)
      })
  }
}
