#if FUZZ
  import CLibFuzzer
  import Foundation

  /// `fuzz TARGET [libFuzzer's options] [corpora]`: lets libFuzzer look for bytes for which something does not hold.
  @main
  struct Fuzz {
    /// Set once, before the first input.
    nonisolated(unsafe) private static var target = FuzzTarget.all[0]
    private static let variable = "PASSERELLE_FUZZ_TARGET"

    static func main() {
      var words = CommandLine.arguments
      if words.count == 2, words[1] == "--list" { return FuzzTarget.all.forEach { print($0.name, $0.bytesMaximum) } }
      // libFuzzer starts this program anew for some of its work, without the word that it does not know.
      let isAnew = words.count > 1 && words[1].hasPrefix("-")
      let name = isAnew ? ProcessInfo.processInfo.environment[Self.variable] : words.dropFirst().first
      guard let found = FuzzTarget.all.first(where: { $0.name == name }) else {
        FileHandle.standardError.write(
          Data("usage: fuzz TARGET [options of libFuzzer] [corpora]; fuzz --list names the targets\n".utf8))
        exit(2)
      }
      target = found
      setenv(Self.variable, found.name, 1)
      if !isAnew { words.remove(at: 1) }
      var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
      var count = Int32(words.count)
      let status = arguments.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress
        return LLVMFuzzerRunDriver(&count, &start) { Fuzz.run(UnsafeRawBufferPointer(start: $0, count: $1)) }
      }
      exit(status)
    }

    private static func run(_ bytes: UnsafeRawBufferPointer) -> Int32 {
      // libFuzzer keeps the input when the program stops; the reason is for whoever reads along.
      do { try target.check(Array(bytes)) } catch { fatalError("\(target.name): \(error)") }
      return 0
    }
  }
#endif
