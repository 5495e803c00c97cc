// Requests and their replies: echo, churn and idle, one thread on epoll.
//
// Closed loop: a connection has `depth` requests in flight. Open loop: request k is due k / rate after
// the start, on connection k modulo their number, whether or not earlier ones were answered. Its latency
// counts from when it was due, so that a stall of the server shows in every request it delayed.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

enum { MAX_OPENING = 64 };  // connections that idle mode opens at once

typedef struct {
    int fd;
    uint64_t seed;                // where in the pattern this connection's stream begins
    uint64_t sent, received;      // bytes
    uint64_t issued, completed;   // requests
    uint64_t *issued_at;          // ns, a ring of `depth`
} connection;

uint64_t unsent_requests;
static char receive_buffer[CHUNK_SIZE];
static connection *connections, *fresh;  // `fresh`: the next one that was never opened
static int epoll_fd;
static uint64_t opened, issued, completed, run_start, scheduled;

static const char *expected(const connection *c, uint64_t offset) {
    return pattern + (c->seed + offset) % pattern_period;
}

// When the next request of a connection is due in open loop.
static uint64_t due_ns(const connection *c) {
    double number = (double)(c->issued * options.connections + (uint64_t)(c - connections));
    return run_start + (uint64_t)(number * 1e9 / options.rate);
}

static bool may_issue(const connection *c, uint64_t now) {
    return !window.is_over && issued < options.requests && c->issued - c->completed < options.depth
        && (options.mode == ECHO || c->issued == 0) && (options.rate == 0 || due_ns(c) <= now);
}

// Issues what is due and sends until the kernel takes no more.
static void send_requests(connection *c, uint64_t now) {
    for (; may_issue(c, now); issued++) {
        uint64_t at = options.rate > 0 ? due_ns(c) : now;
        c->issued_at[c->issued++ % options.depth] = at;
    }
    uint64_t end = c->issued * options.size;
    while (c->sent < end) {
        uint64_t count = end - c->sent < CHUNK_SIZE ? end - c->sent : CHUNK_SIZE;
        ssize_t sent = send(c->fd, expected(c, c->sent), count, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                FAIL("send: %s", strerror(errno));
            return;
        }
        c->sent += (uint64_t)sent;
    }
}

static void open_connection(connection *c) {
    uint64_t now = now_ns(), seed = opened * 7919 % pattern_period;
    *c = (connection){.issued_at = c->issued_at, .seed = options.lines ? seed / options.size * options.size : seed};
    c->fd = open_socket(options.mode == CHURN, opened++);
    if (c->fd < 0)
        return;
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = c}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
    send_requests(c, now);  // while still connecting this gives EAGAIN, and EPOLLOUT follows
}

static void complete_requests(connection *c, uint64_t now) {
    while (c->received >= (c->completed + 1) * options.size) {
        uint64_t at = c->issued_at[c->completed++ % options.depth];
        completed++;
        window.requests += window.is_open;
        // Those due inside the window count, also if they come back late.
        if (window.is_open || (window.is_over && at <= window.end_ns))
            histogram_record(&window.latencies, now > at ? now - at : 0);
    }
}

static void receive_replies(connection *c) {
    ssize_t count;
    do {
        count = recv(c->fd, receive_buffer, sizeof receive_buffer, 0);
        if (count < 0) {
            if (errno != EAGAIN)
                FAIL("receive: %s", strerror(errno));
            return;
        }
        if (count == 0) {
            FAIL("the server closed a connection after %lu bytes", c->received);
            return;
        }
        if (c->received + (uint64_t)count > c->sent
            || memcmp(receive_buffer, expected(c, c->received), (size_t)count) != 0) {
            FAIL("mismatch in the %zd bytes after byte %lu of a connection", count, c->received);
            return;
        }
        c->received += (uint64_t)count;
        if (window.is_open)
            window.bytes += (uint64_t)count;
    } while (count == sizeof receive_buffer);  // a short read emptied the socket
}

static void serve_event(connection *c) {
    receive_replies(c);
    uint64_t now = now_ns(), before = c->completed;
    complete_requests(c, now);
    if (options.mode == CHURN && c->completed == 1) {
        close(c->fd);
        c->issued = c->completed = 0;
        if (may_issue(c, now))
            open_connection(c);
    } else {
        if (options.mode == IDLE && c->completed > before && fresh < connections + options.connections)
            open_connection(fresh++);
        send_requests(c, now);
    }
}

// Open loop: sends the requests that have become due since the last time.
static void send_due_requests(uint64_t now) {
    while (!window.is_over && run_start + (uint64_t)((double)scheduled * 1e9 / options.rate) <= now)
        send_requests(&connections[scheduled++ % options.connections], now);
}

static void allocate_connections(void) {
    epoll_fd = epoll_create1(0);
    fresh = connections = calloc(options.connections, sizeof *connections);
    uint64_t *stamps = calloc(options.connections * options.depth, sizeof *stamps);
    if (epoll_fd < 0 || connections == NULL || stamps == NULL) {
        perror("load");
        exit(1);
    }
    for (uint64_t i = 0; i < options.connections; i++)
        connections[i].issued_at = stamps + i * options.depth;
}

void run_requests(void) {
    allocate_connections();
    uint64_t at_once = options.connections;
    if (options.mode == IDLE && at_once > MAX_OPENING)
        at_once = MAX_OPENING;
    run_start = now_ns();
    if (options.duration_s == 0)
        begin_window();
    while (fresh < connections + at_once && !failure[0])
        open_connection(fresh++);

    struct epoll_event events[EVENTS_PER_WAIT];
    uint64_t last_progress = run_start;
    while (!failure[0] && !((window.is_over || issued == options.requests) && completed == issued)) {
        // In open loop it never sleeps: its own wake-ups would count as the server's latency.
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, options.rate > 0 ? 0 : WAIT_MS);
        for (int i = 0; i < count && !failure[0]; i++)
            serve_event(events[i].data.ptr);
        uint64_t now = now_ns();
        if (count > 0)
            last_progress = now;
        if (now - last_progress > STALL_MS * 1000000ull)
            FAIL("no progress for %d s, %lu replies missing", STALL_MS / 1000, issued - completed);
        advance_window(run_start, now);
        if (options.rate > 0)
            send_due_requests(now);
    }
    if (options.duration_s == 0)
        end_window();
    if (options.rate > 0)
        unsent_requests = scheduled > issued ? scheduled - issued : 0;
}
