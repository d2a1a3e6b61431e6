/// Bytes and what is read from them: spans and scanning, base64url, times, JSON.
///
/// Two readers of JSON share one parser: `JSONTape` for the data plane (reused, no allocation once warm, over bytes that
/// somebody else owns) and `JSONDocument` for the control plane (owns its bytes, knows lines and columns, and reads the
/// commented dialect of configuration and policies). `Projection` is the allow-list filter of the gateway.
///
/// Begin with `JSONTape.swift`, then `Projection.swift`. Nothing here knows of networks, keys or consent.
