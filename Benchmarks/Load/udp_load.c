// A closed-loop load of datagrams on epoll, one thread: N connected sockets with D datagrams in flight on
// each, every byte of every echo checked.
//
// Datagrams leave and arrive in batches (sendmmsg, recvmmsg, and UDP_SEGMENT where the kernel has it), so
// that the server is what is measured. What has not come back when a socket heard nothing for a while
// counts as lost, and others are sent in its place. A wrong byte, or no echo at all for 10 s, ends the run
// with status 1.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clocks.h"
#include "histogram.h"

enum {
    BATCH = 64,  // also UDP_MAX_SEGMENTS of the oldest kernels
    MIN_SIZE = 8,
    MAX_SIZE = 1400,
    MAX_SOCKETS = 4095,
    EVENTS_PER_WAIT = 64,
    LOST_AFTER_MS = 200,
    STALL_MS = 10 * 1000,
    SOCKET_BUFFER = 4 * 1024 * 1024,
};

typedef struct {
    int fd;
    uint64_t sent, done;  // datagrams; `done` came back or are lost
    uint64_t heard_ns;
    uint64_t *sent_ns;    // a ring of `depth`: when each left
} client;

static struct {
    const char *address;
    uint64_t sockets, size, depth, requests;
    double duration_s, warm_up_s;
    int server_pid;  // 0: its CPU time is not measured
    bool json;
} options = {.sockets = 8, .size = 64, .depth = 64};

static client *clients;
static int epoll_fd;
static uint64_t issued, received, lost, run_number;
static uint64_t heard_now;  // when the events that are being handled came
static bool stopping, segments = true;

// What is measured: from the end of the warm-up to the end of the run.
static struct {
    uint64_t received, lost, start_ns, server_cpu_ns, own_cpu_ns;
    bool is_open;
    histogram latencies;
} window;
static char out[BATCH * MAX_SIZE], in[BATCH][MAX_SIZE + 1];

static void fail(const char *what) {
    fprintf(stderr, "udp_load: %s\n", what);
    exit(1);
}

// A datagram is the run's number (16 bits), its socket's (12) and its own (36), over and over.
static void fill(char *bytes, uint64_t socket, uint64_t number) {
    uint64_t word = run_number << 48 | socket << 36 | number;
    for (uint64_t i = 0; i < options.size; i += sizeof word)
        memcpy(bytes + i, &word, options.size - i < sizeof word ? options.size - i : sizeof word);
}

static void begin_window(void) {
    window.received = received;
    window.lost = lost;
    window.server_cpu_ns = process_cpu_ns(options.server_pid);
    window.own_cpu_ns = own_cpu_ns();
    window.start_ns = now_ns();
    window.is_open = true;
}

// From here the members are differences.
static void end_window(void) {
    window.received = received - window.received;
    window.lost = lost - window.lost;
    window.server_cpu_ns = process_cpu_ns(options.server_pid) - window.server_cpu_ns;
    window.own_cpu_ns = own_cpu_ns() - window.own_cpu_ns;
}

// False for an echo that another run of the load asked for, from the port that is now this one's.
static bool check(uint64_t socket, const char *bytes, size_t count) {
    uint64_t word = 0;
    char expected[MAX_SIZE];
    if (count < sizeof word)
        fail("an echo has another size");
    memcpy(&word, bytes, sizeof word);
    if (word >> 48 != run_number)
        return false;
    uint64_t number = word & 0xFFFFFFFFF;
    if (count != options.size)
        fail("an echo has another size");
    if ((word >> 36 & 0xFFF) != socket || number >= clients[socket].sent)
        fail("an echo of something that was not sent");
    fill(expected, socket, number);
    if (memcmp(bytes, expected, count) != 0)
        fail("an echo has wrong bytes");
    // One that is late may have lost its place in the ring.
    if (window.is_open && clients[socket].sent - number <= options.depth)
        histogram_record(&window.latencies,
                         heard_now - clients[socket].sent_ns[number % options.depth]);
    return true;
}

static int send_segments(int fd, uint64_t count) {
    char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct iovec vector = {.iov_base = out, .iov_len = count * options.size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_UDP;
    head->cmsg_type = UDP_SEGMENT;
    head->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    uint16_t size = (uint16_t)options.size;
    memcpy(CMSG_DATA(head), &size, sizeof size);
    return sendmsg(fd, &message, MSG_DONTWAIT) < 0 ? -1 : (int)count;
}

static int send_each(int fd, uint64_t count) {
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
    memset(messages, 0, sizeof messages);
    for (uint64_t i = 0; i < count; i++) {
        vectors[i] = (struct iovec){out + i * options.size, options.size};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    return sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT);
}

// Sends what may be in flight; true while there is more to send.
static void send_more(uint64_t socket) {
    client *c = &clients[socket];
    while (!stopping && c->sent - c->done < options.depth) {
        uint64_t count = options.depth - (c->sent - c->done);
        if (count > BATCH)
            count = BATCH;
        if (options.requests && count > options.requests - issued)
            count = options.requests - issued;
        if (count == 0)
            return;
        for (uint64_t i = 0; i < count; i++)
            fill(out + i * options.size, socket, c->sent + i);
        int sent = segments && count > 1 ? send_segments(c->fd, count) : send_each(c->fd, count);
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
            return;
        if (sent < 0 && segments && count > 1) {
            segments = false;
            continue;
        }
        if (sent < 0) {
            perror("udp_load: send");
            exit(1);
        }
        uint64_t now = now_ns();
        for (int i = 0; i < sent; i++)
            c->sent_ns[(c->sent + (uint64_t)i) % options.depth] = now;
        c->sent += (uint64_t)sent;
        issued += (uint64_t)sent;
    }
}

static void receive_all(uint64_t socket) {
    client *c = &clients[socket];
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){in[i], sizeof in[i]};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int count;
    do {
        count = recvmmsg(c->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            perror("udp_load: receive");
            exit(1);
        }
        for (int i = 0; i < count; i++) {
            if (!check(socket, in[i], messages[i].msg_len))
                continue;
            received += 1;
            c->done += c->done < c->sent;  // unless it is late, and counted as lost before
        }
    } while (count == BATCH);
}

static void give_up_lost(uint64_t now) {
    for (uint64_t i = 0; i < options.sockets; i++) {
        client *c = &clients[i];
        if (c->sent == c->done || now - c->heard_ns < LOST_AFTER_MS * 1000000ull)
            continue;
        lost += c->sent - c->done;
        c->done = c->sent;
        c->heard_ns = now;
        send_more(i);
    }
}

static void open_clients(void) {
    struct sockaddr_in server = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN] = "";
    int port = 0;
    if (sscanf(options.address, "%15[0-9.]:%d", host, &port) != 2
        || inet_pton(AF_INET, host, &server.sin_addr) != 1)
        fail("--udp wants IPV4-ADDRESS:PORT");
    server.sin_port = htons((uint16_t)port);
    clients = calloc(options.sockets, sizeof *clients);
    for (uint64_t i = 0; i < options.sockets; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int size = SOCKET_BUFFER;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server) != 0) {
            perror("udp_load: connect");
            exit(1);
        }
        clients[i] = (client){.fd = fd, .heard_ns = now_ns(),
                              .sent_ns = calloc(options.depth, sizeof(uint64_t))};
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static bool is_done(void) {
    uint64_t in_flight = 0;
    for (uint64_t i = 0; i < options.sockets; i++)
        in_flight += clients[i].sent - clients[i].done;
    return in_flight == 0;
}

// Returns the seconds of the window.
static double run(void) {
    uint64_t start = now_ns(), looked = start, progress = start;
    if (options.warm_up_s == 0)
        begin_window();
    for (uint64_t i = 0; i < options.sockets; i++)
        send_more(i);
    while (true) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, LOST_AFTER_MS);
        uint64_t now = heard_now = now_ns();
        for (int i = 0; i < count; i++) {
            clients[events[i].data.u64].heard_ns = now;
            receive_all(events[i].data.u64);
            send_more(events[i].data.u64);
        }
        if (count > 0)
            progress = now;
        if (now - progress > STALL_MS * 1000000ull)
            fail("nothing came back for 10 s");
        if (now - looked > LOST_AFTER_MS * 1000000ull / 4) {
            give_up_lost(now);
            looked = now;
        }
        if (!window.is_open && (double)(now - start) > options.warm_up_s * 1e9)
            begin_window();
        else if (window.is_open
                 && (options.requests ? issued == options.requests && is_done()
                                      : (double)(now - window.start_ns) > options.duration_s * 1e9)) {
            end_window();
            return (double)(now - window.start_ns) / 1e9;
        }
    }
}

static void report(double seconds) {
    const char *form = options.json
        ? "{\"requests\": %lu, \"lost\": %lu, \"seconds\": %.6f, \"requests_per_second\": %.0f, "
          "\"p50_us\": %.1f, \"p99_us\": %.1f, \"server_cpu_ns\": %lu, \"load_cpu_ns\": %lu}\n"
        : "%lu echoes, %lu lost, in %.3f s: %.0f a second\nlatency p50 %.1f us, p99 %.1f us\n"
          "CPU of the server %lu ns, of the load %lu ns\n";
    printf(form, window.received, window.lost, seconds, (double)window.received / seconds,
           (double)histogram_quantile(&window.latencies, 0.5) / 1e3,
           (double)histogram_quantile(&window.latencies, 0.99) / 1e3, window.server_cpu_ns,
           window.own_cpu_ns);
}

int main(int argc, char **argv) {
    enum { UDP = 256, SOCKETS, SIZE, DEPTH, REQUESTS, DURATION, WARM_UP, PID, JSON };
    const struct option known[] = {
        {"udp", required_argument, NULL, UDP}, {"sockets", required_argument, NULL, SOCKETS},
        {"size", required_argument, NULL, SIZE}, {"depth", required_argument, NULL, DEPTH},
        {"requests", required_argument, NULL, REQUESTS},
        {"duration", required_argument, NULL, DURATION}, {"warm-up", required_argument, NULL, WARM_UP},
        {"server-pid", required_argument, NULL, PID}, {"json", no_argument, NULL, JSON}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case UDP: options.address = optarg; break;
        case SOCKETS: options.sockets = strtoull(optarg, NULL, 10); break;
        case SIZE: options.size = strtoull(optarg, NULL, 10); break;
        case DEPTH: options.depth = strtoull(optarg, NULL, 10); break;
        case REQUESTS: options.requests = strtoull(optarg, NULL, 10); break;
        case DURATION: options.duration_s = strtod(optarg, NULL); break;
        case WARM_UP: options.warm_up_s = strtod(optarg, NULL); break;
        case PID: options.server_pid = atoi(optarg); break;
        case JSON: options.json = true; break;
        default: return 2;
        }
    }
    if (options.address == NULL || options.sockets == 0 || options.sockets > MAX_SOCKETS
        || options.size < MIN_SIZE || options.size > MAX_SIZE || options.depth == 0
        || (options.requests == 0) == (options.duration_s <= 0)
        || (options.requests > 0 && options.warm_up_s > 0)) {
        fprintf(stderr, "usage: udp_load --udp IPV4-ADDRESS:PORT [--sockets N] [--depth N]"
                        " [--size 8..1400] (--requests N | --duration S [--warm-up S])"
                        " [--server-pid PID] [--json]\n");
        return 2;
    }
    run_number = (now_ns() >> 10 ^ (uint64_t)getpid()) & 0xFFFF;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    open_clients();
    report(run());
    return 0;
}
