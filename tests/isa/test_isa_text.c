/* SPDX-License-Identifier: MIT
 *
 * isa_disassemble() against binutils' objdump: every row, every CSR and all compressed encodings.
 */
#include <check.h>
#include <string.h>

#include "cpu/isa/foreign.h"
#include "tests/isa/objdump.h"
#include "tests/isa/rows.h"
#include "tests/suite.h"

#define ROUNDS 40
#define BASE   0x80000000ull
/* Zihintntl is missing: with it objdump has names for c.add x0, x2 and the like, which are plain c.add
 * here. */
#define ARCH                                                                                                 \
    "imafdcvh_zicbom_zicbop_zicboz_zicfilp_zicfiss_zicond_zicsr_zifencei_zihintpause_zimop_zabha_zacas_"     \
    "zawrs_zfa_zfbfmin_"                                                                                     \
    "zfh_zba_zbb_zbc_zbs_zcb_zcmop_"                                                                         \
    "zbkb_zbkx_zknd_zkne_zknh_zksed_zksh_zvfh_zvbb_zvbc_zvfbfmin_zvfbfwma_zvkg_zvkned_zvknhb_zvksed_zvksh_"  \
    "svinval_"                                                                                               \
    "xtheadba_xtheadbb_xtheadbs_xtheadcmo_xtheadcondmov_xtheadfmemidx_xtheadfmv_xtheadmac_xtheadmemidx_"     \
    "xtheadmempair_xtheadsync"
/* With floating point in x registers. */
#define ARCH_IN_X "imac_zicsr_zfinx_zdinx_zhinx"
/* The extensions that isa/foreign.c knows. */
#define FOREIGN "_q_smctr_ssctr_xtheadint"

static uint64_t seed = 2;
static const unsigned xlens[] = { 32, 64 };

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

/* A branch's target depends on pc, and objdump does not shorten addresses: only those of RV32 wrap. */
static void disassemble(const struct isa_config *config, uint32_t bits, uint64_t pc, struct isa_operands *o,
                        char *text, size_t size)
{
    isa_decode(config, bits, o, NULL);
    size_t length = isa_disassemble(o, pc, text, size);
    ck_assert_uint_eq(length, strlen(text));
}

/* Legal encodings that objdump does not print:
 * - reserved fence bits: fence with rd, rs1 or fm set;
 * - rd, rs1 or imm of fence.i;
 * - a rounding mode that is not 0 in an instruction that does not round (the manual permits any valid mode);
 * - pairs that begin with an odd register, which only the interpreter refuses;
 * - Zalasr, Zilsd and Zibi, which binutils 2.44 does not know, and ssamoswap, which it knows in part. */
static bool objdump_declines(const struct isa_operands *o, unsigned xlen)
{
    const struct isa_entry *entry = isa_entry(o->insn);
    bool pair = o->insn == ISA_INSN_amocas_q || (o->insn == ISA_INSN_amocas_d && xlen == 32);
    return (o->insn == ISA_INSN_fence && (o->rd || o->rs1 || o->imm >> 8)) || o->insn == ISA_INSN_fence_i ||
           (entry->flags & ISA_EXACT && o->rm != 0) || (pair && (o->rd | o->rs2) & 1) ||
           o->insn == ISA_INSN_ssamoswap_w || o->insn == ISA_INSN_ssamoswap_d ||
           entry->extension == ISA_Zalasr || entry->extension == ISA_Zilsd || entry->extension == ISA_Zibi;
}

/* Reserved encodings that objdump prints: c.addi16sp by 0, and on RV32 compressed shifts by 32 and more. */
static bool objdump_exceeds(uint32_t bits, unsigned xlen)
{
    bool shift = (bits & 0xe003) == 0x0002 || (bits & 0xe803) == 0x8001;
    return bits == 0x6101 || (xlen == 32 && shift && bits >> 12 & 1);
}

static void compare_rows(unsigned xlen, const uint32_t *bits, size_t count, const char *arch)
{
    bool in_x = strcmp(arch, ARCH_IN_X) == 0;
    struct isa_config config = in_x ? rows_config_in_x(xlen) : rows_config(xlen);
    char **texts = objdump_disassemble(xlen, arch, BASE, bits, count);
    ck_assert_ptr_nonnull(texts);
    uint64_t pc = BASE;
    for (size_t i = 0; i < count; i++) {
        char text[128];
        struct isa_operands o;
        disassemble(&config, bits[i], pc, &o, text, sizeof(text));
        pc += o.length;
        if (strncmp(texts[i], ".insn", 5) == 0 && objdump_declines(&o, xlen))
            continue;
        if (o.insn == ISA_INSN_ILLEGAL && objdump_exceeds(bits[i], xlen))
            continue;
        ck_assert_msg(strcmp(text, texts[i]) == 0, "RV%u %0*x: \"%s\", objdump \"%s\"", xlen, o.length * 2,
                      bits[i], text, texts[i]);
    }
    free_texts(texts, count);
}

START_TEST(test_objdump_rows)
{
    unsigned xlen = xlens[_i];
    uint32_t *bits = calloc((size_t)ISA_INSN_COUNT * ROUNDS, sizeof(*bits));
    size_t count = 0;
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++) {
        const struct isa_entry *entry = isa_entry(row);
        if (isa_is_in_x(entry->extension))
            continue;
        for (unsigned round = 0; round < ROUNDS && rows_in_xlen(entry, xlen); round++)
            bits[count++] = rows_bits(entry, round, &seed);
        if (row == ISA_INSN_fence_i) /* the form that objdump knows */
            bits[count++] = entry->match;
    }
    compare_rows(xlen, bits, count, ARCH "_zihintntl");
    free(bits);
}
END_TEST

/* The lowest bits of fields that name pairs. */
static uint32_t even_only(const struct isa_entry *entry)
{
    return (entry->pairs & ISA_PAIR_RD ? 1u << 7 : 0) | (entry->pairs & ISA_PAIR_RS1 ? 1u << 15 : 0) |
           (entry->pairs & ISA_PAIR_RS2 ? 1u << 20 : 0) | (entry->pairs & ISA_PAIR_RS3 ? 1u << 27 : 0);
}

START_TEST(test_objdump_in_x)
{
    static uint32_t bits[ISA_INSN_COUNT * ROUNDS];
    unsigned xlen = xlens[_i];
    size_t count = 0;
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++) {
        const struct isa_entry *entry = isa_entry(row);
        bool here = isa_is_in_x(entry->extension) && rows_in_xlen(entry, xlen);
        for (unsigned round = 0; round < ROUNDS && here; round++)
            bits[count++] = rows_bits(entry, round, &seed) & (xlen == 32 ? ~even_only(entry) : ~0u);
    }
    ck_assert_uint_gt(count, 60 * ROUNDS);
    compare_rows(xlen, bits, count, ARCH_IN_X);
}
END_TEST

/* Instructions of extensions that do not exist here: objdump has the same name for each, and isa.def has no
 * row. A name with blanks stands for a family. */
START_TEST(test_foreign)
{
    unsigned xlen = xlens[_i];
    uint32_t bits[256];
    const struct isa_foreign *row, *of[256];
    size_t count = 0;
    for (unsigned i = 0; (row = isa_foreign_row(i)); i++) {
        struct isa_config config = rows_config(xlen);
        struct isa_operands o;
        bool compressed = (row->match & 3) != 3, one = !strchr(row->name, ' ') && !strchr(row->name, '-');
        /* Binutils 2.44 does not know it. */
        bool unknown = strcmp(row->extension, "Smrnmi") == 0;
        if ((row->xlens && row->xlens != xlen) || !one || compressed || unknown)
            continue;
        /* Operands that every form accepts, and a valid round number. */
        uint32_t word = row->match | (0x00a58500u & ~row->mask);
        isa_decode(&config, word, &o, NULL);
        ck_assert_msg(o.insn == ISA_INSN_ILLEGAL, "%s: isa.def has %s", row->name, isa_entry(o.insn)->name);
        ck_assert_ptr_eq(isa_foreign_find(word, xlen), row);
        of[count] = row;
        bits[count++] = word;
    }
    char **texts = objdump_disassemble(xlen, ARCH FOREIGN, BASE, bits, count);
    ck_assert_ptr_nonnull(texts);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strncmp(texts[i], of[i]->name, strlen(of[i]->name)) == 0,
                      "RV%u %08x: %s, objdump \"%s\"", xlen, bits[i], of[i]->name, texts[i]);
    ck_assert_uint_gt(count, 5);
    free_texts(texts, count);
}
END_TEST

START_TEST(test_objdump_csrs)
{
    uint32_t bits[4096];
    for (uint32_t csr = 0; csr < 4096; csr++)
        bits[csr] = csr << 20 | 0x2573;
    compare_rows(xlens[_i], bits, 4096, ARCH);
}
END_TEST

START_TEST(test_objdump_compressed)
{
    static uint32_t bits[49152];
    size_t count = 0;
    for (uint32_t i = 0; i < 65536; i++)
        if ((i & 3) != 3)
            bits[count++] = i;
    compare_rows(xlens[_i], bits, count, ARCH);
}
END_TEST

/* ---- The function itself ------------------------------------------------------------------------------- */

START_TEST(test_short_buffer)
{
    struct isa_config config = rows_config(64);
    struct isa_operands o;
    char text[8];
    isa_decode(&config, 0xfff50513, &o, NULL);
    ck_assert_uint_eq(isa_disassemble(&o, 0, text, sizeof(text)), strlen("addi a0,a0,-1"));
    ck_assert_str_eq(text, "addi a0");
    ck_assert_uint_eq(isa_disassemble(&o, 0, NULL, 0), strlen("addi a0,a0,-1"));
}
END_TEST

START_TEST(test_illegal)
{
    struct isa_config config = rows_config(64);
    struct isa_operands o;
    char text[64];
    disassemble(&config, 0, 0, &o, text, sizeof(text));
    ck_assert_str_eq(text, "c.unimp");
    disassemble(&config, 0x8002, 0, &o, text, sizeof(text));
    ck_assert_str_eq(text, ".insn 2, 0x8002");
    disassemble(&config, 0xffffffff, 0, &o, text, sizeof(text));
    ck_assert_str_eq(text, ".insn 4, 0xffffffff");
}
END_TEST

Suite *test_suite(void)
{
    isa_init();
    Suite *suite = suite_create("isa text");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_objdump_rows, 0, 2);
    tcase_add_loop_test(tests, test_objdump_in_x, 0, 2);
    tcase_add_loop_test(tests, test_objdump_csrs, 0, 2);
    tcase_add_loop_test(tests, test_foreign, 0, 2);
    tcase_add_loop_test(tests, test_objdump_compressed, 0, 2);
    tcase_add_test(tests, test_short_buffer);
    tcase_add_test(tests, test_illegal);
    suite_add_tcase(suite, tests);
    return suite;
}
