/* SPDX-License-Identifier: MIT
 *
 * What surrounds an IOMMU in tests: its form as a device of a board, memory with a queue of commands and one
 * of faults, directories and page tables in it, and a master that asks for translations. All functions are
 * static, so that each test stays one file.
 */
#ifndef TESTS_DEVICES_IOMMU_TABLES_H
#define TESTS_DEVICES_IOMMU_TABLES_H

#include "devices/iommu/iommu.h"
#include "tests/devices/fake.h"

#define RAM        UINT64_C(0x80000000)
#define RAM_SIZE   UINT64_C(0x100000)
#define PAGE_AT(n) (RAM + 4096ull * (n))
#define PPN(at)    ((at) >> 2 & UINT64_C(0x003ffffffffffc00)) /* as registers and entries have it */
#define SV39       (UINT64_C(8) << 60)
#define SV48       (UINT64_C(9) << 60)
#define SV57       (UINT64_C(10) << 60)
#define FILES      UINT64_C(0x28000000) /* an interrupt file */

/* What is where: pages of RAM. */
enum { COMMANDS = 0, FAULTS = 1, DIRECTORY = 2, MIDDLE = 3, CONTEXTS = 4, FIRST = 5, SECOND = 8, MSI = 16 };
enum { PROCESSES = 17, DATA = 64 };
enum { CAPABILITIES = 0, FCTL = 8, DDTP = 0x10, CQB = 0x18, CQH = 0x20, CQT = 0x24, FQB = 0x28, FQH = 0x30 };
enum { FQT = 0x34, CQCSR = 0x48, FQCSR = 0x4c, IPSR = 0x54, TR_IOVA = 0x258, TR_CONTROL = 0x260 };
enum { TR_RESPONSE = 0x268, ICVEC = 0x2f8, MESSAGES = 0x300 };
enum { V = 1, R = 2, W = 4, X = 8, U = 0x10, A = 0x40, D = 0x80, LEAF = V | R | W | X | U | A | D };
enum { OFF = 0, BARE = 1, ONE_LEVEL = 2, TWO_LEVELS = 3, THREE_LEVELS = 4 };

struct context { /* a device context */
    uint64_t tc, iohgatp, ta, fsc, msiptp, mask, pattern, reserved;
};

static struct fake_ram ram;
static struct fake_irq wires[IOMMU_VECTORS];
static atomic_uint message_count;
static uint64_t message_address;
static uint32_t message_data;
static struct device *iommu;

static inline bool take_message(void *opaque, uint64_t address, uint32_t data)
{
    (void)opaque;
    if (address - FILES >= 4096)
        return false;
    message_address = address;
    message_data = data;
    atomic_fetch_add(&message_count, 1);
    return true;
}

static inline struct device *make_iommu(bool passes)
{
    struct error error = { "" };
    struct iommu_platform_config config = {
        .iommu = { .name = "riscv-iommu",
                   .memory = &ram.dma,
                   .messages = { take_message, NULL },
                   .passes = passes,
                   .has_wires = true },
        .phandle = 7,
        .msi_parent = 5,
        .in_charge = true,
    };
    for (unsigned n = 0; n < IOMMU_VECTORS; n++)
        config.iommu.lines[n] = (struct irq_line){ fake_irq_set, wires, n };
    struct device *device = iommu_platform_create(&config, &error);
    ck_assert_msg(device != NULL, "%s", error.text);
    return device;
}

static inline uint64_t *word(uint64_t at)
{
    ck_assert(at >= RAM && at - RAM < RAM_SIZE && at % 8 == 0);
    return (uint64_t *)(ram.bytes + (at - RAM));
}

static inline uint64_t get(unsigned offset, unsigned size)
{
    return fake_read(iommu, offset, size);
}

static inline void put(unsigned offset, unsigned size, uint64_t value)
{
    fake_write(iommu, offset, size, value);
}

/* ---- Tables -------------------------------------------------------------------------------------------- */

static inline struct context *context_of(unsigned device)
{
    return (struct context *)word(PAGE_AT(CONTEXTS)) + device % 64;
}

/* Makes a leaf entry for `address` in the table at page `table`, with `levels` levels, whose other tables are
 * the pages behind it. A root of the second stage has four pages. */
static inline uint64_t *map_page(unsigned table, unsigned levels, bool second, uint64_t address, uint64_t to)
{
    uint64_t at = PAGE_AT(table), *entry = NULL;
    for (unsigned level = levels; level-- > 0;) {
        uint64_t mask = second && level == levels - 1 ? 0x7ff : 0x1ff;
        entry = word(at + 8 * (address >> (12 + 9 * level) & mask));
        table += second && level == levels - 1 ? 4 : 1;
        at = PAGE_AT(table);
        if (level)
            *entry = PPN(at) | V;
    }
    *entry = PPN(to) | LEAF;
    return entry;
}

/* Device 5 has Sv39 in its first stage, without a second one; 0x1000 is the page DATA. */
static inline void set_up(unsigned mode)
{
    memset(ram.bytes, 0, RAM_SIZE);
    *context_of(5) = (struct context){ .tc = V, .fsc = SV39 | PAGE_AT(FIRST) >> 12 };
    map_page(FIRST, 3, false, 0x1000, PAGE_AT(DATA));
    *word(PAGE_AT(DIRECTORY)) = PPN(PAGE_AT(mode == THREE_LEVELS ? MIDDLE : CONTEXTS)) | V;
    *word(PAGE_AT(MIDDLE)) = PPN(PAGE_AT(CONTEXTS)) | V;
    put(FQCSR, 4, 0);
    put(CQCSR, 4, 0);
    put(FQB, 8, PPN(PAGE_AT(FAULTS)) | 4); /* 32 entries */
    put(CQB, 8, PPN(PAGE_AT(COMMANDS)) | 4);
    put(FQCSR, 4, 1);
    put(CQCSR, 4, 1);
    put(DDTP, 8, PPN(PAGE_AT(mode == ONE_LEVEL ? CONTEXTS : DIRECTORY)) | mode);
}

/* ---- The master ---------------------------------------------------------------------------------------- */

static inline bool ask(uint32_t device, uint64_t iova, bool write, uint64_t *paddr)
{
    struct pci_iommu *pci = iommu_platform_for_pci(iommu);
    uint64_t length = 1;
    return pci->translate(pci, device, iova, &length, write, paddr);
}

static inline void goes_to(uint32_t device, uint64_t iova, bool write, uint64_t wanted)
{
    uint64_t paddr = 0;
    ck_assert_msg(ask(device, iova, write, &paddr), "device %u at %#lx is denied", device, iova);
    ck_assert_uint_eq(paddr, wanted);
}

/* The access is denied, and the next record of the queue of faults says why. */
static inline void faults(uint32_t device, uint64_t iova, bool write, unsigned cause, uint64_t value2)
{
    uint64_t paddr;
    uint32_t at = (uint32_t)get(FQT, 4);
    ck_assert_msg(!ask(device, iova, write, &paddr), "device %u at %#lx is not denied", device, iova);
    const uint64_t *record = word(PAGE_AT(FAULTS) + 32ull * at);
    ck_assert_uint_eq(get(FQT, 4), (at + 1) % 32);
    ck_assert_msg((record[0] & 0xfff) == cause, "cause %lu, not %u", record[0] & 0xfff, cause);
    ck_assert_uint_eq(record[0] >> 12, (uint64_t)device << 28 | (write ? 3ull : 2ull) << 22);
    ck_assert_uint_eq(record[1], 0);
    ck_assert_uint_eq(record[2], iova);
    ck_assert_uint_eq(record[3], value2);
    put(FQH, 4, (at + 1) % 32);
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

enum { IOTINVAL = 1, IOFENCE = 2, IODIR = 3 };

static inline void command(uint64_t low, uint64_t high)
{
    uint32_t at = (uint32_t)get(CQT, 4);
    uint64_t *entry = word(PAGE_AT(COMMANDS) + 16ull * at);
    entry[0] = low;
    entry[1] = high;
    put(CQT, 4, at + 1);
}

static inline bool is_done(void)
{
    return get(CQCSR, 4) & 0x700 || get(CQH, 4) == get(CQT, 4);
}

static inline void command_works(uint64_t low, uint64_t high)
{
    command(low, high);
    FAKE_WAIT(is_done());
    ck_assert_uint_eq(get(CQCSR, 4) & 0x700, 0);
}

static inline void before_each(void)
{
    fake_ram_init(&ram, RAM, RAM_SIZE);
    memset(wires, 0, sizeof(wires));
    atomic_store(&message_count, 0);
    iommu = make_iommu(false);
}

static inline void after_each(void)
{
    iommu->ops->destroy(iommu);
    fake_ram_destroy(&ram);
}

#endif
