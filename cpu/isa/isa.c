/* SPDX-License-Identifier: MIT
 *
 * Builds the instruction tables from the patterns of isa.def; see isa.h. A pattern is read token by token,
 * from bit 31 (15) down: literal bits make match and mask, names make fields. Then the rows are sorted into
 * small lists by opcode and funct3, so that decoding compares with few rows.
 */
#include "cpu/isa/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct isa_entry entries[ISA_INSN_COUNT] = {
    [ISA_INSN_ILLEGAL] = { .name = "illegal", .mnemonic = "illegal", .pattern = "", .operands = "" },
#define INSN(name_, mnemonic_, pattern_, operands_, extension_, flags_)                                      \
    [ISA_INSN_##name_] = { .name = #name_,                                                                   \
                           .mnemonic = mnemonic_,                                                            \
                           .pattern = pattern_,                                                              \
                           .operands = operands_,                                                            \
                           .extension = ISA_##extension_,                                                    \
                           .flags = flags_ },
#include "cpu/isa/isa.def"
};

static struct isa_entry rvc_entries[ISA_RVC_COUNT] = {
#define RVC(name_, mnemonic_, pattern_, expands_, form_, extension_, flags_)                                 \
    [ISA_RVC_##name_] = { .name = "c_" #name_,                                                               \
                          .mnemonic = mnemonic_,                                                             \
                          .pattern = pattern_,                                                               \
                          .extension = ISA_##extension_,                                                     \
                          .flags = flags_ },
#include "cpu/isa/isa.def"
};

const enum isa_insn isa_rvc_expands[ISA_RVC_COUNT] = {
#define RVC(name, mnemonic, pattern, expands, form, extension, flags) [ISA_RVC_##name] = ISA_INSN_##expands,
#include "cpu/isa/isa.def"
};

const enum isa_rvc_form isa_rvc_forms[ISA_RVC_COUNT] = {
#define RVC(name, mnemonic, pattern, expands, form, extension, flags) [ISA_RVC_##name] = ISA_FORM_##form,
#include "cpu/isa/isa.def"
};

static const struct {
    const char *name;
    unsigned width;
} fields[ISA_FIELD_COUNT] = {
#define X(name, width) { #name, width },
    ISA_FIELDS(X)
#undef X
};

const char *const isa_x_names[32] = { "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                      "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                      "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6" };
const char *const isa_f_names[32] = { "ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
                                      "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
                                      "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
                                      "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11" };

/* The lists of candidate rows. A 32-bit encoding is filed under opcode[6:2] and funct3, a compressed one
 * under funct3 and quadrant. */
#define LIST_MAX 192
static uint16_t lists[256][LIST_MAX];
static uint16_t rvc_lists[32][LIST_MAX];

static unsigned list_key(uint32_t bits)
{
    return (bits >> 2 & 31) << 3 | (bits >> 12 & 7);
}

static unsigned rvc_list_key(uint32_t bits)
{
    return (bits >> 13 & 7) << 2 | (bits & 3);
}

const uint16_t *isa_candidates(uint32_t bits)
{
    return lists[list_key(bits)];
}

const uint16_t *isa_rvc_candidates(uint32_t bits)
{
    return rvc_lists[rvc_list_key(bits)];
}

const struct isa_entry *isa_entry(enum isa_insn insn)
{
    return &entries[insn];
}

const struct isa_entry *isa_rvc_entry(enum isa_rvc rvc)
{
    return &rvc_entries[rvc];
}

static void table_error(const struct isa_entry *entry, const char *what)
{
    fprintf(stderr, "isa.def: %s \"%s\": %s\n", entry->name, entry->pattern, what);
    abort();
}

static void parse_bits(struct isa_entry *entry, const char *token, size_t length, int *position)
{
    for (size_t i = 0; i < length; i++) {
        *position -= 1;
        if (*position < 0)
            table_error(entry, "too many bits");
        if (token[i] == '0' || token[i] == '1') {
            entry->mask |= 1u << *position;
            entry->match |= (uint32_t)(token[i] - '0') << *position;
        }
    }
}

static void parse_field(struct isa_entry *entry, const char *token, size_t length, int *position)
{
    for (unsigned field = 0; field < ISA_FIELD_COUNT; field++) {
        if (strlen(fields[field].name) != length || strncmp(fields[field].name, token, length) != 0)
            continue;
        *position -= (int)fields[field].width;
        if (*position < 0)
            table_error(entry, "too many bits");
        entry->fields |= UINT64_C(1) << field;
        entry->shift[field] = (uint8_t)*position;
        return;
    }
    table_error(entry, "a field that isa.h does not know");
}

/* In a compressed form, letters are operand bits, each one bit wide. */
static void parse_pattern(struct isa_entry *entry, int width)
{
    int position = width;
    for (const char *p = entry->pattern; *p;) {
        size_t length = strcspn(p, " ");
        if (width == 16 || *p == '0' || *p == '1')
            parse_bits(entry, p, length, &position);
        else
            parse_field(entry, p, length, &position);
        p += length + strspn(p + length, " ");
    }
    if (position != 0)
        table_error(entry, "too few bits");
}

static bool operand_named(const char *operands, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = operands; *p;) {
        size_t token = strcspn(p, ",()");
        if (token == length && strncmp(p, name, length) == 0)
            return true;
        p += token;
        p += strspn(p, ",()");
    }
    return false;
}

static void derive_flags(struct isa_entry *entry)
{
    enum isa_extension x = entry->extension;
    if (x == ISA_F || x == ISA_D || x == ISA_Zfh || x == ISA_Zfhmin || x == ISA_Zfbfmin || x == ISA_Zfa ||
        x == ISA_XTheadFMemIdx || x == ISA_XTheadFmv || isa_is_in_x(x))
        entry->flags |= ISA_FP;
    if (entry->fields >> ISA_FIELD_rm & 1)
        entry->flags |= ISA_RM | ISA_TRAPS;
    static const struct {
        const char *name;
        unsigned flag;
    } registers[] = { { "fd", ISA_FRD }, { "fs1", ISA_FRS1 }, { "fs2", ISA_FRS2 }, { "fs3", ISA_FRS3 },
                      { "vd", ISA_VRD }, { "vs3", ISA_VRD },  { "vs1", ISA_VRS1 }, { "vs2", ISA_VRS2 } };
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        if (operand_named(entry->operands, registers[i].name))
            entry->flags |= registers[i].flag;
    static const char *const pairs[] = { "pd", "ps1", "ps2", "ps3" }; /* in the order of ISA_PAIR_* */
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        entry->pairs |= (uint8_t)(operand_named(entry->operands, pairs[i]) << i);
}

static bool xlen_disjoint(const struct isa_entry *a, const struct isa_entry *b)
{
    return (a->flags & ISA_RV32 && b->flags & ISA_RV64) || (a->flags & ISA_RV64 && b->flags & ISA_RV32);
}

static void check_overlap(const struct isa_entry *a, const struct isa_entry *b)
{
    uint32_t common = a->mask & b->mask;
    if ((a->match & common) != (b->match & common) || xlen_disjoint(a, b))
        return;
    if (isa_is_in_x(a->extension) != isa_is_in_x(b->extension) && a->mask == b->mask)
        return;
    const struct isa_entry *hint = a->flags & ISA_HINT ? a : b;
    const struct isa_entry *host = hint == a ? b : a;
    if (!(hint->flags & ISA_HINT) || (hint->mask & host->mask) != host->mask)
        table_error(a, b->name);
}

static void list_append(uint16_t *list, unsigned row, const struct isa_entry *entry)
{
    for (unsigned i = 0; i < LIST_MAX - 1; i++) {
        if (list[i] == 0xffff) {
            list[i] = (uint16_t)row;
            list[i + 1] = 0xffff;
            return;
        }
    }
    table_error(entry, "LIST_MAX is too small");
}

/* The opcode is a constant in every row. */
static void file_entries(bool hints)
{
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        if (!(entries[i].flags & ISA_HINT) != !hints || entries[i].flags & ISA_NO_WIDE)
            continue;
        for (unsigned funct3 = 0; funct3 < 8; funct3++)
            if ((funct3 << 12 & entries[i].mask) == (entries[i].match & 0x7000))
                list_append(lists[list_key(entries[i].match & 0x7f) | funct3], i, &entries[i]);
    }
}

/* Rows that can overlap are in the same list. */
static void check_overlaps(void)
{
    for (unsigned key = 0; key < 256; key++)
        for (const uint16_t *a = lists[key]; *a != 0xffff; a++)
            for (const uint16_t *b = lists[key]; b < a; b++)
                check_overlap(&entries[*a], &entries[*b]);
}

static void file_rvc_entries(void)
{
    for (unsigned key = 0; key < 32; key++) {
        uint32_t bits = (key >> 2) << 13 | (key & 3);
        for (unsigned i = 0; i < ISA_RVC_COUNT; i++) {
            if ((bits & rvc_entries[i].mask & 0xe003) == (rvc_entries[i].match & 0xe003))
                list_append(rvc_lists[key], i, &rvc_entries[i]);
        }
    }
}

void isa_init(void)
{
    static bool done;
    if (done)
        return;
    memset(lists, 0xff, sizeof(lists));
    memset(rvc_lists, 0xff, sizeof(rvc_lists));
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        parse_pattern(&entries[i], 32);
        derive_flags(&entries[i]);
    }
    for (unsigned i = 0; i < ISA_RVC_COUNT; i++)
        parse_pattern(&rvc_entries[i], 16);
    file_entries(true);
    file_entries(false);
    check_overlaps();
    file_rvc_entries();
    done = true;
}
