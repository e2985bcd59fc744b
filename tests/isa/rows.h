/* SPDX-License-Identifier: MIT
 *
 * Shared by the tests over isa.def: a small random-number generator, the configurations with everything on,
 * and encodings of a row. A test has one thread.
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

/* Returns the configuration of that XLEN with every extension of isa.h, except those that take the encodings
 * of others. */
static inline struct isa_config rows_config(unsigned xlen)
{
    struct isa_config config;
    struct error error;
    isa_init();
    if (!isa_config_parse(&config, xlen == 64 ? "rv64" : "rv32", &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    config.extensions = ISA_SET(ISA_EXTENSION_COUNT) - 1 - ISA_CLASHING;
    return config;
}

/* The same with floating point in x registers, in the place of f registers. */
static inline struct isa_config rows_config_in_x(unsigned xlen)
{
    struct isa_config config = rows_config(xlen);
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++)
        if (isa_entry(i)->flags & ISA_FP)
            config.extensions &= ~ISA_SET(isa_entry(i)->extension);
    config.extensions |= ISA_IN_X;
    return config;
}

static inline bool rows_in_xlen(const struct isa_entry *entry, unsigned xlen)
{
    return !(entry->flags & ((xlen == 32 ? ISA_RV64 : ISA_RV32) | ISA_NO_WIDE));
}

/* Returns an encoding of the row: its free bits are all 0 in round 0, all 1 in round 1, and random in
 * others. */
static inline uint32_t rows_bits(const struct isa_entry *entry, unsigned round, uint64_t *state)
{
    uint32_t free_bits = round == 0 ? 0 : round == 1 ? UINT32_MAX : (uint32_t)rows_random(state);
    uint32_t bits = entry->match | (free_bits & ~entry->mask);
    /* Where there are two results, the registers differ: the bits that are flipped make all three unlike. */
    uint32_t rd = bits >> 7 & 31, rs1 = bits >> 15 & 31;
    if (entry->flags & ISA_ALSO_RS1 && rows_has_field(entry, ISA_FIELD_rd) && rd == rs1)
        bits ^= 1 << 7;
    if (entry->flags & ISA_ALSO_RS2)
        bits = (bits & ~(31u << 7) & ~(31u << 20)) | (rs1 ^ 1) << 7 | (rs1 ^ 2 ^ (rd & 28)) << 20;
    return entry->flags & ISA_RD_NZ && !(bits >> 7 & 31) ? bits | 1 << 7 : bits;
}

#endif
