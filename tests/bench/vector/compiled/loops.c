// SPDX-License-Identifier: MIT
// Loops of twenty kinds that a compiler can vectorize.
#include "../loops.h"

uint64_t loop_add(size_t n, const uint32_t *restrict a, const uint32_t *restrict b, uint32_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = a[i] + b[i];
    return 0;
}

uint64_t loop_scale(size_t n, const uint64_t *restrict a, uint64_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = a[i] * 12345 + 678;
    return 0;
}

uint64_t loop_sum(size_t n, const int32_t *a)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i];
    return (uint64_t)sum;
}

uint64_t loop_maximum(size_t n, const int32_t *a)
{
    int32_t most = a[0];
    for (size_t i = 1; i < n; i++)
        most = a[i] > most ? a[i] : most;
    return (uint32_t)most;
}

uint64_t loop_condition(size_t n, const uint32_t *restrict a, const uint32_t *restrict b,
                        uint32_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] > b[i])
            to[i] = a[i] - 2 * b[i];
    return 0;
}

uint64_t loop_saturate(size_t n, const uint8_t *restrict a, const uint8_t *restrict b, uint8_t *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        unsigned sum = a[i] + b[i];
        to[i] = sum > 255 ? 255 : (uint8_t)sum;
    }
    return 0;
}

uint64_t loop_widen(size_t n, const int16_t *restrict a, const int16_t *restrict b, int32_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = a[i] * b[i];
    return 0;
}

uint64_t loop_narrow(size_t n, const int32_t *restrict a, int16_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (int16_t)(a[i] >> 7);
    return 0;
}

uint64_t loop_stride(size_t n, const int32_t *restrict a, int32_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = a[5 * i] ^ 0x55;
    return 0;
}

uint64_t loop_gather(size_t n, const int32_t *restrict a, const uint32_t *restrict index,
                     int32_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = a[index[i]];
    return 0;
}

uint64_t loop_reverse(size_t n, const int32_t *restrict a, int32_t *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = a[n - 1 - i];
    return 0;
}

uint64_t loop_complex(size_t n, const float *restrict a, const float *restrict b, float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];
        to[2 * i + 1] = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
    }
    return 0;
}

uint64_t loop_difference(size_t n, const uint8_t *a, const uint8_t *b)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int difference = a[i] - b[i];
        sum += (uint32_t)(difference < 0 ? -difference : difference);
    }
    return sum;
}

uint64_t loop_count(size_t n, const uint8_t *a)
{
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += a[i] == 'e';
    return count;
}

uint64_t loop_polynomial(size_t n, const double *restrict a, double *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (((a[i] * 0.25 + 0.5) * a[i] - 1.5) * a[i] + 3) * a[i] - 7;
    return 0;
}

uint64_t loop_convert(size_t n, const int32_t *restrict a, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)a[i] * 0.001f;
    return 0;
}

uint64_t loop_clamp(size_t n, const float *restrict a, float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        float value = a[i];
        value = value < -100 ? -100 : value;
        to[i] = value > 200 ? 200 : value;
    }
    return 0;
}

uint64_t loop_mix(size_t n, const uint64_t *restrict a, uint64_t *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = a[i];
        value ^= value << 13;
        value ^= value >> 7;
        to[i] = value ^ value << 17;
    }
    return 0;
}

uint64_t loop_stencil(size_t n, const float *restrict a, float *restrict to)
{
    for (size_t i = 1; i + 1 < n; i++)
        to[i] = (a[i - 1] + 2 * a[i] + a[i + 1]) * 0.25f;
    return 0;
}

uint64_t loop_lengths(size_t n, const struct loop_point *restrict a, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = __builtin_sqrtf(a[i].x * a[i].x + a[i].y * a[i].y + a[i].z * a[i].z);
    return 0;
}
