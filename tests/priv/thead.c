/* SPDX-License-Identifier: MIT
 *
 * T-Head's extensions where they touch privileges, traps and page tables ("T-Head ISA extension
 * specifications", the chapters XTheadCmo, XTheadSync, XTheadMemIdx, XTheadMemPair, XTheadFMemIdx,
 * XTheadSxStatus, XTheadMae). What the instructions compute is compared with QEMU by test_diff.
 */
#include "vm.h"

const char test_name[] = "thead";

#define CUSTOM_0                       0x0b
#define TH(code, sh, f3, rd, rs1, rs2) insn_r(CUSTOM_0, f3, (code) << 2 | (sh), rd, rs1, rs2)
#define SYSTEM(number)                 insn_r(CUSTOM_0, 0, 0, 0, 0, number)
#define BY_ADDRESS(number)             insn_r(CUSTOM_0, 0, 1, 0, A0, number)
#define SFENCE_VMAS(va, id)            insn_r(CUSTOM_0, 0, 2, 0, va, id)
#define TH_SYNC_I                      SYSTEM(26)
/* load: funct3 4, store: 5; the pointer moves after the access or before it. */
#define LWIA(rd, rs1, step, sh) TH(11, sh, 4, rd, rs1, (step)&31)
#define LBIB(rd, rs1, step, sh) TH(1, sh, 4, rd, rs1, (step)&31)
#define SWIA(rs, rs1, step, sh) TH(11, sh, 5, rs, rs1, (step)&31)
#define SBIB(rs, rs1, step, sh) TH(1, sh, 5, rs, rs1, (step)&31)
#define LRW(rd, rs1, rs2, sh)   TH(8, sh, 4, rd, rs1, rs2)
#define SRH(rs, rs1, rs2, sh)   TH(4, sh, 5, rs, rs1, rs2)
#define LWD(rd, rd2, rs1, n)    TH(28, n, 4, rd, rs1, rd2)
#define SWD(rs, rs2, rs1, n)    TH(28, n, 5, rs, rs1, rs2)
#define FLRW(fd, rs1, rs2, sh)  TH(8, sh, 6, fd, rs1, rs2)
#define FSRW(fs, rs1, rs2, sh)  TH(8, sh, 7, fs, rs1, rs2)

#define CSR_TH_SXSTATUS 0x5c0
#define SX_UCME         (1ul << 16)
#define SX_MAEE         (1ul << 21)
#define SX_THEADISAEE   (1ul << 22)

static bool is_t_head;

/* ---- Cache management, barriers ------------------------------------------------------------------------ */

static void test_privileges(void)
{
    static const uint32_t privileged[] = { SYSTEM(1),
                                           SYSTEM(2),
                                           SYSTEM(3),
                                           BY_ADDRESS(9),
                                           BY_ADDRESS(11),
                                           BY_ADDRESS(10),
                                           BY_ADDRESS(1),
                                           BY_ADDRESS(3),
                                           BY_ADDRESS(2),
                                           BY_ADDRESS(8),
                                           SYSTEM(16),
                                           SYSTEM(17),
                                           BY_ADDRESS(24),
                                           SYSTEM(21),
                                           SYSTEM(22),
                                           SYSTEM(23),
                                           SFENCE_VMAS(ZERO, ZERO) };
    static const uint32_t others[] = { BY_ADDRESS(5), BY_ADDRESS(6),  BY_ADDRESS(7),
                                       BY_ADDRESS(4), BY_ADDRESS(16), SYSTEM(24),
                                       SYSTEM(25),    SYSTEM(26),     SYSTEM(27) };
    for (unsigned i = 0; i < sizeof(privileged) / sizeof(privileged[0]); i++) {
        struct trap trap = run_insn(MODE_U, privileged[i], ARGS(HOLE));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, privileged[i], "privileged-in-u");
        trap = run_insn(MODE_S, privileged[i], ARGS(HOLE));
        check_cause(&trap, CAUSE_NONE, "privileged-in-s");
        trap = run_insn(MODE_M, privileged[i], ARGS(HOLE));
        check_cause(&trap, CAUSE_NONE, "privileged-in-m");
    }
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        for (unsigned mode = 0; mode < 4; mode += mode ? 2 : 1) {
            struct trap trap = run_insn((enum mode)mode, others[i], ARGS(HOLE));
            check_cause(&trap, CAUSE_NONE, "for-all");
        }
}

/* A store to the code that follows, and th.sync.i. */
static void test_patch(void)
{
    code_begin();
    emit(SWIA(A0, A1, 2, 2));
    emit(TH_SYNC_I);
    emit(LI(A2, 1));
    struct trap trap = run_code(MODE_S, ARGS(LI(A2, 2), CODE + 8, 0));
    check_cause(&trap, CAUSE_NONE, "patch");
    check_equal(trap.x[A2], 2, "patched");
    check_equal(trap.x[A1], CODE + 16, "patch-moves");
}

static void test_fence(void)
{
    vm_begin(vm_mode(0));
    vm_map(DATA_VA, DATA(1), PTE_RWX, 0);
    vm_on(0);
    check_equal(vm_read(DATA_VA), 1, "before");
    *vm_pte(DATA_VA, 0) = (DATA(2) >> 12 << 10) | PTE_RWX;
    struct trap trap = run_insn(MODE_S, SFENCE_VMAS(A0, ZERO), ARGS(DATA_VA));
    check_cause(&trap, CAUSE_NONE, "sfence-vmas");
    check_equal(vm_read(DATA_VA), 2, "after");
    vm_off();
}

/* ---- Loads and stores that trap change nothing ----------------------------------------------------------
 */

static uint32_t words[4] __attribute__((aligned(16)));

static void test_faults(void)
{
    struct trap trap = run_insn(MODE_U, LWIA(A0, A1, 3, 2), ARGS(7, HOLE));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE, "lwia");
    check_equal(trap.x[A0] == 7 && trap.x[A1] == HOLE, 1, "lwia-registers");
    trap = run_insn(MODE_U, LBIB(A0, A1, -4, 1), ARGS(7, HOLE));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE - 8, "lbib");
    check_equal(trap.x[A0] == 7 && trap.x[A1] == HOLE, 1, "lbib-registers");
    trap = run_insn(MODE_U, SWIA(A0, A1, 3, 2), ARGS(7, HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE, "swia");
    check_equal(trap.x[A1], HOLE, "swia-registers");
    trap = run_insn(MODE_U, SBIB(A0, A1, 15, 3), ARGS(7, HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE + 120, "sbib");
    check_equal(trap.x[A1], HOLE, "sbib-registers");
    trap = run_insn(MODE_U, LRW(A0, A1, A2, 3), ARGS(7, HOLE, 5));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE + 40, "lrw");
    trap = run_insn(MODE_U, SRH(A0, A1, A2, 1), ARGS(7, HOLE, (uintptr_t)-3));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE - 6, "srh");
    trap = run_insn(MODE_U, LWD(A0, A1, A2, 3), ARGS(7, 8, HOLE));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE + 24, "lwd");
    trap = run_insn(MODE_U, SWD(A0, A1, A2, 1), ARGS(7, 8, HOLE));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE + 8, "swd");
}

/* The second value is on the next page, which is missing. */
static void test_second(void)
{
    vm_begin(vm_mode(0));
    vm_map(DATA_VA, DATA(1), PTE_RWX | PTE_U, 0);
    vm_on(0);
    uintptr_t at = DATA_VA + PAGE - 4;
    run_offset = VM_USER;
    struct trap trap = run_insn(MODE_U, LWD(A0, A1, A2, 0), ARGS(7, 8, at));
    check_trap(&trap, CAUSE_LOAD_PAGE, CODE + VM_USER, DATA_VA + PAGE, "second-load");
    check_equal(trap.x[A0] == 7 && trap.x[A1] == 8 && trap.x[A2] == at, 1, "second-load-registers");
    trap = run_insn(MODE_U, SWD(A0, A1, A2, 0), ARGS(7, 8, at));
    check_trap(&trap, CAUSE_STORE_PAGE, CODE + VM_USER, DATA_VA + PAGE, "second-store");
    run_offset = 0;
    vm_off();
}

static void test_values(void)
{
    words[0] = 0x80000001, words[1] = 2, words[2] = 3;
    struct trap trap = run_insn(MODE_U, LWIA(A0, A1, -2, 1), ARGS(0, (uintptr_t)words));
    check_equal(trap.x[A0], (uintptr_t)(intptr_t)(int32_t)0x80000001, "lwia-value");
    check_equal(trap.x[A1], (uintptr_t)words - 4, "lwia-pointer");
    /* The pointer is what is stored. */
    trap = run_insn(MODE_U, SWIA(A1, A1, 1, 3), ARGS(0, (uintptr_t)&words[2]));
    check_equal(words[2], (uint32_t)(uintptr_t)&words[2], "swia-value");
    check_equal(trap.x[A1], (uintptr_t)&words[2] + 8, "swia-pointer");
    trap = run_insn(MODE_U, LWD(A0, ZERO, A1, 0), ARGS(0, (uintptr_t)words));
    check_equal(trap.x[A0], (uintptr_t)(intptr_t)(int32_t)0x80000001, "lwd-first");
    check_equal(trap.x[ZERO], 0, "lwd-zero");
}

/* Two results in one register. */
static void test_reserved(void)
{
    static const uint32_t reserved[] = { LWIA(A1, A1, 1, 0), LBIB(A1, A1, 1, 0), LWD(A0, A0, A1, 0),
                                         LWD(A1, A0, A1, 0), LWD(A0, A1, A1, 0), TH(31, 3, 3 + 4, 0, 0, 0) };
    for (unsigned i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        struct trap trap = run_insn(MODE_U, reserved[i], ARGS((uintptr_t)words, (uintptr_t)words));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, reserved[i], "reserved");
    }
}

static void test_float_off(void)
{
    run_status = run_status_default & ~STATUS_FS;
    struct trap trap = run_insn(MODE_U, FLRW(A0, A1, A2, 0), ARGS(0, (uintptr_t)words, 4));
    check_cause(&trap, CAUSE_ILLEGAL, "flrw-off");
    trap = run_insn(MODE_U, FSRW(A0, A1, A2, 0), ARGS(0, (uintptr_t)words, 4));
    check_cause(&trap, CAUSE_ILLEGAL, "fsrw-off");
    run_status = run_status_default;
    trap = run_insn(MODE_U, FLRW(A0, A1, A2, 2), ARGS(0, HOLE, 1));
    check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, HOLE + 4, "flrw");
}

/* ---- The registers and the pages of XuanTie's cores -----------------------------------------------------
 */

static void test_sxstatus(void)
{
    uintptr_t has = SX_UCME | SX_THEADISAEE;
    struct trap trap = csr_try_read(MODE_S, CSR_TH_SXSTATUS);
    check_cause(&trap, CAUSE_NONE, "sxstatus-in-s");
    check_equal(trap.x[A0] & ~SX_MAEE, has, "sxstatus");
    trap = csr_try_write(MODE_S, CSR_TH_SXSTATUS, 0);
    check_cause(&trap, CAUSE_NONE, "sxstatus-write");
    trap = csr_try_read(MODE_S, CSR_TH_SXSTATUS);
    check_equal(trap.x[A0] & ~SX_MAEE, has, "sxstatus-after");
    trap = csr_try_read(MODE_U, CSR_TH_SXSTATUS);
    check_cause(&trap, CAUSE_ILLEGAL, "sxstatus-in-u");
    check_true(misa_has('X'), "misa-x");
}

#if XLEN == 64
/* Strong order, cacheable, bufferable, shareable, secure: accepted in every mixture. */
static void test_attributes(void)
{
    bool has = is_t_head && csr_read(CSR_TH_SXSTATUS) & SX_MAEE;
    vm_begin(vm_mode(0));
    for (uintptr_t bits = 0; bits < 32; bits++) {
        vm_map(DATA_VA, DATA(3), PTE_RWX | bits << 59, 0);
        vm_on(0);
        vm_flush();
        struct trap trap = vm_access(MODE_S, LOAD, DATA_VA);
        check_cause(&trap, has || !bits ? CAUSE_NONE : CAUSE_LOAD_PAGE, "attributes");
        if (has)
            check_equal(vm_read(DATA_VA), 3, "attributes-value");
    }
    vm_off();
}
#endif

void test_main(void)
{
    is_t_head = csr_read(CSR_MVENDORID) == 0x5b7;
    test_privileges();
    test_patch();
    test_fence();
    test_faults();
    test_second();
    test_values();
    test_reserved();
    test_float_off();
    if (is_t_head)
        test_sxstatus();
    else
        check_cause(&(struct trap){ .cause = csr_try_read(MODE_M, CSR_TH_SXSTATUS).cause }, CAUSE_ILLEGAL,
                    "no-sxstatus");
#if XLEN == 64
    if (is_t_head)
        test_attributes();
#endif
}
