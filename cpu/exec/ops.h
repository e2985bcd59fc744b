/* SPDX-License-Identifier: MIT
 *
 * Integer operations that need more than one C expression, each defined once, for the interpreter. There are
 * 64-bit forms, and 32-bit ones (suffix 32) for RV32 and the W instructions.
 */
#ifndef CPU_EXEC_OPS_H
#define CPU_EXEC_OPS_H

#include <stdint.h>

/* "M" Extension: division by zero gives all ones (remainder: the dividend); overflow gives the dividend
 * (0). */
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

/* Zbb: for zero the result is the register's width. */
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
    uint64_t high = (((a & low) + low) | a) & ~low; /* bit 7 of each byte: the byte is not zero */
    return (high >> 7) * 0xff;
}

/* Zbc: the whole carry-less product, of 2 * bits bits, of two values of `bits` bits. */
static inline unsigned __int128 op_clmul_wide(uint64_t a, uint64_t b)
{
    unsigned __int128 product = 0;
    for (; b; b &= b - 1)
        product ^= (unsigned __int128)a << __builtin_ctzll(b);
    return product;
}

/* Zbkb: reverses the bits of each byte. The low half of the result is right for RV32. */
static inline uint64_t op_brev8(uint64_t a)
{
    a = (a >> 4 & 0x0f0f0f0f0f0f0f0full) | (a & 0x0f0f0f0f0f0f0f0full) << 4;
    a = (a >> 2 & 0x3333333333333333ull) | (a & 0x3333333333333333ull) << 2;
    return (a >> 1 & 0x5555555555555555ull) | (a & 0x5555555555555555ull) << 1;
}

/* Zbkb, RV32: bit i of the low half goes to bit 2 i, and bit i of the high half to bit 2 i + 1; op_unzip32
 * does the opposite. */
static inline uint32_t op_zip(uint32_t a)
{
    uint32_t result = 0;
    for (unsigned i = 0; i < 16; i++)
        result |= (a >> i & 1) << 2 * i | (a >> (i + 16) & 1) << (2 * i + 1);
    return result;
}
static inline uint32_t op_unzip(uint32_t a)
{
    uint32_t result = 0;
    for (unsigned i = 0; i < 16; i++)
        result |= (a >> 2 * i & 1) << i | (a >> (2 * i + 1) & 1) << (i + 16);
    return result;
}

/* Zbkx: each element (of `width` bits) of `numbers` is replaced by the element of `table` with this number,
 * or by 0 if `xlen` bits have no such element. */
static inline uint64_t op_xperm(uint64_t table, uint64_t numbers, unsigned xlen, unsigned width)
{
    uint64_t result = 0, mask = (1ull << width) - 1;
    for (unsigned at = 0; at < xlen; at += width) {
        uint64_t from = (numbers >> at & mask) * width;
        result |= (from < xlen ? table >> from & mask : 0) << at;
    }
    return result;
}

/* Zkne, Zknd: two words of the key schedule; the last word before them is the high half of rs1. */
static inline uint64_t op_aes64ks2(uint64_t a, uint64_t b)
{
    uint64_t both = b ^ a >> 32; /* the low word is complete */
    return both ^ both << 32;
}

/* Zknh, Zksh: rotations to the right by two or three numbers, or by two and a shift. */
static inline uint32_t op_sha256_sig0(uint32_t a)
{
    return op_rol32(a, 32 - 7) ^ op_rol32(a, 32 - 18) ^ a >> 3;
}
static inline uint32_t op_sha256_sig1(uint32_t a)
{
    return op_rol32(a, 32 - 17) ^ op_rol32(a, 32 - 19) ^ a >> 10;
}
static inline uint32_t op_sha256_sum0(uint32_t a)
{
    return op_rol32(a, 32 - 2) ^ op_rol32(a, 32 - 13) ^ op_rol32(a, 32 - 22);
}
static inline uint32_t op_sha256_sum1(uint32_t a)
{
    return op_rol32(a, 32 - 6) ^ op_rol32(a, 32 - 11) ^ op_rol32(a, 32 - 25);
}
static inline uint64_t op_sha512_sig0(uint64_t a)
{
    return op_rol64(a, 64 - 1) ^ op_rol64(a, 64 - 8) ^ a >> 7;
}
static inline uint64_t op_sha512_sig1(uint64_t a)
{
    return op_rol64(a, 64 - 19) ^ op_rol64(a, 64 - 61) ^ a >> 6;
}
static inline uint64_t op_sha512_sum0(uint64_t a)
{
    return op_rol64(a, 64 - 28) ^ op_rol64(a, 64 - 34) ^ op_rol64(a, 64 - 39);
}
static inline uint64_t op_sha512_sum1(uint64_t a)
{
    return op_rol64(a, 64 - 14) ^ op_rol64(a, 64 - 18) ^ op_rol64(a, 64 - 41);
}
static inline uint32_t op_sm3_p0(uint32_t a)
{
    return a ^ op_rol32(a, 9) ^ op_rol32(a, 17);
}
static inline uint32_t op_sm3_p1(uint32_t a)
{
    return a ^ op_rol32(a, 15) ^ op_rol32(a, 23);
}

#endif
