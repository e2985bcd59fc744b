/* SPDX-License-Identifier: MIT
 *
 * Page tables for Sv32, Sv39, Sv48 and Sv57 (Priv. 4.3 to 4.6), and accesses through them.
 *
 * vm_begin() makes an empty table in which the image is mapped twice: for S where it is linked, and for U
 * higher by VM_USER. Tests add pages elsewhere. satp has no effect in M, so a test leaves it set.
 */
#ifndef VM_H
#define VM_H

#include "test.h"

#define PTE_V   0x01
#define PTE_R   0x02
#define PTE_W   0x04
#define PTE_X   0x08
#define PTE_U   0x10
#define PTE_G   0x20
#define PTE_A   0x40
#define PTE_D   0x80
#define PTE_RWX (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#if XLEN == 64
#define PTE_PBMT(n) ((uintptr_t)(n) << 61)
#define PTE_N       (1ul << 63)
#endif

#define PAGE    4096ul
#define VM_USER 0x40000000ul
#define IMAGE   0x80000000ul
/* Addresses for tests, free in every mode; DATA_VA + n pages. */
#define DATA_VA 0x10000000ul

enum { VM_SV32 = 1, VM_SV39 = 8, VM_SV48 = 9, VM_SV57 = 10 };
enum access { LOAD, STORE, FETCH };

/* 32 pages of data, aligned to 64 KiB; every word of page n starts as `ret`, except the second one, which is
 * n. */
extern uint8_t data_pages[];
#define DATA(n) ((uintptr_t)data_pages + (n)*PAGE)

extern unsigned vm_levels;
unsigned vm_mode_count(void);
unsigned vm_mode(unsigned index); /* the modes of this XLEN, by number */
uintptr_t vm_page_size(unsigned level);
/* Starts new tables for the mode (and resets the data pages); vm_on() sets satp and flushes the TLB. */
void vm_begin(unsigned mode);
/* A second root with the same mappings of the image. vm_root is the one that vm_pte() works on. */
extern uintptr_t *vm_root;
uintptr_t *vm_new_root(void);
/* The entry for vaddr at a level (0: 4 KiB pages); makes the tables above it if necessary. */
uintptr_t *vm_pte(uintptr_t vaddr, unsigned level);
void vm_map(uintptr_t vaddr, uintptr_t paddr, uintptr_t flags, unsigned level);
uintptr_t vm_satp(uintptr_t asid);
void vm_on(uintptr_t asid);
void vm_off(void);
void vm_flush(void); /* sfence.vma x0, x0 */

/* One 4-byte load of vaddr + 4, a store of 0x5a5a there, or a call of vaddr. */
struct trap vm_access(enum mode mode, enum access access, uintptr_t vaddr);
/* The access works (CAUSE_NONE) or traps with that cause, with exact epc and tval. */
void vm_expect(enum mode mode, enum access access, uintptr_t vaddr, uintptr_t cause, const char *name);
uintptr_t vm_page_fault(enum access access);
uintptr_t vm_access_fault(enum access access);
/* The word at vaddr + 4 as S sees it; ~0 if that traps. */
uintptr_t vm_read(uintptr_t vaddr);

#endif
