/* SPDX-License-Identifier: MIT
 *
 * Root ports and the buses behind them at register level: identity, bus numbers, windows, wires, resets, the
 * slot's registers when a function comes and goes, saved state, and a guest that writes anything anywhere.
 */
#include "devices/pci/host.h"
#include "devices/pci/msix.h"
#include "devices/pci/root_port.h"
#include "tests/devices/fake.h"

#define MEM32_BASE 0x40000000ull
#define MEM64_BASE 0x400000000ull

enum { SLOT_CONTROL = 0x6c, SLOT_STATUS = 0x6e, LINK_STATUS = 0x66 };
enum { PRESENT = 0x40, BUTTON = 1, CHANGED = 8, DONE = 0x10 };
enum { POWER_OFF = 0x400, INDICATOR_OFF = 0x300, INDICATOR_ON = 0x100, INTERRUPTS = 0x39 };

/* ---- A board with two ports ---------------------------------------------------------------------------- */

struct probe {
    struct pci_function function;
    unsigned resets;
    uint64_t value, offset;
};

static uint64_t probe_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    (void)size;
    return 0x1000 * (bar + 1u) + offset + ((struct probe *)function)->value;
}

static void probe_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                        uint64_t value)
{
    (void)bar, (void)size;
    ((struct probe *)function)->offset = offset;
    ((struct probe *)function)->value = value;
}

static void probe_reset(struct pci_function *function)
{
    ((struct probe *)function)->resets++;
    ((struct probe *)function)->value = 0;
}

static void probe_destroy(struct pci_function *function)
{
    pci_function_fini(function);
    free(function);
}

static const struct pci_function_ops probe_ops = { .name = "probe",
                                                   .access_max = 4,
                                                   .read = probe_read,
                                                   .write = probe_write,
                                                   .reset = probe_reset,
                                                   .destroy = probe_destroy };

struct board {
    struct pci_host *host;
    struct fake_irq irqs[PCI_PINS];
    unsigned raises[PCI_PINS]; /* changes to high, and repetitions of it */
    unsigned messages, ejects;
    struct pci_function *ports[2], *ejected;
};

static void set_wire(void *opaque, unsigned number, bool level)
{
    struct board *board = opaque;
    board->raises[number] += level;
    fake_irq_set(board->irqs, number, level);
}

static bool take_message(void *opaque, uint64_t address, uint32_t data)
{
    (void)address, (void)data;
    ((struct board *)opaque)->messages++;
    return true;
}

static void on_eject(void *opaque, struct pci_function *port)
{
    struct board *board = opaque;
    board->ejects++;
    board->ejected = port;
}

static struct probe *new_probe(bool express)
{
    static const struct pci_identity identity = { 0x1234, 0x5678, 0, 0, 0xff0000, 0, 1 };
    struct probe *probe = calloc(1, sizeof(*probe));
    pci_function_init(&probe->function, &probe_ops, &identity);
    pci_function_set_bar(&probe->function, 0, PCI_BAR_IO, 0x40, false);
    pci_function_set_bar(&probe->function, 1, PCI_BAR_MEM32, 0x1000, false);
    pci_function_set_bar(&probe->function, 4, PCI_BAR_MEM64, 0x4000, true);
    if (express)
        pci_function_add_express(&probe->function, 0x60, PCI_EXPRESS_INTEGRATED);
    return probe;
}

/* Ports at 01.0 and 02.0, of which the second one is fixed if `fixed`. */
static void board_init(struct board *board, bool fixed)
{
    struct pci_host_config config = {
        .windows = { { 0x30000000, 0x10000000 },
                     { 0x3000000, 0x10000 },
                     { MEM32_BASE, 0x40000000 },
                     { MEM64_BASE, 0x400000000 } },
        .msi = { take_message, board },
    };
    struct error error = { "" };
    memset(board, 0, sizeof(*board));
    for (unsigned n = 0; n < PCI_PINS; n++)
        config.intx[n] = (struct irq_line){ set_wire, board, n };
    board->host = pci_host_create(&config, &error);
    ck_assert_ptr_nonnull(board->host);
    for (unsigned n = 0; n < 2; n++) {
        struct root_port_config port = {
            .port = 8, .slot = 5, .fixed = fixed && n, .ejected = on_eject, .opaque = board
        };
        board->ports[n] = root_port_create(&port, &error);
        ck_assert_ptr_nonnull(board->ports[n]);
        ck_assert(pci_bus_plug(pci_host_bus(board->host), board->ports[n], n + 1, 0, &error));
    }
}

static struct pci_bus *behind(struct board *board, unsigned port)
{
    return &board->ports[port]->bridge->bus;
}

static struct probe *plug(struct board *board, unsigned port)
{
    struct error error = { "" };
    struct probe *probe = new_probe(true);
    ck_assert_msg(pci_bus_plug(behind(board, port), &probe->function, 0, 0, &error), "%s", error.text);
    return probe;
}

/* As the machine starts. */
static void power_on(struct board *board)
{
    for (unsigned n = 0; n < 2; n++)
        pci_function_reset(board->ports[n]);
}

static void board_destroy(struct board *board)
{
    for (unsigned n = PCI_WINDOW_COUNT; n-- > 0;) {
        struct device *window = pci_host_window(board->host, n);
        window->ops->destroy(window);
    }
}

static uint32_t get(struct board *board, unsigned bus, unsigned slot, unsigned offset, unsigned size)
{
    return (uint32_t)fake_read(pci_host_window(board->host, PCI_WINDOW_ECAM), bus << 20 | slot << 15 | offset,
                               size);
}

static void put(struct board *board, unsigned bus, unsigned slot, unsigned offset, unsigned size,
                uint32_t value)
{
    fake_write(pci_host_window(board->host, PCI_WINDOW_ECAM), bus << 20 | slot << 15 | offset, size, value);
}

static uint64_t read_at(struct board *board, enum pci_window window, uint64_t offset)
{
    return fake_read(pci_host_window(board->host, window), offset, 4);
}

/* Numbers, windows and BARs as a kernel sets them up: bus port + 1 behind each port. */
static void set_up(struct board *board, unsigned port)
{
    unsigned slot = port + 1, bus = port + 1;
    put(board, 0, slot, PCI_BRIDGE_PRIMARY, 4, bus << 16 | bus << 8);
    put(board, 0, slot, PCI_BRIDGE_IO_BASE, 2, bus << 12 | bus << 4);
    put(board, 0, slot, PCI_BRIDGE_MEMORY_BASE, 4, (0x4000u + 0x10 * bus) * 0x10001u);
    put(board, 0, slot, PCI_BRIDGE_PREFETCH_BASE, 4, 0x10 * bus * 0x10001u);
    put(board, 0, slot, PCI_BRIDGE_PREFETCH_BASE_HIGH, 4, 4);
    put(board, 0, slot, PCI_BRIDGE_PREFETCH_LIMIT_HIGH, 4, 4);
    put(board, 0, slot, PCI_COMMAND, 2, 7);
    put(board, bus, 0, PCI_BAR, 4, bus << 12);
    put(board, bus, 0, PCI_BAR + 4, 4, (uint32_t)(MEM32_BASE + 0x100000 * bus));
    put(board, bus, 0, PCI_BAR + 16, 4, 0x100000 * bus);
    put(board, bus, 0, PCI_BAR + 20, 4, 4);
    put(board, bus, 0, PCI_COMMAND, 2, 7);
}

/* ---- Configuration space ------------------------------------------------------------------------------- */

/* As QEMU 10's port has it. */
START_TEST(registers)
{
    static const struct {
        unsigned offset;
        uint32_t value;
    } rows[] = { { 0x00, 0x000c1b36 }, { 0x04, 0x00100000 }, { 0x08, 0x06040000 }, { 0x0c, 0x00010000 },
                 { 0x18, 0 },          { 0x1c, 0x000000f0 }, { 0x20, 0x0000fff0 }, { 0x24, 0x0001fff1 },
                 { 0x34, 0x54 },       { 0x3c, 0x100 },      { 0x40, 0x0000000d }, { 0x44, 0x1b36 },
                 { 0x48, 0x00004011 }, { 0x4c, 0 },          { 0x50, 0x800 },      { 0x54, 0x01424810 },
                 { 0x58, 0x8020 },     { 0x60, 0x08300604 }, { 0x68, 0x002a007b }, { 0x78, 0x00300020 },
                 { 0x80, 0x1e },       { 0x84, 4 } };
    struct board board;
    board_init(&board, true);
    struct error error;
    plug(&board, 0);
    power_on(&board);
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
        ck_assert_msg(get(&board, 0, 1, rows[n].offset, 4) == rows[n].value, "%02x: %08x", rows[n].offset,
                      get(&board, 0, 1, rows[n].offset, 4));
    ck_assert_uint_eq(get(&board, 0, 1, SLOT_CONTROL, 4), PRESENT << 16 | 0x3c0);
    ck_assert_uint_eq(get(&board, 0, 1, LINK_STATUS, 2), 0x2011);
    ck_assert_uint_eq(get(&board, 0, 2, SLOT_CONTROL, 4), 0x7c0);
    ck_assert_uint_eq(get(&board, 0, 2, LINK_STATUS, 2), 0x204);
    ck_assert_uint_eq(get(&board, 0, 2, 0x68, 4), 5 << 19); /* the fixed one */
    for (unsigned offset = 0; offset < 4096; offset += 4)
        put(&board, 0, 2, offset, 4, UINT32_MAX);
    ck_assert_uint_eq(get(&board, 0, 2, PCI_BRIDGE_IO_BASE, 4), 0xf0f0);
    ck_assert_uint_eq(get(&board, 0, 2, PCI_BRIDGE_MEMORY_BASE, 4), 0xfff0fff0);
    ck_assert_uint_eq(get(&board, 0, 2, PCI_BRIDGE_PREFETCH_BASE, 4), 0xfff1fff1);
    ck_assert_uint_eq(get(&board, 0, 2, PCI_BRIDGE_CONTROL, 2), 0x5f);
    ck_assert_uint_eq(get(&board, 0, 2, PCI_BAR, 4), 0xfffff000);
    ck_assert_uint_eq(get(&board, 0, 2, PCI_BAR + 4, 4), 0);
    ck_assert_uint_eq(get(&board, 0, 2, SLOT_CONTROL, 2), 0x7f9);
    ck_assert(!pci_bus_plug(behind(&board, 0), board.ports[1], 1, 0, &error)); /* only slot 0 */
    power_on(&board);
    ck_assert_uint_eq(get(&board, 0, 2, 0x1c, 4), 0x000000f0);
    board_destroy(&board);
}
END_TEST

START_TEST(bus_numbers)
{
    struct board board;
    board_init(&board, false);
    plug(&board, 0);
    plug(&board, 1);
    power_on(&board);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), UINT32_MAX); /* no number yet */
    put(&board, 0, 1, PCI_BRIDGE_PRIMARY, 4, 0x00091100);   /* subordinate below secondary */
    ck_assert_uint_eq(get(&board, 0x11, 0, 0, 4), UINT32_MAX);
    set_up(&board, 0);
    set_up(&board, 1);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), 0x56781234);
    ck_assert_uint_eq(get(&board, 2, 0, 0, 4), 0x56781234);
    ck_assert_uint_eq(get(&board, 1, 1, 0, 4), UINT32_MAX);
    ck_assert_uint_eq(get(&board, 3, 0, 0, 4), UINT32_MAX);
    ck_assert_uint_eq(get(&board, 1, 0, 0x62, 2), 2); /* an endpoint, not an integrated one */
    ck_assert_uint_eq(get(&board, 1, 0, 0x72, 2), 0x11);
    put(&board, 0, 1, PCI_BRIDGE_PRIMARY, 4, 0x00ff4000);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), UINT32_MAX);
    ck_assert_uint_eq(get(&board, 0x40, 0, 0, 4), 0x56781234);
    ck_assert_uint_eq(get(&board, 0x41, 0, 0, 4), UINT32_MAX);
    ck_assert_uint_eq(get(&board, 0xff, 0, 0, 4), UINT32_MAX);
    board_destroy(&board);
}
END_TEST

/* ---- Windows, wires, resets ---------------------------------------------------------------------------- */

START_TEST(windows)
{
    struct board board;
    board_init(&board, false);
    struct probe *probe = plug(&board, 1);
    power_on(&board);
    set_up(&board, 1);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_IO, 0x2004), 0x1004);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM32, 0x200ffc), 0x2ffc);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM64, 0x200010), 0x5010);
    fake_write(pci_host_window(board.host, PCI_WINDOW_MEM32), 0x200008, 4, 77);
    ck_assert_uint_eq(probe->value, 77);
    ck_assert_uint_eq(probe->offset, 8);
    probe->value = 0;
    /* What the port's windows do not have, or its command register forbids, does not pass. */
    put(&board, 2, 0, PCI_BAR + 4, 4, (uint32_t)MEM32_BASE + 0x300000);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM32, 0x300000), UINT32_MAX);
    put(&board, 0, 2, PCI_BRIDGE_MEMORY_LIMIT, 2, 0x4030);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM32, 0x300000), 0x2000);
    put(&board, 0, 2, PCI_COMMAND, 2, 5);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM32, 0x300000), UINT32_MAX);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM64, 0x200010), UINT32_MAX);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_IO, 0x2004), 0x1004);
    put(&board, 0, 2, PCI_COMMAND, 2, 6);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_IO, 0x2004), UINT32_MAX);
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM64, 0x200010), 0x5010);
    put(&board, 0, 2, PCI_BRIDGE_PREFETCH_BASE_HIGH, 4, 5); /* base above limit: closed */
    ck_assert_uint_eq(read_at(&board, PCI_WINDOW_MEM64, 0x200010), UINT32_MAX);
    board_destroy(&board);
}
END_TEST

START_TEST(wires_are_rotated)
{
    struct board board;
    board_init(&board, false);
    struct probe *one = plug(&board, 0), *two = plug(&board, 1);
    power_on(&board);
    pci_function_set_intx(&one->function, true); /* INTA behind slot 1: INTB of the root bus */
    ck_assert(board.irqs[1].level);
    pci_function_set_intx(&two->function, true);
    ck_assert(board.irqs[2].level && !board.irqs[0].level && !board.irqs[3].level);
    unsigned raised = board.raises[1];
    pci_function_set_intx(&one->function, true); /* a new request of a wire that is high */
    ck_assert_uint_eq(board.raises[1], raised + 1);
    pci_bus_unplug(&one->function);
    ck_assert(!board.irqs[1].level);
    one->function.ops->destroy(&one->function);
    pci_function_set_intx(&two->function, false);
    ck_assert(!board.irqs[2].level);
    board_destroy(&board);
}
END_TEST

START_TEST(secondary_reset)
{
    struct board board;
    board_init(&board, false);
    struct probe *probe = plug(&board, 0);
    power_on(&board);
    set_up(&board, 0);
    unsigned resets = probe->resets;
    put(&board, 0, 1, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CONTROL_RESET);
    ck_assert_uint_eq(probe->resets, resets + 1);
    ck_assert_uint_eq(get(&board, 1, 0, PCI_COMMAND, 2), 0);
    put(&board, 0, 1, PCI_BRIDGE_CONTROL, 2, 0);
    ck_assert_uint_eq(probe->resets, resets + 1);
    ck_assert_uint_eq(get(&board, 0, 1, PCI_BRIDGE_SECONDARY, 1), 1);
    board_destroy(&board);
}
END_TEST

/* ---- The slot ------------------------------------------------------------------------------------------ */

static uint32_t status(struct board *board)
{
    return get(board, 0, 1, SLOT_STATUS, 2);
}

static struct pci_bridge *port(struct board *board)
{
    return board->ports[0]->bridge;
}

START_TEST(function_comes_and_goes)
{
    struct board board;
    board_init(&board, false);
    power_on(&board);
    set_up(&board, 0);
    put(&board, 0, 1, SLOT_CONTROL, 2, INTERRUPTS | INDICATOR_OFF | POWER_OFF);
    ck_assert_uint_eq(status(&board), DONE);
    ck_assert(board.irqs[1].level);
    put(&board, 0, 1, SLOT_STATUS, 2, DONE);
    ck_assert(!board.irqs[1].level);
    struct probe *probe = plug(&board, 0);
    port(&board)->slot->plugged(port(&board));
    ck_assert_uint_eq(status(&board), PRESENT | CHANGED | BUTTON);
    ck_assert_uint_eq(get(&board, 0, 1, LINK_STATUS, 2), 0x2011);
    ck_assert(board.irqs[1].level);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), UINT32_MAX); /* without power */
    put(&board, 0, 1, SLOT_STATUS, 2, CHANGED | BUTTON);
    put(&board, 0, 1, SLOT_CONTROL, 2, INTERRUPTS | INDICATOR_ON);
    put(&board, 0, 1, SLOT_STATUS, 2, DONE);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), 0x56781234);
    ck_assert_uint_eq(status(&board), PRESENT);
    /* The user asks, and the guest agrees: first the power, then the indicator. */
    ck_assert(!port(&board)->slot->ask(port(&board)));
    ck_assert_uint_eq(status(&board), PRESENT | BUTTON);
    unsigned resets = probe->resets;
    put(&board, 0, 1, SLOT_CONTROL, 2, INTERRUPTS | INDICATOR_ON | POWER_OFF);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), UINT32_MAX);
    ck_assert_uint_eq(probe->resets, resets + 1);
    ck_assert_uint_eq(board.ejects, 0);
    put(&board, 0, 1, SLOT_CONTROL, 2, INTERRUPTS | INDICATOR_OFF | POWER_OFF);
    ck_assert_uint_eq(board.ejects, 1);
    ck_assert_ptr_eq(board.ejected, board.ports[0]);
    ck_assert_uint_eq(status(&board), BUTTON | CHANGED | DONE);
    /* It is gone for the guest, even if the power comes again before it is unplugged. */
    put(&board, 0, 1, SLOT_CONTROL, 2, INDICATOR_ON);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), UINT32_MAX);
    pci_bus_unplug(&probe->function);
    probe->function.ops->destroy(&probe->function);
    port(&board)->slot->emptied(port(&board));
    ck_assert_uint_eq(board.ejects, 1);
    ck_assert_uint_eq(get(&board, 1, 0, 0, 4), UINT32_MAX);
    board_destroy(&board);
}
END_TEST

/* A slot without power needs nobody's consent. */
START_TEST(ask_without_power)
{
    struct board board;
    board_init(&board, true);
    power_on(&board);
    plug(&board, 0);
    port(&board)->slot->plugged(port(&board));
    ck_assert(port(&board)->slot->ask(port(&board)));
    ck_assert_uint_eq(status(&board), PRESENT | CHANGED);
    ck_assert_ptr_null(board.ports[1]->bridge->slot);
    board_destroy(&board);
}
END_TEST

START_TEST(interrupt_by_message)
{
    struct board board;
    board_init(&board, false);
    power_on(&board);
    set_up(&board, 0);
    put(&board, 0, 1, PCI_BAR, 4, (uint32_t)MEM32_BASE);
    fake_write(pci_host_window(board.host, PCI_WINDOW_MEM32), 0, 8, 0x28000000);
    fake_write(pci_host_window(board.host, PCI_WINDOW_MEM32), 8, 8, 5);
    put(&board, 0, 1, 0x4a, 2, 0x8000);
    put(&board, 0, 1, SLOT_CONTROL, 2, INTERRUPTS | INDICATOR_OFF | POWER_OFF);
    ck_assert_uint_eq(board.messages, 1);
    ck_assert(!board.irqs[1].level);
    put(&board, 0, 1, SLOT_STATUS, 2, DONE);
    plug(&board, 0);
    port(&board)->slot->plugged(port(&board));
    ck_assert_uint_eq(board.messages, 2);
    board_destroy(&board);
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

static void copy(struct board *from, struct board *to)
{
    struct device *window = pci_host_window(from->host, PCI_WINDOW_ECAM);
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    state_writer_init(&writer);
    window->ops->save(window, &writer);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    window = pci_host_window(to->host, PCI_WINDOW_ECAM);
    ck_assert_msg(window->ops->load(window, &reader), "%s", error.text);
    state_writer_destroy(&writer);
}

START_TEST(state)
{
    struct board board, other;
    board_init(&board, false);
    plug(&board, 0);
    plug(&board, 1);
    power_on(&board);
    set_up(&board, 0);
    set_up(&board, 1);
    put(&board, 0, 1, SLOT_CONTROL, 2, INDICATOR_ON | INTERRUPTS);
    put(&board, 0, 2, SLOT_CONTROL, 2, INDICATOR_OFF | POWER_OFF); /* given up, not unplugged yet */
    ck_assert_uint_eq(board.ejects, 1);
    board_init(&other, false);
    plug(&other, 0);
    plug(&other, 1);
    power_on(&other);
    copy(&board, &other);
    ck_assert_uint_eq(get(&other, 1, 0, 0, 4), 0x56781234);
    ck_assert_uint_eq(read_at(&other, PCI_WINDOW_MEM32, 0x100000), 0x2000);
    ck_assert_uint_eq(status(&other), PRESENT | DONE);
    ck_assert(other.irqs[1].level);
    ck_assert_uint_eq(other.ejects, 1);
    ck_assert_ptr_eq(other.ejected, other.ports[1]);
    ck_assert_uint_eq(get(&other, 2, 0, 0, 4), UINT32_MAX);
    fake_state_mutate(pci_host_window(other.host, PCI_WINDOW_ECAM), fake_seed("root_port"), 500);
    board_destroy(&other);
    /* Another set of functions is refused. */
    board_init(&other, false);
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    struct device *window = pci_host_window(board.host, PCI_WINDOW_ECAM);
    state_writer_init(&writer);
    window->ops->save(window, &writer);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    window = pci_host_window(other.host, PCI_WINDOW_ECAM);
    ck_assert(!window->ops->load(window, &reader));
    state_writer_destroy(&writer);
    board_destroy(&other);
    board_destroy(&board);
}
END_TEST

/* ---- Anything ------------------------------------------------------------------------------------------ */

static void come_and_go(struct board *board, unsigned number)
{
    struct pci_bridge *bridge = board->ports[number]->bridge;
    struct pci_function *function = pci_bus_function(&bridge->bus, 0, 0);
    if (!function) {
        plug(board, number);
        bridge->slot->plugged(bridge);
    } else if (board->ejected == board->ports[number] || bridge->slot->ask(bridge)) {
        pci_bus_unplug(function);
        function->ops->destroy(function);
        bridge->slot->emptied(bridge);
        board->ejected = NULL;
    }
}

START_TEST(anything)
{
    struct board board;
    unsigned seed = fake_seed("root_port");
    board_init(&board, false);
    power_on(&board);
    for (unsigned n = 0; n < 60000; n++) {
        unsigned size = 1u << rand_r(&seed) % 3, bus = (unsigned)rand_r(&seed) % 5;
        unsigned offset = (unsigned)rand_r(&seed) % 0x90 & ~(size - 1);
        uint32_t value = (uint32_t)rand_r(&seed) << rand_r(&seed) % 24 & 0x0f0f0f0f;
        switch (rand_r(&seed) % 16) {
        case 0: come_and_go(&board, (unsigned)rand_r(&seed) % 2); break;
        case 1: set_up(&board, (unsigned)rand_r(&seed) % 2); break;
        case 2: read_at(&board, PCI_WINDOW_IO, (unsigned)rand_r(&seed) % 0x4000 & ~3u); break;
        case 3: read_at(&board, PCI_WINDOW_MEM32, (unsigned)rand_r(&seed) % 0x400000 & ~3u); break;
        case 4: get(&board, bus, (unsigned)rand_r(&seed) % 3, offset, size); break;
        case 5:
            put(&board, 0, 1 + (unsigned)rand_r(&seed) % 2, SLOT_CONTROL, 4, (uint32_t)rand_r(&seed));
            break;
        default: put(&board, bus, (unsigned)rand_r(&seed) % 3, offset, size, value); break;
        }
    }
    power_on(&board);
    for (unsigned n = 0; n < PCI_PINS; n++)
        ck_assert(!board.irqs[n].level);
    board_destroy(&board);
}
END_TEST

static Suite *root_port_suite(void)
{
    Suite *suite = suite_create("root_port");
    TCase *tcase = tcase_create("root_port");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, registers);
    tcase_add_test(tcase, bus_numbers);
    tcase_add_test(tcase, windows);
    tcase_add_test(tcase, wires_are_rotated);
    tcase_add_test(tcase, secondary_reset);
    tcase_add_test(tcase, function_comes_and_goes);
    tcase_add_test(tcase, ask_without_power);
    tcase_add_test(tcase, interrupt_by_message);
    tcase_add_test(tcase, state);
    tcase_add_test(tcase, anything);
    suite_add_tcase(suite, tcase);
    return suite;
}

FAKE_MAIN(root_port_suite)
