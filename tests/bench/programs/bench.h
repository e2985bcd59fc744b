// SPDX-License-Identifier: MIT
// What the programs of rvbench share. A program is cut into units: a unit is a fixed piece of work with a
// fixed result, so that any number of units can be timed and each of them checked. Results are the same on
// every architecture; those of floating point are rounded first (bench_round), since compilers may fuse a
// multiplication and an addition on one machine and not on another.
#pragma once
#if __STDC_HOSTED__ // not on bare metal
#include <math.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_program {
    const char *group; // "integer", "float", "memory", "system" or "corners"
    const char *name;
    unsigned units;        // timed at scale 1: one to three seconds under QEMU 10 on a server of 2023
    uint64_t expected;     // the result of every unit
    bool (*prepare)(void); // before the clock starts, or NULL; false where memory or a process was refused
    uint64_t (*run)(void); // one unit
    void (*release)(void); // undoes prepare, or NULL
};

// Each ends with an entry whose name is NULL.
extern const struct bench_program bench_integer[];
extern const struct bench_program bench_coremix[];
extern const struct bench_program bench_float[];
extern const struct bench_program bench_memory[];
extern const struct bench_program bench_system[];
extern const struct bench_program bench_corners[];

// The next of a sequence of pseudo-random numbers; `state` is any number at first (xorshift and a
// multiplication).
static inline uint64_t bench_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15;
    uint64_t value = *state;
    value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93;
    value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93;
    return value ^ (value >> 32);
}

// Adds `value` to a checksum that depends on the order of the values.
static inline uint64_t bench_mix(uint64_t sum, uint64_t value)
{
    return ((sum << 7 | sum >> 57) ^ value) * 0x9fb21c651e98df25;
}

#if __STDC_HOSTED__
// Six digits after the point are equal everywhere, whatever was fused.
static inline uint64_t bench_round(double value)
{
    return (uint64_t)llround(value * 1e6);
}
#endif
