// The echo server of libuv's own guide: a buffer for each read, a request for each write.

#include "server_uv.h"

typedef struct {
    uv_write_t request;
    uv_buf_t buffer;
} write_request;

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    *buffer = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void on_write(uv_write_t *request, int status) {
    write_request *write = (write_request *)request;
    if (status < 0)
        close_connection(request->handle);
    free(write->buffer.base);
    free(write);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *received) {
    if (count > 0) {
        write_request *write = malloc(sizeof *write);
        write->buffer = uv_buf_init(received->base, (unsigned)count);
        uv_write(&write->request, stream, &write->buffer, 1, on_write);
        return;
    }
    free(received->base);
    if (count == UV_EOF)
        finish(stream);
    else if (count < 0)
        close_connection(stream);
}

static int start_reading(uv_stream_t *stream) {
    return uv_read_start(stream, allocate, on_read);
}

int main(int argc, char **argv) {
    return serve(argc, argv, (service){.connection_size = sizeof(uv_tcp_t), .opened = start_reading});
}
