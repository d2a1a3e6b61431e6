import Wire

/// The answer that carries a page, and the fields that protect the person in front of it.
package enum PageAnswer {
  /// - Parameter formTarget: where a form on the page may lead beyond this server: the client's address, because browsers apply
  ///   `form-action` to the redirect that follows a POST too.
  package static func html(_ status: Int, _ page: Markup, formTarget: String? = nil) -> HTTPResponse {
    HTTPResponse(status: status, fields: fields(formTarget: formTarget), body: page.bytes)
  }

  package static func fields(formTarget: String?) -> [(name: String, value: String)] {
    let formAction = ["'self'", formTarget].compactMap(\.self).joined(separator: " ")
    let policy = [
      "default-src 'none'", "style-src 'self'", "img-src 'self' data:", "form-action \(formAction)", "frame-ancestors 'none'",
      "base-uri 'none'",
    ]
    return [
      ("content-type", "text/html; charset=utf-8"),
      ("content-security-policy", policy.joined(separator: "; ")),
      ("x-frame-options", "DENY"),  // A38, for browsers that do not know frame-ancestors
      ("cache-control", "no-store"),
      // Not no-referrer: with that, browsers send `Origin: null` with our own form (Fetch §3.2), and the check of the origin
      // could no longer tell ours from a stranger's. Nothing leaves to another origin with this value either.
      ("referrer-policy", "same-origin"),
      ("x-content-type-options", "nosniff"),
      ("cross-origin-opener-policy", "same-origin"),
    ]
  }

  package static func stylesheet() -> HTTPResponse {
    HTTPResponse(
      status: 200,
      fields: [
        ("content-type", "text/css; charset=utf-8"), ("cache-control", "public, max-age=86400"),
        ("x-content-type-options", "nosniff"),
      ], body: PackageResources.style_css)
  }

  /// The rules that all pages share.
  package static var style: [UInt8] { PackageResources.style_css }

  package static func methodNotAllowed(_ allow: String) -> HTTPResponse {
    HTTPResponse(status: 405, fields: [("allow", allow), ("cache-control", "no-store")], body: [])
  }
}
