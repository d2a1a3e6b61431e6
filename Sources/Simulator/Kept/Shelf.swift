import Bytes
import Synchronization

/// The resources of one kind, in memory, with a bound: for one more than that the oldest is forgotten. Safe from all threads.
final class Shelf<Kind: Resource>: Sendable {
  private struct Contents: Sendable {
    var byID: [String: Kind] = [:]
    /// In the order in which they came; may name some that are gone.
    var order: [String] = []
    /// Gone since somebody last asked for news.
    var gone: [Kind] = []

    mutating func remove(_ resource: Kind, maximum: Int) {
      byID[resource.id] = nil
      if gone.count < maximum { gone.append(resource) }
    }

    mutating func insert(_ resource: Kind, maximum: Int) {
      byID[resource.id] = resource
      order.append(resource.id)
      var oldest = order.startIndex
      while byID.count > maximum {
        byID[order[oldest]] = nil
        oldest += 1
      }
      if oldest > 0 { order.removeFirst(oldest) }
      if order.count > 2 * byID.count + 64 { order.removeAll { byID[$0] == nil } }
    }

    /// As it is now; nil when it has been over for long enough.
    mutating func settled(_ id: String, at now: Timestamp) -> Kind? {
      guard var resource = byID[id] else { return nil }
      resource.progress.settle(at: now)
      guard !resource.isOver || now - resource.progress.since < Int64(Kind.keptSeconds) * 1_000_000 else {
        if resource.progress.news.isEmpty { byID[id] = nil } else { remove(resource, maximum: .max) }
        return nil
      }
      byID[id] = resource
      return resource
    }

    mutating func all(at now: Timestamp) -> [Kind] {
      var found: [Kind] = []
      for id in order {
        if let resource = settled(id, at: now) { found.append(resource) }
      }
      return found
    }
  }

  private let maximum: Int
  private let contents = Mutex(Contents())

  /// - Parameter maximum: 1 or more.
  init(maximum: Int) { self.maximum = maximum }

  var count: Int { contents.withLock { $0.byID.count } }

  /// - Throws: 404 for an id that is not there (any more).
  func find(_ id: String, at now: Timestamp) throws(BackendError) -> Kind {
    guard let resource = contents.withLock({ $0.settled(id, at: now) }) else { throw .notFound }
    return resource
  }

  /// From the oldest on.
  func all(at now: Timestamp) -> [Kind] { contents.withLock { $0.all(at: now) } }

  /// - Parameter conflict: what the new one must get on with; it is told of all that are there, and throws when it does not.
  func add(
    _ resource: Kind, at now: Timestamp, unless conflict: (([Kind]) throws(BackendError) -> Void)? = nil
  ) throws(BackendError) {
    try contents.withLock { contents throws(BackendError) in
      if let conflict { try conflict(contents.all(at: now)) }
      contents.insert(resource, maximum: maximum)
    }
  }

  /// Changes one, and gives it as it is then.
  ///
  /// - Throws: 404, or what the change throws: then nothing is changed but what time has changed.
  func update(_ id: String, at now: Timestamp, _ change: (inout Kind) throws(BackendError) -> Void) throws(BackendError) -> Kind {
    try contents.withLock { contents throws(BackendError) in
      guard var resource = contents.settled(id, at: now) else { throw .notFound }
      try change(&resource)
      contents.byID[id] = resource
      return resource
    }
  }

  /// - Throws: 404 for an id that is not there (any more).
  @discardableResult func remove(_ id: String, at now: Timestamp) throws(BackendError) -> Kind {
    try contents.withLock { contents throws(BackendError) in
      guard let resource = contents.settled(id, at: now) else { throw .notFound }
      contents.remove(resource, maximum: maximum)
      return resource
    }
  }

  /// One that changed since somebody last asked, and how. What is there no more may have ended before (`isOver`), or a call took it away.
  struct News: Sendable {
    let resource: Kind
    let steps: [Progress.Step]
    let isGone: Bool
  }

  func takeNews(at now: Timestamp) -> [News] {
    contents.withLock { contents in
      guard !contents.byID.isEmpty || !contents.gone.isEmpty else { return [] }
      var news: [News] = []
      for id in contents.order {
        guard var resource = contents.settled(id, at: now), !resource.progress.news.isEmpty else { continue }
        let steps = resource.progress.takeNews()
        contents.byID[id] = resource
        news.append(News(resource: resource, steps: steps, isGone: false))
      }
      for resource in contents.gone { news.append(News(resource: resource, steps: resource.progress.news, isGone: true)) }
      contents.gone = []
      return news
    }
  }

  func removeAll() { contents.withLock { $0 = Contents() } }
}
