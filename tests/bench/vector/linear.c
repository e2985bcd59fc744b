// SPDX-License-Identifier: MIT
// Linear algebra, and half precision.
#include "../programs/bench.h"
#include "area.h"
#include "kernels.h"

enum { COUNT = 4001, SIDE = 100, BYTES = 32000, HALVES = 8003 };

static bool saxpy_prepare(void)
{
    area_whole_floats(area(0), COUNT, 1000, 31);
    return true;
}

// The second of two rounds undoes the first. The number of rounds is odd, so that one remains.
static uint64_t saxpy_run(void)
{
    float *y = area(1);
    area_whole_floats(y, COUNT + 1, 1000, 32);
    for (unsigned round = 0; round < ROUNDS(1001); round++)
        kernel_saxpy(COUNT, round & 1 ? -3 : 3, area(0), y);
    return area_sum(y, COUNT * sizeof *y);
}

static bool daxpy_prepare(void)
{
    area_whole_doubles(area(0), COUNT, 1000, 33);
    return true;
}

static uint64_t daxpy_run(void)
{
    double *y = area(1);
    area_whole_doubles(y, COUNT, 1000, 34);
    for (unsigned round = 0; round < ROUNDS(1001); round++)
        kernel_daxpy(COUNT, round & 1 ? -3 : 3, area(0), y);
    return area_sum(y, COUNT * sizeof *y);
}

static bool sgemm_prepare(void)
{
    area_whole_floats(area(0), SIDE * SIDE, 30, 35);
    area_whole_floats(area(1), SIDE * SIDE, 30, 36);
    return true;
}

static uint64_t sgemm_run(void)
{
    for (unsigned round = 0; round < ROUNDS(3); round++)
        kernel_sgemm(SIDE, area(0), area(1), area(2));
    return area_sum(area(2), SIDE * SIDE * sizeof(float));
}

static bool dgemm_prepare(void)
{
    area_whole_doubles(area(0), SIDE * SIDE, 30, 37);
    area_whole_doubles(area(1), SIDE * SIDE, 30, 38);
    return true;
}

static uint64_t dgemm_run(void)
{
    for (unsigned round = 0; round < ROUNDS(3); round++)
        kernel_dgemm(SIDE, area(0), area(1), area(2));
    return area_sum(area(2), SIDE * SIDE * sizeof(double));
}

static bool dot_prepare(void)
{
    area_bytes(area(0), BYTES, 39);
    area_bytes(area(1), BYTES, 40);
    return true;
}

static uint64_t dot_run(void)
{
    int32_t dot = 0;
    for (unsigned round = 0; round < ROUNDS(100); round++)
        dot = kernel_dot_i8(area(0), area(1), BYTES - 7);
    return (uint32_t)dot;
}

// Some of the numbers are subnormal halves, ties or too large.
static bool half_prepare(void)
{
    float *numbers = area(0);
    uint64_t seed = 41;
    area_floats(numbers, HALVES, 1000, 42);
    for (unsigned i = 0; i < HALVES; i++)
        switch (bench_random(&seed) % 16) {
        case 0: numbers[i] *= 0x1p-26f; break;
        case 1: numbers[i] *= 0x1p-36f; break;
        case 2: numbers[i] *= 100; break;
        case 3: numbers[i] = (float)(int)numbers[i] * 0x1p-11f + 1; break;
        }
    return true;
}

static uint64_t half_run(void)
{
    for (unsigned round = 0; round < ROUNDS(100); round++) {
        kernel_to_half(HALVES, area(0), area(1));
        kernel_from_half(HALVES, area(1), area(2));
    }
    return bench_mix(area_sum(area(1), HALVES * sizeof(uint16_t)), area_sum(area(2), HALVES * sizeof(float)));
}

const struct bench_program bench_linear[] = {
    { "vector", "saxpy", 15, 0xeaa3497459a5d954, saxpy_prepare, saxpy_run, NULL },
    { "vector", "daxpy", 10, 0x6ff5bde413e9d42d, daxpy_prepare, daxpy_run, NULL },
    { "vector", "sgemm", 20, 0x520924ef1a9aa0e5, sgemm_prepare, sgemm_run, NULL },
    { "vector", "dgemm", 15, 0x4daa8e276125a435, dgemm_prepare, dgemm_run, NULL },
    { "vector", "dot-i8", 20, 0xb8913, dot_prepare, dot_run, NULL },
    { "vector", "half", 15, 0xb48bc5f653432b7f, half_prepare, half_run, NULL },
    { 0 },
};
