// What needs no socket, on libuv: `micro_uv TASK AMOUNT [FILE]` prints one JSON object. See Peers/Micro.
//
// timers, ticks, posts-1, posts-2, posts-8, hop, lifecycle, file-reads-1, file-reads-64.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { TIMERS_AT_ONCE = 10000, TICKERS = 10000, TICK_MS = 50, MAX_PRODUCERS = 8,
       MAX_DEPTH = 64, BLOCK_SIZE = 4096 };

static long amount;

static uint64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// --- timers

static void never(uv_timer_t *timer) {
    (void)timer;
}

static void timers(void) {
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *set = calloc(TIMERS_AT_ONCE, sizeof *set);
    long at_once = amount < TIMERS_AT_ONCE ? amount : TIMERS_AT_ONCE;
    for (long i = 0; i < at_once; i++)
        uv_timer_init(loop, &set[i]);
    for (long round = 0; round < amount / at_once; round++) {
        for (long i = 0; i < at_once; i++)
            uv_timer_start(&set[i], never, 60000, 0);
        for (long i = 0; i < at_once; i++)
            uv_timer_stop(&set[i]);
    }
}

static void on_tick(uv_timer_t *timer) {
    if (--amount <= 0)
        uv_stop(timer->loop);
}

static void ticks(void) {
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *set = calloc(TICKERS, sizeof *set);
    for (long i = 0; i < TICKERS; i++) {
        uv_timer_init(loop, &set[i]);
        uv_timer_start(&set[i], on_tick, TICK_MS, TICK_MS);
    }
    uv_run(loop, UV_RUN_DEFAULT);
}

// --- posts: an intrusive queue under a mutex, and one uv_async_t that is rung when it was empty

typedef struct job {
    struct job *next;
    void (*run)(struct job *);
} job;

typedef struct {
    uv_loop_t loop;
    uv_async_t bell;
    uv_mutex_t lock;
    job *first, **last;
} mailbox;

static void post(mailbox *box, job *j) {
    j->next = NULL;
    uv_mutex_lock(&box->lock);
    int was_empty = box->first == NULL;
    *box->last = j;
    box->last = &j->next;
    uv_mutex_unlock(&box->lock);
    if (was_empty)
        uv_async_send(&box->bell);
}

static void on_bell(uv_async_t *bell) {
    mailbox *box = bell->data;
    uv_mutex_lock(&box->lock);
    job *j = box->first;
    box->first = NULL;
    box->last = &box->first;
    uv_mutex_unlock(&box->lock);
    while (j != NULL) {
        job *next = j->next;
        j->run(j);
        j = next;
    }
}

static void open_mailbox(mailbox *box) {
    uv_loop_init(&box->loop);
    uv_mutex_init(&box->lock);
    box->first = NULL;
    box->last = &box->first;
    uv_async_init(&box->loop, &box->bell, on_bell);
    box->bell.data = box;
}

static mailbox boxes[2];
static long left;

static void count_down(job *j) {
    free(j);
    if (--left == 0)
        uv_stop(&boxes[0].loop);
}

static void produce(void *argument) {
    for (long i = 0; i < *(long *)argument; i++) {
        job *j = malloc(sizeof *j);
        j->run = count_down;
        post(&boxes[0], j);
    }
}

static void posts(int producers) {
    uv_thread_t threads[MAX_PRODUCERS];
    long each = amount / producers;
    left = each * producers;
    open_mailbox(&boxes[0]);
    for (int i = 0; i < producers; i++)
        uv_thread_create(&threads[i], produce, &each);
    uv_run(&boxes[0].loop, UV_RUN_DEFAULT);
    for (int i = 0; i < producers; i++)
        uv_thread_join(&threads[i]);
}

static void stop_first(job *j) {
    (void)j;
    uv_stop(&boxes[0].loop);
}

static void stop_second(job *j) {
    (void)j;
    uv_stop(&boxes[1].loop);
}

static void bounce(job *j) {
    static job stops[2] = {{.run = stop_first}, {.run = stop_second}};
    left -= 1;
    if (left > 0) {
        post(&boxes[left % 2], j);
        return;
    }
    for (int i = 0; i < 2; i++)
        post(&boxes[i], &stops[i]);
}

static void run_loop(void *box) {
    uv_run(&((mailbox *)box)->loop, UV_RUN_DEFAULT);
}

static void hop(void) {
    static job ball = {.run = bounce};
    uv_thread_t threads[2];
    left = amount;
    for (int i = 0; i < 2; i++)
        open_mailbox(&boxes[i]);
    post(&boxes[left % 2], &ball);
    for (int i = 0; i < 2; i++)
        uv_thread_create(&threads[i], run_loop, &boxes[i]);
    for (int i = 0; i < 2; i++)
        uv_thread_join(&threads[i]);
}

// --- lifecycle

static void close_bell(uv_async_t *bell) {
    uv_close((uv_handle_t *)bell, NULL);
}

static void lifecycle(void) {
    for (long i = 0; i < amount; i++) {
        mailbox box;
        uv_thread_t thread;
        uv_loop_init(&box.loop);
        uv_async_init(&box.loop, &box.bell, close_bell);
        uv_thread_create(&thread, run_loop, &box);
        uv_async_send(&box.bell);
        uv_thread_join(&thread);
        if (uv_loop_close(&box.loop) != 0)
            abort();
    }
}

// --- file reads: blocks of a file of 4,096, each of which begins with its number

typedef struct {
    uv_fs_t request;
    uint64_t state, block, left;
    uint64_t words[BLOCK_SIZE / sizeof(uint64_t)];
} lane;

static uv_file file;

static void read_next(lane *l);

static void on_block(uv_fs_t *request) {
    lane *l = request->data;
    if (request->result != BLOCK_SIZE || l->words[0] != l->block) {
        fprintf(stderr, "micro_uv: a wrong block\n");
        exit(1);
    }
    uv_fs_req_cleanup(request);
    read_next(l);
}

static void read_next(lane *l) {
    if (l->left == 0)
        return;
    l->left -= 1;
    l->state = l->state * 6364136223846793005u + 1442695040888963407u;
    l->block = l->state >> 52;
    l->request.data = l;
    uv_buf_t buffer = uv_buf_init((char *)l->words, BLOCK_SIZE);
    uv_fs_read(uv_default_loop(), &l->request, file, &buffer, 1,
               (int64_t)(l->block * BLOCK_SIZE), on_block);
}

static void file_reads(int depth, const char *path) {
    static lane lanes[MAX_DEPTH];
    if ((file = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        perror(path);
        exit(1);
    }
    for (int i = 0; i < depth; i++) {
        lanes[i].state = (uint64_t)i;
        lanes[i].left = (uint64_t)(amount / depth + (i < amount % depth));
        read_next(&lanes[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    close(file);
}

int main(int argc, char **argv) {
    const char *task = argc == 3 || argc == 4 ? argv[1] : "";
    long operations = amount = argc == 3 || argc == 4 ? atol(argv[2]) : 0;
    uint64_t wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (amount > 0 && strcmp(task, "timers") == 0)
        timers();
    else if (amount > 0 && strcmp(task, "ticks") == 0)
        ticks();
    else if (amount > 0 && strncmp(task, "posts-", 6) == 0 && atoi(task + 6) <= MAX_PRODUCERS)
        posts(atoi(task + 6));
    else if (amount > 0 && strcmp(task, "hop") == 0)
        hop();
    else if (amount > 0 && strcmp(task, "lifecycle") == 0)
        lifecycle();
    else if (amount > 0 && argc == 4 && strcmp(task, "file-reads-1") == 0)
        file_reads(1, argv[3]);
    else if (amount > 0 && argc == 4 && strcmp(task, "file-reads-64") == 0)
        file_reads(64, argv[3]);
    else {
        fprintf(stderr, "usage: micro_uv timers|ticks|posts-P|hop|lifecycle AMOUNT\n"
                "       micro_uv file-reads-1|file-reads-64 AMOUNT FILE\n");
        return 2;
    }
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"operations\": %ld, \"wall_ns\": %lu, \"cpu_ns\": %lu}\n", operations, wall, cpu);
    return 0;
}
