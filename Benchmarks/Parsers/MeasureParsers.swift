import Bytes
import Glibc
import Wire

/// Measures the filter of answers and the schemas of requests, and throws mutated inputs at the parsers that face the open network.
///
///     swift run -c release measure-parsers Tests/Fuzz [INPUTS]
///
/// Prints MB/s of reading and filtering a typical answer, and of reading and checking typical bodies, on one processor, and how many
/// mutated inputs (a million unless said otherwise) the HTTP head parser and the JSON reader with the filter took or refused. A crash is a
/// failure of the whole run.
@main
struct MeasureParsers {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count >= 2, let inputs = arguments.count > 2 ? Int(arguments[2]) : 1_000_000 else {
      print("usage: measure-parsers CORPUS [INPUTS]")
      exit(2)
    }
    measureFilter()
    SchemaRate.measure(policies: arguments[1] + "/../../policies")
    let heads = Corpus.load(arguments[1] + "/http")
    let documents = Corpus.load(arguments[1] + "/json")
    guard !heads.isEmpty, !documents.isEmpty else {
      print("no corpus in \(arguments[1])")
      exit(1)
    }
    fuzz("HTTP head", heads, inputs / 2) { input in
      var parser = HeadParser(input.first.map { $0 & 1 == 0 } ?? true ? .request : .response)
      parser.reset(at: 0)
      do { return try parser.advance(input.span) } catch { return false }
    }
    var tape = JSONTape()
    var output: [UInt8] = []
    fuzz("JSON and filter", documents, inputs / 2) { input in
      output.removeAll(keepingCapacity: true)
      do { try tape.parse(input.span) } catch { return false }
      _ = Answer.projection.project(input.span, tape: tape, allowed: 1, into: &output)
      return true
    }
  }

  private static func measureFilter() {
    let answer = Array(Answer.text.utf8)
    var tape = JSONTape()
    var output: [UInt8] = []
    let rounds = 400_000
    let begun = SystemTime().monotonicNanoseconds()
    for _ in 0..<rounds {
      output.removeAll(keepingCapacity: true)
      try? tape.parse(answer.span)
      guard case .complete = Answer.projection.project(answer.span, tape: tape, allowed: 3, into: &output) else {
        print("the filter refused the answer")
        exit(1)
      }
    }
    let seconds = Double(SystemTime().monotonicNanoseconds() - begun) / 1e9
    let rate = Double(rounds * answer.count) / seconds / 1e6
    print("filter: \(Int(rate)) MB/s (parse and project, \(answer.count) bytes an answer, one processor)")
  }

  private static func fuzz(_ name: String, _ corpus: [[UInt8]], _ count: Int, _ take: ([UInt8]) -> Bool) {
    var random = Random(state: 0x9E37_79B9_7F4A_7C15)
    var taken = 0
    for _ in 0..<count where take(random.mutated(corpus)) { taken += 1 }
    print("\(name): \(count) inputs, \(taken) taken, \(count - taken) refused, no crash")
  }
}

/// A typical answer of a CAMARA backend, with a field that no policy names.
private enum Answer {
  static let text = """
    {"lastChecked":"2024-02-20T10:41:38.657Z","imeisv":"4901542032375181","imei":"490154203237518","tac":"49015420","model":"3110",\
    "manufacturer":"Nokia","note":"fixed answer of the benchmark, padded to about 250 bytes in all ......."}
    """

  static let projection = Projection(
    .object([
      Projection.Field(name: "lastChecked", rule: .always, required: true),
      Projection.Field(name: "imei", rule: .release(whenAny: 1), required: true),
      Projection.Field(name: "imeisv", rule: .release(whenAny: 1)), Projection.Field(name: "tac", rule: .release(whenAny: 2)),
      Projection.Field(name: "model", rule: .release(whenAny: 2)),
      Projection.Field(name: "manufacturer", rule: .release(whenAny: 2)),
    ]))
}

/// The files of a folder.
private enum Corpus {
  static func load(_ folder: String) -> [[UInt8]] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var files: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard !name.hasPrefix("."), let file = fopen(folder + "/" + name, "rb") else { continue }
      defer { fclose(file) }
      var bytes = [UInt8](repeating: 0, count: 65_536)
      bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
      files.append(bytes)
    }
    return files
  }
}

/// A small generator with a fixed start: the same inputs in every run.
private struct Random {
  private static let special = Array(" \r\n\t:\",{}[]\\/0\u{7F}".utf8)
  var state: UInt64

  mutating func next(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(max(1, bound)))
  }

  /// A file of the corpus with some bytes changed, removed, doubled, or joined to another.
  mutating func mutated(_ corpus: [[UInt8]]) -> [UInt8] {
    var bytes = corpus[next(corpus.count)]
    for _ in 0...next(4) where !bytes.isEmpty {
      let place = next(bytes.count)
      switch next(6) {
      case 0: bytes[place] = UInt8(next(256))
      case 1: bytes[place] ^= 1 << UInt8(next(8))
      case 2: bytes.remove(at: place)
      case 3: bytes.insert(Self.special[next(Self.special.count)], at: place)
      case 4: bytes.removeSubrange(place..<min(bytes.count, place + next(16)))
      default: bytes.insert(contentsOf: corpus[next(corpus.count)].prefix(next(64)), at: place)
      }
    }
    return bytes
  }
}
