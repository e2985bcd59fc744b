/* SPDX-License-Identifier: MIT
 *
 * Names for the profiler: a table as Linux keeps it, put into guest memory, and an ELF file; then both with
 * random bytes changed: nothing may break.
 */
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine/internal.h"
#include "machine/symbols/symbols.h"
#include "tests/suite.h"

#define COUNT 700u
#define BASE  UINT64_C(0xffffffff80000000)

static struct machine *machine;
static uint8_t *ram;

static void setup(void)
{
    struct error error;
    static struct machine_config config;
    config = (struct machine_config){ .smp = 1, .ram_size = 1 << 20, .bios = "none", .serial = "null" };
    isa_init();
    ck_assert(isa_config_parse(&config.isa, "rv64", &error));
    machine = machine_create(&config, &error);
    ck_assert_msg(machine != NULL, "%s", error.text);
    ram = bus_host(machine->bus, machine->config.board->ram_base, 1 << 20);
}

static void teardown(void)
{
    machine_destroy(machine);
}

static void put(size_t *at, const void *bytes, size_t length)
{
    memcpy(ram + *at, bytes, length);
    *at += length;
}

static void align(size_t *at)
{
    *at = (*at + 7) & ~(size_t)7;
}

static size_t put_offsets(size_t at)
{
    uint64_t base = BASE;
    for (uint32_t i = 0; i < COUNT; i++)
        put(&at, &(uint32_t){ 16 * i }, 4);
    align(&at);
    put(&at, &base, 8);
    return at;
}

/* Each character is a token of its own; the names are "function_N", text, in order of their addresses. */
static size_t put_names(size_t at)
{
    uint32_t markers[3], length = 0;
    put(&at, &(uint32_t){ COUNT }, 4);
    align(&at);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[32];
        uint8_t bytes = (uint8_t)snprintf(name, sizeof(name), "tfunction_%u", i);
        if (i % 256 == 0)
            markers[i / 256] = length;
        put(&at, &bytes, 1);
        put(&at, name, bytes);
        length += 1u + bytes;
    }
    align(&at);
    put(&at, markers, sizeof(markers));
    align(&at);
    uint16_t index[256];
    size_t tokens = at;
    for (unsigned i = 0; i < 256; i++) {
        index[i] = (uint16_t)(at - tokens);
        if (i >= ' ' && i < 127)
            put(&at, &(char){ (char)i }, 1);
        put(&at, "", 1);
    }
    align(&at);
    put(&at, index, sizeof(index));
    align(&at);
    return at;
}

static void check_names(void)
{
    struct symbols symbols = { 0 };
    ck_assert_uint_eq(symbols_add_linux(&symbols, machine), COUNT);
    ck_assert_str_eq(symbols_find(&symbols, BASE + 16 * 300 + 5)->name, "function_300");
    ck_assert_ptr_null(symbols_find(&symbols, BASE - 1));
    symbols_free(&symbols);
}

START_TEST(test_linux_new)
{
    memset(ram, 0xee, 1 << 20);
    memset(ram + 0x8000, 0, 0x10000);
    put_offsets(put_names(0x8000));
    check_names();
}
END_TEST

START_TEST(test_linux_old)
{
    memset(ram, 0, 1 << 20);
    put_names(put_offsets(0x8000));
    check_names();
}
END_TEST

/* Changes a few bytes at a time, in the table. */
START_TEST(test_linux_hostile)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    for (unsigned round = 0; round < 3000; round++) {
        struct symbols symbols = { 0 };
        bool at_end = round & 1;
        size_t start = at_end ? (1 << 20) - 0x5800 : 0x8000;
        memset(ram, 0, 1 << 20);
        size_t end = put_offsets(put_names(start));
        ck_assert_uint_le(end, 1 << 20);
        for (unsigned i = 0; i < 1 + round % 5; i++)
            ram[start + (unsigned)rand_r(&seed) % (end - start)] = (uint8_t)rand_r(&seed);
        symbols_add_linux(&symbols, machine);
        symbols_find(&symbols, BASE + (unsigned)rand_r(&seed) % 20000);
        symbols_free(&symbols);
    }
    /* Patterns everywhere. */
    for (size_t i = 0; i + 20 <= 1 << 20; i += 20)
        memcpy(ram + i, "0\0001\0002\0003\0004\0005\0006\0007\0008\0009", 20);
    ck_assert_uint_eq(symbols_add_linux(&(struct symbols){ 0 }, machine), 0);
}
END_TEST

/* Makes the headers of three sections (none, symbols, names) after the file's header, then their contents. */
static size_t make_elf(uint8_t bytes[512])
{
    static const char names[] = "\0first\0second\0$x\0data";
    Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                          .e_type = ET_EXEC,
                          .e_machine = EM_RISCV,
                          .e_shoff = sizeof(header),
                          .e_shentsize = sizeof(Elf64_Shdr),
                          .e_shnum = 4 };
    Elf64_Sym symbols[] = {
        { .st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x1000, .st_size = 16 },
        { .st_name = 7, .st_info = STT_NOTYPE, .st_shndx = 1, .st_value = 0x1010 },
        { .st_name = 14, .st_info = STT_NOTYPE, .st_shndx = 1, .st_value = 0x1004 },
        { .st_name = 17, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = 0x1008 }
    };
    size_t at = sizeof(header) + 4 * sizeof(Elf64_Shdr);
    Elf64_Shdr sections[4] = {
        { .sh_type = SHT_NULL },
        { .sh_type = SHT_NOBITS, .sh_offset = 1 << 20, .sh_size = 1 << 20 },
        { .sh_type = SHT_SYMTAB, .sh_offset = at, .sh_size = sizeof(symbols), .sh_link = 3 },
        { .sh_type = SHT_STRTAB, .sh_offset = at + sizeof(symbols), .sh_size = sizeof(names) },
    };
    memset(bytes, 0, 512);
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), sections, sizeof(sections));
    memcpy(bytes + at, symbols, sizeof(symbols));
    memcpy(bytes + at + sizeof(symbols), names, sizeof(names));
    return at + sizeof(symbols) + sizeof(names);
}

/* Returns how many names the file has. */
static size_t parse(struct symbols *symbols, const uint8_t *bytes, size_t length)
{
    char path[] = "/tmp/rvive-symbols-XXXXXX";
    struct error error;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    symbols_add_elf(symbols, path, &error);
    unlink(path);
    return symbols->count;
}

START_TEST(test_elf)
{
    uint8_t bytes[512];
    size_t length = make_elf(bytes);
    unsigned seed = (unsigned)time(NULL);
    struct symbols symbols = { 0 };
    ck_assert_uint_eq(parse(&symbols, bytes, length), 2);
    ck_assert_str_eq(symbols_find(&symbols, 0x100f)->name, "first");
    ck_assert_str_eq(symbols_find(&symbols, 0x1010)->name, "second");
    ck_assert_ptr_null(symbols_find(&symbols, 0xfff));
    symbols_free(&symbols);
    printf("seed %u\n", seed);
    for (unsigned round = 0; round < 3000; round++) {
        make_elf(bytes);
        for (unsigned i = 0; i < 1 + round % 4; i++)
            bytes[(unsigned)rand_r(&seed) % length] = (uint8_t)rand_r(&seed);
        parse(&symbols, bytes, round % 3 ? length : (unsigned)rand_r(&seed) % length);
        symbols_find(&symbols, (unsigned)rand_r(&seed));
        symbols_free(&symbols);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("symbols");
    TCase *tcase = tcase_create("symbols");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_linux_new);
    tcase_add_test(tcase, test_linux_old);
    tcase_add_test(tcase, test_linux_hostile);
    tcase_add_test(tcase, test_elf);
    suite_add_tcase(suite, tcase);
    return suite;
}
