/// The known name that is most like a mistyped one.
public enum NearestName {
  /// Nil when none is near: more than a third of the letters would have to change (two are always allowed).
  public static func to(_ word: String, among names: [String]) -> String? {
    guard word.utf8.count <= 64 else { return nil }
    return names.map { ($0, distance(Array(word.lowercased().utf8), Array($0.lowercased().utf8))) }
      .filter { $0.1 <= max(2, word.utf8.count / 3) }
      .min { $0.1 < $1.1 }?.0
  }

  /// How many elements must be changed, taken away or put in to make one of the other (Levenshtein).
  public static func distance<Element: Equatable>(_ a: [Element], _ b: [Element]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = cost
      }
    }
    return row[b.count]
  }
}
