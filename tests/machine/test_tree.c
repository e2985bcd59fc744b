/* SPDX-License-Identifier: MIT
 *
 * The board that a device tree describes. The trees are those of Rvive's own boards: as they are, with parts
 * changed, and damaged at random. TREE_SEED=N repeats one run of the damage, TREE_ROUNDS=N makes it longer.
 */
#include <check.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices/device.h"
#include "machine/board.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "tests/suite.h"

#define ROOM   65536
#define ROUNDS 400
#define EACH   30 /* of so many trees one becomes a machine */

static struct error error;
static char path[64];
static uint8_t tree[ROOM];
static const struct board *board;
static struct machine *machine;

static void setup(void)
{
    error.text[0] = 0;
    strcpy(path, "/tmp/rvive-tree-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    machine_destroy(machine);
    machine = NULL;
    board_free_tree(board);
    board = NULL;
    unlink(path);
}

/* The tree of one of Rvive's boards, with room for changes. */
static void take_tree(const char *name, unsigned smp, bool aclint)
{
    struct machine_config config = { .board = board_find(name),
                                     .smp = smp,
                                     .ram_size = UINT64_C(64) << 20,
                                     .bios = "none",
                                     .serial = "null",
                                     .aclint = aclint };
    const char *own = config.board->cpu[1];
    ck_assert(isa_config_parse(&config.isa, own ? own : "rv64", &error));
    struct machine *source = machine_create(&config, &error);
    ck_assert_msg(source != NULL, "%s", error.text);
    ck_assert_int_eq(fdt_open_into(source->fdt, tree, sizeof(tree)), 0);
    machine_destroy(source);
}

static void write_tree(void)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(tree, 1, sizeof(tree), file), sizeof(tree));
    ck_assert_int_eq(fclose(file), 0);
}

static bool make_board(void)
{
    write_tree();
    board = board_from_tree(path, &error);
    return board != NULL;
}

static bool make_machine(void)
{
    struct machine_config config = { .board = board,
                                     .smp = board->smp,
                                     .ram_size = board->ram_size,
                                     .bios = "none",
                                     .serial = "null",
                                     .accel = MACHINE_ACCEL_INTERP };
    ck_assert_msg(isa_config_parse(&config.isa, board->cpu[0], &error), "%s", error.text);
    machine = machine_create(&config, &error);
    return machine != NULL;
}

static void make(void)
{
    ck_assert_msg(make_board(), "%s", error.text);
    ck_assert_msg(make_machine(), "%s", error.text);
}

static void refused(const char *why)
{
    ck_assert(!make_board());
    ck_assert_msg(strstr(error.text, why) != NULL, "%s", error.text);
}

static int node(const char *name)
{
    int offset = fdt_path_offset(tree, name);
    ck_assert_msg(offset >= 0, "%s: %s", name, fdt_strerror(offset));
    return offset;
}

static void set_cells(const char *name, const char *property, unsigned count, const uint32_t *values)
{
    fdt32_t cells[16];
    for (unsigned n = 0; n < count; n++)
        cells[n] = cpu_to_fdt32(values[n]);
    ck_assert_int_eq(fdt_setprop(tree, node(name), property, cells, (int)(4 * count)), 0);
}
#define SET(name, property, ...)                                                                             \
    set_cells(name, property, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4, (const uint32_t[]){ __VA_ARGS__ })

static void add_node(const char *parent, const char *name, const char *compatible)
{
    int offset = fdt_add_subnode(tree, node(parent), name);
    ck_assert_int_ge(offset, 0);
    ck_assert_int_eq(fdt_setprop_string(tree, offset, "compatible", compatible), 0);
}

static const char *at(uint64_t address)
{
    struct bus_region region;
    for (unsigned n = 0; bus_region(machine->bus, n, &region); n++)
        if (address - region.base < region.size)
            return region.name;
    return "nothing";
}

static void is_at(uint64_t address, const char *name)
{
    ck_assert_msg(strcmp(at(address), name) == 0, "%s at 0x%" PRIx64 ", not %s", at(address), address, name);
}

START_TEST(virt_again)
{
    static const struct {
        uint64_t base;
        const char *name;
    } wanted[] = { { 0x1000, "rom" },           { 0x100000, "sifive-test" },   { 0x101000, "rtc-goldfish" },
                   { 0x2000000, "aclint" },     { 0x2f00000, "aclint-sswi" },  { 0xc000000, "plic" },
                   { 0x10000000, "uart16550" }, { 0x10001000, "virtio-mmio" }, { 0x10008000, "virtio-mmio" },
                   { 0x10100000, "fw-cfg" },    { 0x20000000, "pflash" },      { 0x22000000, "pflash" },
                   { 0x30000000, "pci-host" },  { 0x80000000, "ram" },         { 0x83fff000, "ram" } };
    for (unsigned aclint = 0; aclint < 2; aclint++) {
        take_tree("virt", 3, aclint);
        make();
        for (size_t n = 0; n < sizeof(wanted) / sizeof(wanted[0]); n++)
            if (aclint || wanted[n].base != 0x2f00000)
                is_at(wanted[n].base, wanted[n].name);
        ck_assert_uint_eq(board->smp, 3);
        ck_assert_uint_eq(board->virtio_slots, 8);
        ck_assert_uint_eq(board->timebase_hz, 10000000);
        ck_assert_uint_eq(machine->config.isa.satp_max, 39);
        ck_assert(isa_has(&machine->config.isa, ISA_D));
        ck_assert_ptr_null(board->first_cpu[0]);
        if (aclint == 0)
            teardown(), setup();
    }
}
END_TEST

START_TEST(hifive_again)
{
    take_tree("sifive_u", 3, false);
    make();
    is_at(0x2000000, "aclint");
    is_at(0x2010000, "sifive-u-l2cc");
    is_at(0x3000000, "sifive-pdma");
    is_at(0x10000000, "sifive-u-prci");
    is_at(0x10010000, "sifive-uart");
    is_at(0x10011000, "sifive-uart");
    is_at(0x10050000, "sifive-spi");
    is_at(0x10060000, "sifive-gpio");
    is_at(0x10070000, "sifive-u-otp");
    ck_assert(board->has_sd);
    ck_assert_ptr_nonnull(board->first_cpu[0]);
    ck_assert(!machine_hart_isa(machine, 0)->supervisor && machine_hart_isa(machine, 0)->user);
    ck_assert(machine_hart_isa(machine, 1)->supervisor);
    ck_assert_uint_eq(machine_hart_isa(machine, 1)->satp_max, 39);
}
END_TEST

START_TEST(spike_again)
{
    take_tree("spike", 1, false);
    make();
    is_at(0x1000000, "htif");
}
END_TEST

/* What there is no model for reads as 0, and what is not here is not in the guest's tree. */
START_TEST(unknown)
{
    uint64_t value = 1;
    take_tree("virt", 1, false);
    add_node("/soc", "eth@50000", "acme,ether");
    SET("/soc/eth@50000", "reg", 0, 0x50000, 0, 0x2000);
    add_node("/soc", "off@60000", "acme,off");
    SET("/soc/off@60000", "reg", 0, 0x60000, 0, 0x1000);
    ck_assert_int_eq(fdt_setprop_string(tree, node("/soc/off@60000"), "status", "disabled"), 0);
    add_node("/soc", "over@100800", "acme,over"); /* there is a device already */
    SET("/soc/over@100800", "reg", 0, 0x100800, 0, 0x100);
    ck_assert_int_eq(
        fdt_setprop_string(tree, node("/cpus/cpu@0"), "riscv,isa", "rv64imafdcq_zicsr_zifoo_zba"), 0);
    ck_assert_int_eq(fdt_delprop(tree, node("/cpus/cpu@0"), "riscv,isa-extensions"), 0);
    make();
    is_at(0x51fff, "eth@50000");
    is_at(0x60000, "nothing");
    is_at(0x100800, "sifive-test");
    ck_assert(bus_read(machine->bus, 0x50000, 4, &value));
    ck_assert_uint_eq(value, 0);
    const char *isa =
        fdt_getprop(machine->fdt, fdt_path_offset(machine->fdt, "/cpus/cpu@0"), "riscv,isa", NULL);
    ck_assert_str_eq(isa, "rv64imafdc_zicsr_zba");
    ck_assert(isa_has(&machine->config.isa, ISA_Zba) && !isa_has(&machine->config.isa, ISA_Zbb));
}
END_TEST

/* Buses with addresses of their own; registers that are 4 bytes apart; a power switch that is no finisher. */
START_TEST(other_forms)
{
    uint64_t value;
    take_tree("virt", 1, false);
    add_node("/soc", "bus", "simple-bus");
    SET("/soc/bus", "#address-cells", 1);
    SET("/soc/bus", "#size-cells", 1);
    SET("/soc/bus", "ranges", 0x1000, 0, 0x1001000, 0x4000);
    add_node("/soc/bus", "uart@2000", "snps,dw-apb-uart");
    SET("/soc/bus/uart@2000", "reg", 0x2000, 0x100);
    SET("/soc/bus/uart@2000", "reg-shift", 2);
    add_node("/soc/bus", "outside@5000", "sifive,uart0"); /* no hart sees it */
    SET("/soc/bus/outside@5000", "reg", 0x5000, 0x1000);
    add_node("/soc/bus", "power@3000", "syscon");
    SET("/soc/bus/power@3000", "reg", 0x3000, 0x1000);
    SET("/soc/bus/power@3000", "phandle", 0x77);
    add_node("/", "off", "syscon-poweroff");
    SET("/off", "regmap", 0x77);
    SET("/off", "offset", 8);
    SET("/off", "value", 5);
    SET("/off", "mask", 7);
    make();
    is_at(0x1002000, "uart16550");
    is_at(0x1005000, "nothing");
    is_at(0x1003000, "syscon");
    ck_assert(bus_write(machine->bus, 0x1002000 + 7 * 4, 4, 0x5a)); /* the scratch register */
    ck_assert(bus_read(machine->bus, 0x1002000 + 7 * 4, 4, &value));
    ck_assert_uint_eq(value, 0x5a);
    ck_assert(bus_write(machine->bus, 0x1003008, 4, 0x12));
    ck_assert_uint_eq(atomic_load(&machine->event), 0);
    ck_assert(bus_write(machine->bus, 0x1003008, 4, 0x15));
    ck_assert_uint_eq(atomic_load(&machine->event) >> 16, MACHINE_EVENT_POWEROFF);
    ck_assert(bus_read(machine->bus, 0x1003008, 4, &value));
    ck_assert_uint_eq(value, 0x15);
}
END_TEST

/* The tree's own memory: several ranges, and one that no tree may be put into. */
START_TEST(memory)
{
    take_tree("virt", 1, false);
    SET("/memory@80000000", "reg", 0, 0x80000000, 0, 0x4000000, 1, 0, 0, 0x100000, 0, 0x84000000, 0,
        0x4000000);
    add_node("/", "reserved-memory", "x");
    SET("/reserved-memory", "#address-cells", 2);
    SET("/reserved-memory", "#size-cells", 2);
    ck_assert_int_eq(fdt_setprop(tree, node("/reserved-memory"), "ranges", NULL, 0), 0);
    add_node("/reserved-memory", "top@86000000", "y");
    SET("/reserved-memory/top@86000000", "reg", 0, 0x86000000, 0, 0x2000000);
    make();
    ck_assert_uint_eq(board->ram_size, 0x8000000);
    is_at(0x87ffffff, "ram");
    is_at(0x1000fffff, "ram");
    ck_assert_uint_lt(machine->fdt_addr, 0x86000000);
}
END_TEST

/* A screen in RAM, and one with memory of its own. */
START_TEST(screens)
{
    for (unsigned own = 0; own < 2; own++) {
        take_tree("virt", 1, false);
        SET("/chosen", "#address-cells", 2);
        SET("/chosen", "#size-cells", 2);
        ck_assert_int_eq(fdt_setprop(tree, node("/chosen"), "ranges", NULL, 0), 0);
        add_node("/chosen", "framebuffer", "simple-framebuffer");
        SET("/chosen/framebuffer", "reg", 0, own ? 0x1000000 : 0x83c00000, 0, 0x300000);
        SET("/chosen/framebuffer", "width", 1024);
        SET("/chosen/framebuffer", "height", 768);
        SET("/chosen/framebuffer", "stride", 4096);
        ck_assert_int_eq(fdt_setprop_string(tree, node("/chosen/framebuffer"), "format", "x8r8g8b8"), 0);
        make();
        is_at(own ? 0x12fffff : 0x83effff0, "ram");
        ck_assert_uint_lt(machine->fdt_addr, own ? UINT64_MAX : 0x83c00000);
        teardown();
        setup();
    }
    SET("/chosen/framebuffer", "stride", 100);
    make();
    is_at(0x1000000, "framebuffer");
}
END_TEST

START_TEST(refusals)
{
    take_tree("virt", 2, false);
    ck_assert_int_eq(fdt_del_node(tree, node("/cpus")), 0);
    refused("has no /cpus");
    take_tree("virt", 2, false);
    SET("/cpus/cpu@1", "reg", 5);
    refused("none with the number 1");
    SET("/cpus/cpu@1", "reg", 0);
    refused("no number of its own");
    take_tree("virt", 2, false);
    SET("/cpus", "timebase-frequency", 0);
    refused("timebase-frequency");
    take_tree("virt", 2, false);
    SET("/memory@80000000", "reg", 0, 0x80000800, 0, 0x100000);
    refused("whole pages");
    SET("/memory@80000000", "reg", 0xffffffff, 0xffff0000, 0, 0xf000);
    refused("whole pages");
    SET("/memory@80000000", "reg", 0, 0x80000000, 0, 0x100000, 0, 0x80001000, 0, 0x1000);
    refused("overlaps other memory");
    SET("/memory@80000000", "reg", 0, 0x80000000, 0x7f, 0);
    refused("GiB of memory");
    SET("/memory@80000000", "reg", 0, 0x80000000);
    refused("no memory");
    SET("/memory@80000000", "reg", 0, 0, 0, 0xfffff000);
    refused("overlaps what is at");
    take_tree("virt", 2, false);
    ck_assert_int_eq(fdt_setprop_string(tree, node("/cpus/cpu@1"), "riscv,isa", "mips"), 0);
    refused("begins with rv32");
    take_tree("virt", 3, false);
    ck_assert_int_eq(fdt_delprop(tree, node("/cpus/cpu@2"), "mmu-type"), 0);
    refused("not like hart 1");
    memset(tree, 0, 64);
    ck_assert(!make_board());
}
END_TEST

/* The tree says how much RAM there is. */
START_TEST(other_size)
{
    take_tree("virt", 1, false);
    ck_assert(make_board());
    struct board other = *board;
    other.ram_size *= 2;
    other.ram_max = other.ram_max_rv32 = other.ram_size;
    struct machine_config config = {
        .board = &other, .smp = 1, .ram_size = board->ram_size, .bios = "none", .serial = "null"
    };
    ck_assert(isa_config_parse(&config.isa, "rv64", &error));
    ck_assert_ptr_null(machine_create(&config, &error));
    ck_assert_msg(strstr(error.text, "leave out -m") != NULL, "%s", error.text);
}
END_TEST

/* ---- Damage -------------------------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t next(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static uint32_t number(void)
{
    static const uint32_t usual[] = { 0,  1,      2,          3,          4,          5,         9,
                                      11, 0x1000, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff };
    uint32_t n = next(sizeof(usual) / sizeof(usual[0]) + 2);
    return n < sizeof(usual) / sizeof(usual[0]) ? usual[n] : next(UINT32_MAX);
}

/* Changes a property: some of its cells, or its length. Or takes away a node. */
static void damage(void)
{
    int offset = 0, depth = 0;
    for (uint32_t n = next(60); n > 0 && offset >= 0; n--)
        offset = fdt_next_node(tree, offset, &depth);
    if (offset <= 0)
        return;
    if (next(20) == 0) {
        fdt_del_node(tree, offset);
        return;
    }
    int property = fdt_first_property_offset(tree, offset), length;
    for (uint32_t n = next(8); n > 0 && property >= 0; n--)
        property = fdt_next_property_offset(tree, property);
    const char *name;
    const void *old = property >= 0 ? fdt_getprop_by_offset(tree, property, &name, &length) : NULL;
    uint8_t value[512] = { 0 };
    if (!old || length > 256)
        return;
    char copy[64];
    snprintf(copy, sizeof(copy), "%s", name);
    memcpy(value, old, (size_t)length);
    if (next(2))
        length = (int)next((uint32_t)length + 9);
    for (int at = 0; at + 4 <= length; at += 4)
        if (next(3) == 0)
            fdt32_st(value + at, number());
    fdt_setprop(tree, offset, copy, value, length);
}

START_TEST(damaged)
{
    static uint8_t whole[ROOM];
    const char *given = getenv("TREE_SEED");
    uint64_t first = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    unsigned made_boards = 0, made_machines = 0;
    printf("TREE_SEED=%" PRIu64 "\n", first);
    fflush(stdout);
    const char *more = getenv("TREE_ROUNDS");
    unsigned rounds = more ? (unsigned)strtoul(more, NULL, 0) : ROUNDS;
    seed = first + (uint64_t)_i;
    take_tree(_i == 0 ? "virt" : _i == 1 ? "sifive_u" : "virt", _i == 1 ? 3 : 2, _i == 2);
    memcpy(whole, tree, sizeof(whole));
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* the lists of what is not there */
    for (unsigned round = 0; round < rounds; round++) {
        memcpy(tree, whole, sizeof(whole));
        for (uint32_t n = next(4) + 1; n > 0; n--)
            damage();
        for (uint32_t n = next(8) == 0 ? next(16) : 0; n > 0; n--) /* libfdt refuses most of these */
            tree[next(fdt_totalsize(whole) > 9000 ? 9000 : fdt_totalsize(whole))] ^= (uint8_t)(1u << next(8));
        bool made = make_board();
        made_boards += made;
        if (made && round % EACH == 0)
            made_machines += make_machine();
        machine_destroy(machine);
        machine = NULL;
        board_free_tree(board);
        board = NULL;
    }
    ck_assert_uint_gt(made_boards, rounds / 20);
    ck_assert_uint_gt(made_machines, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tree");
    TCase *tests = tcase_create("tree");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, virt_again);
    tcase_add_test(tests, hifive_again);
    tcase_add_test(tests, spike_again);
    tcase_add_test(tests, unknown);
    tcase_add_test(tests, other_forms);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, screens);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, other_size);
    tcase_add_loop_test(tests, damaged, 0, 3);
    suite_add_tcase(suite, tests);
    return suite;
}
