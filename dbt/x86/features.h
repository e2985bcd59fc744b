/* SPDX-License-Identifier: MIT
 *
 * What of x86-64 this host has beyond SSE2, asked once when a translator is made (dbt->host). Tests may take
 * a feature away from there.
 */
#ifndef DBT_X86_FEATURES_H
#define DBT_X86_FEATURES_H

#include <stdbool.h>

struct x86_features {
    /* x86-64-v3: AVX, FMA3, F16C, BMI1, BMI2, LZCNT, POPCNT, and the system keeps AVX state. The VEX forms
     * (vex.h) and regions need it. */
    bool v3;
    bool avx2; /* and v3 */
    bool aes, bmi, fma, lzcnt, pclmul, popcnt, sse41, ssse3;
};

struct x86_features x86_features(void);

#endif
