/* SPDX-License-Identifier: MIT
 *
 * Floating point in x registers (cpu/isa/zfinx.def): which of them hold numbers, and of what format. What is
 * above a narrow number is random, since an instruction is to ignore it. On RV32 a double is a pair of
 * registers, the first of which is even; its kind is noted at that one. See snippet.h.
 */
#include <string.h>

#include "tests/diff/snippet.h"

static bool is_pair(const struct generator *generator, const struct isa_entry *entry, unsigned which)
{
    return generator->rows->config->xlen == 32 && entry->pairs & which;
}

/* fcvt.s.w has an integer at the end, fcvt.w.s in front, as have all comparisons. */
static bool reads_integer(const char *mnemonic)
{
    return strchr("wl", strrchr(mnemonic, '.')[1]) != NULL;
}

static bool writes_integer(const char *mnemonic)
{
    static const char *const others[] = { "feq", "flt", "fle", "fclass" };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strncmp(mnemonic, others[i], strlen(others[i])) == 0)
            return true;
    return strchr("wl", strchr(mnemonic, '.')[1]) != NULL;
}

static void put_number(struct generator *generator, unsigned number, enum kind kind)
{
    uint64_t *x = generator->snippet->input.x, value = value_float(generator->random, kind);
    generator->kind[number] = kind;
    x[number] = value;
    if (kind != KIND_D || generator->rows->config->xlen == 64)
        return;
    x[number + 1] = value >> 32;
    generator->kind[number + 1] = KIND_INTEGER;
}

void generate_in_x_state(struct generator *generator)
{
    bool pairs = generator->rows->config->xlen == 32;
    for (unsigned i = 0; i < 32; i++)
        generator->kind[i] = KIND_INTEGER;
    for (unsigned i = 1; i < 32; i++) {
        unsigned kind = random_below(generator->random, 4);
        if (kind == KIND_INTEGER || (kind == KIND_D && pairs && i & 1))
            continue;
        put_number(generator, i, (enum kind)kind);
        i += kind == KIND_D && pairs;
    }
}

static uint8_t source(struct generator *generator, enum kind kind, bool pair)
{
    unsigned even = pair ? 30 : 31, x = generate_source(generator) & even;
    for (unsigned i = 0; i < 12 && generator->kind[x] != kind && random_percent(generator->random, 95); i++)
        x = generate_source(generator) & even;
    return (uint8_t)x;
}

static uint8_t destination(struct generator *generator, bool pair)
{
    for (;;) {
        unsigned x = generate_destination(generator, true);
        if (!pair || (!(x & 1) && x + 1 != generator->snippet->base))
            return (uint8_t)x;
    }
}

void generate_in_x_operands(struct generator *generator, struct isa_operands *o)
{
    const struct isa_entry *entry = isa_entry(o->insn);
    enum kind kind = generate_source_kind(entry->mnemonic);
    o->rd = destination(generator, is_pair(generator, entry, ISA_PAIR_RD));
    if (!reads_integer(entry->mnemonic))
        o->rs1 = source(generator, kind, is_pair(generator, entry, ISA_PAIR_RS1));
    if (entry->fields >> ISA_FIELD_rs2 & 1)
        o->rs2 = source(generator, kind, is_pair(generator, entry, ISA_PAIR_RS2));
    if (entry->fields >> ISA_FIELD_rs3 & 1)
        o->rs3 = source(generator, kind, is_pair(generator, entry, ISA_PAIR_RS3));
}

/* rs3 = rs1 * rs2, so that a fused operation cancels. */
void generate_in_x_product(struct generator *generator, const struct isa_operands *o)
{
    static const enum isa_insn multiply[] = {
        [KIND_H] = ISA_INSN_fmul_h_x, [KIND_S] = ISA_INSN_fmul_s_x, [KIND_D] = ISA_INSN_fmul_d_x
    };
    const struct isa_entry *entry = isa_entry(o->insn);
    enum kind kind = generate_source_kind(entry->mnemonic);
    unsigned base = generator->snippet->base, high = o->rs3 + is_pair(generator, entry, ISA_PAIR_RS3);
    if (!(entry->fields >> ISA_FIELD_rs3 & 1) || o->rs3 == o->rs1 || o->rs3 == o->rs2 || !o->rs3 ||
        o->rs3 == base || high == base || !random_percent(generator->random, 40))
        return;
    generate_insn(generator, multiply[kind], o->rs3, o->rs1, o->rs2, 0);
    generator->kind[o->rs3] = kind;
}

void generate_in_x_result(struct generator *generator, const struct isa_operands *o)
{
    const struct isa_entry *entry = isa_entry(o->insn);
    bool number = isa_is_in_x(entry->extension) && !writes_integer(entry->mnemonic);
    if (entry->fields >> ISA_FIELD_rd & 1)
        generator->kind[o->rd] = number ? generate_result_kind(entry->mnemonic) : KIND_INTEGER;
    generator->kind[0] = KIND_INTEGER;
}
