// SPDX-License-Identifier: MIT
// The programs for RV32.
#include "../programs/bench.h"

const struct bench_program *const bench_all[] = { bench_coremix, bench_rv32, NULL };
const char bench_group[] = "rv32";
