/* SPDX-License-Identifier: MIT
 *
 * The slow path of guest loads and stores; see mem.h. An access that crosses a page is translated on both
 * pages before a byte moves. So if the second page faults, or nothing answers there, memory does not change;
 * tval then names the first byte of the part that failed (Priv. "Machine Trap Value (mtval) Register").
 */
#include "cpu/mmu/mem.h"

#include "cpu/code_watch.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/run.h"
#include "cpu/trace.h"
#include "cpu/trap.h"
#include "util/check.h"

static int access_cause(enum mmu_access access)
{
    return access == MMU_WRITE ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
}

/* One of the one or two parts of an access, each inside a page. */
struct part {
    uint64_t vaddr;
    unsigned size;
    struct mmu_result at;
};

static uint64_t wrap(const struct hart *hart, uint64_t vaddr)
{
    return hart->isa.xlen == 32 ? (uint32_t)vaddr : vaddr;
}

/* Returns the number of parts, all translated; 0 after raising a trap. */
static unsigned split(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                      enum mmu_access access, struct part parts[2])
{
    unsigned room = PAGE_SIZE - (unsigned)(vaddr & (PAGE_SIZE - 1));
    unsigned count = size > room ? 2 : 1;
    parts[0] = (struct part){ .vaddr = vaddr, .size = count == 2 ? room : size };
    parts[1] = (struct part){ .vaddr = wrap(hart, vaddr + room), .size = size - room };
    for (unsigned i = 0; i < count; i++) {
        int cause = mmu_translate(hart, parts[i].vaddr, parts[i].size, access, &parts[i].at);
        if (cause == MMU_OK && count == 2 && !parts[i].at.host &&
            !hart->bus->ops->mapped(hart->bus, parts[i].at.paddr))
            cause = access_cause(access);
        if (cause != MMU_OK) {
            trap_insn(hart, insn, (enum cause)cause, mmu_effective(hart, parts[i].vaddr));
            return 0;
        }
    }
    return count;
}

static GUEST_MEMORY uint64_t read_bytes(const uint8_t *host, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)host[i] << 8 * i;
    return value;
}

static GUEST_MEMORY void write_bytes(uint8_t *host, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        host[i] = (uint8_t)(value >> 8 * i);
}

static bool power_of_two(unsigned size)
{
    return (size & (size - 1)) == 0;
}

/* If a part has an odd size, a device is accessed byte by byte. */
static bool device_read(struct hart *hart, const struct part *part, uint64_t *value)
{
    if (power_of_two(part->size))
        return hart->bus->ops->read(hart->bus, part->at.paddr, part->size, value);
    *value = 0;
    for (unsigned i = 0; i < part->size; i++) {
        uint64_t byte;
        if (!hart->bus->ops->read(hart->bus, part->at.paddr + i, 1, &byte))
            return false;
        *value |= byte << 8 * i;
    }
    return true;
}

static bool device_write(struct hart *hart, const struct part *part, uint64_t value)
{
    if (power_of_two(part->size))
        return hart->bus->ops->write(hart->bus, part->at.paddr, part->size, value);
    for (unsigned i = 0; i < part->size; i++)
        if (!hart->bus->ops->write(hart->bus, part->at.paddr + i, 1, value >> 8 * i & 0xff))
            return false;
    return true;
}

static bool io_read(struct hart *hart, const struct insn *insn, const struct part *part, uint64_t *value)
{
    bool answered = device_read(hart, part, value);
    if (UNLIKELY(log_enabled(LOG_CATEGORY_MMIO)))
        trace_mmio(hart, insn, part->at.paddr, part->size, false, answered ? *value : 0, answered);
    return answered;
}

static bool io_write(struct hart *hart, const struct insn *insn, const struct part *part, uint64_t value)
{
    bool answered = device_write(hart, part, value);
    if (UNLIKELY(log_enabled(LOG_CATEGORY_MMIO)))
        trace_mmio(hart, insn, part->at.paddr, part->size, true, value, answered);
    return answered;
}

/* Whether a part is of a device, or of memory that a device is told of. */
static bool meets_device(struct hart *hart, const struct part *parts, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!parts[i].at.host ||
            (parts[i].at.watched && hart_bus_is_told(hart->bus, parts[i].at.paddr & PAGE_MASK)))
            return true;
    return false;
}

static bool read_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size)
{
    uint8_t *recalled;
    if (tlb_recall(hart, vaddr, size, MMU_READ, &recalled)) {
        hart->loaded = mem_host_read(recalled, size);
        return true;
    }
    struct part parts[2];
    unsigned count = split(hart, insn, vaddr, size, MMU_READ, parts);
    if (UNLIKELY(hart->exact) && meets_device(hart, parts, count) && turn_alone(hart, insn))
        return false;
    uint64_t result = 0;
    for (unsigned i = 0, shift = 0; i < count; shift += 8 * parts[i].size, i++) {
        uint64_t bits;
        if (parts[i].at.host) {
            bits = power_of_two(parts[i].size) ? mem_host_read(parts[i].at.host, parts[i].size)
                                               : read_bytes(parts[i].at.host, parts[i].size);
        } else if (!io_read(hart, insn, &parts[i], &bits)) {
            trap_insn(hart, insn, CAUSE_LOAD_ACCESS, mmu_effective(hart, parts[i].vaddr));
            return false;
        }
        result |= bits << shift;
    }
    hart->loaded = result;
    return count > 0;
}

/* A store to a device may have turned the machine off: then no later instruction may run. A store to code may
 * have changed the next instruction. True if the hart must leave the block after this instruction. */
static bool must_leave(struct hart *hart, const struct part *parts, unsigned count)
{
    bool leave = false, device = !parts[count - 1].at.host;
    for (unsigned i = 0; i < count; i++) {
        if (LIKELY(!parts[i].at.watched))
            continue;
        leave |= code_watch_stored(hart, parts[i].at.paddr, parts[i].size);
        device |= hart_bus_is_told(hart->bus, parts[i].at.paddr & PAGE_MASK);
    }
    return leave || (device && atomic_load(&hart->requests) & HART_REQUEST_STOP && !hart->stepping);
}

static bool write_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                       uint64_t value, bool *leave)
{
    uint8_t *recalled;
    if (tlb_recall(hart, vaddr, size, MMU_WRITE, &recalled)) {
        mem_host_write(recalled, size, value);
        return true;
    }
    struct part parts[2];
    unsigned count = split(hart, insn, vaddr, size, MMU_WRITE, parts);
    if (UNLIKELY(hart->exact) && meets_device(hart, parts, count) && turn_alone(hart, insn))
        return false;
    for (unsigned i = 0; i < count; i++) {
        uint64_t bits = parts[i].size < 8 ? value & ((1ull << 8 * parts[i].size) - 1) : value;
        if (parts[i].at.host) {
            if (power_of_two(parts[i].size))
                mem_host_write(parts[i].at.host, parts[i].size, bits);
            else
                write_bytes(parts[i].at.host, parts[i].size, bits);
        } else if (!io_write(hart, insn, &parts[i], bits)) {
            trap_insn(hart, insn, CAUSE_STORE_ACCESS, mmu_effective(hart, parts[i].vaddr));
            return false;
        }
        value = parts[i].size < 8 ? value >> 8 * parts[i].size : 0;
    }
    *leave |= count > 0 && must_leave(hart, parts, count);
    return count > 0;
}

/* ---- Atomics ------------------------------------------------------------------------------------------- */

/* Held from an atomic's read of a device to its write, so that atomics of several harts on devices are
 * atomic. */
static pthread_mutex_t cell_lock = PTHREAD_MUTEX_INITIALIZER;

/* Reads the register into the cell; if the atomic will write, it returns with the lock held. */
static bool cell_begin(struct hart *hart, const struct insn *insn, const struct part *part,
                       enum mmu_access access)
{
    if (!hart->bus->device_atomics || part->size > 8)
        return false;
    pthread_mutex_lock(&cell_lock);
    bool answered = io_read(hart, insn, part, &hart->cell.value);
    if (hart->cell.paddr != part->at.paddr && mem_is_cell(hart, hart->reserve_host))
        hart->reserve_size = 0; /* of another register */
    hart->cell.paddr = part->at.paddr;
    if (!answered || access == MMU_READ)
        pthread_mutex_unlock(&cell_lock);
    return answered;
}

bool mem_cell_done(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size, bool store)
{
    CHECK_HELD(&cell_lock);
    struct part part = { .vaddr = vaddr, .size = size, .at.paddr = hart->cell.paddr };
    uint64_t value = hart->cell.value & (UINT64_MAX >> (64 - 8 * size));
    bool answered = !store || io_write(hart, insn, &part, value);
    pthread_mutex_unlock(&cell_lock);
    if (!answered)
        trap_insn(hart, insn, CAUSE_STORE_ACCESS, mmu_effective(hart, vaddr));
    return answered;
}

static void *atomic_host(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                         enum mmu_access access)
{
    struct part part = { .vaddr = vaddr, .size = size };
    int cause = mmu_translate(hart, vaddr, size, access, &part.at);
    if (UNLIKELY(hart->exact) && cause == MMU_OK && meets_device(hart, &part, 1) && turn_alone(hart, insn))
        return NULL;
    if (cause == MMU_OK && part.at.host) {
        if (UNLIKELY(part.at.watched))
            code_watch_atomic(hart, part.at.paddr);
        return part.at.host;
    }
    if (cause == MMU_OK && vaddr & (size - 1)) /* Zama16b holds only for RAM */
        cause = CAUSE_STORE_MISALIGNED;
    if (cause == MMU_OK && cell_begin(hart, insn, &part, access))
        return &hart->cell.value;
    trap_insn(hart, insn, cause == MMU_OK ? (enum cause)access_cause(access) : (enum cause)cause,
              mmu_effective(hart, vaddr));
    return NULL;
}

/* ---- Shadow stacks ------------------------------------------------------------------------------------- */

bool mem_shadow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size, bool write,
                struct mmu_result *at)
{
    unsigned kinds = write ? DEBUG_WATCH_WRITE : DEBUG_WATCH_READ;
    uint64_t effective = mmu_effective(hart, vaddr);
    int cause = vaddr & (size - 1) /* the exception is fatal, so it is not "misaligned" */
                    ? CAUSE_STORE_ACCESS
                    : mmu_translate(hart, vaddr, size, write ? MMU_SHADOW_WRITE : MMU_SHADOW_READ, at);
    if (cause != MMU_OK) {
        trap_insn(hart, insn, (enum cause)cause, effective);
        return false;
    }
    if (UNLIKELY(hart->debug.watches) && debug_may_watch(hart, effective, size, kinds) &&
        debug_watched(hart, effective, at->paddr, size, kinds)) {
        debug_watch_stop(hart, insn, effective, at->paddr, size, kinds);
        return false;
    }
    return true;
}

/* ---- Watchpoints (debug.c) around them ----------------------------------------------------------------- */

/* True where the hart does not make the access now: it stops in front of it, or it has trapped. */
static __attribute__((noinline)) bool watch_stops(struct hart *hart, const struct insn *insn, uint64_t vaddr,
                                                  unsigned size, enum mmu_access access, unsigned kinds)
{
    struct part parts[2];
    if (!debug_may_watch(hart, mmu_effective(hart, vaddr), size, kinds))
        return false;
    unsigned count = split(hart, insn, vaddr, size, access, parts);
    const struct part *watched = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (!parts[i].at.host && !hart->bus->ops->mapped(hart->bus, parts[i].at.paddr))
            return false; /* it will trap */
        uint64_t at = mmu_effective(hart, parts[i].vaddr);
        if (!watched && debug_watched(hart, at, parts[i].at.paddr, parts[i].size, kinds))
            watched = &parts[i];
    }
    if (watched)
        debug_watch_stop(hart, insn, mmu_effective(hart, watched->vaddr), watched->at.paddr, watched->size,
                         kinds);
    return watched || !count;
}

bool mem_read_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size)
{
    if (UNLIKELY(hart->debug.watches) && watch_stops(hart, insn, vaddr, size, MMU_READ, DEBUG_WATCH_READ))
        return false;
    return read_slow(hart, insn, vaddr, size);
}

bool mem_write_element(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                       uint64_t value, bool *leave)
{
    if (UNLIKELY(hart->debug.watches) && watch_stops(hart, insn, vaddr, size, MMU_WRITE, DEBUG_WATCH_WRITE))
        return false;
    return write_slow(hart, insn, vaddr, size, value, leave);
}

bool mem_write_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size, uint64_t value)
{
    bool leave = false;
    return mem_write_element(hart, insn, vaddr, size, value, &leave) &&
           !(leave && trap_leave_behind(hart, insn));
}

static void *atomic_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size,
                         enum mmu_access access, unsigned kinds)
{
    if (UNLIKELY(hart->debug.watches) && watch_stops(hart, insn, vaddr, size, access, kinds))
        return NULL;
    return atomic_host(hart, insn, vaddr, size, access);
}

void *mem_atomic_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size)
{
    if (!mem_may_be_atomic(hart, vaddr, size)) {
        trap_insn(hart, insn, CAUSE_STORE_MISALIGNED, mmu_effective(hart, vaddr));
        return NULL;
    }
    return atomic_slow(hart, insn, vaddr, size, MMU_WRITE, DEBUG_WATCH_READ | DEBUG_WATCH_WRITE);
}

void *mem_reserve_slow(struct hart *hart, const struct insn *insn, uint64_t vaddr, unsigned size)
{
    if (vaddr & (size - 1)) {
        trap_insn(hart, insn, CAUSE_LOAD_MISALIGNED, mmu_effective(hart, vaddr));
        return NULL;
    }
    return atomic_slow(hart, insn, vaddr, size, MMU_READ, DEBUG_WATCH_READ);
}
