/* SPDX-License-Identifier: MIT
 *
 * A page is used for other code than before, without fence.i (Unpriv. "Zifencei Extension for
 * Instruction-Fetch Fence"): xv6 and its children load programs this way. Before they reach the program they
 * execute an sfence.vma of everything, which by default fences code as well. fence.i does so in any case.
 */
#include "plic.h"

const char test_name[] = "code";

#define TIMES 300 /* hot enough for every translator */

static uint32_t page[1024] __attribute__((aligned(4096)));

static uintptr_t value_after(unsigned value, bool sfence)
{
    page[0] = LI(A0, value);
    page[1] = RET;
    if (sfence)
        __asm__ volatile("sfence.vma" ::: "memory");
    else
        __asm__ volatile("fence.i" ::: "memory");
    return ((uintptr_t(*)(void))(uintptr_t)page)();
}

static void test_fence(bool sfence, const char *name)
{
    unsigned wrong = 0;
    for (unsigned n = 0; n < TIMES; n++)
        wrong += value_after(n, sfence) != n;
    check_equal(wrong, 0, name);
}

void test_main(void)
{
    test_fence(false, "fence.i");
    if (!STRICT)
        test_fence(true, "sfence.vma");
}
