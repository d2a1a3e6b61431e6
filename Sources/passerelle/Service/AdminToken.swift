import Bytes
import JOSE

/// The bearer token of the admin API, in a file that only its owner may read.
enum AdminToken {
  static func readOrCreate(_ file: String) throws -> String {
    if Files.exists(file) {
      let token = String(decoding: try KeyFile.read(file), as: UTF8.self).trimmed
      guard token.utf8.count >= 16 else { throw CommandFailure("\(file): an admin token has 16 characters or more") }
      return token
    }
    let token = Random.token()
    try KeyFile.write(Array((token + "\n").utf8), to: file)
    return token
  }
}
