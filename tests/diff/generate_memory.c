/* SPDX-License-Identifier: MIT
 *
 * Groups of the generator that access memory: an address in the scratch area is chosen, and then a register
 * is set so that the instruction reaches it. Loads and stores have every alignment, atomics have natural
 * alignment. See snippet.h.
 */
#include <string.h>

#include "tests/diff/snippet.h"

/* Returns the bytes accessed, by the last width letter of the mnemonic. */
static unsigned access_size(const char *mnemonic)
{
    const char *dot = strchr(mnemonic, '.');
    char letter = dot ? dot[1] : mnemonic[strcspn(mnemonic + 1, "bhwd") + 1];
    switch (letter) {
    case 'b': return 1;
    case 'h': return 2;
    case 'd': return 8;
    case 'q': return 16;
    default: return 4;
    }
}

/* Returns an offset from P at which an access lies in the scratch area. */
static int random_place(struct random *random, unsigned size, bool aligned)
{
    int limit = SCRATCH_HIGH - SCRATCH_LOW - (int)size + 1;
    int place = SCRATCH_LOW + (int)random_below(random, (unsigned)limit);
    if (aligned)
        return place & -(int)size;
    switch (random_below(random, 4)) {
    case 0: return place & -(int)size;
    case 1: return -(int)random_below(random, size + 1); /* around the page boundary */
    case 2: {
        int line = (place & -64) - (int)random_below(random, size + 1);
        return line < SCRATCH_LOW ? place : line;
    }
    default: return place;
    }
}

/* Emits x[rb] = P + offset. */
static void set_address(struct generator *generator, unsigned rb, int offset)
{
    int first = offset < -2048 ? -2048 : offset > 2047 ? 2047 : offset;
    generate_insn(generator, ISA_INSN_addi, rb, generator->snippet->base, 0, first);
    if (offset != first)
        generate_insn(generator, ISA_INSN_addi, rb, rb, 0, offset - first);
}

void generate_address(struct generator *generator, unsigned rb, int offset)
{
    set_address(generator, rb, offset);
}

int generate_place(struct generator *generator, unsigned size)
{
    return random_place(generator->random, size, false);
}

static bool is_atomic(enum isa_insn insn)
{
    return (isa_entry(insn)->match & 0x7f) == 0x2f;
}

static bool is_pair(const struct generator *generator, enum isa_insn insn)
{
    return insn == ISA_INSN_amocas_q || (insn == ISA_INSN_amocas_d && generator->rows->config->xlen == 32);
}

/* Half of the comparisons must succeed: for them rd is loaded from memory first. rd is never x0, since QEMU
 * 10.0 then writes its constant zero, which later instructions read. */
static void generate_compare_and_swap(struct generator *generator, struct isa_operands *o, unsigned size)
{
    bool pair = is_pair(generator, o->insn);
    unsigned base = generator->snippet->base;
    if (pair) {
        do
            o->rd = (uint8_t)(2 + random_below(generator->random, 15) * 2);
        while (o->rd == base || o->rd + 1u == base || o->rd == (o->rs1 & 30));
        o->rs2 &= 30;
    } else if (o->rd == 0) {
        o->rd = (uint8_t)generate_destination(generator, false);
    }
    if (o->rd != o->rs1 && random_percent(generator->random, 60)) {
        static const enum isa_insn loads[] = {
            [1] = ISA_INSN_lb, [2] = ISA_INSN_lhu, [4] = ISA_INSN_lw, [8] = ISA_INSN_ld
        };
        enum isa_insn load = loads[pair ? size / 2 : size];
        generate_insn(generator, load, o->rd, o->rs1, 0, 0);
        if (pair)
            generate_insn(generator, load, o->rd + 1u, o->rs1, 0, (int)size / 2);
    }
    generate_emit(generator, isa_encode(o->insn, o));
}

/* LR, SC: succeeds. LR, SC, SC: the second fails. LR, SC far away: fails. */
static void generate_store_conditional(struct generator *generator, struct isa_operands *o, int place)
{
    enum isa_insn reserve = o->insn == ISA_INSN_sc_w ? ISA_INSN_lr_w : ISA_INSN_lr_d;
    unsigned old = generate_destination(generator, true);
    while (old == o->rs1)
        old = generate_destination(generator, true);
    generate_insn(generator, reserve, old, o->rs1, 0, 0);
    if (random_percent(generator->random, 15))
        set_address(generator, o->rs1, place < 0 ? place + 256 : place - 256);
    generate_emit(generator, isa_encode(o->insn, o));
    if (o->rd != o->rs1 && random_percent(generator->random, 20)) {
        if (o->rs2 == 0)
            o->rs2 = (uint8_t)generator->snippet->base;
        generate_emit(generator, isa_encode(o->insn, o));
    }
}

static bool generate_wide(struct generator *generator, struct isa_operands *o, unsigned size)
{
    struct random *random = generator->random;
    const struct isa_entry *entry = isa_entry(o->insn);
    bool atomic = is_atomic(o->insn);
    int place = random_place(random, size, atomic);
    bool has_imm = entry->fields >> ISA_FIELD_imm12 & 1 || entry->fields >> ISA_FIELD_immhi7 & 1;
    o->imm = has_imm ? o->imm : 0;
    if (has_imm && random_percent(random, 20)) {
        o->rs1 = (uint8_t)generator->snippet->base;
        o->imm = place;
    } else {
        o->rs1 = (uint8_t)generate_destination(generator, false);
        set_address(generator, o->rs1, place - o->imm);
    }
    if (o->insn == ISA_INSN_sc_w || o->insn == ISA_INSN_sc_d)
        generate_store_conditional(generator, o, place);
    else if (strncmp(entry->name, "amocas", 6) == 0)
        generate_compare_and_swap(generator, o, size);
    else
        generate_emit(generator, isa_encode(o->insn, o));
    return true;
}

bool generate_memory(struct generator *generator, struct row row, struct isa_operands *o)
{
    unsigned base = generator->snippet->base;
    unsigned size = access_size(isa_entry(row.insn)->mnemonic);
    if (ISA_T_HEAD >> isa_entry(row.insn)->extension & 1)
        return generate_t_head_memory(generator, o);
    if (row.rvc == ISA_RVC_COUNT)
        return generate_wide(generator, o, size);
    if (o->rs1 == base) { /* only addresses that the immediate reaches */
        if (o->imm + (int)size > SCRATCH_HIGH)
            return false;
    } else {
        set_address(generator, o->rs1, random_place(generator->random, size, false) - o->imm);
    }
    generate_emit(generator, o->bits);
    return true;
}
