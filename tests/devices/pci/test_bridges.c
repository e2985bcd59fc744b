/* SPDX-License-Identifier: MIT
 *
 * Bridges to conventional buses, switches and ports with Intel's ids at register level: identity, a function
 * behind several of them (its BARs, its wire, its requests), hot plug in a switch, saved state, and a guest
 * that writes anything anywhere.
 */
#include "devices/pci/bridges.h"
#include "devices/pci/host.h"
#include "devices/pci/iommu.h"
#include "devices/pci/root_port.h"
#include "tests/devices/fake.h"

#define MEM32_BASE 0x40000000ull

struct board {
    struct pci_host *host;
    struct fake_irq irqs[PCI_PINS];
    unsigned messages, ejects;
};
static struct board board;

static bool take_message(void *opaque, uint64_t address, uint32_t data)
{
    (void)address, (void)data;
    ((struct board *)opaque)->messages++;
    return true;
}

static void on_eject(void *opaque, struct pci_function *port)
{
    (void)port;
    ((struct board *)opaque)->ejects++;
}

static uint64_t probe_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    (void)function, (void)size;
    return 0x1000 * (bar + 1u) + offset;
}

static void probe_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                        uint64_t value)
{
    (void)function, (void)bar, (void)offset, (void)size, (void)value;
}

static void probe_destroy(struct pci_function *function)
{
    pci_function_fini(function);
    free(function);
}

static const struct pci_function_ops probe_ops = {
    .name = "probe", .access_max = 4, .read = probe_read, .write = probe_write, .destroy = probe_destroy
};

static struct pci_function *new_probe(void)
{
    static const struct pci_identity identity = { 0x1234, 0x5678, 0, 0, 0xff0000, 0, 1 };
    struct pci_function *probe = calloc(1, sizeof(*probe));
    pci_function_init(probe, &probe_ops, &identity);
    pci_function_set_bar(probe, 0, PCI_BAR_IO, 0x40, false);
    pci_function_set_bar(probe, 1, PCI_BAR_MEM32, 0x1000, false);
    return probe;
}

static struct pci_function *plug(struct pci_bus *bus, struct pci_function *function, unsigned slot)
{
    struct error error = { "" };
    ck_assert_ptr_nonnull(function);
    ck_assert_msg(pci_bus_plug(bus, function, slot, 0, &error), "%s", error.text);
    return function;
}

static struct pci_function *new_bridge(enum pci_bridge_kind kind)
{
    struct error error = { "" };
    return pci_bridge_create(kind, 7, false, &error);
}

static struct pci_function *new_port(enum root_port_kind kind)
{
    struct error error = { "" };
    struct root_port_config config = {
        .kind = kind, .slot = kind == ROOT_PORT_XIO3130, .ejected = on_eject, .opaque = &board
    };
    return root_port_create(&config, &error);
}

static void setup(void)
{
    struct pci_host_config config = {
        .windows = { { 0x30000000, 0x10000000 },
                     { 0x3000000, 0x10000 },
                     { MEM32_BASE, 0x40000000 },
                     { 0x400000000, 0x400000000 } },
        .msi = { take_message, &board },
    };
    struct error error = { "" };
    memset(&board, 0, sizeof(board));
    for (unsigned n = 0; n < PCI_PINS; n++)
        config.intx[n] = (struct irq_line){ fake_irq_set, board.irqs, n };
    board.host = pci_host_create(&config, &error);
    ck_assert_ptr_nonnull(board.host);
}

static void teardown(void)
{
    for (unsigned n = PCI_WINDOW_COUNT; n-- > 0;) {
        struct device *window = pci_host_window(board.host, n);
        window->ops->destroy(window);
    }
}

static struct pci_bus *root(void)
{
    return pci_host_bus(board.host);
}

static uint32_t get(unsigned bus, unsigned slot, unsigned offset, unsigned size)
{
    return (uint32_t)fake_read(pci_host_window(board.host, PCI_WINDOW_ECAM), bus << 20 | slot << 15 | offset,
                               size);
}

static void put(unsigned bus, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
    fake_write(pci_host_window(board.host, PCI_WINDOW_ECAM), bus << 20 | slot << 15 | offset, size, value);
}

/* The bridge at a place leads to the buses from `first` to 9, with I/O ports from 0x1000 on, and a MiB. */
static void open_bridge(unsigned bus, unsigned slot, unsigned first)
{
    put(bus, slot, PCI_BRIDGE_PRIMARY, 4, 9u << 16 | first << 8 | bus);
    put(bus, slot, PCI_BRIDGE_IO_BASE, 2, 0x1010);
    put(bus, slot, PCI_BRIDGE_MEMORY_BASE, 4, 0x40104010);
    put(bus, slot, PCI_COMMAND, 2, 7);
}

static void open_probe(unsigned bus, unsigned slot)
{
    put(bus, slot, PCI_BAR, 4, 0x1080);
    put(bus, slot, PCI_BAR + 4, 4, (uint32_t)MEM32_BASE + 0x102000);
    put(bus, slot, PCI_COMMAND, 2, 7);
}

static void expect_probe(unsigned bus, unsigned slot)
{
    ck_assert_uint_eq(get(bus, slot, 0, 4), 0x56781234);
    ck_assert_uint_eq(fake_read(pci_host_window(board.host, PCI_WINDOW_IO), 0x1084, 4), 0x1004);
    ck_assert_uint_eq(fake_read(pci_host_window(board.host, PCI_WINDOW_MEM32), 0x102008, 4), 0x2008);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

struct row {
    unsigned offset;
    uint32_t value;
};

static void expect_rows(struct pci_function *function, const struct row *rows, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        ck_assert_msg(pci_config_read(function, rows[n].offset, 4) == rows[n].value, "%s %02x: %08x",
                      function->ops->name, rows[n].offset, pci_config_read(function, rows[n].offset, 4));
}
#define EXPECT(function, ...)                                                                                \
    expect_rows(function, (const struct row[]){ __VA_ARGS__ },                                               \
                sizeof((const struct row[]){ __VA_ARGS__ }) / sizeof(struct row))

/* As QEMU 10 has them, those with an SHPC as with shpc=off. */
START_TEST(registers)
{
    struct pci_function *ioh = plug(root(), new_port(ROOT_PORT_IOH3420), 1);
    struct pci_function *express = plug(root(), new_bridge(PCI_BRIDGE_EXPRESS), 2);
    struct pci_function *conventional = plug(root(), new_bridge(PCI_BRIDGE_CONVENTIONAL), 3);
    struct pci_function *dmi = plug(root(), new_bridge(PCI_BRIDGE_I82801B11), 4);
    struct pci_function *up = plug(&ioh->bridge->bus, new_bridge(PCI_BRIDGE_X3130), 0);
    struct pci_function *down = plug(&up->bridge->bus, new_port(ROOT_PORT_XIO3130), 5);
    pci_bus_reset(root());
    EXPECT(ioh, { 0x00, 0x34208086 }, { 0x08, 0x06040002 }, { 0x0c, 0x10000 }, { 0x1c, 0xf0 }, { 0x34, 0x90 },
           { 0x3c, 0x100 }, { 0x40, 0x0d }, { 0x44, 0x8086 }, { 0x90, 0x01426010 }, { 0x94, 0x8020 },
           { 0x9c, 0x00300411 }, { 0xa4, 0x0002007b }, { 0xb4, 0x00300020 });
    EXPECT(express, { 0x00, 0x000e1b36 }, { 0x08, 0x06040000 }, { 0x0c, 0x10000 }, { 0x34, 0x84 },
           { 0x48, 0x00720010 }, { 0x4c, 0x8000 }, { 0x84, 0x00034801 });
    EXPECT(conventional, { 0x00, 0x00011b36 }, { 0x08, 0x06040000 }, { 0x34, 0x48 }, { 0x48, 0x07200004 });
    EXPECT(dmi, { 0x00, 0x244e8086 }, { 0x08, 0x06040192 }, { 0x34, 0x50 }, { 0x3c, 0 }, { 0x50, 0x0d });
    EXPECT(up, { 0x00, 0x8232104c }, { 0x08, 0x06040002 }, { 0x34, 0x90 }, { 0x3c, 0 }, { 0x70, 0x00800005 },
           { 0x80, 0x700d }, { 0x90, 0x00528010 }, { 0x9c, 0x411 }, { 0xa0, 0x110000 });
    EXPECT(down, { 0x00, 0x8233104c }, { 0x08, 0x06040001 }, { 0x34, 0x90 }, { 0x70, 0x00800005 },
           { 0x80, 0x700d }, { 0x90, 0x01628010 }, { 0xa4, 0x000a007b }, { 0xa8, 0x7c0 });
    ck_assert_uint_eq(pci_config_read(express, 0x100, 4), 0);
    ck_assert_uint_eq(pci_config_read(conventional, 0x100, 4), UINT32_MAX); /* there is no such space */
}
END_TEST

/* ---- What is behind them ------------------------------------------------------------------------------- */

START_TEST(behind_conventional_buses)
{
    struct pci_function *port = plug(root(), new_port(ROOT_PORT_GENERIC), 1);
    struct pci_function *express = plug(&port->bridge->bus, new_bridge(PCI_BRIDGE_EXPRESS), 0);
    struct pci_function *conventional = plug(&express->bridge->bus, new_bridge(PCI_BRIDGE_CONVENTIONAL), 2);
    struct pci_function *probe = plug(&conventional->bridge->bus, new_probe(), 6);
    struct pci_function *near = plug(&express->bridge->bus, new_probe(), 31);
    pci_bus_reset(root());
    ck_assert_uint_eq(get(3, 6, 0, 4), UINT32_MAX);
    open_bridge(0, 1, 1);
    open_bridge(1, 0, 2);
    open_bridge(2, 2, 3);
    open_probe(3, 6);
    expect_probe(3, 6);
    ck_assert_uint_eq(get(2, 31, 0, 4), 0x56781234);
    ck_assert_uint_eq(get(3, 5, 0, 4), UINT32_MAX);
    /* INTA of slot 6 is wire 2 there, 2 + 2 on the bus in front, then slots 0 and 1. */
    pci_function_set_intx(probe, true);
    ck_assert(board.irqs[1].level && !board.irqs[0].level && !board.irqs[2].level);
    pci_function_set_intx(probe, false);
    ck_assert(!board.irqs[1].level);
    /* Requests are those of the bridge from PCI Express. */
    ck_assert_uint_eq(pci_requester_id(probe), 0x200);
    ck_assert_uint_eq(pci_requester_id(near), 0x200);
    ck_assert_uint_eq(pci_requester_id(express), 0x100);
    ck_assert(pci_message_send(probe, 0x1000, 1));
    ck_assert_uint_eq(board.messages, 1);
    put(1, 0, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CONTROL_RESET); /* of what is behind it */
    ck_assert_uint_eq(get(2, 2, PCI_BRIDGE_PRIMARY, 4), 0);
    ck_assert_uint_eq(get(3, 6, 0, 4), UINT32_MAX);
}
END_TEST

START_TEST(behind_an_old_bridge)
{
    struct pci_function *dmi = plug(root(), new_bridge(PCI_BRIDGE_I82801B11), 4);
    struct pci_function *probe = plug(&dmi->bridge->bus, new_probe(), 1);
    pci_bus_reset(root());
    open_bridge(0, 4, 1);
    open_probe(1, 1);
    expect_probe(1, 1);
    ck_assert_uint_eq(pci_requester_id(probe), 4 << 3);
    put(0, 4, PCI_COMMAND, 2, 0);
    ck_assert_uint_eq(fake_read(pci_host_window(board.host, PCI_WINDOW_MEM32), 0x102008, 4), UINT32_MAX);
}
END_TEST

/* A function comes to a port of a switch, and goes. */
START_TEST(a_switch)
{
    struct pci_function *ioh = plug(root(), new_port(ROOT_PORT_IOH3420), 3);
    struct pci_function *up = plug(&ioh->bridge->bus, new_bridge(PCI_BRIDGE_X3130), 0);
    struct pci_function *down[2];
    for (unsigned n = 0; n < 2; n++)
        down[n] = plug(&up->bridge->bus, new_port(ROOT_PORT_XIO3130), n);
    pci_bus_reset(root());
    open_bridge(0, 3, 1);
    open_bridge(1, 0, 2);
    open_bridge(2, 1, 4);
    ck_assert_uint_eq(get(2, 1, 0, 4), 0x8233104c);
    put(2, 1, PCI_COMMAND, 2, 7);
    put(2, 1, 0x74, 4, 0x28000000); /* MSI tells of the slot */
    put(2, 1, 0x72, 2, 1);
    put(2, 1, 0xa8, 2, 0x7e9);
    board.messages = 0;
    struct pci_function *probe = plug(&down[1]->bridge->bus, new_probe(), 0);
    down[1]->bridge->slot->plugged(down[1]->bridge);
    ck_assert_uint_eq(board.messages, 1);
    ck_assert_uint_eq(get(2, 1, 0xaa, 2) & 0x49, 0x49);
    put(2, 1, 0xaa, 2, 0x19);
    put(2, 1, 0xa8, 2, 0x1e9); /* power on */
    open_probe(4, 0);
    expect_probe(4, 0);
    ck_assert_uint_eq(pci_requester_id(probe), 0x400);
    pci_function_set_intx(probe, true);
    ck_assert(board.irqs[(0 + 1 + 0 + 3) % 4].level);
    pci_function_set_intx(probe, false);
    ck_assert(!down[1]->bridge->slot->ask(down[1]->bridge));
    put(2, 1, 0xa8, 2, 0x7e9);
    ck_assert_uint_eq(board.ejects, 1);
    pci_bus_unplug(probe);
    probe_destroy(probe);
    down[1]->bridge->slot->emptied(down[1]->bridge);
    ck_assert_uint_eq(get(2, 1, 0xaa, 2) & 0x40, 0);
}
END_TEST

/* ---- State, and hostile guests ------------------------------------------------------------------------- */

static void plug_all(void)
{
    struct pci_function *ioh = plug(root(), new_port(ROOT_PORT_IOH3420), 1);
    struct pci_function *up = plug(&ioh->bridge->bus, new_bridge(PCI_BRIDGE_X3130), 0);
    plug(&up->bridge->bus, new_port(ROOT_PORT_XIO3130), 5);
    struct pci_function *express = plug(root(), new_bridge(PCI_BRIDGE_EXPRESS), 2);
    struct pci_function *conventional = plug(&express->bridge->bus, new_bridge(PCI_BRIDGE_CONVENTIONAL), 3);
    plug(&conventional->bridge->bus, new_probe(), 1);
    plug(root(), new_bridge(PCI_BRIDGE_I82801B11), 4);
    pci_bus_reset(root());
}

START_TEST(state)
{
    struct board first;
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    plug_all();
    open_bridge(0, 2, 1);
    open_bridge(1, 3, 2);
    open_probe(2, 1);
    expect_probe(2, 1);
    state_writer_init(&writer);
    pci_bus_save(root(), "pci", &writer);
    first = board;
    setup();
    plug_all();
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(pci_bus_load(root(), "pci", &reader), "%s", error.text);
    expect_probe(2, 1);
    unsigned seed = fake_seed("bridges");
    for (unsigned n = 0; n < 2000; n++) {
        size_t at = (size_t)rand_r(&seed) % writer.length;
        uint8_t before = writer.bytes[at];
        writer.bytes[at] = (uint8_t)rand_r(&seed);
        state_reader_init(&reader, writer.bytes, writer.length, &error);
        pci_bus_load(root(), "pci", &reader);
        writer.bytes[at] = before;
    }
    state_writer_destroy(&writer);
    teardown();
    board = first;
}
END_TEST

START_TEST(anything_anywhere)
{
    unsigned seed = fake_seed("bridges");
    plug_all();
    for (unsigned n = 0; n < 60000; n++) {
        unsigned bus = (unsigned)rand_r(&seed) % 4, slot = (unsigned)rand_r(&seed) % 6;
        unsigned size = 1u << rand_r(&seed) % 3, offset = (unsigned)rand_r(&seed) % 0x108 / size * size;
        put(bus, slot, offset, size, (uint32_t)rand_r(&seed) * (rand_r(&seed) % 2 ? 1 : 0x10001));
        get(bus, slot, offset, size);
        fake_read(pci_host_window(board.host, PCI_WINDOW_MEM32), (unsigned)rand_r(&seed) % 0x400000 / 4 * 4,
                  4);
        if (n % 10000 == 0)
            pci_bus_reset(root());
    }
    pci_bus_reset(root());
    open_bridge(0, 2, 1);
    open_bridge(1, 3, 2);
    open_probe(2, 1);
    expect_probe(2, 1);
}
END_TEST

static Suite *test_suite(void)
{
    Suite *suite = suite_create("bridges");
    TCase *tests = tcase_create("bridges");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, registers);
    tcase_add_test(tests, behind_conventional_buses);
    tcase_add_test(tests, behind_an_old_bridge);
    tcase_add_test(tests, a_switch);
    tcase_add_test(tests, state);
    tcase_add_test(tests, anything_anywhere);
    suite_add_tcase(suite, tests);
    return suite;
}

FAKE_MAIN(test_suite)
