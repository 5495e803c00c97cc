// Takes bytes; at the end of the input it answers with their number and a newline, and closes.

#include "server_uv.h"
#include "writing_uv.h"

typedef struct {
    uv_tcp_t tcp;
    unsigned long long count;
} sink_connection;

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *received) {
    (void)received;
    sink_connection *c = (sink_connection *)stream;
    if (count > 0) {
        c->count += (unsigned long long)count;
    } else if (count == UV_EOF) {
        char text[32];
        int length = snprintf(text, sizeof text, "%llu\n", c->count);
        write_bytes(stream, stream, text, (size_t)length);
        finish(stream);
    } else if (count < 0) {
        close_connection(stream);
    }
}

int main(int argc, char **argv) {
    return serve(argc, argv, (service){.connection_size = sizeof(sink_connection), .opened = start_reading});
}
