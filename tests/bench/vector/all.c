// SPDX-License-Identifier: MIT
// The programs of the group "vector".
#include "../programs/bench.h"

const struct bench_program *const bench_all[] = { bench_bytes, bench_linear,  bench_arrays, bench_science,
                                                  bench_text,  bench_ciphers, bench_loops,  NULL };
const char bench_group[] = "vector";
