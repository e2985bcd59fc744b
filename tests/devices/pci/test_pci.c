/* SPDX-License-Identifier: MIT
 *
 * The PCI host bridge and functions at register level: configuration space through ECAM, sizing and placing
 * of BARs, the command register's gates, capabilities, INTx and MSI-X, the FDT node, saved state, and a guest
 * that writes anything anywhere.
 */
#include "devices/pci/host.h"
#include "devices/pci/msix.h"
#include "tests/devices/fake.h"

#define ECAM_BASE  0x30000000ull
#define IO_BASE    0x3000000ull
#define MEM32_BASE 0x40000000ull
#define MEM64_BASE 0x400000000ull

/* A function with one BAR of each kind. It remembers its last access. */
struct probe {
    struct pci_function function;
    unsigned reads, writes, resets, bar, size;
    uint64_t offset, value;
    uint32_t own; /* a register of its own, for the saved state */
};

static uint64_t probe_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct probe *probe = (struct probe *)function;
    probe->reads++;
    probe->bar = bar;
    probe->offset = offset;
    probe->size = size;
    return 0x8877665544332211ull + offset;
}

static void probe_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                        uint64_t value)
{
    struct probe *probe = (struct probe *)function;
    ck_assert(function->bars[bar].kind != PCI_BAR_NONE);
    ck_assert_uint_le(offset + size, function->bars[bar].size);
    ck_assert_uint_eq(offset % size, 0);
    probe->writes++;
    probe->bar = bar;
    probe->offset = offset;
    probe->size = size;
    probe->value = value;
    probe->own = (uint32_t)value;
}

static void probe_reset(struct pci_function *function)
{
    ((struct probe *)function)->resets++;
    ((struct probe *)function)->own = 0;
}

static void probe_save(struct pci_function *function, struct state_writer *writer)
{
    state_section(writer, "probe", 1);
    state_put(writer, "own", ((struct probe *)function)->own);
}

static bool probe_load(struct pci_function *function, struct state_reader *reader)
{
    if (state_open(reader, "probe", 1))
        ((struct probe *)function)->own = (uint32_t)state_get(reader, "own", UINT32_MAX);
    return !reader->failed;
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
                                                   .save = probe_save,
                                                   .load = probe_load,
                                                   .destroy = probe_destroy };

enum { BAR_IO = 0, BAR_MSIX = 1, BAR_MEM32 = 2, BAR_MEM64 = 4, VECTORS = 70 };
enum { IO_BYTES = 0x40, MEM32_BYTES = 0x2000, PBA_AT = 0x800 };
#define MEM64_BYTES 0x100000000ull

struct message {
    uint64_t address;
    uint32_t data;
};

struct board {
    struct pci_host *host;
    struct fake_irq irqs[PCI_PINS];
    struct message messages[256];
    unsigned message_count;
};

static bool take_message(void *opaque, uint64_t address, uint32_t data)
{
    struct board *board = opaque;
    ck_assert_uint_lt(board->message_count, 256);
    board->messages[board->message_count++] = (struct message){ address, data };
    return true;
}

static void board_init(struct board *board, bool msi)
{
    struct pci_host_config config = {
        .windows = { { ECAM_BASE, 0x10000000 },
                     { IO_BASE, 0x10000 },
                     { MEM32_BASE, 0x40000000 },
                     { MEM64_BASE, 0x400000000 } },
        .first_irq = 32,
        .irq_parent = 9,
        .msi = { msi ? take_message : NULL, board },
    };
    struct error error;
    memset(board, 0, sizeof(*board));
    for (unsigned n = 0; n < PCI_PINS; n++)
        config.intx[n] = (struct irq_line){ fake_irq_set, board->irqs, n };
    board->host = pci_host_create(&config, &error);
    ck_assert_ptr_nonnull(board->host);
}

static struct probe *plug(struct board *board, unsigned slot, unsigned number, unsigned pin)
{
    struct pci_identity identity = { 0x1234, 0x5678, 0x9abc, 0xdef0, 0xff0102, 3, (uint8_t)pin };
    struct error error = { .text = "" };
    struct probe *probe = calloc(1, sizeof(*probe));
    struct pci_function *function = &probe->function;
    pci_function_init(function, &probe_ops, &identity);
    pci_function_set_bar(function, BAR_IO, PCI_BAR_IO, IO_BYTES, false);
    pci_function_set_bar(function, BAR_MSIX, PCI_BAR_MEM32, 0x1000, false);
    pci_function_set_bar(function, BAR_MEM32, PCI_BAR_MEM32, MEM32_BYTES, false);
    pci_function_set_bar(function, BAR_MEM64, PCI_BAR_MEM64, MEM64_BYTES, true);
    pci_function_add_capability(function, PCI_CAP_VENDOR, 0x40, 16);
    ck_assert(pci_msix_add(function, 0x50, VECTORS, BAR_MSIX, 0, PBA_AT, &error));
    pci_function_add_express(function, 0x60, PCI_EXPRESS_INTEGRATED);
    ck_assert_msg(pci_bus_plug(pci_host_bus(board->host), function, slot, number, &error), "%s", error.text);
    return probe;
}

static void board_destroy(struct board *board)
{
    for (unsigned n = PCI_WINDOW_COUNT; n-- > 0;) {
        struct device *window = pci_host_window(board->host, n);
        window->ops->destroy(window);
    }
}

static struct device *ecam(struct board *board)
{
    return pci_host_window(board->host, PCI_WINDOW_ECAM);
}

static uint32_t config_read(struct board *board, unsigned slot, unsigned number, unsigned offset,
                            unsigned size)
{
    return (uint32_t)fake_read(ecam(board), slot << 15 | number << 12 | offset, size);
}

static void config_write(struct board *board, unsigned slot, unsigned number, unsigned offset, unsigned size,
                         uint32_t value)
{
    fake_write(ecam(board), slot << 15 | number << 12 | offset, size, value);
}

static uint64_t window_read(struct board *board, enum pci_window window, uint64_t offset, unsigned size)
{
    return fake_read(pci_host_window(board->host, window), offset, size);
}

static void place(struct board *board, unsigned slot, uint16_t io, uint32_t msix, uint32_t mem32,
                  uint64_t mem64)
{
    config_write(board, slot, 0, PCI_BAR + 4 * BAR_IO, 4, io);
    config_write(board, slot, 0, PCI_BAR + 4 * BAR_MSIX, 4, msix);
    config_write(board, slot, 0, PCI_BAR + 4 * BAR_MEM32, 4, mem32);
    config_write(board, slot, 0, PCI_BAR + 4 * BAR_MEM64, 4, (uint32_t)mem64);
    config_write(board, slot, 0, PCI_BAR + 4 * BAR_MEM64 + 4, 4, (uint32_t)(mem64 >> 32));
    config_write(board, slot, 0, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* ---- Configuration space ------------------------------------------------------------------------------- */

START_TEST(nothing_there_reads_as_ones)
{
    struct board board;
    board_init(&board, false);
    plug(&board, 3, 0, 1);
    ck_assert_uint_eq(config_read(&board, 0, 0, 0, 4), 0x00081b36); /* the bridge */
    ck_assert_uint_eq(config_read(&board, 0, 0, PCI_REVISION, 4), 0x06000000);
    ck_assert_uint_eq(config_read(&board, 0, 0, 0x100, 4), 0xffffffff);
    ck_assert_uint_eq(config_read(&board, 1, 0, 0, 4), 0xffffffff);
    ck_assert_uint_eq(config_read(&board, 3, 1, 0, 2), 0xffff);
    ck_assert_uint_eq(config_read(&board, 31, 7, 0xffc, 1), 0xff);
    config_write(&board, 1, 0, PCI_COMMAND, 4, 0xffffffff);
    /* Another bus, at the same slot. */
    ck_assert_uint_eq(fake_read(ecam(&board), 1 << 20 | 3 << 15, 4), 0xffffffff);
    ck_assert_uint_eq(fake_read(ecam(&board), 255 << 20 | 3 << 15, 4), 0xffffffff);
    fake_write(ecam(&board), 1 << 20 | 3 << 15 | PCI_COMMAND, 2, 7);
    ck_assert_uint_eq(config_read(&board, 3, 0, PCI_COMMAND, 2), 0);
    for (unsigned window = PCI_WINDOW_IO; window < PCI_WINDOW_COUNT; window++) {
        ck_assert_uint_eq(window_read(&board, window, 0x1000, 4), 0xffffffff);
        fake_write(pci_host_window(board.host, window), 0x1000, 4, 1);
    }
    board_destroy(&board);
}
END_TEST

START_TEST(identity_is_read_only)
{
    struct board board;
    board_init(&board, false);
    plug(&board, 3, 0, 1);
    for (unsigned n = 0; n < 2; n++) {
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_VENDOR_ID, 4), 0x56781234);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_DEVICE_ID, 2), 0x5678);
        ck_assert_uint_eq(config_read(&board, 3, 0, 1, 1), 0x12);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_REVISION, 4), 0xff010203);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_HEADER_TYPE, 1), 0);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_INTERRUPT_PIN, 1), 1);
        ck_assert_uint_eq(config_read(&board, 3, 0, 0x30, 4), 0); /* no ROM */
        for (unsigned offset = 0; offset < 4096; offset += 4)
            config_write(&board, 3, 0, offset, 4, n ? 0 : 0xffffffff);
    }
    config_write(&board, 3, 0, PCI_INTERRUPT_LINE, 4, 0xffffff2a);
    ck_assert_uint_eq(config_read(&board, 3, 0, PCI_INTERRUPT_LINE, 4), 0x0000012a);
    board_destroy(&board);
}
END_TEST

START_TEST(capability_list)
{
    struct board board;
    unsigned seen = 0, at;
    board_init(&board, false);
    plug(&board, 3, 0, 1);
    ck_assert(config_read(&board, 3, 0, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES);
    ck_assert(!(config_read(&board, 0, 0, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES));
    for (at = config_read(&board, 3, 0, PCI_CAPABILITIES, 1); at; at = config_read(&board, 3, 0, at + 1, 1)) {
        static const unsigned order[] = { PCI_CAP_EXPRESS, PCI_CAP_MSIX, PCI_CAP_VENDOR };
        ck_assert_uint_lt(seen, 3);
        ck_assert_uint_eq(config_read(&board, 3, 0, at, 1), order[seen++]);
    }
    ck_assert_uint_eq(seen, 3);
    /* Version 2, an endpoint integrated into the root complex; its space has 4 KiB, without extended
     * capabilities. */
    ck_assert_uint_eq(config_read(&board, 3, 0, 0x62, 2), 0x92);
    ck_assert_uint_eq(config_read(&board, 3, 0, 0x100, 4), 0);
    config_write(&board, 3, 0, 0x68, 2, 0xffff);
    ck_assert_uint_eq(config_read(&board, 3, 0, 0x68, 2), 0x781f);
    board_destroy(&board);
}
END_TEST

/* ---- BARs ---------------------------------------------------------------------------------------------- */

START_TEST(bar_sizing)
{
    static const uint32_t sized[PCI_BARS] = { 0xffffffc1, 0xfffff000, 0xffffe000, 0, 0x0000000c, 0xffffffff };
    static const uint32_t zeroed[PCI_BARS] = { 1, 0, 0, 0, 0xc, 0 };
    struct board board;
    board_init(&board, false);
    plug(&board, 3, 0, 1);
    for (unsigned n = 0; n < PCI_BARS; n++) {
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_BAR + 4 * n, 4), zeroed[n]);
        config_write(&board, 3, 0, PCI_BAR + 4 * n, 4, 0xffffffff);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_BAR + 4 * n, 4), sized[n]);
        config_write(&board, 3, 0, PCI_BAR + 4 * n, 4, 0);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_BAR + 4 * n, 4), zeroed[n]);
        /* Byte by byte as well. */
        for (unsigned byte = 0; byte < 4; byte++)
            config_write(&board, 3, 0, PCI_BAR + 4 * n + byte, 1, 0xff);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_BAR + 4 * n, 4), sized[n]);
    }
    board_destroy(&board);
}
END_TEST

START_TEST(bars_decode_where_they_are)
{
    struct board board;
    board_init(&board, false);
    struct probe *probe = plug(&board, 3, 0, 1);
    place(&board, 3, 0x1000, 0x40000000, 0x40002000, 0x500000000);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_IO, 0x1004, 2), 0x2215);
    ck_assert_uint_eq(probe->bar, BAR_IO);
    ck_assert_uint_eq(probe->offset, 4);
    ck_assert_uint_eq(probe->size, 2);
    window_read(&board, PCI_WINDOW_MEM32, 0x3ffc, 4);
    ck_assert_uint_eq(probe->bar, BAR_MEM32);
    ck_assert_uint_eq(probe->offset, MEM32_BYTES - 4);
    window_read(&board, PCI_WINDOW_MEM64, 0x1fffffffc, 4);
    ck_assert_uint_eq(probe->bar, BAR_MEM64);
    ck_assert_uint_eq(probe->offset, MEM64_BYTES - 4);
    ck_assert_uint_eq(probe->reads, 3);
    /* Just outside the BAR. */
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_IO, 0x1040, 1), 0xff);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_IO, 0xfff, 1), 0xff);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 0x4000, 8), UINT64_MAX);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM64, 0x200000000, 8), UINT64_MAX);
    ck_assert_uint_eq(probe->reads, 3);
    /* Wider than the function takes: the access comes in pieces. */
    fake_write(pci_host_window(board.host, PCI_WINDOW_MEM32), 0x2008, 8, 0x1122334455667788);
    ck_assert_uint_eq(probe->writes, 2);
    ck_assert_uint_eq(probe->offset, 12);
    ck_assert_uint_eq(probe->value, 0x11223344);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 0x2000, 8), 0x4433221544332211);
    /* The BARs are moved; a 64-bit BAR may lie in the 32-bit window, too. */
    place(&board, 3, 0x2000, 0x40000000, 0x7fffe000, 0x600000000);
    unsigned reads = probe->reads;
    window_read(&board, PCI_WINDOW_IO, 0x1004, 2);
    window_read(&board, PCI_WINDOW_MEM32, 0x2000, 4);
    window_read(&board, PCI_WINDOW_MEM64, 0x100000000, 4);
    ck_assert_uint_eq(probe->reads, reads);
    window_read(&board, PCI_WINDOW_IO, 0x2000, 1);
    window_read(&board, PCI_WINDOW_MEM32, 0x3fffe000, 4);
    window_read(&board, PCI_WINDOW_MEM64, 0x200000000, 4);
    ck_assert_uint_eq(probe->reads, reads + 3);
    board_destroy(&board);
}
END_TEST

START_TEST(command_gates_decoding)
{
    struct board board;
    board_init(&board, false);
    struct probe *probe = plug(&board, 3, 0, 1);
    place(&board, 3, 0x1000, 0x40000000, 0x40002000, 0x500000000);
    static const struct {
        uint16_t command;
        unsigned io, memory;
    } rows[] = { { 0, 0, 0 },
                 { PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, 0, 0 },
                 { PCI_COMMAND_IO, 1, 0 },
                 { PCI_COMMAND_MEMORY, 0, 2 },
                 { 0xffff, 1, 2 } };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        config_write(&board, 3, 0, PCI_COMMAND, 2, rows[n].command);
        ck_assert_uint_eq(config_read(&board, 3, 0, PCI_COMMAND, 2), rows[n].command & 0x547);
        ck_assert_uint_eq(pci_function_is_bus_master(&probe->function), rows[n].command >> 2 & 1);
        probe->reads = 0;
        window_read(&board, PCI_WINDOW_IO, 0x1000, 1);
        ck_assert_uint_eq(probe->reads, rows[n].io);
        window_read(&board, PCI_WINDOW_MEM32, 0x2000, 1);
        window_read(&board, PCI_WINDOW_MEM64, 0x100000000, 1);
        ck_assert_uint_eq(probe->reads, rows[n].io + rows[n].memory);
    }
    /* A memory BAR that was never set decodes nothing; port 0 is a valid place, where EDK2 puts the first I/O
     * BAR. */
    place(&board, 3, 0, 0, 0, 0);
    probe->reads = 0;
    window_read(&board, PCI_WINDOW_MEM32, 0, 1);
    window_read(&board, PCI_WINDOW_MEM64, 0, 1);
    ck_assert_uint_eq(probe->reads, 0);
    window_read(&board, PCI_WINDOW_IO, 0, 1);
    ck_assert_uint_eq(probe->reads, 1);
    /* The bridge has no BARs, so there is nothing to enable. */
    config_write(&board, 0, 0, PCI_COMMAND, 2, 3);
    ck_assert_uint_eq(config_read(&board, 0, 0, PCI_COMMAND, 2), 0);
    board_destroy(&board);
}
END_TEST

START_TEST(overlapping_bars)
{
    struct board board;
    board_init(&board, false);
    struct probe *second = plug(&board, 5, 0, 1);
    struct probe *first = plug(&board, 4, 0, 1); /* the order is that of slots, not of plugging in */
    place(&board, 5, 0x1000, 0x40000000, 0x40002000, 0x500000000);
    place(&board, 4, 0x1000, 0x40002000, 0x40002000, 0x40000000);
    window_read(&board, PCI_WINDOW_IO, 0x1000, 4);
    ck_assert_uint_eq(first->reads, 1);
    /* BAR 4 of the first function covers the whole window, but its own lower BARs come before it. */
    window_read(&board, PCI_WINDOW_MEM32, 0x3000, 4);
    ck_assert_uint_eq(first->bar, BAR_MEM32);
    window_read(&board, PCI_WINDOW_MEM32, 0, 4);
    ck_assert_uint_eq(first->reads, 2); /* its size makes it begin at 0, where nothing decodes */
    config_write(&board, 4, 0, PCI_COMMAND, 2, 0);
    window_read(&board, PCI_WINDOW_IO, 0x1000, 4);
    window_read(&board, PCI_WINDOW_MEM32, 0x2000, 4);
    ck_assert_uint_eq(first->reads, 2);
    ck_assert_uint_eq(second->reads, 2);
    board_destroy(&board);
}
END_TEST

START_TEST(bar_accesses_out_of_range)
{
    struct board board;
    board_init(&board, false);
    struct probe *probe = plug(&board, 3, 0, 1);
    struct pci_bar *bars = probe->function.bars;
    static const struct {
        unsigned bar, size;
        uint64_t offset;
    } rows[] = { { BAR_IO, 1, IO_BYTES },
                 { BAR_IO, 4, IO_BYTES - 2 },
                 { BAR_IO, 4, 2 },
                 { BAR_IO, 2, 1 },
                 { BAR_IO, 4, UINT64_MAX - 3 },
                 { 3, 4, 0 },
                 { 5, 4, 0 },
                 { BAR_MEM32, 8, MEM32_BYTES },
                 { BAR_MEM32, 8, 4 },
                 { BAR_MEM64, 8, MEM64_BYTES } };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        ck_assert_uint_eq(pci_bar_read(&bars[rows[n].bar], rows[n].offset, rows[n].size),
                          UINT64_MAX >> (64 - 8 * rows[n].size));
        pci_bar_write(&bars[rows[n].bar], rows[n].offset, rows[n].size, 1);
    }
    ck_assert_uint_eq(probe->reads + probe->writes, 0);
    board_destroy(&board);
}
END_TEST

START_TEST(places)
{
    struct board board;
    struct error error = { .text = "" };
    struct pci_function function;
    static const struct pci_identity identity = { .vendor = 1 };
    board_init(&board, false);
    plug(&board, 3, 0, 1);
    plug(&board, 3, 7, 1);
    pci_function_init(&function, &probe_ops, &identity);
    ck_assert(!pci_bus_plug(pci_host_bus(board.host), &function, 3, 7, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "3.7"));
    ck_assert(!pci_bus_plug(pci_host_bus(board.host), &function, 0, 0, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "bridge"));
    ck_assert(!pci_bus_plug(pci_host_bus(board.host), &function, 32, 0, &error));
    ck_assert(!pci_bus_plug(pci_host_bus(board.host), &function, 1, 8, &error));
    ck_assert_uint_eq(config_read(&board, 3, 7, 0, 4), 0x56781234);
    board_destroy(&board);
}
END_TEST

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

START_TEST(intx_is_swizzled)
{
    for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 1; pin <= PCI_PINS; pin++) {
            struct board board;
            board_init(&board, false);
            struct probe *probe = plug(&board, slot, 0, pin);
            pci_function_set_intx(&probe->function, true);
            for (unsigned n = 0; n < PCI_PINS; n++)
                ck_assert_uint_eq(atomic_load(&board.irqs[n].level), n == (slot + pin - 1) % 4);
            pci_function_set_intx(&probe->function, false);
            for (unsigned n = 0; n < PCI_PINS; n++)
                ck_assert(!atomic_load(&board.irqs[n].level));
            board_destroy(&board);
        }
    }
}
END_TEST

START_TEST(intx_shared_and_disabled)
{
    struct board board;
    board_init(&board, false);
    struct probe *a = plug(&board, 1, 0, 1), *b = plug(&board, 5, 0, 1);
    struct fake_irq *wire = &board.irqs[1];
    ck_assert_uint_eq(config_read(&board, 1, 0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
    pci_function_set_intx(&a->function, true);
    pci_function_set_intx(&a->function, true);
    pci_function_set_intx(&b->function, true);
    ck_assert_uint_eq(atomic_load(&wire->rises), 1);
    ck_assert(config_read(&board, 1, 0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    pci_function_set_intx(&a->function, false);
    ck_assert(atomic_load(&wire->level));
    ck_assert(!(config_read(&board, 1, 0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT));
    config_write(&board, 5, 0, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    ck_assert(!atomic_load(&wire->level));
    ck_assert(config_read(&board, 5, 0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    config_write(&board, 5, 0, PCI_COMMAND, 2, 0);
    ck_assert(atomic_load(&wire->level));
    /* MSI-X instead. */
    config_write(&board, 5, 0, 0x52, 2, 0x8000);
    ck_assert(!atomic_load(&wire->level));
    config_write(&board, 5, 0, 0x52, 2, 0);
    ck_assert(atomic_load(&wire->level));
    ecam(&board)->ops->reset(ecam(&board));
    ck_assert_uint_eq(b->resets, 1);
    pci_function_set_intx(&b->function, false);
    ck_assert(!atomic_load(&wire->level));
    board_destroy(&board);
}
END_TEST

static void count_raise(void *controller, unsigned number, bool level)
{
    *(unsigned *)controller += level;
    (void)number;
}

/* Each time that the device raises a wire is a request of its own, which the interrupt controller must see:
 * the driver's handler may be running, and may have looked at the device already. */
START_TEST(intx_raised_again)
{
    struct board board;
    unsigned raised = 0;
    board_init(&board, false);
    struct probe *a = plug(&board, 1, 0, 1), *b = plug(&board, 5, 0, 1);
    pci_host_bus(board.host)->intx[1] = (struct irq_line){ count_raise, &raised, 1 };
    pci_function_set_intx(&a->function, true);
    ck_assert_uint_eq(raised, 1);
    pci_function_set_intx(&a->function, true);
    ck_assert_uint_eq(raised, 2);
    pci_function_set_intx(&b->function, true);
    ck_assert_uint_eq(raised, 3);
    pci_function_set_intx(&b->function, false); /* the other still drives the wire */
    ck_assert_uint_eq(raised, 4);
    config_write(&board, 1, 0, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    pci_function_set_intx(&a->function, true);
    ck_assert_uint_eq(raised, 4);
    config_write(&board, 1, 0, PCI_COMMAND, 2, 0);
    ck_assert_uint_eq(raised, 5);
    config_write(&board, 1, 0, 0x52, 2, 0x8000); /* MSI-X instead */
    pci_function_set_intx(&a->function, true);
    ck_assert_uint_eq(raised, 5);
    board_destroy(&board);
}
END_TEST

#define MSIX_AT 0x40000000u

static void set_vector(struct board *board, unsigned vector, uint64_t address, uint32_t data, bool masked)
{
    struct device *window = pci_host_window(board->host, PCI_WINDOW_MEM32);
    uint64_t at = MSIX_AT - MEM32_BASE + 16 * vector;
    fake_write(window, at, 4, (uint32_t)address);
    fake_write(window, at + 4, 4, (uint32_t)(address >> 32));
    fake_write(window, at + 8, 4, data);
    fake_write(window, at + 12, 4, masked);
}

static uint64_t pending(struct board *board, unsigned word)
{
    return window_read(board, PCI_WINDOW_MEM32, MSIX_AT - MEM32_BASE + PBA_AT + 8 * word, 8);
}

START_TEST(msix_messages)
{
    struct board board;
    board_init(&board, true);
    struct probe *probe = plug(&board, 1, 0, 1);
    place(&board, 1, 0x1000, MSIX_AT, 0x40002000, 0x500000000);
    ck_assert_uint_eq(config_read(&board, 1, 0, 0x52, 2), VECTORS - 1);
    ck_assert_uint_eq(config_read(&board, 1, 0, 0x54, 4), BAR_MSIX);
    ck_assert_uint_eq(config_read(&board, 1, 0, 0x58, 4), PBA_AT | BAR_MSIX);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 16 * 69 + 12, 4), 1); /* masked at reset */
    pci_msix_notify(&probe->function, 0);                                         /* MSI-X is not enabled */
    set_vector(&board, 0, 0x28000000, 5, false);
    set_vector(&board, 69, 0x128000000, 6, true);
    config_write(&board, 1, 0, 0x52, 2, 0xc000);
    ck_assert_uint_eq(config_read(&board, 1, 0, 0x52, 2), 0xc000 | (VECTORS - 1));
    ck_assert_uint_eq(board.message_count, 0);
    pci_msix_notify(&probe->function, 0);
    pci_msix_notify(&probe->function, 69);
    pci_msix_notify(&probe->function, 70);
    pci_msix_notify(&probe->function, 0xffff);
    ck_assert_uint_eq(pending(&board, 0), 1);
    ck_assert_uint_eq(pending(&board, 1), 1u << 5);
    config_write(&board, 1, 0, 0x52, 2, 0x8000); /* unmask the function */
    ck_assert_uint_eq(board.message_count, 1);
    ck_assert_uint_eq(board.messages[0].address, 0x28000000);
    ck_assert_uint_eq(board.messages[0].data, 5);
    ck_assert_uint_eq(pending(&board, 0), 0);
    ck_assert_uint_eq(pending(&board, 1), 1u << 5);
    set_vector(&board, 69, 0x128000000, 6, false);
    ck_assert_uint_eq(board.message_count, 2);
    ck_assert_uint_eq(board.messages[1].address, 0x128000000);
    ck_assert_uint_eq(pending(&board, 1), 0);
    /* A message is a write to memory. */
    config_write(&board, 1, 0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    pci_msix_notify(&probe->function, 0);
    ck_assert_uint_eq(board.message_count, 2);
    config_write(&board, 1, 0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    ck_assert_uint_eq(board.message_count, 3);
    ck_assert_uint_eq(probe->reads + probe->writes, 0); /* the table is not part of the device's registers */
    window_read(&board, PCI_WINDOW_MEM32, 16 * VECTORS, 4);
    ck_assert_uint_eq(probe->reads, 1); /* the bytes beside it are */
    board_destroy(&board);
}
END_TEST

START_TEST(msix_pending_bits_are_read_only)
{
    struct board board;
    board_init(&board, false); /* and there is no target */
    struct probe *probe = plug(&board, 1, 0, 1);
    place(&board, 1, 0x1000, MSIX_AT, 0x40002000, 0x500000000);
    struct device *window = pci_host_window(board.host, PCI_WINDOW_MEM32);
    fake_write(window, PBA_AT, 8, UINT64_MAX);
    fake_write(window, PBA_AT + 8, 4, UINT32_MAX);
    ck_assert_uint_eq(pending(&board, 0) | pending(&board, 1), 0);
    fake_write(window, 0, 1, 0x55); /* bytes of the table are not written */
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 0, 4), 0);
    fake_write(window, 8, 8, 0x0000000012345678); /* data and control at once */
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 8, 8), 0x12345678);
    config_write(&board, 1, 0, 0x52, 2, 0x8000);
    pci_msix_notify(&probe->function, 0);
    ck_assert_uint_eq(pending(&board, 0), 0); /* sent, to nobody */
    board_destroy(&board);
}
END_TEST

/* ---- The board's side ---------------------------------------------------------------------------------- */

START_TEST(fdt_node)
{
    struct board board;
    board_init(&board, false);
    struct fdt_place where = { .base = ECAM_BASE, .size = 0x10000000 };
    void *fdt = fake_fdt(ecam(&board), &where);
    const char *node = "/soc/pci@30000000";
    FAKE_FDT_STRINGS(fdt, node, "compatible", "pci-host-ecam-generic");
    FAKE_FDT_STRINGS(fdt, node, "device_type", "pci");
    FAKE_FDT_CELLS(fdt, node, "reg", 0, ECAM_BASE, 0, 0x10000000);
    FAKE_FDT_CELLS(fdt, node, "bus-range", 0, 255);
    FAKE_FDT_CELLS(fdt, node, "linux,pci-domain", 0);
    FAKE_FDT_CELLS(fdt, node, "#address-cells", 3);
    FAKE_FDT_CELLS(fdt, node, "#size-cells", 2);
    FAKE_FDT_CELLS(fdt, node, "#interrupt-cells", 1);
    FAKE_FDT_CELLS(fdt, node, "ranges", 0x1000000, 0, 0, 0, IO_BASE, 0, 0x10000, 0x2000000, 0, MEM32_BASE, 0,
                   MEM32_BASE, 0, 0x40000000, 0x3000000, 4, 0, 4, 0, 4, 0);
    FAKE_FDT_CELLS(fdt, node, "interrupt-map-mask", 0x1800, 0, 0, 7);
    int length = 0;
    const fdt32_t *map = fdt_getprop(fdt, fdt_path_offset(fdt, node), "interrupt-map", &length);
    ck_assert_int_eq(length, 16 * 6 * 4);
    for (unsigned n = 0; n < 16; n++, map += 6) {
        ck_assert_uint_eq(fdt32_ld(map), (n / 4) << 11);
        ck_assert_uint_eq(fdt32_ld(map + 3), n % 4 + 1);
        ck_assert_uint_eq(fdt32_ld(map + 4), 9);
        ck_assert_uint_eq(fdt32_ld(map + 5), 32 + (n / 4 + n % 4) % 4);
    }
    ck_assert_ptr_nonnull(fdt_getprop(fdt, fdt_path_offset(fdt, node), "dma-coherent", NULL));
    ck_assert_ptr_null(fdt_getprop(fdt, fdt_path_offset(fdt, node), "msi-parent", NULL));
    free(fdt);
    board_destroy(&board);
}
END_TEST

START_TEST(reset_clears_what_the_guest_wrote)
{
    struct board board;
    board_init(&board, true);
    struct probe *probe = plug(&board, 1, 0, 1);
    uint32_t before[64];
    for (unsigned n = 0; n < 64; n++)
        before[n] = config_read(&board, 1, 0, 4 * n, 4);
    place(&board, 1, 0x1000, MSIX_AT, 0x40002000, 0x500000000);
    set_vector(&board, 0, 0x28000000, 5, false);
    config_write(&board, 1, 0, 0x52, 2, 0xc000);
    pci_msix_notify(&probe->function, 0);
    ecam(&board)->ops->reset(ecam(&board));
    for (unsigned n = 0; n < 64; n++)
        ck_assert_uint_eq(config_read(&board, 1, 0, 4 * n, 4), before[n]);
    ck_assert_uint_eq(probe->resets, 1);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 0, 4), 0xffffffff);
    place(&board, 1, 0x1000, MSIX_AT, 0x40002000, 0x500000000);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 0, 8), 0);
    ck_assert_uint_eq(window_read(&board, PCI_WINDOW_MEM32, 12, 4), 1);
    ck_assert_uint_eq(pending(&board, 0), 0);
    board_destroy(&board);
}
END_TEST

START_TEST(saved_state)
{
    struct board from, to;
    board_init(&from, true);
    board_init(&to, true);
    struct probe *a = plug(&from, 1, 0, 1), *b = plug(&to, 1, 0, 1);
    place(&from, 1, 0x1000, MSIX_AT, 0x40002000, 0x500000000);
    set_vector(&from, 3, 0x28000000, 5, true);
    config_write(&from, 1, 0, 0x52, 2, 0x8000);
    pci_msix_notify(&a->function, 3);
    a->own = 77;
    fake_state_copy(ecam(&from), ecam(&to));
    ck_assert_uint_eq(b->own, 77);
    for (unsigned n = 0; n < 64; n++)
        ck_assert_uint_eq(config_read(&to, 1, 0, 4 * n, 4), config_read(&from, 1, 0, 4 * n, 4));
    ck_assert_uint_eq(pending(&to, 0), 8); /* BARs decode at once */
    ck_assert_uint_eq(to.message_count, 0);
    set_vector(&to, 3, 0x28000000, 5, false);
    ck_assert_uint_eq(to.message_count, 1);
    fake_state_mutate(ecam(&to), fake_seed("saved_state"), 2000);
    /* Registers that the guest cannot write stay as they are, whatever the file says. */
    ck_assert_uint_eq(config_read(&to, 1, 0, PCI_VENDOR_ID, 4), 0x56781234);
    ck_assert_uint_eq(config_read(&to, 1, 0, PCI_INTERRUPT_PIN, 1), 1);
    board_destroy(&from);
    board_destroy(&to);
}
END_TEST

static void refuse_state(struct board *from, struct board *to, const char *names)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { .text = "" };
    state_writer_init(&writer);
    ecam(from)->ops->save(ecam(from), &writer);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert(!ecam(to)->ops->load(ecam(to), &reader));
    ck_assert_msg(strstr(error.text, names) != NULL, "\"%s\" does not name %s", error.text, names);
    state_writer_destroy(&writer);
}

START_TEST(state_of_another_machine)
{
    struct board from, to, more;
    board_init(&from, false);
    board_init(&to, false);
    board_init(&more, false);
    plug(&from, 1, 0, 1);
    plug(&to, 2, 0, 1);
    plug(&more, 1, 0, 1);
    plug(&more, 2, 0, 1);
    refuse_state(&from, &to, "01.0");
    refuse_state(&from, &more, "functions");
    board_destroy(&from);
    board_destroy(&to);
    board_destroy(&more);
}
END_TEST

START_TEST(hostile_guest)
{
    struct board board;
    unsigned seed = fake_seed("hostile_guest");
    board_init(&board, false);
    plug(&board, 1, 0, 1);
    plug(&board, 1, 3, 2);
    plug(&board, 2, 0, 4);
    for (unsigned n = 0; n < 200000; n++) {
        unsigned size = 1u << (unsigned)rand_r(&seed) % 4;
        enum pci_window window = (unsigned)rand_r(&seed) % PCI_WINDOW_COUNT;
        struct device *device = pci_host_window(board.host, window);
        uint64_t offset = (uint64_t)rand_r(&seed) << 20 ^ (uint64_t)rand_r(&seed);
        uint64_t value = (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed);
        /* Mostly the functions that exist, and the places where BARs lie when few bits are set. */
        offset &= window == PCI_WINDOW_ECAM && n % 8 ? 0x1b0ff : device->ops->size - 1;
        value &= n % 3 ? 0x4001f007 : UINT64_MAX;
        if (rand_r(&seed) % 2)
            fake_bus_read(device, offset, size, &value);
        else
            fake_bus_write(device, offset, size, value);
    }
    ck_assert_uint_eq(config_read(&board, 1, 3, 0, 4), 0x56781234);
    board_destroy(&board);
}
END_TEST

static Suite *suite(void)
{
    Suite *pci = suite_create("pci");
    TCase *tests = tcase_create("pci");
    tcase_add_test(tests, nothing_there_reads_as_ones);
    tcase_add_test(tests, identity_is_read_only);
    tcase_add_test(tests, capability_list);
    tcase_add_test(tests, bar_sizing);
    tcase_add_test(tests, bars_decode_where_they_are);
    tcase_add_test(tests, command_gates_decoding);
    tcase_add_test(tests, overlapping_bars);
    tcase_add_test(tests, bar_accesses_out_of_range);
    tcase_add_test(tests, places);
    tcase_add_test(tests, intx_is_swizzled);
    tcase_add_test(tests, intx_shared_and_disabled);
    tcase_add_test(tests, intx_raised_again);
    tcase_add_test(tests, msix_messages);
    tcase_add_test(tests, msix_pending_bits_are_read_only);
    tcase_add_test(tests, fdt_node);
    tcase_add_test(tests, reset_clears_what_the_guest_wrote);
    tcase_add_test(tests, saved_state);
    tcase_add_test(tests, state_of_another_machine);
    tcase_add_test(tests, hostile_guest);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(pci, tests);
    return pci;
}

FAKE_MAIN(suite)
