// libuv as Swift sees it, with the few GNU extensions that Swift's Glibc module leaves out.
// Only Sources/Heddle/UV imports this module.
//
// _GNU_SOURCE is not defined here: it would give fd_set another shape than in Swift's Glibc module,
// and the first build of a fresh clone would fail on that.
#pragma once
#include <sys/socket.h>
#include <sys/statfs.h>
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

// getdents64(2): entries as the kernel lays them out.
static inline ssize_t heddle_getdents64(int descriptor, void *buffer, size_t bytes) {
    return syscall(SYS_getdents64, descriptor, buffer, bytes);
}

// pwritev2(2) with RWF_APPEND: at the end of the file, wherever that is by then. An offset of -1 keeps
// to pipes too, which have none.
static inline ssize_t heddle_append(int descriptor, const void *bytes, size_t count) {
    struct { const void *base; size_t length; } vector = {bytes, count};
    return syscall(SYS_pwritev2, descriptor, &vector, 1L, -1L, -1L, 0x10);
}

// copy_file_range(2) at the position of each file.
static inline ssize_t heddle_copy_file_range(int source, int target, size_t count) {
    return syscall(SYS_copy_file_range, source, (void *)0, target, (void *)0, count, 0);
}

// renameat2(2) with RENAME_NOREPLACE, relative to the working folder.
static inline int heddle_rename_noreplace(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, -100, from, -100, to, 1);
}

// statfs(2): the number of the file system's kind, never negative; -1 on failure.
static inline long long heddle_file_system_type(const char *path) {
    struct statfs found;
    return statfs(path, &found) == 0 ? (long long)(unsigned int)found.f_type : -1;
}
