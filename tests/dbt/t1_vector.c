/* SPDX-License-Identifier: MIT
 *
 * Compares vector code in T1 with the interpreter, as blocks and loops; tests/diff tests the instructions one
 * by one. Each test runs with AVX-512, if the host has it, and without.
 *
 *   types   a function that does not set vtype is called with several values of it, and with a vl that is
 *           VLMAX or less: each has code of its own
 *   rounds  a function that rounds, but does not set vxrm, is called with each value: each has its own code
 *   copies  loops of every length, whose last turn is short, over page boundaries
 *   traps   accesses of which one element is beyond the end of RAM, with and without a mask; what follows
 *           finds vstart as the trap left it
 */
#include <check.h>

#include "tests/dbt/vector_guest.h"

static bool translated(const struct guest *guest)
{
    return guest->dbt && !guest->dbt->without[ISA_INSN_vadd_vv];
}

/* Checks that no instruction was left to its handler. */
static void check_none_called(const struct guest *guest)
{
    if (translated(guest) && guest->dbt->host.avx512)
        ck_assert_uint_eq(guest->dbt->counters.calls, 0);
}

/* ---- vtype at a block's entry -------------------------------------------------------------------------- */

static void put_function(struct guest *guest)
{
    uint64_t back = guest->at;
    guest->at = FUNCTION;
    V(vle8_v, 8, A0, 0);
    V(vadd_vv, 16, 8, 16);
    V(vse8_v, 16, A1, 0);
    V(vmv_x_s, A3, 0, 16);
    I(add, A4, A4, A3, 0);
    I(jalr, 0, RA, 0, 0);
    guest->at = back;
}

static const uint8_t types[] = { E8 | M1, E16 | M2, E32 | M4, E64 | M8, E8 | M2, E16 | M1, E8 | HALF };

static void build_types(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    vector_guest_begin(guest, test);
    put_function(guest);
    guest_put_value(guest, A0, OTHER + test->shift);
    guest_put_value(guest, A1, DATA);
    I(addi, S0, 0, 0, 6);
    uint64_t loop = guest->at;
    for (unsigned i = 0; i < sizeof(types); i++) {
        I(vsetvli, T0, 0, 0, types[i]);
        guest_put_jal(guest, RA, FUNCTION);
        I(addi, A2, 0, 0, (int32_t)test->length);
        I(vsetvli, T0, A2, 0, types[i]);
        guest_put_jal(guest, RA, FUNCTION);
        I(add, A5, A5, T0, 0);
        I(addi, A1, A1, 0, 64);
        I(addi, A0, A0, 0, 9);
    }
    I(addi, S0, S0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S0, 0, loop);
    guest_put_end(guest, 0);
}

/* Checks that the function has been translated so many times. */
static void check_versions(const struct guest *guest, unsigned expected)
{
    unsigned versions = 0;
    for (uint32_t ref = guest->dbt->blocks[dbt_hash(FUNCTION, 1)]; ref;) {
        const struct t1_block *block = code_at(&guest->dbt->cache, ref);
        versions += block->span.paddr == FUNCTION;
        ref = block->hash_next;
    }
    ck_assert_uint_eq(versions, expected);
}

static void check_types(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    unsigned versions = 0;
    for (unsigned i = 0; i < sizeof(types); i++) {
        uint8_t sew;
        int8_t lmul;
        vector_decode_type(types[i], &sew, &lmul);
        versions += test->length < vector_elements(test->vlen / 8, sew, lmul) ? 2 : 1;
    }
    ck_assert_uint_eq(guest->harts[0]->x[S0], 0);
    check_none_called(guest);
    if (translated(guest))
        check_versions(guest, versions);
}

/* ---- vxrm at a block's entry --------------------------------------------------------------------------- */

static void put_rounding_function(struct guest *guest)
{
    uint64_t back = guest->at;
    guest->at = FUNCTION;
    V(vle8_v, 8, A0, 0);
    V(vssra_vx, 16, A6, 8);
    V(vnclipu_wx, 17, A6, 8);
    V(vaadd_vv, 18, 16, 8);
    V_MASKED(vsmul_vv, 18, 17, 16);
    V(vse8_v, 16, A1, 0);
    I(addi, A1, A1, 0, 64);
    V(vse8_v, 17, A1, 0);
    I(addi, A1, A1, 0, 64);
    V(vse8_v, 18, A1, 0);
    I(jalr, 0, RA, 0, 0);
    guest->at = back;
}

static void build_rounds(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    vector_guest_begin(guest, test);
    put_rounding_function(guest);
    guest_put_value(guest, A0, OTHER + test->shift);
    guest_put_value(guest, A1, DATA);
    I(addi, A2, 0, 0, (int32_t)test->length);
    I(addi, A6, 0, 0, 3);
    I(vsetvli, T0, A2, 0, E8 | M1);
    I(addi, S0, 0, 0, 4);
    uint64_t loop = guest->at;
    for (int vxrm = 0; vxrm < 4; vxrm++) {
        I(addi, T1, 0, 0, vxrm);
        I(csrrw, 0, T1, 0, CSR_VXRM);
        guest_put_jal(guest, RA, FUNCTION);
        I(csrrw, T0, 0, 0, CSR_VXSAT);
        I(add, A5, A5, T0, 0);
        I(addi, A1, A1, 0, 64);
        I(addi, A0, A0, 0, 9);
    }
    I(addi, S0, S0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S0, 0, loop);
    guest_put_end(guest, 0);
}

static void check_rounds(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    ck_assert_uint_eq(guest->harts[0]->x[S0], 0);
    check_none_called(guest);
    if (translated(guest) && guest->dbt->host.avx512)
        check_versions(guest, 4);
    if (test->length > 8)
        ck_assert_uint_ne(guest->harts[0]->x[A5], 0);
}

/* ---- Loops --------------------------------------------------------------------------------------------- */

/* Copies bytes, and then words, of which some are masked off. */
static void build_copies(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    vector_guest_begin(guest, test);
    guest_put_value(guest, A0, OTHER + test->shift);
    guest_put_value(guest, A1, DATA + 0xfc0);
    I(addi, A2, 0, 0, (int32_t)test->length);
    uint64_t loop = guest->at;
    I(vsetvli, T0, A2, 0, E8 | M8);
    V(vle8_v, 8, A0, 0);
    V(vse8_v, 8, A1, 0);
    I(sub, A2, A2, T0, 0);
    I(add, A0, A0, T0, 0);
    I(add, A1, A1, T0, 0);
    guest_put_branch(guest, ISA_INSN_bne, A2, 0, loop);

    guest_put_value(guest, A1, DATA + 0x2f80);
    I(addi, A2, 0, 0, (int32_t)test->length);
    I(addi, A3, 0, 0, 17);
    loop = guest->at;
    I(vsetvli, T0, A2, 0, E32 | M2);
    V(vle32_v, 8, A0, 0);
    V(vand_vx, 10, A3, 8);
    V(vmseq_vx, 0, 0, 10);
    V_MASKED(vadd_vx, 8, A3, 8);
    V_MASKED(vse32_v, 8, A1, 0);
    V(vfirst_m, A6, 0, 0);
    V(vcpop_m, A7, 0, 0);
    I(add, S2, S2, A6, 0);
    I(add, S3, S3, A7, 0);
    I(sub, A2, A2, T0, 0);
    I(slli, T0, T0, 0, 2);
    I(add, A0, A0, T0, 0);
    I(add, A1, A1, T0, 0);
    guest_put_branch(guest, ISA_INSN_bne, A2, 0, loop);
    guest_put_end(guest, 0);
}

static void check_copies(struct guest *guest, const void *argument)
{
    (void)argument;
    ck_assert_uint_eq(guest->harts[0]->x[A2], 0);
    check_none_called(guest);
}

/* ---- Traps --------------------------------------------------------------------------------------------- */

static void put_after_trap(struct guest *guest)
{
    I(csrrs, T1, 0, 0, CSR_VSTART);
    I(sd, 0, S1, T1, 0);
    V(vse32_v, 8, A1, 0); /* from vstart on */
    I(csrrs, T1, 0, 0, CSR_VSTART);
    I(sd, 0, S1, T1, 8);
    I(addi, S1, S1, 0, 16);
    I(addi, A1, A1, 0, 64);
}

static void build_traps(struct guest *guest, const void *argument)
{
    const struct vector_test *test = argument;
    vector_guest_begin(guest, test);
    guest_put_value(guest, S1, DATA + 0x8000);
    guest_put_value(guest, A1, DATA);
    guest_put_value(guest, A0, OTHER);
    /* The last word that is read lies just below the end of RAM if there are `length` of them. */
    guest_put_value(guest, A4, (uint32_t)(RAM_BASE + RAM_SIZE - 4 * test->length));
    I(addi, S0, 0, 0, 3);
    uint64_t loop = guest->at;
    I(vsetivli, T0, 0, 0, (E32 | M1) | 8 << 16);
    V(vle32_v, 8, A0, 0);
    V(vle32_v, 9, A0, 0);
    V(vmsgt_vi, 0, 0, 8);
    V(vle32_v, 8, A4, 0);
    put_after_trap(guest);
    V_MASKED(vle32_v, 8, A4, 0);
    put_after_trap(guest);
    V_MASKED(vse32_v, 9, A4, 0);
    put_after_trap(guest);
    I(addi, T2, 0, 0, 4);
    V(vlse32_v, 8, A4, T2);
    put_after_trap(guest);
    V_MASKED(vsse32_v, 9, A4, T2);
    put_after_trap(guest);
    V(vlseg2e32_v, 8, A4, 0);
    put_after_trap(guest);
    V(vle32ff_v, 8, A4, 0);
    put_after_trap(guest);
    I(addi, S0, S0, 0, -1);
    guest_put_branch(guest, ISA_INSN_bne, S0, 0, loop);
    guest_put_end(guest, 0);
}

/* ---- Tests --------------------------------------------------------------------------------------------- */

static const unsigned lengths[] = { 0, 1, 3, 8, 15, 33, 64, 257, 512, 700 };
#define LENGTHS (int)(sizeof(lengths) / sizeof(lengths[0]))

void vector_guest_begin(struct guest *guest, const struct vector_test *test)
{
    if (guest->dbt && !test->avx512)
        x86_features_without_avx512(&guest->dbt->host);
    for (uint64_t i = 0; i < 1024; i++)
        guest_set_word(guest, OTHER + 8 * i, 0x0123456789abcdef * (2 * i + 1) + (i << 20));
    guest_put_log_traps(guest);
    guest_put_value(guest, T0, (uint32_t)(MSTATUS_VS | MSTATUS_FS));
    I(csrrs, 0, T0, 0, CSR_MSTATUS);
}

void vector_guest_put(struct guest *guest, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2,
                      bool vm)
{
    struct isa_operands o = { .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .rm = vm };
    uint32_t bits = isa_encode(insn, &o);
    guest_put16(guest, bits & 0xffff);
    guest_put16(guest, bits >> 16);
}

void vector_guest_run(guest_fn *build, guest_fn *check, unsigned length, unsigned shift)
{
    for (unsigned vlen = 128; vlen <= 512; vlen *= 2)
        for (unsigned avx512 = 0; avx512 < 2; avx512++) {
            char cpu[32], label[64];
            struct vector_test test = { avx512, vlen, length, shift };
            snprintf(cpu, sizeof(cpu), ",v=on,vlen=%u", vlen);
            snprintf(label, sizeof(label), "vlen %u, %s, length %u, shift %u", vlen,
                     avx512 ? "AVX-512" : "AVX2", length, shift);
            guest_cpu = cpu;
            guest_label = label;
            guest_run_tiers(1, build, check, &test);
        }
}

START_TEST(test_types)
{
    vector_guest_run(build_types, check_types, lengths[_i], 5);
}
END_TEST

START_TEST(test_rounds)
{
    vector_guest_run(build_rounds, check_rounds, lengths[_i], 5);
}
END_TEST

START_TEST(test_copies)
{
    vector_guest_run(build_copies, check_copies, lengths[_i], _i % 2 ? 3 : 0xff0);
}
END_TEST

START_TEST(test_traps)
{
    vector_guest_run(build_traps, NULL, (unsigned)_i, 0);
}
END_TEST

void t1_vector_add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_types, 1, LENGTHS);
    tcase_add_loop_test(tests, test_rounds, 1, LENGTHS);
    tcase_add_loop_test(tests, test_copies, 1, LENGTHS);
    tcase_add_loop_test(tests, test_traps, 0, 10);
}
