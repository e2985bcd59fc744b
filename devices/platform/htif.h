/* SPDX-License-Identifier: MIT
 *
 * HTIF, the "host-target interface" of the simulator Spike and of Berkeley's old boards. A guest writes a
 * command to the 64-bit word `tohost`, and finds answers in `fromhost`, which it clears when it has read one:
 *
 *     63      56 55      48 47                       0
 *     | device  | command  | payload                 |
 *
 *     device 0, command 0   bit 0 of the payload set: the program ends with the exit code in the other bits.
 *                           Clear: the address of 8 words, number and arguments of a system call that the
 *                           frontend server makes for the guest; the result goes to the first word
 *     device 1, command 0   asks for a key; the answer comes when there is one
 *     device 1, command 1   writes the byte in the payload to the console
 *
 * The two words are registers of the device, or words of RAM that an ELF file's symbols name. The second is
 * what programs for Spike expect: they lie anywhere in the program's data.
 */
#ifndef DEVICES_PLATFORM_HTIF_H
#define DEVICES_PLATFORM_HTIF_H

#include "devices/char/chardev.h"
#include "devices/device.h"
#include "util/clock.h"

#define HTIF_CALL_WORDS 8

struct htif_config {
    /* The console; attached here. Its owner destroys it, before the device. */
    struct chardev *chardev;
    struct dma *dma;           /* guest memory, for the system calls and for words in RAM */
    struct clock *clock;       /* outlives the device */
    bool in_ram;               /* the words are at these addresses, multiples of 8 */
    uint64_t tohost, fromhost; /* fromhost 0: the program takes no answers */
    /* Else: where the board has the registers, for the device tree: fromhost, and 8 bytes on tohost. */
    uint64_t base;
    /* The guest ends itself. On a hart's thread, or the clock's; it must only note that and return. */
    void (*exit)(void *opaque, unsigned status);
    /* Makes a system call other than those on the console and the exit: words[0] is its number, the others
     * are its arguments. Returns its result, or -errno. On a hart's thread, or the clock's, with no lock
     * held. */
    int64_t (*call)(void *opaque, const uint64_t words[HTIF_CALL_WORDS]);
    void *opaque;
};

/* NULL, with *error filled: the words are not in RAM or not aligned, or memory is short. */
struct device *htif_create(const struct htif_config *config, struct error *error);
/* A hart has stored to words in RAM, or near them. On the hart's thread. */
void htif_stored(struct device *device, uint64_t paddr, unsigned size);

#endif
