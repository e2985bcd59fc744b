/* SPDX-License-Identifier: MIT
 *
 * The IOMMU of the board (RISC-V IOMMU 1.0) with a PCI device behind it: edu, in slot 2, copies between
 * memory and its buffer by addresses that page tables of one and two stages translate, sends messages by
 * them, and gets faults where there is nothing. On the board with -machine aia=aplic-imsic,iommu-sys=on.
 */
#include "test.h"

const char test_name[] = "iommu";

#define IOMMU  0x3010000ul
#define EDU    0x40000000ul
#define ECAM   (0x30000000ul + (2 << 15))
#define FILE   0x24000000ul /* the M-mode interrupt file of hart 0 */
#define DEVICE (2u << 3)

enum { DDTP = 0x10, CQB = 0x18, CQH = 0x20, CQT = 0x24, FQB = 0x28, FQH = 0x30, FQT = 0x34 };
enum { CQCSR = 0x48, FQCSR = 0x4c, IPSR = 0x54, ICVEC = 0x2f8, MESSAGES = 0x300 };
enum { EDU_STATUS = 0x24, EDU_RAISE = 0x60, EDU_ACK = 0x64, EDU_SOURCE = 0x80, EDU_TARGET = 0x88 };
enum { EDU_COUNT = 0x90, EDU_COMMAND = 0x98, EDU_BUFFER = 0x40000 };
enum { RUN = 1, TO_MEMORY = 2 };
enum { PTE_V = 1, PTE_LEAF = 0xd7 }; /* V, R, W, U, A, D */
enum { IOTINVAL = 1, IOFENCE = 2, IODIR = 3 };
enum { MISELECT = 0x350, MIREG = 0x351, EIDELIVERY = 0x70, EIP0 = 0x80 };

struct page {
    uint64_t words[512];
} __attribute__((aligned(4096)));

static struct page commands, fault_records, contexts_page, first[3], data[4];
static struct page second[4] __attribute__((aligned(16384)));

static uint64_t read64(uintptr_t address)
{
    return *(volatile uint64_t *)address;
}
static void write64(uintptr_t address, uint64_t value)
{
    __asm__ volatile("fence" ::: "memory");
    *(volatile uint64_t *)address = value;
}
static uint64_t ppn(const void *page)
{
    return (uintptr_t)page >> 12 << 10;
}

/* ---- The IOMMU ----------------------------------------------------------------------------------------- */

static void command(uint64_t low, uint64_t high)
{
    uint32_t at = mmio_read32(IOMMU + CQT);
    commands.words[2 * at] = low;
    commands.words[2 * at + 1] = high;
    __asm__ volatile("fence" ::: "memory");
    mmio_write32(IOMMU + CQT, (at + 1) % 256);
    for (unsigned n = 0; n < 100000000 && mmio_read32(IOMMU + CQH) == at; n++)
        if (mmio_read32(IOMMU + CQCSR) & 0x700)
            return;
}

/* The page of the device's address space that begins at `iova` (below 2 MiB). */
static void map(uint64_t iova, uint64_t paddr)
{
    first[0].words[0] = ppn(&first[1]) | PTE_V;
    first[1].words[0] = ppn(&first[2]) | PTE_V;
    first[2].words[iova >> 12] = paddr >> 12 << 10 | PTE_LEAF;
    command(IOTINVAL, 0);
}

static void start(void)
{
    uint64_t *context = &contexts_page.words[8 * DEVICE];
    context[0] = PTE_V;
    context[3] = 8ull << 60 | (uintptr_t)&first[0] >> 12;
    write64(IOMMU + CQB, ppn(&commands) | 7);
    write64(IOMMU + FQB, ppn(&fault_records) | 6);
    mmio_write32(IOMMU + CQCSR, 1);
    mmio_write32(IOMMU + FQCSR, 1);
    for (unsigned n = 0; n < 1000000 && !(mmio_read32(IOMMU + CQCSR) & mmio_read32(IOMMU + FQCSR) & 0x10000);
         n++)
        ;
    write64(IOMMU + DDTP, ppn(&contexts_page) | 2);
    command(IODIR, 0);
}

/* The last fault, which the caller has caused. */
static void check_fault(unsigned cause, uint64_t iova, const char *name)
{
    uint32_t last = mmio_read32(IOMMU + FQT);
    check_true(last != mmio_read32(IOMMU + FQH), name);
    const uint64_t *record = &fault_records.words[4 * ((last + 127) % 128)];
    check_equal(record[0] & 0xfff, cause, name);
    check_equal(record[0] >> 40, DEVICE, name);
    check_equal(record[2] & ~0xfffull, iova, name);
    mmio_write32(IOMMU + FQH, last);
}

/* ---- The device ---------------------------------------------------------------------------------------- */

static void find_device(void)
{
    check_equal(mmio_read32(ECAM), 0x11e81234, "edu");
    mmio_write32(ECAM + 0x10, EDU);
    mmio_write32(ECAM + 4, 6); /* memory, master */
}

static void copy(uint64_t from, uint64_t to, unsigned bytes, unsigned direction)
{
    write64(EDU + EDU_SOURCE, from);
    write64(EDU + EDU_TARGET, to);
    write64(EDU + EDU_COUNT, bytes);
    write64(EDU + EDU_COMMAND, RUN | direction);
    for (unsigned n = 0; n < 100000000 && read64(EDU + EDU_COMMAND) & RUN; n++)
        ;
    __asm__ volatile("fence" ::: "memory");
}

static bool same(const struct page *a, const struct page *b)
{
    for (unsigned n = 0; n < 512; n++)
        if (((volatile const struct page *)a)->words[n] != b->words[n])
            return false;
    return true;
}

static void fill(struct page *page, uint64_t seed)
{
    for (unsigned n = 0; n < 512; n++)
        page->words[n] = (seed + n) * 0x9e3779b97f4a7c15ull;
}

/* ---- Tests --------------------------------------------------------------------------------------------- */

static void test_copies(void)
{
    map(0x1000, (uintptr_t)&data[0]);
    map(0x2000, (uintptr_t)&data[1]);
    fill(&data[0], 1);
    copy(0x1000, EDU_BUFFER, 4096, 0);
    copy(EDU_BUFFER, 0x2000, 4096, TO_MEMORY);
    check_true(same(&data[0], &data[1]), "copy");
    /* Another page takes its place. */
    map(0x2000, (uintptr_t)&data[2]);
    fill(&data[0], 2);
    copy(0x1000, EDU_BUFFER, 4096, 0);
    copy(EDU_BUFFER, 0x2000, 4096, TO_MEMORY);
    check_true(same(&data[0], &data[2]) && !same(&data[0], &data[1]), "remap");
    /* Half of a copy in each of two pages that are not together in memory. */
    map(0x1000, (uintptr_t)&data[3]);
    copy(EDU_BUFFER, 0x1800, 4096, TO_MEMORY);
    check_equal(data[3].words[256], data[0].words[0], "two pages");
    check_equal(data[2].words[0], data[0].words[256], "two pages");
}

static void test_faults(void)
{
    fill(&data[0], 3);
    map(0x7000, 0);
    first[2].words[7] = 0;
    command(IOTINVAL, 0);
    copy(0x7000, EDU_BUFFER, 8, 0);
    check_fault(13, 0x7000, "read fault");
    first[2].words[7] = ppn(&data[0]) | (PTE_LEAF & ~4u);
    command(IOTINVAL, 0);
    copy(EDU_BUFFER, 0x7000, 8, TO_MEMORY);
    check_fault(15, 0x7000, "write fault");
    check_equal(data[0].words[0], 3 * 0x9e3779b97f4a7c15ull, "nothing written");
    contexts_page.words[8 * DEVICE] = 0;
    command(IODIR, 0);
    copy(0x1000, EDU_BUFFER, 8, 0);
    check_fault(258, 0x1000, "no context");
    contexts_page.words[8 * DEVICE] = PTE_V;
    command(IODIR, 0);
}

static uintptr_t pending(void)
{
    csr_write(MISELECT, EIP0);
    return csr_read(MIREG);
}

/* Messages to the interrupt file: of the device, of a fence, and of the IOMMU itself. */
static void wait_for(unsigned identity, const char *name)
{
    for (unsigned n = 0; n < 10000000 && !(pending() >> identity & 1); n++)
        ;
    check_true(pending() >> identity & 1, name);
}

static void test_messages(void)
{
    unsigned at = mmio_read32(ECAM + 0x34) & 0xff;
    check_equal(mmio_read32(ECAM + at) & 0xff, 5, "the device has MSI");
    map(0x5000, FILE);
    mmio_write32(ECAM + at + 4, 0x5000);
    mmio_write32(ECAM + at + 8, 0);
    mmio_write32(ECAM + at + 12, 9);
    mmio_write32(ECAM + at, mmio_read32(ECAM + at) | 1 << 16);
    mmio_write32(EDU + EDU_RAISE, 1);
    wait_for(9, "message of the device");
    mmio_write32(EDU + EDU_ACK, 1);
    command(IOFENCE | 1 << 10 | 10ull << 32, FILE >> 2);
    wait_for(10, "message of a fence");
    command(IOFENCE | 1 << 10 | 0x1234ull << 32, (uintptr_t)&data[1] >> 2);
    check_equal((uint32_t)data[1].words[0], 0x1234, "fence in memory");
    mmio_write32(IOMMU + FQCSR, 3);
    write64(IOMMU + MESSAGES, FILE);
    write64(IOMMU + MESSAGES + 8, 11);
    mmio_write32(IOMMU + IPSR, 2);
    copy(0x8000, EDU_BUFFER, 8, 0);
    wait_for(11, "message of the IOMMU");
    check_equal(mmio_read32(IOMMU + IPSR), 2, "ipsr");
    mmio_write32(IOMMU + IPSR, 2);
    check_fault(13, 0x8000, "the fault itself");
}

static void test_two_stages(void)
{
    uint64_t *context = &contexts_page.words[8 * DEVICE];
    second[0].words[2] = 0x80000ul << 10 | PTE_LEAF; /* 1 GiB, where it is */
    context[1] = 8ull << 60 | (uintptr_t)second >> 12;
    command(IODIR, 0);
    map(0x1000, (uintptr_t)&data[0]);
    fill(&data[0], 5);
    copy(0x1000, EDU_BUFFER, 4096, 0);
    copy(EDU_BUFFER, 0x2000, 4096, TO_MEMORY);
    check_true(same(&data[0], &data[2]), "two stages");
    map(0x3000, 0x40000000);
    copy(0x3000, EDU_BUFFER, 8, 0);
    check_fault(21, 0x3000, "second stage");
    second[0].words[2] = 0;
    command(IOTINVAL | 1 << 7, 0);
    copy(0x1000, EDU_BUFFER, 8, 0);
    check_fault(21, 0x1000, "table in the second stage");
    context[1] = 0;
    command(IODIR, 0);
}

void test_main(void)
{
    check_equal(mmio_read32(IOMMU) & 0xff, 0x10, "version");
    check_equal(mmio_read32(IOMMU + DDTP) & 0xf, 0, "off");
    find_device();
    start();
    check_equal(mmio_read32(IOMMU + CQCSR) & 0x10701, 0x10001, "commands");
    test_copies();
    test_faults();
    test_messages();
    test_two_stages();
    /* The IOMMU off, and out of the way. */
    write64(IOMMU + DDTP, 0);
    copy(0x1000, EDU_BUFFER, 8, 0);
    check_fault(256, 0x1000, "off");
    write64(IOMMU + DDTP, 1);
    fill(&data[3], 7);
    copy((uintptr_t)&data[3], EDU_BUFFER, 4096, 0);
    copy(EDU_BUFFER, (uintptr_t)&data[1], 4096, TO_MEMORY);
    check_true(same(&data[3], &data[1]), "bare");
}
