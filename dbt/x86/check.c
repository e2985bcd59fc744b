/* SPDX-License-Identifier: MIT
 *
 * With `-accel ...,check=on`, each access of translated code to guest memory is compared with what the MMU
 * says before it is made. T1 and T2 leave out checks that they have proven to be unnecessary: accesses of a
 * run or a group share one, and pointers that step through an array are compared with the page that they used
 * last. A proof that is wrong lets the guest out of its memory, and nothing else would notice. So tests and
 * fuzzers run with this, and a difference ends the program.
 *
 * The guest may change a page table and use the changed entries before it fences (Priv. "Supervisor
 * Memory-Management Fence Instruction"), so a page that a TLB of the hart still has is right, too. If there
 * are other harts, one of them may have unmapped a page and be waiting for this hart's answer: then only an
 * address outside of the guest's memory is wrong; other differences are counted.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb_second.h"
#include "cpu/mmu/window.h"
#include "dbt/x86/check.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/vex.h"
#include "util/log.h"

/* The word that says what is accessed: bytes, whether it is a store, whether it goes to a window, the
 * instruction's offset. */
enum { CHECK_SIZE = 0xfff, CHECK_WRITE = 0x1000, CHECK_WINDOW = 0x2000, CHECK_OFFSET_SHIFT = 14 };

/* ---- What is right ------------------------------------------------------------------------------------- */

/* Where the hart's access goes in host memory; NULL: not to memory, or to two pages. */
static const uint8_t *right_place(struct hart *hart, uint64_t vaddr, unsigned size, bool write)
{
    struct tlb *tlb = hart->tlb_data;
    const struct tlb_side *side = write ? &tlb->write : &tlb->read;
    if ((vaddr ^ (vaddr + size - 1)) & PAGE_MASK)
        return NULL;
    if (mem_hit(side, vaddr, size))
        return mem_hit_host(side, vaddr);
    const struct tlb_entry *second = tlb_second_find(tlb, write, vaddr);
    if (second)
        return (const uint8_t *)(uintptr_t)(vaddr + second->addend);
    struct mmu_result result;
    return mmu_translate(hart, vaddr, size, write ? MMU_WRITE : MMU_READ, &result) == MMU_OK ? result.host
                                                                                             : NULL;
}

static bool only_stale(struct dbt *dbt, struct hart *hart, const uint8_t *host, unsigned size)
{
    const struct hart_bus_ops *ops = hart->bus->ops;
    return dbt->hart_count > 1 && ops->is_memory && ops->is_memory(hart->bus, host, size);
}

static _Noreturn void die(const struct hart *hart, uint64_t vaddr, const uint8_t *host, const uint8_t *right,
                          uint32_t info)
{
    uint64_t page = ((const struct dbt_hart *)(const void *)hart->accel_own)->page;
    log_warn("translator: hart %u, pc 0x%016" PRIx64 ": a %s of %u bytes at 0x%016" PRIx64
             " goes to host address %p; the MMU says %p. This is a fault of Rvive; please report it",
             hart->id, page + (info >> CHECK_OFFSET_SHIFT), info & CHECK_WRITE ? "store" : "load",
             info & CHECK_SIZE, vaddr, (const void *)host, (const void *)right);
    abort();
}

/* Checks one byte of an access to the window. */
static void check_window_byte(struct hart *hart, uint64_t vaddr, uint32_t info)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    struct window *window = hart->tlb_data->window;
    bool store = info & CHECK_WRITE;
    if (!window_has(window, vaddr, store))
        return;
    const uint8_t *host = window_host(window, vaddr), *right = right_place(hart, vaddr, 1, store);
    if (right == host)
        return;
    if (!only_stale(dbt, hart, host, 1))
        die(hart, vaddr, host, right, info);
    hart_count(&dbt_hart(hart)->checked_stale);
}

/* `vaddr` has 64 bits: an address beyond the window lies in a guard, and is going to fault. */
static void check_in_window(struct hart *hart, uint64_t vaddr, const uint8_t *host, uint32_t info)
{
    const struct window *window = hart->tlb_data->window;
    unsigned size = info & CHECK_SIZE;
    uint64_t offset = vaddr - window->first, bytes = (uint64_t)window->page_count << PAGE_SHIFT;
    hart_count(&dbt_hart(hart)->checked);
    if (host != window->base + offset || (offset >= bytes + WINDOW_GUARD - size && offset < -WINDOW_GUARD))
        die(hart, vaddr, host, NULL, info);
    check_window_byte(hart, vaddr, info);
    check_window_byte(hart, vaddr + size - 1, info);
}

/* Called by translated code that is about to access `host` for the guest's address. */
static void check_access(struct hart *hart, uint64_t vaddr, const uint8_t *host, uint32_t info)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    unsigned size = info & CHECK_SIZE;
    bool write = info & CHECK_WRITE;
    if (info & CHECK_WINDOW) {
        check_in_window(hart, vaddr, host, info);
        return;
    }
    if (hart->isa.xlen == 32) /* guest addresses have 32 bits */
        vaddr = (uint32_t)vaddr;
    hart_count(&dbt_hart(hart)->checked);
    const uint8_t *right = right_place(hart, vaddr, size, write);
    if (LIKELY(right == host))
        return;
    if (only_stale(dbt, hart, host, size)) {
        hart_count(&dbt_hart(hart)->checked_stale);
        return;
    }
    die(hart, vaddr, host, right, info);
}

/* ---- Host code ----------------------------------------------------------------------------------------- */

#define VECTORS_BYTES (16 * 32)

static void push_places(struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host)
{
    x86_lea(e, 64, X86_RCX, vaddr);
    x86_push(e, X86_RCX);
    x86_lea(e, 64, X86_RCX, host);
    x86_push(e, X86_RCX);
}

/* rcx: what is accessed. */
static void call_check(const struct dbt *dbt, struct x86_emit *e)
{
    x86_push(e, X86_RCX);
    x86_call_to(e, dbt->check_access);
    x86_lea(e, 64, X86_RSP, x86_mem(X86_RSP, 24));
}

void check_emit_elements(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                         unsigned bytes, bool write, unsigned offset)
{
    if (!dbt->check)
        return;
    push_places(e, vaddr, host);
    x86_load(e, 32, X86_RCX, HART_MEM(vector.vl));
    x86_imul_imm(e, 32, X86_RCX, X86_RCX, (int32_t)bytes);
    x86_op_imm(e, X86_OR, 32, X86_RCX, (int32_t)((write ? CHECK_WRITE : 0) | offset << CHECK_OFFSET_SHIFT));
    call_check(dbt, e);
}

static void emit(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                 uint32_t info)
{
    if (!dbt->check)
        return;
    push_places(e, vaddr, host);
    x86_mov_imm(e, X86_RCX, info);
    call_check(dbt, e);
}

void check_emit(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                unsigned size, bool write, unsigned offset)
{
    emit(dbt, e, vaddr, host, size | (write ? CHECK_WRITE : 0) | offset << CHECK_OFFSET_SHIFT);
}

void check_emit_window(const struct dbt *dbt, struct x86_emit *e, struct x86_mem vaddr, struct x86_mem host,
                       unsigned size, bool write, unsigned offset)
{
    emit(dbt, e, vaddr, host, size | CHECK_WINDOW | (write ? CHECK_WRITE : 0) | offset << CHECK_OFFSET_SHIFT);
}

/* check_access: all registers keep their values except rcx. Of vector registers, those do that may have
 * copies of the guest's (x86/t1/vector/copies.c: none with AVX-512), or else the halves that regions use. */
static void save_vectors(const struct dbt *dbt, struct x86_emit *e)
{
    if (!dbt->host.avx2) {
        emit_save_xmm(dbt, e);
        return;
    }
    x86_op_imm(e, X86_SUB, 64, X86_RSP, VECTORS_BYTES);
    for (unsigned i = 0; i < 16; i++)
        x86_vstore_packed(e, 32, x86_mem(X86_RSP, (int32_t)(32 * i)), i);
}

static void restore_vectors(const struct dbt *dbt, struct x86_emit *e)
{
    if (!dbt->host.avx2) {
        emit_restore_xmm(dbt, e);
        return;
    }
    for (unsigned i = 0; i < 16; i++)
        x86_vload_packed(e, 32, i, x86_mem(X86_RSP, (int32_t)(32 * i)));
    x86_op_imm(e, X86_ADD, 64, X86_RSP, VECTORS_BYTES);
}

void check_build(struct dbt *dbt, struct x86_emit *e)
{
    static const enum x86_reg saved[] = {
        X86_RAX, X86_RDX, X86_RSI, X86_RDI, X86_R8, X86_R9, X86_R10, X86_R11
    };
    const int32_t args = (dbt->host.avx2 ? VECTORS_BYTES : EMIT_XMM_BYTES) + 8 * 8 + 8;
    dbt->check_access = x86_here(e);
    for (unsigned i = 0; i < 8; i++)
        x86_push(e, saved[i]);
    save_vectors(dbt, e);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_load(e, 64, X86_RCX, x86_mem(X86_RSP, args));
    x86_load(e, 64, X86_RDX, x86_mem(X86_RSP, args + 8));
    x86_load(e, 64, X86_RSI, x86_mem(X86_RSP, args + 16));
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)check_access);
    x86_call_reg(e, X86_RAX);
    restore_vectors(dbt, e);
    for (unsigned i = 8; i-- > 0;)
        x86_pop(e, saved[i]);
    x86_ret(e);
}

void dbt_check_accesses(struct dbt *dbt)
{
    dbt->check = true;
}
