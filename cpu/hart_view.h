/* SPDX-License-Identifier: MIT
 *
 * A hart's state as a monitor, a trace or a profiler sees it: registers, CSRs, translations, memory. Nothing
 * here changes the guest: A and D bits stay as they are, no trap is taken, the TLB is not filled.
 *
 * Only the hart's own thread may call these, or any thread while no thread is in hart_run().
 */
#ifndef CPU_HART_VIEW_H
#define CPU_HART_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/hart.h"
#include "cpu/mmu/walk.h"

const struct isa_config *hart_view_isa(const struct hart *hart);
/* x0..x31; RV32: the low 32 bits, zero-extended. */
uint64_t hart_view_x(const struct hart *hart, unsigned number);
/* f0..f31 as they are stored (NaN-boxed). */
uint64_t hart_view_f(const struct hart *hart, unsigned number);
/* How many bytes a vector register has; 0: there are none. */
unsigned hart_view_vlenb(const struct hart *hart);
/* v0..v31, hart_view_vlenb() bytes each. */
const uint8_t *hart_view_v(const struct hart *hart, unsigned number);
/* The pc of the next instruction; RV32: 32 bits. */
uint64_t hart_view_pc(const struct hart *hart);
/* 0: U, 1: S, 3: M. */
unsigned hart_view_privilege(const struct hart *hart);
/* A CSR by its number, whatever the privilege. False if this hart does not have it. */
bool hart_view_csr(struct hart *hart, unsigned number, uint64_t *value);
/* Its full name: hpmcounter3, pmpaddr0. NULL if no configuration has it. The name has up to 15 characters. */
const char *hart_view_csr_name(unsigned number, char name[16]);
bool hart_view_waits(const struct hart *hart); /* in wfi */

/* ---- Translation (Priv. "Virtual Address Translation Process") ----------------------------------------- */

/* The mode that satp selects, whatever the privilege. */
struct paging hart_view_paging(const struct hart *hart);
/* Whether loads and stores are translated by it now (privilege, MPRV). */
bool hart_view_translates(const struct hart *hart);

/* Where the page tables lead, whatever the privilege; Bare maps everything. The end says whether an access
 * that the leaf permits would reach it: PMP on the way, reserved bits and alignment are checked as the hart
 * checks them. */
void hart_view_walk(struct hart *hart, uint64_t vaddr, struct walk *walk);

/* One level of the tables: the entry `index` of the table at `table`. False if it is not in memory. */
bool hart_view_pte(struct hart *hart, uint64_t table, unsigned index, uint64_t *pte);
/* The physical address that a load of the hart would access now. False: none. */
bool hart_view_translate(struct hart *hart, uint64_t vaddr, uint64_t *paddr);
/* Copies guest memory (RAM, ROM and flash, never a device's registers) by virtual or physical address;
 * returns how many bytes from the start could be read. */
size_t hart_view_read(struct hart *hart, uint64_t vaddr, void *bytes, size_t length);
size_t hart_view_read_physical(struct hart *hart, uint64_t paddr, void *bytes, size_t length);
size_t hart_view_write(struct hart *hart, uint64_t vaddr, const void *bytes, size_t length);

/* Calls `each` for every translation in the software TLBs. kind: 'r', 'w', 'x', 'd' (device). asid and mode
 * are those of satp and privilege; only 'x' and 'd' have a paddr (else UINT64_MAX). */
struct hart_view_tlb_entry {
    unsigned asid, privilege;
    bool global; /* the TLB serves all address spaces; there is no asid */
    bool sum, mxr;
    char kind;
    uint64_t vaddr, paddr;
    const void *host; /* if paddr is UINT64_MAX: the host's memory that loads and stores access */
};
void hart_view_tlb(const struct hart *hart,
                   void (*each)(void *opaque, const struct hart_view_tlb_entry *entry), void *opaque);

#endif
