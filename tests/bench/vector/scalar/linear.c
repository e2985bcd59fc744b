// SPDX-License-Identifier: MIT
// Linear algebra and half precision in plain C.
#include <string.h>

#include "../kernels.h"

void kernel_saxpy(size_t count, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = __builtin_fmaf(a, x[i], y[i]);
}

void kernel_daxpy(size_t count, double a, const double *restrict x, double *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = __builtin_fma(a, x[i], y[i]);
}

void kernel_sgemm(size_t side, const float *restrict a, const float *restrict b, float *restrict c)
{
    memset(c, 0, side * side * sizeof *c);
    for (size_t row = 0; row < side; row++)
        for (size_t k = 0; k < side; k++)
            for (size_t column = 0; column < side; column++)
                c[row * side + column] =
                    __builtin_fmaf(a[row * side + k], b[k * side + column], c[row * side + column]);
}

void kernel_dgemm(size_t side, const double *restrict a, const double *restrict b, double *restrict c)
{
    memset(c, 0, side * side * sizeof *c);
    for (size_t row = 0; row < side; row++)
        for (size_t k = 0; k < side; k++)
            for (size_t column = 0; column < side; column++)
                c[row * side + column] =
                    __builtin_fma(a[row * side + k], b[k * side + column], c[row * side + column]);
}

int32_t kernel_dot_i8(const int8_t *a, const int8_t *b, size_t count)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

// Converts one number to half precision, in integers: no compiler for RV64GC has a type for it.
static inline uint16_t to_half(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x477ff000) // 65520 and more are infinite
        return (uint16_t)(sign | 0x7c00);
    if (magnitude >= 0x38800000) // 2^-14 and more are normal: with another bias and ten bits of fraction
        return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
    // A multiple of 2^-24, which is the unit of the last place of 0.5.
    float shifted;
    memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    memcpy(&bits, &shifted, sizeof bits);
    return (uint16_t)(sign | (bits - 0x3f000000));
}

static inline float from_half(uint16_t half)
{
    uint32_t bits = (half & 0x7fffu) << 13;
    if (bits >= 0x0f800000) // infinite
        bits += 0x70000000;
    else if (bits >= 0x00800000)
        bits += 0x38000000;
    else { // a subnormal: a multiple of 2^-24
        float small = (float)(half & 0x3ff) * 0x1p-24f;
        memcpy(&bits, &small, sizeof bits);
    }
    bits |= (uint32_t)(half & 0x8000) << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

void kernel_to_half(size_t count, const float *restrict from, uint16_t *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = to_half(from[i]);
}

void kernel_from_half(size_t count, const uint16_t *restrict from, float *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from_half(from[i]);
}
