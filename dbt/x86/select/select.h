/* SPDX-License-Identifier: MIT
 *
 * Internals of the selection of host code for regions: what its files share while they write a region.
 * Scratch registers: rcx, rdx, xmm0, xmm1.
 */
#ifndef DBT_X86_SELECT_SELECT_H
#define DBT_X86_SELECT_SELECT_H

#include "dbt/ir/ir.h"
#include "dbt/runtime/state.h"
#include "dbt/x86/regmap.h"
#include "dbt/x86/vex.h"

struct t2_fixup {
    uint8_t *site; /* rel32 */
    uint16_t to;   /* block, or exit */
};

/* Where the region is left. */
struct t2_exit {
    uint16_t offset; /* T1 goes on there */
    uint16_t left;   /* instructions to give back */
    bool request;    /* the hart's attention is wanted: leave translated code */
    uint32_t lazy;   /* f registers to be made canonical */
    /* In front of operation `at` of the block whose operations begin with `first`: what is sunk there is
     * computed. Else both are 0. */
    uint16_t first, at;
};

enum t2_cold_kind { T2_COLD_FILL, T2_COLD_WINDOW, T2_COLD_SLICE, T2_COLD_CANON, T2_COLD_JUDGE };
struct t2_cold {
    enum t2_cold_kind kind;
    uint8_t *site; /* the jump that leads here; WINDOW: the access that faults */
    const uint8_t *back;
    const struct t2_insn *insn; /* FILL, WINDOW */
    uint16_t exit;              /* FILL, WINDOW, SLICE */
    uint8_t reg, bits;          /* CANON: xmm, format */
};

/* What is known of f registers at some place: it is no NaN; its bits are the architecture's (if not, a NaN in
 * it must be made canonical first); it is boxed single precision. */
struct t2_fp_facts {
    uint32_t not_nan, canonical, boxed;
};

/* What a region has done since its trial began; see dbt/region_code.h. Translated code counts, of several
 * harts without a lock: a few entries may be lost. */
struct t2_trial {
    int64_t insns;   /* guest instructions that ran in it */
    int32_t entries; /* of the whole trial */
    int32_t left;    /* of them, until it is judged */
    int32_t saved;   /* by T2, of each guest instruction, in fifths of a host instruction */
    bool kept;       /* whatever it saves: for tests */
    int32_t bytes;   /* host code that only enters and leaves it */
};

struct t2_emit {
    struct x86_emit e;
    struct dbt *dbt;
    struct ir *r;
    struct code_owner *owner; /* of the code */
    struct t1_block *header;
    struct t2_trial *trial;
    const struct t2_block *at;
    unsigned sunk_until; /* the last operation in front of which something is sunk, so far */
    bool full;

    const uint8_t *block_code[T2_BLOCKS_MAX];
    unsigned jump_count, exit_jump_count, exit_count, cold_count;
    const uint8_t *tail; /* back to T1's register map */

    struct t2_fp_facts fp, fp_ends[T2_BLOCKS_MAX];

    /* Not cleared between regions. */
    struct t2_fixup jumps[2 * T2_BLOCKS_MAX], exit_jumps[6 * T2_INSNS_MAX];
    struct t2_exit exits[T2_EXITS_MAX];
    struct t2_cold colds[4 * T2_INSNS_MAX];
};

/* Writes the region's code at t->e, which has room for it. Returns the entry; NULL: something is full. The
 * lock is held. */
const uint8_t *t2_emit(struct t2_emit *t);

/* select.c, for its siblings. */
/* The number of the exit in front of the operation; a jump to an exit on a condition, or always if `cond` is
 * negative. */
unsigned t2_exit_here(struct t2_emit *t, const struct t2_insn *insn);
void t2_exit_if(struct t2_emit *t, int cond, unsigned exit);
void t2_exit_from(struct t2_emit *t, uint8_t *site, unsigned exit); /* the jump that is there */
/* A new piece of cold code, to which the jump at `site` leads. */
struct t2_cold *t2_cold(struct t2_emit *t, enum t2_cold_kind kind, uint8_t *site);
struct x86_mem t2_home(unsigned variable);
static inline bool t2_in_register(const struct t2_emit *t, unsigned variable)
{
    return variable < T2_VARS && t->r->home[variable] != T2_IN_HART;
}
/* A host register with the x variable: its own, or `scratch` after loading it. */
enum x86_reg t2_use(struct t2_emit *t, unsigned variable, enum x86_reg scratch);
/* Where to compute an x variable: its own host register, or `scratch`. */
enum x86_reg t2_dest(const struct t2_emit *t, unsigned variable, enum x86_reg scratch);
/* The variable = the host register, which is that of t2_dest() or another one. */
void t2_set(struct t2_emit *t, unsigned variable, enum x86_reg from);

void t2_emit_integer(struct t2_emit *t, const struct t2_insn *insn); /* int.c */
void t2_emit_compare(struct t2_emit *t, const struct t2_insn *insn, enum x86_cond *cond);
void t2_emit_access(struct t2_emit *t, const struct t2_insn *insn); /* mem.c */
void t2_emit_fill(struct t2_emit *t, const struct t2_cold *cold);
void t2_emit_window_fill(struct t2_emit *t, const struct t2_cold *cold);
void t2_emit_fp(struct t2_emit *t, const struct t2_insn *insn); /* fp.c */
/* Sets the upper half of an f register to ones. */
void t2_emit_box(struct t2_emit *t, unsigned variable);
/* Call it before the jumps to blocks to which others lead, too: such a block expects all registers to be
 * canonical except the region's steady ones. */
void t2_fp_meet(struct t2_emit *t);
/* The registers that are not canonical here, except the steady ones. */
uint32_t t2_fp_lazy(const struct t2_emit *t);
/* Makes a NaN in any of them canonical, without cold code. */
void t2_emit_canon_all(struct t2_emit *t, uint32_t set);
/* Makes the NaN that may be in an f register canonical. */
void t2_emit_canon(struct t2_emit *t, unsigned variable);
void t2_emit_cold_canon(struct t2_emit *t, const struct t2_cold *cold);
void t2_fp_block(struct t2_emit *t, unsigned number); /* at its beginning */
/* An xmm register with the f variable: its own, or `scratch` after loading it. */
unsigned t2_use_f(struct t2_emit *t, unsigned variable, unsigned scratch);
void t2_set_f(struct t2_emit *t, unsigned variable, unsigned from);

#endif
