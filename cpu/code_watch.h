/* SPDX-License-Identifier: MIT
 *
 * A store to code is seen by the next fetch, without a fence.i, as on most hardware and on QEMU: kernels and
 * JITs rely on it. (The instruction set asks for less; Unpriv. "Zifencei".)
 *
 * All harts of a machine share one struct code_watch. It knows of each page of RAM which bytes of it some
 * hart keeps in decoded or translated form. While there are any, the page is *watched*: no hart has an entry
 * in its TLB that lets it store there, so each store comes by the slow path, which looks here afterwards.
 *
 * - A store to kept bytes is a fence.i of its hart, for that page: what differs from memory goes. Other harts
 * are asked to do the same (HART_REQUEST_FENCE_I), and see it when they next look at their requests.
 * - Stores to other bytes of the page are counted. After some, all code of the page goes, and the page is
 * open: stores are fast until it is executed again. Each time it takes twice as many stores. A page that is
 * opened again and again though no store ever hit code there is data and code that live side by side: it
 * becomes *lax*, which is what all pages are without a watch. There a store is seen at the next fence.i or
 * full sfence.vma. Code that turns out to have changed ends that, for good.
 *
 * A keeper of code sets the code's bits first, and then reads the bytes (again). A hart that stores does so
 * first, and then reads the bits. Whichever comes second sees the other. In the same way a hart first notes
 * itself as a writer of the page, then looks whether the page is watched, and then makes its TLB entry;
 * whoever begins to watch a page looks for writers afterwards, and asks them to drop their entries
 * (HART_REQUEST_WATCH). What they stored meanwhile is found by the fence.i that they then ask of everybody.
 *
 * The bits are those of all harts, and a hart that forgets a page's takes the others' too. They learn of it
 * by a request, which may come late (the host may give the processor to somebody else meanwhile), and until
 * then run code that their own stores would no longer be seen to change. So pages that are being forgotten,
 * and those that were, are counted, the one before and the other after; a hart for which the first count is
 * not what the second was when it last fenced its code is *behind*, and treats each store that is not fast as
 * one to code. Pages that are begun to be watched are counted, too: whoever keeps code in a page that another
 * hart has just begun to watch drops its entries for stores, if it was not asked yet.
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
/* Before the hart first runs. At most 60 harts tell each other precisely; beyond, some are asked in vain. */
void code_watch_add_hart(struct code_watch *watch, struct hart *hart);

/* The caller keeps `bytes` bytes of code at `paddr`, inside one page, whose host address is `host`:
 * afterwards it compares them with memory. `hart`: the calling thread's, or NULL, when that is no hart's.
 * watch may be NULL, as everywhere below: then nothing happens. */
void code_watch_keep(struct code_watch *watch, struct hart *hart, uint64_t paddr, unsigned bytes,
                     const uint8_t *host);
/* Code of the page was found to differ from memory without a store that told. */
void code_watch_changed(struct code_watch *watch, uint64_t paddr);
/* Whether the hart may have a TLB entry for stores to the page; if so, it is noted. On the hart's thread. */
bool code_watch_may_store(struct code_watch *watch, struct hart *hart, uint64_t paddr);
/* The hart has stored to a page that was not open, `bytes` at `paddr`, inside the page. True: to code, and
 * its next instruction must be fetched anew. On the hart's thread. */
bool code_watch_stored(struct hart *hart, uint64_t paddr, unsigned bytes);
/* The hart is about to change such bytes by an atomic access; what is then to be done is done between
 * blocks. */
void code_watch_atomic(struct hart *hart, uint64_t paddr);
/* HART_REQUEST_WATCH was seen. */
void code_watch_serve(struct hart *hart);
/* The hart is about to fence all of its code. */
void code_watch_fenced(struct hart *hart);

struct code_watch_counts {
    uint64_t hits, misses; /* slow stores: to code, and beside it */
    uint64_t opened, lax;  /* pages */
    uint64_t asked;        /* harts, to drop their entries */
};
/* Any thread. */
struct code_watch_counts code_watch_counts(const struct code_watch *watch);

#endif
