// The yardstick: an echo server on libuv, written as fast as libuv allows.
//
// Reading stays switched on, one buffer serves all connections, writes are tried at once, and there is
// one allocation per connection and none per echo.

#include "server_uv.h"
#include "writing_uv.h"

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *received) {
    if (count > 0)
        write_bytes(stream, stream, received->base, (size_t)count);
    else if (count == UV_EOF)
        finish(stream);
    else if (count < 0)
        close_connection(stream);
}

int main(int argc, char **argv) {
    return serve(argc, argv, (service){.connection_size = sizeof(uv_tcp_t), .opened = start_reading});
}
