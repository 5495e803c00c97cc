// The C peer for datagrams: an echo server on plain uv_udp_t, one system call for each datagram received
// and one for each sent.
//
// - One receive buffer for the whole loop, of 64 KiB as libuv asks for.
// - uv_udp_try_send at once; only what the kernel has no room for is copied and queued.
// - No allocation per echo.
//
// Prints "listening on udp HOST:PORT" and "ready"; SIGINT or SIGTERM ends it with status 0.

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { RECEIVE_BUFFER_SIZE = 64 * 1024 };

typedef struct {
    uv_udp_send_t request;
    char bytes[];
} queued_send;

static char receive_buffer[RECEIVE_BUFFER_SIZE];
static unsigned long long datagram_count, lost_count;

static void fail(const char *what, const char *address, int error) {
    fprintf(stderr, "udp_uv: %s %s: %s\n", what, address, uv_strerror(error));
    exit(1);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(receive_buffer, sizeof receive_buffer);
}

static void on_sent(uv_udp_send_t *request, int status) {
    lost_count += status < 0;
    free(request);  // the first member of its queued_send
}

static void enqueue(uv_udp_t *socket, const char *bytes, size_t count,
                    const struct sockaddr *peer) {
    queued_send *send = malloc(sizeof *send + count);
    if (send == NULL) {
        lost_count += 1;
        return;
    }
    memcpy(send->bytes, bytes, count);
    uv_buf_t buffer = uv_buf_init(send->bytes, (unsigned)count);
    if (uv_udp_send(&send->request, socket, &buffer, 1, peer, on_sent) != 0) {
        lost_count += 1;
        free(send);
    }
}

static void on_receive(uv_udp_t *socket, ssize_t count, const uv_buf_t *received,
                       const struct sockaddr *peer, unsigned flags) {
    (void)flags;
    if (count < 0 || peer == NULL)  // an error, or nothing more to receive for now
        return;
    datagram_count += 1;
    uv_buf_t buffer = uv_buf_init(received->base, (unsigned)count);
    int sent = uv_udp_try_send(socket, &buffer, 1, peer);
    if (sent == UV_EAGAIN)
        enqueue(socket, received->base, (size_t)count, peer);
    else
        lost_count += sent < 0;
}

static void close_any(uv_handle_t *handle, void *nothing) {
    (void)nothing;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    uv_walk(signal->loop, close_any, NULL);
}

int main(int argc, char **argv) {
    char host[INET_ADDRSTRLEN] = "";
    int port = -1, end = 0;
    if (argc != 3 || strcmp(argv[1], "--udp") != 0
        || sscanf(argv[2], "%15[0-9.]:%d%n", host, &port, &end) != 2
        || argv[2][end] != '\0' || port < 0 || port > 65535) {
        fprintf(stderr, "usage: udp_uv --udp IPV4-ADDRESS:PORT\n");
        return 2;
    }
    uv_loop_t *loop = uv_default_loop();
    uv_udp_t socket;
    struct sockaddr_in address;
    int length = sizeof address, error;
    uv_udp_init(loop, &socket);
    if ((error = uv_ip4_addr(host, port, &address)) != 0
        || (error = uv_udp_bind(&socket, (struct sockaddr *)&address, 0)) != 0
        || (error = uv_udp_recv_start(&socket, lend_buffer, on_receive)) != 0
        || (error = uv_udp_getsockname(&socket, (struct sockaddr *)&address, &length)) != 0)
        fail("cannot bind to", argv[2], error);

    uv_signal_t signals[2];
    const int numbers[2] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &signals[i]);
        uv_signal_start(&signals[i], on_signal, numbers[i]);
    }

    printf("listening on udp %s:%d\nready\n", host, ntohs(address.sin_port));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    error = uv_loop_close(loop);
    printf("stopped: %llu datagrams, %llu lost\n", datagram_count, lost_count);
    return error == 0 ? 0 : 1;
}
