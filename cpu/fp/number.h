/* SPDX-License-Identifier: MIT
 *
 * Unpacked numbers, for the software arithmetic: every format unpacks to the same 64-bit significand, and one
 * routine rounds and packs. Internal to the files of cpu/fp/.
 */
#ifndef CPU_FP_NUMBER_H
#define CPU_FP_NUMBER_H

#include "cpu/fp/env.h"
#include "cpu/fp/format.h"

__extension__ typedef unsigned __int128 fp_u128;

enum fp_kind {
    FP_KIND_ZERO,
    FP_KIND_FINITE, /* not zero */
    FP_KIND_INFINITY,
    FP_KIND_QUIET_NAN,
    FP_KIND_SIGNALLING_NAN,
};

struct fp_number {
    enum fp_kind kind;
    bool sign;
    /* Of FP_KIND_FINITE: the magnitude is significand * 2^(exponent - 63), and bit 63 is set. */
    int exponent;
    uint64_t significand;
};

struct fp_number fp_number_unpack(unsigned width, uint64_t bits);

static inline bool fp_number_is_nan(const struct fp_number *number)
{
    return number->kind >= FP_KIND_QUIET_NAN;
}

/* Whether a magnitude is rounded up to the next one. `rest` is what is cut off, in units of 2^-64 of the last
 * place that stays (bit 0 sticky); `odd` says that the last place that stays is 1. */
bool fp_rounds_up(unsigned rm, bool sign, bool odd, uint64_t rest);

/* Shifts right; a 1 that falls off is kept in bit 0. */
static inline uint64_t fp_shift_jam(uint64_t value, unsigned count)
{
    if (count == 0)
        return value;
    if (count > 63)
        return value != 0;
    return value >> count | (value << (64 - count) != 0);
}

static inline fp_u128 fp_shift_jam_wide(fp_u128 value, unsigned count)
{
    if (count == 0)
        return value;
    if (count > 127)
        return value != 0;
    return value >> count | (value << (128 - count) != 0);
}

/* Rounds significand * 2^(exponent - 63), bit 63 set and bit 0 sticky, to the format and packs it. Raises
 * NX, UF and OF. */
uint64_t fp_number_round(struct fp_env *env, unsigned width, unsigned rm, bool sign, int exponent,
                         uint64_t significand);
/* The same for significand * 2^(exponent - 127), which may have leading zeroes but is not 0. */
uint64_t fp_number_round_wide(struct fp_env *env, unsigned width, unsigned rm, bool sign, int exponent,
                              fp_u128 significand);

/* A zero or an infinity with this sign. */
static inline uint64_t fp_signed(unsigned width, bool sign, uint64_t magnitude)
{
    return (sign ? fp_sign_bit(width) : 0) | magnitude;
}

/* The result of an invalid operation. */
static inline uint64_t fp_invalid(struct fp_env *env, unsigned width)
{
    env->flags |= FP_NV;
    return fp_canonical_nan(width);
}

#endif
