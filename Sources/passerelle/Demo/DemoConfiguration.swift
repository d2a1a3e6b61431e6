/// The configuration that the demo writes for itself and for the commands beside it.
enum DemoConfiguration {
  static func text(port: Int, adminPort: Int, backendPort: Int, policies: String) -> String {
    """
    // Written by `passerelle demo` at each start. Give it to the other commands with --config.
    {
      "issuer": "http://127.0.0.1:\(port)",
      "listen": { "host": "127.0.0.1", "port": \(port) },
      "admin": { "host": "127.0.0.1", "port": \(adminPort) },
      "data": "data",
      "keys": "keys",
      "policies": "\(escaped(policies))",
      // The simulated operator; one of its subscribers answers later than this.
      "upstreams": { "*": { "url": "http://127.0.0.1:\(backendPort)", "timeoutMilliseconds": 2000 } },
      // Bound tokens for who proves to hold a key, bearer tokens for the others.
      "dpop": { "mode": "supported" },
      // Clients of the demo may publish their keys on this machine; `passerelle events listen` has a certificate that is trusted here.
      "outbound": { "allowedRanges": ["127.0.0.0/8", "::1/128"], "caFile": "sink/certificate.pem" },
      // Sinks of events may be programs on this machine.
      "events": { "allowedSinkAddresses": ["127.0.0.0/8", "::1/128"], "allowPlainHttp": true },
      // Header enrichment: whoever calls from this machine is believed to be the operator's network. The look-ups are the simulated
      // operator's.
      "recognition": {
        "headerEnrichment": { "header": "x-network-msisdn", "trustedProxies": ["127.0.0.0/8", "::1/128"] },
        "addressLookup": { "url": "http://127.0.0.1:\(backendPort)/simulator/subscribers/by-address" },
        "operatorToken": { "url": "http://127.0.0.1:\(backendPort)/simulator/subscribers/by-token" },
        "numberDirectory": { "url": "http://127.0.0.1:\(backendPort)/simulator/subscribers/by-number" },
      },
      // The question shows on the simulated phone.
      "ciba": { "intervalSeconds": 2 },
    }

    """
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { $0 += $1 == "\"" || $1 == "\\" ? "\\\($1)" : String($1) }
  }
}
