// SPDX-License-Identifier: MIT
// The programs of rvbench.
#include "bench.h"

const struct bench_program *const bench_all[] = { bench_integer, bench_coremix, bench_float, bench_memory,
                                                  bench_system,  bench_corners, NULL };
