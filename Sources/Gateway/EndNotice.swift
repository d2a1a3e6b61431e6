import Bytes
import Identifiers
import JOSE
import Policy
import Store
import Wire

extension GatewayHandler {
  /// Tells a backend that one of its subscriptions is over, by the operation that its policy names for that (`events.end`). Any thread.
  ///
  /// - Returns: false when it could not be told, and is to be told again. True too where there is nothing to tell: no such operation, or
  ///   the backend knows of none.
  public func tellBackend(of record: SubscriptionRecord) async -> Bool {
    let operations = dependencies.catalogue.operationsByIndex.filter { $0.api == record.api && $0.version == record.version }
    guard let ending = operations.first(where: { $0.id == record.operation })?.subscription?.ending,
      let operation = operations.first(where: { $0.id == ending }), let upstream = upstreams[operation.index],
      let backendID = record.backendID, let target = Self.target(operation, backendID)
    else { return true }
    let loop = memory.loops[0].loop
    let timeout = timeoutsNanoseconds[operation.index]
    return await withCheckedContinuation { continuation in
      loop.execute {
        let notice = EndNotice(target: target, client: record.client, deadlineNanoseconds: loop.nowNanoseconds + timeout) {
          continuation.resume(returning: $0)
        }
        upstream.send(notice, on: loop)
      }
    }
  }

  /// The path with the id in it; nil where it wants more than an id.
  private static func target(_ operation: OperationPolicy, _ id: String) -> String? {
    let parts = operation.pathTemplate.split(separator: "{", omittingEmptySubsequences: false)
    guard parts.count == 2, let end = parts[1].firstIndex(of: "}") else { return nil }
    var path = Array(parts[0].utf8)
    for byte in id.utf8 {
      // RFC 3986 §2.3: what is not unreserved could be read as more than a part of the path.
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "-._~".utf8.contains(byte)
      if isPlain { path.append(byte) } else { path += Array("%\(Hex.encode([byte]).uppercased())".utf8) }
    }
    return String(decoding: path, as: UTF8.self) + parts[1][parts[1].index(after: end)...]
  }
}

/// One call of the gateway's own to a backend. Confined to its loop.
private final class EndNotice: UpstreamCall {
  let deadlineNanoseconds: UInt64
  let isRepeatable = true
  private let target: String
  private let client: ClientID
  private let tell: (Bool) -> Void

  init(target: String, client: ClientID, deadlineNanoseconds: UInt64, tell: @escaping (Bool) -> Void) {
    self.target = target
    self.client = client
    self.deadlineNanoseconds = deadlineNanoseconds
    self.tell = tell
  }

  func appendRequest(to output: inout [UInt8], authority: [UInt8]) {
    output.append(text: "DELETE \(target) HTTP/1.1\r\nHost: ")
    output.append(contentsOf: authority)
    output.append(
      text: "\r\nAccept: application/json\r\nx-correlator: \(Random.uuid())\r\nx-passerelle-client-id: \(client.rawValue)\r\n\r\n"
    )
  }

  func answered(_ answer: borrowing UpstreamAnswer) { tell([200, 202, 204, 404, 410].contains(answer.status)) }
  func failed(_ failure: UpstreamFailure) { tell(false) }
}
