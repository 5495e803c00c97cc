// libuv as Swift sees it, with the few GNU extensions that Swift's Glibc module leaves out.
// Only Sources/Heddle/UV imports this module.
//
// _GNU_SOURCE is not defined here: it would give fd_set another shape than in Swift's Glibc module,
// and the first build of a fresh clone would fail on that.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <termios.h>
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

// One message of recvmmsg(2) and sendmmsg(2): the system's `struct mmsghdr`, a GNU extension.
struct heddle_message {
    struct msghdr header;
    unsigned int length;
};

// recvmmsg(2), without waiting: how many messages came, or -1 with the reason in errno.
static inline int heddle_receive(int socket, struct heddle_message *messages, unsigned count) {
    return (int)syscall(SYS_recvmmsg, socket, messages, count, MSG_DONTWAIT, NULL);
}

// sendmmsg(2), without waiting: how many messages left, or -1 with the reason in errno.
static inline int heddle_send(int socket, struct heddle_message *messages, unsigned count) {
    return (int)syscall(SYS_sendmmsg, socket, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// UDP_SEGMENT of udp(7), of the level SOL_UDP: one message leaves as datagrams of this many bytes.
enum { HEDDLE_UDP_LEVEL = 17, HEDDLE_UDP_SEGMENT = 103 };

// The bytes of control data that `heddle_segment` writes.
enum { HEDDLE_SEGMENT_CONTROL_BYTES = CMSG_SPACE(sizeof(uint16_t)) };

// Has a message leave as datagrams of `bytes` bytes. `control` has the room named above.
static inline void heddle_segment(struct msghdr *header, void *control, uint16_t bytes) {
    struct cmsghdr *head = (struct cmsghdr *)control;
    memset(control, 0, HEDDLE_SEGMENT_CONTROL_BYTES);
    head->cmsg_level = HEDDLE_UDP_LEVEL;
    head->cmsg_type = HEDDLE_UDP_SEGMENT;
    head->cmsg_len = CMSG_LEN(sizeof bytes);
    memcpy(CMSG_DATA(head), &bytes, sizeof bytes);
    header->msg_control = control;
    header->msg_controllen = HEDDLE_SEGMENT_CONTROL_BYTES;
}

// What the kernel puts into an error queue: `struct sock_extended_err` of ip(7), IP_RECVERR.
struct heddle_socket_error {
    uint32_t number;
    uint8_t origin, type, code, padding;
    uint32_t information, data;
};

// Takes one error off a socket's error queue: the errno of what the network answered, 0 if the error was
// none of the network's, -1 if the queue is empty. `destination` is where the datagram went.
static inline int heddle_next_error(int socket, struct sockaddr_storage *destination) {
    _Alignas(struct cmsghdr) char control[256];
    struct msghdr message = {
        .msg_name = destination, .msg_namelen = sizeof *destination,
        .msg_control = control, .msg_controllen = sizeof control};
    destination->ss_family = AF_UNSPEC;
    if (recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return -1;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        // IP_RECVERR and IPV6_RECVERR.
        if ((head->cmsg_level == IPPROTO_IP && head->cmsg_type == 11)
            || (head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == 25)) {
            struct heddle_socket_error error;
            memcpy(&error, CMSG_DATA(head), sizeof error);
            // SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6.
            return error.origin == 2 || error.origin == 3 ? (int)error.number : 0;
        }
    }
    return 0;
}

// pidfd_open(2), which glibc 2.36 has and older ones lack; closed on exec. -1 with errno on failure.
static inline int heddle_pidfd_open(pid_t process) {
    return (int)syscall(SYS_pidfd_open, process, 0);
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

// pipe2(2): both ends are non-blocking and closed on exec from their first moment.
static inline int heddle_pipe(int ends[2]) {
    extern int pipe2(int[2], int);
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
}

// Whether a descriptor is the outer side of a pseudo-terminal: that alone has a number (TIOCGPTN).
static inline int heddle_is_outer_terminal(int descriptor) {
    unsigned int number;
    return ioctl(descriptor, TIOCGPTN, &number) == 0;
}

// TIOCGWINSZ: the size of a terminal; -1 with errno if it is none.
static inline int heddle_terminal_size(int descriptor, struct winsize *size) {
    return ioctl(descriptor, TIOCGWINSZ, size);
}
