import Foundation
import Testing

@testable import JOSE

@Suite struct KeyFileTests {
  private let folder = TemporaryFolder()
  private var path: String { folder.path + "/secret.key" }

  private func mode(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  private func setMode(_ mode: Int, _ path: String) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }

  private func refusal<Value>(_ body: () throws(KeyFileError) -> Value) -> KeyFileError? {
    do throws(KeyFileError) { _ = try body() } catch { return error }
    return nil
  }

  @Test func aFileIsWrittenPrivateAndWhole() throws {
    try KeyFile.write([1, 2, 3], to: path)
    #expect(try mode(path) == 0o600)
    #expect(try KeyFile.read(path) == [1, 2, 3])
    try KeyFile.write([4], to: path)
    #expect(try KeyFile.read(path) == [4])
    #expect(try mode(path) == 0o600)
    #expect(try files() == ["secret.key"])
  }

  @Test func aFileThatWasTooOpenIsPrivateAfterItIsReplaced() throws {
    try KeyFile.write([1], to: path)
    try setMode(0o644, path)
    try KeyFile.write([2], to: path)
    #expect(try mode(path) == 0o600)
  }

  @Test(arguments: [0o604, 0o640, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
  func aFileThatOthersCanReachIsRefusedWithTheCommandThatMendsIt(_ mode: Int) throws {
    try KeyFile.write([1], to: path)
    try setMode(mode, path)
    let error = try #require(refusal { () throws(KeyFileError) in try KeyFile.read(path) })
    #expect(error.file == path)
    #expect(error.description.contains("chmod 600 \(path)"))
    try setMode(0o600, path)
    #expect(try KeyFile.read(path) == [1])
  }

  @Test(arguments: [0o600, 0o400, 0o700]) func aPrivateFileIsRead(_ mode: Int) throws {
    try KeyFile.write([1], to: path)
    try setMode(mode, path)
    #expect(try KeyFile.read(path) == [1])
  }

  @Test func whatIsNotThereOrNoFileIsRefusedByItsName() throws {
    #expect(refusal { () throws(KeyFileError) in try KeyFile.read(path) }?.file == path)
    #expect(refusal { () throws(KeyFileError) in try KeyFile.read(folder.path) }?.reason == "is not a plain file")
    #expect(!KeyFile.exists(path) && KeyFile.exists(folder.path))
  }

  @Test(.timeLimit(.minutes(1))) func aPipeIsRefusedAndNotWaitedFor() {
    #expect(mkfifo(path, 0o600) == 0)
    #expect(refusal { () throws(KeyFileError) in try KeyFile.read(path) }?.reason == "is not a plain file")
  }

  @Test func aFileTooLargeForAKeyIsRefused() throws {
    try KeyFile.write(Array(repeating: 1, count: 65_536), to: path)
    #expect(try KeyFile.read(path).count == 65_536)
    try KeyFile.write(Array(repeating: 1, count: 65_537), to: path)
    #expect(refusal { () throws(KeyFileError) in try KeyFile.read(path) }?.reason == "is too large for a key")
  }

  @Test func aWriteThatFailsLeavesTheOldFileAndNoCopyOfTheSecret() throws {
    // A folder stands where the file should go: the last step fails.
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(refusal { () throws(KeyFileError) in try KeyFile.write([1, 2, 3], to: path) }?.file == path)
    #expect(try files() == ["secret.key"])
    #expect(refusal { () throws(KeyFileError) in try KeyFile.write([1], to: folder.path + "/none/secret.key") } != nil)
  }

  @Test func aLeftoverOfACrashIsReplacedNotFollowed() throws {
    let target = folder.path + "/target"
    try "untouched".write(toFile: target, atomically: false, encoding: .utf8)
    #expect(symlink(target, path + ".new") == 0)
    try KeyFile.write([1, 2, 3], to: path)
    #expect(try KeyFile.read(path) == [1, 2, 3])
    #expect(try String(contentsOfFile: target, encoding: .utf8) == "untouched")
    #expect(try files() == ["secret.key", "target"])
  }

  @Test func foldersAreMadePrivate() throws {
    let deep = folder.path + "/a/b/keys"
    try KeyFile.makeDirectory(deep)
    for path in ["/a", "/a/b", "/a/b/keys"] { #expect(try mode(folder.path + path) == 0o700) }
    try KeyFile.makeDirectory(deep)
    try "".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(refusal { () throws(KeyFileError) in try KeyFile.makeDirectory(path + "/below") } != nil)
  }

  @Test(arguments: [SignatureAlgorithm.es256, .es384, .rs256, .edDSA]) func aKeyComesBackFromItsFile(
    _ algorithm: SignatureAlgorithm
  ) throws {
    let key = try SigningKey.generate(algorithm)
    try key.save(to: path)
    #expect(try mode(path) == 0o600)
    let again = try SigningKey.load(file: path)
    #expect(again.kid == key.kid && again.algorithm == algorithm)
  }

  @Test func aFileThatIsNoKeyIsRefusedByItsNameAndNotShown() throws {
    try KeyFile.write(Array("hunter2".utf8), to: path)
    let error = try #require(refusal { () throws(KeyFileError) in try SigningKey.load(file: path) })
    #expect(error.file == path && !error.description.contains("hunter2"))
  }
}
