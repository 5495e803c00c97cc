// libuv as Swift sees it, with the few GNU extensions that Swift's Glibc module leaves out.
// Only Sources/Heddle/UV imports this module.
//
// _GNU_SOURCE is not defined here: it would give fd_set another shape than in Swift's Glibc module,
// and the first build of a fresh clone would fail on that.
#pragma once
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <uv.h>

// accept4(2): the connection is non-blocking and closed on exec from its first moment.
static inline int heddle_accept4(int listener, struct sockaddr *peer, socklen_t *length) {
    extern int accept4(int, struct sockaddr *, socklen_t *, int);
    return accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// pthread_setname_np(3) for the calling thread; at most 15 bytes.
static inline int heddle_name_thread(const char *name) {
    extern int pthread_setname_np(pthread_t, const char *);
    return pthread_setname_np(pthread_self(), name);
}

// sched_getaffinity(2) of the calling thread, as a mask of `bytes` bytes; negative on failure.
static inline int heddle_get_affinity(size_t bytes, void *mask) {
    return (int)syscall(SYS_sched_getaffinity, 0, bytes, mask);
}

// sched_setaffinity(2) of the calling thread.
static inline int heddle_set_affinity(size_t bytes, const void *mask) {
    return (int)syscall(SYS_sched_setaffinity, 0, bytes, mask);
}

// pidfd_open(2), which glibc 2.36 has and older ones lack; closed on exec. -1 with errno on failure.
static inline int heddle_pidfd_open(pid_t process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
}
