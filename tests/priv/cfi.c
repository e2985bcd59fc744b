/* SPDX-License-Identifier: MIT
 *
 * Control-flow integrity: landing pads (Zicfilp) and shadow stacks (Zicfiss), as specified in Unpriv. and
 * Priv. "Control-flow Integrity".
 */
#include "vm.h"

const char test_name[] = "cfi";

#define CSR_SSP        0x011
#define ENVCFG_LPE     (1ul << 2)
#define ENVCFG_SSE     (1ul << 3)
#define MSECCFG_MLPE   (1ul << 10)
#define STATUS_SPELP   (1ul << 23)
#define SOFTWARE_CHECK 18
#define LPAD(label)    ((uint32_t)(label) << 12 | 0x17)
#define LUI(rd, value) ((uint32_t)(value) << 12 | (uint32_t)(rd) << 7 | 0x37)
#define SSPUSH_RA      0xce104073u
#define SSPUSH_T0      0xce504073u
#define SSPOPCHK_RA    0xcdc0c073u
#define SSPOPCHK_T0    0xcdc2c073u
#define SSRDP(rd)      (0xcdc04073u | (uint32_t)(rd) << 7)
#define C_SSPUSH_RA    0x6081u
#define C_SSPOPCHK_T0  0x6281u
#define SSAMOSWAP_W    AMO(9, 2, A0, A1, A2)
#define SSAMOSWAP_D    AMO(9, 3, A0, A1, A2)

static const enum mode modes[] = { MODE_U, MODE_S, MODE_M };

/* ---- Landing pads -------------------------------------------------------------------------------------- */

static void set_pads(enum mode mode, bool on)
{
    csr_write(CSR_MSECCFG, on && mode == MODE_M ? MSECCFG_MLPE : 0);
    menvcfg_write(on && mode == MODE_S ? ENVCFG_LPE : 0);
#if XLEN == 32
    csr_write(CSR_MSTATUSH, 0);
#endif
    csr_write(CSR_SENVCFG, on && mode == MODE_U ? ENVCFG_LPE : 0);
}

static bool was_expected(const struct trap *trap)
{
#if XLEN == 64
    return trap->status >> 41 & 1;
#else
    (void)trap;
    return csr_read(CSR_MSTATUSH) >> 9 & 1;
#endif
}

static void set_previous(bool expected)
{
#if XLEN == 64
    run_status = run_status_default | (expected ? 1ul << 41 : 0);
#else
    csr_write(CSR_MSTATUSH, expected ? 1 << 9 : 0);
#endif
}

/* Jumps through `link` to `target`, which is 64 bytes after the start of the code, with the label in x7. */
static struct trap jump(enum mode mode, unsigned link, uint32_t label, uint32_t target, bool compressed,
                        uintptr_t *at)
{
    code_begin();
    emit(LUI(T2, label));
    if (link != A0 && link != T2)
        emit(ADDI(link, A0, 0));
    if (link == T2)
        emit(ADDI(T2, A0, 0));
    if (link == RA)
        emit(ADDI(T0, RA, 0)), emit(NOP);
    emit(compressed ? 0x8002 | link << 7 : JALR(ZERO, link, 0));
    while (emit(C_NOP) < CODE + 62) {
    }
    *at = emit(target);
    return run_code(mode, ARGS(CODE + 64));
}

static void check_jump(enum mode mode, unsigned link, uint32_t label, uint32_t target, bool compressed,
                       bool passes, const char *name)
{
    uintptr_t at;
    for (unsigned again = 0; again < 3; again++) { /* again, so that it is translated, too */
        set_pads(mode, true);
        struct trap trap = jump(mode, link, label, target, compressed, &at);
        bool expected = was_expected(&trap);
        set_pads(mode, false);
        if (passes) {
            check_cause(&trap, CAUSE_NONE, name);
            check_true(!expected, "elp-cleared");
        } else {
            check_trap(&trap, SOFTWARE_CHECK, at, 2, name);
            check_true(expected, "mpelp-set");
        }
    }
}

static void test_pads(void)
{
    for (unsigned i = 0; i < 3; i++) {
        enum mode mode = modes[i];
        check_jump(mode, A0, 0, LPAD(0), false, true, "lpad");
        check_jump(mode, A0, 5, LPAD(0), false, true, "lpad-any-label");
        check_jump(mode, A0, 0x81234, LPAD(0x81234), false, true, "lpad-label");
        check_jump(mode, A0, 0x81234, LPAD(0x81235), false, false, "lpad-other-label");
        check_jump(mode, A0, 0, NOP, false, false, "no-lpad");
        check_jump(mode, A0, 0, NOP, true, false, "no-lpad-c.jr");
        check_jump(mode, A0, 0, LPAD(0), true, true, "lpad-c.jr");
        check_jump(mode, T1, 0, NOP, false, false, "no-lpad-t1");
        check_jump(mode, T0, 0, NOP, false, true, "guarded-t0");
        check_jump(mode, T2, 0, NOP, false, true, "guarded-t2");
        check_jump(mode, A0, 0, 0xffffffff, false, false, "before-illegal");
        uintptr_t at;
        struct trap trap = jump(mode, A0, 0, NOP, false, &at);
        check_cause(&trap, CAUSE_NONE, "off");
    }
}

static void test_pad_alignment(void)
{
    set_pads(MODE_U, true);
    code_begin();
    emit(JALR(ZERO, A0, 0));
    emit(C_NOP);
    uintptr_t at = emit(LPAD(0));
    struct trap trap = run_code(MODE_U, ARGS(at));
    check_trap(&trap, SOFTWARE_CHECK, at, 2, "lpad-misaligned");
    set_pads(MODE_U, false);
}

/* A trap saves ELP, and the return from the trap restores it. */
static void test_pad_traps(void)
{
    set_pads(MODE_U, true);
    struct trap trap = run_insn(MODE_U, JALR(ZERO, A0, 0), ARGS(HOLE));
    check_trap(&trap, CAUSE_FETCH_ACCESS, HOLE, HOLE, "fetch-fault-first");
    check_true(was_expected(&trap), "fetch-fault-keeps-elp");
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned on = 0; on < 2; on++) {
            set_pads(modes[i], on);
            set_previous(true);
            trap = run_insn(modes[i], NOP, ARGS(0));
            if (on)
                check_trap(&trap, SOFTWARE_CHECK, CODE, 2, "mret-restores-elp");
            else
                check_cause(&trap, CAUSE_NONE, "mret-of-a-mode-without");
            set_pads(modes[i], on);
            set_previous(true);
            trap = run_insn(modes[i], LPAD(0), ARGS(0));
            check_cause(&trap, CAUSE_NONE, "mret-to-lpad");
            check_true(!was_expected(&trap), "mret-clears-mpelp");
        }
        set_pads(modes[i], false);
    }
    set_previous(false);
    run_status = run_status_default;

    /* The trap goes to S and saves ELP in SPELP; sret restores it. */
    set_pads(MODE_U, true);
    csr_write(CSR_MEDELEG, 1ul << SOFTWARE_CHECK);
    check_equal(csr_read(CSR_MEDELEG), 1ul << SOFTWARE_CHECK, "medeleg");
    trap = run_insn(MODE_U, JALR(ZERO, A0, 0), ARGS(CODE));
    check_trap(&trap, SOFTWARE_CHECK, CODE, 2, "delegated");
    check_equal(trap.handler, MODE_S, "delegated-to-s");
    check_true(trap.status & STATUS_SPELP, "spelp-set");
    csr_write(CSR_MEDELEG, 0);
    csr_clear(CSR_MSTATUS, STATUS_SPELP);
    code_begin(); /* sret to U, at an instruction that is not a landing pad */
    emit(CSRRW(ZERO, CSR_SEPC, A0));
    emit(CSRRS(ZERO, CSR_SSTATUS, A1));
    emit(CSRRS(A2, CSR_SSTATUS, ZERO));
    emit(SRET);
    uintptr_t at = emit(NOP);
    trap = run_code(MODE_S, ARGS(at, STATUS_SPELP));
    check_trap(&trap, SOFTWARE_CHECK, at, 2, "sret-restores-elp");
    check_true(trap.x[A2] & STATUS_SPELP, "sstatus-spelp");
    check_true(!(csr_read(CSR_MSTATUS) & STATUS_SPELP), "sret-clears-spelp");
    set_pads(MODE_U, false);
}

/* ---- Shadow stacks ------------------------------------------------------------------------------------- */

#define STACK (DATA_VA + 0x100)

static void set_shadow(bool s, bool u)
{
    menvcfg_write(s ? ENVCFG_SSE : 0);
    csr_write(CSR_SENVCFG, u ? ENVCFG_SSE : 0);
}

static volatile uintptr_t *word(uintptr_t vaddr)
{
    return (volatile uintptr_t *)(DATA(3) + vaddr % PAGE);
}

static struct trap shadow_insn(enum mode mode, uint32_t insn, uintptr_t ssp)
{
    run_offset = mode == MODE_U ? VM_USER : 0;
    csr_write(CSR_SSP, ssp);
    struct trap trap = run_insn(mode, insn, ARGS(7, STACK, (uintptr_t)0x0123456789abcdef));
    run_offset = 0;
    return trap;
}

static void map_shadow(enum mode mode, uintptr_t flags)
{
    vm_map(DATA_VA, DATA(3), flags | (mode == MODE_U ? PTE_U : 0), 0);
    vm_flush();
}

static void test_push_and_pop(enum mode mode)
{
    uintptr_t code = CODE + (mode == MODE_U ? VM_USER : 0), size = sizeof(uintptr_t);
    map_shadow(mode, PTE_V | PTE_W | PTE_A | PTE_D);
    *word(STACK) = *word(STACK - size) = 1;
    struct trap trap = shadow_insn(mode, SSPUSH_RA, STACK);
    check_cause(&trap, CAUSE_NONE, "sspush");
    check_equal(csr_read(CSR_SSP), STACK - size, "sspush-ssp");
    check_equal(*word(STACK - size), trap.x[RA], "sspush-value");
    check_equal(*word(STACK), 1, "sspush-one-word");
    trap = shadow_insn(mode, SSPOPCHK_RA, STACK - size);
    check_cause(&trap, CAUSE_NONE, "sspopchk");
    check_equal(csr_read(CSR_SSP), STACK, "sspopchk-ssp");
    *word(STACK - size) = trap.x[RA] + 1;
    trap = shadow_insn(mode, SSPOPCHK_RA, STACK - size);
    check_trap(&trap, SOFTWARE_CHECK, code, 3, "sspopchk-other");
    check_equal(csr_read(CSR_SSP), STACK - size, "sspopchk-other-ssp");

    run_offset = mode == MODE_U ? VM_USER : 0;
    csr_write(CSR_SSP, STACK);
    code_begin(); /* both sizes and both links */
    emit(ADDI(T0, ZERO, 77));
    emit(SSPUSH_T0);
    emit(C_SSPOPCHK_T0);
    emit(C_SSPUSH_RA);
    emit(SSRDP(A0));
    emit(SSPOPCHK_RA);
    emit(SSPUSH_T0);
    emit(ADDI(T0, ZERO, 78));
    uintptr_t at = emit(SSPOPCHK_T0) + run_offset;
    trap = run_code(mode, ARGS(0));
    check_trap(&trap, SOFTWARE_CHECK, at, 3, "sspopchk-t0");
    check_equal(trap.x[A0], STACK - size, "ssrdp");
    check_equal(*word(STACK - size), 77, "sspush-t0");
    run_offset = 0;

    *word(STACK) = (uintptr_t)0xfedcba9876543210;
    trap = shadow_insn(mode, SSAMOSWAP_W, 0);
    check_cause(&trap, CAUSE_NONE, "ssamoswap.w");
    check_equal(trap.x[A0], 0x76543210, "ssamoswap.w-old");
    check_equal(*word(STACK), (uintptr_t)0xfedcba9889abcdef, "ssamoswap.w-new");
#if XLEN == 64
    trap = shadow_insn(mode, SSAMOSWAP_D, 0);
    check_equal(trap.x[A0], 0xfedcba9889abcdef, "ssamoswap.d-old");
    check_equal(*word(STACK), 0x0123456789abcdef, "ssamoswap.d-new");
#endif
}

/* What ordinary instructions may do with a page of the shadow stack, and what its instructions may do with
 * other pages. */
static void test_pages(enum mode mode)
{
    static const uint32_t insns[] = { SSPUSH_RA, SSPOPCHK_RA, SSAMOSWAP_W };
    uintptr_t size = sizeof(uintptr_t), code = CODE + (mode == MODE_U ? VM_USER : 0);
    map_shadow(mode, PTE_V | PTE_W | PTE_A | PTE_D);
    *word(DATA_VA + 4) = 0;
    vm_expect(mode, LOAD, DATA_VA, CAUSE_NONE, "load-from-shadow-page");
    vm_expect(mode, STORE, DATA_VA, CAUSE_STORE_ACCESS, "store-to-shadow-page");
    vm_expect(mode, FETCH, DATA_VA, CAUSE_FETCH_ACCESS, "fetch-from-shadow-page");
    struct trap trap = shadow_insn(mode, AMOADD_W(A0, A2, A1), 0);
    check_trap(&trap, CAUSE_STORE_ACCESS, code, STACK, "amo-on-shadow-page");
    for (unsigned bits = 1; bits < 8; bits++) {
        uintptr_t flags = PTE_V | PTE_A | PTE_D | bits << 1;
        if ((bits & 3) == 2) /* W without R: with X it is reserved, too */
            continue;
        map_shadow(mode, flags);
        for (unsigned i = 0; i < 3; i++) {
            uintptr_t at = i == 0 ? STACK - size : STACK;
            trap = shadow_insn(mode, insns[i], STACK);
            check_trap(&trap, bits == 1 ? CAUSE_STORE_PAGE : CAUSE_STORE_ACCESS, code, at, "other-page");
        }
    }
    map_shadow(mode, 0);
    for (unsigned i = 0; i < 3; i++) {
        trap = shadow_insn(mode, insns[i], STACK);
        check_trap(&trap, CAUSE_STORE_PAGE, code, i == 0 ? STACK - size : STACK, "no-page");
        check_equal(csr_read(CSR_SSP), STACK, "fault-keeps-ssp");
    }
    /* A page of the other mode. */
    map_shadow(mode == MODE_U ? MODE_S : MODE_U, PTE_V | PTE_W | PTE_A | PTE_D);
    for (unsigned i = 0; i < 3; i++) {
        trap = shadow_insn(mode, insns[i], STACK);
        check_trap(&trap, CAUSE_STORE_PAGE, code, i == 0 ? STACK - size : STACK, "other-mode's-page");
    }
    map_shadow(mode, PTE_V | PTE_W | PTE_A | PTE_D);
    run_offset = mode == MODE_U ? VM_USER : 0;
    trap = run_insn(mode, SSAMOSWAP_W, ARGS(0, STACK + 2));
    run_offset = 0;
    check_true(trap.cause == CAUSE_STORE_MISALIGNED || trap.cause == CAUSE_STORE_ACCESS, "misaligned");
}

/* When shadow stacks are off, the instructions are may-be-operations, and the page has its old meaning. */
static void test_off(void)
{
    map_shadow(MODE_U, PTE_V | PTE_W | PTE_A | PTE_D);
    for (unsigned i = 0; i < 2; i++) {
        set_shadow(i, false);
        struct trap trap = shadow_insn(MODE_U, SSPUSH_RA, STACK);
        check_cause(&trap, CAUSE_NONE, "off-sspush");
        check_equal(csr_read(CSR_SSP), STACK, "off-sspush-ssp");
        trap = shadow_insn(MODE_U, SSPOPCHK_RA, STACK);
        check_cause(&trap, CAUSE_NONE, "off-sspopchk");
        trap = shadow_insn(MODE_U, C_SSPUSH_RA, STACK);
        check_cause(&trap, CAUSE_NONE, "off-c.sspush");
        trap = shadow_insn(MODE_U, SSRDP(A0), STACK);
        check_equal(trap.x[A0], 0, "off-ssrdp");
        trap = shadow_insn(MODE_U, SSAMOSWAP_W, STACK);
        check_cause(&trap, CAUSE_ILLEGAL, "off-ssamoswap");
        trap = csr_try_read(MODE_S, CSR_SSP);
        if (!csr_read(CSR_SATP))
            check_cause(&trap, i ? CAUSE_NONE : CAUSE_ILLEGAL, "ssp-in-s");
        run_offset = VM_USER;
        trap = csr_try_read(MODE_U, CSR_SSP);
        run_offset = 0;
        check_cause(&trap, CAUSE_ILLEGAL, "ssp-in-u");
        vm_expect(MODE_U, LOAD, DATA_VA, i ? CAUSE_NONE : CAUSE_LOAD_PAGE, "reserved-page");
    }
    set_shadow(false, true);
    check_equal(csr_read(CSR_SENVCFG) & ENVCFG_SSE, 0, "senvcfg-sse-hidden");
    set_shadow(true, true);
    check_equal(csr_read(CSR_SENVCFG) & ENVCFG_SSE, ENVCFG_SSE, "senvcfg-sse");
    csr_write(CSR_SSP, -1);
    check_equal(csr_read(CSR_SSP) & 3, 0, "ssp-low-bits");
}

static void test_without_translation(void)
{
    set_shadow(true, true);
    csr_write(CSR_SSP, DATA(3) + 0x100);
    for (unsigned i = 0; i < 2; i++) {
        struct trap trap = run_insn(modes[i], SSPUSH_RA, ARGS(0));
        check_trap(&trap, CAUSE_STORE_ACCESS, CODE, DATA(3) + 0x100 - sizeof(uintptr_t), "bare");
        trap = run_insn(modes[i], SSAMOSWAP_W, ARGS(0, DATA(3)));
        check_trap(&trap, CAUSE_STORE_ACCESS, CODE, DATA(3), "bare-ssamoswap");
    }
    struct trap trap = run_insn(MODE_M, SSAMOSWAP_W, ARGS(0, DATA(3)));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, DATA(3), "m-ssamoswap");
    trap = run_insn(MODE_M, SSPUSH_RA, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "m-has-none");
    set_shadow(false, false);
}

void test_main(void)
{
    test_pads();
    test_pad_alignment();
    test_pad_traps();
    vm_begin(vm_mode(0));
    vm_on(0);
    for (unsigned i = 0; i < 2; i++) {
        set_shadow(true, true);
        test_push_and_pop(modes[i]);
        test_pages(modes[i]);
    }
    test_off();
    vm_off();
    test_without_translation();
}
