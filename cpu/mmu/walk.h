/* SPDX-License-Identifier: MIT
 *
 * Page tables in memory (Priv. "Virtual Address Translation Process"): the only walker, for harts and for
 * monitors. It goes from the root to the leaf and returns where it ended; it does not check the leaf's
 * permissions and changes nothing. PMP is checked for each table, as for the implicit accesses of S-mode.
 */
#ifndef CPU_MMU_WALK_H
#define CPU_MMU_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

/* The scheme that satp selects. levels 0: none, addresses are physical. */
struct paging {
    unsigned levels, index_bits, pte_size, vaddr_bits;
    bool mae;        /* T-Head: bits 63 to 59 are the page's attributes, which mean nothing here */
    bool guest;      /* the second stage of virtual machines: addresses are not sign-extended */
    unsigned wide;   /* bits by which the first table is wider: 2 for that stage */
    uint64_t envcfg; /* ADUE, PBMTE and SSE count */
    uint64_t root;   /* physical address of the first table */
};
struct paging walk_paging(const struct hart *hart, uint64_t satp);

enum {
    PTE_V = 1 << 0,
    PTE_R = 1 << 1,
    PTE_W = 1 << 2,
    PTE_X = 1 << 3,
    PTE_U = 1 << 4,
    PTE_G = 1 << 5,
    PTE_A = 1 << 6,
    PTE_D = 1 << 7,
};

/* How a walk ends, and what an entry is; all except the first two mean that the guest's access faults. */
enum walk_end {
    WALK_MAPPED,        /* a leaf */
    WALK_TABLE,         /* of an entry: it leads to the next table. Of a walk: the last level has no leaf */
    WALK_NOT_CANONICAL, /* upper bits are not copies of the highest one */
    WALK_INVALID,       /* V clear, or W without R and no page of a shadow stack */
    WALK_RESERVED,      /* bits that must be zero with this hart's extensions are set */
    WALK_MISALIGNED,    /* a large page that does not start at a multiple of its size; not 64 KiB with N */
    WALK_NO_MEMORY,     /* a table is not in memory: an access fault */
    WALK_PMP,           /* or PMP denies S-mode access to it */
};

struct walk_step {
    unsigned level; /* counted down to 0 */
    uint64_t pte_paddr, pte;
};
struct walk {
    struct walk_step steps[5]; /* from the root; if the end is MAPPED, the last one is the leaf */
    unsigned count;
    enum walk_end end;
    bool global;               /* some entry has G: the page is in all address spaces */
    uint64_t paddr, page_size; /* MAPPED: of the virtual address, and of its page */
    uint8_t *pte_host;         /* of the last step */
    bool pte_writable;
    uint64_t pte_gpa; /* of the last step in a virtual machine: the address there */
};

/* levels must not be 0. The hart's own thread, or anybody while it does not run. */
void walk_tables(struct hart *hart, const struct paging *paging, uint64_t vaddr, struct walk *walk);
/* One step of it, in the table at that physical address: adds it, and returns what the entry is. */
enum walk_end walk_level(struct hart *hart, const struct paging *paging, uint64_t table, unsigned level,
                         uint64_t vaddr, struct walk *walk);
/* Whether the scheme has such an address, and where its entry is in the table of a level. */
bool walk_canonical(const struct paging *paging, uint64_t vaddr);
uint64_t walk_offset(const struct paging *paging, unsigned level, uint64_t vaddr);
/* An entry of pte_size bytes as it is now; other harts may change it. */
uint64_t walk_pte_read(const uint8_t *host, unsigned size);
/* What an entry is at its level. */
enum walk_end walk_entry(const struct hart *hart, const struct paging *paging, unsigned level, uint64_t pte);
/* Where a leaf maps vaddr to; returns the size of its page. */
uint64_t walk_leaf(const struct paging *paging, unsigned level, uint64_t pte, uint64_t vaddr,
                   uint64_t *paddr);
/* The physical page to which an entry leads. */
uint64_t walk_pte_paddr(const struct paging *paging, uint64_t pte);

#endif
