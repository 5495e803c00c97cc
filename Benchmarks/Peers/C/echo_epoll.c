// The floor: an echo server on epoll and nothing else. Level-triggered, one receive and one send per
// echo, one small allocation per connection.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, BUFFER_SIZE = 64 * 1024, EVENTS_PER_WAIT = 1024 };

typedef struct {
    int fd;
    size_t count;   // unsent bytes: nothing is read while there are any
    char *unsent;
} connection;

static char buffer[BUFFER_SIZE];
static int epoll_fd;

static void watch(int operation, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {events, {.ptr = owner}};
    epoll_ctl(epoll_fd, operation, fd, &event);
}

static void end_connection(connection *c) {
    close(c->fd);
    free(c->unsent);
    free(c);
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
    }
}

// Sends what it can; the rest waits for the socket to be writable. Returns whether the connection lives.
static int send_bytes(connection *c, const char *bytes, size_t count) {
    ssize_t sent = send(c->fd, bytes, count, MSG_NOSIGNAL);
    if (sent == (ssize_t)count)
        return 1;
    if (sent < 0 && errno != EAGAIN)
        return 0;
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (c->unsent == NULL && (c->unsent = malloc(BUFFER_SIZE)) == NULL)
        return 0;
    c->count = count - done;
    memmove(c->unsent, bytes + done, c->count);
    watch(EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
    return 1;
}

static int send_rest(connection *c) {
    size_t count = c->count;
    c->count = 0;
    if (!send_bytes(c, c->unsent, count))
        return 0;
    if (c->count == 0) {
        free(c->unsent);
        c->unsent = NULL;
        watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
    }
    return 1;
}

static int echo(connection *c) {
    ssize_t count = recv(c->fd, buffer, sizeof buffer, 0);
    if (count < 0)
        return errno == EAGAIN;
    return count > 0 && send_bytes(c, buffer, (size_t)count);
}

static int listen_on(const char *text, struct sockaddr_in *address) {
    char host[INET_ADDRSTRLEN] = "";
    int port = -1, on = 1;
    if (sscanf(text, "%15[0-9.]:%d", host, &port) != 2)
        return -1;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &address->sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof *address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)address, length) != 0 || listen(fd, BACKLOG) != 0
        || getsockname(fd, (struct sockaddr *)address, &length) != 0)
        return -1;
    return fd;
}

static int listen_on_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv) {
    struct sockaddr_in address;
    int is_unix = argc == 3 && strcmp(argv[1], "--unix") == 0, listener = -1;
    if (is_unix)
        listener = listen_on_path(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "--tcp") == 0)
        listener = listen_on(argv[2], &address);
    if (listener < 0) {
        fprintf(stderr, "usage: echo_epoll --tcp IPV4-ADDRESS:PORT|--unix PATH (%s)\n", strerror(errno));
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int signals = signalfd(-1, &ends, 0);
    epoll_fd = epoll_create1(0);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
    watch(EPOLL_CTL_ADD, signals, EPOLLIN, &signals);
    char host[INET_ADDRSTRLEN];
    if (is_unix)
        printf("listening on unix %s\nready\n", argv[2]);
    else
        printf("listening on tcp %s:%d\nready\n",
               inet_ntop(AF_INET, &address.sin_addr, host, sizeof host), ntohs(address.sin_port));
    fflush(stdout);

    struct epoll_event events[EVENTS_PER_WAIT];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, -1);
        for (int i = 0; i < count; i++) {
            connection *c = events[i].data.ptr;
            if (events[i].data.ptr == &signals)
                return is_unix ? unlink(argv[2]) : 0;
            if (events[i].data.ptr == &listener)
                accept_all(listener);
            else if (!(c->count > 0 ? send_rest(c) : echo(c)))
                end_connection(c);
        }
    }
}
