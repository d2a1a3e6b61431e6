import Administration
import Telemetry
import Wire

/// What listeners tell of their connections.
struct ListenerMetrics: Sendable {
  /// By the name that labels have for it.
  let listeners: [(name: String, listener: Listener)]
  let tls: ListenerTLS

  func families() -> [MetricFamily] { connections + [handshakes, expiry] }

  private var connections: [MetricFamily] {
    var open = MetricFamily("passerelle_connections_open", .gauge, help: "Connections of clients that are open.")
    var accepted = MetricFamily("passerelle_connections_accepted", .counter, help: "Connections taken in.")
    var refused = MetricFamily(
      "passerelle_connections_refused", .counter,
      help: "Connections closed at once: the maximum is open, or no descriptors are left.")
    for (name, listener) in listeners {
      let counts = listener.connections
      open.add(.count(UInt64(max(0, listener.connectionCount))), ("listener", name))
      accepted.add(.count(UInt64(counts.accepted)), ("listener", name))
      refused.add(.count(UInt64(counts.refused)), ("listener", name))
    }
    return [open, accepted, refused]
  }

  private var handshakes: MetricFamily {
    var family = MetricFamily(
      "passerelle_tls_handshakes", .counter, help: "TLS handshakes of clients: with a signature, resumed, or failed.")
    for (name, server) in tls.servers {
      let counts = server.handshakes
      for (result, count) in [("full", counts.full), ("resumed", counts.resumed), ("failed", counts.failed)] {
        family.add(.count(UInt64(count)), ("listener", Self.label(name)), ("result", result))
      }
    }
    return family
  }

  private var expiry: MetricFamily {
    var family = MetricFamily(
      "passerelle_certificate_expiry_timestamp_seconds", .gauge, unit: "seconds",
      help: "When a certificate in use expires, in seconds since 1970.")
    for certificate in tls.certificates() {
      family.add(
        .number(Double(certificate.notAfter.seconds)), ("listener", Self.label(certificate.listener)), ("file", certificate.file))
    }
    return family
  }

  /// The configuration's place of a listener's TLS to the listener's name.
  private static func label(_ place: String) -> String {
    switch place {
    case "listen.tls": "public"
    case "mutualTLS.listen.tls": "mutual"
    case "admin.tls": "admin"
    default: place
    }
  }
}
