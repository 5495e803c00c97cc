// The C peer: an echo server on libuv, written as fast as libuv allows.
//
// - One read buffer for the whole loop: it is only needed while the read callback runs.
// - uv_try_write at once; only what the kernel refuses is copied and queued with uv_write.
// - Reading stays switched on, and stops only while too much waits to be written.
// - One allocation per connection, none per echo.
//
// Prints "listening on tcp HOST:PORT" and "ready"; SIGINT or SIGTERM ends it with status 0.

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
    READ_BUFFER_SIZE = 64 * 1024,
    HIGH_WATER_MARK = 256 * 1024,  // bytes queued at which reading stops
    BACKLOG = 4096,
};

typedef struct {
    uv_write_t request;
    char bytes[];
} queued_write;

static char read_buffer[READ_BUFFER_SIZE];
static unsigned long long connection_count, byte_count;

static void fail(const char *what, const char *address, int error) {
    fprintf(stderr, "echo_uv: %s %s: %s\n", what, address, uv_strerror(error));
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

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

// `data` is unused by libuv: here, not NULL means that reading is stopped.
static void on_write(uv_write_t *request, int status) {
    uv_stream_t *stream = request->handle;
    free(request);  // the first member of its queued_write
    if (status < 0) {
        close_connection(stream);
    } else if (stream->data != NULL && uv_stream_get_write_queue_size(stream) == 0) {
        stream->data = NULL;
        if (uv_read_start(stream, lend_buffer, on_read) != 0)
            close_connection(stream);
    }
}

static void enqueue(uv_stream_t *stream, const char *bytes, size_t count) {
    queued_write *write = malloc(sizeof *write + count);
    if (write == NULL) {
        close_connection(stream);
        return;
    }
    memcpy(write->bytes, bytes, count);
    uv_buf_t buffer = uv_buf_init(write->bytes, (unsigned)count);
    if (uv_write(&write->request, stream, &buffer, 1, on_write) != 0) {
        free(write);
        close_connection(stream);
    } else if (uv_stream_get_write_queue_size(stream) > HIGH_WATER_MARK) {
        uv_read_stop(stream);
        stream->data = stream;
    }
}

// The peer finished sending. What is still queued must reach it before the close.
static void finish(uv_stream_t *stream) {
    uv_shutdown_t *request = NULL;
    if (uv_stream_get_write_queue_size(stream) > 0)
        request = malloc(sizeof *request);
    if (request == NULL || uv_shutdown(request, stream, on_shutdown) != 0) {
        free(request);
        close_connection(stream);
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *received) {
    if (count > 0) {
        byte_count += (unsigned long long)count;
        uv_buf_t buffer = uv_buf_init(received->base, (unsigned)count);
        // Gives EAGAIN when something is queued already, which keeps the order.
        int written = uv_try_write(stream, &buffer, 1);
        if (written == count)
            return;
        if (written < 0 && written != UV_EAGAIN)
            close_connection(stream);
        else
            enqueue(stream, received->base + (written > 0 ? written : 0),
                    (size_t)(count - (written > 0 ? written : 0)));
    } else if (count == UV_EOF) {
        finish(stream);
    } else if (count < 0) {
        close_connection(stream);
    }
}

static void on_connection(uv_stream_t *listener, int status) {
    if (status < 0)
        return;
    uv_tcp_t *connection = malloc(sizeof *connection);
    if (connection == NULL)
        return;
    uv_tcp_init(listener->loop, connection);
    connection->data = NULL;
    uv_stream_t *stream = (uv_stream_t *)connection;
    if (uv_accept(listener, stream) != 0 || uv_read_start(stream, lend_buffer, on_read) != 0)
        close_connection(stream);
    else
        connection_count += 1;
}

static void close_any(uv_handle_t *handle, void *listener) {
    if (uv_is_closing(handle))
        return;
    int is_connection = handle->type == UV_TCP && handle != listener;
    uv_close(handle, is_connection ? on_connection_closed : NULL);
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    uv_walk(signal->loop, close_any, signal->data);
}

int main(int argc, char **argv) {
    char host[INET_ADDRSTRLEN] = "";
    int port = -1, end = 0;
    if (argc != 3 || strcmp(argv[1], "--tcp") != 0
        || sscanf(argv[2], "%15[0-9.]:%d%n", host, &port, &end) != 2
        || argv[2][end] != '\0' || port < 0 || port > 65535) {
        fprintf(stderr, "usage: echo_uv --tcp IPV4-ADDRESS:PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);

    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    int length = sizeof address, error;
    uv_tcp_init(loop, &listener);
    if ((error = uv_ip4_addr(host, port, &address)) != 0
        || (error = uv_tcp_bind(&listener, (struct sockaddr *)&address, 0)) != 0
        // Linux hands TCP_NODELAY on to accepted sockets: no system call per connection.
        || (error = uv_tcp_nodelay(&listener, 1)) != 0
        || (error = uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection)) != 0
        || (error = uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length)) != 0)
        fail("cannot listen on", argv[2], error);

    uv_signal_t signals[2];
    const int numbers[2] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &signals[i]);
        signals[i].data = &listener;
        uv_signal_start(&signals[i], on_signal, numbers[i]);
    }

    printf("listening on tcp %s:%d\nready\n", host, ntohs(address.sin_port));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    error = uv_loop_close(loop);
    printf("stopped: %llu connections, %llu bytes\n", connection_count, byte_count);
    return error == 0 ? 0 : 1;
}
