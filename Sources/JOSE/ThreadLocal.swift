import Glibc

/// A value of each thread's own, made at its first use and freed with the thread: for contexts of OpenSSL that are costly to
/// make and may not be shared.
final class ThreadLocal<Value: AnyObject>: @unchecked Sendable {
  private var key = pthread_key_t()
  private let make: @Sendable () -> Value

  init(make: @escaping @Sendable () -> Value) {
    self.make = make
    let done = pthread_key_create(&key) { pointer in
      guard let pointer = pointer as UnsafeMutableRawPointer? else { return }
      Unmanaged<AnyObject>.fromOpaque(pointer).release()
    }
    precondition(done == 0, "no more thread-specific keys")
  }

  var value: Value {
    if let pointer = pthread_getspecific(key) { return Unmanaged<Value>.fromOpaque(pointer).takeUnretainedValue() }
    let value = make()
    pthread_setspecific(key, Unmanaged.passRetained(value).toOpaque())
    return value
  }
}
