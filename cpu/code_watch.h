/* SPDX-License-Identifier: MIT
 *
 * The next fetch sees a store to code, without a fence.i, as on most hardware and on QEMU: kernels and JITs
 * rely on it. (The instruction set asks for less; Unpriv. "Zifencei".)
 *
 * All harts of a machine share one struct code_watch. It knows for each page of RAM which of its bytes some
 * hart keeps in decoded or translated form. While there are any, the page is *watched*: no hart has an entry
 * in its TLB that permits stores to it, so each store takes the slow path, which calls code_watch_stored()
 * afterwards. (Where the store goes is remembered in the TLB, too: tlb_find_beside().)
 *
 * - A store to kept bytes is a fence.i of its hart, for that page: code that differs from memory is dropped.
 *   Other harts are asked to do the same (HART_REQUEST_FENCE_I), and do it when they next check requests.
 * - Stores to other bytes of the page are counted. After a number of them all code of the page is dropped,
 *   and the page is open: stores are fast until the page is executed again. The next time it takes twice as
 *   many stores. If a page is opened again and again though no store ever hit code, code and data live side
 *   by side in it: it becomes *lax*, which is what all pages are without a watch. There a store is seen at
 *   the next fence.i or full sfence.vma. If its code turns out to have changed, it is never lax again.
 *
 * Who keeps code sets the code's bits first, and then reads the bytes (again). A hart that stores does the
 * store first, and then reads the bits. Whichever comes second sees the other. In the same way a hart first
 * notes itself as a writer of the page, then checks whether the page is watched, and then makes its TLB
 * entry. A hart that begins to watch a page searches for writers afterwards, and asks them to drop their
 * entries (HART_REQUEST_WATCH). The fence.i that it then asks of all harts finds what the writers stored
 * meanwhile.
 *
 * The bits are those of all harts, and a hart that forgets the bits of a page forgets those of the others,
 * too. They learn of this by a request, which may come late (the host may run something else meanwhile).
 * Until then they run code, and their own stores to it would no longer be noticed. So two counts exist: of
 * pages that are being forgotten, raised before, and of pages that were forgotten, raised after. If the first
 * count is not what the second one was when a hart last fenced its code, the hart is *behind*: it treats each
 * store that is not fast as a store to code. Pages that are begun to be watched are counted, too: a hart that
 * keeps code in a page that another hart has just begun to watch drops its entries for stores, if it was not
 * asked yet.
 */
#ifndef CPU_CODE_WATCH_H
#define CPU_CODE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct hart;
struct code_watch;

/* Watches RAM at [base, base + size), both multiples of 4 KiB. NULL, with *error filled. The caller destroys
 * it after the harts. */
struct code_watch *code_watch_create(uint64_t base, uint64_t size, struct error *error);
void code_watch_destroy(struct code_watch *watch);
/* Call it before the hart first runs. Up to 60 harts notify each other precisely; with more, some are
 * notified without need. */
void code_watch_add_hart(struct code_watch *watch, struct hart *hart);

/* The caller keeps `bytes` bytes of code at `paddr`, inside one page, whose host address is `host`:
 * afterwards it compares them with memory. `hart` is the hart of the calling thread, or NULL if it has none.
 * watch may be NULL, here and in all functions below: then nothing happens. */
void code_watch_keep(struct code_watch *watch, struct hart *hart, uint64_t paddr, unsigned bytes,
                     const uint8_t *host);
/* Code of the page was found to differ from memory without a store that told. */
void code_watch_changed(struct code_watch *watch, uint64_t paddr);
/* Whether the hart may have a TLB entry for stores to the page; if so, it is noted. On the hart's thread. */
bool code_watch_may_store(struct code_watch *watch, struct hart *hart, uint64_t paddr);
/* Whether the hart was told so before, and was not asked to drop that since; without a watch, every hart. */
bool code_watch_is_writer(const struct code_watch *watch, const struct hart *hart, uint64_t paddr);
/* Whether code of the page is kept and stores to it must come by. Any thread. */
bool code_watch_watches(const struct code_watch *watch, uint64_t paddr);
/* The hart has stored to a page that was not open, `bytes` at `paddr`, inside the page. True: to code, and
 * its next instruction must be fetched anew. Also tells the bus where it is to be told, so this has to be
 * called without a watch, too. On the hart's thread. */
bool code_watch_stored(struct hart *hart, uint64_t paddr, unsigned bytes);
/* The hart is about to change such bytes by an atomic access; the rest of the work is done between blocks. */
void code_watch_atomic(struct hart *hart, uint64_t paddr);
/* Requests something (enum hart_request) of all harts of the machine but this one. */
void code_watch_ask_others(const struct hart *hart, unsigned requests);
/* HART_REQUEST_WATCH was seen. */
void code_watch_serve(struct hart *hart);
/* The hart is about to fence all of its code. */
void code_watch_fenced(struct hart *hart);

struct code_watch_counts {
    uint64_t hits, misses; /* slow stores: to code, and to other bytes */
    uint64_t opened, lax;  /* pages */
    uint64_t asked;        /* how often harts were asked to drop their entries */
};
/* Any thread. */
struct code_watch_counts code_watch_counts(const struct code_watch *watch);

#endif
