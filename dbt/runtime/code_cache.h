/* SPDX-License-Identifier: MIT
 *
 * Memory for translated code and for the data that belongs to it.
 *
 * Code is mapped twice, once to write and once to run (never both in one mapping). After a fixed part, which
 * holds the thunks, it is cut into segments. Code that is rarely run (`cold`) lies apart from the other, so
 * that the host's caches hold the code that runs. Each segment has its own piece of an arena for data, too,
 * and is full when its code and data together reach the segment's size, so that the whole cache has a known
 * limit. Segments are filled in order; when the last is full, the first is emptied and filled again, and so
 * on: the oldest code is evicted.
 *
 * Translation works in transactions: code_cache_begin(), then code and code_cache_data(), then
 * code_cache_commit() or code_cache_abort(). Committed code has an owner, which is notified when its segment
 * is emptied. Stored references to data are 32-bit numbers (`ref`: offset in the arena / 8; 0: none).
 *
 * The writable mapping is only writable while code is being made: a thread of the cache's own takes the right
 * away when nothing was written for CODE_IDLE_MS (so that a fault that writes anywhere in memory finds no
 * code to change), and the next writer takes it back. To do it for each translation would cost two system
 * calls and the other harts' TLBs each time. Whoever writes code outside a transaction calls
 * code_cache_open().
 *
 * An access to a window (cpu/mmu/window.h) may fault, and has cold code for that case. A table beside each
 * segment says where. The table is sorted, since code is written from lower addresses to higher ones, and the
 * signal's handler reads it without a lock.
 *
 * Once harts run, call all functions except code_cache_find_fault() and code_cache_destroy() with the
 * translator's lock held, and code_cache_empty() only while no hart runs translated code.
 */
#ifndef DBT_RUNTIME_CODE_CACHE_H
#define DBT_RUNTIME_CODE_CACHE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CODE_CACHE_DEFAULT (96u << 20) /* bytes of code and data */
#define CODE_CACHE_MIN     (1u << 20)
#define CODE_CACHE_MAX     (960u << 20) /* hot and cold code: jumps are relative, with 32 bits */
#define CODE_SEGMENTS      16
#define CODE_FIXED_SIZE    (64u << 10)
#define CODE_IDLE_MS       20

enum code_owner_kind { CODE_T1_BLOCK, CODE_T2_REGION, CODE_OWNER_KINDS };

/* The first member of each owner of a piece of code. */
struct code_owner {
    uint32_t segment_next; /* ref of the owner that was committed before, in the same segment */
    uint32_t links;        /* ref of the first struct t1_link out of its code */
    uint8_t kind;          /* enum code_owner_kind */
};

/* If the instruction at `access` faults, the hart continues at `cold`: both are offsets in the code. */
struct code_fault {
    uint32_t access, cold;
};

struct code_segment {
    uint32_t owners;    /* ref of the newest */
    atomic_uint faults; /* number of its accesses that may fault, sorted by address */
    size_t code_used, cold_used, data_used;
    uint64_t generation; /* raised when it is emptied; never 0 */
};

struct code_cache {
    uint8_t *write; /* the code, writable: the fixed part, the segments, then their cold code */
    ptrdiff_t run;  /* executable address - writable address */
    uint8_t *data;  /* the arena; its first 8 bytes are never used, so that no ref is 0 */
    /* The tables of all segments, each of the same size; NULL: nothing may fault. */
    struct code_fault *faults;
    size_t segment_size;
    struct code_segment segments[CODE_SEGMENTS];
    unsigned current;   /* the segment being filled */
    size_t huge_next;   /* the number, in the mappings, of the next huge page to be made */
    unsigned huge_made; /* also those that were huge before: their segment is filled again */
    bool huge_refused;
    /* The open transaction. */
    size_t reserved, data_mark;
    unsigned fault_count; /* of the current segment, with those of the transaction */
    /* Write protection. */
    bool writable, written; /* written: since the guard looked last */
    bool guarded, stop;
    pthread_mutex_t *lock; /* the translator's */
    pthread_cond_t wake;   /* with `lock`: for the guard */
    pthread_t guard;
};

/* size: of code and data together, in bytes, between CODE_CACHE_MIN and CODE_CACHE_MAX. False, with *error
 * filled, on failure; code_cache_destroy() may be called then, too. */
bool code_cache_init(struct code_cache *cache, size_t size, struct error *error);
void code_cache_destroy(struct code_cache *cache);

/* Starts the thread that write-protects the code while nothing is written; `lock` is the translator's, and
 * must not be held. Without this call, code stays writable. */
bool code_cache_guard(struct code_cache *cache, pthread_mutex_t *lock, struct error *error);
void code_cache_unprotect(struct code_cache *cache);
/* Call it before code is written outside of a transaction. */
static inline void code_cache_open(struct code_cache *cache)
{
    cache->written = true;
    if (!cache->writable)
        code_cache_unprotect(cache);
}

/* Where code is written, or the end of what was written. */
struct code_place {
    uint8_t *hot; /* at the beginning, aligned to 16 */
    uint8_t *cold;
};

/* Reserves room for that many bytes of code: *place says where to write them. False: the segment is full;
 * advance to the next one. */
bool code_cache_begin(struct code_cache *cache, size_t hot, size_t cold, struct code_place *place);
/* The same, but hot code follows the code that was kept last, without a gap. */
bool code_cache_begin_behind(struct code_cache *cache, size_t hot, size_t cold, struct code_place *place);
/* Whether there is room for so much code and data beside what is reserved. */
bool code_cache_has_room(const struct code_cache *cache, size_t code, size_t data);
/* Zeroed memory in the open transaction, aligned to 8; NULL: full. */
void *code_cache_data(struct code_cache *cache, size_t size);
/* Keeps the code up to `end`, as the owner's. The owner lies in memory from code_cache_data(). */
void code_cache_commit(struct code_cache *cache, struct code_owner *owner, const struct code_place *end);
void code_cache_abort(struct code_cache *cache);

/* From now on accesses may fault. Call it before the first code is made. False: out of memory. */
bool code_cache_use_faults(struct code_cache *cache);
/* In the open transaction: if the access at `access` faults, the hart continues at `cold` (both are addresses
 * where code is written). `access` must lie behind all accesses that were noted before. False: there is no
 * room. */
bool code_cache_fault(struct code_cache *cache, const uint8_t *access, const uint8_t *cold);
/* Where to continue after the instruction at `pc` has faulted: an address where code runs. NULL: `pc` is no
 * access that may fault. Any thread, also in a signal handler, while the hart is in translated code. */
const uint8_t *code_cache_find_fault(const struct code_cache *cache, const uint8_t *pc);

/* Continues with the next segment. False: it is not empty (the owner of the cache evicts it and tries
 * again). */
bool code_cache_advance(struct code_cache *cache);
unsigned code_cache_next(const struct code_cache *cache);
/* Frees a segment's memory; nothing may refer to it any more. */
void code_cache_empty(struct code_cache *cache, unsigned segment);

/* ---- References ---------------------------------------------------------------------------------------- */

static inline void *code_at(const struct code_cache *cache, uint32_t ref)
{
    return ref ? cache->data + (size_t)ref * 8 : NULL;
}

static inline uint32_t code_ref(const struct code_cache *cache, const void *data)
{
    return data ? (uint32_t)((size_t)((const uint8_t *)data - cache->data) / 8) : 0;
}

/* The number of the segment that data belongs to. */
static inline unsigned code_segment_of(const struct code_cache *cache, uint32_t ref)
{
    return (unsigned)(((size_t)ref * 8 - 8) / cache->segment_size);
}

/* Whether what was at `data` in that generation is still there. */
static inline bool code_is_current(const struct code_cache *cache, const void *data, uint64_t generation)
{
    return data && cache->segments[code_segment_of(cache, code_ref(cache, data))].generation == generation;
}

static inline uint64_t code_generation(const struct code_cache *cache, const void *data)
{
    return cache->segments[code_segment_of(cache, code_ref(cache, data))].generation;
}

/* Stored references to code are offsets, too. */
static inline uint32_t code_offset(const struct code_cache *cache, const uint8_t *written)
{
    return (uint32_t)(written - cache->write);
}

#endif
