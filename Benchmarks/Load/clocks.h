// The time, and whose CPU time was spent.

#pragma once
#include <stdint.h>

uint64_t now_ns(void);
uint64_t own_cpu_ns(void);
// What the scheduler gave to all threads of a process, user and kernel, exact to the nanosecond; 0 for process 0.
uint64_t process_cpu_ns(int pid);
