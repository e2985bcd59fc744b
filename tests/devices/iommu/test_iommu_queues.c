/* SPDX-License-Identifier: MIT
 *
 * The IOMMU's registers, queues and interrupts, its saved state, its form as a PCI function with another one
 * behind it, and a guest that writes anything anywhere.
 */
#include "devices/pci/edu.h"
#include "devices/pci/msix.h"
#include "tests/devices/iommu/tables.h"
#include "util/clock.h"

enum { ILLEGAL = 0x400, MEMORY_FAULT = 0x100, OVERFLOWED = 0x200, FENCE_DONE = 0x800, ON = 0x10000 };
#define FENCE_AV  (UINT64_C(1) << 10)
#define FENCE_WSI (UINT64_C(1) << 11)
#define DV        (UINT64_C(1) << 33)

START_TEST(registers)
{
    ck_assert_uint_eq(get(CAPABILITIES, 8), UINT64_C(0x1f8a04e0e10));
    ck_assert_uint_eq(get(CAPABILITIES + 4, 4), 0x1f8);
    put(CAPABILITIES, 8, 0);
    ck_assert_uint_eq(get(CAPABILITIES, 4), 0xa04e0e10);
    put(FCTL, 4, UINT32_MAX);
    ck_assert_uint_eq(get(FCTL, 4), 2); /* wires; neither big endian nor GXL */
    put(CQB, 8, UINT64_MAX);
    ck_assert_uint_eq(get(CQB, 8), UINT64_C(0x003ffffffffffc1f));
    put(FQB, 4, 3);
    ck_assert_uint_eq(get(FQB, 8), 3);
    put(FQB + 4, 4, UINT32_MAX);
    ck_assert_uint_eq(get(FQB, 8), UINT64_C(0x003fffff00000003));
    put(CQT, 4, UINT32_MAX);
    put(FQH, 4, UINT32_MAX);
    ck_assert_uint_eq(get(CQT, 4), UINT32_MAX);
    ck_assert_uint_eq(get(FQH, 4), 15); /* as the queue is long */
    put(CQH, 4, 5);
    ck_assert_uint_eq(get(CQH, 4), 0);
    put(ICVEC, 8, UINT64_MAX);
    ck_assert_uint_eq(get(ICVEC, 8), 0x33);
    put(MESSAGES + 16, 8, UINT64_MAX);
    put(MESSAGES + 24, 8, UINT64_MAX);
    ck_assert_uint_eq(get(MESSAGES + 16, 8), UINT64_C(0x00fffffffffffffc));
    ck_assert_uint_eq(get(MESSAGES + 24, 8), UINT64_C(0x1ffffffff));
    /* Page requests, counters, vectors that are not there, what is reserved. */
    static const unsigned nothing[] = { 0x0c,  0x38,  0x40,  0x44,  0x50,  0x58,  0x5c,  0x60, 0x68,
                                        0x160, 0x250, 0x270, 0x2b0, 0x340, 0x3f8, 0x400, 0xff8 };
    for (size_t n = 0; n < sizeof(nothing) / sizeof(nothing[0]); n++) {
        put(nothing[n], 4, UINT32_MAX);
        ck_assert_uint_eq(get(nothing[n], 4), 0);
    }
    iommu->ops->reset(iommu);
    ck_assert_uint_eq(get(FCTL, 4) | get(CQB, 8) | get(FQB, 8) | get(CQT, 4) | get(ICVEC, 8), 0);
    ck_assert_uint_eq(get(MESSAGES + 16, 8) | get(MESSAGES + 24, 8), 0);
}
END_TEST

START_TEST(fences)
{
    set_up(ONE_LEVEL);
    command_works(IOFENCE, 0);
    command_works(IOFENCE | FENCE_AV | 3 << 12 | UINT64_C(0x12345678) << 32, PAGE_AT(DATA) >> 2);
    ck_assert_uint_eq(*word(PAGE_AT(DATA)), 0x12345678);
    ck_assert_uint_gt(atomic_load(&ram.writes), 0);
    /* To an interrupt file, and to no one. */
    command_works(IOFENCE | FENCE_AV | UINT64_C(9) << 32, FILES >> 2);
    ck_assert_uint_eq(atomic_load(&message_count), 1);
    ck_assert_uint_eq(message_data, 9);
    command(IOFENCE | FENCE_AV, UINT64_C(0x1000) >> 2);
    FAKE_WAIT(is_done());
    ck_assert_uint_eq(get(CQCSR, 4), ON | MEMORY_FAULT | 1);
    ck_assert_uint_eq(get(CQH, 4), 3);
    /* The wire. */
    put(CQCSR, 4, 0);
    ck_assert_uint_eq(get(CQCSR, 4), 0);
    put(FCTL, 4, 2);
    put(ICVEC, 4, 3);
    put(CQCSR, 4, 3);
    command(IOFENCE | FENCE_WSI, 0);
    FAKE_WAIT(get(CQCSR, 4) & FENCE_DONE);
    FAKE_WAIT(wires[3].level);
    ck_assert_uint_eq(get(IPSR, 4), 1);
    put(IPSR, 4, 1); /* it comes again while its cause is there */
    ck_assert_uint_eq(get(IPSR, 4), 1);
    put(CQCSR, 4, 3 | FENCE_DONE);
    put(IPSR, 4, 1);
    ck_assert_uint_eq(get(IPSR, 4), 0);
    ck_assert(!wires[3].level && !wires[0].level);
}
END_TEST

START_TEST(illegal_commands)
{
    static const uint64_t rows[][2] = {
        { 0, 0 },
        { IOTINVAL | 1 << 11, 0 },
        { IOTINVAL | UINT64_C(1) << 34, 0 },
        { IOTINVAL | UINT64_C(1) << 60, 0 },
        { IOTINVAL, 1 },
        { IOTINVAL, UINT64_C(1) << 9 },
        { IOTINVAL, UINT64_C(1) << 62 },
        { IOTINVAL | 1 << 7 | UINT64_C(1) << 32, 0 }, /* GVMA with PSCV */
        { IOTINVAL | 2 << 7, 0 },
        { IOFENCE | 1 << 7, 0 },
        { IOFENCE | 1 << 14, 0 },
        { IOFENCE | FENCE_WSI, 0 }, /* without wires */
        { IOFENCE, UINT64_C(1) << 63 },
        { IODIR | 1 << 7, 0 }, /* PDT without a device */
        { IODIR | 2 << 7, 0 },
        { IODIR | 1 << 12, 0 }, /* DDT with a process */
        { IODIR | 1 << 10, 0 },
        { IODIR | UINT64_C(1) << 32, 0 },
        { IODIR, 1 },
        { IODIR | DV | UINT64_C(64) << 40, 0 }, /* wider than the directory */
        { 4, 0 },                               /* ATS */
        { 5, 0 },
        { 64, 0 },
        { UINT64_MAX, UINT64_MAX },
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        set_up(ONE_LEVEL);
        command(rows[n][0], rows[n][1]);
        FAKE_WAIT(is_done());
        ck_assert_msg(get(CQCSR, 4) == (ON | ILLEGAL | 1), "row %zu: %#lx", n, get(CQCSR, 4));
        ck_assert_uint_eq(get(CQH, 4), 0);
        /* Mended, and cleared, it goes on. */
        word(PAGE_AT(COMMANDS))[0] = IODIR | 1 << 7 | DV | UINT64_C(63) << 40 | 0xfffff000;
        word(PAGE_AT(COMMANDS))[1] = 0;
        put(CQCSR, 4, 1 | ILLEGAL);
        FAKE_WAIT(is_done());
        ck_assert_uint_eq(get(CQH, 4), 1);
    }
}
END_TEST

START_TEST(command_queue)
{
    set_up(ONE_LEVEL);
    for (unsigned n = 0; n < 100; n++) { /* around its end */
        uint32_t at = (uint32_t)get(CQT, 4);
        word(PAGE_AT(COMMANDS) + 16ull * at)[0] = IOTINVAL;
        put(CQT, 4, at + 1);
        FAKE_WAIT(is_done());
        ck_assert_uint_eq(get(CQH, 4), (n + 1) % 32);
    }
    put(CQB, 8, 0); /* not while it is on */
    ck_assert_uint_eq(get(CQB, 8), PPN(PAGE_AT(COMMANDS)) | 4);
    put(CQCSR, 4, 0);
    put(CQB, 8, PPN(UINT64_C(0xfffffffffff000)) | 0x1f);
    put(CQCSR, 4, 1);
    put(CQT, 4, UINT32_MAX);
    FAKE_WAIT(is_done());
    ck_assert_uint_eq(get(CQCSR, 4), ON | MEMORY_FAULT | 1);
    /* Longer than RAM, and full of good commands up to its end. */
    put(CQCSR, 4, 0);
    memset(ram.bytes, 0, RAM_SIZE);
    for (uint64_t at = RAM; at < RAM + RAM_SIZE; at += 16)
        *word(at) = IOTINVAL;
    put(CQB, 8, PPN(RAM) | 0x1f);
    put(CQCSR, 4, 1);
    put(CQT, 4, UINT32_MAX);
    FAKE_WAIT(is_done());
    ck_assert_uint_eq(get(CQCSR, 4), ON | MEMORY_FAULT | 1);
    ck_assert_uint_eq(get(CQH, 4), RAM_SIZE / 16);
}
END_TEST

START_TEST(fault_queue)
{
    uint64_t paddr;
    set_up(ONE_LEVEL);
    put(FQCSR, 4, 3);
    put(ICVEC, 4, 0x10);
    put(MESSAGES + 16, 8, FILES + 4);
    put(MESSAGES + 24, 8, 0x21);
    for (unsigned n = 0; n < 31; n++)
        ck_assert(!ask(7, n, false, &paddr));
    ck_assert_uint_eq(get(FQT, 4), 31);
    ck_assert_uint_eq(get(FQCSR, 4), ON | 3);
    FAKE_WAIT(atomic_load(&message_count) == 1); /* one, until the guest clears the bit */
    ck_assert_uint_eq(message_address, FILES + 4);
    ck_assert_uint_eq(message_data, 0x21);
    ck_assert(!ask(7, 0, false, &paddr));
    ck_assert_uint_eq(get(FQCSR, 4), ON | OVERFLOWED | 3);
    put(FQH, 4, 10);
    ck_assert(!ask(7, 0, false, &paddr)); /* until the guest clears that, too */
    ck_assert_uint_eq(get(FQT, 4), 31);
    put(FQCSR, 4, 3 | OVERFLOWED);
    put(IPSR, 4, 2);
    ck_assert(!ask(7, 0, false, &paddr));
    ck_assert_uint_eq(get(FQT, 4), 0);
    FAKE_WAIT(atomic_load(&message_count) == 2);
    /* A context that does not want reports gets those that are always made. */
    context_of(5)->tc |= 0x10;
    ck_assert(!ask(5, 0x9000, false, &paddr));
    ck_assert_uint_eq(get(FQT, 4), 0);
    context_of(5)->reserved = 1;
    faults(5, 0x9000, false, 259, 0);
    /* A queue that is not RAM. */
    put(FQCSR, 4, 0);
    put(FQB, 8, PPN(UINT64_C(0x1000)) | 4);
    put(FQCSR, 4, 1);
    ck_assert(!ask(7, 0, false, &paddr));
    ck_assert_uint_eq(get(FQCSR, 4), ON | MEMORY_FAULT | 1);
    ck_assert_uint_eq(get(FQT, 4), 0);
    put(FQCSR, 4, 0);
    ck_assert(!ask(7, 0, false, &paddr));
    ck_assert_uint_eq(get(FQCSR, 4), 0);
}
END_TEST

/* Messages wait while their vector is masked; one that goes nowhere is a fault of its own. */
START_TEST(own_messages)
{
    uint64_t paddr;
    set_up(ONE_LEVEL);
    put(FQCSR, 4, 3);
    put(MESSAGES, 8, FILES);
    put(MESSAGES + 8, 8, UINT64_C(1) << 32 | 5);
    ck_assert(!ask(7, 0, false, &paddr));
    ck_assert_uint_eq(get(IPSR, 4), 2);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    ck_assert_uint_eq(atomic_load(&message_count), 0);
    put(MESSAGES + 12, 4, 0);
    FAKE_WAIT(atomic_load(&message_count) == 1);
    put(MESSAGES, 8, UINT64_C(0x5000));
    put(IPSR, 4, 2);
    ck_assert(!ask(7, 0, false, &paddr));
    FAKE_WAIT(get(FQT, 4) == 3);
    ck_assert_uint_eq(*word(PAGE_AT(FAULTS) + 64), 273);
    ck_assert_uint_eq(*word(PAGE_AT(FAULTS) + 80), 0x5000);
    /* While it is held, nothing is sent or executed. */
    iommu->ops->hold(iommu, true);
    put(MESSAGES, 8, FILES);
    put(IPSR, 4, 2);
    ck_assert(!ask(7, 0, false, &paddr));
    command(IOFENCE, 0);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    ck_assert_uint_eq(atomic_load(&message_count), 1);
    ck_assert_uint_eq(get(CQH, 4), 0);
    iommu->ops->hold(iommu, false);
    FAKE_WAIT(atomic_load(&message_count) == 2);
    FAKE_WAIT(is_done());
    ck_assert_uint_eq(get(CQH, 4), 1);
}
END_TEST

START_TEST(state)
{
    uint64_t paddr;
    set_up(TWO_LEVELS);
    goes_to(5, 0x1000, true, PAGE_AT(DATA));
    ck_assert(!ask(7, 0, false, &paddr));
    put(FCTL, 4, 2);
    put(ICVEC, 4, 0x21);
    put(FQCSR, 4, 3);
    ck_assert(!ask(7, 0, false, &paddr));
    put(MESSAGES + 32, 8, FILES);
    put(MESSAGES + 40, 8, UINT64_C(1) << 32 | 77);
    command_works(IOFENCE, 0);
    iommu->ops->hold(iommu, true);
    struct device *other = make_iommu(false);
    wires[2].level = false;
    fake_state_copy(iommu, other);
    ck_assert(wires[2].level);
    iommu->ops->destroy(iommu);
    iommu = other;
    ck_assert_uint_eq(get(FQT, 4), 2);
    ck_assert_uint_eq(get(CQH, 4), 1);
    goes_to(5, 0x1000, true, PAGE_AT(DATA));
    iommu->ops->hold(iommu, true); /* as a machine that loads is */
    fake_state_mutate(iommu, fake_seed("state"), 2000);
    iommu->ops->reset(iommu);
}
END_TEST

START_TEST(node)
{
    struct fdt_place place = { .base = 0x3010000, .size = 4096, .irq = 36, .irq_parent = 3, .irq_type = 4 };
    void *fdt = fake_fdt(iommu, &place);
    FAKE_FDT_STRINGS(fdt, "/soc/iommu@3010000", "compatible", "riscv,iommu");
    FAKE_FDT_CELLS(fdt, "/soc/iommu@3010000", "#iommu-cells", 1);
    FAKE_FDT_CELLS(fdt, "/soc/iommu@3010000", "interrupts", 36, 4, 37, 4, 38, 4, 39, 4);
    FAKE_FDT_CELLS(fdt, "/soc/iommu@3010000", "msi-parent", 5);
    free(fdt);
}
END_TEST

/* ---- A PCI function, and another one behind it --------------------------------------------------------- */

static struct pci_bus bus;
static struct clock *wall;

static struct pci_function *plug(struct pci_function *function, unsigned slot)
{
    struct error error = { "" };
    ck_assert_ptr_nonnull(function);
    ck_assert_msg(pci_bus_plug(&bus, function, slot, 0, &error), "%s", error.text);
    pci_config_write(function, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return function;
}

static struct pci_function *make_function(void)
{
    static const struct device_settings settings = { .iommu_vendor = 0x1b36,
                                                     .iommu_device = 0x14,
                                                     .iommu_revision = 1 };
    struct pci_msi_target target = { take_message, NULL };
    struct device_plug with = { .settings = &settings, .board = &ram.dma, .messages = &target };
    struct error error = { "" };
    return riscv_iommu_model.create_pci(&with, &error);
}

static void function_write(struct pci_function *function, uint64_t offset, uint64_t value)
{
    pci_bar_write(&function->bars[0], offset, 8, value);
}

START_TEST(functions)
{
    struct error error = { "" };
    struct pci_dma dma;
    wall = clock_create(NULL);
    ck_assert(pci_bus_init(&bus, &error));
    bus.msi = (struct pci_msi_target){ take_message, NULL };
    set_up(ONE_LEVEL);
    struct pci_function *own = plug(make_function(), 1);
    bus.iommu = iommu_function_for_pci(own);
    pci_dma_init(&dma, &ram.dma);
    struct pci_function *edu =
        plug(edu_create(&(struct edu_config){ wall, &dma.dma, UINT64_MAX, false }, &error), 2);
    dma.function = edu;
    ck_assert_uint_eq(pci_config_read(own, 0, 4), 0x00141b36);
    ck_assert_uint_eq(pci_config_read(own, PCI_REVISION, 4), 0x08060001);
    ck_assert_uint_eq(pci_bar_read(&own->bars[0], CAPABILITIES, 8), UINT64_C(0x1f8804e0e10)); /* no wires */
    ck_assert_uint_eq(pci_requester_id(edu), 0x10);
    *context_of(0x10) = *context_of(5);
    map_page(FIRST, 3, false, 0x2000, PAGE_AT(DATA + 8));
    map_page(FIRST, 3, false, 0x3000, FILES);
    function_write(own, FQB, PPN(PAGE_AT(FAULTS)) | 4);
    pci_bar_write(&own->bars[0], FQCSR, 4, 3);
    /* Its own message is in its MSI-X table, and is not translated. */
    pci_bar_write(&own->bars[0], 0x300, 4, FILES + 0x10);
    pci_bar_write(&own->bars[0], 0x308, 8, 0x77);
    pci_config_write(own, own->msix.capability + 2, 2, 0x8000);
    function_write(own, DDTP, PPN(PAGE_AT(CONTEXTS)) | ONE_LEVEL);
    /* A copy over two pages that are not together. */
    memset(word(PAGE_AT(DATA)), 0x11, 4096);
    memset(word(PAGE_AT(DATA + 8)), 0x22, 4096);
    uint8_t bytes[16];
    ck_assert(dma_read(&dma.dma, 0x1ff8, bytes, 16));
    ck_assert(bytes[7] == 0x11 && bytes[8] == 0x22);
    ck_assert(dma_write(&dma.dma, 0x1ff8, "0123456789abcdef", 16));
    ck_assert_mem_eq(word(PAGE_AT(DATA) + 4088), "01234567", 8);
    ck_assert_mem_eq(word(PAGE_AT(DATA + 8)), "89abcdef", 8);
    ck_assert(!dma_write(&dma.dma, 0x5000, bytes, 1));
    ck_assert_uint_eq(*word(PAGE_AT(FAULTS)), 15 | UINT64_C(3) << 34 | UINT64_C(0x10) << 40);
    FAKE_WAIT(atomic_load(&message_count) == 1);
    ck_assert(message_address == FILES + 0x10 && message_data == 0x77);
    /* A message of the other function, by its page table. */
    ck_assert(pci_message_send(edu, 0x3020, 9));
    ck_assert(message_address == FILES + 0x20 && message_data == 9);
    ck_assert(!pci_message_send(edu, 0x9000, 9));
    pci_function_reset(own);
    ck_assert(!dma_read(&dma.dma, 0x1000, bytes, 1));
    function_write(own, DDTP, BARE);
    ck_assert(dma_read(&dma.dma, PAGE_AT(DATA) + 4088, bytes, 8));
    ck_assert_mem_eq(bytes, "01234567", 8);
    pci_bus_destroy(&bus);
    clock_destroy(wall);
}
END_TEST

/* ---- Anything, anywhere -------------------------------------------------------------------------------- */

static uint64_t any_word(unsigned *seed)
{
    uint64_t value = (uint64_t)rand_r(seed) << 33 ^ (uint64_t)rand_r(seed) << 11 ^ (uint64_t)rand_r(seed);
    switch (rand_r(seed) % 8) {
    case 0: return value;
    case 1: return value & 0xff;
    case 2: return (uint64_t)(1 + rand_r(seed) % 10) << 60 | PAGE_AT(rand_r(seed) % 256 & ~3) >> 12;
    case 3: return V;
    case 4: return PPN(PAGE_AT(rand_r(seed) % 256)) | V;
    default: return PPN(PAGE_AT(rand_r(seed) % 256)) | (rand_r(seed) % 256);
    }
}

START_TEST(hostile)
{
    unsigned seed = fake_seed("hostile");
    for (unsigned round = 0; round < 60; round++) {
        set_up(ONE_LEVEL + (unsigned)rand_r(&seed) % 3);
        uint64_t *words = word(RAM);
        for (uint64_t n = round % 2 ? COMMANDS : FIRST * 512; round % 4 && n < DATA * 512; n++)
            words[n] = any_word(&seed);
        for (unsigned n = 0; n < 300; n++) {
            unsigned size = 4u << rand_r(&seed) % 2;
            unsigned offset = ((unsigned)rand_r(&seed) % (rand_r(&seed) % 4 ? 0x60 : 0x1000)) & ~(size - 1);
            uint64_t paddr;
            switch (rand_r(&seed) % 4) {
            case 0: put(offset, size, any_word(&seed)); break;
            case 1: get(offset, size); break;
            case 2: ask((unsigned)rand_r(&seed) % 256, any_word(&seed), n & 1, &paddr); break;
            default:
                put(TR_IOVA, 8, any_word(&seed));
                put(TR_CONTROL, 8, any_word(&seed) | 1);
                break;
            }
        }
    }
    iommu->ops->hold(iommu, true);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("iommu queues");
    TCase *cases = tcase_create("queues");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, before_each, after_each);
    tcase_add_test(cases, registers);
    tcase_add_test(cases, fences);
    tcase_add_test(cases, illegal_commands);
    tcase_add_test(cases, command_queue);
    tcase_add_test(cases, fault_queue);
    tcase_add_test(cases, own_messages);
    tcase_add_test(cases, state);
    tcase_add_test(cases, node);
    tcase_add_test(cases, functions);
    tcase_add_test(cases, hostile);
    suite_add_tcase(all, cases);
    return all;
}

FAKE_MAIN(suite)
