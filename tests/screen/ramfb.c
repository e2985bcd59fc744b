// SPDX-License-Identifier: MIT
// Firmware of a few lines: finds etc/ramfb in fw_cfg, sets up its screen with it, and draws the picture of
// pattern.h. After a while, so that the viewer has time to look, it draws a square.
#include <stdint.h>

#include "pattern.h"

#define FW_CFG 0x10100000u
#define WIDTH  600u
#define HEIGHT 400u

// The program's start; hart 0 runs it on a stack of its own.
__asm__(".text\n"
        ".globl _start\n"
        "_start: la sp, stack + 16384\n"
        "call main\n"
        "1: wfi\n"
        "j 1b\n");
uint8_t stack[16384] __attribute__((aligned(16)));
void main(void);

static uint32_t pixels[WIDTH * HEIGHT];
static volatile struct {
    uint32_t control, length;
    uint64_t address;
} __attribute__((aligned(16))) block;
static struct {
    uint64_t address;
    uint32_t fourcc, flags, width, height, stride;
} __attribute__((packed)) file;

static uint8_t next_byte(void)
{
    return *(volatile uint8_t *)(uintptr_t)FW_CFG;
}

static uint32_t next_word(void)
{
    uint32_t value = 0;
    for (int n = 0; n < 4; n++)
        value = value << 8 | next_byte();
    return value;
}

// The key of the file: item 0x19 lists {size, key and 16 unused bits, name of 56 bytes}. 0: there is no such
// file.
static uint32_t find_key(void)
{
    static const char name[] = "etc/ramfb";
    *(volatile uint16_t *)(uintptr_t)(FW_CFG + 8) = __builtin_bswap16(0x19);
    for (uint32_t count = next_word(); count; count--) {
        next_word();
        uint32_t key = next_word() >> 16, same = 1;
        for (unsigned n = 0; n < 56; n++) {
            uint8_t byte = next_byte();
            if (n < sizeof(name) && byte != name[n])
                same = 0;
        }
        if (same)
            return key;
    }
    return 0;
}

static void draw(uint32_t squares)
{
    for (uint32_t n = 0; n < WIDTH * HEIGHT; n++)
        pixels[n] = pattern_pixel(n % WIDTH, n / WIDTH, WIDTH, HEIGHT, squares);
}

void main(void)
{
    uint32_t key = find_key();
    draw(0);
    file.address = __builtin_bswap64((uintptr_t)pixels);
    file.fourcc = __builtin_bswap32(0x34325258);
    file.width = __builtin_bswap32(WIDTH);
    file.height = __builtin_bswap32(HEIGHT);
    block.control = __builtin_bswap32(key << 16 | 8 | 16);
    block.length = __builtin_bswap32(sizeof(file));
    block.address = __builtin_bswap64((uintptr_t)&file);
    __asm__ volatile("fence" ::: "memory");
    *(volatile uint64_t *)(uintptr_t)(FW_CFG + 16) = __builtin_bswap64((uintptr_t)&block);
    // 6 s of the 10 MHz clock.
    volatile uint64_t *mtime = (volatile uint64_t *)(uintptr_t)0x200bff8;
    for (uint64_t start = *mtime; *mtime - start < 60000000;)
        ;
    draw(1);
}
