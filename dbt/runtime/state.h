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
#include "dbt/dbt.h"
#include "dbt/runtime/block.h"
#include "dbt/runtime/code_cache.h"
#include "dbt/runtime/hart.h"
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

/* An instruction for its interpreter handler, with how many of the block are not done before it. */
struct t1_handler {
    struct insn insn;
    uint32_t undone;
};

/* What an owner of code does when... */
struct code_owner_ops {
    /* ... its segment is emptied: nothing may lead to its code any more. Its links, its spans and its place
     * in the segment's list are the caller's business. */
    void (*evict)(struct dbt *dbt, struct code_owner *owner);
    /* ... guest bytes of a span of it have changed, and the span is watched no more: no hart shall enter
     * it. */
    void (*changed)(struct dbt *dbt, struct code_owner *owner);
    /* ... the block that its code stands for (t1_block.region) has changed or is evicted: its code is entered
     * no more. NULL: it stands for none. */
    void (*gone)(struct dbt *dbt, struct code_owner *owner);
};

struct dbt_counters {
    uint64_t blocks, insns, guest_bytes, host_bytes, calls; /* translated; calls: to interpreter handlers */
    uint64_t invalidated, verified, evictions, evicted, links;
    uint64_t regions, region_bytes, regions_dropped; /* dropped: they did not pay */
    uint64_t eviction_ns, eviction_wait_ns;          /* evicting; of it, waiting for the harts */
};

struct code_page;

struct dbt {
    struct hart_accel accel; /* first: the harts hand it back */
    pthread_mutex_t lock;
    pthread_rwlock_t running;
    pthread_mutex_t room;    /* held during an eviction, from its requests on; comes before `running` */
    atomic_uint room_wanted; /* how many wait for it or have it: harts stay out of translated code */
    struct code_cache cache;
    _Atomic uint64_t generation; /* of the harts' jump tables: raised when an entry in them may be wrong */
    dbt_listen_fn *listen;       /* NULL: nobody */
    void *listen_opaque;
    const struct code_owner_ops *owner_ops[CODE_OWNER_KINDS];

    struct t2 *t2; /* the optimiser; NULL: none */
    /* Called by translated code when a slice has ended at a block, on the hart's thread: where time goes. */
    void (*slice_ended)(struct hart *hart, uint64_t pc);
    /* Called by translated code in front of a region whose trial has ended (dbt/region_code.h): where to go
     * on. */
    const uint8_t *(*judge_region)(struct hart *hart, uint64_t region);

    struct hart *harts[DBT_HARTS_MAX];
    struct block *stand_ins[DBT_HARTS_MAX]; /* dbt_hart.block of each */
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
    const uint8_t *fill, *slice_at, *slice_pc, *return_other, *exec, *csr, *system, *flip_status, *round,
        *judge;
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

static inline bool code_in_segment(const struct dbt *dbt, uint32_t ref, unsigned segment)
{
    return code_segment_of(&dbt->cache, ref) == segment;
}

static inline unsigned dbt_hash(uint64_t paddr, unsigned shift)
{
    return (unsigned)(paddr >> shift ^ paddr >> (shift + 18)) & (DBT_HASH_SIZE - 1);
}

#endif
