/* SPDX-License-Identifier: MIT
 *
 * What the tests over isa.def share: a small random-number generator, the configurations with everything on,
 * and operands for a row. A test has one thread.
 */
#ifndef TESTS_ISA_ROWS_H
#define TESTS_ISA_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include "cpu/isa/tables.h"

static inline uint64_t rows_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline bool rows_has_field(const struct isa_entry *entry, enum isa_field field)
{
    return entry->fields >> field & 1;
}

/* -cpu max for that XLEN, with all that isa.h knows. */
static inline struct isa_config rows_config(unsigned xlen)
{
    struct isa_config config;
    struct error error;
    isa_init();
    if (!isa_config_parse(&config, xlen == 64 ? "rv64" : "rv32", &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    config.extensions = ISA_SET(ISA_EXTENSION_COUNT) - 1;
    return config;
}

static inline bool rows_in_xlen(const struct isa_entry *entry, unsigned xlen)
{
    return !(entry->flags & (xlen == 32 ? ISA_RV64 : ISA_RV32));
}

/* Any encoding of the row: its free bits are random, or all 0 or all 1 in every field for round 0 and 1. */
static inline uint32_t rows_bits(const struct isa_entry *entry, unsigned round, uint64_t *state)
{
    uint32_t free_bits = round == 0 ? 0 : round == 1 ? UINT32_MAX : (uint32_t)rows_random(state);
    return entry->match | (free_bits & ~entry->mask);
}

#endif
