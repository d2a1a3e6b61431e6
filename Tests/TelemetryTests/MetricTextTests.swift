import Testing

@testable import Telemetry

@Suite struct MetricTextTests {
  private func text(_ families: [MetricFamily], _ format: MetricFormat = .text) -> String {
    String(decoding: MetricText.write(families, as: format), as: UTF8.self)
  }

  @Test func aCounterInBothFormats() {
    var family = MetricFamily("passerelle_ledger_written_bytes", .counter, unit: "bytes", help: "What was written.")
    family.add(.count(7), ("disk", "a"))
    #expect(
      text([family]) == """
        # HELP passerelle_ledger_written_bytes_total What was written.
        # TYPE passerelle_ledger_written_bytes_total counter
        passerelle_ledger_written_bytes_total{disk="a"} 7

        """)
    #expect(
      text([family], .openMetrics) == """
        # HELP passerelle_ledger_written_bytes What was written.
        # TYPE passerelle_ledger_written_bytes counter
        # UNIT passerelle_ledger_written_bytes bytes
        passerelle_ledger_written_bytes_total{disk="a"} 7
        # EOF

        """)
  }

  @Test func infoIsAGaugeInTheOlderFormat() {
    var family = MetricFamily("passerelle_build", .info, help: "x")
    family.add(.count(1), ("version", "1"))
    #expect(text([family]).contains("# TYPE passerelle_build_info gauge\npasserelle_build_info{version=\"1\"} 1\n"))
    #expect(text([family], .openMetrics).contains("# TYPE passerelle_build info\npasserelle_build_info{version=\"1\"} 1\n"))
  }

  @Test func aHistogramIsCumulativeAndCountsItsBoundIn() {
    let histogram = DurationHistogram()
    for nanoseconds: UInt64 in [100_000, 100_001, 10_000_000_000, 10_000_000_001] { histogram.observe(nanoseconds: nanoseconds) }
    let written = text([.single("t_seconds", .histogram, unit: "seconds", help: "x", .histogram(histogram.snapshot))])
    let values = written.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ")[1] }
    #expect(values == ["1"] + Array(repeating: "2", count: 14) + ["3", "4", "20.000200002", "4"].map { Substring($0) })
    #expect(written.contains("t_seconds_bucket{le=\"0.0001\"} 1\n") && written.contains("t_seconds_bucket{le=\"+Inf\"} 4\n"))
  }

  @Test(arguments: [
    ("plain", "plain"), ("a\"b", "a\\\"b"), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("a\rb\u{7F}", "a\u{FFFD}b\u{FFFD}"),
    ("é", "é"),
  ])
  func labelsAreEscaped(value: String, escaped: String) {
    var family = MetricFamily("m", .gauge, help: "x")
    family.add(.count(1), ("l", value))
    #expect(text([family]).hasSuffix("\nm{l=\"\(escaped)\"} 1\n"))
  }

  @Test(arguments: [
    (nil, false), ("*/*", false), ("text/plain", false), ("application/openmetrics-text", true),
    ("application/openmetrics-text; version=1.0.0; q=0.5, text/plain;version=0.0.4;q=0.3, */*;q=0.1", true),
    ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.3", false),
    ("application/openmetrics-text;version=2.0.0", false), ("application/openmetrics-text;q=0", false),
    ("text/plain;version=1.0.0;q=0.9,application/openmetrics-text;version=\"1.0.0\";q=0.3", true),
  ])
  func theFormatIsTheOneThatIsPreferred(accept: String?, isOpen: Bool) {
    #expect(MetricFormat(accept: accept) == (isOpen ? .openMetrics : .text))
  }
}

@Suite struct CounterTests {
  @Test func seriesBeyondTheMaximumAreCountedTogether() {
    let counter = LabelledCounter("c", help: "x", labels: ["a"], seriesMaximum: 2)
    for value in ["x", "y", "z", "w", "x"] { counter.count(value) }
    let rows = counter.family.series.map { series in
      if case .count(let count) = series.value { "\(series.labels[0].value) \(count)" } else { "" }
    }
    #expect(rows == ["other 2", "x 2", "y 1"])
  }

  @Test func aSourceOfTheSameNameTakesTheOthersPlaceAndSeriesOfOneMetricStandTogether() {
    let registry = MetricsRegistry()
    @Sendable func family(_ label: String) -> MetricFamily {
      var family = MetricFamily("m", .gauge, help: "x")
      family.add(.count(1), ("l", label))
      return family
    }
    registry.set("one") { [family("a")] }
    registry.set("two") { [family("b"), .single("n", .gauge, help: "y", .count(1))] }
    registry.set("one") { [family("c")] }
    let families = registry.collect()
    #expect(families.map(\.name) == ["m", "n"])
    #expect(families[0].series.map { $0.labels[0].value } == ["c", "b"])
  }

  @Test func theProcessKnowsItself() {
    let names = ProcessMetrics.families().map(\.name)
    #expect(names.count == 6 && names.contains("passerelle_process_resident_memory_bytes"))
  }
}
