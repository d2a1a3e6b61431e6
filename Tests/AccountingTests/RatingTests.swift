import Bytes
import Identifiers
import Store
import Testing

@testable import Accounting

@Suite("Amounts")
struct AmountTests {
  @Test("decimals are exact both ways")
  func decimals() {
    for text in ["0", "0.02", "1", "123456789.123456", "0.000001", "10.5"] { #expect(Amount(decimal: text)?.description == text) }
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0.0000001", "1234567890", " 1", "0x1", "1.2.3"] {
      #expect(Amount(decimal: text) == nil, "\(text)")
    }
    #expect(Amount(decimal: "0.10")?.description == "0.1")
    #expect(Amount(decimal: "3")?.text(in: Currency(rawValue: "EUR")!) == "3.00")
    #expect(Amount(decimal: "3.0001")?.text(in: Currency(rawValue: "EUR")!) == "3.0001")
  }

  @Test("a sum never goes through a binary fraction")
  func sums() {
    // 0.1 added ten times is not 1 in binary.
    #expect((0..<10).reduce(Amount.zero) { sum, _ in sum + Amount(decimal: "0.1")! }.description == "1")
    #expect((Amount(decimal: "999999999.999999")! * Int.max).description == "9223372036854766583627963145.224193")
  }

  @Test(
    "totals are rounded half away from zero, to what the currency can pay",
    arguments: [
      ("1.004999", "EUR", "1.00"), ("1.005", "EUR", "1.01"), ("1.015", "EUR", "1.02"), ("1.025", "EUR", "1.03"),
      ("0.5", "JPY", "1"),
      ("0.499999", "JPY", "0"), ("2.0005", "KWD", "2.001"), ("0.00005", "CLF", "0.0001"), ("7", "EUR", "7.00"),
    ])
  func rounding(_ exact: String, _ currency: String, _ rounded: String) {
    let currency = Currency(rawValue: currency)!
    #expect(Amount(decimal: exact)!.rounded(to: currency).text(in: currency) == rounded)
    let negative = Amount(micros: -Amount(decimal: exact)!.micros).rounded(to: currency)
    #expect(negative.micros == -Amount(decimal: exact)!.rounded(to: currency).micros)
  }
}

@Suite("Rating")
struct RatingTests {
  static let euro = Currency(rawValue: "EUR")!

  static func tariff(free: Int = 0, charging: Charging = .success, _ steps: (Int, String)...) -> Tariff {
    Tariff(
      currency: euro, charging: charging, freePerMonth: free,
      steps: steps.map { Tariff.Step(from: $0.0, price: Amount(decimal: $0.1)!) })
  }

  @Test("tiers are graduated: each call has the price of its own number")
  func tiers() {
    let tariff = Self.tariff((1, "0.03"), (11, "0.02"), (21, "0.01"))
    func text(_ before: Int, _ count: Int) -> [String] {
      tariff.portions(after: before, count: count).map { "\($0.count)x\($0.price)" }
    }
    #expect(text(0, 10) == ["10x0.03"])
    #expect(text(0, 11) == ["10x0.03", "1x0.02"])
    #expect(text(9, 13) == ["1x0.03", "10x0.02", "2x0.01"])
    #expect(text(20, 1_000_000_000) == ["1000000000x0.01"])
    #expect(text(5, 0) == [])
  }

  @Test("the free quota comes first and counts towards the tiers")
  func free() {
    let tariff = Self.tariff(free: 12, (1, "0.03"), (11, "0.02"))
    let portions = tariff.portions(after: 0, count: 15)
    #expect(portions.map(\.count) == [12, 3])
    #expect(portions.map(\.isFree) == [true, false])
    #expect(portions.map(\.price.description) == ["0", "0.02"])
  }

  /// Whatever way the calls of a month are cut into hours, they cost what they would cost one by one.
  @Test("portions equal a plain count, call by call")
  func model() {
    for _ in 0..<200 {
      let second = Int.random(in: 2...30)
      let third = second + Int.random(in: 1...30)
      let tariff = Self.tariff(free: Int.random(in: 0...40), (1, "0.05"), (second, "0.03"), (third, "0.000001"))
      var (before, sum, plain) = (0, Amount.zero, Amount.zero)
      for _ in 0..<8 {
        let count = Int.random(in: 0...20)
        for portion in tariff.portions(after: before, count: count) { sum += portion.price * portion.count }
        for number in before + 1..<before + count + 1 where number > tariff.freePerMonth {
          plain += tariff.steps.last { $0.from <= number }!.price
        }
        before += count
      }
      #expect(sum == plain)
    }
  }

  static let client = ClientID(rawValue: "shop")!

  static func hour(_ text: String) -> Int { Int(Timestamp(rfc3339: text + ":00:00Z")!.seconds) / 3600 }

  static func row(_ time: String, succeeded: Int = 0, refused: Int = 0, failed: Int = 0, status: Int = 2, operation: String = "o")
    -> UsageRow
  {
    UsageRow(
      client: client, api: "a", operation: operation, hour: hour(time), statusClass: status, calls: succeeded + refused + failed,
      succeeded: succeeded, refused: refused, failed: failed)
  }

  static func book(_ text: String) throws -> PlanBook { try PlanBook(JSONDocument(Array(text.utf8), dialect: .commented).root) }

  static func amounts(_ book: PlanBook, _ rows: [UsageRow]) throws -> [String] {
    var rating = Rating(plans: try book.plans(of: client, registered: []))
    return rows.map { rating.rate($0).amount.description }
  }

  @Test("counting begins anew with every month, and for every operation")
  func months() throws {
    let book = try Self.book(
      #"{"plans": {"p": {"currency": "EUR", "prices": [{"price": "1", "freePerMonth": 2}]}}, "clients": {"shop": "p"}}"#)
    let amounts = try Self.amounts(
      book,
      [
        Self.row("2026-10-31T23", succeeded: 5), Self.row("2026-11-01T00", succeeded: 3),
        Self.row("2026-11-01T00", succeeded: 3, operation: "other"), Self.row("2026-11-30T23", succeeded: 1),
        Self.row("2026-12-01T00", succeeded: 1),
      ])
    #expect(amounts == ["3", "1", "1", "1", "0"])
  }

  @Test("a plan that begins within a month goes on counting")
  func change() throws {
    let book = try Self.book(
      """
      {"plans": {"a": {"currency": "EUR", "prices": [{"price": "1", "freePerMonth": 10}]},
                 "b": {"currency": "USD", "prices": [{"price": "0.5", "freePerMonth": 15, "tiers": [{"from": 21, "price": "0.25"}]}]}},
       "clients": {"shop": [{"plan": "b", "from": "2026-11-15"}, {"plan": "a"}]}}
      """)
    let amounts = try Self.amounts(
      book,
      [
        Self.row("2026-11-14T23", succeeded: 12),  // 2 beyond the ten
        Self.row("2026-11-15T00", succeeded: 10),  // numbers 13 to 22: three free, five at 0.5, two at 0.25
      ])
    #expect(amounts == ["2", "3"])
  }

  @Test("versions of a plan hold from their day on, and before the first plan the list prices do")
  func versions() throws {
    var book = try Self.book(
      """
      {"plans": {"p": [{"from": "2027-01-01", "currency": "EUR", "prices": [{"price": "2"}]},
                       {"from": "2026-06-01", "currency": "EUR", "prices": [{"price": "1"}]}]},
       "clients": {"shop": [{"plan": "p", "from": "2026-11-02"}]}}
      """)
    book.setListPrice(api: "a", operation: "o", micros: 50_000, currency: Self.euro)
    let amounts = try Self.amounts(
      book,
      [Self.row("2026-11-01T23", succeeded: 1), Self.row("2026-12-31T23", succeeded: 1), Self.row("2027-01-01T00", succeeded: 1)])
    #expect(amounts == ["0.05", "1", "2"])
  }

  @Test("per success only 2xx is charged; per call also what the backend refused; never a refusal of the gateway or a failure")
  func charging() throws {
    func amounts(_ charged: String) throws -> [String] {
      let book = try Self.book(
        #"{"plans": {"p": {"currency": "EUR", "charged": "\#(charged)", "prices": [{"price": "1"}]}}, "clients": {"shop": "p"}}"#)
      return try Self.amounts(
        book,
        [
          Self.row("2026-11-01T00", succeeded: 1), Self.row("2026-11-01T00", refused: 5, failed: 2, status: 4),
          Self.row("2026-11-01T00", failed: 7, status: 5),
        ])
    }
    #expect(try amounts("success") == ["1", "0", "0"])
    #expect(try amounts("call") == ["1", "2", "0"])
  }

  @Test("the price that names the operation stands before the API's, and that before everybody's")
  func specific() throws {
    let book = try Self.book(
      """
      {"plans": {"p": {"currency": "EUR", "prices": [{"price": "3"}, {"api": "a", "price": "2"}, {"api": "a", "operation": "o", "price": "1"}]}},
       "clients": {"shop": "p"}}
      """)
    let plans = try book.plans(of: Self.client, registered: [])
    func price(_ api: String, _ operation: String) -> String? {
      plans.price(hour: 0, api: api, operation: operation)?.tariff.steps[0].price.description
    }
    #expect([price("a", "o"), price("a", "x"), price("b", "o")] == ["1", "2", "3"])
  }

  @Test("the configuration stands before a registration; a registration stands before the list")
  func registration() throws {
    let book = try Self.book(
      """
      {"plans": {"p": {"currency": "EUR", "prices": [{"price": "1"}]}, "q": {"currency": "EUR", "prices": [{"price": "2"}]}},
       "clients": {"shop": "p"}}
      """)
    let other = ClientID(rawValue: "other")!
    #expect(
      try book.plans(of: Self.client, registered: [PlanAssignment(plan: "q")]).price(hour: 0, api: "a", operation: "o")?.plan
        == "p")
    #expect(
      try book.plans(of: other, registered: [PlanAssignment(plan: "q")]).price(hour: 0, api: "a", operation: "o")?.plan == "q")
    #expect(try book.plans(of: other, registered: []).price(hour: 0, api: "a", operation: "o") == nil)
    #expect(throws: AccountingError.self) { try book.plans(of: other, registered: [PlanAssignment(plan: "gone")]) }
  }
}
