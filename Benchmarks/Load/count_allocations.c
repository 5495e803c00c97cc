// Counts heap allocations of a dynamically linked program: LD_PRELOAD=count_allocations.so.
// Prints one line, "allocations: malloc A calloc B realloc C aligned D", to standard error when the
// program exits and whenever it gets SIGUSR2.

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// glibc's own entry points: looking the originals up with dlsym would itself allocate.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_ulong malloc_count, calloc_count, realloc_count, aligned_count;

static void count(atomic_ulong *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void *malloc(size_t size) {
    count(&malloc_count);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(&calloc_count);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count(&realloc_count);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count(&aligned_count);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    void *memory = memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *result = memory;
    return 0;
}

static void report(int signal_number) {
    (void)signal_number;
    int saved = errno;
    char line[160];
    int length = snprintf(line, sizeof line, "allocations: malloc %lu calloc %lu realloc %lu aligned %lu\n",
                          malloc_count, calloc_count, realloc_count, aligned_count);
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
    errno = saved;
}

__attribute__((constructor)) static void begin(void) {
    struct sigaction action = {.sa_handler = report, .sa_flags = SA_RESTART};
    sigaction(SIGUSR2, &action, NULL);
}

__attribute__((destructor)) static void end(void) {
    report(0);
}
