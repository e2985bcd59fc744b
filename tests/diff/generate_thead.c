/* SPDX-License-Identifier: MIT
 *
 * Groups of the generator with T-Head's loads and stores: their addresses come from two registers, or they
 * move their pointer, or they access two values. See snippet.h.
 */
#include <string.h>

#include "tests/diff/snippet.h"

/* Returns the bytes of one value: the letter of the mnemonic is behind "th.l", "th.s" and what follows. */
static unsigned value_size(const char *mnemonic)
{
    switch (mnemonic[strcspn(mnemonic + 3, "bhwd") + 3]) {
    case 'b': return 1;
    case 'h': return 2;
    case 'w': return 4;
    default: return 8;
    }
}

/* A register that is neither the base nor one of the other two. */
static unsigned other_register(struct generator *generator, unsigned a, unsigned b)
{
    unsigned r;
    do
        r = generate_destination(generator, false);
    while (r == a || r == b);
    return r;
}

/* The index is in rs2; where only its low 32 bits count, there is something above them. */
static void index_address(struct generator *generator, struct isa_operands *o, unsigned size)
{
    struct random *random = generator->random;
    bool word = strncmp(isa_entry(o->insn)->mnemonic + 3, "lu", 2) == 0 ||
                strstr(isa_entry(o->insn)->mnemonic, "su") || strstr(isa_entry(o->insn)->mnemonic, "flu");
    int number = (int)random_below(random, 64) - (word ? 0 : 32);
    o->rs1 = (uint8_t)generate_destination(generator, false);
    o->rs2 = (uint8_t)other_register(generator, o->rs1, 0);
    if (random_percent(random, 5)) {
        o->rs2 = 0;
        number = 0;
    } else if (word && generator->rows->config->xlen == 64) {
        generate_insn(generator, ISA_INSN_slli, o->rs2, o->rs2, 0, 32);
        generate_insn(generator, ISA_INSN_addi, o->rs2, o->rs2, 0, number);
    } else {
        generate_insn(generator, ISA_INSN_addi, o->rs2, 0, 0, number);
    }
    generate_address(generator, o->rs1, generate_place(generator, size) - number * (1 << o->rm));
}

static void move_address(struct generator *generator, struct isa_operands *o, unsigned size)
{
    const char *mnemonic = isa_entry(o->insn)->mnemonic;
    bool before = mnemonic[strlen(mnemonic) - 1] == 'b';
    o->imm = value_signed(generator->random, 5) * (1 << o->rm);
    o->rs1 = (uint8_t)other_register(generator, o->rd, 0);
    if (isa_entry(o->insn)->flags & ISA_STORE)
        o->rs1 = (uint8_t)generate_destination(generator, false);
    generate_address(generator, o->rs1, generate_place(generator, size) - (before ? o->imm : 0));
}

static void pair_address(struct generator *generator, struct isa_operands *o, unsigned size)
{
    o->rs1 = (uint8_t)other_register(generator, o->rd, 0);
    if (isa_entry(o->insn)->flags & ISA_LOAD)
        o->rs2 = (uint8_t)(random_percent(generator->random, 5) && o->rd
                               ? 0
                               : other_register(generator, o->rd, o->rs1));
    generate_address(generator, o->rs1, generate_place(generator, 2 * size) - (int)(o->rm * 2 * size));
}

bool generate_t_head_memory(struct generator *generator, struct isa_operands *o)
{
    const struct isa_entry *entry = isa_entry(o->insn);
    unsigned size = value_size(entry->mnemonic);
    if (entry->extension == ISA_XTheadMemPair)
        pair_address(generator, o, size);
    else if (entry->flags & ISA_ALSO_RS1)
        move_address(generator, o, size);
    else
        index_address(generator, o, size);
    generate_emit(generator, isa_encode(o->insn, o));
    return true;
}
