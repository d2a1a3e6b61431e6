import Testing

@testable import Simulator

@Suite struct QueryTests {
  @Test func escapesAreUndone() throws {
    let query = try Query("a=%2B33%c3%A9&b+c=d+e&a=2,3&f")
    #expect(query.first("a") == "+33é" && query.list("a") == ["+33é", "2", "3"])
    #expect(query.first("b c") == "d e" && query.first("f") == "" && query.first("g") == nil)
  }

  /// Two digits of hexadecimal, and no sign: what a number's reader takes besides is no escape.
  @Test(arguments: ["%+1", "%-1", "%", "%4", "%4g", "%g4", "% 1", "%0x41", "%%41", "%ff", "%c3", "a%+1b"])
  func whatIsNoEscapeIsRefused(_ text: String) {
    for query in ["a=\(text)", "\(text)=a", "b=1&a=\(text)"] {
      let error = #expect(throws: BackendError.self) { try Query(query) }
      #expect(error?.status == 400 && error?.code == "INVALID_ARGUMENT", "\(query)")
    }
  }
}
