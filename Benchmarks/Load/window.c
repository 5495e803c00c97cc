// The measured window: what is counted in it, and whose CPU time it took.

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "load.h"

struct load_window window;
char failure[200];

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t own_cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// What the scheduler gave to all threads of the server, user and kernel, exact to the nanosecond.
static uint64_t server_cpu_ns(void) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", options.server_pid);
    DIR *tasks = options.server_pid == 0 ? NULL : opendir(path);
    if (tasks == NULL)
        return 0;
    uint64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        unsigned long long spent;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", options.server_pid, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%llu", &spent) == 1)
            sum += spent;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

void begin_window(void) {
    memset(&window, 0, sizeof window);
    window.is_open = true;
    window.server_cpu_ns = server_cpu_ns();
    window.own_cpu_ns = own_cpu_ns();
    window.start_ns = now_ns();
}

void end_window(void) {
    window.end_ns = now_ns();
    window.own_cpu_ns = own_cpu_ns() - window.own_cpu_ns;
    window.server_cpu_ns = server_cpu_ns() - window.server_cpu_ns;
    window.is_open = false;
    window.is_over = true;
}

// A window in which nothing came back, on a machine that stood still, would say nothing.
static bool has_progress(void) {
    return options.mode == FLOOD || options.mode == DRAIN ? window.bytes > 0 : window.requests > 0;
}

void advance_window(uint64_t run_start, uint64_t now) {
    if (options.duration_s == 0)
        return;
    uint64_t begin = run_start + (uint64_t)(options.warm_up_s * 1e9);
    if (!window.is_open && !window.is_over && now >= begin)
        begin_window();
    if (window.is_open && has_progress() && now >= window.start_ns + (uint64_t)(options.duration_s * 1e9))
        end_window();
}
