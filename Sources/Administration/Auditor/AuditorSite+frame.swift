import Pages
import Wire

extension AuditorSite {
  private static let frame = Template(PackageResources.auditor_page_html)
  private static let notice = Template(PackageResources.auditor_notice_html)
  private static let signInForm = Template(PackageResources.auditor_sign_in_html)
  private static let messageBody = Template(PackageResources.auditor_message_html)
  private static let signOutForm = Template(PackageResources.auditor_sign_out_html)

  func page(_ status: Int, _ title: String, _ content: Markup, session: AuditorSessions.Session? = nil) -> HTTPResponse {
    let signOut = session.map { Self.signOutForm.render(["token": .text($0.formToken)]) }
    return PageAnswer.html(
      status,
      Self.frame.render(["title": .text(title), "content": .markup(content), "signOut": .markup(signOut ?? .nothing)]))
  }

  func signInPage(_ status: Int, notice: String? = nil) -> HTTPResponse {
    let notice = notice.map { Self.notice.render(["text": .text($0)]) } ?? .nothing
    return page(status, "Sign in", Self.signInForm.render(["notice": .markup(notice)]))
  }

  /// A page that only says something, with the way back.
  func message(_ status: Int, _ heading: String, _ text: String) -> HTTPResponse {
    page(status, heading, Self.messageBody.render(["heading": .text(heading), "text": .text(text)]))
  }

  var foreign: HTTPResponse {
    message(
      403, "Not from this page", "The request did not come from a page of this gateway in a window of its own. Nothing was done.")
  }

  /// The rules of all pages, and those of the auditor's.
  static let style = HTTPResponse(
    status: 200,
    fields: [
      ("content-type", "text/css; charset=utf-8"), ("cache-control", "no-cache"), ("x-content-type-options", "nosniff"),
      ("cross-origin-resource-policy", "same-origin"),
    ], body: PageAnswer.style + PackageResources.auditor_css)
}
