import Bytes
import Wire

/// One step of a flow, as it may be shown: secrets are shortened already.
struct FlowStep {
  struct Request {
    let method: String
    let address: String
    let fields: [(name: String, value: String)]
    let form: [(name: String, value: String)]
    /// JSON.
    let body: [UInt8]?
  }

  struct Response {
    enum Body {
      case none
      case json([UInt8])
      /// What is no JSON is described, not shown: pages are long, and hold secrets of their own.
      case other(String)
    }

    let status: Int
    let fields: [(name: String, value: String)]
    let body: Body
  }

  struct Check {
    /// What holds when it is ok, with the rule that wants it.
    let text: String
    let isOK: Bool
    /// The flow fails without it; others are recommended.
    let isMandatory: Bool
  }

  /// Something that was made or read within the step, as JSON: the claims of an assertion.
  struct Detail {
    let label: String
    let json: [UInt8]
  }

  let title: String
  var request: Request?
  var response: Response?
  var details: [Detail] = []
  var notes: [String] = []
  var checks: [Check] = []
}

extension FlowStep.Response {
  /// Fields of an answer that a flow depends on; the others are left out.
  private static let shownFields: Set<String> = [
    "content-type", "cache-control", "location", "set-cookie", "www-authenticate", "dpop-nonce", "retry-after", "x-correlator",
    "content-security-policy", "x-frame-options",
  ]

  init(_ response: HTTPResponse, _ secrets: Secrets) {
    status = response.status
    fields = response.fields.filter { Self.shownFields.contains($0.name.lowercased()) }
      .map { ($0.name.lowercased(), secrets.field($0.name, $0.value)) }
    if response.body.isEmpty {
      body = .none
    } else if let document = try? JSONDocument(response.body) {
      body = .json(secrets.json(document.root))
    } else if let title = HTMLPage(response)?.title {
      body = .other("a page, \"\(title)\", \(response.body.count) bytes")
    } else {
      body = .other("\(response.body.count) bytes that are not JSON")
    }
  }
}

extension FlowStep.Request {
  init(_ request: FlowRequest, _ secrets: Secrets) {
    method = request.method
    address = secrets.address(request.address.description)
    fields = request.fields.map { ($0.name, secrets.field($0.name, $0.value)) }
    switch request.content {
    case .none: (form, body) = ([], nil)
    case .form(let pairs): (form, body) = (pairs.map { ($0.name, secrets.parameter($0.name, $0.value)) }, nil)
    case .json(let bytes): (form, body) = ([], (try? JSONDocument(bytes)).map { secrets.json($0.root) })
    }
  }
}
