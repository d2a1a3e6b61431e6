import Glibc

/// The right to write to a ledger: held by one process, given back by the system when it ends, however it ends.
final class LedgerLock {
  private let descriptor: Int32
  private let path: String

  init(directory: String) throws(LedgerError) {
    path = directory + "/lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotOpen(path: directory, reason: String(cString: strerror(errno))) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .inUse(path: directory)
    }
  }

  deinit { close(descriptor) }

  /// True while a process has the lock; nothing is made where there is none.
  static func isHeld(directory: String) -> Bool {
    let descriptor = open(directory + "/lock", O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  /// False when the lock's file is no longer the one at its path: the directory was replaced, and the lock means nothing.
  var isInPlace: Bool {
    var (here, there) = (stat(), stat())
    return fstat(descriptor, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino
      && here.st_dev == there.st_dev
  }
}
