import Testing

@testable import Simulator

/// What goes wrong on purpose.
@Suite struct FaultTests {
  private static func first(_ name: String) -> (SimulatedAPI, Route) {
    let api = Routes.all.first { $0.name == name }!
    return (api, api.routes[0])
  }

  @Test func aFaultIsReadAsItIsWritten() throws {
    let fault = try Fault("sim-swap/checkSimSwap:error=503@25%")
    #expect(
      fault.api == "sim-swap" && fault.operation == "checkSimSwap" && fault.kind == .error(status: 503)
        && fault.sharePercent == 25)
    #expect(try Fault("*:delay=2s").kind == .delay(milliseconds: 2000))
    #expect(try Fault("*:delay=300ms").kind == .delay(milliseconds: 300))
    #expect(try Fault("*:hang").api == nil)
    #expect(try Fault.list("*:hang, sim-swap:reset").map(\.kind) == [.hang, .reset])
    #expect(try Fault.list("").isEmpty)
  }

  @Test(arguments: [
    ("sim-swap", "wants the form"), ("swim-swap:hang", #"did you mean "sim-swap""#),
    ("sim-swap/check:hang", #"no operation "check""#),
    ("*:hangs", #"did you mean "hang""#), ("*:error", "wants a value"), ("*:error=200", "400 to 599"),
    ("*:error=x", "400 to 599"),
    ("*:delay=5", "delay=300ms"), ("*:delay=0s", "delay=300ms"), ("*:delay=601s", "delay=300ms"), ("*:hang=1", "takes no value"),
    ("*:hang@50", "@25%"), ("*:hang@101%", "@25%"), ("*:", #"no fault """#),
  ])
  func whatCannotBeUnderstoodIsSaid(_ text: String, _ reason: String) {
    do throws(Fault.SyntaxError) {
      _ = try Fault(text)
      Issue.record("\(text) was read")
    } catch { #expect(error.message.contains(reason), "\(error.message)") }
  }

  @Test(arguments: [1, 25, 33, 50, 100])
  func aShareIsKeptExactly(_ percent: Int) throws {
    let board = FaultBoard([try Fault("sim-swap:hang@\(percent)%")])
    let (api, route) = Self.first("sim-swap")
    #expect((0..<200).count { _ in !board.next(api, route).isEmpty } == 2 * percent)
  }

  @Test func aFaultMeetsItsOwnCallsAlone() throws {
    let board = FaultBoard([try Fault("sim-swap:hang")])
    let (other, route) = Self.first("device-swap")
    #expect(board.next(other, route).isEmpty)
    let (api, _) = Self.first("sim-swap")
    let narrow = FaultBoard([try Fault("sim-swap/\(api.routes[1].operation):hang")])
    #expect(narrow.next(api, api.routes[0]).isEmpty && narrow.next(api, api.routes[1]) == [.hang])
  }

  /// Delays add up; of what spoils an answer the first counts.
  @Test func severalFaultsOfACallAreOneAfterTheOther() throws {
    let board = FaultBoard(try Fault.list("*:reset,*:delay=1s,sim-swap:hang,*:delay=2s"))
    let (api, route) = Self.first("sim-swap")
    #expect(board.next(api, route) == [.delay(milliseconds: 1000), .delay(milliseconds: 2000), .reset])
    board.replace(with: [])
    #expect(board.next(api, route).isEmpty)
  }
}
