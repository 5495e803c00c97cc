// libuv as Swift sees it, with the few GNU extensions that Swift's Glibc module leaves out.
// Only Sources/Heddle/UV imports this module.
//
// _GNU_SOURCE stays undefined: with it `fd_set` has other field names than in Swift's Glibc module, and a
// file that sees both modules does not compile. So the extensions are declared here, as in their man
// pages.
#pragma once
#include <sys/socket.h>
#include <sys/types.h>
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

// sched_getaffinity(2) of the calling thread, as a mask of `bytes` bytes.
static inline int heddle_get_affinity(size_t bytes, void *mask) {
    extern int sched_getaffinity(pid_t, size_t, void *);
    return sched_getaffinity(0, bytes, mask);
}

// sched_setaffinity(2) of the calling thread.
static inline int heddle_set_affinity(size_t bytes, const void *mask) {
    extern int sched_setaffinity(pid_t, size_t, const void *);
    return sched_setaffinity(0, bytes, mask);
}
