/* SPDX-License-Identifier: MIT
 *
 * Inside of the baseline translator: what its files share while a block is being translated.
 *
 * Scratch registers: rax, rcx, rdx. A lowering reads guest registers with t1_use(), computes in the register
 * that t1_dest() names, and ends with t1_set(). At its start rax may hold a guest register: one that uses rax
 * by other means than t1_copy() before it has read its operands calls t1_forget_rax() first. Code that is
 * rarely wanted goes behind the block: t1_cold_*().
 */
#ifndef DBT_X86_T1_T1_H
#define DBT_X86_T1_T1_H

#include "dbt/runtime/state.h"
#include "dbt/x86/regmap.h"

enum t1_cold_kind {
    T1_COLD_LOAD,
    T1_COLD_STORE,
    T1_COLD_SLICE_AT,
    T1_COLD_SLICE_PC,
    T1_COLD_LINK,
    T1_CALL_INDIRECT, /* the way to the callee: not cold, but behind the block, too */
    T1_CALL_FAR,
    T1_COLD_EXEC,
    T1_COLD_STATUS,
    T1_COLD_RUN,
    T1_COLD_LEAVE,
    T1_COLD_ALSO
};

/* The instructions of a run (run.c), and what is known where it begins. */
struct t1_cold_run {
    unsigned first, end;
    unsigned constant;
    bool relative;
    int64_t value;
};

struct t1_cold {
    enum t1_cold_kind kind;
    uint8_t *site;       /* the jump that leads here */
    const uint8_t *back; /* where it goes on */
    uint32_t where; /* LOAD, STORE: for the thunk; SLICE_AT, LEAVE: page offset; CALL_FAR: the same, signed */
    struct x86_mem address; /* LOAD, STORE */
    unsigned size;          /* LOAD, STORE: bytes */
    bool sign;              /* LOAD */
    unsigned guest;         /* LOAD: rd; STORE: rs2 */
    bool fp;                /* LOAD, STORE: `guest` is an f register */
    struct t1_link *link;
    struct insn *insn; /* EXEC */
    struct t1_cold_run run;
    const uint8_t *thunk; /* EXEC: which one is called; NULL: exec */
    const uint8_t *code;  /* where it was written */
    struct t1_cold *same; /* ALSO: the piece that serves this jump, too */
};

#define T1_COLDS_MAX (8 * BLOCK_INSNS_MAX + 8) /* a fused multiply-add may have six */

struct t1 {
    struct x86_emit e;
    struct dbt *dbt;
    struct hart *hart;
    const struct block *source;
    struct t1_block *block;
    unsigned bytes;         /* of guest code */
    struct isa_operands op; /* the instruction */
    unsigned index;         /* in the block */
    unsigned offset;        /* in the page */
    /* What t1_decode() decoded last, so that looking ahead does not decode twice: instruction seen_next
     * - 1. */
    struct isa_operands seen;
    unsigned seen_next;
    bool stays;              /* the instruction behind the block is the interpreter's */
    bool ended;              /* control has left */
    unsigned in_rax;         /* the guest register, of those in memory, that rax holds now; 0: none */
    enum x86_reg set_from;   /* what the instruction's t1_set() stored */
    unsigned constant;       /* the guest register that holds `value`; 0: none */
    int64_t value;           /* of up to 33 bits */
    bool relative;           /* `value` counts from the start of the page */
    bool full;               /* out of memory for data */
    bool fp_on, fp_dirty;    /* the block has checked mstatus.FS, has set it to Dirty */
    bool fp_rounding;        /* has seen that MXCSR rounds as frm says */
    uint32_t fp_boxed;       /* f registers that the block has written a single or a half to */
    uint32_t fp_halves;      /* those of them that hold a half */
    struct t1_cold *fp_cold; /* the handler of the present FP or vector instruction; NULL: none needed yet */
    bool vector_known;       /* vtype is what the block has set it to: */
    uint8_t vector_sew;      /* log2 of bytes */
    int8_t vector_lmul;      /* log2 */
    uint8_t *compare;        /* where the branch's comparison begins */
    unsigned run_end;        /* behind the present run's last instruction; 0: none */
    struct t1_cold *run_cold;
    int16_t run_at[BLOCK_INSNS_MAX];      /* of each access of the run, the place relative to that pointer */
    bool in_cold_run;                     /* a run's instructions are being written by themselves */
    uint32_t starts[BLOCK_INSNS_MAX + 1]; /* where each instruction's code begins, then the cold code */
    struct t1_cold colds[T1_COLDS_MAX];
    unsigned cold_count;
};

/* The width of the hart's x registers. RV32's instructions are the host's operations of 32 bits, which clear
 * the upper half of their result: so it is 0 in every x register, in the pc and in all addresses. */
#define XLEN (t->hart->isa.xlen)

/* ---- Operands (operands.c) ----------------------------------------------------------------------------- */

/* A host register that holds the guest register: its own, or `scratch` after loading it. Not to be
 * changed. */
enum x86_reg t1_use(struct t1 *t, unsigned guest, enum x86_reg scratch);
/* Copies the guest register to a host register, which may be changed then. */
void t1_copy(struct t1 *t, enum x86_reg to, unsigned guest);
/* Where to compute rd: its own host register, or rax. */
enum x86_reg t1_dest(const struct t1 *t);
/* Where a guest register that is not pinned lives. */
struct x86_mem t1_home(unsigned guest);
/* Whether the result had better go to t1_home() at once: rd lives there, is not in rax, and the next
 * instruction does not want it. */
bool t1_in_memory(struct t1 *t);
/* rd = the host register, which is t1_dest() or a scratch one. */
void t1_set(struct t1 *t, enum x86_reg from);
/* `to` = a value of which XLEN bits count. */
void t1_mov_imm(struct t1 *t, enum x86_reg to, int64_t value);
/* What ends an operation of `bits`, the W forms of RV64 among them: extends the sign to XLEN. */
void t1_extend_result(struct t1 *t, unsigned bits, enum x86_reg reg);
/* `to` = `bits` at `from`, extended to XLEN. */
void t1_load(struct t1 *t, unsigned bits, bool sign, enum x86_reg to, struct x86_mem from);
/* rd = the address of the page + distance. */
void t1_set_address(struct t1 *t, int32_t distance);
void t1_forget_rax(struct t1 *t);
/* op `to`, guest register. */
void t1_op_guest(struct t1 *t, enum x86_alu op, unsigned bits, enum x86_reg to, unsigned guest);

/* Decodes an instruction of a block that the interpreter has. */
void t1_decode_of(const struct block *source, unsigned index, const struct hart *hart,
                  struct isa_operands *op);
/* The same of the block that is being translated. */
void t1_decode(struct t1 *t, unsigned index, struct isa_operands *op);

/* A new piece of cold code, reached by the jump at `site`. */
struct t1_cold *t1_cold(struct t1 *t, enum t1_cold_kind kind, uint8_t *site);

/* Another jump to that piece. */
void t1_cold_also(struct t1 *t, struct t1_cold *cold, uint8_t *site);

/* An instruction for an interpreter handler to run from translated code; NULL: no room, t->full is set. */
struct insn *t1_make_insn(struct t1 *t);

/* Around a lowering of FP: checks mstatus.FS once a block (the handler raises the trap), and says where code
 * that a handler has taken over goes on. fp.c */
void t1_fp_begin(struct t1 *t, bool writes);
void t1_fp_end(struct t1 *t);
/* f[rd] has been written, with as many bits. */
void t1_fp_written(struct t1 *t, unsigned bits);

/* ---- Lowerings: false where the instruction is to be run by its interpreter handler -------------------- */

/* The instruction's row of t1.def. */
enum { T1_KEEPS_RAX = 1, T1_SPARES_RDX = 2, T1_PURE = 4, T1_MAY_TRAP = 8, T1_ENDS = 16 };
struct t1_row {
    bool (*lower)(struct t1 *t); /* NULL: there is no row */
    unsigned claims;
};
extern const struct t1_row t1_rows[ISA_INSN_COUNT];
/* Defines the function behind a row. */
#define T1_LOWERING(name, call)                                                                              \
    bool t1_lower_##name(struct t1 *t)                                                                       \
    {                                                                                                        \
        return call;                                                                                         \
    }
#define T1(name, claims, call) bool t1_lower_##name(struct t1 *t);
#include "dbt/x86/t1/t1.def"

/* straddle.c: an instruction that lies on two pages is a block of its own. Makes its second span;
 * false: no room. */
bool t1_straddle_make(struct t1 *t);
/* Leaves for the interpreter unless the page behind is the one that the block was made from. */
void t1_straddle_check(struct t1 *t);

/* jump.c */
/* Leaves the block for an offset relative to its page, which may lie outside; `cond` X86_ALWAYS or a
 * condition. */
#define T1_ALWAYS (-1)
void t1_goto(struct t1 *t, int cond, int target);
/* Leaves translated code; the interpreter goes on at a page offset. */
void t1_leave(struct t1 *t, unsigned offset);

/* Lowers the present instruction and the next one, if they are a call together. */
bool t1_lower_far_call(struct t1 *t);
void t1_emit_call_indirect(struct t1 *t);
void t1_emit_call_far(struct t1 *t, int32_t target);
/* Whether t1_check_page() can tell the page from others. */
static inline bool t1_can_check_page(uint64_t paddr)
{
    return paddr >> 40 == 0;
}
/* The two jumps are taken unless the TLB for fetches has the guest's page in `page` at `paddr`. rdx is
 * used. */
void t1_check_page(struct t1 *t, enum x86_reg page, uint64_t paddr, uint8_t *other[2]);

/* run.c: begins a run at the present instruction, if it is one's first. */
void t1_run_begin(struct t1 *t);
void t1_run_end(struct t1 *t);
/* In a run: where the present access goes. */
struct x86_mem t1_run_mem(const struct t1 *t);

/* mem.c */
/* Bytes of an integer load or store; 0: another instruction. */
unsigned t1_access_size(enum isa_insn insn);
void t1_emit_cold_memory(struct t1 *t, const struct t1_cold *cold);
uint32_t t1_where(const struct t1 *t);
/* rs1 in a host register: its own, or rax. */
enum x86_reg t1_pointer(struct t1 *t);
/* rdx = the addend for an access to [base + low, base + high) by a table of the TLB (offset in struct tlb;
 * rcx is used); the returned jump is taken where it has none. */
uint8_t *t1_look_up(struct t1 *t, enum x86_reg base, int32_t low, int32_t high, size_t table);

#endif
