/* SPDX-License-Identifier: MIT
 *
 * Random blocks of vector code and scalar code, in all tiers: each instruction reads what others in its block
 * have just written, whole or in part. T1 keeps copies of results in the host's registers, and makes code for
 * vl = VLMAX apart from code for any other vl; here both must give what the interpreter gives. Reserved
 * encodings trap.
 */
#include <check.h>
#include <stdlib.h>

#include "tests/dbt/vector_guest.h"

#define SEEDS 24
#define STEPS 48 /* random instructions of the loop */
#define TURNS 24
#define LOOPS 4 /* short loops of one block each */

static uint64_t state; /* of the random numbers */

static unsigned below(unsigned limit)
{
    return guest_random(&state, limit);
}
#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* A few registers, most of which begin a group. */
static unsigned any_group(void)
{
    static const uint8_t registers[] = { 4, 8, 8, 12, 12, 16, 16, 20, 24, 9, 10, 13, 17, 0 };
    return PICK(registers);
}

static void put_operation(struct guest *guest)
{
    static const enum isa_insn insns[] = {
        ISA_INSN_vadd_vv,   ISA_INSN_vadd_vv,   ISA_INSN_vsub_vv,  ISA_INSN_vxor_vv,     ISA_INSN_vxor_vv,
        ISA_INSN_vand_vv,   ISA_INSN_vmul_vv,   ISA_INSN_vmacc_vv, ISA_INSN_vmadd_vv,    ISA_INSN_vsll_vv,
        ISA_INSN_vsrl_vv,   ISA_INSN_vmax_vv,   ISA_INSN_vminu_vv, ISA_INSN_vfadd_vv,    ISA_INSN_vfmul_vv,
        ISA_INSN_vfmacc_vv, ISA_INSN_vfsgnj_vv, ISA_INSN_vfmax_vv, ISA_INSN_vrgather_vv, ISA_INSN_vwaddu_vv,
        ISA_INSN_vnsrl_wv,  ISA_INSN_vdivu_vv,  ISA_INSN_vsadd_vv, ISA_INSN_vredsum_vs,
    };
    static const enum isa_insn scalar[] = {
        ISA_INSN_vadd_vx, ISA_INSN_vxor_vx, ISA_INSN_vsll_vx, ISA_INSN_vslide1up_vx, ISA_INSN_vslidedown_vx,
    };
    bool vm = below(6) != 0;
    switch (below(12)) {
    case 0: vector_guest_put(guest, PICK(scalar), any_group(), T1, any_group(), vm); break;
    case 1: vector_guest_put(guest, ISA_INSN_vmv_v_v, any_group(), any_group(), 0, true); break;
    case 2: vector_guest_put(guest, ISA_INSN_vmv_v_x, any_group(), T1, 0, true); break;
    case 3: vector_guest_put(guest, ISA_INSN_vmsltu_vv, 0, any_group(), any_group(), true); break;
    case 4: vector_guest_put(guest, ISA_INSN_vmv_x_s, T2, 0, any_group(), true); break;
    case 5: vector_guest_put(guest, ISA_INSN_vmv2r_v, any_group(), 1, any_group(), true); break;
    default: vector_guest_put(guest, PICK(insns), any_group(), any_group(), any_group(), vm); break;
    }
}

static void put_access(struct guest *guest)
{
    static const enum isa_insn loads[] = {
        ISA_INSN_vle8_v,   ISA_INSN_vle16_v,  ISA_INSN_vle32_v,   ISA_INSN_vle64_v,
        ISA_INSN_vle8ff_v, ISA_INSN_vl1re8_v, ISA_INSN_vl2re32_v, ISA_INSN_vlseg2e16_v,
    };
    static const enum isa_insn stores[] = {
        ISA_INSN_vse8_v, ISA_INSN_vse32_v, ISA_INSN_vse64_v, ISA_INSN_vs1r_v, ISA_INSN_vsseg2e8_v,
    };
    bool whole = below(8) != 0;
    if (below(2))
        vector_guest_put(guest, PICK(loads), any_group(), below(2) ? A0 : A1, 0, whole);
    else
        vector_guest_put(guest, PICK(stores), any_group(), A1, 0, whole);
}

static void put_scalar(struct guest *guest)
{
    switch (below(9)) {
    case 0: I(ld, T2, A1, 0, 8 * (int)below(16)); break;
    case 1: I(sd, 0, A1, T2, 8 * (int)below(16)); break;
    case 2: I(mul, T1, T1, S4, 0); break;
    case 3: I(add, T1, T1, T2, 0); break;
    case 4: I(div, T2, T1, S4, 0); break;
    case 5: I(wrs_sto, 0, 0, 0, 0); break; /* the interpreter executes it */
    case 6: I(amoadd_d, T2, A1, T1, 0); break;
    default: I(addi, T1, T1, 0, (int)below(64)); break;
    }
}

static void put_type(struct guest *guest)
{
    static const uint8_t types[] = { E32 | M1, E32 | M1, E64 | M1, E8 | M1,   E16 | M1,
                                     E32 | M2, E16 | M2, E64 | M4, E32 | HALF };
    unsigned type = PICK(types);
    switch (below(5)) {
    case 0: I(vsetvli, T0, 0, 0, (int)type); break;
    case 1: I(vsetvli, 0, 0, 0, (int)type); break;
    case 2: I(vsetivli, T0, 0, 0, (int)(type | below(20) << 16)); break;
    default: I(vsetvli, T0, A2, 0, (int)type); break;
    }
}

/* Loads or stores all vector registers; the vtype is lost. */
static void put_all(struct guest *guest, enum isa_insn insn, unsigned base)
{
    I(vsetvli, T0, 0, 0, E8 | M8);
    for (unsigned i = 0; i < 32; i += 8) {
        vector_guest_put(guest, insn, i, base, 0, true);
        I(add, base, base, T0, 0);
    }
}

static void build_mix(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    state = test->length;
    vector_guest_begin(guest, test);
    guest_put_value(guest, A0, OTHER + test->shift);
    put_all(guest, ISA_INSN_vle8_v, A0);
    guest_put_value(guest, A1, DATA + 0x1000 - 128); /* accesses often straddle the page's end */
    guest_put_value(guest, A5, DATA + 0x4000);       /* has all vector registers after each turn */
    guest_put_value(guest, S4, 1103515245);
    guest_put_value(guest, T1, 4711 + test->length);
    I(addi, S0, 0, 0, TURNS);
    uint64_t loop = guest->at;
    I(mul, A2, T1, S4, 0);
    I(andi, A2, A2, 0, below(2) ? 63 : 7);
    if (below(2))
        put_type(guest);
    for (unsigned i = 0; i < STEPS; i++)
        switch (below(16)) {
        case 0: put_type(guest); break;
        case 1:
        case 2: put_access(guest); break;
        case 3:
        case 4: put_scalar(guest); break;
        default: put_operation(guest); break;
        }
    put_all(guest, ISA_INSN_vse8_v, A5);
    I(addi, S0, S0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S0, 0, loop);
    I(csrrs, A3, 0, 0, 3); /* fcsr */
    I(csrrs, A4, 0, 0, CSR_VXSAT);
    guest_put_end(guest, 0);
}

/* A block that ends with a branch to its own beginning: T1 writes such a loop twice. */
static void put_loop(struct guest *guest)
{
    bool counts = below(2), moves = below(2);
    unsigned steps = 2 + below(9);
    if (below(2))
        put_type(guest);
    I(addi, S0, 0, 0, 3 + (int)below(TURNS));
    guest_put_value(guest, A1, DATA + 0x1000 - 64 * below(8));
    uint64_t loop = guest->at;
    if (counts) { /* VLMAX most often; then less, and VLMAX again */
        I(mul, T1, T1, S4, 0);
        I(andi, A2, T1, 0, below(2) ? 1023 : 31);
    }
    if (below(3))
        put_type(guest);
    for (unsigned i = 0; i < steps; i++)
        switch (below(8)) {
        case 0: put_type(guest); break;
        case 1:
        case 2: put_access(guest); break;
        case 3: I(addi, T1, T1, 0, (int)below(64)); break;
        default: put_operation(guest); break;
        }
    if (moves)
        I(addi, A1, A1, 0, 8 * (int)below(9));
    I(addi, S0, S0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S0, 0, loop);
}

static void build_loops(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    state = test->length + 1000;
    vector_guest_begin(guest, test);
    guest_put_value(guest, A0, OTHER + test->shift);
    put_all(guest, ISA_INSN_vle8_v, A0);
    guest_put_value(guest, A5, DATA + 0x4000);
    guest_put_value(guest, S4, 1103515245);
    guest_put_value(guest, T1, 4711 + test->length);
    I(addi, A2, 0, 0, 100);
    for (unsigned i = 0; i < LOOPS; i++) {
        put_loop(guest);
        I(csrrs, A3, 0, 0, CSR_VL);
        I(csrrs, A4, 0, 0, CSR_VTYPE);
        I(sd, 0, A5, A3, 0);
        I(sd, 0, A5, A4, 8);
        I(addi, A5, A5, 0, 16);
        put_all(guest, ISA_INSN_vse8_v, A5);
    }
    I(csrrs, A3, 0, 0, 3); /* fcsr */
    I(csrrs, A4, 0, 0, CSR_VXSAT);
    guest_put_end(guest, 0);
}

static void check_mix(struct guest *guest, const void *argument)
{
    (void)argument;
    ck_assert_uint_eq(guest->harts[0]->x[S0], 0);
}

START_TEST(test_mix)
{
    vector_guest_run(build_mix, check_mix, (unsigned)_i, _i % 2 ? 3 : 0xfc0);
}
END_TEST

START_TEST(test_loops)
{
    vector_guest_run(build_loops, check_mix, (unsigned)_i, _i % 2 ? 3 : 0xfc0);
}
END_TEST

void t1_vector_mix_add(TCase *tests)
{
    const char *asked = getenv("RVIVE_MIXES");
    const char *seed = getenv("RVIVE_SEED");
    int first = seed ? atoi(seed) : 1;
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_mix, first, first + (asked ? atoi(asked) : SEEDS));
    tcase_add_loop_test(tests, test_loops, first, first + (asked ? atoi(asked) : SEEDS));
}
