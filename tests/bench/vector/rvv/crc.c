// SPDX-License-Identifier: MIT
// CRC-32 by Zvbc: the C part around kernel_crc_fold() of crc.S. A message is a polynomial over GF(2), and its
// CRC is its remainder by P, of degree 32. Folding takes 16 bytes for each lane from the front of the
// message, multiplies them by x^D mod P, and adds them to the bytes D bits further on, which leaves the
// remainder unchanged. What is left in the end is done by the table of the scalar form.
#include "../kernels.h"

enum { POLYNOMIAL = (int)0xedb88320, MOST_LANES = 32 };

size_t kernel_crc_lanes(void);
const uint8_t *kernel_crc_fold(uint8_t *state, const uint8_t *data, size_t folds, uint64_t low,
                               uint64_t high);

static uint32_t table[256];
static uint64_t fold_low, fold_high;

// x^n mod P, with the bit of x^0 on top.
static uint32_t power_of_x(unsigned n)
{
    uint32_t value = UINT32_C(1) << 31;
    while (n--)
        value = value >> 1 ^ (value & 1 ? (uint32_t)POLYNOMIAL : 0);
    return value;
}

// The low half of a lane has the terms of higher degree. The product of reflected numbers of 64 and 33 bits
// is the reflected product of 97 bits, but one bit lower; so the factors are one bit higher.
void kernel_crc_setup(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? (uint32_t)POLYNOMIAL : 0);
        table[byte] = crc;
    }
    unsigned distance = (unsigned)kernel_crc_lanes() * 128;
    fold_low = (uint64_t)power_of_x(distance + 32) << 1;
    fold_high = (uint64_t)power_of_x(distance - 32) << 1;
}

static uint32_t by_table(uint32_t crc, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
    return crc;
}

uint32_t kernel_crc(uint32_t crc, const uint8_t *data, size_t bytes)
{
    static uint8_t state[MOST_LANES * 16];
    size_t width = kernel_crc_lanes() * 16, folds = bytes / width;
    crc = ~crc;
    if (folds >= 2) {
        kernel_memcpy(state, data, width);
        for (unsigned i = 0; i < 4; i++)
            state[i] ^= (uint8_t)(crc >> 8 * i);
        const uint8_t *rest = kernel_crc_fold(state, data + width, folds - 1, fold_low, fold_high);
        crc = by_table(0, state, width);
        bytes -= (size_t)(rest - data);
        data = rest;
    }
    return ~by_table(crc, data, bytes);
}
