// A closed-loop load generator on epoll, one thread, that checks every byte that comes back.
//
// echo   N connections with D requests in flight on each.
// churn  N slots, each: connect, one echo, close, again.
// idle   opens N connections, does one echo on each, prints "open" and holds them until its standard
//        input ends.
//
// The first error (a wrong byte, a lost connection, 10 s without progress) ends the run with status 1:
// a measurement with errors in it is worth nothing.

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum {
    CHUNK_SIZE = 256 * 1024,  // most bytes given to one send or recv
    PATTERN_PERIOD = 65521,   // a prime: no buffer size lines up with it, misplaced bytes show
    EVENTS_PER_WAIT = 256,
    MAX_OPENING = 64,  // connections that idle mode opens at once
    STALL_MS = 10 * 1000,
};

typedef enum { ECHO, CHURN, IDLE } mode_kind;

typedef struct {
    int fd;
    uint64_t seed;                // where in the pattern this connection's stream begins
    uint64_t sent, received;      // bytes
    uint64_t issued, completed;   // requests
    uint64_t *issued_at;          // ns, a ring of `depth`
} connection;

static struct {
    const char *address;
    uint64_t connections, size, depth, requests;
    double duration_s;
    mode_kind mode;
    bool json;
} options = {.connections = 50, .size = 64, .depth = 1, .mode = ECHO};

static char pattern[PATTERN_PERIOD + CHUNK_SIZE], receive_buffer[CHUNK_SIZE];
static struct sockaddr_storage server;
static socklen_t server_length;
static int epoll_fd;
static histogram latencies;
static uint64_t opened, issued, completed, received;
static bool stopping;
static char failure[200];

#define FAIL(...) (void)(failure[0] || snprintf(failure, sizeof failure, __VA_ARGS__))

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static const char *expected(const connection *c, uint64_t offset) {
    return pattern + (c->seed + offset) % PATTERN_PERIOD;
}

static void fill_pattern(void) {
    uint32_t state = 2463534242;
    for (size_t i = 0; i < sizeof pattern; i++) {
        state ^= state << 13, state ^= state >> 17, state ^= state << 5;
        pattern[i] = i < PATTERN_PERIOD ? (char)(state >> 24) : pattern[i - PATTERN_PERIOD];
    }
}

static bool may_issue(const connection *c) {
    return !stopping && issued < options.requests && c->issued - c->completed < options.depth
        && (options.mode == ECHO || c->issued == 0);
}

// Issues what the depth allows and sends until the kernel takes no more.
static void send_requests(connection *c, uint64_t now) {
    for (; may_issue(c); issued++)
        c->issued_at[c->issued++ % options.depth] = now;
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

// Spreads churn over source addresses: one has ports for 28,000 closed connections a minute.
static void choose_source(int fd) {
    const struct sockaddr_in *address = (struct sockaddr_in *)&server;
    if (address->sin_family != AF_INET || ntohl(address->sin_addr.s_addr) >> 24 != 127)
        return;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(opened % 250));
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        FAIL("bind: %s", strerror(errno));
}

static void open_connection(connection *c) {
    uint64_t now = now_ns();
    int on = 1;
    *c = (connection){.issued_at = c->issued_at, .seed = opened++ * 7919 % PATTERN_PERIOD};
    c->fd = socket(server.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) {
        FAIL("socket: %s", strerror(errno));
        return;
    }
    if (options.mode == CHURN)
        choose_source(c->fd);
    else
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&server, server_length) != 0 && errno != EINPROGRESS) {
        FAIL("connect: %s", strerror(errno));
        return;
    }
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = c}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
    send_requests(c, now);  // while still connecting this gives EAGAIN, and EPOLLOUT follows
}

static void complete_requests(connection *c, uint64_t now) {
    while (c->received >= (c->completed + 1) * options.size) {
        histogram_record(&latencies, now - c->issued_at[c->completed++ % options.depth]);
        completed++;
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
        received += (uint64_t)count;
    } while (count == sizeof receive_buffer);  // a short read emptied the socket
}

// `fresh` is the next connection that was never opened, in the order of the array.
static void serve_event(connection *c, connection **fresh, const connection *end) {
    receive_replies(c);
    uint64_t now = now_ns();
    uint64_t before = c->completed;
    complete_requests(c, now);
    if (options.mode == CHURN && c->completed == 1) {
        close(c->fd);
        c->fd = -1;
        c->issued = c->completed = 0;
        if (may_issue(c))
            open_connection(c);
    } else {
        if (options.mode == IDLE && c->completed > before && *fresh < end)
            open_connection((*fresh)++);
        send_requests(c, now);
    }
}

// Returns the seconds that it took.
static double run(connection *connections) {
    connection *fresh = connections, *end = connections + options.connections;
    uint64_t at_once = options.connections;
    if (options.mode == IDLE && at_once > MAX_OPENING)
        at_once = MAX_OPENING;
    uint64_t start = now_ns();
    uint64_t deadline = options.duration_s > 0 ? start + (uint64_t)(options.duration_s * 1e9) : UINT64_MAX;
    while (fresh < connections + at_once && !failure[0])
        open_connection(fresh++);

    struct epoll_event events[EVENTS_PER_WAIT];
    int quiet_ms = 0;
    while (!failure[0] && !((stopping || issued == options.requests) && completed == issued)) {
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, 100);
        quiet_ms = count == 0 ? quiet_ms + 100 : 0;
        if (quiet_ms >= STALL_MS)
            FAIL("no progress for %d s, %lu replies missing", STALL_MS / 1000, issued - completed);
        for (int i = 0; i < count && !failure[0]; i++)
            serve_event(events[i].data.ptr, &fresh, end);
        stopping = stopping || now_ns() >= deadline;
    }
    return (double)(now_ns() - start) / 1e9;
}

static void report(double seconds) {
    double rate = (double)completed / seconds, megabytes = (double)received / seconds / 1e6;
    double p50 = (double)histogram_quantile(&latencies, 0.50) / 1e3;
    double p99 = (double)histogram_quantile(&latencies, 0.99) / 1e3;
    double max = (double)latencies.max / 1e3;
    int errors = failure[0] != '\0';
    printf(options.json
               ? "{\"requests\": %lu, \"seconds\": %.3f, \"requests_per_second\": %.0f, "
                 "\"megabytes_per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
                 "\"errors\": %d}\n"
               : "%lu requests in %.3f s: %.0f/s, %.1f MB/s\n"
                 "latency p50 %.1f us, p99 %.1f us, max %.1f us\nerrors %d\n",
           completed, seconds, rate, megabytes, p50, p99, max, errors);
    fflush(stdout);
}

static void usage(void) {
    fprintf(stderr, "usage: load --tcp HOST:PORT (--requests TOTAL | --duration SECONDS)\n"
                    "            [--connections 50] [--size 64] [--depth 1] [--mode echo|churn] [--json]\n"
                    "       load --tcp HOST:PORT --mode idle [--connections 50] [--size 64]\n");
    exit(2);
}

static uint64_t positive(const char *text) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (value <= 0 || *end != '\0')
        usage();
    return (uint64_t)value;
}

static void parse_options(int argc, char **argv) {
    static const struct option known[] = {
        {"tcp", 1, 0, 't'},   {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'}, {"depth", 1, 0, 'd'},
        {"mode", 1, 0, 'm'},  {"requests", 1, 0, 'r'},    {"duration", 1, 0, 'D'}, {"json", 0, 0, 'j'},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 't': options.address = optarg; break;
        case 'c': options.connections = positive(optarg); break;
        case 's': options.size = positive(optarg); break;
        case 'd': options.depth = positive(optarg); break;
        case 'r': options.requests = positive(optarg); break;
        case 'j': options.json = true; break;
        case 'D':
            if ((options.duration_s = strtod(optarg, NULL)) <= 0)
                usage();
            break;
        case 'm':
            if (strcmp(optarg, "echo") == 0) options.mode = ECHO;
            else if (strcmp(optarg, "churn") == 0) options.mode = CHURN;
            else if (strcmp(optarg, "idle") == 0) options.mode = IDLE;
            else usage();
            break;
        default: usage();
        }
    }
    bool limited = options.requests > 0 || options.duration_s > 0;
    if (optind != argc || options.address == NULL || limited == (options.mode == IDLE))
        usage();
    if (options.mode == IDLE)
        options.requests = options.connections;
    else if (options.requests == 0)
        options.requests = UINT64_MAX;
}

static void resolve(const char *address) {
    char host[256];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || (size_t)(colon - address) >= sizeof host || positive(colon + 1) > 65535)
        usage();
    bool bracketed = address[0] == '[' && colon[-1] == ']';  // [::1]:7000
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - 2 * bracketed, address + bracketed);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    int error = getaddrinfo(host, colon + 1, &hints, &found);
    if (error != 0) {
        fprintf(stderr, "load: %s: %s\n", address, gai_strerror(error));
        exit(1);
    }
    memcpy(&server, found->ai_addr, found->ai_addrlen);
    server_length = found->ai_addrlen;
    freeaddrinfo(found);
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    resolve(options.address);
    fill_pattern();
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll_fd = epoll_create1(0);
    connection *connections = calloc(options.connections, sizeof *connections);
    uint64_t *stamps = calloc(options.connections * options.depth, sizeof *stamps);
    if (epoll_fd < 0 || connections == NULL || stamps == NULL) {
        perror("load");
        return 1;
    }
    for (uint64_t i = 0; i < options.connections; i++)
        connections[i].issued_at = stamps + i * options.depth;

    double seconds = run(connections);
    if (options.mode != IDLE) {
        report(seconds);
    } else if (!failure[0]) {
        printf("open\n");
        fflush(stdout);
        while (getchar() != EOF) {}
    }
    if (failure[0])
        fprintf(stderr, "load: %s\n", failure);
    free(stamps);
    free(connections);
    return failure[0] != '\0';
}
