import Bytes

/// Something that one call makes and others read, change or end.
protocol Resource: Sendable {
  var id: String { get }
  /// How far it is. What changes with time changes here; what a call changes, in `Shelf.update`: events to sinks follow from these two.
  var progress: Progress { get set }
  /// For how long what has come to its end can still be read.
  static var keptSeconds: Int { get }
  /// Whether it has come to its end.
  var isOver: Bool { get }
}

/// The states of a resource: the one that it is in, and those that follow by themselves, each at its time.
struct Progress: Sendable {
  struct Step: Sendable {
    let time: Timestamp
    let status: String
    var reason: String?
  }

  private(set) var status: String
  private(set) var since: Timestamp
  /// Why it is so, where the API tells of it.
  private(set) var reason: String?
  /// In the order of their times.
  private(set) var plan: [Step]
  /// The steps since somebody last took them: what events tell of. The newest of them only.
  private(set) var news: [Step] = []

  private static let newsMaximum = 16

  init(_ status: String, since: Timestamp, plan: [Step] = []) {
    self.status = status
    self.since = since
    self.plan = plan
    settle(at: since)
  }

  /// Takes the steps whose time has come.
  mutating func settle(at now: Timestamp) {
    while let step = plan.first, step.time <= now {
      (status, since, reason) = (step.status, step.time, step.reason)
      plan.removeFirst()
      note(step)
    }
  }

  /// A call leads to another state, and to what follows from it.
  mutating func move(to status: String, at now: Timestamp, reason: String? = nil, plan: [Step] = []) {
    (self.status, since, self.reason, self.plan) = (status, now, reason, plan)
    note(Step(time: now, status: status, reason: reason))
    settle(at: now)
  }

  /// Other times for what is to come.
  mutating func replan(_ plan: [Step]) { self.plan = plan }

  mutating func takeNews() -> [Step] {
    defer { news = [] }
    return news
  }

  private mutating func note(_ step: Step) {
    if news.count >= Self.newsMaximum { news.removeFirst() }
    news.append(step)
  }
}
