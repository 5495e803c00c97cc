// libuv as Swift sees it, with the few GNU extensions that Swift's Glibc module leaves out.
// Only Sources/Heddle/UV imports this module.
//
// _GNU_SOURCE is not defined here: it would give fd_set another shape than in Swift's Glibc module,
// and the first build of a fresh clone would fail on that.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
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

// A lock of one byte of an open file, which belongs to its description (F_OFD_SETLK of fcntl(2)): F_RDLCK, F_WRLCK or
// F_UNLCK; -1 with the reason in errno.
static inline int heddle_lock_byte(int file, int kind, off_t place, int waits) {
    enum { set_lock = 37, set_lock_and_wait = 38 };
    struct flock lock = {.l_type = (short)kind, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
    return fcntl(file, waits ? set_lock_and_wait : set_lock, &lock);
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

// recvmmsg(2), without waiting: how many messages came, or -1 with the reason in errno. Descriptors that came
// are closed on exec.
static inline int heddle_receive(int socket, struct heddle_message *messages, unsigned count) {
    return (int)syscall(
        SYS_recvmmsg, socket, messages, count, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
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

// pidfd_send_signal(2): to that process and never to another that got its number.
static inline int heddle_pidfd_send_signal(int descriptor, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, descriptor, signal, (void *)0, 0);
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

// sendfile(2) from an offset of the file, whose position stays.
static inline ssize_t heddle_sendfile(int target, int source, int64_t offset, size_t count) {
    off_t position = offset;
    return sendfile(target, source, &position, count);
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

// A program to start. uv_spawn waits for its children by SIGCHLD, and for ever for one that other code has waited
// for; nor can it start one in a process group: the program has begun before the parent may move it, and then
// setpgid(2) fails by EACCES.
struct heddle_spawn {
    const char *file;
    char **arguments;
    char **environment;      // NULL: this process's
    const char *directory;   // NULL: this process's
    const int *descriptors;  // each -1 for /dev/null
    int count;
    pid_t process_group;     // 0: a new one; -1: this process's, or the session's
    int starts_session;
    int64_t user, group;     // -1: this process's
};

// In the child, with every signal blocked: becomes the program, or returns with the reason in errno. Calls
// only what is safe after a fork in a process with threads, in the order of libuv.
static inline void heddle_become(const struct heddle_spawn *spawn) {
    extern char **environ;
    for (int number = 1; number <= 64; number++)
        signal(number, SIG_DFL);
    if (spawn->starts_session && setsid() < 0)
        return;
    if (spawn->process_group >= 0 && setpgid(0, spawn->process_group))
        return;
    // First out of the way of each other.
    int sources[3] = {-1, -1, -1};
    for (int i = 0; i < spawn->count && i < 3; i++) {
        sources[i] = spawn->descriptors[i];
        if (sources[i] >= 0 && sources[i] < spawn->count
            && (sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, spawn->count)) < 0)
            return;
    }
    for (int i = 0; i < spawn->count && i < 3; i++) {
        int source = sources[i] >= 0 ? sources[i] : open("/dev/null", i ? O_RDWR : O_RDONLY);
        if (source < 0 || (source != i && dup2(source, i) < 0))
            return;
        if (sources[i] < 0) {
            if (source != i)
                close(source);
        } else {
            fcntl(i, F_SETFL, fcntl(i, F_GETFL) & ~O_NONBLOCK);
        }
    }
    if (spawn->directory && chdir(spawn->directory))
        return;
    // Only who may has supplementary groups to drop.
    if ((spawn->user >= 0 || spawn->group >= 0) && setgroups(0, NULL))
        errno = 0;
    if (spawn->group >= 0 && setgid((gid_t)spawn->group))
        return;
    if (spawn->user >= 0 && setuid((uid_t)spawn->user))
        return;
    if (spawn->environment)
        environ = spawn->environment;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(spawn->file, spawn->arguments);
}

// Has this process keep the children that have ended until it waits for them. One that ignores SIGCHLD, as it may
// have been started to, keeps none, and nobody could tell how they ended.
static inline void heddle_keep_ended_children(void) {
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action))
        return;
    int is_ignored = !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_IGN;
    if (!is_ignored && !(action.sa_flags & SA_NOCLDWAIT))
        return;
    if (is_ignored)
        action.sa_handler = SIG_DFL;
    action.sa_flags &= ~SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
}

// In the child: becomes the program when the parent says so, by `ends`, or says the reason why not.
static inline void heddle_begin(const struct heddle_spawn *spawn, const int ends[2]) {
    char goes = 0;
    close(ends[0]);
    // Out of the way of the child's own descriptors.
    int end = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    if (end >= 0 && read(end, &goes, 1) == 1 && goes)
        heddle_become(spawn);
    int failure = errno;
    send(end >= 0 ? end : ends[1], &failure, sizeof failure, MSG_NOSIGNAL);
    _exit(127);
}

// Starts the program and returns when it has begun: its number, and in `descriptor` one that is readable when it has
// ended; or the negative errno of what failed, and then nothing is left of the child.
static inline pid_t heddle_start(const struct heddle_spawn *spawn, int *descriptor) {
    int ends[2], failure = 0;
    *descriptor = -1;
    heddle_keep_ended_children();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -errno;
    // No handler of ours may run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t child = fork();
    if (child == 0)
        heddle_begin(spawn, ends);
    // Before the program begins: once it has ended, other code of this process may have waited for it.
    if (child < 0 || (*descriptor = heddle_pidfd_open(child)) < 0)
        failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (child > 0) {
        char goes = !failure;
        int said = 0;
        send(ends[0], &goes, 1, MSG_NOSIGNAL);
        // Its end of the pair is closed on exec, so that nothing comes from one that has become the program.
        while (read(ends[0], &said, sizeof said) < 0 && errno == EINTR) {}
        if (!failure)
            failure = said;
        if (failure)
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    close(ends[0]);
    if (failure && *descriptor >= 0)
        close(*descriptor);
    return failure ? -failure : child;
}

// Who is at the other end of a Unix-domain socket: the system's `struct ucred`, a GNU extension.
struct heddle_credentials {
    int32_t process;
    uint32_t user, group;
};

// SO_PEERCRED of unix(7); 0, or -1 with the reason in errno.
static inline int heddle_peer_credentials(int socket, struct heddle_credentials *credentials) {
    socklen_t length = sizeof *credentials;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, credentials, &length);
}

// Most descriptors one message carries: SCM_MAX_FD of the kernel.
enum { HEDDLE_DESCRIPTORS_PER_MESSAGE = 253 };

// Room for them in a message, aligned as the system's headers.
union heddle_descriptor_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int) * HEDDLE_DESCRIPTORS_PER_MESSAGE)];
};

// Room for the credentials of a sender alone, and for as many descriptors besides as one message carries.
enum {
    HEDDLE_CREDENTIAL_BYTES = CMSG_SPACE(sizeof(struct heddle_credentials)),
    HEDDLE_CONTROL_BYTES = HEDDLE_CREDENTIAL_BYTES + sizeof(union heddle_descriptor_room)
};

// SCM_CREDENTIALS, which the C library has for GNU programs alone.
enum { HEDDLE_SCM_CREDENTIALS = 2 };

// How many descriptors came with a message.
static inline unsigned heddle_count_descriptors(struct msghdr *message) {
    unsigned count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head))
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
            count += (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    return count;
}

// What came with a message: `count` descriptors, for which there is room if there are any, and the sender.
static inline void heddle_take_control(
    struct msghdr *message, int *descriptors, unsigned *count,
    struct heddle_credentials *credentials, int *has_credentials) {
    *count = 0;
    *has_credentials = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET)
            continue;
        size_t size = head->cmsg_len - CMSG_LEN(0);
        if (head->cmsg_type == SCM_RIGHTS) {
            memcpy(descriptors + *count, CMSG_DATA(head), size);
            *count += size / sizeof(int);
        } else if (head->cmsg_type == HEDDLE_SCM_CREDENTIALS && size == sizeof *credentials) {
            memcpy(credentials, CMSG_DATA(head), size);
            *has_credentials = 1;
        }
    }
}

// recvmsg(2), without waiting: how many bytes came, 0 at the end, or -1 with the reason in errno. The descriptors
// that came are closed on exec; `lost` is not 0 if this process could not have all of them.
static inline ssize_t heddle_receive_descriptors(
    int socket, void *buffer, size_t bytes, int *descriptors, unsigned *count, int *lost) {
    union heddle_descriptor_room room;
    struct iovec vector = {.iov_base = buffer, .iov_len = bytes};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    struct heddle_credentials sender;
    int has_sender;
    *count = 0;
    *lost = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0)
        return received;
    *lost = message.msg_flags & MSG_CTRUNC;
    heddle_take_control(&message, descriptors, count, &sender, &has_sender);
    return received;
}

// sendmsg(2), without waiting, of bytes with descriptors, at most as many as one message carries, to `name` or,
// if that is NULL, where the socket is connected.
static inline ssize_t heddle_send_descriptors(
    int socket, const void *bytes, size_t size, const int *descriptors, unsigned count,
    const struct sockaddr *name, socklen_t length) {
    union heddle_descriptor_room room;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {
        .msg_name = (void *)name, .msg_namelen = length, .msg_iov = &vector, .msg_iovlen = 1,
        .msg_control = &room, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    memset(&room, 0, sizeof room);
    room.head.cmsg_level = SOL_SOCKET;
    room.head.cmsg_type = SCM_RIGHTS;
    room.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(&room.head), descriptors, sizeof(int) * count);
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Bytes of the kernel's memory that a socket has sent and nobody has received (SIOCOUTQ of unix(7)); -1 on failure.
static inline int heddle_unreceived_bytes(int socket) {
    int bytes;
    return ioctl(socket, TIOCOUTQ, &bytes) < 0 ? -1 : bytes;
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
