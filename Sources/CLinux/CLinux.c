#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>

int passerelle_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int passerelle_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t tag) {
  struct epoll_event event = {.events = events, .data = {.u64 = tag}};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

int passerelle_epoll_wait(int epoll, struct passerelle_event *events, int count, int milliseconds) {
  struct epoll_event ready[256];
  int most = count < 256 ? count : 256;
  int found = epoll_wait(epoll, ready, most, milliseconds);
  for (int i = 0; i < found; i++) {
    events[i].events = ready[i].events;
    events[i].tag = ready[i].data.u64;
  }
  return found;
}

int passerelle_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int passerelle_tcp_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int passerelle_accept(int listener, void *address, uint32_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int passerelle_contains(const void *bytes, size_t count, const void *needle, size_t needle_count) {
  return memmem(bytes, count, needle, needle_count) != NULL;
}

int passerelle_lock_file(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int passerelle_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }
