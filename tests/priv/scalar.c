/* SPDX-License-Identifier: MIT
 *
 * The small scalar extensions that RVA23 has added: Zabha, Zama16b, Zimop, Zcmop, Zfbfmin (Unpriv., the
 * chapters with these names).
 */
#include "test.h"

const char test_name[] = "scalar";

static volatile uint64_t cell[4] __attribute__((aligned(64)));

/* Returns the value as a register of this XLEN has it. */
static uintptr_t extended(int64_t value)
{
    return (uintptr_t)(intptr_t)value;
}

/* ---- Zabha --------------------------------------------------------------------------------------------- */

/* funct5 of each operation, and its result for 0x80 (0x8000) and 0x11 (0x1122). */
static const struct {
    uint8_t funct5;
    uint16_t byte, half;
} operations[] = {
    { 1, 0x11, 0x1122 },  /* swap */
    { 0, 0x91, 0x9122 },  /* add */
    { 4, 0x91, 0x9122 },  /* xor */
    { 12, 0x00, 0x0000 }, /* and */
    { 8, 0x91, 0x9122 },  /* or */
    { 16, 0x80, 0x8000 }, /* min */
    { 20, 0x11, 0x1122 }, /* max */
    { 24, 0x11, 0x1122 }, /* minu */
    { 28, 0x80, 0x8000 }, /* maxu */
};

static void test_narrow(void)
{
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        for (unsigned at = 0; at < 8; at++) {
            uint64_t mask = 0xffull << 8 * at;
            cell[0] = (0x5555555555555555 & ~mask) | 0x80ull << 8 * at;
            struct trap trap = run_insn(MODE_U, AMO(operations[i].funct5, 0, A0, A1, A2),
                                        ARGS(1, (uintptr_t)cell + at, 0x77777711));
            check_cause(&trap, CAUSE_NONE, "amo.b");
            check_equal(trap.x[A0], extended(-128), "amo.b-old");
            check_equal(cell[0], (0x5555555555555555 & ~mask) | (uint64_t)operations[i].byte << 8 * at,
                        "amo.b-memory");
        }
        cell[0] = 0x5555555580005555;
        struct trap trap = run_insn(MODE_U, AMO(operations[i].funct5, 1, A0, A1, A2),
                                    ARGS(1, (uintptr_t)cell + 2, 0x77771122));
        check_cause(&trap, CAUSE_NONE, "amo.h");
        check_equal(trap.x[A0], extended(-32768), "amo.h-old");
        check_equal(cell[0], 0x5555555500005555 | (uint64_t)operations[i].half << 16, "amo.h-memory");
    }
}

/* amocas.b and .h compare the low bits of rd. */
static void test_compare(void)
{
    for (unsigned equal = 0; equal < 2; equal++) {
        cell[0] = 0x55555555555580f0;
        struct trap trap =
            run_insn(MODE_U, AMO(5, 0, A0, A1, A2), ARGS(equal ? 0x123456f0 : 0xf1, (uintptr_t)cell, 0x99));
        check_equal(trap.x[A0], extended(-16), "amocas.b-old");
        check_equal(cell[0], equal ? 0x5555555555558099 : 0x55555555555580f0, "amocas.b-memory");
        cell[0] = 0x55555555555580f0;
        trap = run_insn(MODE_U, AMO(5, 1, A0, A1, A2),
                        ARGS(equal ? 0x777780f0 : 0x80f1, (uintptr_t)cell, 0x34567));
        check_equal(trap.x[A0], extended((int16_t)0x80f0), "amocas.h-old");
        check_equal(cell[0], equal ? 0x5555555555554567 : 0x55555555555580f0, "amocas.h-memory");
    }
}

static void test_narrow_faults(void)
{
    struct trap trap = run_insn(MODE_U, AMO(0, 0, A0, A1, A2), ARGS(3, HOLE + 1, 1));
    check_trap(&trap, CAUSE_STORE_ACCESS, CODE, HOLE + 1, "amo.b-access-fault");
    trap = run_insn(MODE_U, AMO(2, 0, A0, A1, ZERO), ARGS(3, (uintptr_t)cell));
    check_cause(&trap, CAUSE_ILLEGAL, "lr.b");
    trap = run_insn(MODE_U, AMO(3, 1, A0, A1, A2), ARGS(3, (uintptr_t)cell, 1));
    check_cause(&trap, CAUSE_ILLEGAL, "sc.h");
}

/* ---- Zama16b ------------------------------------------------------------------------------------------- */

static void check_misaligned(uint32_t insn, unsigned size, unsigned at, const char *name)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)cell;
    cell[0] = cell[1] = cell[2] = cell[3] = 0x0101010101010101;
    struct trap trap = run_insn(MODE_U, insn, ARGS(99, (uintptr_t)cell + at, 0x22));
    if (at % size && at % 16 + size > 16) {
        check_true(trap.cause == CAUSE_STORE_MISALIGNED || trap.cause == CAUSE_STORE_ACCESS, name);
        check_equal(trap.tval, (uintptr_t)cell + at, "misaligned-tval");
        check_true(bytes[at] == 1, "misaligned-unchanged");
        return;
    }
    check_cause(&trap, CAUSE_NONE, name);
    check_equal(trap.x[A0],
                size == 2   ? 0x101
                : size == 4 ? 0x1010101
                            : (uintptr_t)0x0101010101010101,
                "misaligned-old");
    for (unsigned i = 0; i < 32; i++)
        check_equal(bytes[i], i == at ? 0x23 : 1, name);
}

static void test_inside_16(void)
{
    for (unsigned at = 0; at < 20; at++) {
        check_misaligned(AMO(0, 1, A0, A1, A2), 2, at, "amoadd.h-misaligned");
        check_misaligned(AMO(0, 2, A0, A1, A2), 4, at, "amoadd.w-misaligned");
#if XLEN == 64
        check_misaligned(AMO(0, 3, A0, A1, A2), 8, at, "amoadd.d-misaligned");
#endif
    }
    struct trap trap = run_insn(MODE_U, LR_W(A0, A1), ARGS(99, (uintptr_t)cell + 1));
    check_true(trap.cause == CAUSE_LOAD_MISALIGNED || trap.cause == CAUSE_LOAD_ACCESS, "lr-misaligned");
    trap = run_insn(MODE_U, SC_W(A0, A2, A1), ARGS(99, (uintptr_t)cell + 1, 1));
    check_true(trap.cause == CAUSE_STORE_MISALIGNED || trap.cause == CAUSE_STORE_ACCESS ||
                   (trap.cause == CAUSE_NONE && trap.x[A0] == 1),
               "sc-misaligned");
    /* Zama16b promises no atomicity for devices. */
    trap = run_insn(MODE_M, AMO(0, 2, A0, A1, A2), ARGS(99, PLIC + 6, 1));
    check_true(trap.cause == CAUSE_STORE_MISALIGNED || trap.cause == CAUSE_STORE_ACCESS, "device-misaligned");
}

/* ---- Zimop, Zcmop -------------------------------------------------------------------------------------- */

static void test_may_be(void)
{
    for (unsigned n = 0; n < 32; n++) {
        uint32_t number = (n >> 4 & 1) << 30 | (n >> 2 & 3) << 26 | (n & 3) << 20;
        struct trap trap = run_insn(MODE_U, 0x81c04073 | number | A0 << 7 | A1 << 15, ARGS(7, 8));
        check_cause(&trap, CAUSE_NONE, "mop.r");
        check_equal(trap.x[A0], 0, "mop.r-zero");
        check_equal(trap.x[A1], 8, "mop.r-source");
    }
    for (unsigned n = 0; n < 8; n++) {
        uint32_t number = (n >> 2 & 1) << 30 | (n & 3) << 26;
        struct trap trap =
            run_insn(MODE_U, 0x82004073 | number | A0 << 7 | A1 << 15 | A2 << 20, ARGS(7, 8, 9));
        check_cause(&trap, CAUSE_NONE, "mop.rr");
        check_equal(trap.x[A0], 0, "mop.rr-zero");
    }
    for (unsigned n = 1; n < 16; n += 2) { /* encodings of c.lui 0 for x1, x3, ..., x15 */
        struct trap trap = run_insn(MODE_U, 0x6081 | (n - 1) << 7, ARGS(7, 8, 9, 10, 11, 12));
        check_cause(&trap, CAUSE_NONE, "c.mop");
        for (unsigned i = 0; i < 6; i++)
            check_equal(trap.x[A0 + i], 7 + i, "c.mop-changes-nothing");
    }
    for (unsigned n = 2; n < 16; n += 2) { /* c.lui with the value 0; for sp c.addi16sp with the value 0 */
        struct trap trap = run_insn(MODE_U, 0x6001 | n << 7, ARGS(0));
        check_cause(&trap, CAUSE_ILLEGAL, "c.mop-even");
    }
}

/* ---- Zfbfmin ------------------------------------------------------------------------------------------- */

enum { NX = 1, UF = 2, OF = 4, NV = 16 };

/* Runs fmv.w.x fa0, a1; then the conversion, and reads its flags. */
static struct trap convert(uint32_t bits, unsigned rm, uint32_t move_in, uint32_t insn, uint32_t move_out)
{
    code_begin();
    emit(CSRRWI(ZERO, CSR_FFLAGS, 0));
    emit(move_in | 10 << 7 | A1 << 15);
    emit(insn | rm << 12 | 10 << 7 | 10 << 15);
    emit(CSRRS(A2, CSR_FFLAGS, ZERO));
    emit(move_out | A0 << 7 | 10 << 15);
    return run_code(MODE_U, ARGS(0, bits));
}

#define FMV_W_X     0xf0000053
#define FMV_H_X     0xf4000053
#define FMV_X_W     0xe0000053
#define FMV_X_H     0xe4000053
#define FCVT_BF16_S 0x44800053
#define FCVT_S_BF16 0x40600053

static void test_bfloat(void)
{
    static const struct {
        uint32_t from;
        uint8_t rm;
        uint16_t to;
        uint8_t flags;
    } narrow[] = {
        { 0x3f800000, 0, 0x3f80, 0 },       { 0x3f808000, 0, 0x3f80, NX },
        { 0x3f818000, 0, 0x3f82, NX },      { 0x3f808000, 3, 0x3f81, NX },
        { 0xbf808000, 3, 0xbf80, NX },      { 0xbf808000, 2, 0xbf81, NX },
        { 0x3f808000, 4, 0x3f81, NX },      { 0x3f80ffff, 1, 0x3f80, NX },
        { 0x7f7fffff, 0, 0x7f80, NX | OF }, { 0x7f7fffff, 1, 0x7f7f, NX },
        { 0xff800000, 0, 0xff80, 0 },       { 0x7fc12345, 0, 0x7fc0, 0 },
        { 0xff812345, 0, 0x7fc0, NV },      { 0x00000001, 0, 0x0000, NX | UF },
        { 0x00010000, 0, 0x0001, 0 },       { 0x007fffff, 0, 0x0080, NX | UF },
    };
    for (unsigned i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
        struct trap trap = convert(narrow[i].from, narrow[i].rm, FMV_W_X, FCVT_BF16_S, FMV_X_H);
        check_cause(&trap, CAUSE_NONE, "fcvt.bf16.s");
        check_equal(trap.x[A0] & 0xffff, narrow[i].to, "fcvt.bf16.s-value");
        /* Test_diff compares with QEMU whether this one is tiny after rounding. */
        if (narrow[i].from != 0x007fffff)
            check_equal(trap.x[A2], narrow[i].flags, "fcvt.bf16.s-flags");
    }
    static const struct {
        uint16_t from;
        uint32_t to;
        uint8_t flags;
    } widen[] = { { 0x3f80, 0x3f800000, 0 },
                  { 0x8001, 0x80010000, 0 },
                  { 0xff80, 0xff800000, 0 },
                  { 0x7fc1, 0x7fc00000, 0 },
                  { 0x7f81, 0x7fc00000, NV } };
    for (unsigned i = 0; i < sizeof(widen) / sizeof(widen[0]); i++) {
        struct trap trap = convert(widen[i].from, 0, FMV_H_X, FCVT_S_BF16, FMV_X_W);
        check_cause(&trap, CAUSE_NONE, "fcvt.s.bf16");
        check_equal((uint32_t)trap.x[A0], widen[i].to, "fcvt.s.bf16-value");
        check_equal(trap.x[A2], widen[i].flags, "fcvt.s.bf16-flags");
    }
    struct trap trap = convert(0x3f80, 0, FMV_W_X, FCVT_S_BF16, FMV_X_W); /* not boxed, so it is BF16's NaN */
    check_equal((uint32_t)trap.x[A0], 0x7fc00000, "fcvt.s.bf16-unboxed");
    trap = convert(0, 5, FMV_W_X, FCVT_BF16_S, FMV_X_H);
    check_cause(&trap, CAUSE_ILLEGAL, "fcvt.bf16.s-reserved-rm");
}

void test_main(void)
{
    test_narrow();
    test_compare();
    test_narrow_faults();
    test_inside_16();
    test_may_be();
    test_bfloat();
}
