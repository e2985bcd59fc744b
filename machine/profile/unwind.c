/* SPDX-License-Identifier: MIT
 *
 * Callers of guest code, found without debug information. Code that keeps a frame pointer (Linux does) has
 * the return address and the caller's s0 below the address in s0 (psABI, "Frame Pointer Convention"). An
 * address is taken as a return address if there is a call before it. A function that calls nothing has not
 * stored its own return address. In that case the caller is in ra, if there is a call before that address and
 * the first frame does not contain the same one.
 */
#include "cpu/hart_view.h"
#include "machine/profile/internal.h"

enum { REG_RA = 1, REG_SP = 2, REG_S0 = 8 };
#define STACK_MAX (UINT64_C(1) << 20) /* a frame is at most this many bytes away from the one before */

/* Is there a jal ra, jalr ra, c.jalr (or on RV32 c.jal) before the address? */
static bool after_call(struct hart *hart, uint64_t addr)
{
    uint8_t bytes[4];
    if (addr & 1 || addr < 4 || hart_view_read(hart, addr - 4, bytes, 4) != 4)
        return false;
    uint32_t word = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    uint32_t half = word >> 16;
    if ((word & 0xfff) == 0x0ef || (word & 0x7fff) == 0x00e7)
        return true;
    return (half & 0xf07f) == 0x9002 ? (half >> 7 & 31) != 0
                                     : hart_view_isa(hart)->xlen == 32 && (half & 0xe003) == 0x2001;
}

static bool read_word(struct hart *hart, uint64_t addr, uint64_t *value)
{
    size_t size = hart_view_isa(hart)->xlen / 8;
    *value = 0;
    return hart_view_read(hart, addr, value, size) == size;
}

unsigned profile_unwind(struct hart *hart, uint64_t frames[PROFILE_DEPTH])
{
    unsigned size = hart_view_isa(hart)->xlen / 8, count = 0;
    uint64_t sp = hart_view_x(hart, REG_SP), fp = hart_view_x(hart, REG_S0), ra = hart_view_x(hart, REG_RA),
             stored;
    frames[count++] = hart_view_pc(hart);
    bool framed = fp % size == 0 && fp - sp < STACK_MAX && fp > sp && read_word(hart, fp - size, &stored);
    if (after_call(hart, ra) && !(framed && stored == ra))
        frames[count++] = ra - 1; /* an address in the call, not behind it */
    /* A leaf that keeps a frame pointer stores the caller's s0 where the return address would be. */
    if (framed && !after_call(hart, stored) && stored > fp && stored - fp < STACK_MAX)
        fp = stored;
    while (framed && count < PROFILE_DEPTH) {
        uint64_t return_to, above;
        if (fp % size || !read_word(hart, fp - size, &return_to) || !read_word(hart, fp - 2 * size, &above) ||
            !after_call(hart, return_to))
            break;
        if (return_to - 1 != frames[count - 1])
            frames[count++] = return_to - 1;
        if (above <= fp || above - fp > STACK_MAX)
            break;
        fp = above;
    }
    return count;
}
