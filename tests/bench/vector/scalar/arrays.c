// SPDX-License-Identifier: MIT
// Pixels, sums and partitions in plain C.
#include <string.h>

#include "../kernels.h"

void kernel_grey(size_t pixels, const uint8_t *restrict rgb, uint8_t *restrict grey)
{
    for (size_t i = 0; i < pixels; i++)
        grey[i] = (uint8_t)((77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2] + 128) >> 8);
}

void kernel_yuv(size_t pixels, const uint8_t *restrict rgb, uint8_t *restrict y, uint8_t *restrict u,
                uint8_t *restrict v)
{
    for (size_t i = 0; i < pixels; i++) {
        int r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
        y[i] = (uint8_t)((66 * r + 129 * g + 25 * b + 128 + (16 << 8)) >> 8);
        u[i] = (uint8_t)((-38 * r - 74 * g + 112 * b + 128 + (128 << 8)) >> 8);
        v[i] = (uint8_t)((112 * r - 94 * g - 18 * b + 128 + (128 << 8)) >> 8);
    }
}

void kernel_prefix(size_t count, const uint32_t *restrict numbers, uint32_t *restrict sums)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sums[i] = sum += numbers[i];
}

void kernel_update(size_t count, float limit, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++)
        if (x[i] > limit)
            y[i] = x[i] - y[i];
}

void kernel_histogram(size_t count, const uint8_t *bytes, uint32_t bins[256], uint32_t *scratch)
{
    (void)scratch;
    memset(bins, 0, 256 * sizeof *bins);
    for (size_t i = 0; i < count; i++)
        bins[bytes[i]]++;
}

size_t kernel_partition(uint32_t *restrict keys, size_t count, uint32_t pivot, uint32_t *restrict spare)
{
    size_t low = 0, high = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t key = keys[i];
        if (key < pivot)
            keys[low++] = key;
        else
            spare[high++] = key;
    }
    memcpy(keys + low, spare, high * sizeof *keys);
    return low;
}
