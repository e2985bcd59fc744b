/* SPDX-License-Identifier: MIT
 *
 * Internals of the translator, which the files of dbt/ share; docs/translator.md describes the translator.
 *
 * Locks: `lock` guards all tables and the writing of code. `running` is held for reading while a hart is in
 * translated code or works on its exits, and for writing to evict a segment of the cache; it is taken before
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
/* So many bits tell, without the lock, which pages may have code: one for each page of 4 GiB. */
#define DBT_PAGE_BITS (1u << 20)
/* Instructions between two checks of the hart's requests. */
#define DBT_SLICE 4096
/* The table that counts the faults of instructions (windows.h) has 1 << DBT_SITE_BITS bytes. */
#define DBT_SITE_BITS 16
/* Slices from one sample for the optimiser to the next; a power of two. */
#define DBT_SAMPLE_SLICES 16
/* A region is left after about so many slices (a power of two), so that what ran is counted. */
#define DBT_REGION_SLICES 256

/* An instruction that its interpreter handler executes, and how many instructions of the block are not done
 * when it begins (it is one of them). */
struct t1_handler {
    struct insn insn;
    uint32_t undone;
};

/* What is called for an owner of code if ... */
struct code_owner_ops {
    /* ... its segment is evicted: nothing may lead to its code any more. The caller removes its links, its
     * spans and its place in the segment's list. */
    void (*evict)(struct dbt *dbt, struct code_owner *owner);
    /* ... guest bytes of one of its spans have changed, and the span is no longer watched: no hart may enter
     * the code. */
    void (*changed)(struct dbt *dbt, struct code_owner *owner);
    /* ... the block that its code stands for (t1_block.region) has changed or is evicted: its code is not
     * entered any more. NULL: its code stands for no block. */
    void (*gone)(struct dbt *dbt, struct code_owner *owner);
};

struct dbt_counters {
    uint64_t blocks, insns, guest_bytes, host_bytes, calls; /* translated; calls: to interpreter handlers */
    uint64_t runs_on;                                       /* blocks that need no jump to the next one */
    uint64_t invalidated, verified, evictions, evicted, links;
    uint64_t regions, region_bytes, regions_dropped; /* regions_dropped: they did not pay */
    uint64_t eviction_ns, eviction_wait_ns; /* time of evictions; the part of it that waited for the harts */
};

struct code_page;

#define DBT_GONE 64u

struct dbt {
    struct hart_accel accel; /* must be first: the harts hand it back */
    pthread_mutex_t lock;
    pthread_rwlock_t running;
    pthread_mutex_t room;    /* held during an eviction, from its requests on; taken before `running` */
    atomic_uint room_wanted; /* threads that wait for `room` or hold it: harts stay out of translated code */
    struct code_cache cache;
    _Atomic uint64_t generation; /* of the harts' jump tables: raised if an entry in them may be wrong */
    /* For the last DBT_GONE generations, by generation: where in its page the code is whose entry is wrong.
     * [locked] */
    uint16_t gone[DBT_GONE];
    dbt_listen_fn *listen; /* NULL: nobody */
    void *listen_opaque;
    const struct code_owner_ops *owner_ops[CODE_OWNER_KINDS];

    struct t2 *t2; /* the optimiser; NULL: there is none */
    /* Called by translated code when a slice has ended at a block, on the hart's thread: notes where the
     * hart spends its time. */
    void (*slice_ended)(struct hart *hart, uint64_t pc);
    bool exact; /* harts run to limits: returns look at the budget, too (cpu/hart_turn.c) */
    /* Called by translated code before a region whose trial has ended (dbt/region_code.h): returns where to
     * continue. */
    const uint8_t *(*judge_region)(struct hart *hart, uint64_t region);

    struct hart *harts[DBT_HARTS_MAX];
    struct block *stand_ins[DBT_HARTS_MAX]; /* dbt_hart.block of each hart */
    unsigned hart_count;

    /* Address spaces may have windows; each one gets its window at once (tests). */
    bool windows, windows_eager;
    const char *windows_refused;             /* why there are none, if they were wanted (static text) */
    uint8_t site_faults[1 << DBT_SITE_BITS]; /* windows.c; atomic */
    bool without_chains;                     /* each block ends with a jump (tests) */
    bool check;                              /* accesses are compared with the MMU (check.c) */
    struct x86_features host;                /* the host's instruction sets */
    bool without[ISA_INSN_COUNT];            /* these instructions are left to their handlers */
    uint32_t blocks[DBT_HASH_SIZE];          /* refs, by physical address */
    struct code_page *pages[DBT_HASH_SIZE];
    struct code_page *dirty;
    /* A page may be among `pages` only if its bit is set: that of its number modulo DBT_PAGE_BITS. Read
     * without the lock. */
    _Atomic uint64_t page_bits[DBT_PAGE_BITS / 64];
    struct dbt_counters counters;

    /* The addresses of the thunks, where they run. */
    void (*enter)(void *hart_biased, const uint8_t *entry);
    const uint8_t *resume; /* after a trap */
    const uint8_t *leave, *leave_trapped, *leave_at, *leave_link, *leave_miss, *find;
    const uint8_t *link, *jump;
    const uint8_t *fill, *slice_at, *slice_pc, *return_other, *exec, *csr, *system, *flip_status, *round,
        *judge;
    const uint8_t *read[4], *write[4];                             /* by log2 of the size */
    const uint8_t *window_read[4], *window_write[4], *window_fill; /* after a fault */
    const uint8_t *check_access;
};

/* For a function that reads data which was written with the lock held, if it was reached through a patched
 * jump in translated code, which ThreadSanitizer cannot see. */
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
