import Bytes
import Foundation
import Identifiers
import Pages
import Store
import Testing
import Wire

@testable import Accounting
@testable import Administration

@Suite("Sessions of the auditor's page")
struct AuditorSessionsTests {
  private let time = ManualTime()
  private func request(_ cookie: String?, _ loop: EventLoop) -> HTTPRequest {
    HTTPRequest(method: "GET", target: "/auditor", fields: cookie.map { [("cookie", $0)] } ?? [], body: [], loop: loop)
  }

  private func opened(_ answer: AuditorSessions.SignIn) -> String? {
    guard case .opened(let session) = answer else { return nil }
    return String(AuditorSessions(token: "", time: time).cookie(of: session).prefix { $0 != ";" })
  }

  @Test("over TLS the cookie comes back over TLS alone")
  func secure() throws {
    for isSecure in [false, true] {
      let sessions = AuditorSessions(token: "right-token-of-the-api", time: time, isSecure: isSecure)
      guard case .opened(let session) = sessions.signIn("right-token-of-the-api", from: "a") else {
        Issue.record("not opened"); return
      }
      for cookie in [sessions.cookie(of: session), sessions.noCookie] { #expect(cookie.hasSuffix("; Secure") == isSecure) }
    }
  }

  @Test("a session ends after half an hour, and two cookies are none")
  func lifetime() throws {
    let sessions = AuditorSessions(token: "right-token-of-the-api", time: time)
    let loop = try EventLoop(index: 0, time: time)
    let cookie = try #require(opened(sessions.signIn("right-token-of-the-api", from: "a")))
    #expect(sessions.session(of: request(cookie, loop)) != nil)
    #expect(sessions.session(of: request(cookie + "; other=1", loop)) != nil)
    for wrong in [nil, "", "passerelle_auditor=", "passerelle_auditor=x", cookie + "x", "x" + cookie, cookie + "; " + cookie] {
      #expect(sessions.session(of: request(wrong, loop)) == nil)
    }
    time.advance(seconds: Double(AuditorSessions.lifetimeSeconds) - 1)
    #expect(sessions.session(of: request(cookie, loop)) != nil)
    time.advance(seconds: 2)
    #expect(sessions.session(of: request(cookie, loop)) == nil)
  }

  @Test("five wrong tokens of an address, then none is looked at for a minute; other addresses go on")
  func attempts() {
    let sessions = AuditorSessions(token: "right-token-of-the-api", time: time)
    for _ in 0..<AuditorSessions.attemptsMaximum {
      guard case .wrong = sessions.signIn("guess", from: "a") else { Issue.record("not looked at"); return }
    }
    guard case .blocked(isFirst: true) = sessions.signIn("right-token-of-the-api", from: "a") else {
      Issue.record("looked at"); return
    }
    guard case .blocked(isFirst: false) = sessions.signIn("guess", from: "a") else { Issue.record("looked at"); return }
    #expect(opened(sessions.signIn("right-token-of-the-api", from: "b")) != nil)
    time.advance(seconds: 61)
    #expect(opened(sessions.signIn("right-token-of-the-api", from: "a")) != nil)
  }

  @Test("no more addresses are remembered than the bound says")
  func sources() {
    let sessions = AuditorSessions(token: "right-token-of-the-api", time: time)
    for number in 0..<AuditorSessions.sourcesMaximum { _ = sessions.signIn("guess", from: "\(number)") }
    guard case .blocked(isFirst: false) = sessions.signIn("guess", from: "another") else { Issue.record("looked at"); return }
    time.advance(seconds: 61)
    guard case .wrong = sessions.signIn("guess", from: "another") else { Issue.record("not looked at"); return }
  }

  @Test("the oldest session makes room")
  func room() throws {
    let sessions = AuditorSessions(token: "right-token-of-the-api", time: time)
    let loop = try EventLoop(index: 0, time: time)
    let cookies = (0...AuditorSessions.sessionsMaximum).compactMap { _ -> String? in
      time.advance(seconds: 1)
      return opened(sessions.signIn("right-token-of-the-api", from: "a"))
    }
    #expect(sessions.session(of: request(cookies[0], loop)) == nil)
    #expect(sessions.session(of: request(cookies[1], loop)) != nil)
    #expect(sessions.session(of: request(cookies.last, loop)) != nil)
  }
}

@Suite("Charts")
struct BarChartTests {
  @Test(
    "the scale ends at a number whose half is whole",
    arguments: [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (41, 100), (1000, 1000)])
  func ceiling(_ value: Int, _ top: Int) { #expect(BarChart.ceiling(value) == top) }

  @Test("every value has its bar with its number, and names are text")
  func bars() {
    let chart = BarChart(
      label: "a \"b\"", series: ["<one>", "two"],
      columns: [.init(mark: "1", name: "first", values: [3, 1]), .init(mark: "", name: "second", values: [0, 0])])
    let html = chart.render().html
    #expect(html.components(separatedBy: "<rect").count == 3)
    #expect(html.contains("first: 3 &lt;one&gt;") && html.contains("aria-label=\"a &quot;b&quot;\"") && !html.contains("style="))
    _ = BarChart(label: "", series: ["many"], columns: [.init(mark: "", name: "", values: [.max / 4])]).render()
  }

  @Test("usage by day: each client a series, what is too many together")
  func usage() {
    let rows = (0..<10).map { index in
      UsageRow(
        client: ClientID(rawValue: "client-\(index)")!, api: "a", operation: "o", hour: 24 * 100 + index, statusClass: 2,
        calls: 10 - index,
        succeeded: 10 - index)
    }
    let usage = UsageByDay(rows: rows, firstDay: 100, seriesMaximum: 7, dayCount: 3)
    #expect(usage.clients.map(\.counts.calls) == Array((1...10).reversed()))
    #expect(usage.chart.series.count == 8 && usage.chart.series.last == "3 others")
    #expect(usage.chart.columns.map(\.values.count) == [8, 8, 8] && usage.chart.columns[0].values.reduce(0, +) == 55)
  }

  @Test("the files of the pages hold no script, no inline style and no address of another server")
  func files() {
    let files: [[UInt8]] = [
      PackageResources.auditor_page_html, PackageResources.auditor_overview_html, PackageResources.auditor_search_html,
      PackageResources.auditor_results_html, PackageResources.auditor_entry_html, PackageResources.auditor_sign_in_html,
      PackageResources.statement_html, PackageResources.auditor_subscriptions_html, PackageResources.auditor_subscription_html,
      PackageResources.auditor_dead_letter_html, PackageResources.auditor_no_subscription_html, PackageResources.chart_html,
      PackageResources.chart_bar_html, PackageResources.auditor_css,
    ]
    for file in files {
      let text = String(decoding: file, as: UTF8.self).lowercased()
      for word in ["<script", "style=", "javascript:", "http:", "https:", "@import", "url("] {
        #expect(!text.contains(word), "\(word)")
      }
      #expect(text.firstMatch(of: /\son[a-z]+=/) == nil)
    }
  }
}
