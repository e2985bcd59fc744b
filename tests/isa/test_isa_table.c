/* SPDX-License-Identifier: MIT
 *
 * cpu/isa/isa.def against itself: no two rows overlap, encode and decode are inverse to each other, and a row
 * is illegal if its extension is off.
 */
#include <check.h>
#include <string.h>

#include "tests/isa/rows.h"
#include "tests/suite.h"

#define ROUNDS 500

/* For loops: ck_assert_msg() writes its position to a file each time. */
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

/* The meaning of the flags RVC_*, written a second time. */
static bool rvc_matches(enum isa_rvc rvc, uint32_t bits)
{
    const struct isa_entry *entry = isa_rvc_entry(rvc);
    struct isa_operands o = { 0 };
    if (!row_matches(entry, bits) || ISA_CLASHING >> entry->extension & 1)
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
    if (rvc == ISA_RVC_mop) /* two of its encodings are those of the shadow stack */
        return !row_matches(isa_rvc_entry(ISA_RVC_sspush), bits) &&
               !row_matches(isa_rvc_entry(ISA_RVC_sspopchk), bits);
    return !(entry->flags & RVC_RD_NOT_SP && o.rd == 2);
}

START_TEST(test_patterns_disjoint)
{
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        for (unsigned j = 1; j < i; j++) {
            const struct isa_entry *a = isa_entry(i), *b = isa_entry(j);
            bool meet = ((a->match ^ b->match) & a->mask & b->mask) == 0 && !(a->flags & ISA_NO_WIDE);
            bool xlens_meet = !((a->flags | b->flags) & ISA_RV32 && (a->flags | b->flags) & ISA_RV64);
            if (!meet || !xlens_meet)
                continue;
            if (isa_is_in_x(a->extension) != isa_is_in_x(b->extension)) {
                ck_assert_msg(strcmp(a->pattern, b->pattern) == 0 && strcmp(a->mnemonic, b->mnemonic) == 0,
                              "%s and %s overlap", a->name, b->name);
                continue;
            }
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

/* A hint in the encoding space of `entry` may be decoded instead. */
static bool decoded_as(const struct isa_operands *o, const struct isa_entry *entry)
{
    const struct isa_entry *got = isa_entry(o->insn);
    return got == entry || (got->flags & ISA_HINT && row_matches(entry, got->match));
}

START_TEST(test_encode_decode)
{
    for (unsigned row = 1; row < ISA_INSN_COUNT; row++) {
        const struct isa_entry *entry = isa_entry(row);
        unsigned xlen = entry->flags & ISA_RV32 ? 32 : 64;
        struct isa_config config = isa_is_in_x(entry->extension) ? rows_config_in_x(xlen) : rows_config(xlen);
        unsigned exact = 0;
        if (entry->flags & ISA_NO_WIDE)
            continue;
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

/* All extensions that a row needs, as bits. If two extensions share it, the one that is on. */
static isa_set row_needs(const struct isa_entry *entry, const struct isa_config *config)
{
    enum isa_extension other = isa_sharer(entry->extension);
    bool shared = entry->flags & ISA_SHARED && isa_has(config, other);
    isa_set needs = ISA_SET(shared ? other : entry->extension);
    if (entry->flags & ISA_ALSO_D)
        needs |= ISA_SET(isa_is_in_x(entry->extension) ? ISA_Zdinx : ISA_D);
    needs |= entry->flags & RVC_ALSO_ZCMOP ? ISA_SET(ISA_Zcmop) : 0;
    needs |= entry->flags & ISA_ALSO_ZACAS ? ISA_SET(ISA_Zacas) : 0;
    bool hinval = entry->flags & ISA_ALSO_SVINVAL && entry->extension == ISA_H;
    needs |= hinval ? ISA_SET(ISA_Svinval) : 0;
    return needs | (entry->flags & ISA_ALSO_ZFH ? ISA_SET(ISA_Zfh) : 0);
}

static struct isa_config config_without(unsigned xlen, unsigned extension)
{
    char cpu[64];
    struct isa_config config;
    snprintf(cpu, sizeof(cpu), "rv%u,%s=off", xlen, isa_extension_name(extension));
    if (!isa_config_parse(&config, cpu, NULL)) { /* others need it: such a hart cannot be asked for */
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
        bool host = isa_has(config, entry->extension == ISA_Zicfiss ? ISA_Zimop : ISA_I);
        if (!rows_in_xlen(entry, xlen) || (hint && !host))
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
        /* Without Zicfiss its compressed forms are may-be-operations. */
        bool hint = isa_rvc_entry(o.rvc)->flags & RVC_HINT && isa_has(config, ISA_Zcmop);
        check_gate(config, bits, isa_rvc_entry(o.rvc)->name, needs, hint);
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

/* The same with floating point in x registers: what is missing is one of those extensions, and of loads,
 * stores and moves one of f registers. */
START_TEST(test_gates_in_x)
{
    static const unsigned xlens[] = { 32, 64 };
    static const enum isa_extension off[] = { ISA_Zfinx, ISA_Zdinx, ISA_Zhinx, ISA_Zhinxmin };
    struct isa_config all = rows_config_in_x(xlens[_i]), config = all;
    gate_rows(xlens[_i], &all, &all);
    for (unsigned i = 1; i < 4; i++) {
        config.extensions = all.extensions & ~ISA_SET(off[i]);
        gate_rows(xlens[_i], &config, &all);
    }
    static const struct {
        uint32_t bits;
        enum isa_extension missing;
    } others[] = { { 0x00052507, ISA_F },  { 0x00053507, ISA_D },      { 0xe0050553, ISA_F },
                   { 0xf2050553, ISA_D },  { 0x00051507, ISA_Zfhmin }, { 0x2188, ISA_D },
                   { 0xf2150553, ISA_Zfa } /* fli.d */ };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct isa_operands o;
        enum isa_extension missing;
        if (others[i].bits == 0xf2050553 && xlens[_i] == 32)
            continue; /* fmv.d.x is RV64's */
        isa_decode(&all, others[i].bits, &o, &missing);
        ck_assert_msg(o.insn == ISA_INSN_ILLEGAL && missing == others[i].missing, "%08x", others[i].bits);
    }
}
END_TEST

/* Of a pair of registers the first is even on RV32; on RV64 there are no pairs. */
START_TEST(test_pairs_in_x)
{
    static const struct {
        enum isa_insn insn;
        unsigned pairs; /* of rd, rs1, rs2, rs3 */
    } cases[] = { { ISA_INSN_fadd_d_x, 7 },   { ISA_INSN_fmadd_d_x, 15 }, { ISA_INSN_fsqrt_d_x, 3 },
                  { ISA_INSN_feq_d_x, 6 },    { ISA_INSN_fclass_d_x, 2 }, { ISA_INSN_fcvt_w_d_x, 2 },
                  { ISA_INSN_fcvt_d_w_x, 1 }, { ISA_INSN_fcvt_s_d_x, 2 }, { ISA_INSN_fcvt_d_s_x, 1 },
                  { ISA_INSN_fcvt_h_d_x, 2 }, { ISA_INSN_fcvt_d_h_x, 1 }, { ISA_INSN_fmin_d_x, 7 },
                  { ISA_INSN_fadd_s_x, 0 },   { ISA_INSN_fmadd_h_x, 0 },  { ISA_INSN_fcvt_s_h_x, 0 } };
    struct isa_config rv32 = rows_config_in_x(32), rv64 = rows_config_in_x(64);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned odd = 0; odd < 16; odd++) {
            struct isa_operands o = {
                .rd = odd & 1, .rs1 = odd >> 1 & 1, .rs2 = odd >> 2 & 1, .rs3 = odd >> 3
            };
            const struct isa_entry *entry = isa_entry(cases[i].insn);
            unsigned has =
                3 | (entry->fields >> ISA_FIELD_rs2 & 1) << 2 | (entry->fields >> ISA_FIELD_rs3 & 1) << 3;
            uint32_t bits = isa_encode(cases[i].insn, &o);
            isa_decode(&rv32, bits, &o, NULL);
            bool legal = o.insn == cases[i].insn;
            expect(legal == !(odd & has & cases[i].pairs), "%s %x", entry->name, odd);
            isa_decode(&rv64, bits, &o, NULL);
            expect(o.insn == cases[i].insn, "%s %x on RV64", entry->name, odd);
        }
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

/* zk, zkn and zks are names of several extensions: they are asked for, switched off, and printed. */
START_TEST(test_groups)
{
    static const struct {
        const char *cpu, *has, *lacks;
    } cases[] = {
        { "rv64", "_zbkb_zbkc_zbkx_zbs_zkn_zknd_zkne_zknh_zks_zksed_zksh_", "_zkr" },
        { "rv32,zk=on", "_zk_zkn_zknd_zkne_zknh_zkr_zks_zksed_zksh_zkt_", "_zkx" },
        { "rv64,zkr=on", "_zknh_zkr_zks_", "_zk_" },
        { "rv64,zkn=off", "_zbkb_zbkc_zbkx_zbs_zks_zksed_zksh_", "_zkn" },
        { "rv64,zks=off", "_zbkx_zbs_zkn_zknd_zkne_zknh_zv", "_zks" },
        { "rv64,zbkx=off", "_zbkb_zbkc_zbs_zknd_zkne_zknh_zksed_zksh_", "_zkn_" },
        { "rv64,zbkx=off,zkn=on", "_zbkb_zbkc_zbkx_zbs_zkn_zknd_zkne_zknh_zks", "_zkr" },
        { "rv64,zknd=off", "_zbs_zkne_zknh_zks_", "_zkn_" },
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct isa_config config;
        char text[ISA_STRING_SIZE];
        ck_assert(isa_config_parse(&config, cases[i].cpu, NULL));
        ck_assert_uint_lt(isa_config_string(&config, text, sizeof(text)), sizeof(text));
        ck_assert_msg(strstr(text, cases[i].has), "%s: %s", cases[i].cpu, text);
        ck_assert_msg(!strstr(text, cases[i].lacks), "%s: %s", cases[i].cpu, text);
    }
}
END_TEST

/* Whether riscv,isa has the name: behind "rv64" a letter, or the name between underscores. */
static bool string_has(const char *text, const char *name)
{
    size_t length = strlen(name);
    const char *letters = text + 4;
    if (length == 1)
        return memchr(letters, *name, strcspn(letters, "_"));
    for (const char *at = text; (at = strstr(at, name)); at += length)
        if (at[-1] == '_' && (at[length] == '_' || !at[length]))
            return true;
    return false;
}

/* U-Boot has room for 511 characters of riscv,isa and ends where there are more. What a long one lacks are
 * promises about the platform, and groups; what has instructions or registers is always there. */
static void check_string(const struct isa_config *config, const char *cpu)
{
    static const char *const spare[] = { "zic64b",  "ziccamoa", "ziccif",  "zicclsm",
                                         "ziccrse", "za64rs",   "zama16b", "ssccptr",
                                         "sstvala", "sstvecd",  "ssu64xl", "sscounterenw",
                                         "supm",    "svbare",   "svvptc",  "ztso" };
    static const char *const groups[] = { "zk",    "zkn",  "zks",   "zvkn", "zvknc",
                                          "zvkng", "zvks", "zvksc", "zvksg" };
    const isa_set t_head = ISA_T_HEAD;
    char text[ISA_STRING_SIZE];
    unsigned lacking = 0, promises = 0;
    size_t length = isa_config_string(config, text, sizeof(text));
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_msg(length <= 511, "%s: %zu characters: %s", cpu, length, text);
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        const char *name = isa_extension_in(config, (enum isa_extension)i);
        bool is_spare = false;
        for (unsigned n = 0; n < sizeof(spare) / sizeof(*spare); n++)
            is_spare |= strcmp(name, spare[n]) == 0;
        promises += is_spare && isa_has(config, (enum isa_extension)i);
        for (unsigned n = 0; n < sizeof(groups) / sizeof(*groups); n++)
            is_spare |= strcmp(name, groups[n]) == 0;
        is_spare |= t_head >> i & 1;
        bool there = string_has(text, name);
        ck_assert_msg(!there || isa_has(config, (enum isa_extension)i), "%s: %s is off", cpu, name);
        if (there || !isa_has(config, (enum isa_extension)i))
            continue;
        ck_assert_msg(is_spare, "%s: %s is missing in %s", cpu, name, text);
        lacking++;
    }
    ck_assert_msg(!lacking || lacking >= promises, "%s lacks one of two like names: %s", cpu, text);
}

START_TEST(test_string)
{
    struct isa_config config;
    char text[ISA_STRING_SIZE];
    for (unsigned n = 0; isa_model_row(n); n++) {
        ck_assert(isa_config_parse(&config, isa_model_row(n)->name, NULL));
        check_string(&config, isa_model_row(n)->name);
    }
    /* No parser takes all of them together, but none may be forgotten. */
    ck_assert(isa_config_parse(&config, "rv64", NULL));
    config.extensions = ISA_SET(ISA_EXTENSION_COUNT) - 1;
    check_string(&config, "all");
    /* A short one is whole. */
    ck_assert(isa_config_parse(&config, "rv64,v=off", NULL));
    isa_config_string(&config, text, sizeof(text));
    ck_assert(string_has(text, "zic64b") && string_has(text, "svvptc") && string_has(text, "zkn"));
    ck_assert(isa_config_parse(&config, "rv64,v=on", NULL));
    isa_config_string(&config, text, sizeof(text));
    ck_assert(string_has(text, "v") && string_has(text, "zkn") && !string_has(text, "zic64b"));
}
END_TEST

/* The base with 16 registers: an instruction that names another register is illegal, whatever the field and
 * the size. */
START_TEST(test_embedded)
{
    static const uint32_t high[] = {
        0x00000813, /* addi x16,x0,0 */
        0x00080013, /* addi x0,x16,0 */
        0x01000033, /* add x0,x0,x16 */
        0x01002023, /* sw x16,0(x0) */
        0x000008b7, /* lui x17,0 */
        0x4801,     /* c.li x16,0 */
        0x8842,     /* c.mv x16,x16 */
        0x4842,     /* c.lwsp x16 */
    };
    static const uint32_t low[] = { 0x00000793, 0x00078013, 0x00f00033, 0x00f02023, 0x4781,
                                    0x87be,     0x30079073, 0x300fd073 /* csrrwi: 31 is a number */ };
    struct isa_config config;
    struct isa_operands o;
    enum isa_extension missing;
    /* fmadd.s a0,a0,a0,x16 and a5 */
    ck_assert(isa_config_parse(&config, "rv64e,zfinx=on", NULL));
    isa_decode(&config, 0x80a57543, &o, NULL);
    ck_assert_int_eq(o.insn, ISA_INSN_ILLEGAL);
    isa_decode(&config, 0x78a57543, &o, NULL);
    ck_assert_int_eq(o.insn, ISA_INSN_fmadd_s_x);
    ck_assert(isa_config_parse(&config, "rv64e,m=on,c=on", NULL));
    for (unsigned i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
        isa_decode(&config, high[i], &o, &missing);
        ck_assert_msg(o.insn == ISA_INSN_ILLEGAL, "%08x", high[i]);
        ck_assert_int_eq(missing, ISA_EXTENSION_COUNT);
    }
    for (unsigned i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
        isa_decode(&config, low[i], &o, NULL);
        ck_assert_msg(o.insn != ISA_INSN_ILLEGAL, "%08x", low[i]);
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
    tcase_add_loop_test(tests, test_gates_in_x, 0, 2);
    tcase_add_test(tests, test_pairs_in_x);
    tcase_add_test(tests, test_gate_xlen);
    tcase_add_test(tests, test_groups);
    tcase_add_test(tests, test_string);
    tcase_add_test(tests, test_embedded);
    suite_add_tcase(suite, tests);
    return suite;
}
