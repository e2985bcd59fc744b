/* SPDX-License-Identifier: MIT
 *
 * Inside of the translator; docs/translator.md tells the whole. Shared by the files of dbt/.
 *
 * Locks: `lock` guards all tables and the writing of code. `running` is held for reading while a hart is in
 * translated code or works on its exits, and for writing to evict a segment of the cache; it comes before
 * `lock`, and `room` before both.
 */
#ifndef DBT_RUNTIME_STATE_H
#define DBT_RUNTIME_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpu/accel.h"
#include "cpu/hart_state.h"
#include "dbt/runtime/code_cache.h"
#include "dbt/dbt.h"
#include "dbt/x86/emit.h"
#include "dbt/x86/features.h"

#define DBT_HARTS_MAX 64
#define DBT_HASH_SIZE 262144
#define DBT_NO_LINK   UINT32_MAX
/* Pages that are told apart without the lock: 4 GiB of them. */
#define DBT_PAGE_BITS (1u << 20)
/* Instructions between two looks at the hart's requests. */
#define DBT_SLICE 4096
/* Slices from one sample of the optimiser's to the next; a power of two. */
#define DBT_SAMPLE_SLICES 4

/* A jump out of translated code to a block: it leads to `stub` until it is linked. Links lie in the code
 * cache's arena and are linked by refs; `site` (of the rel32) and `stub` are offsets in the code. */
struct t1_link {
    uint32_t site, stub;
    uint32_t to;         /* ref of the block it is linked to; 0: none */
    uint32_t next;       /* ref: of those that lead to `to` */
    uint32_t owner_next; /* ref: of those that leave the same code */
    uint16_t offset;     /* of the target in its page */
};

/* A run of guest bytes, inside one page, that translated code was made from: watched for changes. */
struct code_span {
    uint64_t paddr;
    uint32_t page_next; /* ref: of those in the same page */
    uint32_t owner;     /* ref */
    uint32_t copy;      /* ref: what the bytes were */
    uint16_t bytes;
};

/* A translated block. Lives until its segment is evicted; entry is NULL once its guest code has changed. */
struct t1_block {
    struct code_owner owner;
    uint32_t hash_next; /* ref */
    struct code_span span;
    const uint8_t *entry;     /* where it is entered */
    uint32_t incoming;        /* ref of the first link that leads here */
    uint16_t count;           /* guest instructions */
    uint16_t samples;         /* slices that ended here (optimiser.c) */
    const uint8_t *own_entry; /* its own code; `entry` may be that of a region that it heads */
    uint32_t region;          /* ref of that; 0: none */
    uint32_t second; /* ref of a struct code_span: the half, on the page behind, of an instruction that lies
                      * on two; 0: none. The code asks first whether that is the page still. */
};

/* An instruction for its interpreter handler, with how many of the block are not done before it. */
struct t1_handler {
    struct insn insn;
    uint32_t undone;
};

/* A page of guest memory that translated code comes from. */
struct code_page {
    uint64_t paddr;
    const uint8_t *host;
    uint32_t spans;   /* ref */
    uint64_t writers; /* harts that may store to it without telling */
    uint64_t swept;   /* by which eviction */
    bool dirty;       /* it is in the dirty list */
    struct code_page *hash_next, *dirty_next;
};

/* What an owner of code does when... */
struct code_owner_ops {
    /* ... its segment is emptied: nothing may lead to its code any more. Its links, its spans and its place
     * in the segment's list are the caller's business. */
    void (*evict)(struct dbt *dbt, struct code_owner *owner);
    /* ... guest bytes of a span of it have changed, and the span is watched no more: no hart shall enter it.
     */
    void (*changed)(struct dbt *dbt, struct code_owner *owner);
};

struct dbt_counters {
    uint64_t blocks, insns, guest_bytes, host_bytes, calls; /* translated; calls: to interpreter handlers */
    uint64_t invalidated, verified, evictions, evicted, links;
    uint64_t regions, region_bytes;
    uint64_t eviction_ns, eviction_wait_ns; /* evicting; of it, waiting for the harts */
};

struct dbt {
    struct hart_accel accel; /* first: the harts hand it back */
    pthread_mutex_t lock;
    pthread_rwlock_t running;
    pthread_mutex_t room;    /* held by who evicts, from its requests to its end; before `running` */
    atomic_uint room_wanted; /* how many wait for it or have it: harts stay out of translated code */
    struct code_cache cache;
    _Atomic uint64_t generation; /* of the harts' jump tables: raised when an entry in them may be wrong */
    dbt_listen_fn *listen;       /* NULL: nobody */
    void *listen_opaque;
    const struct code_owner_ops *owner_ops[CODE_OWNER_KINDS];

    struct t2 *t2; /* the optimiser; NULL: none */

    struct hart *harts[DBT_HARTS_MAX];
    struct block *stand_ins[DBT_HARTS_MAX]; /* hart->native.block of each */
    unsigned hart_count;

    bool check;                     /* accesses are compared with the MMU (check.c) */
    struct x86_features host;       /* what it has */
    bool without[ISA_INSN_COUNT];   /* instructions that are left to their handlers */
    uint32_t blocks[DBT_HASH_SIZE]; /* refs, by physical address */
    struct code_page *pages[DBT_HASH_SIZE];
    struct code_page *dirty;
    /* One bit a page, by its number modulo their count: it may be among `pages`. Read without the lock. */
    _Atomic uint64_t page_bits[DBT_PAGE_BITS / 64];
    struct dbt_counters counters;

    /* Thunks: where they run. */
    void (*enter)(void *hart_biased, const uint8_t *entry);
    const uint8_t *resume; /* after a trap */
    const uint8_t *leave, *leave_trapped, *leave_at, *leave_link, *leave_miss, *find;
    const uint8_t *link, *jump;
    const uint8_t *fill, *slice_at, *slice_pc, *return_other, *exec, *csr, *system, *flip_status, *round;
    const uint8_t *read[4], *write[4]; /* by log2 of the size */
    const uint8_t *check_access;
};

/* For what reads data that was written with the lock held and came here through a patched jump in translated
 * code, which ThreadSanitizer cannot see. */
#if defined(__SANITIZE_THREAD__)
#define DBT_THROUGH_CODE __attribute__((no_sanitize("thread")))
#else
#define DBT_THROUGH_CODE
#endif

/* ---- Register map ------------------------------------------------------------------------------------- */

#define HOST_HART   X86_RBP /* the hart + HART_BIAS, so that x0..x31 have 8-bit displacements */
#define HOST_TLB    X86_R15 /* the TLB + TLB_BIAS */
#define HOST_BUDGET X86_R14
#define HART_BIAS   128
/* A TLB's address has no low 16 bits (TLB_ALIGN), so these are the register's: what `bextr` takes to get an
 * entry's number from an address, that many bits from that one on. */
#define TLB_BIAS (TLB_INDEX_BITS << 8 | PAGE_SHIFT)

/* Guest registers that live in host registers while translated code runs, the same at every block's border.
 * The first three are saved by C functions. */
#define DBT_PINNED(X)                                                                                        \
    X(2, X86_RBX)                                                                                            \
    X(8, X86_R12)                                                                                            \
    X(9, X86_R13) X(10, X86_RSI) X(11, X86_RDI) X(12, X86_R8) X(13, X86_R9) X(14, X86_R10) X(15, X86_R11)

/* Host register of a pinned guest register, or X86_NONE. */
static inline enum x86_reg dbt_pinned(unsigned guest)
{
    switch (guest) {
#define X(guest_, host)                                                                                      \
    case guest_: return host;
        DBT_PINNED(X)
#undef X
    default: return X86_NONE;
    }
}

static inline struct x86_mem hart_mem(size_t offset)
{
    return x86_mem(HOST_HART, (int32_t)offset - HART_BIAS);
}
#define HART_MEM(member) hart_mem(offsetof(struct hart, member))

/* In the hart's TLB, at an offset, and at entry `index` of an array there of 8-byte entries, or 1-byte ones.
 */
static inline struct x86_mem tlb_array(enum x86_reg index, size_t offset)
{
    return x86_mem_scaled(HOST_TLB, index, 3, (int32_t)offset - TLB_BIAS);
}
static inline struct x86_mem tlb_bytes(enum x86_reg index, size_t offset)
{
    return x86_mem_index(HOST_TLB, index, (int32_t)offset - TLB_BIAS);
}

/* ---- The parts ---------------------------------------------------------------------------------------- */

/* thunks.c: writes them at the cache's start. */
bool thunks_build(struct dbt *dbt, struct error *error);
/* Around a call of C from a region: the low halves of xmm2 to xmm15, which is all that they have, to the
 * stack and back. */
#define THUNKS_XMM_BYTES 112
void thunks_save_xmm(const struct dbt *dbt, struct x86_emit *e);
void thunks_restore_xmm(const struct dbt *dbt, struct x86_emit *e);
/* The jump to the guest pc in rax, by the table of the address space. The index is TLB_NATIVE_INDEX(),
 * times 16. */
void thunks_emit_jump(struct dbt *dbt, struct x86_emit *e);
/* The same where the offset in the page is known, and rcx is the page. */
void thunks_emit_jump_far(struct dbt *dbt, struct x86_emit *e, unsigned offset);

/* x86/t1/t1.c: translates; the lock is held. The block is committed, but in no table yet. NULL: the block
 * begins with an instruction that the interpreter must do, or
 * (*full) there is no room. */
struct t1_block *t1_translate(struct dbt *dbt, struct hart *hart, const struct block *block, bool *full);

/* x86/t1/mem.c: `addend` = that of the page that holds base + low to base + high - 1, by the side of the TLB
 * at offset `side`; rcx and rdx are lost. The returned jump is taken where the TLB has it not, or it is two
 * pages. */
uint8_t *dbt_emit_look_up(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, int32_t low,
                          int32_t high, size_t side, enum x86_reg addend);

/* check.c, for accesses without a look-up of their own as for those with one: where the user asked for it,
 * code that compares `host`, where `size` bytes at the guest's address `vaddr` are accessed, with what the
 * MMU says, and ends the program where they differ. Both are operands that lea takes; rcx is lost. `offset`:
 * of the guest's instruction in its page. */
void dbt_emit_check(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                    unsigned size, bool write, unsigned offset);
void check_build(struct dbt *dbt, struct x86_emit *e);

/* x86/t1/fp.c: to = fflags, those in the hart's copy of MXCSR and those that software raised. */
void dbt_emit_fflags(struct x86_emit *e, enum x86_reg to, enum x86_reg scratch);

/* code_page.c: all with the lock held, but for code_page_written(). */
/* Watches a span, which was copied from `host`: on the thread of the hart, before the span's code is used.
 * False: out of memory, or the bytes have changed already. */
bool code_span_add(struct dbt *dbt, struct hart *hart, struct code_span *span, const uint8_t *host);
void code_page_written(struct dbt *dbt, const struct hart *hart, uint64_t paddr);
void code_pages_verify(struct dbt *dbt, struct hart *hart);
/* The hart drops its translations that allow stores to dirty pages. */
void code_pages_drop_writes(struct dbt *dbt, struct hart *hart);
void code_pages_mark(struct dbt *dbt, uint64_t paddr, uint64_t length);
/* Drops all code of the page, whether its memory changed or not. */
void code_page_drop(struct dbt *dbt, uint64_t paddr);
/* A hart stored to code there: spans that differ from memory go, the watch is told of the others. */
void code_page_changed(struct dbt *dbt, uint64_t paddr);
/* Forgets the spans of a segment in the page; a page without spans goes. */
void code_page_sweep(struct dbt *dbt, uint64_t paddr, unsigned segment);
/* The page with code, or NULL. */
const struct code_page *code_page_at(struct dbt *dbt, uint64_t paddr);
void code_pages_destroy(struct dbt *dbt);

/* link.c: with the lock held. A new link out of the owner's code; NULL: no room. */
struct t1_link *t1_link_make(struct dbt *dbt, struct code_owner *owner, uint8_t *site, unsigned offset);
/* Where the jump leads until it is linked: an address where code runs. */
void t1_link_set_stub(struct dbt *dbt, struct t1_link *link, const uint8_t *stub);
void t1_link_to(struct dbt *dbt, uint32_t number, struct t1_block *block);
/* All jumps to the block lead to their stubs again. */
void t1_links_undo(struct dbt *dbt, struct t1_block *block);
/* All jumps to the block, now and later, lead to `entry`. The harts' jump tables keep the old one until
 * dbt->generation is raised. */
void t1_block_set_entry(struct dbt *dbt, struct t1_block *block, const uint8_t *entry);

/* evict.c: frees the oldest segment and makes it the one that is filled. With the lock held and `running`
 * held for writing. */
void dbt_evict_next(struct dbt *dbt);
void dbt_evict_all(struct dbt *dbt);
/* Stopping the harts in three steps, with no lock held: asks those that are in translated code to leave and
 * keeps all from going in; waits until none is in; lets them go on. */
void dbt_ask_harts_out(struct dbt *dbt);
void dbt_wait_harts_out(struct dbt *dbt);
void dbt_let_harts_in(struct dbt *dbt);
/* Stops the harts for it. With no lock held; `seen`: counters.evictions when there was no room. */
void dbt_make_room(struct dbt *dbt, uint64_t seen);

/* find.c: translated code for a guest pc that the hart's TLB for fetches knows; NULL: there is none, or the
 * hart's attention is wanted. On the hart's thread, with `running` held. */
struct t1_block *dbt_find_block(struct hart *hart, uint64_t pc);
/* The same, its entry, which the table of the address space learns. */
const uint8_t *dbt_find(struct hart *hart, uint64_t pc);
/* The same for the target of a link in the present page, which is linked to it. */
const uint8_t *dbt_find_linked(struct hart *hart, uint64_t number);

/* dbt.c: */
extern const struct code_owner_ops t1_owner_ops;
/* The block that begins there, or NULL. The lock is held. */
struct t1_block *t1_block_at(struct dbt *dbt, uint64_t paddr);

static inline bool code_in_segment(const struct dbt *dbt, uint32_t ref, unsigned segment)
{
    return code_segment_of(&dbt->cache, ref) == segment;
}

static inline unsigned dbt_hash(uint64_t paddr, unsigned shift)
{
    return (unsigned)(paddr >> shift ^ paddr >> (shift + 18)) & (DBT_HASH_SIZE - 1);
}

#endif
