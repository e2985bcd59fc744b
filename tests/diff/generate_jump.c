/* SPDX-License-Identifier: MIT
 *
 * Groups of the generator that jump. They jump forwards over some instructions, or backwards once:
 *
 *          jal  x0, 1f
 *      2:  addi ...
 *          jal  x0, 3f
 *      1:  the tested row, to 2
 *      3:
 *
 * See snippet.h.
 */
#include "tests/diff/snippet.h"

/* Emits an instruction that is harmless and shows whether it was executed. */
static void emit_filler(struct generator *generator)
{
    generator->group->skipped[generator->group->count] = true;
    generate_insn(generator, ISA_INSN_addi, generate_destination(generator, false),
                  generate_source(generator), 0, value_signed(generator->random, 12));
}

/* Emits the row with this offset. A compressed row needs an encoding that has this offset; false: there is
 * none. */
static bool emit_jump(struct generator *generator, struct row row, struct isa_operands *o, int32_t offset)
{
    const struct rows *rows = generator->rows;
    o->imm = offset;
    if (row.rvc == ISA_RVC_COUNT) {
        generate_emit(generator, isa_encode(row.insn, o));
        return true;
    }
    for (size_t i = 0; i < rows->encodings[row.rvc]; i++) {
        struct isa_operands found;
        isa_decode(rows->config, rows->encoding[row.rvc][i], &found, NULL);
        if (found.imm == offset && found.rs1 == o->rs1) {
            generate_emit(generator, found.bits);
            return true;
        }
    }
    return false;
}

/* Makes half of the comparisons for equality true. */
static void prepare_equal(struct generator *generator, const struct isa_operands *o)
{
    if (!random_percent(generator->random, 40) || o->rs1 == generator->snippet->base || o->rs1 == 0)
        return;
    generate_insn(generator, ISA_INSN_addi, o->rs1, o->rs2, 0, 0);
}

static bool generate_relative(struct generator *generator, struct row row, struct isa_operands *o)
{
    unsigned fillers = random_below(generator->random, 4);
    if (isa_entry(row.insn)->flags & ISA_BRANCH)
        prepare_equal(generator, o);
    if (random_percent(generator->random, 60)) {
        if (!emit_jump(generator, row, o, o->length + 4 * (int)fillers))
            return false;
        for (unsigned i = 0; i < fillers; i++)
            emit_filler(generator);
        return true;
    }
    generate_insn(generator, ISA_INSN_jal, 0, 0, 0, 8 + 4 * (int)fillers);
    for (unsigned i = 0; i < fillers; i++)
        emit_filler(generator);
    generate_insn(generator, ISA_INSN_jal, 0, 0, 0, 4 + o->length);
    generator->group->skipped[generator->group->count - 1] = true;
    return emit_jump(generator, row, o, -4 - 4 * (int)fillers);
}

/* Jumps forwards. auipc computes the address; bit 0 of the sum must be ignored. */
static bool generate_register(struct generator *generator, struct row row, struct isa_operands *o)
{
    unsigned fillers = random_below(generator->random, 4);
    bool wide = row.rvc == ISA_RVC_COUNT;
    if (wide)
        o->rs1 = (uint8_t)generate_destination(generator, false);
    if (o->rs1 == generator->snippet->base)
        return false;
    int target = 4 + (wide ? 0 : 4) + o->length + 4 * (int)fillers;
    target |= (int)random_below(generator->random, 2);
    generate_insn(generator, ISA_INSN_auipc, o->rs1, 0, 0, 0);
    o->imm = target;
    if (!wide)
        generate_insn(generator, ISA_INSN_addi, o->rs1, o->rs1, 0, target);
    generate_emit(generator, wide ? isa_encode(row.insn, o) : o->bits);
    for (unsigned i = 0; i < fillers; i++)
        emit_filler(generator);
    return true;
}

bool generate_jump(struct generator *generator, struct row row, struct isa_operands *o)
{
    if (row.insn == ISA_INSN_jalr)
        return generate_register(generator, row, o);
    return generate_relative(generator, row, o);
}
