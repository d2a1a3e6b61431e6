import Testing
import Wire

@testable import passerelle

@Suite struct HTMLPageTests {
  @Test func aConsentFormIsReadAsABrowserReadsIt() throws {
    let page = HTMLPage(
      """
      <!doctype html><html><head><TITLE> Who &amp; what </TITLE><style>a > b { x: "<form>" }</style></head>
      <body><!-- <form action="/trap"><button name=decision value=allow></button></form> -->
      <script>var x = "<form action='/evil'>";</script>
      <form METHOD="Post" action="/consent?a=1&amp;b=2">
        <input type=hidden name="interaction" value="&quot;i&#39;&#x31;&unknown;">
        <input type="checkbox" name="category" value="serial" checked><input type="checkbox" name="category" value="model">
        <input name=plain value='as it is'/><input type="checkbox" name="box" checked>
        <input name="off" value="x" disabled><input type=submit name=go value=Go>
        <button name="decision" value="deny">No</button><button type="submit" name="decision" value='allow'>Yes</button>
        <button type="button" name="decision" value="later">Later</button>
      </form><input name="outside" value="x"><h1>Hello</h1><p>First</p><p>Second</p></body>
      """)
    #expect(page.title == "Who & what" && page.heading == "Hello" && page.paragraph == "First")
    let form = try #require(page.form(deciding: "allow"))
    #expect(page.forms.count == 1)
    #expect(form.action == "/consent?a=1&b=2" && form.isPosted)
    #expect(form.fields.map(\.name) == ["interaction", "category", "plain", "box"])
    #expect(form.fields.map(\.value) == ["\"i'1&unknown;", "serial", "as it is", "on"])
    #expect(form.buttons.map(\.value) == ["Go", "deny", "allow"])
    #expect(page.form(deciding: "later") == nil)
  }

  @Test(arguments: [
    "", "<", "<form", "<form action", "<form action=", "<form action=\"x", "<input name=\"", "</", "<!--", "<a =", "< b>", "&#",
  ])
  func anUnfinishedPageEnds(_ text: String) {
    #expect(HTMLPage(text).form(deciding: "allow") == nil)
    #expect(HTMLPage("<title>t</title>" + text).title == "t")
  }

  @Test func onlyPagesAreRead() {
    let body = Array("<title>t</title>".utf8)
    #expect(HTMLPage(HTTPResponse(status: 200, fields: [("content-type", "application/json")], body: body)) == nil)
    #expect(HTMLPage(HTTPResponse(status: 200, fields: [("Content-Type", "text/html; charset=utf-8")], body: body))?.title == "t")
  }
}
