// The command line.

#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "load.h"

struct load_options options = {.connections = 50, .size = 64, .mode = ECHO};

enum { OPEN_LOOP_DEPTH = 1024, MAX_LINE = 4096 };

static void usage(void) {
    fprintf(stderr,
            "usage: load --tcp HOST:PORT|--unix PATH (--requests TOTAL | --duration SECONDS [--warm-up SECONDS])\n"
            "            [--mode echo|churn|idle|flood|drain] [--connections 50] [--size 64] [--depth 1]\n"
            "            [--rate PER_SECOND] [--lines] [--server-pid PID] [--json]\n"
            "echo   a number of requests in flight on each connection, or a fixed rate over all\n"
            "churn  connect, one echo, close, again\n"
            "idle   one echo on each connection, prints \"open\", holds them until its input ends\n"
            "flood  sends as fast as the server takes it; the server answers with the count\n"
            "drain  takes what the server sends: byte k is k modulo 256\n");
    exit(2);
}

static double positive(const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (!(value > 0) || *end != '\0')
        usage();
    return value;
}

static mode_kind parse_mode(const char *text) {
    static const char *const names[] = {"echo", "churn", "idle", "flood", "drain"};
    for (mode_kind mode = ECHO; mode <= DRAIN; mode++)
        if (strcmp(text, names[mode]) == 0)
            return mode;
    usage();
    return ECHO;
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
    memcpy(&options.server, found->ai_addr, found->ai_addrlen);
    options.server_length = found->ai_addrlen;
    freeaddrinfo(found);
}

static void name_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path == '\0' || strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "load: %s: not the path of a socket: empty, or too long\n", path);
        exit(1);
    }
    memcpy(address.sun_path, path, strlen(path));
    memcpy(&options.server, &address, sizeof address);
    options.server_length = sizeof address;
}

static void set_option(int option) {
    switch (option) {
    case 't': resolve(optarg); break;
    case 'u': name_path(optarg); break;
    case 'c': options.connections = (uint64_t)positive(optarg); break;
    case 's': options.size = (uint64_t)positive(optarg); break;
    case 'd': options.depth = (uint64_t)positive(optarg); break;
    case 'r': options.requests = (uint64_t)positive(optarg); break;
    case 'D': options.duration_s = positive(optarg); break;
    case 'w': options.warm_up_s = positive(optarg); break;
    case 'R': options.rate = positive(optarg); break;
    case 'p': options.server_pid = (int)positive(optarg); break;
    case 'm': options.mode = parse_mode(optarg); break;
    case 'l': options.lines = true; break;
    case 'j': options.json = true; break;
    default: usage();
    }
}

void parse_options(int argc, char **argv) {
    static const struct option known[] = {
        {"tcp", 1, 0, 't'},      {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'},
        {"depth", 1, 0, 'd'},    {"requests", 1, 0, 'r'},    {"duration", 1, 0, 'D'},
        {"warm-up", 1, 0, 'w'},  {"rate", 1, 0, 'R'},        {"server-pid", 1, 0, 'p'},
        {"mode", 1, 0, 'm'},     {"lines", 0, 0, 'l'},       {"json", 0, 0, 'j'},
        {"unix", 1, 0, 'u'},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        set_option(option);
    bool is_limited = options.requests > 0 || options.duration_s > 0;
    bool is_stream = options.mode == FLOOD || options.mode == DRAIN;
    if (optind != argc || options.server_length == 0 || is_limited == (options.mode == IDLE)
        || (is_stream && options.duration_s == 0) || (options.lines && options.size > MAX_LINE)
        || (options.rate > 0 && (options.mode != ECHO || options.duration_s == 0)))
        usage();
    if (options.depth == 0)
        options.depth = options.rate > 0 ? OPEN_LOOP_DEPTH : 1;
    if (options.mode == IDLE)
        options.requests = options.connections;
    else if (options.requests == 0)
        options.requests = UINT64_MAX;
}
