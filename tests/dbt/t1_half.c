/* SPDX-License-Identifier: MIT
 *
 * Half precision in T1 against the interpreter, bit by bit and flag by flag: instructions with one operand
 * run with each of the 65,536 halves, the others with interesting and random operands, badly boxed ones among
 * them, in each rounding mode. A program runs one instruction for a list of operands with the mode of frm,
 * and again with a static mode. RVIVE_SEED changes the random operands.
 */
#include "tests/dbt/guest.h"
#include "tests/fp/fp_test.h"

#define OPERANDS    (RAM_BASE + 0x100000) /* 24 bytes for each run of the instruction */
#define RESULTS     (RAM_BASE + 0x400000) /* 24 bytes: two results, two fflags */
#define RUNS_MAX    72000
#define RUNS_RANDOM 6000
#define BOX         (~(uint64_t)0xffff)

enum { CSR_FFLAGS = 1, CSR_FRM };

static const enum isa_insn insns[] = {
#define ROW(name) ISA_INSN_##name
    ROW(fadd_h),   ROW(fsub_h),    ROW(fmul_h),   ROW(fdiv_h),     ROW(fsqrt_h),  ROW(fmadd_h),
    ROW(fmsub_h),  ROW(fnmsub_h),  ROW(fnmadd_h), ROW(fmin_h),     ROW(fmax_h),   ROW(fsgnj_h),
    ROW(fsgnjn_h), ROW(fsgnjx_h),  ROW(feq_h),    ROW(flt_h),      ROW(fle_h),    ROW(fltq_h),
    ROW(fleq_h),   ROW(fclass_h),  ROW(fcvt_w_h), ROW(fcvt_wu_h),  ROW(fcvt_l_h), ROW(fcvt_lu_h),
    ROW(fcvt_h_w), ROW(fcvt_h_wu), ROW(fcvt_h_l), ROW(fcvt_h_lu),  ROW(fcvt_s_h), ROW(fcvt_d_h),
    ROW(fcvt_h_s), ROW(fcvt_h_d),  ROW(fround_h), ROW(froundnx_h), ROW(fmv_x_h),  ROW(fmv_h_x),
#undef ROW
};

struct half {
    enum isa_insn insn;
    unsigned frm, rm;  /* of its first run; of the second one, if it has a mode */
    bool without_f16c; /* as on a host without F16C */
    uint64_t runs;
    uint64_t operands[RUNS_MAX][3];
};

static bool has(const struct half *half, enum isa_field field)
{
    return isa_entry(half->insn)->fields >> field & 1;
}

/* ---- Operands ------------------------------------------------------------------------------------------ */

static void add(struct half *half, uint64_t a, uint64_t b, uint64_t c)
{
    /* The check is here because libcheck's assertions write to a file each time. */
    if (half->runs == RUNS_MAX)
        ck_abort_msg("more operands than there is room for");
    uint64_t *operands = half->operands[half->runs++];
    operands[0] = a;
    operands[1] = b;
    operands[2] = c;
}

/* Some of them are badly boxed. */
static uint64_t any_half(struct test_random *random, uint64_t other)
{
    uint64_t choice = test_random_next(random), value = test_operand(random, 16, other & 0xffff) | BOX;
    return choice % 16 ? value : value ^ (uint64_t)1 << (16 + (choice >> 8) % 48);
}

/* A value next to a half of this width, or next to the middle between two. */
static uint64_t near_half(struct test_random *random, unsigned width)
{
    struct fp_env env = { 0 };
    uint64_t choice = test_random_next(random);
    uint64_t value = fp_soft_convert(&env, 16, width, FP_RNE, choice & 0xffff);
    value += (choice >> 16 & 1) << (fp_fraction_bits(width) - 11);
    return value + (choice >> 17) % 3 - 1;
}

static uint64_t any_source(struct test_random *random, const struct half *half)
{
    uint64_t choice = test_random_next(random);
    if (half->insn == ISA_INSN_fcvt_h_s)
        return (choice & 1 ? near_half(random, 32) : test_operand(random, 32, 0)) |
               (choice & 30 ? ~(uint64_t)UINT32_MAX : 0);
    if (half->insn == ISA_INSN_fcvt_h_d)
        return choice & 1 ? near_half(random, 64) : test_operand(random, 64, 0);
    if (choice & 1) /* around 2^n */
        return ((uint64_t)1 << (choice >> 8 & 63)) + (choice >> 16) % 67 - 33;
    return (choice & 2 ? ~(uint64_t)0 : 0) ^ test_random_next(random) >> (choice >> 8 & 63);
}

/* rs1 is a single, a double or an integer. */
static bool narrows(const struct half *half)
{
    return !(isa_entry(half->insn)->flags & ISA_FRS1) || half->insn == ISA_INSN_fcvt_h_s ||
           half->insn == ISA_INSN_fcvt_h_d;
}

static void add_random(struct half *half, struct test_random *random)
{
    bool halves = !narrows(half);
    for (unsigned i = 0; i < RUNS_RANDOM; i++) {
        struct fp_env env = { 0 };
        uint64_t a = halves ? any_half(random, 0) : any_source(random, half);
        uint64_t b = any_half(random, a), c = any_half(random, b);
        if (i & 1 && halves) /* nearly minus the product, so that the sum cancels */
            c = BOX |
                (uint16_t)((fp_soft_mul(&env, 16, i & 3, a & 0xffff, b & 0xffff) ^ 0x8000) + (c & 3) - 1);
        add(half, a, b, c);
    }
}

static void fill(struct half *half)
{
    struct test_random random = { .state = half->insn };
    uint64_t list[TEST_OPERANDS_MAX];
    unsigned count = test_operands(16, list);
    if (getenv("RVIVE_SEED"))
        test_random_init(&random);
    half->runs = 0;
    /* If not all: the handlers do it, which are the interpreter's, so a few operands are enough. */
    bool all = !half->without_f16c;
    if (all && has(half, ISA_FIELD_rs2))
        for (unsigned i = 0; i < count * count; i++)
            add(half, list[i % count] | BOX, list[i / count] | BOX, list[i * 7 % count] | BOX);
    else if (all && half->insn != ISA_INSN_fcvt_h_s && half->insn != ISA_INSN_fcvt_h_d)
        for (uint64_t a = 0; a < 65536; a++)
            add(half, narrows(half) ? a : a | BOX, 0, 0);
    add_random(half, &random);
}

/* ---- The program --------------------------------------------------------------------------------------- */

/* `second`: 0 or 1. */
static void put_operation(struct guest *guest, const struct half *half, unsigned rm, int second)
{
    bool to_f = isa_entry(half->insn)->flags & ISA_FRD, from_f = isa_entry(half->insn)->flags & ISA_FRS1;
    struct isa_operands o = { .rd = to_f ? 4 : A3, .rs1 = from_f ? 1 : A2, .rs2 = 2, .rs3 = 3 };
    o.rm = (uint8_t)(has(half, ISA_FIELD_rm) ? rm : 0);
    I(csrrwi, 0, 0, 0, CSR_FFLAGS);
    uint32_t bits = isa_encode(half->insn, &o);
    guest_put16(guest, bits & 0xffff);
    guest_put16(guest, bits >> 16);
    I(csrrs, A4, 0, 0, CSR_FFLAGS);
    if (to_f)
        I(fsd, 0, A1, 4, 8 * second);
    else
        I(sd, 0, A1, A3, 8 * second);
    I(sw, 0, A1, A4, 16 + 4 * second);
}

static void build_half(struct guest *guest, const struct half *half)
{
    if (half->without_f16c && guest->dbt)
        guest->dbt->host.v3 = false;
    for (uint64_t i = 0; i < half->runs; i++)
        for (unsigned k = 0; k < 3; k++)
            guest_set_word(guest, OPERANDS + 24 * i + 8 * k, half->operands[i][k]);
    guest_put_value(guest, T0, 0x6000);
    I(csrrs, 0, T0, 0, CSR_MSTATUS);
    I(csrrwi, 0, 0, 0, CSR_FRM | (int32_t)half->frm << 16);
    guest_put_value(guest, A0, OPERANDS);
    guest_put_value(guest, A1, RESULTS);
    guest_put_value(guest, A5, (uint32_t)(OPERANDS + 24 * half->runs));
    uint64_t loop = guest->at;
    I(fld, 1, A0, 0, 0);
    I(ld, A2, A0, 0, 0);
    I(fld, 2, A0, 0, 8);
    I(fld, 3, A0, 0, 16);
    put_operation(guest, half, 7, 0);
    put_operation(guest, half, half->rm, 1);
    I(addi, A0, A0, 0, 24);
    I(addi, A1, A1, 0, 24);
    guest_put_branch(guest, ISA_INSN_bne, A0, A5, loop);
    guest_put_end(guest, 0);
}

/* The interpreter's handler did not do it within translated code. */
static void check_half(const struct guest *guest, const struct half *half)
{
    ck_assert_uint_eq(guest->harts[0]->x[A1], RESULTS + 24 * half->runs);
    if (!guest->dbt)
        return;
    bool bits_only = half->insn == ISA_INSN_fclass_h || half->insn == ISA_INSN_fmv_x_h ||
                     half->insn == ISA_INSN_fmv_h_x || half->insn == ISA_INSN_fsgnj_h ||
                     half->insn == ISA_INSN_fsgnjn_h || half->insn == ISA_INSN_fsgnjx_h;
    bool called = (half->rm == FP_RMM && has(half, ISA_FIELD_rm)) || (!guest->dbt->host.v3 && !bits_only);
    ck_assert_uint_eq(guest->dbt->counters.calls != 0, called);
}

static void run_tier(struct guest *guest, enum guest_tier tier, const struct half *half)
{
    guest_create(guest, tier, 1);
    build_half(guest, half);
    guest_start(guest);
    guest_join(guest);
    check_half(guest, half);
}

/* Compares the results and the flags of this run between the two tiers. */
static void compare_run(const struct half *half, uint64_t run, const struct guest *t0, const struct guest *t1)
{
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t at = RESULTS + 24 * run + 8 * i, want = guest_word(t0, at), got = guest_word(t1, at);
        const uint64_t *operands = half->operands[run];
        if (want == got)
            continue;
        ck_abort_msg("%s, frm %u, rm %u, of %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ": %s %#" PRIx64
                     ", the interpreter's %#" PRIx64,
                     isa_entry(half->insn)->mnemonic, half->frm, half->rm, operands[0], operands[1],
                     operands[2],
                     i == 2 ? "flags"
                     : i    ? "by rm"
                            : "by frm",
                     got, want);
    }
}

static void run_half(unsigned insn, unsigned frm, bool without_f16c)
{
    struct half *half = calloc(1, sizeof(*half));
    struct guest t0, t1;
    ck_assert_ptr_nonnull(half);
    half->insn = insns[insn];
    half->frm = frm;
    half->rm = (frm + 1) % 5;
    half->without_f16c = without_f16c;
    fill(half);
    run_tier(&t0, GUEST_INTERPRETER, half);
    run_tier(&t1, GUEST_T1, half);
    for (uint64_t run = 0; run < half->runs; run++)
        compare_run(half, run, &t0, &t1);
    guest_destroy(&t0);
    guest_destroy(&t1);
    free(half);
}

/* ---- Tests: for each instruction ----------------------------------------------------------------------- */

START_TEST(test_halves)
{
    isa_init();
    bool rounds = isa_entry(insns[_i])->fields >> ISA_FIELD_rm & 1;
    for (unsigned frm = FP_RNE; frm <= (rounds ? FP_RMM : FP_RNE); frm++)
        run_half((unsigned)_i, frm, false);
}
END_TEST

START_TEST(test_without_f16c)
{
    isa_init();
    run_half((unsigned)_i, FP_RUP, true);
}
END_TEST

void t1_half_add(TCase *tests)
{
    tcase_set_timeout(tests, 120); /* the machine may be busy */
    tcase_add_loop_test(tests, test_halves, 0, COUNT(insns));
    tcase_add_loop_test(tests, test_without_f16c, 0, COUNT(insns));
}
