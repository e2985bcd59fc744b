// SPDX-License-Identifier: MIT
// What the programs of rvbench share. A program is divided into units: a unit is a fixed piece of work with a
// fixed result, so that any number of units can be timed and each of them checked. Results are the same on
// every architecture. Floating-point results are rounded first (bench_round), since compilers may fuse a
// multiplication and an addition on one machine and not on another.
#pragma once
#if __STDC_HOSTED__ // not on bare metal
#include <math.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_program {
    const char *group; // the group in the table, for example "integer"
    const char *name;
    unsigned units;        // timed at scale 1: one to three seconds under QEMU 10 on a server of 2023
    uint64_t expected;     // the result of every unit
    bool (*prepare)(void); // before the clock starts, or NULL; false if there was no memory or no process
    uint64_t (*run)(void); // one unit
    void (*release)(void); // undoes prepare, or NULL
};

// Each of these arrays ends with an entry whose name is NULL.
extern const struct bench_program bench_rv32[];
extern const struct bench_program bench_integer[];
extern const struct bench_program bench_coremix[];
extern const struct bench_program bench_float[];
extern const struct bench_program bench_memory[];
extern const struct bench_program bench_system[];
extern const struct bench_program bench_corners[];
// The group "vector".
extern const struct bench_program bench_bytes[];
extern const struct bench_program bench_linear[];
extern const struct bench_program bench_arrays[];
extern const struct bench_program bench_science[];
extern const struct bench_program bench_text[];
extern const struct bench_program bench_ciphers[];
extern const struct bench_program bench_loops[];

// The programs of a binary, with NULL at the end; and on bare metal the group that they are printed with.
extern const struct bench_program *const bench_all[];
extern const char bench_group[];

// Returns the next of a sequence of pseudo-random numbers; `state` may have any value at first (xorshift and
// a multiplication).
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
// Six digits after the point are equal on every machine, whatever the compiler fused.
static inline uint64_t bench_round(double value)
{
    return (uint64_t)llround(value * 1e6);
}
#endif
