/// Event loops, sockets, timers and HTTP/1.1, both sides.
///
/// An `EventLoop` is a thread around epoll. A `Listener` accepts connections and spreads them over the loops; from then on
/// everything of a connection happens on its loop, without locks. A `ServerConnection` reads requests with the strict
/// `HeadParser` and hands each, complete, to a `RequestHandler` as an `Exchange`. An `Upstream` is the other side: the
/// targets of an API, with an `UpstreamPool` of kept connections for each address and loop. Bytes go through a `Transport`: plain
/// TCP, or TLS, as a client (`TLSClientContext`) or as a server (`TLSServer`).
///
/// The data plane works on spans and reused buffers. The control plane (`Exchange.answer`, `HTTPClient`, `WebClient`) uses async
/// functions that run on the loop too. `WebClient` is for addresses that somebody else chose: an `AddressRule` judges them.
///
/// Begin with `EventLoop.swift`, then `Exchange.swift` (what a handler sees), then `ServerConnection.swift`.
