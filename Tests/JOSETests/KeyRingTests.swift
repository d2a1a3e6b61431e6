import Bytes
import Foundation
import Testing

@testable import JOSE

@Suite struct KeyRingTests {
  private let folder = TemporaryFolder()
  private var directory: String { folder.path + "/keys" }

  @Test func theFirstStartMakesTheKeysAndTheNextFindsThem() throws {
    let first = try KeyRing.openOrCreate(directory: directory)
    let files = try FileManager.default.contentsOfDirectory(atPath: directory)
    #expect(
      Set(files) == [
        "signing.pem", "signing-next.pem", "signing-rs256.pem", "audit.pem", "pairwise.key", "subject-lookup.key",
        "subject-sealing.key",
      ])
    for path in files.map({ directory + "/" + $0 }) + [directory] {
      let mode = try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
      #expect(mode & 0o077 == 0, "\(path)")
    }
    let second = try KeyRing.openOrCreate(directory: directory)
    #expect(second.current.kid == first.current.kid)
    #expect(second.published.map(\.kid) == first.published.map(\.kid))
    #expect(second.pairwise.authenticate([1]) == first.pairwise.authenticate([1]))
    #expect(second.lookup.authenticate([1]) == first.lookup.authenticate([1]))
    #expect(second.lookup.authenticate([1]) != first.pairwise.authenticate([1]))
    #expect(second.sealing.open(first.sealing.seal([7], context: []), context: []) == [7])
  }

  /// Fail closed: with another key no objection and no consent would be found.
  @Test(arguments: ["signing.pem", "audit.pem", "pairwise.key", "subject-lookup.key", "subject-sealing.key"])
  func aMissingKeyIsNotMadeAnewBesideData(_ file: String) throws {
    _ = try KeyRing.openOrCreate(directory: directory)
    let path = directory + "/" + file
    try FileManager.default.removeItem(atPath: path)
    for isReading in [false, true] {
      #expect(throws: KeyFileError(file: path, reason: "is missing although there is data: restore it from the backup")) {
        try KeyRing.open(directory: directory, isReading: isReading)
      }
    }
    #expect(KeyRing.faults(in: directory, isFirstStart: false).map(\.file) == [path])
    #expect(KeyRing.faults(in: directory, isFirstStart: true).isEmpty)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aMissingFolderOfKeysIsNotMadeAnewBesideData() throws {
    #expect(throws: KeyFileError.self) { try KeyRing.open(directory: directory) }
    #expect(KeyRing.faults(in: directory, isFirstStart: false).map(\.file) == [directory])
    #expect(!FileManager.default.fileExists(atPath: directory))
  }

  /// A link that leads to itself stands for what cannot be reached: root may read all else.
  @Test func aKeyThatCannotBeReachedIsNotMissing() throws {
    _ = try KeyRing.openOrCreate(directory: directory)
    let path = directory + "/subject-lookup.key"
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
    let fault = KeyFileError(file: path, reason: "Too many levels of symbolic links")
    #expect(throws: fault) { try KeyRing.openOrCreate(directory: directory) }
    #expect(throws: fault) { try KeyRing.open(directory: directory) }
    #expect(KeyRing.faults(in: directory, isFirstStart: true) == [fault])
  }

  @Test(arguments: ["signing-next.pem", "signing-rs256.pem"]) func whatRotationsMakeIsMadeAnew(_ file: String) throws {
    let first = try KeyRing.openOrCreate(directory: directory)
    try FileManager.default.removeItem(atPath: directory + "/" + file)
    #expect(KeyRing.faults(in: directory, isFirstStart: false).isEmpty)
    #expect(try KeyRing.open(directory: directory, isReading: true).current.kid == first.current.kid)
    #expect(!FileManager.default.fileExists(atPath: directory + "/" + file))
    _ = try KeyRing.open(directory: directory)
    #expect(FileManager.default.fileExists(atPath: directory + "/" + file))
  }

  @Test func anOpenKeyFileStopsTheStartAndNothingIsOverwritten() throws {
    _ = try KeyRing.openOrCreate(directory: directory)
    for file in ["signing.pem", "pairwise.key"] {
      let path = directory + "/" + file
      let before = try Data(contentsOf: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      do {
        _ = try KeyRing.openOrCreate(directory: directory)
        Issue.record("\(file) was taken")
      } catch { #expect("\(error)".contains("chmod 600 \(path)")) }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
  }

  @Test(arguments: ["", "short", "AAAA"]) func aSecretOfAnotherFormStopsTheStart(_ text: String) throws {
    _ = try KeyRing.openOrCreate(directory: directory)
    try KeyFile.write(Array(text.utf8), to: directory + "/pairwise.key")
    #expect(throws: KeyFileError.self) { try KeyRing.openOrCreate(directory: directory) }
  }

  @Test func whatIsReadAgainIsUsedOnceItIsTaken() throws {
    let ring = try KeyRing.openOrCreate(directory: directory)
    let (before, fresh) = (ring.current, try SigningKey.generate(.es256))
    let same = try ring.read()
    #expect(!same.isNew && !same.losesKeys)
    try fresh.save(to: directory + "/signing.pem")
    let reading = try ring.read()
    #expect(ring.current.kid == before.kid && reading.isNew && reading.losesKeys)
    ring.take(reading)
    #expect(ring.current.kid == fresh.kid && ring.verificationKey(kid: before.kid) == nil)
    let second = Int(SystemTime().now().seconds)
    try before.save(to: directory + "/signing-retired-\(second)-0.pem")
    let withOld = try ring.read()
    #expect(withOld.isNew && !withOld.losesKeys)
    ring.take(withOld)
    #expect(ring.verificationKey(kid: before.kid) != nil)
  }

  @Test func aRotationInBetweenIsNotUndone() throws {
    let ring = try KeyRing.openOrCreate(directory: directory)
    let reading = try ring.read()
    try ring.rotate()
    let rotated = ring.current.kid
    ring.take(reading)
    #expect(ring.current.kid == rotated)
  }

  @Test(arguments: ["pairwise.key", "subject-lookup.key", "subject-sealing.key", "audit.pem"])
  func anotherOfTheLastingKeysIsRefused(_ name: String) throws {
    let ring = try KeyRing.openOrCreate(directory: directory)
    let other = try KeyRing.openOrCreate(directory: folder.path + "/other")
    try KeyFile.write(KeyFile.read(other.directory + "/" + name), to: directory + "/" + name)
    let error = #expect(throws: KeyFileError.self) { try ring.read() }
    #expect(error?.description.contains(name) == true && error?.reason.contains("restart") == true)
  }

  @Test func nothingThatIsMissingIsMadeByReadingAgain() throws {
    let ring = try KeyRing.openOrCreate(directory: directory)
    KeyFile.remove(directory + "/signing-next.pem")
    #expect(throws: KeyFileError.self) { try ring.read() }
    #expect(!KeyFile.exists(directory + "/signing-next.pem"))
    try SigningKey.generate(.rs256).save(to: directory + "/signing-next.pem")
    let error = #expect(throws: KeyFileError.self) { try ring.read() }
    #expect(error?.reason.contains("ES256") == true)
  }

  @Test func afterARotationTheNextKeySignsAndTheOldOneStillVerifies() throws {
    let ring = try KeyRing.openOrCreate(directory: directory)
    let before = ring.published.map(\.kid)
    let token = try JWTBuilder.sign(payload: [], typ: "at+jwt", key: ring.current)
    try ring.rotate()
    #expect(ring.current.kid == before[1], "the next key was published before it signs")
    #expect(Set(ring.published.map(\.kid)).isSuperset(of: before))
    #expect(ring.published.count == 5)
    #expect(throws: Never.self) { try verify(token) { ring.verificationKey(kid: $0.kid ?? "") } }
    let again = try KeyRing.openOrCreate(directory: directory)
    #expect(again.current.kid == ring.current.kid)
    #expect(again.published.map(\.kid) == ring.published.map(\.kid))
    try ring.rotate()
    #expect(ring.verificationKey(kid: before[0] ?? "") != nil, "its tokens may still be out")
    #expect(ring.verificationKey(kid: "") == nil && ring.verificationKey(kid: "unknown") == nil)
  }

  @Test func aRetiredKeyIsPublishedUntilItsLastTokenIsOut() throws {
    let time = ManualTime()
    let ring = try KeyRing.openOrCreate(directory: directory, time: time)
    let first = ring.current.kid
    try ring.rotate()
    #expect(ring.currentSince == time.now())
    time.advance(seconds: Double(KeyRing.retirementSeconds) - 1)
    #expect(ring.verificationKey(kid: first) != nil && ring.list().count == 5)
    #expect(try KeyRing.openOrCreate(directory: directory, time: time).verificationKey(kid: first) != nil)
    time.advance(seconds: 1)
    #expect(ring.verificationKey(kid: first) == nil && ring.list().count == 3)
    #expect(try KeyRing.openOrCreate(directory: directory, time: time).verificationKey(kid: first) == nil)
    try ring.rotate()
    let files = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasPrefix("signing-retired") }
    #expect(files.count == 2, "the file of the first is gone, the second's is there")
  }

  @Test func rotationsAreBounded() throws {
    let ring = try KeyRing.openOrCreate(directory: directory, time: ManualTime())
    for _ in 0..<KeyRing.retiredMaximum { try ring.rotate() }
    let before = ring.published.map(\.kid)
    #expect(throws: KeyFileError.self) { try ring.rotate() }
    #expect(ring.published.map(\.kid) == before)
  }

  /// A crash between the renames of a rotation: one key stands in two files, and the set stays readable.
  @Test(arguments: [("signing.pem", "signing-retired-9999999999-0.pem"), ("signing-next.pem", "signing.pem")])
  func aRotationThatWasCutShortLosesNoKey(_ from: String, _ to: String) throws {
    let before = try KeyRing.openOrCreate(directory: directory)
    try before.current.save(to: directory + "/signing-retired-9999999999-0.pem")
    try KeyFile.write(KeyFile.read(directory + "/" + from), to: directory + "/" + to)
    let after = try KeyRing.openOrCreate(directory: directory)
    #expect(after.verificationKey(kid: before.current.kid) != nil)
    let set = try JWKSet(json: JSONDocument(after.jwks()).root)
    #expect(Set(set.keys.map(\.kid)).count == set.keys.count)
    try after.rotate()
    #expect(throws: Never.self) { try JWKSet(json: JSONDocument(after.jwks()).root) }
  }

  @Test func thePublishedSetHoldsPublicPartsOnly() throws {
    let ring = try KeyRing.openOrCreate(directory: directory)
    let root = try JSONDocument(ring.jwks()).root
    let keys = try #require(root["keys"]?.array)
    #expect(keys.count == 3)
    for key in keys {
      let members: Set = key["kty"]?.string == "RSA" ? ["e", "n"] : ["crv", "x", "y"]
      #expect(Set(key.keys.map(\.name)) == members.union(["alg", "kid", "kty", "use"]))
    }
  }
}
