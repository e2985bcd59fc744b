/* SPDX-License-Identifier: MIT
 *
 * The intermediate representation of the optimising translator, T2; docs/translator.md describes the whole.
 *
 * A region is a piece of a guest function inside one page: basic blocks, entered at one of them (the header),
 * with the loops between them. Its instructions become operations on variables, which are the guest's
 * registers. An operation of 32 bits extends the sign of its result in a region of RV64; in one of RV32 all
 * integer operations are of 32 bits, and the upper half of each x register is 0.
 *
 * region.c finds the blocks, lift.c makes operations of their instructions, passes/ works on them, verify.c
 * proves that a region is valid and its accesses are checked; print.c and parse.c write and read its text;
 * eval.c defines what it means. regalloc decides which host registers hold what, and x86/select writes host
 * code. Nothing here is shared between threads, and nothing takes a lock.
 */
#ifndef DBT_IR_IR_H
#define DBT_IR_IR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cpu/hart_state.h"
#include "cpu/isa/isa.h"
#include "cpu/mmu/window.h"
#include "util/error.h"

#define T2_BLOCKS_MAX 64
#define T2_INSNS_MAX  1536 /* operations; word arithmetic takes two, before folding */
#define T2_EXITS_MAX  (T2_INSNS_MAX + 2 * T2_BLOCKS_MAX)
/* After this many guest instructions the search for jumps ends. The block where it ends continues up to a
 * jump or T2_INSNS_MAX. */
#define T2_GUEST_MAX 640

/* Variables: x0..x31, f0..f31. */
#define T2_X0   0
#define T2_F0   32
#define T2_VARS 64
#define T2_IMM  0xfe /* operand b: the immediate */
#define T2_NONE 0xff

enum t2_op {
#define OP(name, type, class, operands, flags) T2_##name,
#include "dbt/ir/ir.def"
#undef OP
    T2_OP_COUNT
};
enum { T2_EXIT = 1, T2_END = 2, T2_KEEP = 4, T2_COND = 8 };
enum t2_type { T2_TYPE_INT, T2_TYPE_FP };
enum t2_class {
    T2_CLASS_NOTHING,
    T2_CLASS_MOVE,
    T2_CLASS_ARITHMETIC,
    T2_CLASS_FUSED,
    T2_CLASS_LOGIC,
    T2_CLASS_SHIFT,
    T2_CLASS_BIT,
    T2_CLASS_COMPARE,
    T2_CLASS_SELECT,
    T2_CLASS_SIGN,
    T2_CLASS_CONVERT,
    T2_CLASS_FLAGS,
    T2_CLASS_ORDER,
    T2_CLASS_ACCESS,
    T2_CLASS_CONTROL
};

/* A row of ir.def, which explains the columns. */
struct t2_op_info {
    const char *name, *operands;
    enum t2_type type;
    enum t2_class class;
    unsigned flags;
};
extern const struct t2_op_info t2_ops[T2_OP_COUNT];

enum t2_cond { T2_EQ, T2_NE, T2_LT, T2_GE, T2_LTU, T2_GEU, T2_LE, T2_COND_COUNT };
extern const char *const t2_conds[T2_COND_COUNT];

/* How an access is checked (passes/access.c). */
enum t2_check {
    T2_CHECK_TLB,    /* by the TLB; the addend is left in `slot`, if other accesses need it */
    T2_CHECK_PAGE,   /* by the page that this base used last, kept in `slot` */
    T2_CHECK_NONE,   /* an access before has checked it: the addend is in `slot` */
    T2_CHECK_WINDOW, /* by the host's page tables: it goes to the window, and faults if that lacks the page */
    T2_CHECK_COUNT
};
extern const char *const t2_checks[T2_CHECK_COUNT];

struct t2_insn {
    uint8_t op, bits, cond;
    bool sign;
    uint8_t d, a, b, c;
    int64_t imm;
    uint16_t offset; /* of the guest instruction in its page */
    uint16_t left;   /* guest instructions of the block from this one on */
    uint16_t sunk;   /* not 0: exits compute it, up to the operation so far behind it (passes/sink.c) */
    /* Accesses. */
    uint8_t check, slot; /* enum t2_check; slot T2_NONE: none */
    bool write;          /* the check is for storing */
    bool bounded;        /* WINDOW: its pointer need not be compared with the bounds of the window */
    bool cut;            /* RV32: a + imm may have gone over 2^32 since the check, and is cut to 32 bits */
    int32_t lo, hi;      /* bytes [a + lo, a + hi) are checked */
};

#define T2_NOT_HERE 0xff /* a successor that is outside */

struct t2_block {
    uint16_t offset, limit; /* in the page; limit: another block begins there, or the page ends */
    uint16_t guest_insns;   /* done here */
    uint16_t first, count;  /* operations */
    uint8_t taken, next;    /* block or T2_NOT_HERE */
    int32_t taken_offset, next_offset;
    uint8_t depth;                /* of loops */
    bool loop;                    /* some jump comes back here */
    uint8_t predecessors, before; /* how many in the region; the one if it is one */
    bool body[T2_BLOCKS_MAX];     /* loop: its blocks */
};

/* Where a variable lives: a host register for the whole region, or in struct hart. */
#define T2_IN_HART 0xff

/* Places that remember which page an access used last (passes/access.c). */
#define T2_SLOTS 32

struct ir {
    /* In. */
    struct isa_config isa;
    const bool *without;  /* by enum isa_insn: instructions that are left to T1 */
    uint64_t page, vaddr; /* physical; as some hart sees it */
    unsigned header_offset;
    unsigned kind;                       /* TLB_KIND_*: which windows the address spaces have that run it */
    uint64_t by_tlb[PAGE_SIZE / 2 / 64]; /* one bit for each two bytes: an access there has none */

    unsigned block_count, insn_count;
    unsigned span_first, span_last; /* guest bytes it came from */
    bool full;                      /* some limit was hit */
    bool loops;                     /* there are any */

    /* What the hart must have at the entry. */
    bool fp_used, fp_written;
    bool rm_dynamic;
    int rm_static;  /* -1: none */
    uint32_t boxed; /* f registers that must hold boxed single precision */

    /* What the passes find out. */
    uint64_t used[2], written[2]; /* sets of variables */
    uint32_t lazy[2];             /* f registers that arithmetic of one format writes: single, double */
    /* Those of them that nothing else writes, so a NaN in them may always be made canonical. */
    uint32_t steady;
    unsigned slot_count;
    int32_t slot_span[T2_SLOTS]; /* the widest range that is checked with it, in bytes */
    bool slot_write[T2_SLOTS];
    uint8_t slot_home[T2_SLOTS]; /* host register with its addend, or T2_IN_HART */
    bool needs_rax;
    uint8_t home[T2_VARS]; /* host register, or T2_IN_HART */

    /* Not cleared between regions. */
    uint8_t code[PAGE_SIZE];               /* copy of the guest's page */
    struct t2_block blocks[T2_BLOCKS_MAX]; /* in the order of their code; 0 is the header */
    struct t2_insn insns[T2_INSNS_MAX];
};

/* ---- Making one, in order ------------------------------------------------------------------------------ */

/* Finds blocks and loops. */
void t2_region_find(struct ir *region);
/* Finds, for blocks whose successors are known, which are loops, and what leads to each. */
void t2_find_loops(struct ir *region);
/* Makes the operations of the blocks' instructions. */
void t2_build(struct ir *region);

/* NULL, or what is wrong (static text), with the operation's number. A region is valid from t2_build() on,
 * before and after each pass; this also proves that each access is checked (verify.c). */
const char *t2_verify(const struct ir *region, unsigned *where);
/* Writes the region as text, which t2_parse() reads back (parse.c describes it). */
void t2_print(const struct ir *region, FILE *out);
/* Reads the region that the text describes: everything except the guest's code, its ISA, and what regalloc
 * finds out besides the variables' places. The text need not have what region.c finds out about loops; it is
 * then found again. False, with *error filled, if the text is wrong; the region is of no use then. */
bool t2_parse(struct ir *region, const char *text, struct error *error);
/* Finds out what each slot promises, from the checks that have one. */
void t2_size_slots(struct ir *region);

bool t2_decode(const struct ir *region, unsigned offset, struct isa_operands *op);
/* Can T2 do it? Else the region is left there. */
bool t2_can(const struct ir *region, unsigned offset, const struct isa_operands *op);
/* Whether it can with some operands. Any thread. */
bool t2_has_row(enum isa_insn insn);

/* The block whose facts at its end hold at the beginning of this one: its only predecessor, which comes
 * before it; or T2_NOT_HERE. */
static inline unsigned t2_inherits(const struct ir *region, unsigned block)
{
    const struct t2_block *b = &region->blocks[block];
    return block && b->predecessors == 1 && b->before < block ? b->before : T2_NOT_HERE;
}

/* The widest range that one check covers, in bytes; less than a page, and less than FILL_SPAN_BITS can
 * hold. */
#define T2_SPAN_MAX 512

static inline bool t2_is_access(const struct t2_insn *insn)
{
    return t2_ops[insn->op].class == T2_CLASS_ACCESS;
}

/* Whether the access may go to the window: not if its instruction was seen to need devices. */
static inline bool t2_has_window(const struct ir *region, const struct t2_insn *insn)
{
    return region->kind != TLB_KIND_LOOKS &&
           !(region->by_tlb[insn->offset / 128] >> (insn->offset / 2 % 64) & 1);
}

/* Whether the operation is of that type and class. */
static inline bool t2_is(const struct t2_insn *insn, enum t2_type type, enum t2_class class)
{
    return t2_ops[insn->op].type == type && t2_ops[insn->op].class == class;
}

/* Whether the operation computes floating-point numbers, or looks at them. Moves of bits and accesses do
 * not. */
static inline bool t2_computes_fp(const struct t2_insn *insn)
{
    const struct t2_op_info *op = &t2_ops[insn->op];
    return op->type == T2_TYPE_FP && op->class != T2_CLASS_ACCESS && op->class != T2_CLASS_MOVE &&
           op->class != T2_CLASS_FLAGS;
}

/* May exits compute it? Integers without an effect, of which host code is a few instructions that need no
 * register but rcx and rdx; and not what its own result would change. */
static inline bool t2_can_sink(const struct t2_insn *insn)
{
    const struct t2_op_info *op = &t2_ops[insn->op];
    bool takes_rax = insn->op == T2_MULH || insn->op == T2_MULHSU || insn->op == T2_DIV || insn->op == T2_REM;
    return op->type == T2_TYPE_INT && !(op->flags & (T2_KEEP | T2_EXIT | T2_END)) && !takes_rax &&
           insn->d != T2_NONE && insn->d != insn->a && insn->d != insn->b;
}

static inline bool t2_is_store(const struct t2_insn *insn)
{
    return insn->op == T2_STORE || insn->op == T2_FSTORE;
}

static inline bool t2_same(const struct t2_insn *a, const struct t2_insn *b)
{
    return a->op == b->op && a->bits == b->bits && a->cond == b->cond && a->sign == b->sign && a->d == b->d &&
           a->a == b->a && a->b == b->b && a->c == b->c && a->imm == b->imm;
}

/* Makes an operation that does nothing. */
static inline void t2_make_nop(struct t2_insn *insn)
{
    *insn = (struct t2_insn){ .op = T2_NOP,
                              .d = T2_NONE,
                              .a = T2_NONE,
                              .b = T2_NONE,
                              .c = T2_NONE,
                              .bits = 64,
                              .offset = insn->offset,
                              .left = insn->left,
                              .slot = T2_NONE };
}

/* Whether the operation moves its destination by a constant, modulo 2^XLEN, as addresses are computed. Word
 * arithmetic of RV64 does not: it extends the sign of the low half. */
static inline bool t2_step(const struct ir *region, const struct t2_insn *insn, int64_t *step)
{
    if ((insn->op != T2_ADD && insn->op != T2_SUB) || insn->bits != region->isa.xlen || insn->a != insn->d ||
        insn->b != T2_IMM)
        return false;
    *step = insn->op == T2_ADD ? insn->imm : -insn->imm;
    return true;
}

static inline bool t2_is_f(unsigned variable)
{
    return variable >= T2_F0 && variable < T2_VARS;
}

/* Sets of variables: word 0 is x, 1 is f. */
static inline bool t2_in(const uint64_t set[2], unsigned variable)
{
    return variable < T2_VARS && set[variable >> 5] >> (variable & 31) & 1;
}
static inline void t2_add(uint64_t set[2], unsigned variable)
{
    if (variable < T2_VARS)
        set[variable >> 5] |= 1ull << (variable & 31);
}

#endif
