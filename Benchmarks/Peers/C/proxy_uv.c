// Connects to the backend for each connection and copies bytes both ways.

#include "server_uv.h"
#include "writing_uv.h"

typedef struct side {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct side *other;
    int ended;  // its peer has finished sending
} side;

static struct sockaddr_in backend;

static void close_both(side *s) {
    close_connection((uv_stream_t *)&s->tcp);
    close_connection((uv_stream_t *)&s->other->tcp);
}

static void on_half_closed(uv_shutdown_t *request, int status) {
    side *s = (side *)request->handle;
    free(request);
    // Cancelled: both sides are closing, and the other one may be gone.
    if (status != UV_ECANCELED && (status < 0 || s->ended))
        close_both(s);
}

static void pass_end_on(side *s) {
    uv_shutdown_t *request = malloc(sizeof *request);
    s->ended = 1;
    if (request == NULL || uv_shutdown(request, (uv_stream_t *)&s->other->tcp, on_half_closed) != 0) {
        free(request);
        close_both(s);
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *received) {
    side *s = (side *)stream;
    if (count > 0)
        write_bytes((uv_stream_t *)&s->other->tcp, stream, received->base, (size_t)count);
    else if (count == UV_EOF)
        pass_end_on(s);
    else if (count < 0)
        close_both(s);
}

static void on_connect(uv_connect_t *request, int status) {
    side *s = (side *)request->handle;
    if (status == UV_ECANCELED)
        return;
    if (status < 0 || start_reading((uv_stream_t *)&s->tcp) != 0
        || start_reading((uv_stream_t *)&s->other->tcp) != 0)
        close_both(s);
}

static int begin(uv_stream_t *stream) {
    side *client = (side *)stream, *server = (side *)make_connection(stream->loop);
    if (server == NULL)
        return UV_ENOMEM;
    client->other = server;
    server->other = client;
    int error = uv_tcp_connect(&server->connect, &server->tcp, (struct sockaddr *)&backend, on_connect);
    if (error != 0)
        close_connection((uv_stream_t *)&server->tcp);
    else
        uv_tcp_nodelay(&server->tcp, 1);
    return error;
}

int main(int argc, char **argv) {
    if (argc != 5 || parse_address(argv[4], &backend) != 0) {
        fprintf(stderr, "usage: proxy_uv --tcp IPV4-ADDRESS:PORT --to IPV4-ADDRESS:PORT\n");
        return 2;
    }
    return serve(argc, argv, (service){.connection_size = sizeof(side), .opened = begin});
}
