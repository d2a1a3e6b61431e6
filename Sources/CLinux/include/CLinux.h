#ifndef PASSERELLE_CLINUX_H
#define PASSERELLE_CLINUX_H

#include <stddef.h>
#include <stdint.h>

/// The calls of Linux that Swift's Glibc does not show. `_GNU_SOURCE` stays in the C file: in this header it would change types.
/// Each returns what the system call returns, -1 with `errno` set when it fails.

/// One thing that happened to a descriptor.
struct passerelle_event {
  uint32_t events;
  uint64_t tag;
};

enum {
  passerelle_readable = 0x001,
  passerelle_writable = 0x004,
  passerelle_error = 0x008,
  passerelle_hang_up = 0x010,
  passerelle_peer_closed = 0x2000,
};

int passerelle_epoll_create(void);
/// Level-triggered. `operation`: 1 add, 2 remove, 3 modify.
int passerelle_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t tag);
/// At most 256 events a call. Waits `milliseconds`, or without end for -1.
int passerelle_epoll_wait(int epoll, struct passerelle_event *events, int count, int milliseconds);

/// Non-blocking, closed on exec.
int passerelle_eventfd(void);

/// Non-blocking TCP socket of a family, closed on exec.
int passerelle_tcp_socket(int family);
/// Accepts a connection, non-blocking and closed on exec. `address` must hold 128 bytes.
int passerelle_accept(int listener, void *address, uint32_t *length);

/// 1 when the needle stands somewhere in the bytes.
int passerelle_contains(const void *bytes, size_t count, const void *needle, size_t needle_count);

/// An exclusive lock on a whole file without waiting; -1 with EWOULDBLOCK when another process has it.
int passerelle_lock_file(int descriptor);

/// Names the calling thread in `ps` and `top`; at most 15 bytes. Returns an error number, not -1.
int passerelle_name_thread(const char *name);
#endif
