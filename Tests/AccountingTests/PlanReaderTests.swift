import Bytes
import Testing

@testable import Accounting

@Suite("Plans in the configuration")
struct PlanReaderTests {
  @Test(
    "what is wrong is refused by name",
    arguments: [
      (#"{"plan": {}}"#, "plans"), (#"{"plans": []}"#, "object"), (#"{"plans": {"a b": {}}}"#, "name"),
      (#"{"plans": {"p": {"prices": []}}}"#, "currency"), (#"{"plans": {"p": {"currency": "eur", "prices": []}}}"#, "ISO 4217"),
      (#"{"plans": {"p": {"currency": "EUR"}}}"#, "prices"), (#"{"plans": {"p": []}}"#, "version"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [{"price": 0.02}]}}}"#, "in quotes"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [{"price": "0.0000001"}]}}}"#, "six digits"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [{"price": "-1"}]}}}"#, "decimal"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [{"operation": "o", "price": "1"}]}}}"#, "api"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [{"price": "1"}, {"price": "2"}]}}}"#, "second price"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [{"price": "1", "tiers": [{"from": 1, "price": "1"}]}]}}}"#, "from"),
      (
        #"{"plans": {"p": {"currency": "EUR", "prices": [{"price": "1", "tiers": [{"from": 9, "price": "1"}, {"from": 9, "price": "1"}]}]}}}"#,
        "ascending"
      ),
      (#"{"plans": {"p": {"currency": "EUR", "charged": "calls", "prices": []}}}"#, "success"),
      (#"{"plans": {"p": {"currency": "EUR", "from": "2026-02-30", "prices": []}}}"#, "day"),
      (#"{"plans": {"p": [{"currency": "EUR", "prices": []}, {"currency": "EUR", "prices": []}]}}"#, "same day"),
      (#"{"plans": {"p": {"currency": "EUR", "prices": [], "freePerMonth": 5}}}"#, "freePerMonth"),
      (#"{"plans": {"standard": {"currency": "EUR", "prices": []}}, "clients": {"c": "standart"}}"#, "did you mean \"standard\""),
      (#"{"plans": {"p": {"currency": "EUR", "prices": []}}, "clients": {"c": [{"plan": "p"}, {"plan": "p"}]}}"#, "same day"),
      (
        #"{"plans": {"p": {"currency": "EUR", "from": "2026-06-01", "prices": []}}, "clients": {"c": "p"}}"#,
        "begins on 2026-06-01"
      ),
      (#"{"plans": {"p": {"currency": "EUR", "prices": []}}, "clients": {"c": [{"plan": "p", "form": "2026-01-01"}]}}"#, "from"),
      (#"{"clients": {"c": 5}}"#, "plans wants a list"),
    ])
  func refused(_ text: String, _ word: String) {
    let error = #expect(throws: DocumentError.self) { try RatingTests.book(text) }
    #expect(error?.reason.contains(word) == true, "\(error?.reason ?? "")")
  }

  @Test("gaps and mistyped operations are remarked")
  func remarks() throws {
    let book = try RatingTests.book(
      """
      {"plans": {"p": {"currency": "EUR", "prices": [{"api": "device", "operation": "retreive", "price": "1"}, {"api": "devise", "price": "1"}]},
                 "all": {"currency": "EUR", "prices": [{"price": "1"}]}}}
      """)
    #expect(
      book.remarks(operations: [("device", "retrieve")]) == [
        "plan p: device has no operation retreive; did you mean retrieve?",
        "plan p: no policy is of the API devise; did you mean device?",
        "plan p has no price for retrieve of device: those calls cost nothing",
      ])
  }
}
