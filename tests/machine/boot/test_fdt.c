/* SPDX-License-Identifier: MIT
 *
 * The device tree and the boot ROM: what firmware and kernels look for in them. The machine is a real one,
 * which is created but not run.
 */
#include <check.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/isa/isa.h"
#include "machine/boot/rom.h"
#include "machine/internal.h"
#include "tests/suite.h"

static struct error error;
static struct machine *machine;
static const void *tree;

static void make(const char *cpu, unsigned smp, uint64_t ram_size)
{
    struct machine_config config = {
        .smp = smp, .ram_size = ram_size, .bios = "none", .serial = "null", .append = "console=ttyS0 quiet"
    };
    ck_assert(isa_config_parse(&config.isa, cpu, &error));
    machine = machine_create(&config, &error);
    ck_assert_msg(machine != NULL, "%s", error.text);
    /* as the guest sees it */
    tree = bus_host(machine->bus, machine->fdt_addr, boot_fdt_size(machine->fdt));
    ck_assert_ptr_nonnull(tree);
    ck_assert_int_eq(fdt_check_full(tree, fdt_totalsize(tree)), 0);
}

static void teardown(void)
{
    machine_destroy(machine);
    machine = NULL;
}

static int node(const char *path)
{
    int offset = fdt_path_offset(tree, path);
    ck_assert_msg(offset >= 0, "%s: %s", path, fdt_strerror(offset));
    return offset;
}

/* Compares a property with 32-bit cells. */
static void cells(const char *path, const char *name, unsigned count, const uint32_t *expected)
{
    int length;
    const fdt32_t *found = fdt_getprop(tree, node(path), name, &length);
    ck_assert_msg(found && length == (int)(4 * count), "%s/%s: %d bytes", path, name, length);
    for (unsigned i = 0; i < count; i++)
        ck_assert_msg(fdt32_to_cpu(found[i]) == expected[i], "%s/%s[%u]: 0x%x, not 0x%x", path, name, i,
                      fdt32_to_cpu(found[i]), expected[i]);
}
#define CELLS(path, name, ...)                                                                               \
    cells(path, name, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4, (const uint32_t[]){ __VA_ARGS__ })

static void text(const char *path, const char *name, const char *expected)
{
    const char *found = fdt_getprop(tree, node(path), name, NULL);
    ck_assert_msg(found && strcmp(found, expected) == 0, "%s/%s: %s", path, name, found ? found : "missing");
}

START_TEST(board_rv64)
{
    make("rv64", 2, UINT64_C(128) << 20);
    CELLS("/memory@80000000", "reg", 0, 0x80000000, 0, 0x8000000);
    CELLS("/cpus", "timebase-frequency", 10000000);
    text("/cpus/cpu@0", "riscv,isa-base", "rv64i");
    text("/cpus/cpu@1", "mmu-type", "riscv,sv39");
    CELLS("/cpus/cpu@1", "reg", 1);
    CELLS("/cpus/cpu@0", "riscv,cboz-block-size", 64);
    CELLS("/cpus/cpu@0", "riscv,cbom-block-size", 64);
    CELLS("/cpus/cpu-map/cluster0/core1", "cpu", fdt_get_phandle(tree, node("/cpus/cpu@1")));
    text("/chosen", "stdout-path", "/soc/serial@10000000");
    text("/chosen", "bootargs", "console=ttyS0 quiet");
    text("/aliases", "serial0", "/soc/serial@10000000");
    ck_assert_ptr_nonnull(fdt_getprop(tree, node("/chosen"), "rng-seed", NULL));
    ck_assert_ptr_null(fdt_getprop(tree, node("/chosen"), "linux,initrd-start", NULL));
    int length;
    const char *isa = fdt_getprop(tree, node("/cpus/cpu@0"), "riscv,isa", &length);
    ck_assert_ptr_nonnull(isa);
    ck_assert_int_eq(strncmp(isa, "rv64imafdcvh_", 13), 0);
    /* U-Boot copies it to 512 bytes. */
    ck_assert_int_le(length, 512);
    const char *list = fdt_getprop(tree, node("/cpus/cpu@0"), "riscv,isa-extensions", &length);
    ck_assert(list && fdt_stringlist_contains(list, length, "m") &&
              fdt_stringlist_contains(list, length, "sstc"));
    /* What riscv,isa has no room for is here. */
    ck_assert(fdt_stringlist_contains(list, length, "v") && fdt_stringlist_contains(list, length, "zvbb") &&
              fdt_stringlist_contains(list, length, "zic64b") && !strstr(isa, "_zic64b"));
}
END_TEST

START_TEST(interrupts)
{
    make("rv64", 2, UINT64_C(128) << 20);
    uint32_t plic = fdt_get_phandle(tree, node("/soc/plic@c000000"));
    uint32_t intc0 = fdt_get_phandle(tree, node("/cpus/cpu@0/interrupt-controller"));
    uint32_t intc1 = fdt_get_phandle(tree, node("/cpus/cpu@1/interrupt-controller"));
    CELLS("/soc/plic@c000000", "interrupts-extended", intc0, 11, intc0, 9, intc1, 11, intc1, 9);
    CELLS("/soc/plic@c000000", "riscv,ndev", 95);
    CELLS("/soc/clint@2000000", "interrupts-extended", intc0, 3, intc0, 7, intc1, 3, intc1, 7);
    CELLS("/soc/serial@10000000", "interrupts", 10);
    CELLS("/soc/serial@10000000", "interrupt-parent", plic);
    CELLS("/soc/rtc@101000", "interrupts", 11);
    CELLS("/soc/virtio_mmio@10001000", "interrupts", 1);
    CELLS("/soc/virtio_mmio@10008000", "interrupts", 8);
    CELLS("/soc/virtio_mmio@10008000", "reg", 0, 0x10008000, 0, 0x1000);
    uint32_t test = fdt_get_phandle(tree, node("/soc/test@100000"));
    CELLS("/poweroff", "regmap", test);
    CELLS("/poweroff", "value", 0x5555);
    CELLS("/reboot", "value", 0x7777);
    ck_assert_int_lt(node("/soc/virtio_mmio@10008000"), node("/soc/virtio_mmio@10007000"));
    ck_assert_int_lt(node("/soc/virtio_mmio@10002000"), node("/soc/virtio_mmio@10001000"));
}
END_TEST

/* No two nodes have the same phandle. */
START_TEST(phandles)
{
    make("rv64", 8, UINT64_C(128) << 20);
    for (int a = fdt_next_node(tree, -1, NULL); a >= 0; a = fdt_next_node(tree, a, NULL)) {
        uint32_t phandle = fdt_get_phandle(tree, a);
        if (phandle)
            ck_assert_int_eq(fdt_node_offset_by_phandle(tree, phandle), a);
    }
}
END_TEST

START_TEST(board_rv32)
{
    make("rv32", 1, UINT64_C(64) << 20);
    text("/cpus/cpu@0", "riscv,isa-base", "rv32i");
    text("/cpus/cpu@0", "mmu-type", "riscv,sv32");
}
END_TEST

START_TEST(placement)
{
    make("rv64", 1, UINT64_C(128) << 20);
    ck_assert_uint_eq(machine->fdt_addr, 0x87e00000);
    teardown();
    make("rv64", 1, UINT64_C(4) << 30);
    ck_assert_uint_eq(machine->fdt_addr, 0xbfe00000);
    CELLS("/memory@80000000", "reg", 0, 0x80000000, 1, 0);
}
END_TEST

START_TEST(seed_changes)
{
    make("rv64", 1, UINT64_C(128) << 20);
    uint8_t first[32];
    uint32_t size = fdt_totalsize(tree);
    memcpy(first, fdt_getprop(tree, node("/chosen"), "rng-seed", NULL), sizeof(first));
    ck_assert(boot_write_memory(machine, &error));
    ck_assert_int_ne(memcmp(first, fdt_getprop(tree, node("/chosen"), "rng-seed", NULL), sizeof(first)), 0);
    ck_assert_uint_eq(fdt_totalsize(tree), size);
}
END_TEST

/* The boot ROM, decoded back to instructions. */
static void check_rom(unsigned xlen)
{
    uint8_t rom[256];
    struct isa_config isa;
    enum isa_insn load = xlen == 64 ? ISA_INSN_ld : ISA_INSN_lw;
    const struct isa_operands code[6] = {
        { .insn = ISA_INSN_auipc, .rd = 5 },
        { .insn = ISA_INSN_addi, .rd = 12, .rs1 = 5, .imm = 40 },
        { .insn = ISA_INSN_csrrs, .rd = 10, .imm = 0xf14 },
        { .insn = load, .rd = 11, .rs1 = 5, .imm = 32 },
        { .insn = load, .rd = 5, .rs1 = 5, .imm = 24 },
        { .insn = ISA_INSN_jalr, .rs1 = 5 },
    };
    struct boot_rom_config config = {
        .xlen = xlen, .start_addr = 0x80000000, .fdt_addr = 0x87e00000, .next_addr = 0x80200000
    };
    ck_assert(isa_config_parse(&isa, xlen == 64 ? "rv64" : "rv32", &error));
    ck_assert(boot_rom_write(&config, rom, sizeof(rom), &error));
    for (unsigned i = 0; i < 6; i++) {
        uint32_t bits;
        struct isa_operands operands;
        memcpy(&bits, rom + 4 * i, 4);
        isa_decode(&isa, bits, &operands, NULL);
        ck_assert_msg(operands.insn == code[i].insn && operands.rd == code[i].rd &&
                          operands.rs1 == code[i].rs1 && operands.imm == code[i].imm,
                      "word %u is 0x%08x", i, bits);
    }
    uint64_t info[6] = { 0 };
    for (unsigned i = 0; i < 6; i++)
        memcpy(&info[i], rom + 40 + i * xlen / 8, xlen / 8);
    ck_assert_uint_eq(info[0], 0x4942534f);
    ck_assert_uint_eq(info[1], 2);
    ck_assert_uint_eq(info[2], 0x80200000);
    ck_assert_uint_eq(info[3], 1);
    ck_assert_int_eq(memcmp(rom + 24, (const uint64_t[]){ 0x80000000, 0x87e00000 }, 16), 0);
    ck_assert(!boot_rom_write(&config, rom, 64, &error));
}

START_TEST(boot_rom)
{
    isa_init();
    check_rom(64);
    check_rom(32);
}
END_TEST

START_TEST(own_tree)
{
    static const char path[] = "fdt_test_tree.dtb";
    make("rv64", 1, UINT64_C(128) << 20);
    ck_assert(boot_fdt_dump(machine->fdt, path, &error));
    void *read = boot_fdt_read(path, &error);
    ck_assert_msg(read != NULL, "%s", error.text);
    ck_assert_int_eq(fdt_check_full(read, fdt_totalsize(read)), 0);
    struct fdt_chosen chosen = { .bootargs = "x", .initrd_start = 0x84000000, .initrd_end = 0x84000010 };
    ck_assert(boot_fdt_set_chosen(read, &chosen, &error));
    tree = read;
    text("/chosen", "bootargs", "x");
    CELLS("/chosen", "linux,initrd-start", 0, 0x84000000);
    CELLS("/chosen", "linux,initrd-end", 0, 0x84000010);
    char *longest = malloc(20000);
    memset(longest, 'x', 19999);
    longest[19999] = '\0';
    chosen.bootargs = longest;
    ck_assert(!boot_fdt_set_chosen(read, &chosen, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "-append"));
    free(longest);
    free(read);
    remove(path);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("fdt");
    TCase *tests = tcase_create("fdt");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, board_rv64);
    tcase_add_test(tests, interrupts);
    tcase_add_test(tests, phandles);
    tcase_add_test(tests, board_rv32);
    tcase_add_test(tests, placement);
    tcase_add_test(tests, seed_changes);
    tcase_add_test(tests, boot_rom);
    tcase_add_test(tests, own_tree);
    suite_add_tcase(suite, tests);
    return suite;
}
