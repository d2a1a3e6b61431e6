import Testing

@testable import Wire

@Suite struct TLSServerNamesTests {
  private let names = TLSServerNames([
    (["a.test", "b.test"], "EC"), (["a.test"], "RSA"), (["a.test", "c.test"], "EC"), (["*.w.test"], "EC"), (["x.w.test"], "RSA"),
  ])

  @Test(arguments: [
    ("a.test", [0, 1]), ("b.test", [0]), ("c.test", [2]), ("y.w.test", [3]), ("x.w.test", [4]), ("w.test", nil),
    ("z.y.w.test", nil), ("", nil), (".w.test", nil), ("*.w.test", [3]), ("d.test", nil),
  ])
  func theFirstOfEachKindForAName(_ name: String, _ places: [Int]?) { #expect(names.places(for: name) == places) }

  @Test func whoNamesNothingGetsTheFirstAndItsKin() { #expect(names.fallback == [0, 1]) }
}
