/* SPDX-License-Identifier: MIT
 *
 * The picture that the guest draws and the host expects. Every row and column differs from its neighbours, so
 * that a picture that is shifted, scaled or mixed up differs; each key that was pressed changes a square.
 */
#ifndef TESTS_SCREEN_PATTERN_H
#define TESTS_SCREEN_PATTERN_H

#include <stdint.h>

#define PATTERN_SQUARE 24u /* pixels */

/* The pixel (xRGB8888) of a picture with `squares` squares in its top left corner. */
static inline uint32_t pattern_pixel(uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                                     uint32_t squares)
{
    if (y < PATTERN_SQUARE && x < squares * PATTERN_SQUARE)
        return (x / PATTERN_SQUARE & 1) ? 0xffe000 : 0x0040ff;
    uint32_t red = x * 255 / (width - 1), green = y * 255 / (height - 1);
    uint32_t blue = (x ^ y) & 31;
    return red << 16 | green << 8 | blue << 3;
}

#endif
