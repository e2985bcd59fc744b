/* SPDX-License-Identifier: MIT
 *
 * Guest loads and stores: the inline TLB path, and the slow path (mem.c) that translates, splits accesses
 * that cross a page, reaches devices and raises traps.
 *
 * Plain accesses are single host accesses, so x86's ordering (TSO) gives the guest at least RVWMO. Guest
 * memory is shared between harts without locks by design; ThreadSanitizer is told so.
 */
#ifndef CPU_MMU_MEM_H
#define CPU_MMU_MEM_H

#include <string.h>

#include "cpu/hart_state.h"

#if defined(__has_feature) /* clang */
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define GUEST_MEMORY __attribute__((no_sanitize("thread")))
#else
#define GUEST_MEMORY
#endif

/* Each returns false after raising the trap. size: 1, 2, 4 or 8; values are zero-extended. The value that was
 * read is left in hart->loaded: with a pointer to a handler's local, the compiler could not end the handler
 * with a tail call. */
bool mem_read_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size);
bool mem_write_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                    uint64_t value);

/* The same for one of several stores of an instruction. If the block must end after the instruction, *leave
 * is set, and the caller ends it (trap_leave_behind()) after the last of the stores. */
bool mem_write_element(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                       uint64_t value, bool *leave);

/* Returns the host address for an atomic read-modify-write of size 1, 2, 4, 8 or 16, with write permission;
 * NULL after raising the trap. The address is aligned, or the access may be atomic by Zama16b
 * (mem_may_be_atomic()). For a device (hart_bus.device_atomics; size up to 8, aligned) the result is
 * hart->cell with the value read from the device; then the caller must call mem_cell_done(), and until then
 * no other hart's atomic reaches any device. */
void *mem_atomic_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size);
/* The same for lr: read permission, and nothing to be done afterwards. */
void *mem_reserve_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size);
/* Ends an atomic on hart->cell: with `store` its value is written to the device. False after raising the
 * trap. */
bool mem_cell_done(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size, bool store);

/* Returns whether an access may be one atomic access: it is aligned, or, with Zama16b, it lies within 16
 * aligned bytes, where accesses of the host are atomic, too. */
static inline bool mem_may_be_atomic(const struct hart *hart, uint64_t vaddr, unsigned size)
{
    return LIKELY(!(vaddr & (size - 1))) || (isa_has(&hart->isa, ISA_Zama16b) && (vaddr & 15) + size <= 16);
}

struct mmu_result;
/* Finds the host address of a shadow stack's word for an access of the shadow stack's own instructions. After
 * a write the caller must check at->watched. False after raising the trap. */
bool mem_shadow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size, bool write,
                struct mmu_result *at);

static inline bool mem_is_cell(const struct hart *hart, const void *host)
{
    return host == (const void *)&hart->cell.value;
}

/* Unaligned, aliasing views of guest memory. */
struct mem16 {
    uint16_t value;
} __attribute__((packed, may_alias));
struct mem32 {
    uint32_t value;
} __attribute__((packed, may_alias));
struct mem64 {
    uint64_t value;
} __attribute__((packed, may_alias));

static inline GUEST_MEMORY uint64_t mem_host_read(const void *host, unsigned size)
{
    switch (size) {
    case 1: return *(const volatile uint8_t *)host;
    case 2: return ((const volatile struct mem16 *)host)->value;
    case 4: return ((const volatile struct mem32 *)host)->value;
    default: return ((const volatile struct mem64 *)host)->value;
    }
}

static inline GUEST_MEMORY void mem_host_write(void *host, unsigned size, uint64_t value)
{
    switch (size) {
    case 1: *(volatile uint8_t *)host = (uint8_t)value; break;
    case 2: ((volatile struct mem16 *)host)->value = (uint16_t)value; break;
    case 4: ((volatile struct mem32 *)host)->value = (uint32_t)value; break;
    default: ((volatile struct mem64 *)host)->value = value; break;
    }
}

/* memcpy from guest memory and memcmp with it; ThreadSanitizer would check its own versions of them. */
#if defined(__SANITIZE_THREAD__)
static inline GUEST_MEMORY void mem_host_copy(uint8_t *to, const uint8_t *host, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)mem_host_read(host + i, 1);
}
static inline GUEST_MEMORY bool mem_host_equal(const uint8_t *with, const uint8_t *host, size_t size)
{
    bool equal = true;
    for (size_t i = 0; i < size; i++)
        equal &= with[i] == mem_host_read(host + i, 1);
    return equal;
}
#else
static inline void mem_host_copy(uint8_t *to, const uint8_t *host, size_t size)
{
    memcpy(to, host, size);
}
static inline bool mem_host_equal(const uint8_t *with, const uint8_t *host, size_t size)
{
    return memcmp(with, host, size) == 0;
}
#endif

/* Can the entry for the access's first byte serve the access? Its tag is compared with the page of the last
 * byte. */
static inline bool mem_hit(const struct tlb_side *side, uint64_t vaddr, unsigned size)
{
    return LIKELY(side->tag[TLB_INDEX(vaddr)] == (vaddr + size - 1) >> PAGE_SHIFT);
}

static inline void *mem_hit_host(const struct tlb_side *side, uint64_t vaddr)
{
    return (void *)(uintptr_t)(vaddr + side->addend[TLB_INDEX(vaddr)]);
}

static inline bool mem_read(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                            uint64_t *value)
{
    const struct tlb_side *side = &hart->tlb_data->read;
    if (!mem_hit(side, vaddr, size)) {
        if (!mem_read_slow(hart, insn, vaddr, size))
            return false;
        *value = hart->loaded;
        return true;
    }
    *value = mem_host_read(mem_hit_host(side, vaddr), size);
    return true;
}

static inline bool mem_write(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                             uint64_t value)
{
    const struct tlb_side *side = &hart->tlb_data->write;
    if (!mem_hit(side, vaddr, size))
        return mem_write_slow(hart, insn, vaddr, size, value);
    mem_host_write(mem_hit_host(side, vaddr), size, value);
    return true;
}

static inline void *mem_atomic(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size)
{
    const struct tlb_side *side = &hart->tlb_data->write;
    if (UNLIKELY(vaddr & (size - 1)) || !mem_hit(side, vaddr, size))
        return mem_atomic_slow(hart, insn, vaddr, size);
    return mem_hit_host(side, vaddr);
}

#endif
