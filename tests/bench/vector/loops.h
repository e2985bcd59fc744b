// SPDX-License-Identifier: MIT
// Loops as programs have them, which the compiler shall vectorize. They exist once, in compiled/: the builds
// with and without vectors differ only in the compiler and its options. A loop without a result returns 0.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct loop_point {
    float x, y, z;
};

uint64_t loop_add(size_t n, const uint32_t *a, const uint32_t *b, uint32_t *to);
uint64_t loop_scale(size_t n, const uint64_t *a, uint64_t *to);
uint64_t loop_sum(size_t n, const int32_t *a);
uint64_t loop_maximum(size_t n, const int32_t *a);
uint64_t loop_condition(size_t n, const uint32_t *a, const uint32_t *b, uint32_t *to);
uint64_t loop_saturate(size_t n, const uint8_t *a, const uint8_t *b, uint8_t *to);
uint64_t loop_widen(size_t n, const int16_t *a, const int16_t *b, int32_t *to);
uint64_t loop_narrow(size_t n, const int32_t *a, int16_t *to);
uint64_t loop_stride(size_t n, const int32_t *a, int32_t *to);
uint64_t loop_gather(size_t n, const int32_t *a, const uint32_t *index, int32_t *to);
uint64_t loop_reverse(size_t n, const int32_t *a, int32_t *to);
uint64_t loop_complex(size_t n, const float *a, const float *b, float *to);
uint64_t loop_difference(size_t n, const uint8_t *a, const uint8_t *b);
uint64_t loop_count(size_t n, const uint8_t *a);
uint64_t loop_polynomial(size_t n, const double *a, double *to);
uint64_t loop_convert(size_t n, const int32_t *a, float *to);
uint64_t loop_clamp(size_t n, const float *a, float *to);
uint64_t loop_mix(size_t n, const uint64_t *a, uint64_t *to);
uint64_t loop_stencil(size_t n, const float *a, float *to);
uint64_t loop_lengths(size_t n, const struct loop_point *a, float *to);
