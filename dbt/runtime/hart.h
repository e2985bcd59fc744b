/* SPDX-License-Identifier: MIT
 *
 * The translator's state of each hart: how translated code was entered and left, what its accesses found
 * last, constants. It lies in the hart's `accel_own`, which translated code reaches by constant offsets from
 * the register that holds the hart (DBT_MEM() in dbt/x86/regmap.h). cpu/ knows only its size.
 *
 * The hart's thread owns it; any thread may read the counters.
 */
#ifndef DBT_RUNTIME_HART_H
#define DBT_RUNTIME_HART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/hart_state.h"

/* Why a hart left translated code. */
enum dbt_exit {
    DBT_EXIT_OTHER, /* a trap, or a system instruction that leads to a pc that is not in the jump table */
    DBT_EXIT_LINK,  /* a jump that is not linked yet */
    DBT_EXIT_MISS,  /* an indirect jump or a return to a pc that is not in the jump table */
    DBT_EXIT_UNTRANSLATED, /* an instruction for the interpreter */
    DBT_EXIT_REQUEST,      /* the hart had a request to serve */
    DBT_EXITS
};

/* The page that a pointer of translated code used last: an address a is in it if a - page < limit; its host
 * address is a + addend. limit is less than the page's size if several accesses are checked at once, and 0 if
 * there is none. */
struct dbt_page_slot {
    uint64_t page, limit, addend;
};
#define DBT_PAGE_SLOTS 32

struct dbt_hart {
    uint64_t page;       /* virtual address of the page that runs */
    uint64_t end;        /* instret when the budget is used up */
    int32_t budget;      /* saved while C code runs */
    int32_t slices;      /* that may follow this one before hart->limit; then translated code is left */
    uint32_t link;       /* which jump left translated code */
    void *stack;         /* host stack pointer to leave with */
    void *stack_limit;   /* below it, translated code leaves */
    uint64_t generation; /* of the code cache that the jump tables point into */
    uint32_t exit;       /* enum dbt_exit: how translated code was left */
    uint64_t exits[DBT_EXITS];
    uint64_t checked, checked_stale;  /* accesses, with -accel ...,check=on (dbt/x86/check.c) */
    uint64_t window_end, window_high; /* constants: where the lower half ends, and the upper one begins */
    uint64_t windows_seen;            /* `end` when its address space was last given credit (windows.c) */
    /* Numbers; sites: instructions that use the TLB again. */
    uint64_t windows_opened, windows_closed, windows_sites;
    uint64_t returns_missed; /* guest returns that did not go where the newest call came from */
    bool done;               /* the handler that translated code called reached its end */
    struct block *block;     /* stands for the translated block in traps: BLOCK_INSNS_MAX instructions */
    uint64_t addend;         /* what a look-up from translated code found */
    uint32_t mxcsr;          /* a copy of MXCSR, to read its flags */
    struct dbt_page_slot slots[DBT_PAGE_SLOTS];
    /* Constants for f registers, and a table of fflags by the six exception flags of MXCSR. */
    uint64_t fp_box, fp_nan_single, fp_nan_double, fp_sign_single, fp_sign_double, fp_abs_single,
        fp_abs_double;
    uint8_t flags_of_mxcsr[64];
};
_Static_assert(sizeof(struct dbt_hart) <= HART_ACCEL_SIZE, "a hart keeps fewer bytes for its translator");
_Static_assert(offsetof(struct hart, accel_own) % _Alignof(struct dbt_hart) == 0,
               "a hart keeps them unaligned");

/* The translator's part of the hart. */
static inline struct dbt_hart *dbt_hart(struct hart *hart)
{
    return (struct dbt_hart *)(void *)hart->accel_own;
}

/* The offset of a member of it in struct hart. */
#define DBT_HART_OFFSET(member) (offsetof(struct hart, accel_own) + offsetof(struct dbt_hart, member))

#endif
