import Glibc

/// Finds the folder of policies that came with the program.
enum ShippedPolicies {
  /// `PASSERELLE_POLICIES`, else the first folder `policies` in the working folder, beside the program or above it, else the one
  /// where packages put it.
  ///
  /// - Throws: `CommandFailure` that says how to name one.
  static func folder() throws(CommandFailure) -> String {
    if let named = getenv("PASSERELLE_POLICIES") { return Files.absolute(String(cString: named)) }
    var candidates = ["policies"]
    var folder = Files.folder(of: Files.absolute("/proc/self/exe"))
    while folder != "/" {
      candidates.append(folder + "/policies")
      folder = Files.folder(of: folder)
    }
    candidates.append("/usr/share/passerelle/policies")
    guard let found = candidates.first(where: { Files.exists($0 + "/purposes.json") }) else {
      throw CommandFailure("no policies are to be found; name their folder in PASSERELLE_POLICIES")
    }
    return Files.absolute(found)
  }
}
