import Dispatch
import Synchronization
import Wire

extension Outbound {
  /// Posts to a server of the operator's, and blocks until it has answered: for threads that have nothing else to do, never for a loop.
  ///
  /// - Returns: the status.
  /// - Throws: `WebFailure` when there is no answer in time.
  func postAndWait(
    _ body: [UInt8], to address: WebAddress, contentType: String, bearerToken: String?, timeoutSeconds: Int
  ) throws -> Int {
    let authorization = bearerToken.map { [(name: "authorization", value: "Bearer \($0)")] } ?? []
    let fields = [(name: "content-type", value: contentType)] + authorization
    let outcome = Mutex<Result<Int, any Error>>(.failure(WebFailure.timedOut))
    let done = DispatchSemaphore(value: 0)
    loop.spawn { [self] in
      let result: Result<Int, any Error>
      do {
        let answer = try await web.send(
          "POST", to: address, fields: fields, body: body, timeoutSeconds: timeoutSeconds, answerBytesMaximum: 65_536, rule: .any)
        result = .success(answer.status)
      } catch { result = .failure(error) }
      outcome.withLock { $0 = result }
      done.signal()
    }
    // Longer than the time limit, in case the loop itself does not turn.
    _ = done.wait(timeout: .now() + .seconds(timeoutSeconds + 5))
    return try outcome.withLock { $0 }.get()
  }
}
