/* SPDX-License-Identifier: MIT
 *
 * cpu/isa/isa.def against itself: no two rows overlap, encode and decode are inverse, and a row is illegal
 * where its extension is off.
 */
#include <check.h>
#include <string.h>

#include "tests/isa/rows.h"
#include "tests/suite.h"

#define ROUNDS 500

/* ck_assert_msg() for loops: that notes each time where it is, in a file. */
#define expect(condition, ...)                                                                               \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ck_abort_msg(__VA_ARGS__);                                                                       \
    } while (0)

static uint64_t seed = 1;

static bool row_matches(const struct isa_entry *entry, uint32_t bits)
{
    return (bits & entry->mask) == entry->match;
}

/* What the flags RVC_* say, told once more. */
static bool rvc_matches(enum isa_rvc rvc, uint32_t bits)
{
    const struct isa_entry *entry = isa_rvc_entry(rvc);
    struct isa_operands o = { 0 };
    if (!row_matches(entry, bits))
        return false;
    isa_rvc_extract(isa_rvc_forms[rvc], bits, &o);
    if (entry->flags & RVC_RD_NZ && o.rd == 0)
        return false;
    if (entry->flags & RVC_RS1_NZ && o.rs1 == 0)
        return false;
    if (entry->flags & RVC_RS2_NZ && o.rs2 == 0)
        return false;
    if (entry->flags & RVC_IMM_NZ && o.imm == 0)
        return false;
    return !(entry->flags & RVC_RD_NOT_SP && o.rd == 2);
}

START_TEST(test_patterns_disjoint)
{
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        for (unsigned j = 1; j < i; j++) {
            const struct isa_entry *a = isa_entry(i), *b = isa_entry(j);
            bool meet = ((a->match ^ b->match) & a->mask & b->mask) == 0;
            bool xlens_meet = !((a->flags | b->flags) & ISA_RV32 && (a->flags | b->flags) & ISA_RV64);
            if (!meet || !xlens_meet)
                continue;
            const struct isa_entry *hint = a->flags & ISA_HINT ? a : b, *host = hint == a ? b : a;
            ck_assert_msg(hint->flags & ISA_HINT, "%s and %s overlap", a->name, b->name);
            ck_assert_msg((hint->mask & host->mask) == host->mask && row_matches(host, hint->match),
                          "hint %s is not inside %s", hint->name, host->name);
        }
    }
}
END_TEST

START_TEST(test_hints_have_hosts)
{
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        const struct isa_entry *hint = isa_entry(i);
        unsigned hosts = 0;
        for (unsigned j = 1; j < ISA_INSN_COUNT; j++)
            hosts += j != i && row_matches(isa_entry(j), hint->match);
        if (hint->flags & ISA_HINT)
            ck_assert_msg(hosts == 1, "hint %s lies in %u rows", hint->name, hosts);
    }
}
END_TEST

START_TEST(test_compressed_disjoint)
{
    static const unsigned xlens[] = { 32, 64 };
    unsigned xlen = xlens[_i], legal = 0;
    struct isa_config config = rows_config(xlen);
    for (uint32_t bits = 0; bits < 65536; bits++) {
        unsigned matches = 0, row = ISA_RVC_COUNT;
        for (unsigned i = 0; i < ISA_RVC_COUNT && (bits & 3) != 3; i++) {
            if (rows_in_xlen(isa_rvc_entry(i), xlen) && rvc_matches(i, bits)) {
                matches++;
                row = i;
            }
        }
        struct isa_operands o;
        ck_assert_msg(matches <= 1, "%04x on RV%u: %u rows", bits, xlen, matches);
        isa_decode(&config, bits | 0xabcd0000, &o, NULL);
        if ((bits & 3) == 3)
            continue;
        ck_assert_msg(o.rvc == row, "%04x on RV%u: row %u, decoded as %u", bits, xlen, row, o.rvc);
        ck_assert_int_eq(o.insn != ISA_INSN_ILLEGAL, matches);
        ck_assert_uint_eq(o.length, 2);
        ck_assert_uint_eq(o.bits, bits);
        legal += matches;
    }
    ck_assert_uint_gt(legal, 40000);
}
END_TEST

static bool same_operands(const struct isa_operands *a, const struct isa_operands *b)
{
    return a->insn == b->insn && a->rvc == b->rvc && a->length == b->length && a->rd == b->rd &&
           a->rs1 == b->rs1 && a->rs2 == b->rs2 && a->rs3 == b->rs3 && a->rm == b->rm && a->imm == b->imm &&
           a->bits == b->bits;
}

/* A hint of `entry`'s encoding space may come out instead. */
static bool decoded_as(const struct isa_operands *o, const struct isa_entry *entry)
{
    const struct isa_entry *got = isa_entry(o->insn);
    return got == entry || (got->flags & ISA_HINT && row_matches(entry, got->match));
}

START_TEST(test_encode_decode)
{
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++) {
        const struct isa_entry *entry = isa_entry(row);
        struct isa_config config = rows_config(entry->flags & ISA_RV32 ? 32 : 64);
        unsigned exact = 0;
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint32_t bits = rows_bits(entry, round, &seed);
            struct isa_operands o, again;
            isa_decode(&config, bits, &o, NULL);
            expect(decoded_as(&o, entry), "%s: %08x is decoded as %s", entry->name, bits,
                   isa_entry(o.insn)->name);
            uint32_t encoded = isa_encode(o.insn, &o);
            expect(encoded == bits, "%s: %08x comes back as %08x", entry->name, bits, encoded);
            isa_decode(&config, encoded, &again, NULL);
            expect(same_operands(&o, &again), "%s: %08x: operands differ", entry->name, bits);
            exact += o.insn == row;
        }
        expect(exact > ROUNDS / 2, "%s: only %u encodings", entry->name, exact);
    }
}
END_TEST

/* The expansion of a compressed form, encoded in 32 bits, has the same operands. */
START_TEST(test_compressed_expand)
{
    static const unsigned xlens[] = { 32, 64 };
    struct isa_config config = rows_config(xlens[_i]);
    for (uint32_t bits = 0; bits < 65536; bits++) {
        struct isa_operands o, wide;
        isa_decode(&config, bits, &o, NULL);
        if ((bits & 3) == 3 || o.insn == ISA_INSN_ILLEGAL)
            continue;
        isa_decode(&config, isa_encode(o.insn, &o), &wide, NULL);
        struct isa_operands expect = o;
        expect.rvc = ISA_RVC_COUNT;
        expect.length = 4;
        expect.bits = wide.bits;
        if (isa_entry(wide.insn)->flags & ISA_HINT) /* c.add x0, x2: a hint only in its own encoding */
            continue;
        expect(same_operands(&wide, &expect), "%04x: %s, expanded %s", bits, isa_rvc_entry(o.rvc)->name,
               isa_entry(wide.insn)->name);
    }
}
END_TEST

/* ---- Extensions ---------------------------------------------------------------------------------------- */

/* Everything a row needs, as bits. Of two extensions that share it, the one that is on. */
static isa_set row_needs(const struct isa_entry *entry, const struct isa_config *config)
{
    enum isa_extension other = isa_sharer(entry->extension);
    bool shared = entry->flags & ISA_SHARED && isa_has(config, other);
    isa_set needs = ISA_SET(shared ? other : entry->extension);
    needs |= entry->flags & ISA_ALSO_D ? ISA_SET(ISA_D) : 0;
    return needs | (entry->flags & ISA_ALSO_ZFH ? ISA_SET(ISA_Zfh) : 0);
}

static struct isa_config config_without(unsigned xlen, unsigned extension)
{
    char cpu[64];
    struct isa_config config;
    snprintf(cpu, sizeof(cpu), "rv%u,%s=off", xlen, isa_extension_name(extension));
    if (!isa_config_parse(&config, cpu, NULL)) { /* others need it: a hart that cannot be asked for */
        config = rows_config(xlen);
        config.extensions &= ~ISA_SET(extension);
    }
    return config;
}

static void check_gate(const struct isa_config *config, uint32_t bits, const char *name, isa_set needs,
                       bool hint)
{
    struct isa_operands o;
    enum isa_extension missing = ISA_I;
    isa_decode(config, bits, &o, &missing);
    if ((config->extensions & needs) == needs) {
        expect(o.insn != ISA_INSN_ILLEGAL, "%s: illegal though all is on", name);
        expect(missing == ISA_EXTENSION_COUNT, "%s: legal, but missing", name);
    } else if (hint) {
        expect(o.insn != ISA_INSN_ILLEGAL && !(isa_entry(o.insn)->flags & ISA_HINT), "hint %s: %s without it",
               name, isa_entry(o.insn)->name);
    } else {
        expect(o.insn == ISA_INSN_ILLEGAL, "%s: decoded as %s", name, isa_entry(o.insn)->name);
        expect(missing < ISA_EXTENSION_COUNT && (needs & ~config->extensions) >> missing & 1,
               "%s: missing is %s", name,
               missing < ISA_EXTENSION_COUNT ? isa_extension_name(missing) : "nothing");
        expect(o.rvc == ISA_RVC_COUNT, "%s: illegal, but has a compressed form", name);
    }
}

static void gate_rows(unsigned xlen, const struct isa_config *config, const struct isa_config *all)
{
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++) {
        const struct isa_entry *entry = isa_entry(row);
        bool hint = entry->flags & ISA_HINT;
        if (!rows_in_xlen(entry, xlen) || (hint && !isa_has(config, ISA_I)))
            continue;
        for (unsigned round = 0; round < 20; round++) {
            struct isa_operands o;
            uint32_t bits = rows_bits(entry, round, &seed);
            isa_decode(all, bits, &o, NULL);
            if (o.insn == row)
                check_gate(config, bits, entry->name, row_needs(entry, config), hint);
        }
    }
}

static void gate_compressed(const struct isa_config *config, const struct isa_config *all)
{
    for (uint32_t bits = 0; bits < 65536; bits += 11) {
        struct isa_operands o;
        isa_decode(all, bits, &o, NULL);
        if ((bits & 3) == 3 || o.insn == ISA_INSN_ILLEGAL)
            continue;
        isa_set needs = row_needs(isa_rvc_entry(o.rvc), config) | row_needs(isa_entry(o.insn), config);
        check_gate(config, bits, isa_rvc_entry(o.rvc)->name, needs, false);
    }
}

/* All rows with each extension switched off in turn. */
START_TEST(test_gates)
{
    static const unsigned xlens[] = { 32, 64 };
    for (unsigned extension = 0; extension < ISA_EXTENSION_COUNT; extension++) {
        struct isa_config config = config_without(xlens[_i], extension), all = rows_config(xlens[_i]);
        ck_assert(!isa_has(&config, extension));
        gate_rows(xlens[_i], &config, &all);
        gate_compressed(&config, &all);
    }
}
END_TEST

/* An instruction of the other XLEN does not exist. */
START_TEST(test_gate_xlen)
{
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++) {
        const struct isa_entry *entry = isa_entry(row);
        if (!(entry->flags & (ISA_RV32 | ISA_RV64)))
            continue;
        struct isa_config other = rows_config(entry->flags & ISA_RV32 ? 64 : 32);
        for (unsigned round = 0; round < 100; round++) {
            struct isa_operands o;
            isa_decode(&other, rows_bits(entry, round, &seed), &o, NULL);
            ck_assert_msg(o.insn != row, "%s exists on RV%u", entry->name, other.xlen);
        }
    }
}
END_TEST

/* zk, zkn and zks are names of several: what is asked for, switched off, and named. */
START_TEST(test_groups)
{
    static const struct {
        const char *cpu, *has, *lacks;
    } cases[] = {
        { "rv64", "_zbkb_zbkc_zbkx_zbs_zkn_zknd_zkne_zknh_zks_zksed_zksh_", "_zkr" },
        { "rv32,zk=on", "_zk_zkn_zknd_zkne_zknh_zkr_zks_zksed_zksh_zkt_", "_zkx" },
        { "rv64,zkr=on", "_zknh_zkr_zks_", "_zk_" },
        { "rv64,zkn=off", "_zbkb_zbkc_zbkx_zbs_zks_zksed_zksh_", "_zkn" },
        { "rv64,zks=off", "_zbkx_zbs_zkn_zknd_zkne_zknh_ss", "_zks" },
        { "rv64,zbkx=off", "_zbkb_zbkc_zbs_zknd_zkne_zknh_zksed_zksh_", "_zkn_" },
        { "rv64,zbkx=off,zkn=on", "_zbkb_zbkc_zbkx_zbs_zkn_zknd_zkne_zknh_zks", "_zkr" },
        { "rv64,zknd=off", "_zbs_zkne_zknh_zks_", "_zkn_" },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct isa_config config;
        char text[512];
        ck_assert(isa_config_parse(&config, cases[i].cpu, NULL));
        ck_assert_uint_lt(isa_config_string(&config, text, sizeof(text)), sizeof(text));
        ck_assert_msg(strstr(text, cases[i].has), "%s: %s", cases[i].cpu, text);
        ck_assert_msg(!strstr(text, cases[i].lacks), "%s: %s", cases[i].cpu, text);
    }
}
END_TEST

Suite *test_suite(void)
{
    isa_init();
    Suite *suite = suite_create("isa table");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_patterns_disjoint);
    tcase_add_test(tests, test_hints_have_hosts);
    tcase_add_loop_test(tests, test_compressed_disjoint, 0, 2);
    tcase_add_test(tests, test_encode_decode);
    tcase_add_loop_test(tests, test_compressed_expand, 0, 2);
    tcase_add_loop_test(tests, test_gates, 0, 2);
    tcase_add_test(tests, test_gate_xlen);
    tcase_add_test(tests, test_groups);
    suite_add_tcase(suite, tests);
    return suite;
}
