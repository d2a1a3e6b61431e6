import Authorization
import Wire

/// Whether a request comes from a person in front of our page, as far as the browser tells (A38, A39). What a browser does not
/// send is not held against it; the session cookie, which only its own browser has, is always needed besides.
package enum BrowserGuard {
  /// The page is being opened in a window of its own: not in a frame, not fetched by a script, not loaded ahead of a click.
  package static func mayShow(_ request: HTTPRequest) -> Bool {
    allow(request, "sec-fetch-dest", ["document"]) && allow(request, "sec-fetch-mode", ["navigate"])
      && request.fields("sec-purpose").isEmpty && request.fields("purpose").isEmpty
  }

  /// The form is ours: sent by a click on our page.
  package static func isOurForm(_ request: HTTPRequest, origin: String) -> Bool {
    allow(request, "origin", [origin]) && allow(request, "sec-fetch-site", ["same-origin", "none"]) && mayShow(request)
  }

  /// The field is absent, or there once with one of the values.
  private static func allow(_ request: HTTPRequest, _ field: String, _ values: Set<String>) -> Bool {
    let sent = request.fields(field)
    return sent.isEmpty || (sent.count == 1 && values.contains(sent[0]))
  }
}
