import Wire

/// The calls of one client that one loop has under way. Confined to its loop.
final class ClientLoad {
  fileprivate(set) var underWay = 0

  /// The call is answered.
  func leave() { underWay -= 1 }
}

/// How much of a loop's room one client may fill, so that one that sends without measure leaves room for the others.
///
/// A client may have at most four times what is free at the moment. Alone it gets four fifths of the room, two that want all get four
/// ninths each, and some is always left for who comes next: without a list of who is there, and without a part kept for who is not
/// (the dynamic thresholds of switches with shared memory: Choudhury and Hahne, 1998).
enum FairShare {
  static let partsOfFreeRoom = 4

  /// - Throws: 503 with `Retry-After`; the client's connection is not read from for a moment.
  static func enter(_ load: ClientLoad, _ exchange: Exchange) throws(APIError) {
    let admission = exchange.loop.admission
    // This call is among those under way already.
    guard load.underWay < partsOfFreeRoom * (admission.maximum - admission.underWay + 1) else {
      admission.countShare()
      exchange.pausesAfterResponse = true
      throw .overload
    }
    load.underWay += 1
  }
}
