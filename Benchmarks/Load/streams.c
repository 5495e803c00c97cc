// Bytes in one direction: flood sends them, drain takes them.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

enum { DRAIN_PERIOD = 256 };

typedef struct {
    int fd;
    uint64_t count;        // bytes sent or received
    char answer[32];       // flood: what the server says it got
    size_t answer_count;
    bool is_over;
} stream;

static char receive_buffer[CHUNK_SIZE], drain_pattern[CHUNK_SIZE + DRAIN_PERIOD];

static void count_bytes(stream *s, ssize_t count) {
    s->count += (uint64_t)count;
    if (window.is_open)
        window.bytes += (uint64_t)count;
}

static void flood(stream *s) {
    while (!window.is_over) {
        ssize_t sent = send(s->fd, pattern + s->count % pattern_period, CHUNK_SIZE, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                FAIL("send: %s", strerror(errno));
            return;
        }
        count_bytes(s, sent);
        if (sent < CHUNK_SIZE)
            return;
    }
}

// After the end: the server must have counted what was sent.
static void check_answer(stream *s) {
    ssize_t count;
    while ((count = recv(s->fd, s->answer + s->answer_count, sizeof s->answer - 1 - s->answer_count, 0)) > 0)
        s->answer_count += (size_t)count;
    if (count < 0 && errno == EAGAIN)
        return;
    s->is_over = true;
    if (count < 0)
        FAIL("receive: %s", strerror(errno));
    else if (strtoull(s->answer, NULL, 10) != s->count)
        FAIL("the server counted \"%.*s\" of %lu bytes", (int)strcspn(s->answer, "\n"), s->answer, s->count);
}

static void drain(stream *s) {
    ssize_t count;
    while ((count = recv(s->fd, receive_buffer, sizeof receive_buffer, 0)) > 0) {
        if (memcmp(receive_buffer, drain_pattern + s->count % DRAIN_PERIOD, (size_t)count) != 0) {
            FAIL("mismatch in the %zd bytes after byte %lu", count, s->count);
            return;
        }
        count_bytes(s, count);
        if (count < (ssize_t)sizeof receive_buffer)
            return;
    }
    if (count == 0 || errno != EAGAIN)
        FAIL("receive: %s", count == 0 ? "the server closed" : strerror(errno));
}

// Ends all streams; returns how many still wait for the server's answer.
static uint64_t end_streams(stream *streams) {
    for (uint64_t i = 0; i < options.connections; i++)
        shutdown(streams[i].fd, options.mode == FLOOD ? SHUT_WR : SHUT_RDWR);
    return options.mode == FLOOD ? options.connections : 0;
}

void run_streams(void) {
    for (size_t i = 0; i < sizeof drain_pattern; i++)
        drain_pattern[i] = (char)i;
    int epoll_fd = epoll_create1(0);
    stream *streams = calloc(options.connections, sizeof *streams);
    for (uint64_t i = 0; i < options.connections; i++) {
        struct epoll_event event = {EPOLLIN | EPOLLET, {.ptr = &streams[i]}};
        if (options.mode == FLOOD)
            event.events |= EPOLLOUT;
        streams[i].fd = open_socket(false, i);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, streams[i].fd, &event);
    }
    struct epoll_event events[EVENTS_PER_WAIT];
    uint64_t start = now_ns(), waiting = 0;
    bool is_ending = false;
    for (int quiet = 0; !failure[0] && !(is_ending && waiting == 0);) {
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, WAIT_MS);
        quiet = count > 0 ? 0 : quiet + 1;
        if (quiet * WAIT_MS > STALL_MS)
            FAIL("no progress for %d s", STALL_MS / 1000);
        for (int i = 0; i < count && !failure[0]; i++) {
            stream *s = events[i].data.ptr;
            if (options.mode == DRAIN)
                drain(s);
            else if (!is_ending)
                flood(s);
            else if (!s->is_over) {
                check_answer(s);
                waiting -= s->is_over;
            }
        }
        advance_window(start, now_ns());
        if (window.is_over && !is_ending) {
            is_ending = true;
            waiting = end_streams(streams);
        }
    }
}
