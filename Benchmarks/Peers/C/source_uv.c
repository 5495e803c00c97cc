// Sends bytes for as long as the peer takes them: byte number k is k modulo 256, in writes of 64 KiB.

#include "server_uv.h"

typedef struct {
    uv_tcp_t tcp;
    uv_write_t write;
} source_connection;

enum { BLOCK_SIZE = 64 * 1024 };
static char block[BLOCK_SIZE];

static void on_write(uv_write_t *request, int status);

static int send_block(source_connection *c) {
    uv_buf_t buffer = uv_buf_init(block, sizeof block);
    return uv_write(&c->write, (uv_stream_t *)&c->tcp, &buffer, 1, on_write);
}

static void on_write(uv_write_t *request, int status) {
    source_connection *c = (source_connection *)request->handle;
    if (status < 0 || send_block(c) != 0)
        close_connection(request->handle);
}

static int begin(uv_stream_t *stream) {
    return send_block((source_connection *)stream);
}

int main(int argc, char **argv) {
    for (int i = 0; i < BLOCK_SIZE; i++)
        block[i] = (char)i;
    return serve(argc, argv, (service){.connection_size = sizeof(source_connection), .opened = begin});
}
