// SPDX-License-Identifier: MIT
// The Mandelbrot set, and bodies that attract each other.
#include "../programs/bench.h"
#include "area.h"
#include "kernels.h"

enum { WIDTH = 130, HEIGHT = 64, STEPS = 100, BODIES = 101, SIDE = 128 };

static uint64_t mandelbrot_run(void)
{
    uint32_t *steps = area(0);
    for (unsigned round = 0; round < ROUNDS(4); round++)
        for (unsigned row = 0; row < HEIGHT; row++)
            kernel_mandelbrot(WIDTH, -2, 3.0f / WIDTH, (float)row * (2.5f / HEIGHT) - 1.25f, STEPS,
                              steps + row * WIDTH);
    return area_sum(steps, WIDTH * HEIGHT * sizeof *steps);
}

static bool forces_prepare(void)
{
    double *numbers = area(0);
    area_doubles(numbers, 3 * SIDE, 50, 61);
    area_doubles(numbers + 3 * SIDE, SIDE, 1, 62);
    area_clear(area(1), AREA_BYTES);
    return true;
}

static uint64_t forces_run(void)
{
    double *in = area(0), *out = area(1);
    const struct kernel_bodies bodies = { in,  in + SIDE,  in + 2 * SIDE, in + 3 * SIDE,
                                          out, out + SIDE, out + 2 * SIDE };
    for (unsigned round = 0; round < ROUNDS(50); round++)
        kernel_forces(BODIES, &bodies, 0.01);
    return area_sum(out, 3 * SIDE * sizeof *out);
}

const struct bench_program bench_science[] = {
    { "vector", "mandelbrot", 15, 0x46499fbf2f68bbe3, NULL, mandelbrot_run, NULL },
    { "vector", "nbody", 15, 0x4d0e6930ae9d92b6, forces_prepare, forces_run, NULL },
    { 0 },
};
