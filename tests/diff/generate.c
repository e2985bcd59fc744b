/* SPDX-License-Identifier: MIT
 *
 * Generates snippets from the rows of isa.def: operands, and the rows that are neither memory accesses nor
 * control flow. The base register is never written, and frm always holds a valid mode. An instruction mostly
 * gets floating-point operands of its own format. See snippet.h.
 */
#include <string.h>

#include "tests/diff/snippet.h"

void generate_emit(struct generator *generator, uint32_t code)
{
    struct group *group = generator->group;
    if (group->count < GROUP_CODES)
        group->code[group->count++] = code;
}

void generate_insn(struct generator *generator, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2,
                   int32_t imm)
{
    struct isa_operands o = { .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm };
    generate_emit(generator, isa_encode(insn, &o));
}

unsigned generate_source(struct generator *generator)
{
    return random_below(generator->random, 32);
}

unsigned generate_destination(struct generator *generator, bool zero)
{
    for (;;) {
        unsigned x = random_below(generator->random, 32);
        if (x != generator->snippet->base && (x || zero))
            return x;
    }
}

/* The format that a letter of a mnemonic stands for. BF16 is boxed like half precision. */
static enum kind kind_of(char letter)
{
    return letter == 'd' ? KIND_D : letter == 'h' || letter == 'b' ? KIND_H : KIND_S;
}

/* fcvt.d.s reads s (the last part) and writes d (the first part after the name); in flw the name contains the
 * letter. */
enum kind generate_source_kind(const char *mnemonic)
{
    const char *dot = strrchr(mnemonic, '.');
    return kind_of(dot ? dot[1] : mnemonic[2]);
}

enum kind generate_result_kind(const char *mnemonic)
{
    const char *dot = strchr(mnemonic, '.');
    return kind_of(dot ? dot[1] : mnemonic[2]);
}

static uint8_t float_source(struct generator *generator, enum kind kind)
{
    unsigned f = random_below(generator->random, 32);
    for (unsigned i = 0; i < 8 && generator->kind[f] != kind && random_percent(generator->random, 95); i++)
        f = random_below(generator->random, 32);
    return (uint8_t)f;
}

static int32_t random_immediate(struct generator *generator, const struct isa_entry *entry)
{
    struct random *random = generator->random;
    uint64_t fields = entry->fields;
    unsigned xlen = generator->rows->config->xlen;
    if (fields >> ISA_FIELD_imm20 & 1)
        return (int32_t)((uint32_t)value_signed(random, 20) << 12);
    if (fields >> ISA_FIELD_csr12 & 1)
        return (int32_t)(1 + random_below(random, 3) +
                         (random_below(random, 32) << 16)); /* fflags, frm, fcsr */
    if (fields >> ISA_FIELD_shamt5 & 1)
        return (int32_t)random_below(random, 32);
    if (fields >> ISA_FIELD_shamt6 & 1) /* on RV32, of T-Head's alone; larger numbers are illegal on QEMU */
        return (int32_t)random_below(random, xlen);
    if (fields >> ISA_FIELD_bs2 & 1)
        return (int32_t)random_below(random, 4);
    if (fields >> ISA_FIELD_rnum4 & 1) /* other numbers are illegal */
        return (int32_t)random_below(random, 11);
    if (fields >> ISA_FIELD_msb6 & 1) /* QEMU 10 takes larger numbers modulo 32 */
        return (int32_t)(random_below(random, xlen) << 6 | random_below(random, xlen));
    if (fields >> ISA_FIELD_uimm5 & 1)
        return (int32_t)random_below(random, 32);
    return value_signed(random, 12);
}

void generate_operands(struct generator *generator, enum isa_insn insn, struct isa_operands *o)
{
    static const uint8_t modes[] = { 0, 1, 2, 3, 4, 7 };
    const struct isa_entry *entry = isa_entry(insn);
    enum kind kind = generate_source_kind(entry->mnemonic);
    bool fd = entry->flags & ISA_FRD;
    *o = (struct isa_operands){ .insn = insn, .rvc = ISA_RVC_COUNT, .length = 4 };
    o->rd = (uint8_t)(fd ? generate_source(generator) : generate_destination(generator, true));
    o->rs1 = entry->flags & ISA_FRS1 ? float_source(generator, kind) : (uint8_t)generate_source(generator);
    o->rs2 = entry->flags & ISA_FRS2 ? float_source(generator, kind) : (uint8_t)generate_source(generator);
    o->rs3 = entry->flags & ISA_FRS3              ? float_source(generator, kind)
             : entry->fields >> ISA_FIELD_rs3 & 1 ? (uint8_t)generate_source(generator)
                                                  : 0;
    if (isa_is_in_x(entry->extension))
        generate_in_x_operands(generator, o);
    bool same_file = !(entry->flags & ISA_FRS1) == !(entry->flags & ISA_FRS2);
    if (same_file && random_percent(generator->random, 5))
        o->rs2 = o->rs1;
    o->rm = entry->flags & ISA_RM ? modes[random_below(generator->random, 6)]
                                  : (uint8_t)random_below(generator->random, 4);
    o->imm = random_immediate(generator, entry);
}

bool generate_rvc(struct generator *generator, enum isa_rvc rvc, struct isa_operands *operands)
{
    const struct rows *rows = generator->rows;
    for (unsigned tries = 0; tries < 200; tries++) {
        uint16_t bits = rows->encoding[rvc][random_below(generator->random, (unsigned)rows->encodings[rvc])];
        isa_decode(rows->config, bits, operands, NULL);
        bool integer = !(isa_entry(operands->insn)->flags & ISA_FRD);
        if (!integer || operands->rd != generator->snippet->base)
            return true;
    }
    return false;
}

/* Makes a fused operation cancel: after rs3 = rs1 * rs2 its result is the product's rounding error. */
static void prepare_fused(struct generator *generator, struct isa_operands *o)
{
    static const enum isa_insn multiply[] = {
        [KIND_H] = ISA_INSN_fmul_h, [KIND_S] = ISA_INSN_fmul_s, [KIND_D] = ISA_INSN_fmul_d
    };
    enum kind kind = generate_source_kind(isa_entry(o->insn)->mnemonic);
    if (o->rs3 == o->rs1 || o->rs3 == o->rs2 || !random_percent(generator->random, 40))
        return;
    generate_insn(generator, multiply[kind], o->rs3, o->rs1, o->rs2, 0);
    generator->kind[o->rs3] = kind;
}

static void generate_plain(struct generator *generator, struct isa_operands *o)
{
    const struct isa_entry *entry = isa_entry(o->insn);
    if (entry->flags & ISA_FRS3)
        prepare_fused(generator, o);
    else if (isa_is_in_x(entry->extension))
        generate_in_x_product(generator, o);
    if (o->insn == ISA_INSN_fcvt_s_bf16) { /* QEMU 10.0 takes another NaN for a value that is not boxed */
        unsigned x = generate_destination(generator, false);
        generate_insn(generator, ISA_INSN_fmv_x_h, x, o->rs1, 0, 0);
        generate_insn(generator, ISA_INSN_fmv_h_x, o->rs1, x, 0, 0);
        generator->kind[o->rs1] = KIND_H;
    }
    if (o->rvc != ISA_RVC_COUNT)
        generate_emit(generator, o->bits);
    else if (o->insn == ISA_INSN_fence || o->insn == ISA_INSN_fence_i) /* reserved fields must be ignored */
        generate_emit(generator, entry->match | ((uint32_t)random_u64(generator->random) & ~entry->mask));
    else
        generate_emit(generator, isa_encode(o->insn, o));
    /* QEMU 10.0 drops fround and froundnx together with their flags if rd is overwritten before it is
     * used. */
    if (entry->extension == ISA_Zfa && entry->flags & ISA_RM)
        generate_insn(generator, ISA_INSN_fsd, 0, generator->snippet->base, o->rd,
                      SCRATCH_LOW + (int)random_below(generator->random, SCRATCH_SIZE - 8));
    if (entry->flags & ISA_CSR) { /* frm may have become invalid */
        struct isa_operands frm = { .imm = (int32_t)(2 | random_below(generator->random, 5) << 16) };
        generate_emit(generator, isa_encode(ISA_INSN_csrrwi, &frm));
    }
}

static bool generate_group(struct generator *generator, struct row row)
{
    struct isa_operands o;
    const struct isa_entry *entry = isa_entry(row.insn);
    *generator->group = (struct group){ .insn = row.insn, .rvc = row.rvc };
    if (row.rvc == ISA_RVC_COUNT)
        generate_operands(generator, row.insn, &o);
    else if (!generate_rvc(generator, row.rvc, &o))
        return false;
    bool done = true;
    if (entry->flags & ISA_BRANCH || row.insn == ISA_INSN_jal || row.insn == ISA_INSN_jalr)
        done = generate_jump(generator, row, &o);
    else if (entry->flags & (ISA_LOAD | ISA_STORE))
        done = generate_memory(generator, row, &o);
    else
        generate_plain(generator, &o);
    if (done && entry->flags & ISA_FRD)
        generator->kind[o.rd] = generate_result_kind(entry->mnemonic);
    else if (done && rows_in_x(generator->rows))
        generate_in_x_result(generator, &o);
    return done;
}

static struct row next_row(const struct rows *rows, struct row_walk *walk, struct random *random)
{
    if (walk->at == 0) { /* the round begins: shuffle */
        for (size_t i = 0; i < rows->count; i++) {
            size_t j = random_below(random, (unsigned)i + 1);
            walk->order[i] = walk->order[j];
            walk->order[j] = i;
        }
    }
    struct row row = rows->row[walk->order[walk->at]];
    walk->at = (walk->at + 1) % rows->count;
    return row;
}

static void random_state(struct generator *generator)
{
    struct random *random = generator->random;
    struct snippet *snippet = generator->snippet;
    for (unsigned i = 1; i < 32; i++)
        snippet->input.x[i] = value_integer(random);
    snippet->input.x[0] = random_below(random, 5) << 5 | random_below(random, 32); /* fcsr */
    if (rows_in_x(generator->rows))
        generate_in_x_state(generator);
    for (unsigned i = 0; i < 32 && !rows_in_x(generator->rows); i++) {
        generator->kind[i] = (enum kind)random_below(random, 3);
        snippet->input.f[i] = value_float(random, generator->kind[i]);
    }
    for (unsigned i = 0; i < SCRATCH_SIZE; i += 8) {
        uint64_t value = random_percent(random, 50) ? value_integer(random)
                                                    : value_float(random, (enum kind)random_below(random, 3));
        memcpy(snippet->scratch + i, &value, 8);
    }
}

void snippet_generate(struct snippet *snippet, const struct rows *rows, struct row_walk *walk,
                      struct random *random)
{
    struct generator generator = { .rows = rows, .random = random, .snippet = snippet };
    snippet->base = 1 + random_below(random, 31);
    snippet->count = 0;
    random_state(&generator);
    while (snippet->count < SNIPPET_GROUPS) {
        generator.group = &snippet->groups[snippet->count];
        snippet->count += generate_group(&generator, next_row(rows, walk, random));
    }
}
