import Glibc

/// What the system says of this process. Read at each scrape; what it does not say is left out.
public enum ProcessMetrics {
  /// Any thread; reads files of `/proc`, which does not wait for a disk.
  public static func families() -> [MetricFamily] {
    [cpu, resident, virtual, openDescriptors, descriptorsMaximum, start].compactMap(\.self)
  }

  private static var cpu: MetricFamily? {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
    let seconds = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    return .single(
      "passerelle_process_cpu_seconds", .counter, unit: "seconds", help: "User and system time of the process.", .number(seconds))
  }

  private static var resident: MetricFamily? {
    memory(at: 1).map {
      .single(
        "passerelle_process_resident_memory_bytes", .gauge, unit: "bytes", help: "Memory of the process that is in use.",
        .count($0))
    }
  }

  private static var virtual: MetricFamily? {
    memory(at: 0).map {
      .single("passerelle_process_virtual_memory_bytes", .gauge, unit: "bytes", help: "Address space of the process.", .count($0))
    }
  }

  private static var openDescriptors: MetricFamily? {
    guard let directory = opendir("/proc/self/fd") else { return nil }
    defer { closedir(directory) }
    // Without ".", ".." and the one that reads.
    var count = -3
    while readdir(directory) != nil { count += 1 }
    return .single("passerelle_process_open_fds", .gauge, help: "Open file descriptors.", .count(UInt64(max(0, count))))
  }

  private static var descriptorsMaximum: MetricFamily? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    return .single(
      "passerelle_process_max_fds", .gauge, help: "File descriptors that may be open.", .count(UInt64(limit.rlim_cur)))
  }

  private static var start: MetricFamily? {
    startSeconds.map {
      .single(
        "passerelle_process_start_time_seconds", .gauge, unit: "seconds",
        help: "When the process started, in seconds since 1970.",
        .number($0))
    }
  }

  /// Read once: the system's word for it never changes. Without `/proc/stat`, which a hardened unit does not show (`ProcSubset=pid`).
  private static let startSeconds: Double? = {
    // proc(5): the name of the program, in parentheses, may hold anything; what follows it is words. The 22nd is the start.
    guard let stat = read("/proc/self/stat"), let end = stat.lastIndex(of: ")") else { return nil }
    let words = stat[stat.index(after: end)...].split(separator: " ")
    guard words.count > 19, let ticks = Double(words[19]) else { return nil }
    let start = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    // A tick is a hundredth; further digits would say nothing.
    return (start * 100).rounded() / 100
  }()

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func memory(at place: Int) -> UInt64? {
    let words = read("/proc/self/statm")?.split(separator: " ") ?? []
    return words.count > place ? UInt64(words[place]).map { $0 * UInt64(sysconf(Int32(_SC_PAGESIZE))) } : nil
  }

  private static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
      bytes += chunk[..<count]
    }
  }
}
