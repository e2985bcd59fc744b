/* SPDX-License-Identifier: MIT
 *
 * Internals of the baseline translator, which its files share while they translate a block.
 *
 * Scratch registers: rax, rcx, rdx. A lowering reads guest registers with t1_use(), computes in the register
 * that t1_dest() returns, and ends with t1_set(). When it begins, rax may hold a guest register: a lowering
 * that uses rax by other means than t1_copy() before it has read its operands calls t1_forget_rax() first.
 * Code that rarely runs is written apart from the rest: t1_cold().
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
    T1_CALL_INDIRECT, /* the way to the callee: not cold, but it follows the block's code, too */
    T1_CALL_FAR,
    T1_COLD_EXEC,
    T1_COLD_SYSTEM, /* EXEC of an instruction after which the guest continues wherever pc then points */
    T1_COLD_STATUS,
    T1_COLD_RUN,
    T1_COLD_LEAVE,
    T1_COLD_FIND,    /* looks for the block for another vtype */
    T1_COLD_REST,    /* the rest of the instructions, in a block for another vl */
    T1_COLD_FEWER,   /* the same, after a vsetvli that sets vl to rs1, which is less than VLMAX */
    T1_COLD_PARTIAL, /* code of a vector instruction that serves any vl, and all addresses */
    T1_COLD_OTHER_HALF,
    T1_COLD_ALSO
};

/* The instructions of a run (run.c), and the constant that is known at its beginning (as in struct t1). */
struct t1_cold_run {
    unsigned first, end;
    unsigned constant;
    bool relative;
    int64_t value;
};

/* What a register of the host has a copy of (vector/copies.c): `bytes` bytes from hart->v + at on; 0: none.
 */
struct t1_copy {
    uint16_t at;
    uint8_t bytes;
    bool carried; /* from the turn before, in a loop's second copy (again.c) */
};
#define T1_COPIES 8

/* What is known of the vector unit (vector/). */
struct t1_vector {
    bool known;   /* vtype is known: the block has set it, or was entered with it */
    uint8_t sew;  /* log2 of an element's bytes */
    int8_t lmul;  /* log2 */
    bool on;      /* mstatus.VS is not Off */
    bool dirty;   /* and it is Dirty */
    bool start_0; /* vstart is 0 */
    bool whole;   /* vl is VLMAX; otherwise, it may be anything */
    struct t1_copy copies[T1_COPIES];
    uint8_t turn, used; /* vector/copies.c: the first result's register; how many the instruction has used */
    uint32_t word;      /* AVX2: vtype's word that the code has stored, and T1_WORD_KNOWN; 0: none */
    bool upper;         /* AVX2: the upper halves of the host's registers may not be 0 */
};

#define T1_WORD_KNOWN 0x80000000

/* What the block's code has checked and done about floating point so far. */
struct t1_fp {
    bool on, dirty;  /* mstatus.FS was checked, was set to Dirty */
    bool rounding;   /* MXCSR rounds as frm says */
    uint32_t boxed;  /* f registers that the block has written a single or a half to */
    uint32_t halves; /* those of them that hold a half */
};

/* A vector instruction, and what is known before it. */
struct t1_cold_partial {
    unsigned index;
    struct t1_vector vector;
    struct t1_fp fp;
};

/* What such a vsetvli sets vtype to, and where rs1 is. */
struct t1_cold_fewer {
    uint32_t vtype;
    enum x86_reg wanted;
};

/* again.c: the second copy of a loop's code. */
struct t1_again {
    bool wanted;   /* the present instruction is a branch to the block's own beginning, by which that copy is
                      entered */
    bool off;      /* there was no room for two copies */
    bool second;   /* it is being written */
    uint8_t *site; /* the jump that leads there from the first one; NULL: there is none */
    const uint8_t *start;
    uint8_t used;            /* a bit for each of the copies that its code uses from the turn before */
    struct t1_vector vector; /* what is known at its beginning */
    struct t1_fp fp;
};

struct t1_cold {
    enum t1_cold_kind kind;
    uint8_t *site; /* the jump that leads here; NULL: a fault does */
    /* LOAD, STORE: the instruction that may fault, at the address where it is written; NULL: none. */
    const uint8_t *access;
    const uint8_t *back;              /* where translated code continues ... */
    struct t1_copy copies[T1_COPIES]; /* ... with these copies of vector registers */
    /* LOAD, STORE: for the thunk; SLICE_AT, LEAVE, FIND, REST, OTHER_HALF (where the guest continues): page
     * offset; CALL_FAR: the same, signed. */
    uint32_t where;
    struct x86_mem address; /* LOAD, STORE */
    unsigned size;          /* LOAD, STORE: bytes; OTHER_HALF, REST: instructions that are not done then */
    bool sign;              /* LOAD */
    unsigned guest;         /* LOAD: rd; STORE: rs2 */
    bool fp;                /* LOAD, STORE: `guest` is an f register */
    struct t1_link *link;
    struct insn *insn; /* EXEC, SYSTEM, OTHER_HALF */
    struct t1_cold_run run;
    struct t1_cold_partial partial;
    struct t1_cold_fewer fewer; /* FEWER; guest: rd */
    bool upper; /* FEWER, REST, SLICE_AT: the upper halves of the host's vector registers are to be cleared */
    const uint8_t *thunk; /* EXEC: which one is called; NULL: exec */
    const uint8_t *code;  /* the address where it runs; NULL: it is not written yet */
    /* ALSO: the piece that serves this jump, too; STATUS: the piece that calls the handler. */
    struct t1_cold *same;
};

#define T1_COLDS_MAX (8 * BLOCK_INSNS_MAX + 8) /* a fused multiply-add may have six */

struct t1 {
    struct x86_emit e;
    struct dbt *dbt;
    struct hart *hart;
    const struct block *source;
    struct t1_block *block;
    unsigned bytes;         /* of guest code */
    struct isa_operands op; /* the present instruction */
    unsigned index;         /* its number in the block */
    unsigned offset;        /* its place in the page */
    /* The instruction that t1_decode() decoded last: number seen_next - 1. An instruction that was looked at
     * ahead is not decoded twice. */
    struct isa_operands seen;
    unsigned seen_next;
    bool stays;    /* the interpreter must run the instruction after the block */
    bool has_way;  /* code that is not cold follows the block's: a way to a callee */
    unsigned room; /* so many blocks may follow this one without a jump */
    /* The block that does: it is translated next. NULL: there is none. */
    const struct block *next;
    bool ended; /* control has left the block */
    struct t1_again again;
    unsigned in_rax;       /* the guest register, of those that live in memory, that rax holds now; 0: none */
    enum x86_reg set_from; /* the register that the instruction's t1_set() stored */
    unsigned constant;     /* the guest register that holds `value`; 0: none */
    int64_t value;         /* of up to 33 bits */
    bool relative;         /* `value` counts from the start of the page */
    bool full;             /* out of memory for data */
    struct t1_fp fp;
    struct t1_cold *fp_cold; /* the handler of the present FP or vector instruction; NULL: none needed yet */
    uint32_t bounded;        /* the registers that were compared with the bounds of the window ... */
    int32_t moved[32];       /* ... and how far they have moved since then */
    struct t1_vector vector;
    bool vector_partial;         /* the cold copy of a vector instruction is being written */
    struct t1_cold *vector_cold; /* that code of the present instruction; NULL: there is none */
    uint8_t *compare;            /* where the branch's comparison begins */
    unsigned run_end;            /* the number of the instruction after the present run; 0: there is no run */
    struct t1_cold *run_cold;
    /* For each access of the run, its place relative to the run's pointer. */
    int16_t run_at[BLOCK_INSNS_MAX];
    bool in_cold_run; /* the run's instructions are being written again, one by one */
    /* Where each instruction's code begins, and where the last one's ends. */
    uint32_t starts[BLOCK_INSNS_MAX + 1];
    unsigned cold_count;
    struct t1_cold colds[T1_COLDS_MAX]; /* last, since there are so many: each is written when it is made */
};

/* The width of the hart's x registers. RV32's instructions are the host's operations of 32 bits, which clear
 * the upper half of their result: so it is 0 in every x register, in the pc and in all addresses. */
#define XLEN (t->hart->isa.xlen)

/* ---- Operands (operands.c) ----------------------------------------------------------------------------- */

/* Returns a host register that holds the guest register: its own, or `scratch` after loading it. It must not
 * be changed. */
enum x86_reg t1_use(struct t1 *t, unsigned guest, enum x86_reg scratch);
/* Copies the guest register to a host register, which may be changed then. */
void t1_copy(struct t1 *t, enum x86_reg to, unsigned guest);
/* Returns the host register in which to compute rd: its own, or rax. */
enum x86_reg t1_dest(const struct t1 *t);
/* The place in memory of a guest register that is not pinned. */
struct x86_mem t1_home(unsigned guest);
/* Whether the result should go to t1_home() at once: rd lives there, is not in rax, and the next instruction
 * does not need it. */
bool t1_in_memory(struct t1 *t);
/* rd = the host register, which is t1_dest() or a scratch one. */
void t1_set(struct t1 *t, enum x86_reg from);
/* `to` = a value of which XLEN bits count. */
void t1_mov_imm(struct t1 *t, enum x86_reg to, int64_t value);
/* Ends an operation of `bits`, for example a W form of RV64: extends the sign to XLEN. */
void t1_extend_result(struct t1 *t, unsigned bits, enum x86_reg reg);
/* `to` = `bits` at `from`, extended to XLEN. */
void t1_load(struct t1 *t, unsigned bits, bool sign, enum x86_reg to, struct x86_mem from);
/* rd = the address of the page + distance. */
void t1_set_address(struct t1 *t, int32_t distance);
/* Notes that rax no longer holds a guest register. */
void t1_forget_rax(struct t1 *t);
/* to = to op the guest register. */
void t1_op_guest(struct t1 *t, enum x86_alu op, unsigned bits, enum x86_reg to, unsigned guest);

/* Decodes an instruction of a block that the interpreter has. */
void t1_decode_of(const struct block *source, unsigned index, const struct hart *hart,
                  struct isa_operands *op);
/* The same for the block that is being translated. */
void t1_decode(struct t1 *t, unsigned index, struct isa_operands *op);

/* Makes a new piece of cold code, to which the jump at `site` leads. */
struct t1_cold *t1_cold(struct t1 *t, enum t1_cold_kind kind, uint8_t *site);

/* Translated code continues here after that piece, whatever C functions that has called. */
void t1_set_back(struct t1 *t, struct t1_cold *cold);
/* Ends that piece: goes back. */
void t1_go_back(struct t1 *t, const struct t1_cold *cold);

/* Adds another jump to that piece. */
void t1_cold_also(struct t1 *t, struct t1_cold *cold, uint8_t *site);

/* Makes the present instruction one that translated code can give to its interpreter handler; NULL: no room,
 * t->full is set. */
struct insn *t1_make_insn(struct t1 *t);

/* fp.c: each FP lowering calls t1_fp_begin() first and t1_fp_end() last. The first checks mstatus.FS, once in
 * a block (the handler raises the trap). At the second, translated code continues after a handler that took
 * over. */
void t1_fp_begin(struct t1 *t, bool writes);
void t1_fp_end(struct t1 *t);
/* Notes that a value of `bits` was written to f[rd]. */
void t1_fp_written(struct t1 *t, unsigned bits);

/* ---- Lowerings: false if the interpreter handler must run the instruction ------------------------------ */

/* An instruction's row of t1.def. */
enum {
    T1_KEEPS_RAX = 1,
    T1_SPARES_RDX = 2,
    T1_PURE = 4,
    T1_MAY_TRAP = 8,
    T1_ENDS = 16,
    T1_ANY_VTYPE = 32,
    T1_VXRM = 64,
    T1_KEEPS_COPIES = 128,
    T1_KEEPS_ON_AVX2 = 256
};
struct t1_row {
    bool (*lower)(struct t1 *t); /* NULL: there is no row */
    unsigned claims;
};
extern const struct t1_row t1_rows[ISA_INSN_COUNT];
/* Defines the function of a row. */
#define T1_LOWERING(name, call)                                                                              \
    bool t1_lower_##name(struct t1 *t)                                                                       \
    {                                                                                                        \
        return call;                                                                                         \
    }
#define T1(name, claims, call) bool t1_lower_##name(struct t1 *t);
#include "dbt/x86/t1/t1.def"

/* straddle.c: an instruction that lies on two pages is a block of its own. This makes the block's second
 * span. False: no room. */
bool t1_straddle_make(struct t1 *t);
/* Leaves translated code unless the next page is the one that the block was made from. */
void t1_straddle_check(struct t1 *t);

/* vector/config.c: if the block's code depends on the vtype or the vxrm with which it is entered, takes the
 * hart's present ones for known, and writes a check of them at the block's entry. */
void t1v_enter_block(struct t1 *t);

/* Whether vtype, and whether vectors are on, is unknown after the instruction: CSRs may switch them off, and
 * vsetvl takes its vtype from a register. */
static inline bool t1_forgets_vtype(enum isa_insn insn)
{
    return insn == ISA_INSN_vsetvl || (isa_entry(insn)->flags & ISA_CSR);
}
static inline bool t1_sets_vtype(enum isa_insn insn)
{
    return insn == ISA_INSN_vsetvli || insn == ISA_INSN_vsetivli;
}
/* The code that follows is for vl = VLMAX. If vl is something else, the guest goes on with the next
 * instruction in another block. */
void t1v_go_on_whole(struct t1 *t);

/* vector/copies.c: all copies are lost; the code loads the copies again; which ones there are now; the next
 * instruction begins. */
void t1v_forget_copies(struct t1 *t);
void t1v_load_copies(struct t1 *t, const struct t1_copy copies[T1_COPIES]);
void t1v_note_copies(struct t1 *t, struct t1_copy copies[T1_COPIES]);
void t1v_take_turns(struct t1 *t);
/* AVX2: clears the upper halves of the host's vector registers, if they may not be 0. */
void t1_clear_upper(struct t1 *t);

/* again.c */
/* Returns whether the present instruction is a branch that closes a loop which gets a second copy. */
bool t1_again_wanted(const struct t1 *t);
/* Goes to the second copy's beginning: the branch is taken. */
void t1_again_go(struct t1 *t);
/* Ends the first copy: what follows is the second one. Returns false if there is none. */
bool t1_again_begin(struct t1 *t);

/* jump.c */
/* Makes the jump whose rel32 is at `site` a link: it leads to a stub until the target, a page offset, is
 * translated. */
void t1_add_link(struct t1 *t, uint8_t *site, unsigned target);
/* Leaves the block for an offset relative to its page, which may lie outside of the page; `cond` is T1_ALWAYS
 * or a condition. */
#define T1_ALWAYS (-1)
void t1_goto(struct t1 *t, int cond, int target);
/* The same for an offset inside of the page, without a look at the budget. */
void t1_jump_linked(struct t1 *t, int cond, unsigned target);
/* Whether the code of the block at that page offset, which is not translated yet, will follow the present
 * block's: then no jump is needed (translate.c). */
bool t1_runs_on(struct t1 *t, unsigned target);
/* Leaves translated code; the interpreter continues at a page offset. */
void t1_leave(struct t1 *t, unsigned offset);

/* Lowers the present instruction and the next one, if both together are a call. */
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

/* run.c: begins a run if the present instruction is the first of one. */
void t1_run_begin(struct t1 *t);
void t1_run_end(struct t1 *t);
/* Within a run: the memory operand of the present access. */
struct x86_mem t1_run_mem(const struct t1 *t);

/* mem.c */
/* Returns the bytes of an integer load or store; 0: it is another instruction. */
unsigned t1_access_size(enum isa_insn insn);
/* Writes the slow path of a load or store. */
void t1_emit_cold_memory(struct t1 *t, const struct t1_cold *cold);
/* Called after an instruction: notes what is known of the pointer that it may have written. */
void t1_note_pointer(struct t1 *t, const struct isa_operands *op);
/* Returns `where` for the thunks of memory accesses: the instruction's offset in the page and, from bit 12
 * on, how many instructions of the block are not done. */
uint32_t t1_where(const struct t1 *t);
/* Returns a host register that holds rs1: its own, or rax. */
enum x86_reg t1_pointer(struct t1 *t);
/* rdx = the addend for an access to [base + low, base + high), from the side of the TLB at offset `table` in
 * struct tlb; rcx is used. The returned jump is taken if the TLB does not have the page. */
uint8_t *t1_look_up(struct t1 *t, enum x86_reg base, int32_t low, int32_t high, size_t table);

#endif
