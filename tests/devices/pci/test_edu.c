/* SPDX-License-Identifier: MIT
 *
 * edu at register level: identification, liveness, factorials, interrupts by wire and by message, copies that
 * fit and that do not, saved state, and a guest that writes anything anywhere. And MSI of a function with
 * several vectors.
 */
#include "devices/pci/edu.h"
#include "devices/pci/msi.h"
#include "tests/devices/pci/function.h"
#include "util/clock.h"

#define RAM_BASE 0x8000000u /* within the default dma_mask */
#define RAM_SIZE 0x10000u
#define MSI_AT   0x40u

enum { LIVENESS = 4, FACTORIAL = 8, STATUS = 0x20, IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64 };
enum { DMA_SOURCE = 0x80, DMA_TARGET = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98, BUFFER = 0x40000 };
enum { RUN = 1, TO_MEMORY = 2, INTERRUPT = 4 };

static struct function_bus board;
static struct fake_ram ram;
static struct clock *wall;

static struct pci_function *make(uint64_t mask)
{
    struct error error;
    return edu_create(&(struct edu_config){ wall, &ram.dma, mask, false }, &error);
}

static void setup(void)
{
    wall = clock_create(NULL);
    fake_ram_init(&ram, RAM_BASE, RAM_SIZE);
    function_plug(&board, make(0x0fffffff));
    function_master(&board, true);
}

static void teardown(void)
{
    function_unplug(&board);
    fake_ram_destroy(&ram);
    clock_destroy(wall);
}

static uint32_t get(unsigned offset)
{
    return (uint32_t)function_get(&board, offset, 4);
}

static void put(unsigned offset, uint64_t value)
{
    function_put(&board, offset, offset < 0x80 ? 4 : 8, value);
}

START_TEST(identity)
{
    ck_assert_uint_eq(pci_config_read(board.function, 0, 4), 0x11e81234);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_REVISION, 4), 0x00ff0010);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
    ck_assert_uint_eq(get(0), 0x010000ed);
    put(0, 5);
    ck_assert_uint_eq(get(0), 0x010000ed);
    put(LIVENESS, 0x12345678);
    ck_assert_uint_eq(get(LIVENESS), ~0x12345678u);
    /* Where no register is, in the buffer, and with other sizes. */
    ck_assert_uint_eq(get(0x10), UINT32_MAX);
    ck_assert_uint_eq(get(BUFFER), UINT32_MAX);
    ck_assert_uint_eq(function_get(&board, LIVENESS, 2), 0xffff);
    ck_assert_uint_eq(function_get(&board, 0, 8), UINT64_MAX);
    function_put(&board, LIVENESS, 1, 0);
    function_put(&board, 0, 8, 0);
    ck_assert_uint_eq(get(LIVENESS), ~0x12345678u);
    pci_function_reset(board.function);
    ck_assert_uint_eq(get(LIVENESS), 0);
}
END_TEST

START_TEST(factorials)
{
    static const uint32_t rows[][2] = {
        { 0, 1 },           { 1, 1 },           { 5, 120 }, { 12, 479001600 },
        { 13, 1932053504 }, { 33, 0x80000000 }, { 34, 0 },  { UINT32_MAX, 0 }
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        put(FACTORIAL, rows[n][0]);
        FAKE_WAIT(!(get(STATUS) & 1));
        ck_assert_uint_eq(get(FACTORIAL), rows[n][1]);
    }
    ck_assert_uint_eq(get(IRQ_STATUS), 0);
    ck_assert(!board.irqs[0].level);
    put(STATUS, 0xffffffff);
    ck_assert_uint_eq(get(STATUS), 0x80); /* computing is not for the guest to say */
    /* While the clock stands, the number stays, and cannot be changed. */
    clock_stop(wall);
    put(FACTORIAL, 6);
    put(FACTORIAL, 7);
    ck_assert_uint_eq(get(STATUS), 0x81);
    ck_assert_uint_eq(get(FACTORIAL), 6);
    clock_start(wall);
    FAKE_WAIT(board.irqs[0].level);
    ck_assert_uint_eq(get(FACTORIAL), 720);
    ck_assert_uint_eq(get(STATUS), 0x80);
    ck_assert_uint_eq(get(IRQ_STATUS), 1);
    put(IRQ_ACK, 1);
    ck_assert(!board.irqs[0].level);
}
END_TEST

START_TEST(interrupts)
{
    put(IRQ_RAISE, 0);
    ck_assert(!board.irqs[0].level);
    put(IRQ_RAISE, 0x30);
    put(IRQ_RAISE, 0x03);
    ck_assert(board.irqs[0].level);
    ck_assert_uint_eq(get(IRQ_STATUS), 0x33);
    put(IRQ_ACK, 0x31);
    ck_assert(board.irqs[0].level);
    put(IRQ_ACK, 0xffffffff);
    ck_assert(!board.irqs[0].level);
    ck_assert_uint_eq(board.messages, 0);
    /* By message, once for each reason; the wire is free meanwhile. */
    pci_config_write(board.function, MSI_AT + 4, 4, 0x28000003);
    pci_config_write(board.function, MSI_AT + 8, 4, 1);
    pci_config_write(board.function, MSI_AT + 12, 2, 77);
    pci_config_write(board.function, MSI_AT + 2, 2, 0xffff);
    ck_assert_uint_eq(pci_config_read(board.function, MSI_AT, 4), 0x00f10005);
    put(IRQ_RAISE, 4);
    put(IRQ_RAISE, 4);
    ck_assert_uint_eq(board.messages, 2);
    ck_assert_uint_eq(board.message_address, 0x128000000);
    ck_assert_uint_eq(board.message_data, 77);
    ck_assert(!board.irqs[0].level);
    function_master(&board, false); /* a message is a write to memory */
    put(IRQ_RAISE, 4);
    ck_assert_uint_eq(board.messages, 2);
    /* Without MSI, what is still to be acknowledged is on the wire. */
    pci_config_write(board.function, MSI_AT + 2, 2, 0);
    ck_assert(board.irqs[0].level);
    pci_function_reset(board.function);
    ck_assert(!board.irqs[0].level);
    ck_assert_uint_eq(get(IRQ_STATUS), 0);
}
END_TEST

static void copy(uint64_t source, uint64_t target, uint64_t count, unsigned command)
{
    put(DMA_SOURCE, source);
    put(DMA_TARGET, target);
    put(DMA_COUNT, count);
    put(DMA_COMMAND, command | RUN);
    ck_assert_uint_eq(get(DMA_COMMAND), command | RUN);
    put(DMA_SOURCE, 1); /* ignored while it runs */
    put(DMA_COMMAND, RUN);
    ck_assert_uint_eq(get(DMA_SOURCE), (uint32_t)source);
    clock_shift(wall, EDU_DMA_NS);
    FAKE_WAIT(!(get(DMA_COMMAND) & RUN));
}

START_TEST(copies)
{
    for (unsigned n = 0; n < RAM_SIZE; n++)
        ram.bytes[n] = (uint8_t)(n * 7 + n / 256);
    copy(RAM_BASE + 3, BUFFER, 4096, 0);
    copy(BUFFER + 1, RAM_BASE + 0x8000, 4095, TO_MEMORY | INTERRUPT);
    ck_assert_mem_eq(ram.bytes + 0x8000, ram.bytes + 4, 4095);
    ck_assert_uint_eq(ram.bytes[0x8fff], (uint8_t)(0x8fff * 7 + 0x8f));
    ck_assert(board.irqs[0].level);
    ck_assert_uint_eq(get(IRQ_STATUS), 0x100);
    put(IRQ_ACK, 0x100);
    ck_assert_uint_gt(ram.writes, 0);
    /* Address bits outside the mask are not there. */
    copy(BUFFER, 0xfff0000000ull + RAM_BASE + 0x9000, 16, TO_MEMORY);
    ck_assert_mem_eq(ram.bytes + 0x9000, ram.bytes + 3, 16);
    put(DMA_COMMAND, INTERRUPT); /* without RUN it does nothing */
    ck_assert_uint_eq(get(DMA_COMMAND), TO_MEMORY);
    ck_assert_uint_eq(get(IRQ_STATUS), 0);
}
END_TEST

/* A copy that leaves the buffer or RAM, or that may not happen, changes nothing, but ends. */
START_TEST(hostile_copies)
{
    static const struct {
        uint64_t inner, outer, count;
    } rows[] = { { BUFFER, RAM_BASE, 4097 },
                 { BUFFER + 1, RAM_BASE, 4096 },
                 { BUFFER - 1, RAM_BASE, 2 },
                 { BUFFER + 4096, RAM_BASE, 1 },
                 { BUFFER + 4097, RAM_BASE, 0 },
                 { 0, RAM_BASE, 16 },
                 { UINT64_MAX, RAM_BASE, 2 },
                 { BUFFER, RAM_BASE, UINT64_MAX },
                 { BUFFER, RAM_BASE + RAM_SIZE - 8, 16 },
                 { BUFFER, RAM_BASE - 1, 16 },
                 { BUFFER, 0, 16 } };
    memset(ram.bytes, 0x5a, RAM_SIZE);
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        copy(rows[n].inner, rows[n].outer, rows[n].count, TO_MEMORY | INTERRUPT);
        copy(rows[n].outer, rows[n].inner, rows[n].count, INTERRUPT);
    }
    function_master(&board, false);
    copy(BUFFER, RAM_BASE, 4096, TO_MEMORY);
    copy(RAM_BASE, BUFFER, 4096, 0);
    function_master(&board, true);
    for (unsigned n = 0; n < RAM_SIZE; n++)
        ck_assert_uint_eq(ram.bytes[n], 0x5a);
    copy(BUFFER, RAM_BASE, 4096, TO_MEMORY); /* nothing came into the buffer */
    for (unsigned n = 0; n < 4096; n++)
        ck_assert_uint_eq(ram.bytes[n], 0);
}
END_TEST

START_TEST(state)
{
    memset(ram.bytes, 0x77, RAM_SIZE);
    put(LIVENESS, 3);
    copy(RAM_BASE, BUFFER, 100, INTERRUPT);
    clock_stop(wall);
    put(FACTORIAL, 5);
    put(DMA_SOURCE, BUFFER);
    put(DMA_TARGET, RAM_BASE + 0x4000);
    put(DMA_COUNT, 200);
    put(DMA_COMMAND, RUN | TO_MEMORY);
    struct function_bus other, first = board;
    function_plug(&other, make(0x0fffffff));
    function_copy(first.function, other.function);
    pci_function_reset(first.function);
    ck_assert(other.irqs[0].level);
    clock_shift(wall, EDU_DMA_NS);
    clock_start(wall);
    FAKE_WAIT(!(function_get(&other, DMA_COMMAND, 4) & RUN) && !(function_get(&other, STATUS, 4) & 1));
    ck_assert_uint_eq(function_get(&other, FACTORIAL, 4), 120);
    ck_assert_uint_eq(function_get(&other, LIVENESS, 4), ~3u);
    ck_assert_uint_eq(function_get(&other, IRQ_STATUS, 4), 0x100);
    ck_assert_uint_eq(ram.bytes[0x4000 + 99], 0x77);
    ck_assert_uint_eq(ram.bytes[0x4000 + 100], 0);
    ck_assert_uint_eq(get(LIVENESS), 0);
    function_mutate(other.function, fake_seed("edu"), 2000);
    function_unplug(&other);
}
END_TEST

START_TEST(anything_anywhere)
{
    function_hammer(&board, fake_seed("edu"), 20000, 0x100);
    function_hammer(&board, fake_seed("edu"), 5000, 0x100000);
    pci_function_reset(board.function);
    ck_assert_uint_eq(get(STATUS), 0);
}
END_TEST

/* ---- MSI with several vectors -------------------------------------------------------------------------- */

static void probe_destroy(struct pci_function *function)
{
    pci_function_fini(function);
    free(function);
}

START_TEST(msi_vectors)
{
    static const struct pci_function_ops ops = { .name = "probe", .access_max = 4, .destroy = probe_destroy };
    static const struct {
        uint16_t control;
        unsigned vector;
        uint32_t data;
    } rows[] = { { 0x01, 0, 0xabcd }, { 0x01, 5, 0xabcd }, { 0x11, 0, 0xabcc }, { 0x11, 3, 0xabcd },
                 { 0x31, 0, 0xabc8 }, { 0x31, 7, 0xabcf }, { 0x71, 7, 0xabcf }, /* more than there are */
                 { 0x71, 2, 0xabca } };
    struct function_bus bus;
    struct pci_function *function = calloc(1, sizeof(*function));
    pci_function_init(function, &ops, &(struct pci_identity){ .vendor = 1, .device = 2 });
    pci_msi_add(function, 0x50, 8);
    pci_msi_notify(function, 0); /* not plugged in yet */
    ck_assert(!pci_msi_enabled(function));
    function_plug(&bus, function);
    ck_assert_uint_eq(pci_config_read(function, 0x52, 2), 0x86);
    pci_msi_notify(function, 0);
    ck_assert_uint_eq(bus.messages, 0);
    function_master(&bus, true);
    pci_config_write(function, 0x5c, 2, 0xabcd);
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        pci_config_write(function, 0x52, 2, rows[n].control);
        ck_assert(pci_msi_enabled(function));
        pci_msi_notify(function, rows[n].vector);
        ck_assert_uint_eq(bus.messages, n + 1);
        ck_assert_uint_eq(bus.message_data, rows[n].data);
    }
    unsigned before = bus.messages;
    pci_msi_notify(function, 8);
    pci_msi_notify(function, UINT32_MAX);
    ck_assert_uint_eq(bus.messages, before);
    function_unplug(&bus);
}
END_TEST

static Suite *edu_suite(void)
{
    Suite *suite = suite_create("edu");
    TCase *tcase = tcase_create("edu");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, identity);
    tcase_add_test(tcase, factorials);
    tcase_add_test(tcase, interrupts);
    tcase_add_test(tcase, copies);
    tcase_add_test(tcase, hostile_copies);
    tcase_add_test(tcase, state);
    tcase_add_test(tcase, anything_anywhere);
    suite_add_tcase(suite, tcase);
    TCase *msi = tcase_create("msi");
    tcase_add_test(msi, msi_vectors);
    suite_add_tcase(suite, msi);
    return suite;
}

FAKE_MAIN(edu_suite)
