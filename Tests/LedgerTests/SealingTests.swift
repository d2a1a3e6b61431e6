import Bytes
import Foundation
import JOSE
import Testing

@testable import Ledger

@Suite struct MerkleTreeTests {
  /// The leaves and roots that Certificate Transparency's implementations test themselves with (RFC 6962).
  private static let leaves = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
  ].map { Hex.decode($0)! }
  private static let roots = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ]

  @Test(arguments: 0...8) func theRootsAreThoseOfTheStandard(_ count: Int) {
    var tree = MerkleTree()
    for leaf in Self.leaves[..<count] { tree.append(leaf.span) }
    #expect(tree.root.hex == Self.roots[count])
  }

  @Test func everyLeafOfEveryTreeHasAPathThatLeadsToItsRootAndToNoOther() {
    for count in 1...70 {
      let leaves = (0..<count).map { MerkleTree.leaf(Array("line \($0)".utf8).span) }
      var tree = MerkleTree()
      for leaf in leaves { tree.append(leaf: leaf) }
      for index in 0..<count {
        let path = MerkleTree.path(of: index, in: leaves[...])
        #expect(MerkleTree.root(leaf: leaves[index], index: index, leafCount: count, path: path) == tree.root)
        let other = (index + 1) % count
        if other != index {
          #expect(MerkleTree.root(leaf: leaves[other], index: index, leafCount: count, path: path) != tree.root)
          #expect(MerkleTree.root(leaf: leaves[index], index: other, leafCount: count, path: path) != tree.root)
        }
        #expect(MerkleTree.root(leaf: leaves[index], index: index, leafCount: count, path: path + [leaves[0]]) == nil)
      }
      #expect(MerkleTree.root(leaf: leaves[0], index: count, leafCount: count, path: []) == nil)
    }
  }
}

@Suite struct LedgerSealerTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("seals-\(UUID().uuidString)")

  /// A ledger of short segments.
  private func ledger(_ count: Int = 40) throws -> String {
    let path = folder.path
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let writer = try LedgerWriter(
      directory: path, time: SystemTime(), options: LedgerOptions(durability: .relaxed, segmentBytesMaximum: 1024))
    for number in 0..<count { try writer.appendNow(LedgerEntry(event: "test.\(number)")) }
    writer.close()
    return path
  }

  @Test func whatIsClosedIsSealedOnceAndWhatIsOpenIsNot() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = try ledger()
    let key = try SigningKey.generate(.es256)
    let sealer = LedgerSealer(directory: path, key: key, time: SystemTime())
    let segments = try Segments.list(path)
    let made = try sealer.sealClosedSegments()
    #expect(made.map(\.segment) == segments.dropLast() && made.count > 3)
    #expect(try sealer.sealClosedSegments().isEmpty)
    let report = try SealVerification.verify(directory: path, key: key.verificationKey)
    #expect(report.fault == nil && report.sealCount == made.count && report.unsealed.isEmpty)
    #expect(report.last?.digest == made.last?.digest)
    let other = try SigningKey.generate(.es256)
    #expect(try SealVerification.verify(directory: path, key: other.verificationKey).fault != nil)
    #expect(throws: LedgerError.self) { try LedgerSealer(directory: path, key: other, time: SystemTime()).sealClosedSegments() }
  }

  @Test func everyChangedByteOfASealedSegmentIsFound() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = try ledger(12)
    let key = try SigningKey.generate(.es256)
    _ = try LedgerSealer(directory: path, key: key, time: SystemTime()).sealClosedSegments()
    let file = path + "/" + (try Segments.list(path)[0])
    let good = try Data(contentsOf: URL(fileURLWithPath: file))
    for place in stride(from: 0, to: good.count, by: 7) {
      var bad = good
      bad[place] ^= 1
      try bad.write(to: URL(fileURLWithPath: file))
      #expect(try SealVerification.verify(directory: path, key: key.verificationKey).fault != nil, "\(place)")
    }
    try good.dropLast(20).write(to: URL(fileURLWithPath: file))
    #expect(try SealVerification.verify(directory: path, key: key.verificationKey).fault != nil)
  }

  @Test func aProofIsReadBackAsItWasAndHoldsOnlyForItsKey() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = try ledger()
    let key = try SigningKey.generate(.es256)
    _ = try LedgerSealer(directory: path, key: key, time: SystemTime()).sealClosedSegments()
    let proof = try InclusionProof.make(directory: path, sequence: 9, key: key.verificationKey)
    let read = try InclusionProof(json: JSONDocument(proof.json).root)
    #expect(read == proof && read.fault(key: key.verificationKey) == nil)
    #expect(read.fault(key: try SigningKey.generate(.es256).verificationKey) != nil)
    #expect(throws: LedgerError.self) { try InclusionProof.make(directory: path, sequence: 4000, key: key.verificationKey) }
  }
}
