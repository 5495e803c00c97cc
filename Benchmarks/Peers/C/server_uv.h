// What the servers on libuv share: the command line, listening, accepting, closing, the end.
//
// A server fills in a `service` and calls `serve`. It prints "listening on tcp HOST:PORT", or "listening on
// unix PATH", and "ready"; SIGINT or SIGTERM ends it with status 0.

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BACKLOG = 4096 };

typedef struct {
    size_t connection_size;         // of the struct whose first member is the uv_tcp_t
    int (*opened)(uv_stream_t *);   // not 0: the connection is closed
    const char *backend;            // HOST:PORT of --to, for a proxy
} service;

static service served;
static union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
} listener;
static int is_unix;
static unsigned long long connection_count;

static void fail(const char *what, const char *address, int error) {
    fprintf(stderr, "%s %s: %s\n", what, address, uv_strerror(error));
    exit(1);
}

static void on_connection_closed(uv_handle_t *handle) {
    free(handle);
}

static void close_connection(uv_stream_t *stream) {
    if (!uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, on_connection_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status) {
    (void)status;
    close_connection(request->handle);
    free(request);
}

// The peer finished sending. What is still queued must reach it before the close.
static inline void finish(uv_stream_t *stream) {
    uv_shutdown_t *request = NULL;
    if (uv_stream_get_write_queue_size(stream) > 0)
        request = malloc(sizeof *request);
    if (request == NULL || uv_shutdown(request, stream, on_shutdown) != 0) {
        free(request);
        close_connection(stream);
    }
}

// A connection of zeroed memory, ready for uv_accept or uv_tcp_connect.
static uv_stream_t *make_connection(uv_loop_t *loop) {
    void *connection = calloc(1, is_unix ? sizeof(uv_pipe_t) : served.connection_size);
    if (connection != NULL && is_unix)
        uv_pipe_init(loop, connection, 0);
    else if (connection != NULL)
        uv_tcp_init(loop, connection);
    return connection;
}

static void on_connection(uv_stream_t *server, int status) {
    uv_stream_t *stream = status < 0 ? NULL : make_connection(server->loop);
    if (stream == NULL)
        return;
    if (uv_accept(server, stream) != 0 || served.opened(stream) != 0)
        close_connection(stream);
    else
        connection_count += 1;
}

static void close_any(uv_handle_t *handle, void *argument) {
    (void)argument;
    if ((handle->type == UV_TCP || handle->type == UV_NAMED_PIPE)
        && handle != (uv_handle_t *)&listener)
        close_connection((uv_stream_t *)handle);
    else if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    uv_walk(signal->loop, close_any, NULL);
}

static int parse_address(const char *text, struct sockaddr_in *address) {
    char host[INET_ADDRSTRLEN] = "";
    int port = -1, end = 0;
    if (sscanf(text, "%15[0-9.]:%d%n", host, &port, &end) != 2 || text[end] != '\0' || port < 0
        || port > 65535)
        return UV_EINVAL;
    return uv_ip4_addr(host, port, address);
}

static int listen_on_tcp(uv_loop_t *loop, const char *text, char *name, size_t size) {
    struct sockaddr_in address;
    int length = sizeof address, error;
    char host[INET_ADDRSTRLEN];
    uv_tcp_init(loop, &listener.tcp);
    if ((error = parse_address(text, &address)) != 0
        || (error = uv_tcp_bind(&listener.tcp, (struct sockaddr *)&address, 0)) != 0
        // Linux hands TCP_NODELAY on to accepted sockets: no system call per connection.
        || (error = uv_tcp_nodelay(&listener.tcp, 1)) != 0
        || (error = uv_listen(&listener.stream, BACKLOG, on_connection)) != 0
        || (error = uv_tcp_getsockname(&listener.tcp, (struct sockaddr *)&address, &length)) != 0)
        return error;
    uv_ip4_name(&address, host, sizeof host);
    snprintf(name, size, "tcp %s:%d", host, ntohs(address.sin_port));
    return 0;
}

// libuv removes the path when the listener is closed.
static int listen_on_unix(uv_loop_t *loop, const char *path, char *name, size_t size) {
    int error;
    uv_pipe_init(loop, &listener.pipe, 0);
    if ((error = uv_pipe_bind(&listener.pipe, path)) != 0
        || (error = uv_listen(&listener.stream, BACKLOG, on_connection)) != 0)
        return error;
    snprintf(name, size, "unix %s", path);
    return 0;
}

static int serve(int argc, char **argv, service wanted) {
    served = wanted;
    int is_proxy = argc == 5 && strcmp(argv[3], "--to") == 0;
    // Over --unix only what keeps nothing for a connection.
    is_unix = argc == 3 && strcmp(argv[1], "--unix") == 0 && wanted.connection_size == sizeof(uv_tcp_t);
    if ((argc != 3 && !is_proxy) || (!is_unix && strcmp(argv[1], "--tcp") != 0)) {
        fprintf(stderr, "usage: %s --tcp IPV4-ADDRESS:PORT|--unix PATH [--to IPV4-ADDRESS:PORT]\n",
                argv[0]);
        return 2;
    }
    served.backend = is_proxy ? argv[4] : NULL;
    signal(SIGPIPE, SIG_IGN);

    uv_loop_t *loop = uv_default_loop();
    char name[300];
    int error = is_unix ? listen_on_unix(loop, argv[2], name, sizeof name)
                        : listen_on_tcp(loop, argv[2], name, sizeof name);
    if (error != 0)
        fail("cannot listen on", argv[2], error);

    uv_signal_t signals[2];
    const int numbers[2] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &signals[i]);
        uv_signal_start(&signals[i], on_signal, numbers[i]);
    }
    printf("listening on %s\nready\n", name);
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    error = uv_loop_close(loop);
    printf("stopped: %llu connections\n", connection_count);
    return error == 0 ? 0 : 1;
}
