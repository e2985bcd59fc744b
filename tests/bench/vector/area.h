// SPDX-License-Identifier: MIT
// The memory that the programs of the group "vector" work on; the compiler cannot know its contents. Together
// the areas are as large as a second-level cache. A program may use them in any way and fills them again when
// it is prepared.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AREA_BYTES = 96 << 10, AREAS = 5 };

// Returns an area, aligned to 64 bytes.
void *area(unsigned number);

// These fill memory with random values: bytes; integers below `limit`; whole numbers from -limit to limit,
// whose sums and products are exact; numbers in [-limit, limit) with the same bits everywhere. Afterwards the
// inexact flag is set, as it is in nearly every real program.
void area_bytes(void *to, size_t bytes, uint64_t seed);
void area_words(uint32_t *to, size_t count, uint32_t limit, uint64_t seed);
void area_whole_floats(float *to, size_t count, int limit, uint64_t seed);
void area_whole_doubles(double *to, size_t count, int limit, uint64_t seed);
void area_floats(float *to, size_t count, float limit, uint64_t seed);
void area_doubles(double *to, size_t count, double limit, uint64_t seed);
void area_clear(void *to, size_t bytes);

// The checksum of an area; `bytes` is rounded down to a multiple of 8.
uint64_t area_sum(const void *from, size_t bytes);

// How often a unit does its work. The result of a unit does not depend on it. The short form does it once,
// since only the results matter there.
#ifdef BENCH_SHORT
#define ROUNDS(times) 1
#else
#define ROUNDS(times) (times)
#endif
