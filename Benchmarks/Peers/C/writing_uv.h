// Writing the fast way: at once with uv_try_write, copying and queueing only what the kernel refuses.
// Reading stops while too much is queued. Include after server_uv.h.

enum {
    READ_BUFFER_SIZE = 64 * 1024,
    HIGH_WATER_MARK = 256 * 1024,  // bytes queued at which reading stops
};

typedef struct {
    uv_write_t request;
    char bytes[];
} queued_write;

// One read buffer for the whole loop: it is only needed while the read callback runs.
static char read_buffer[READ_BUFFER_SIZE];

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_buffer, sizeof read_buffer);
}

// The server's own: what it does with bytes.
static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

static int start_reading(uv_stream_t *stream) {
    return uv_read_start(stream, lend_buffer, on_read);
}

// `data` of a stream that is written to is not NULL while the stream it names waits for room.
static void on_write(uv_write_t *request, int status) {
    uv_stream_t *stream = request->handle, *source = stream->data;
    free(request);  // the first member of its queued_write
    if (status < 0) {
        close_connection(stream);
    } else if (source != NULL && uv_stream_get_write_queue_size(stream) == 0) {
        stream->data = NULL;
        if (start_reading(source) != 0)
            close_connection(source);
    }
}

static void enqueue(uv_stream_t *stream, uv_stream_t *source, const char *bytes, size_t count) {
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
        uv_read_stop(source);
        stream->data = source;
    }
}

// Writes what was read from `source`, which waits when `stream` cannot keep up.
static void write_bytes(uv_stream_t *stream, uv_stream_t *source, char *bytes, size_t count) {
    uv_buf_t buffer = uv_buf_init(bytes, (unsigned)count);
    // Gives EAGAIN when something is queued already, which keeps the order.
    int written = uv_try_write(stream, &buffer, 1);
    if (written == (int)count)
        return;
    if (written < 0 && written != UV_EAGAIN) {
        close_connection(stream);
        return;
    }
    size_t done = written > 0 ? (size_t)written : 0;
    enqueue(stream, source, bytes + done, count - done);
}
