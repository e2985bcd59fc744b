/* SPDX-License-Identifier: MIT
 *
 * Inside of the translator; docs/translator.md tells the whole. Shared by the files of dbt/.
 *
 * Locks: `lock` guards all tables and the writing of code. `running` is held for reading while a hart is in
 * translated code or works on its exits, and for writing to empty the cache; it comes first.
 */
#ifndef DBT_DBT_STATE_H
#define DBT_DBT_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpu/accel.h"
#include "cpu/hart_state.h"
#include "dbt/code_cache.h"
#include "dbt/dbt.h"
#include "dbt/x86_emit.h"

#define DBT_HARTS_MAX 64
#define DBT_HASH_SIZE 16384
#define DBT_NO_LINK   UINT32_MAX
/* Instructions between two looks at the hart's requests. */
#define DBT_SLICE 4096

/* A jump out of a block to another in the same page: it leads to `stub` until it is linked. */
struct t1_link {
    uint8_t *site; /* the rel32, as written */
    const uint8_t *stub;
    struct t1_block *to;
    struct t1_link *next; /* of those that lead to `to` */
    unsigned offset;      /* of the target in its page */
};

/* A translated block. Lives until the cache is emptied; entry is NULL once its guest code has changed. */
struct t1_block {
    uint64_t paddr;
    const uint8_t *guest; /* its code in guest memory */
    const uint8_t *copy;  /* what it was */
    unsigned bytes, count;
    const uint8_t *entry;
    struct t1_block *hash_next, *page_next;
    struct t1_link *incoming;
};

/* A page of guest memory that translated blocks come from. */
struct code_page {
    uint64_t paddr;
    struct t1_block *blocks;
    uint64_t writers; /* harts that may store to it without telling */
    bool dirty;       /* it is in the dirty list */
    struct code_page *hash_next, *dirty_next;
};

struct dbt_counters {
    uint64_t blocks, insns, guest_bytes, host_bytes, calls; /* translated; calls: to interpreter handlers */
    uint64_t invalidated, verified, resets, links;
    _Atomic uint64_t entries;
};

struct dbt {
    struct hart_accel accel; /* first: the harts hand it back */
    pthread_mutex_t lock;
    pthread_rwlock_t running;
    struct code_cache cache;
    _Atomic uint64_t generation; /* raised when the cache is emptied */

    struct hart *harts[DBT_HARTS_MAX];
    struct block *stand_ins[DBT_HARTS_MAX]; /* hart->native.block of each */
    unsigned hart_count;

    bool without[ISA_INSN_COUNT]; /* instructions that are left to their handlers */
    struct t1_block *blocks[DBT_HASH_SIZE];
    struct code_page *pages[DBT_HASH_SIZE];
    struct code_page *dirty;
    struct dbt_counters counters;

    /* Thunks: where they run. */
    void (*enter)(void *hart_biased, const uint8_t *entry, void *tlb);
    const uint8_t *resume; /* after a trap */
    const uint8_t *leave, *leave_trapped, *leave_at, *leave_link, *leave_miss;
    const uint8_t *slice_at, *slice_pc, *return_other, *exec, *csr, *system, *flip_status, *round;
    const uint8_t *read[4], *write[4]; /* by log2 of the size */
};

/* ---- Register map ------------------------------------------------------------------------------------- */

#define HOST_HART   X86_RBP /* the hart + HART_BIAS, so that x0..x31 have 8-bit displacements */
#define HOST_TLB    X86_R15
#define HOST_BUDGET X86_R14
#define HART_BIAS   128

/* Guest registers that live in host registers while translated code runs, the same at every block's border.
 * The first three are saved by C functions. */
#define DBT_PINNED(X)                                                                                        \
    X(2, X86_RBX)                                                                                            \
    X(8, X86_R12)                                                                                            \
    X(9, X86_R13) X(10, X86_RSI) X(11, X86_RDI) X(12, X86_R8) X(13, X86_R9) X(14, X86_R10) X(15, X86_R11)

static inline struct x86_mem hart_mem(size_t offset)
{
    return x86_mem(HOST_HART, (int32_t)offset - HART_BIAS);
}
#define HART_MEM(member) hart_mem(offsetof(struct hart, member))

/* ---- The parts ---------------------------------------------------------------------------------------- */

/* thunks.c: writes them at the cache's start. */
bool thunks_build(struct dbt *dbt, struct error *error);
/* The jump to the guest pc in rax, by the table of the address space. The index is TLB_NATIVE_INDEX(),
 * times 16. */
void thunks_emit_jump(struct dbt *dbt, struct x86_emit *e);
/* The same where the offset in the page is known, and rcx is the page. */
void thunks_emit_jump_far(struct dbt *dbt, struct x86_emit *e, unsigned offset);

/* t1.c: translates; the lock is held. NULL: the block begins with an instruction that the interpreter must
 * do, or
 * (*full) there is no room. */
struct t1_block *t1_translate(struct dbt *dbt, struct hart *hart, const struct block *block, bool *full);

/* code_page.c: all with the lock held. */
void code_page_add(struct dbt *dbt, struct t1_block *block);
void code_page_written(struct dbt *dbt, const struct hart *hart, uint64_t paddr);
void code_pages_verify(struct dbt *dbt, struct hart *hart);
void code_pages_forget_writer(struct dbt *dbt, const struct hart *hart);
void code_pages_mark(struct dbt *dbt, uint64_t paddr, uint64_t length);

/* dbt.c: undoes the links to a block and takes its entry away. */
void t1_block_invalidate(struct dbt *dbt, struct t1_block *block);

static inline unsigned dbt_hash(uint64_t paddr, unsigned shift)
{
    return (unsigned)(paddr >> shift ^ paddr >> (shift + 14)) & (DBT_HASH_SIZE - 1);
}

#endif
