/* SPDX-License-Identifier: MIT
 *
 * Meanings of integer instructions that are more than one C expression: once here, for all tiers. 64-bit
 * forms, and 32-bit ones (suffix 32) that serve RV32 and the W instructions.
 */
#ifndef CPU_OPS_H
#define CPU_OPS_H

#include <stdint.h>

/* "M" Extension: division by zero gives all ones (remainder: the dividend); overflow gives the dividend (0).
 */
static inline int64_t op_div64(int64_t a, int64_t b)
{
    return b == 0 ? -1 : a == INT64_MIN && b == -1 ? a : a / b;
}
static inline uint64_t op_divu64(uint64_t a, uint64_t b)
{
    return b == 0 ? UINT64_MAX : a / b;
}
static inline int64_t op_rem64(int64_t a, int64_t b)
{
    return b == 0 ? a : b == -1 ? 0 : a % b;
}
static inline uint64_t op_remu64(uint64_t a, uint64_t b)
{
    return b == 0 ? a : a % b;
}
static inline int32_t op_div32(int32_t a, int32_t b)
{
    return b == 0 ? -1 : a == INT32_MIN && b == -1 ? a : a / b;
}
static inline uint32_t op_divu32(uint32_t a, uint32_t b)
{
    return b == 0 ? UINT32_MAX : a / b;
}
static inline int32_t op_rem32(int32_t a, int32_t b)
{
    return b == 0 ? a : b == -1 ? 0 : a % b;
}
static inline uint32_t op_remu32(uint32_t a, uint32_t b)
{
    return b == 0 ? a : a % b;
}

static inline uint64_t op_mulh64(int64_t a, int64_t b)
{
    return (uint64_t)((__int128)a * b >> 64);
}
static inline uint64_t op_mulhsu64(int64_t a, uint64_t b)
{
    return (uint64_t)((__int128)a * (__int128)b >> 64);
}
static inline uint64_t op_mulhu64(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}
static inline uint32_t op_mulh32(int32_t a, int32_t b)
{
    return (uint32_t)((int64_t)a * b >> 32);
}
static inline uint32_t op_mulhsu32(int32_t a, uint32_t b)
{
    return (uint32_t)((int64_t)a * (int64_t)b >> 32);
}
static inline uint32_t op_mulhu32(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

/* Zbb: of zero, the register's width. */
static inline unsigned op_clz64(uint64_t a)
{
    return a ? (unsigned)__builtin_clzll(a) : 64;
}
static inline unsigned op_ctz64(uint64_t a)
{
    return a ? (unsigned)__builtin_ctzll(a) : 64;
}
static inline unsigned op_clz32(uint32_t a)
{
    return a ? (unsigned)__builtin_clz(a) : 32;
}
static inline unsigned op_ctz32(uint32_t a)
{
    return a ? (unsigned)__builtin_ctz(a) : 32;
}
static inline uint64_t op_rol64(uint64_t a, unsigned n)
{
    return a << (n & 63) | a >> (-n & 63);
}
static inline uint32_t op_rol32(uint32_t a, unsigned n)
{
    return a << (n & 31) | a >> (-n & 31);
}

/* orc.b: each byte becomes 0xff unless it is 0. */
static inline uint64_t op_orc_b(uint64_t a)
{
    uint64_t low = 0x7f7f7f7f7f7f7f7full;
    uint64_t high = (((a & low) + low) | a) & ~low; /* bit 7 of each byte: not zero */
    return (high >> 7) * 0xff;
}

/* Zbc: carry-less product of two `bits`-wide values, all 2 * bits of it. */
static inline unsigned __int128 op_clmul_wide(uint64_t a, uint64_t b)
{
    unsigned __int128 product = 0;
    for (; b; b &= b - 1)
        product ^= (unsigned __int128)a << __builtin_ctzll(b);
    return product;
}

#endif
