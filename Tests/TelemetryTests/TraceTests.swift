import Bytes
import Testing

@testable import Telemetry

@Suite struct TraceParentTests {
  private static let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

  private func parse(_ text: String) -> TraceParent? {
    let bytes = Array(text.utf8)
    return TraceParent(bytes.span)
  }

  @Test func whatIsReadIsWrittenAgain() throws {
    let parent = try #require(parse(Self.good))
    #expect(parent.trace == TraceID(high: 0x0AF7_6519_16CD_43DD, low: 0x8448_EB21_1C80_319C))
    #expect(parent.span == 0xB7AD_6B71_6920_3331 && parent.isSampled)
    var bytes: [UInt8] = []
    parent.append(to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == Self.good)
  }

  /// W3C Trace Context §3.2.2 and §3.2.3.1.
  @Test(arguments: [
    "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
  ])
  func whatIsNoTraceparentIsNone(text: String) { #expect(parse(text) == nil) }

  @Test func aLaterVersionIsReadAsFarAsItIsKnown() throws {
    let parent = try #require(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-more"))
    #expect(parent.flags == 3)
    #expect(parse("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")?.isSampled == false)
  }
}

@Suite struct TracingTests {
  private func tracing(_ ratio: Double) -> Tracing {
    Tracing(sampleRatio: ratio, trustsParents: true, queue: SpanQueue(countMaximum: 2))
  }

  @Test func theRatioIsKeptAndTheSameTraceIsAlwaysDecidedAlike() {
    #expect(!tracing(0).samples(TraceID(high: 1, low: .max)) && tracing(1).samples(TraceID(high: 1, low: 0)))
    var generator = SystemRandomNumberGenerator()
    let traces = (0..<10_000).map { _ in TraceID(high: generator.next(), low: generator.next()) }
    let tenth = tracing(0.1)
    let sampled = Set(traces.filter(tenth.samples))
    #expect((800...1200).contains(sampled.count))
    #expect(traces.allSatisfy { tracing(0.1).samples($0) == sampled.contains($0) })
    #expect(sampled.allSatisfy(tracing(0.5).samples), "a larger share holds the smaller one")
  }

  private func span(_ name: String) -> FinishedSpan {
    FinishedSpan(
      name: name, kind: .client, place: TraceParent(trace: TraceID(high: 0, low: 1), span: 2, flags: 1), parent: 3,
      link: TraceParent(trace: TraceID(high: 4, low: 5), span: 6, flags: 0), startNanoseconds: 1_700_000_000_000_000_001,
      endNanoseconds: 1_700_000_000_000_000_002)
  }

  @Test func aFullQueueDropsAndCounts() {
    let queue = SpanQueue(countMaximum: 2)
    for name in ["a", "b", "c"] { queue.offer(span(name)) }
    #expect(queue.droppedCount == 1 && queue.waitingCount == 2)
    #expect(queue.take(1).map(\.name) == ["a"] && queue.take(9).map(\.name) == ["b"] && queue.take(1).isEmpty)
    queue.offer(span("d"))
    #expect(queue.take(9).map(\.name) == ["d"])
  }

  @Test func aDocumentHasIdsInHexadecimalAndLongNumbersInQuotes() throws {
    var failed = span("GET")
    failed.isError = true
    failed.attributes = [("server.port", .integer(80)), ("k", .text("a\"b"))]
    let bytes = OTLPDocument(resource: [("service.name", "x")], version: "1").bytes([failed])
    let scope = try JSONDocument(bytes).root["resourceSpans"]?.array?.first?["scopeSpans"]?.array?.first
    let written = try #require(scope?["spans"]?.array?.first)
    #expect(written["traceId"]?.string == "00000000000000000000000000000001" && written["spanId"]?.string == "0000000000000002")
    #expect(written["parentSpanId"]?.string == "0000000000000003" && written["kind"]?.integer == 3)
    #expect(written["startTimeUnixNano"]?.string == "1700000000000000001" && written["status"]?["code"]?.integer == 2)
    #expect(written["links"]?.array?.first?["spanId"]?.string == "0000000000000006")
    #expect(written["attributes"]?.array?.first?["value"]?["intValue"]?.string == "80")
    #expect(written["attributes"]?.array?.last?["value"]?["stringValue"]?.string == "a\"b")
  }
}
