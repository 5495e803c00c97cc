#pragma once

// A histogram of durations in nanoseconds: each power of two is divided into 64 equal buckets, so that
// a value is known to within 1.6 % from 1 ns to centuries, in 30 KiB.

#include <stdint.h>

enum { BUCKETS_PER_OCTAVE_LOG2 = 6, BUCKETS_PER_OCTAVE = 1 << BUCKETS_PER_OCTAVE_LOG2 };

typedef struct {
    uint64_t count, max;
    uint64_t buckets[(64 - BUCKETS_PER_OCTAVE_LOG2 + 1) * BUCKETS_PER_OCTAVE];
} histogram;

static inline void histogram_record(histogram *h, uint64_t value) {
    unsigned index = (unsigned)value;
    if (value >= BUCKETS_PER_OCTAVE) {
        unsigned shift = 63u - (unsigned)__builtin_clzll(value) - BUCKETS_PER_OCTAVE_LOG2;
        index = shift * BUCKETS_PER_OCTAVE + (unsigned)(value >> shift);
    }
    h->buckets[index] += 1;
    h->count += 1;
    if (value > h->max)
        h->max = value;
}

// The upper bound of the bucket in which the quantile (0 to 1) lies.
static inline uint64_t histogram_quantile(const histogram *h, double quantile) {
    uint64_t wanted = (uint64_t)(quantile * (double)h->count + 0.5), seen = 0;
    for (unsigned i = 0; i < sizeof h->buckets / sizeof h->buckets[0]; i++) {
        seen += h->buckets[i];
        if (seen < wanted || seen == 0)
            continue;
        if (i < 2 * BUCKETS_PER_OCTAVE)
            return i;
        unsigned shift = i / BUCKETS_PER_OCTAVE - 1;
        uint64_t low = (uint64_t)(i % BUCKETS_PER_OCTAVE + BUCKETS_PER_OCTAVE) << shift;
        uint64_t high = low + ((uint64_t)1 << shift) - 1;
        return high < h->max ? high : h->max;
    }
    return h->max;
}
