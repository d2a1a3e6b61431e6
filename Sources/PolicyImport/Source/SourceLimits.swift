/// What a document may hold, so that a small file cannot make much work (A36).
enum SourceLimits {
  static let bytesMaximum = 8 << 20
  static let depthMaximum = 64
  /// Values in one document; an alias counts as often as it is used.
  static let nodesMaximum = 200_000
  /// Schemas of all operations of a document together, one that is named twice counted twice.
  static let schemasMaximum = 50_000
  /// Documents that one import may read.
  static let filesMaximum = 32
}
