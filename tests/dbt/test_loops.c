/* SPDX-License-Identifier: MIT
 *
 * Random loops around loads and stores by pointers that move in every way: by constants of 64 and of 32 bits,
 * forward and backward, by registers, by extensions, set anew on some paths, over page borders, around the
 * end of the address space, into pages that are missing or may not be stored to. The optimiser leaves out
 * checks if pointers move evenly. Each tier must leave the same registers, memory and log of traps as the
 * interpreter; in addition each access is compared with the MMU (-accel ...,check=on).
 *
 * Virtual pages whose addresses differ only in their upper half lie in different physical pages. So a check
 * that was made for another address is noticed even if the page is mapped. On RV32 all arithmetic has 32
 * bits, and there are pages on either side of the place where addresses wrap.
 *
 * RVIVE_SEED=N: the first seed; RVIVE_LOOPS=N: how many programs (a failure names its seed);
 * RVIVE_LOOPS_XLEN=32: loops of RV32.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dbt/guest.h"
#include "tests/suite.h"

#define LOOPS_DEFAULT 80
#define CODE          (START + 0x1000)
#define ROOT          (RAM_BASE + 0x280000) /* page tables: the root, then two for each window */
#define WINDOW_PAGES  4
#define PATTERN       (RAM_BASE + 0x2c0000) /* physical pages of the windows */

static uint64_t state;

static unsigned below(unsigned limit)
{
    return guest_random(&state, limit);
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* ---- The address space --------------------------------------------------------------------------------- */

/* Where pointers begin. In three of them the low 32 bits are the same: word arithmetic leads from one into
 * another. The last two lie at the borders of the canonical addresses. */
static const uint64_t windows_64[] = { 0x1040200000, 0xffffffff40200000, 0x3f40200000,      0x40200000,
                                       0x3fffffc000, 0xffffffc000000000, 0xffffffffffffc000 };
/* RV32: around the end of the address space, too. */
static const uint64_t windows_32[] = { 0, 0xffffc000, 0x40200000, 0x3fffc000 };

static uint64_t window(unsigned number)
{
    return guest_xlen == 64 ? windows_64[number] : windows_32[number];
}

static unsigned window_count(void)
{
    return (unsigned)(guest_xlen == 64 ? sizeof(windows_64) : sizeof(windows_32)) / sizeof(uint64_t);
}

/* Of a page table: the bytes of an entry, the bits of an index. */
#define ENTRY (guest_xlen / 8)
#define LEVEL (guest_xlen == 64 ? 9 : 10)

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_AD = 0xc0 };

static void set_entry(struct guest *guest, uint64_t table, uint64_t index, uint64_t paddr, unsigned flags)
{
    uint64_t entry = paddr >> 12 << 10 | flags;
    memcpy(guest->ram + (table - RAM_BASE) + ENTRY * (index & ((1u << LEVEL) - 1)), &entry, ENTRY);
}

/* The next level's table below an entry; it is made if necessary. */
static uint64_t table_below(struct guest *guest, uint64_t table, uint64_t index, uint64_t *free_page)
{
    uint64_t entry = 0;
    memcpy(&entry, guest->ram + (table - RAM_BASE) + ENTRY * (index & ((1u << LEVEL) - 1)), ENTRY);
    if (!entry) {
        entry = *free_page >> 12 << 10 | PTE_V;
        set_entry(guest, table, index, *free_page, PTE_V);
        *free_page += PAGE_SIZE;
    }
    return entry >> 10 << 12;
}

/* Maps the port and the program by large pages, to their own addresses. */
static void map_program(struct guest *guest)
{
    unsigned shift = 12 + (guest_xlen == 64 ? 2 : 1) * LEVEL;
    uint64_t large = UINT64_C(1) << shift;
    set_entry(guest, ROOT, PORT >> shift, PORT & ~(large - 1), PTE_V | PTE_R | PTE_W | PTE_AD);
    for (uint64_t at = RAM_BASE; at < RAM_BASE + RAM_SIZE; at += large)
        set_entry(guest, ROOT, at >> shift, at, PTE_V | PTE_R | PTE_W | PTE_X | PTE_AD);
}

static void map_windows(struct guest *guest)
{
    uint64_t free_page = ROOT + PAGE_SIZE, paddr = PATTERN;
    map_program(guest);
    for (unsigned w = 0; w < window_count(); w++) {
        uint64_t last = ROOT;
        for (unsigned shift = 12 + (guest_xlen == 64 ? 2 : 1) * LEVEL; shift > 12; shift -= LEVEL)
            last = table_below(guest, last, window(w) >> shift, &free_page);
        for (unsigned i = 0; i < WINDOW_PAGES; i++, paddr += PAGE_SIZE) {
            unsigned kind = below(8); /* 0: missing; 1: read only */
            if (kind)
                set_entry(guest, last, (window(w) >> 12) + i, paddr,
                          PTE_V | PTE_R | (kind > 1 ? PTE_W : 0) | PTE_AD);
        }
    }
    for (uint64_t at = PATTERN; at < paddr; at += 8)
        guest_set_word(guest, at, at * 0x9e3779b97f4a7c15u);
}

static void put_paging(struct guest *guest)
{
    map_windows(guest);
    I(addi, T5, 0, 0, -1);
    I(csrrw, 0, T5, 0, CSR_PMPADDR0);
    I(addi, T5, 0, 0, 0x1f); /* NAPOT, X W R */
    I(csrrw, 0, T5, 0, CSR_PMPCFG0);
    guest_put_value(guest, T5, ROOT >> 12);
    I(addi, T6, 0, 0, 1); /* Sv39 or Sv32 */
    guest_put(guest, guest_xlen == 64 ? ISA_INSN_slli : ISA_INSN_slli32, T6, T6, 0, (int32_t)guest_xlen - 1);
    I(or, T5, T5, T6, 0);
    I(csrrw, 0, T5, 0, CSR_SATP);
    guest_put_value(guest, T5, 1 << 11 | 0x6000); /* MPP: S; FS: dirty */
    I(csrrw, 0, T5, 0, CSR_MSTATUS);
    I(auipc, T5, 0, 0, 0);
    I(addi, T5, T5, 0, 16);
    I(csrrw, 0, T5, 0, CSR_MEPC);
    I(mret, 0, 0, 0, 0);
}

/* ---- The loops ----------------------------------------------------------------------------------------- */

/* Pointers in host registers and in memory; each has a copy that does not move. */
static const unsigned pointers[] = { A0, S0, A1, T1, S4 }, copies[] = { S5, S6, S7, 24, 25 };
static const unsigned values[] = { A2, A3, A4, T0, T2, A6 };
enum { COUNTER = S2, INDEX = A5, POINTERS = 5 };
static unsigned used_first, used_count; /* those that the present loop uses: few, so that they share checks */

static unsigned any_pointer(void)
{
    return (used_first + below(used_count)) % POINTERS;
}

static int32_t distance(void)
{
    static const int32_t usual[] = {
        0, 8, -8, 4, -4, 1, -1, 16, 24, 32, -64, 128, 256, 511, -512, 2040, -2048
    };
    return PICK(usual);
}

static uint64_t next_constant; /* where it lies */

/* rd = all bits of a register, from memory. */
static void put_wide(struct guest *guest, unsigned rd, uint64_t value)
{
    guest_set_word(guest, next_constant, value);
    guest_put_value(guest, T5, (uint32_t)next_constant);
    guest_put(guest, guest_xlen == 64 ? ISA_INSN_ld : ISA_INSN_lw, rd, T5, 0, 0);
    next_constant += 8;
}

static uint64_t place(bool paging)
{
    static const uint64_t bare[] = { DATA + 0x8000, RAM_BASE + RAM_SIZE - 0x1000, 0x1080208000,
                                     0xffffffff80208000 };
    static const uint64_t bare_32[] = { DATA + 0x8000, RAM_BASE + RAM_SIZE - 0x1000, 0, 0xffffe000 };
    static const uint32_t around_0[] = { 0, 4, 8, 16, 0xfffffffc, 0xfffffff8, 0xfffffff0, 0xffffffc0 };
    if (guest_xlen == 32 && paging && below(2))
        return PICK(around_0);
    uint64_t base = paging ? window(below(window_count())) : guest_xlen == 64 ? PICK(bare) : PICK(bare_32);
    static const uint32_t offsets[] = {
        0, 0x40, 0xfc0, 0xff0, 0xff8, 0x1000, 0x1008, 0x1ffc, 0x2000, 0x3ff8
    };
    return base + PICK(offsets);
}

/* The instruction of RV32 that takes the place of one of RV64. */
static enum isa_insn narrow(enum isa_insn insn)
{
    if (guest_xlen == 64)
        return insn;
    switch (insn) {
    case ISA_INSN_addiw: return ISA_INSN_addi;
    case ISA_INSN_addw: return ISA_INSN_add;
    case ISA_INSN_subw: return ISA_INSN_sub;
    case ISA_INSN_slli: return ISA_INSN_slli32;
    case ISA_INSN_srli: return ISA_INSN_srli32;
    case ISA_INSN_lwu:
    case ISA_INSN_ld: return ISA_INSN_lw;
    case ISA_INSN_sd: return ISA_INSN_sw;
    default: return insn;
    }
}

static void put_access(struct guest *guest, unsigned pointer)
{
    static const enum isa_insn loads[] = { ISA_INSN_lb, ISA_INSN_lbu, ISA_INSN_lh, ISA_INSN_lhu,
                                           ISA_INSN_lw, ISA_INSN_lwu, ISA_INSN_ld, ISA_INSN_ld };
    static const enum isa_insn stores[] = { ISA_INSN_sb, ISA_INSN_sh, ISA_INSN_sw, ISA_INSN_sd };
    switch (below(8)) {
    case 0: I(fld, below(4), pointer, 0, distance()); break;
    case 1: I(fsd, 0, pointer, below(4), distance()); break;
    case 2:
    case 3: guest_put(guest, narrow(PICK(stores)), 0, pointer, PICK(values), distance()); break;
    default: guest_put(guest, narrow(PICK(loads)), PICK(values), pointer, 0, distance()); break;
    }
}

#define N(name, rd, rs1, rs2, imm) guest_put(guest, narrow(ISA_INSN_##name), rd, rs1, rs2, imm)

static void put_move(struct guest *guest, unsigned which)
{
    unsigned p = pointers[which], other = pointers[any_pointer()];
    switch (below(16)) {
    case 0:
    case 1:
    case 2: I(addi, p, p, 0, distance()); break;
    case 3:
    case 4: N(addiw, p, p, 0, distance()); break;
    case 5: I(add, p, p, INDEX, 0); break;
    case 6: N(addw, p, p, INDEX, 0); break;
    case 7: I(sub, p, p, INDEX, 0); break;
    case 8: N(subw, p, p, INDEX, 0); break;
    case 9: /* the low half, as an unsigned number; on RV32 an address far from the program */
        N(slli, p, p, 0, guest_xlen == 64 ? 32 : 2);
        N(srli, p, p, 0, guest_xlen == 64 ? 32 : 2);
        break;
    case 10:
        if (guest_xlen == 64)
            I(add_uw, p, p, below(2) ? INDEX : 0, 0);
        else
            I(sh1add, p, INDEX, p, 0);
        break;
    case 11: I(sh3add, p, INDEX, p, 0); break;
    case 12: I(addi, p, other, 0, distance()); break;
    case 13: N(addiw, p, other, 0, below(2) ? 0 : distance()); break;
    case 14: I(xori, p, p, 0, 8); break;
    default: I(addi, p, copies[which], 0, 0); break;
    }
}

static void put_body(struct guest *guest)
{
    unsigned count = 2 + below(8);
    uint64_t skip = 0; /* where the branch goes that still has to be written */
    unsigned left = 0, taken = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!left && below(6) == 0) {
            skip = guest->at;
            left = 1 + below(4);
            taken = below(3);
            guest->at += 4;
        }
        unsigned which = any_pointer(), kind = below(4);
        if (kind != 1)
            put_access(guest, pointers[which]);
        if (kind != 0)
            put_move(guest, which);
        if (kind > 1)
            put_access(guest, pointers[which]);
        if (left && !--left) {
            static const enum isa_insn branches[] = { ISA_INSN_beq, ISA_INSN_blt, ISA_INSN_bgeu };
            uint64_t end = guest->at;
            guest->at = skip;
            guest_put_branch(guest, branches[taken], PICK(values), taken ? COUNTER : 0, end);
            guest->at = end;
        }
    }
    if (left) { /* the branch leads to the end of the body */
        uint64_t end = guest->at;
        guest->at = skip;
        guest_put_branch(guest, ISA_INSN_beq, PICK(values), 0, end);
        guest->at = end;
    }
}

static void put_loop(struct guest *guest, bool paging)
{
    for (unsigned i = 0; i < POINTERS; i++) {
        put_wide(guest, copies[i], place(paging));
        I(addi, pointers[i], copies[i], 0, 0);
    }
    used_first = below(POINTERS);
    used_count = 1 + below(3);
    static const int32_t steps[] = { 8, -8, 16, 1, 4096, -4096, 0x7ff };
    /* Without paging, large steps would lead to the program itself. */
    put_wide(guest, INDEX, (uint64_t)(int64_t)steps[below(paging ? 7 : 4)]);
    I(addi, COUNTER, 0, 0, (int32_t)(8 + below(120)));
    uint64_t head = guest->at;
    for (unsigned i = 0; i < POINTERS; i++)
        if (below(4))
            I(addi, pointers[i], copies[i], 0, below(3) ? 0 : distance());
    put_body(guest);
    I(addi, COUNTER, COUNTER, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, COUNTER, 0, head);
}

static void build(struct guest *guest, const void *argument)
{
    const uint64_t *seed = argument;
    state = *seed * 0x9e3779b97f4a7c15u + 1;
    next_constant = DATA;
    bool paging = below(4) != 0;
    guest_put_log_traps(guest);
    guest_put_jal(guest, 0, CODE);
    guest->at = CODE;
    if (paging)
        put_paging(guest);
    for (unsigned i = 4 + below(8); i-- > 0;)
        put_loop(guest, paging);
    I(ecall, 0, 0, 0, 0); /* logs minstret */
    guest_put_stop(guest, 0);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t first, count; /* seeds */

static void run_seed(uint64_t seed)
{
    char text[64];
    snprintf(text, sizeof(text), "RVIVE_SEED=%llu RVIVE_LOOPS=1", (unsigned long long)seed);
    guest_label = text;
    guest_run_tiers(1, build, NULL, &seed);
}

/* How many seeds a process runs: starting a process, and having a sanitizer look for leaks at its end, takes
 * longer than running a program. */
#define SEEDS_AT_ONCE 10

START_TEST(test_loops)
{
    uint64_t from = (uint64_t)_i * SEEDS_AT_ONCE;
    for (uint64_t i = from; i < from + SEEDS_AT_ONCE && i < count; i++)
        run_seed(first + i);
}
END_TEST

Suite *test_suite(void)
{
    setenv("RVIVE_TEST_ACCEL", "t2", 0);
    setenv("RVIVE_TEST_CHECK", "on", 0);
    guest_xlen = (unsigned)number("RVIVE_LOOPS_XLEN", 64);
    first = number("RVIVE_SEED", 1);
    count = number("RVIVE_LOOPS", LOOPS_DEFAULT);
    printf("seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + count - 1));
    Suite *suite = suite_create("loops");
    TCase *tests = tcase_create("random");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_loops, 0, (int)((count + SEEDS_AT_ONCE - 1) / SEEDS_AT_ONCE));
    suite_add_tcase(suite, tests);
    return suite;
}
