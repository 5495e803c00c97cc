// Answers each line with the same line; the answers to what one read brought leave in one write.

#include "server_uv.h"
#include "writing_uv.h"

enum { LINE_LIMIT = 4096 };

typedef struct {
    uv_tcp_t tcp;
    unsigned begun_count;
    char begun[LINE_LIMIT];  // a line whose end has not come
} line_connection;

static char answers[READ_BUFFER_SIZE + LINE_LIMIT];
static size_t answer_count;

static void answer(const char *line, size_t count) {
    memcpy(answers + answer_count, line, count);
    answer_count += count;
}

// Whether the line still fits.
static int keep_begun(line_connection *c, const char *bytes, size_t count) {
    if (c->begun_count + count > LINE_LIMIT)
        return 0;
    memcpy(c->begun + c->begun_count, bytes, count);
    c->begun_count += (unsigned)count;
    return 1;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *received) {
    line_connection *c = (line_connection *)stream;
    if (count == UV_EOF)
        finish(stream);
    else if (count < 0)
        close_connection(stream);
    if (count <= 0)
        return;
    const char *at = received->base, *end = at + count, *newline;
    answer_count = 0;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        size_t length = (size_t)(newline + 1 - at);
        answer(c->begun, c->begun_count);
        answer(at, length);
        c->begun_count = 0;
        at = newline + 1;
    }
    if (!keep_begun(c, at, (size_t)(end - at)))
        close_connection(stream);
    else if (answer_count > 0)
        write_bytes(stream, stream, answers, answer_count);
}

int main(int argc, char **argv) {
    return serve(argc, argv, (service){.connection_size = sizeof(line_connection), .opened = start_reading});
}
