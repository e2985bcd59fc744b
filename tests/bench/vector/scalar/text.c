// SPDX-License-Identifier: MIT
// Base64 and the validation of UTF-8 in plain C.
#include "../kernels.h"

void kernel_base64(size_t bytes, const uint8_t *restrict from, char *restrict to)
{
    static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i + 3 <= bytes; i += 3, from += 3, to += 4) {
        uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = digits[bits >> 18];
        to[1] = digits[bits >> 12 & 63];
        to[2] = digits[bits >> 6 & 63];
        to[3] = digits[bits & 63];
    }
}

// Unicode 15, table 3-7: the second byte's range depends on the first.
bool kernel_utf8(const uint8_t *text, size_t bytes)
{
    const uint8_t *end = text + bytes;
    while (text < end) {
        uint8_t first = *text++, low = 0x80, high = 0xbf;
        unsigned more;
        if (first < 0x80)
            continue;
        if (first >= 0xc2 && first <= 0xdf)
            more = 1;
        else if (first >= 0xe0 && first <= 0xef)
            more = 2;
        else if (first >= 0xf0 && first <= 0xf4)
            more = 3;
        else
            return false;
        if (first == 0xe0)
            low = 0xa0;
        else if (first == 0xed)
            high = 0x9f;
        else if (first == 0xf0)
            low = 0x90;
        else if (first == 0xf4)
            high = 0x8f;
        for (; more; more--, low = 0x80, high = 0xbf)
            if (text == end || *text < low || *text++ > high)
                return false;
    }
    return true;
}
