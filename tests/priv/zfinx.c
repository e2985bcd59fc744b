/* SPDX-License-Identifier: MIT
 *
 * Floating point in x registers (Unpriv. "Zfinx", "Zdinx", "Zhinx", "Zhinxmin"), with Zcmp and Zcmt, which
 * may be there because c.fsdsp is not.
 */
#include "test.h"

const char test_name[] = "zfinx";

enum { S = 0, D = 1, H = 2 }; /* the format's field */
#define FADD(fmt, rm, rd, rs1, rs2) insn_r(0x53, rm, 0x00 | (fmt), rd, rs1, rs2)
#define FSQRT(fmt, rd, rs1)         insn_r(0x53, 7, 0x2c | (fmt), rd, rs1, 0)
#define FSGNJN(fmt, rd, rs1, rs2)   insn_r(0x53, 1, 0x10 | (fmt), rd, rs1, rs2)
#define FSGNJX(fmt, rd, rs1, rs2)   insn_r(0x53, 2, 0x10 | (fmt), rd, rs1, rs2)
#define FLT(fmt, rd, rs1, rs2)      insn_r(0x53, 1, 0x50 | (fmt), rd, rs1, rs2)
#define FCLASS(fmt, rd, rs1)        insn_r(0x53, 1, 0x70 | (fmt), rd, rs1, 0)
#define FCVT(to, from, rd, rs1)     insn_r(0x53, 7, 0x20 | (to), rd, rs1, from)
#define FCVT_W(fmt, rd, rs1)        insn_r(0x53, 1, 0x60 | (fmt), rd, rs1, 0)
#define FCVT_FROM_W(fmt, rd, rs1)   insn_r(0x53, 7, 0x68 | (fmt), rd, rs1, 0)
#define FMADD(fmt, rd, rs1, rs2, rs3)                                                                        \
    (0x43u | 7 << 12 | (rd) << 7 | (rs1) << 15 | (rs2) << 20 | (fmt) << 25 | (uint32_t)(rs3) << 27)

#define EXTENDED(value) ((uintptr_t)(intptr_t)(int32_t)(value))
/* RV64: what is above a narrow number, and does not matter. */
#define ABOVE ((uintptr_t)((uint64_t)0x7fc0dead << 32))

static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };

/* "the mstatus field FS is hardwired to 0 ... and FS no longer affects the trapping behavior of
 * floating-point instructions or fcsr accesses. The misa bits F, D, and Q are hardwired to 0" */
static void test_status(void)
{
    csr_write(CSR_MSTATUS, csr_read(CSR_MSTATUS) | STATUS_FS);
    check_equal(csr_read(CSR_MSTATUS) & (STATUS_FS | STATUS_SD), 0, "fs-is-zero");
    check_equal(csr_read(CSR_MISA) & (1 << ('F' - 'A') | 1 << ('D' - 'A') | 1 << ('Q' - 'A')), 0, "misa");
    for (unsigned m = 0; m < 3; m++) {
        csr_write(CSR_FCSR, 0);
        code_begin();
        emit(CSRRWI(ZERO, CSR_FRM, 1));
        emit(FADD(S, 7, A0, A0, A1)); /* 1 + 2^-24, towards zero: inexact */
        emit(CSRRS(A2, CSR_FCSR, ZERO));
        emit(CSRRSI(A3, CSR_FFLAGS, 16));
        emit(CSRRWI(ZERO, CSR_FRM, 3)); /* up */
        emit(FADD(S, 7, A4, A0, A1));
        struct trap trap = run_code(modes[m], ARGS(0x3f800000, 0x33800000));
        check_cause(&trap, CAUSE_NONE, "without-fs");
        check_equal(trap.x[A0], 0x3f800000, "towards-zero");
        check_equal(trap.x[A4], 0x3f800001, "up");
        check_equal(trap.x[A2], 0x21, "fcsr");
        check_equal(csr_read(CSR_FCSR), 0x71, "fcsr-behind");
        check_equal(trap.status & (STATUS_FS | STATUS_SD), 0, "fs-stays-zero");
    }
    csr_write(CSR_FCSR, 0);
    struct trap trap = csr_try_read(MODE_S, CSR_SSTATUS);
    check_equal(trap.x[A0] & (STATUS_FS | STATUS_SD), 0, "sstatus-fs");
    for (unsigned rm = 5; rm < 7; rm++) {
        trap = run_insn(MODE_U, FADD(S, rm, A0, A1, A2), ARGS(0));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, FADD(S, rm, A0, A1, A2), "reserved-rounding");
    }
}

/* "Floating-point operands of width w < XLEN: bits XLEN-1:w are ignored ... results fill bits XLEN-1:w with
 * copies of bit w-1", and there is no box to look at. */
static void test_narrow(void)
{
    const struct {
        const char *name;
        uint32_t insn;
        uintptr_t a, b, result;
    } cases[] = {
        { "fadd.s", FADD(S, 7, A0, A1, A2), ABOVE | 0x3f800000, ABOVE | 0x3f800000, 0x40000000 },
        { "fadd.s-negative", FADD(S, 7, A0, A1, A2), 0xbf800000, ABOVE | 0xbf800000, EXTENDED(0xc0000000) },
        { "fadd.s-nan", FADD(S, 7, A0, A1, A2), EXTENDED(0xffc12345), 0, 0x7fc00000 },
        { "fsgnjn.s", FSGNJN(S, A0, A1, A2), ABOVE | 0x3f800000, ABOVE, EXTENDED(0xbf800000) },
        { "fneg.s", FSGNJN(S, A0, A1, A1), EXTENDED(0xbf800000), 0, 0x3f800000 },
        { "flt.s", FLT(S, A0, A1, A2), ABOVE | 0xbf800000, 0x3f800000, 1 },
        { "fclass.s", FCLASS(S, A0, A1), ABOVE | 0xff800000, 0, 1 },
        { "fcvt.w.s", FCVT_W(S, A0, A1), ABOVE | 0xc0200000, 0, EXTENDED(-2) },
        { "fcvt.s.w", FCVT_FROM_W(S, A0, A1), ABOVE | 0xfffffffe, 0, EXTENDED(0xc0000000) },
        { "fsqrt.s", FSQRT(S, A0, A1), ABOVE | 0x40800000, 0, 0x40000000 },
        { "fadd.s-x0", FADD(S, 7, A0, ZERO, A1), 0x40400000, 0, 0x40400000 },
        { "fadd.h", FADD(H, 7, A0, A1, A2), ABOVE | 0x12343c00, 0x3c00, 0x4000 },
        { "fadd.h-negative", FADD(H, 7, A0, A1, A2), 0xbc00, 0x7fffbc00, EXTENDED(0xffffc000) },
        { "fsgnjn.h", FSGNJN(H, A0, A1, A2), ABOVE | 0x12343c00, ABOVE | 0x4321, EXTENDED(0xffffbc00) },
        { "fsgnjx.h", FSGNJX(H, A0, A1, A2), 0xbc00, EXTENDED(0xffff8001), 0x3c00 },
        { "fcvt.s.h", FCVT(S, H, A0, A1), ABOVE | 0x5555c000, 0, EXTENDED(0xc0000000) },
        { "fcvt.h.s", FCVT(H, S, A0, A1), ABOVE | 0xc0000000, 0, EXTENDED(0xffffc000) },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trap trap = run_insn(MODE_U, cases[i].insn, ARGS(77, cases[i].a, cases[i].b));
        check_cause(&trap, CAUSE_NONE, cases[i].name);
        check_equal(trap.x[A0], cases[i].result, cases[i].name);
    }
    struct trap trap = run_insn(MODE_U, FADD(S, 7, ZERO, A1, A2), ARGS(0, 0x3f800000, 0x3f800000));
    check_cause(&trap, CAUSE_NONE, "to-x0");
    check_equal(trap.x[0], 0, "x0");
}

#if XLEN == 32

/* "the lower-numbered register holds the low-order bits ... when a double-width floating-point result is
 * written to x0, the entire write takes no effect ... when x0 is used as an operand, the entire operand is
 * zero" */
static void test_double(void)
{
    struct trap trap =
        run_insn(MODE_U, FADD(D, 7, A0, A2, A4), ARGS(1, 2, 0x11111111, 0x3ff00000, 0x22222222, 0xbff00001));
    check_cause(&trap, CAUSE_NONE, "fadd.d");
    check_true(trap.x[A0] == 0x11100000 && trap.x[A1] == 0xbeb11111, "fadd.d-pair");
    trap = run_insn(MODE_U, FADD(D, 7, ZERO, A2, A2), ARGS(1, 2, 3, 0x3ff00000));
    check_cause(&trap, CAUSE_NONE, "fadd.d-to-x0"); /* it came back: ra is what it was */
    code_begin();
    emit(ADDI(T0, RA, 0));
    emit(ADDI(RA, ZERO, -1));
    emit(FADD(D, 7, A0, ZERO, A2));
    emit(ADDI(RA, T0, 0));
    trap = run_code(MODE_U, ARGS(1, 2, 0x33333333, 0x40000000));
    check_true(trap.x[A0] == 0x33333333 && trap.x[A1] == 0x40000000, "fadd.d-from-x0");
    trap = run_insn(MODE_U, FADD(D, 7, A2, A2, A2), ARGS(1, 2, 5, 0x3ff00000));
    check_true(trap.x[A2] == 5 && trap.x[A3] == 0x40000000, "fadd.d-in-place");
    trap = run_insn(MODE_U, FMADD(D, A0, A2, A2, A4), ARGS(0, 0, 0, 0x40000000, 0, 0x3ff00000));
    check_true(trap.x[A0] == 0 && trap.x[A1] == 0x40140000, "fmadd.d");
    trap = run_insn(MODE_U, FLT(D, A1, A2, A4), ARGS(0, 0, 0, 0x3ff00000, 1, 0x3ff00000));
    check_equal(trap.x[A1], 1, "flt.d"); /* an integer may be in any register */
    trap = run_insn(MODE_U, FCVT(S, D, A1, A2), ARGS(0, 0, 0, 0xc0000000));
    check_equal(trap.x[A1], 0xc0000000, "fcvt.s.d");
    trap = run_insn(MODE_U, FCVT(D, S, A2, A1), ARGS(0, 0xc0000000));
    check_true(trap.x[A2] == 0 && trap.x[A3] == 0xc0000000, "fcvt.d.s");
    trap = run_insn(MODE_U, FCVT_W(D, A1, A2), ARGS(0, 0, 0, 0xc0080000));
    check_equal(trap.x[A1], (uintptr_t)-3, "fcvt.w.d");
    trap = run_insn(MODE_U, FCVT(D, H, A2, A1), ARGS(0, 0xc000));
    check_equal(trap.x[A3], 0xc0000000, "fcvt.d.h");
    static const uint32_t odd[] = {
        FADD(D, 7, A1, A2, A4),   FADD(D, 7, A0, A1, A4), FADD(D, 7, A0, A2, A3), FMADD(D, A0, A2, A2, A1),
        FMADD(D, A1, A2, A2, A4), FLT(D, A0, A1, A2),     FLT(D, A0, A2, A1),     FCVT(S, D, A0, A1),
        FCVT(D, S, A1, A0),       FCVT_W(D, A0, A1),      FCVT(D, H, A1, A0),     FCVT(H, D, A0, A1),
        FCVT_FROM_W(D, A1, A0),   FCLASS(D, A0, A1),      FSQRT(D, A0, A1),
    };
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        trap = run_insn(MODE_U, odd[i], ARGS(0));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, odd[i], "odd");
    }
}

#else

static void test_double(void)
{
    struct trap trap =
        run_insn(MODE_U, FADD(D, 7, A1, A2, A3), ARGS(0, 0, 0x3ff0000000000000, 0xc008000000000000));
    check_equal(trap.x[A1], 0xc000000000000000, "fadd.d");
    trap = run_insn(MODE_U, FMADD(D, A0, A1, A1, A2), ARGS(0, 0x4000000000000000, 0x3ff0000000000000));
    check_equal(trap.x[A0], 0x4014000000000000, "fmadd.d");
    trap = run_insn(MODE_U, FCVT(S, D, A0, A1), ARGS(0, 0xc000000000000000));
    check_equal(trap.x[A0], EXTENDED(0xc0000000), "fcvt.s.d");
    trap = run_insn(MODE_U, FCVT(D, S, A0, A1), ARGS(0, ABOVE | 0xc0000000));
    check_equal(trap.x[A0], 0xc000000000000000, "fcvt.d.s");
    trap = run_insn(MODE_U, FCVT(D, H, A0, A1), ARGS(0, ABOVE | 0xc000));
    check_equal(trap.x[A0], 0xc000000000000000, "fcvt.d.h");
}

#endif

/* Loads, stores and moves of f registers. */
static void test_absent(void)
{
    static const uint32_t insns[] = {
        FLW(A0, A1, 0),
        FSW(A0, A1, 0),
        FLD(A0, A1, 0),
        FSD(A0, A1, 0),
        insn_i(0x07, 1, A0, A1, 0),       /* flh */
        insn_s(0x27, 1, A1, A0, 0),       /* fsh */
        insn_r(0x53, 0, 0x70, A0, A1, 0), /* fmv.x.w */
        insn_r(0x53, 0, 0x78, A0, A1, 0), /* fmv.w.x */
        insn_r(0x53, 0, 0x71, A0, A1, 0), /* fmv.x.d */
        insn_r(0x53, 0, 0x79, A0, A1, 0), /* fmv.d.x */
        insn_r(0x53, 0, 0x72, A0, A1, 0), /* fmv.x.h */
        insn_r(0x53, 0, 0x7a, A0, A1, 0), /* fmv.h.x */
        0x2188,                           /* c.fld fa0, 0(a1) */
        0xa188,                           /* c.fsd fa0, 0(a1) */
        0x2502,                           /* c.fldsp fa0, 0(sp) */
#if XLEN == 32
        0x6188, /* c.flw fa0, 0(a1) */
        0xe188, /* c.fsw fa0, 0(a1) */
        0x6502, /* c.flwsp fa0, 0(sp) */
        0xe02a, /* c.fswsp fa0, 0(sp) */
#endif
    };
    static volatile uint64_t memory[2];
    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        struct trap trap = run_insn(MODE_U, insns[i], ARGS(0, (uintptr_t)memory));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, insns[i], "absent");
    }
}

/* Zcmp's and Zcmt's encodings are those of c.fsdsp, which is not there. */
static void test_compressed(void)
{
    code_begin();
    emit(ADDI(T2, SP, 0));
    emit(ADDI(8, A1, 0));  /* s0 */
    emit(0xb802 | 5 << 4); /* cm.push {ra,s0},-16 */
    emit(ADDI(8, ZERO, 1));
    emit(FADD(S, 7, 8, 8, 8));
    emit(0xba02 | 5 << 4); /* cm.pop {ra,s0},16 */
    emit(ADDI(A0, 8, 0));
    emit(insn_r(0x33, 0, 0x20, A1, SP, T2)); /* sub */
    struct trap trap = run_code(MODE_U, ARGS(0, 0x40400000));
    check_cause(&trap, CAUSE_NONE, "cm.push");
    check_true(trap.x[A0] == 0x40400000 && trap.x[A1] == 0, "cm.pop");
    static uintptr_t table[1] __attribute__((aligned(64)));
    csr_write(0x017, (uintptr_t)table); /* jvt */
    code_begin();
    emit(0xa002); /* cm.jt 0 */
    emit(C_EBREAK);
    table[0] = emit(ADDI(A0, ZERO, 5));
    trap = run_code(MODE_M, ARGS(0));
    check_cause(&trap, CAUSE_NONE, "cm.jt");
    check_equal(trap.x[A0], 5, "cm.jt-target");
}

/* What a compiler makes of it, if it knows these extensions. */
#if defined(__riscv_zdinx) && defined(__GNUC__) && __GNUC__ >= 13

static uint64_t bits_of(double value)
{
    union {
        double value;
        uint64_t bits;
    } both = { .value = value };
    return both.bits;
}

static __attribute__((noinline)) double exponential(double x, int terms)
{
    double sum = 1, term = 1;
    for (int i = 1; i < terms; i++) {
        term = term * x / i;
        sum += term;
    }
    return sum;
}

static __attribute__((noinline)) float norm(const float *v, unsigned n)
{
    float sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += v[i] * v[i];
    return __builtin_sqrtf(sum);
}

static __attribute__((noinline)) int floor_of(double x)
{
    int n = (int)x;
    return x < n ? n - 1 : n;
}

static void test_compiled(void)
{
    static const float v[] = { 1.0f, 2.0f, 4.0f, 10.0f };
    check_equal(bits_of(exponential(1.0, 20)), 0x4005bf0a8b14576a, "exponential");
    check_equal(bits_of(exponential(-2.5, 40)), 0x3fb50385c094f429, "exponential-negative");
    check_true(norm(v, 4) == 11.0f, "norm");
    check_true(floor_of(-2.5) == -3 && floor_of(7.99) == 7 && floor_of(-4.0) == -4, "floor");
}

#else

static void test_compiled(void)
{
    skip("compiled", "the compiler has no floating point in x registers");
}

#endif

void test_main(void)
{
    test_status();
    test_narrow();
    test_double();
    test_absent();
    test_compressed();
    test_compiled();
}
