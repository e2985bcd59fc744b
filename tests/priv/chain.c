/* SPDX-License-Identifier: MIT
 *
 * Jumps and calls that only go forward, each into the next of very many virtual pages, all of which are one
 * page of memory. If a translator relied on the backward jump of every loop, here it would neither notice
 * interrupts nor the end of its own stack.
 */
#include "vm.h"

const char test_name[] = "chain";

#if XLEN == 64
#define TOP   2
#define FIRST 0x140000000ul
#define TOPS  240 /* of 1 GiB: 62 million pages */
#define COUNT 1500000u
#else
#define TOP   1
#define FIRST DATA_VA
#define TOPS  128 /* of 4 MiB */
#define COUNT 120000u
#endif

/* jal rd, 0xff4 */
#define JAL_NEXT(rd) (0x3fau << 21 | 1u << 20 | (uint32_t)(rd) << 7 | 0x6f)

/* Makes every entry of a level a copy of the first one. */
static void repeat(unsigned level, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        *vm_pte(FIRST + i * vm_page_size(level), level) = *vm_pte(FIRST, level);
}

static void map_chain(void)
{
    vm_begin(vm_mode(0));
    vm_map(FIRST, DATA(1), PTE_RWX, 0);
    repeat(0, PAGE / sizeof(uintptr_t));
    for (unsigned level = 1; level < TOP; level++)
        repeat(level, PAGE / sizeof(uintptr_t));
    repeat(TOP, TOPS);
    vm_on(0);
}

/* The code goes from page to page, a1 times, by `jump`, and counts in a0; a2 has the return address. */
static void put_page(uint32_t jump)
{
    const uint32_t code[] = {
        ADDI(A0, A0, 1),
        ADDI(A1, A1, -1),
        0x00058463, /* beqz a1, 8 */
        jump,
        JALR(ZERO, A2, 0),
    };
    for (unsigned i = 0; i < sizeof(code) / sizeof(code[0]); i++)
        ((volatile uint32_t *)DATA(1))[i] = code[i];
    ((volatile uint32_t *)DATA(1))[16] = ADDI(A2, RA, 0);
    ((volatile uint32_t *)DATA(1))[17] = 0xfbdff06f; /* j -68 */
    __asm__ volatile("fence.i" ::: "memory");
}

static void test_chain(uint32_t jump, const char *name)
{
    put_page(jump);
    struct trap trap = run(MODE_S, FIRST + 64, ARGS(0, COUNT));
    check_cause(&trap, CAUSE_NONE, name);
    check_equal(trap.x[A0], COUNT, name);
}

#if XLEN == 64
/* The interrupt comes long before the end: the whole chain takes seconds. */
static void test_interrupt(uint32_t jump, const char *name)
{
    const uintptr_t count = TOPS * (vm_page_size(TOP) / PAGE) - 1;
    put_page(jump);
    clint_set_mtimecmp(0, clint_mtime() + 10000); /* 1 ms */
    csr_write(CSR_MIE, 1 << IRQ_MTI);
    struct trap trap = run(MODE_S, FIRST + 64, ARGS(0, count));
    csr_write(CSR_MIE, 0);
    clint_set_mtimecmp(0, UINT64_MAX);
    check_equal(trap.cause, INTERRUPT(IRQ_MTI), name);
    check_true(trap.x[A0] < count / 2, name);
}
#endif

void test_main(void)
{
    map_chain();
    test_chain(JAL_NEXT(RA), "calls");
    test_chain(JAL_NEXT(ZERO), "jumps");
#if XLEN == 64
    test_interrupt(JAL_NEXT(RA), "interrupt-among-calls");
    test_interrupt(JAL_NEXT(ZERO), "interrupt-among-jumps");
#endif
}
