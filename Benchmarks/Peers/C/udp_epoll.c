// The floor for datagrams: an echo server on epoll that receives and sends many with one system call each.
//
// Prints "listening on udp HOST:PORT" and "ready"; SIGINT or SIGTERM ends it with status 0.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { BATCH = 64, DATAGRAM_SIZE = 64 * 1024 };

static char buffers[BATCH][DATAGRAM_SIZE];
static struct sockaddr_in senders[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void prepare(void) {
    for (int i = 0; i < BATCH; i++) {
        vectors[i].iov_base = buffers[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &senders[i];
    }
}

// What the kernel has no room for is lost, as datagrams are.
static void send_all(int fd, int count) {
    for (int done = 0; done < count;) {
        int sent = sendmmsg(fd, messages + done, (unsigned)(count - done), MSG_DONTWAIT);
        done += sent > 0 ? sent : 1;
    }
}

static void echo(int fd) {
    int count;
    do {
        for (int i = 0; i < BATCH; i++) {
            vectors[i].iov_len = DATAGRAM_SIZE;
            messages[i].msg_hdr.msg_namelen = sizeof senders[i];
        }
        count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++)
            vectors[i].iov_len = messages[i].msg_len;
        send_all(fd, count);
    } while (count == BATCH);  // fewer emptied the socket
}

static int bind_to(const char *text, struct sockaddr_in *address) {
    char host[INET_ADDRSTRLEN] = "";
    int port = -1;
    if (sscanf(text, "%15[0-9.]:%d", host, &port) != 2)
        return -1;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &address->sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof *address;
    if (bind(fd, (struct sockaddr *)address, length) != 0
        || getsockname(fd, (struct sockaddr *)address, &length) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv) {
    struct sockaddr_in address;
    int fd = argc == 3 && strcmp(argv[1], "--udp") == 0 ? bind_to(argv[2], &address) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: udp_epoll --udp IPV4-ADDRESS:PORT (%s)\n", strerror(errno));
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int signals = signalfd(-1, &ends, 0), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = {EPOLLIN, {.fd = i == 0 ? fd : signals}};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    prepare();
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    printf("listening on udp %s:%d\nready\n", host, ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[2];
        int count = epoll_wait(epoll_fd, events, 2, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == signals)
                return 0;
            echo(fd);
        }
    }
}
