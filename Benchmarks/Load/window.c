// The measured window: what is counted in it, and whose CPU time it took.

#include <string.h>

#include "load.h"

struct load_window window;
char failure[200];

void begin_window(void) {
    memset(&window, 0, sizeof window);
    window.is_open = true;
    window.server_cpu_ns = process_cpu_ns(options.server_pid);
    window.own_cpu_ns = own_cpu_ns();
    window.start_ns = now_ns();
}

void end_window(void) {
    window.end_ns = now_ns();
    window.own_cpu_ns = own_cpu_ns() - window.own_cpu_ns;
    window.server_cpu_ns = process_cpu_ns(options.server_pid) - window.server_cpu_ns;
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
