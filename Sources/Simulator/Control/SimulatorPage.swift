import Wire

/// `/simulator/`: the simulated phones in a browser, with buttons for what happens to them, and the events that were sent. Its script asks
/// and tells the same paths as everybody else (`EventControl`).
enum SimulatorPage {
  /// Nil when the path is none of the page's files.
  static func file(_ path: String) -> HTTPResponse? {
    switch path {
    case "/simulator/": answer("text/html; charset=utf-8", PackageResources.simulator_html)
    case "/simulator/simulator.css": answer("text/css; charset=utf-8", PackageResources.simulator_css)
    case "/simulator/simulator.js": answer("text/javascript; charset=utf-8", PackageResources.simulator_js)
    default: nil
    }
  }

  private static func answer(_ type: String, _ bytes: [UInt8]) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      fields: [
        ("content-type", type), ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        (
          "content-security-policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
        ),
      ], body: bytes)
  }
}
