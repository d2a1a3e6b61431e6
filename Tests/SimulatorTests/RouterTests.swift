import Testing

@testable import Simulator

@Suite struct RouterTests {
  private static let router = Router(Routes.all)

  private static func operation(_ method: String, _ path: String) -> String? { (try? router.find(method, path))?.route.operation }

  @Test func pathsBelongToVersionsThatHaveThem() {
    #expect(Self.operation("POST", "/device-identifier/v0.1.0/retrieve-type") == "retrieveType")
    #expect(Self.operation("POST", "/device-identifier/v0.1.0/retrieve-ppid") == nil)
    #expect(Self.operation("POST", "/device-identifier/v0.4alpha1/match-identifier") == "matchIdentifier")
    #expect(Self.operation("POST", "/device-identifier/v0.3/match-identifier") == nil)
    #expect(Self.operation("POST", "/other") == nil)
  }

  @Test func aLiteralWinsOverAParameter() {
    let refunds = "/carrier-billing-refund/v0.3/payments/p/refunds/"
    #expect(Self.operation("GET", refunds + "remaining-amount") == "retrievePaymentRemainingAmount")
    #expect(Self.operation("GET", refunds + "r") == "retrieveRefund")
    #expect(Self.operation("POST", "/carrier-billing/v0.5/payments/prepare") == "preparePayment")
    #expect(Self.operation("GET", "/carrier-billing/v0.5/payments/p") == "retrievePayment")
    #expect(Self.operation("GET", "/carrier-billing/v0.5/payments/") == nil)
  }

  @Test func parametersHaveTheirNames() throws {
    let match = try Self.router.find("GET", "/carrier-billing-refund/v0.3/payments/p1/refunds/r1")
    #expect(match.parameters == ["paymentId": "p1", "refundId": "r1"])
  }

  @Test func anotherMethodIsToldWhatThePathCan() {
    do throws(BackendError) {
      _ = try Self.router.find("PATCH", "/quality-on-demand/v1/sessions/x")
      Issue.record("it was found")
    } catch { #expect(error.status == 405 && error.allowed == "GET, DELETE") }
  }

  @Test func noTwoOperationsAreAtOnePlace() {
    let places = Routes.all.flatMap { api in api.routes.map { "\($0.method) \(api.basePath)\($0.template)" } }
    #expect(Set(places).count == places.count && places.count > 80)
  }
}
