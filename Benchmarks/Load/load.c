// A load generator that checks every byte that comes back.
//
// The first error (a wrong byte, a lost connection, 10 s without progress) ends the run with status 1:
// a measurement with errors in it is worth nothing. See options.c for the modes.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "load.h"

enum { LONGEST_PERIOD = 65521 };  // a prime: no buffer size lines up with it, misplaced bytes show

char pattern[LONGEST_PERIOD + CHUNK_SIZE];
uint64_t pattern_period = LONGEST_PERIOD;

// As lines, each message is printable but for the newline at its end.
void fill_pattern(void) {
    uint32_t state = 2463534242;
    if (options.lines)
        pattern_period = LONGEST_PERIOD / options.size * options.size;
    for (size_t i = 0; i < sizeof pattern; i++) {
        state ^= state << 13, state ^= state >> 17, state ^= state << 5;
        char byte = (char)(state >> 24);
        if (options.lines)
            byte = (i + 1) % options.size == 0 ? '\n' : (char)('a' + (unsigned char)byte % 26);
        pattern[i] = i < pattern_period ? byte : pattern[i - pattern_period];
    }
}

// Spreads over source addresses: one has ports for 28,000 closed connections a minute.
static void choose_source(int fd, uint64_t number) {
    const struct sockaddr_in *address = (struct sockaddr_in *)&options.server;
    if (address->sin_family != AF_INET || ntohl(address->sin_addr.s_addr) >> 24 != 127)
        return;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(number % 250));
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        FAIL("bind: %s", strerror(errno));
}

// A socket that is connecting; -1 after FAIL.
int open_socket(bool spread_sources, uint64_t number) {
    int on = 1, fd = socket(options.server.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        FAIL("socket: %s", strerror(errno));
        return -1;
    }
    if (spread_sources)
        choose_source(fd, number);
    else if (options.server.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&options.server, options.server_length) != 0
        && errno != EINPROGRESS) {
        FAIL("connect: %s", strerror(errno));
        return -1;
    }
    return fd;
}

static double quantile_us(double quantile) {
    return (double)histogram_quantile(&window.latencies, quantile) / 1e3;
}

static void report(void) {
    double seconds = (double)(window.end_ns - window.start_ns) / 1e9;
    const char *form = options.json
        ? "{\"requests\": %lu, \"bytes\": %lu, \"seconds\": %.6f, \"requests_per_second\": %.0f, "
          "\"megabytes_per_second\": %.1f, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
          "\"p999_us\": %.1f, \"max_us\": %.1f, \"server_cpu_ns\": %lu, \"load_cpu_ns\": %lu, "
          "\"unsent\": %lu}\n"
        : "%lu requests, %lu bytes in %.3f s: %.0f/s, %.1f MB/s\n"
          "latency p50 %.1f us, p90 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n"
          "CPU of the server %lu ns, of the load %lu ns; requests that were due and not sent: %lu\n";
    printf(form, window.requests, window.bytes, seconds, (double)window.requests / seconds,
           (double)window.bytes / seconds / 1e6, quantile_us(0.5), quantile_us(0.9), quantile_us(0.99),
           quantile_us(0.999), (double)window.latencies.max / 1e3, window.server_cpu_ns,
           window.own_cpu_ns, unsent_requests);
    fflush(stdout);
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    fill_pattern();
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    if (options.mode == FLOOD || options.mode == DRAIN)
        run_streams();
    else
        run_requests();
    if (failure[0]) {
        fprintf(stderr, "load: %s\n", failure);
        return 1;
    }
    if (options.mode != IDLE) {
        report();
        return 0;
    }
    printf("open\n");
    fflush(stdout);
    while (getchar() != EOF) {}
    return 0;
}
