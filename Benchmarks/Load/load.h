// What the parts of the load generator share: options, the pattern, the measured window.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "clocks.h"
#include "histogram.h"

enum {
    CHUNK_SIZE = 256 * 1024,  // most bytes given to one send or recv
    EVENTS_PER_WAIT = 256,
    STALL_MS = 10 * 1000,
    WAIT_MS = 100,
};

typedef enum { ECHO, CHURN, IDLE, FLOOD, DRAIN } mode_kind;

extern struct load_options {
    uint64_t connections, size, depth, requests;
    double duration_s, warm_up_s, rate;  // rate 0: closed loop
    mode_kind mode;
    int server_pid;  // 0: its CPU time is not measured
    bool lines, json;
    struct sockaddr_storage server;
    socklen_t server_length;
} options;

void parse_options(int argc, char **argv);

// The bytes sent: pseudo-random, periodic with `pattern_period`, and CHUNK_SIZE bytes more.
extern char pattern[];
extern uint64_t pattern_period;
void fill_pattern(void);

// What is measured: from the end of the warm-up to the end of the duration.
extern struct load_window {
    bool is_open, is_over;
    uint64_t requests, bytes;      // completed inside it
    uint64_t start_ns, end_ns;
    uint64_t server_cpu_ns, own_cpu_ns;
    histogram latencies;
} window;

void begin_window(void);
void end_window(void);
// Opens the window at the end of the warm-up, closes it at the deadline; `now` comes from now_ns.
void advance_window(uint64_t run_start, uint64_t now);

int open_socket(bool spread_sources, uint64_t number);
extern char failure[200];
#define FAIL(...) (void)(failure[0] || snprintf(failure, 200, __VA_ARGS__))

// Echo, churn and idle. Returns when the last reply is in.
void run_requests(void);
// Requests that were due before the end and could not be sent; open loop only.
extern uint64_t unsent_requests;
// One-way streams.
void run_streams(void);
