/// What an operator sees of a running gateway from outside: numbers, lines, spans. It knows nothing of what is measured; the parts that do
/// keep their own counters and say what they are.
///
/// Begin with `Metrics/MetricFamily.swift`: what a scrape is made of. `Counters` and `DurationHistogram` are what a loop or a thread adds
/// to, one machine instruction each; `LabelledCounter` is for what happens seldom; `MetricText` writes the formats of Prometheus.
///
/// No name of a person, no number, token or secret is ever a label, a field of a line or an attribute of a span.
