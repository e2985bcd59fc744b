/* SPDX-License-Identifier: MIT
 *
 * The features of x86-64 beyond SSE2 that this host has. They are determined once, when a translator is made
 * (dbt->host). Tests may take a feature away there.
 */
#ifndef DBT_X86_FEATURES_H
#define DBT_X86_FEATURES_H

#include <stdbool.h>

struct x86_features {
    /* x86-64-v3: AVX, FMA3, F16C, BMI1, BMI2, LZCNT, POPCNT, and the system keeps AVX state. The VEX forms
     * (vex.h) and regions need it. */
    bool v3;
    bool avx2;                      /* and v3 */
    bool avx512;                    /* and avx2: F, VL, BW and DQ (evex.h) */
    bool avx512_vbmi, avx512_vbmi2; /* and avx512: permutations, and packing, of bytes and words */
    bool avx512_bits;        /* and avx512: population counts (BITALG, VPOPCNTDQ), leading zeros (CD) */
    bool avx512_polynomials; /* and avx512: GFNI, VPCLMULQDQ */
    bool avx512_aes;         /* and avx512: VAES */
    bool aes, bmi, fma, lzcnt, pclmul, popcnt, sha, sse41, ssse3;
};

struct x86_features x86_features(void);
/* For tests: as if the host had nothing beyond AVX2. */
void x86_features_without_avx512(struct x86_features *host);

#endif
