/* SPDX-License-Identifier: MIT
 *
 * -identify: files of each kind, made here, and the same files damaged in every way that comes to mind: they
 * must be refused without a read outside of them (AddressSanitizer looks).
 */
#include <check.h>
#include <elf.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/isa/isa.h"
#include "frontend/identify/identify.h"
#include "machine/board.h"
#include "tests/suite.h"

#define SAMPLE_MAX 70000

struct sample {
    uint8_t bytes[SAMPLE_MAX];
    size_t length;
};

static struct sample sample;
static char path[] = "/tmp/rvive-identify-XXXXXX";
static char *answer;

/* ---- Asking -------------------------------------------------------------------------------------------- */

static void ask(const void *bytes, size_t length)
{
    size_t size;
    struct error error = { "" };
    FILE *file = fopen(path, "w"), *out;
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
    free(answer);
    answer = NULL;
    out = open_memstream(&answer, &size);
    ck_assert_ptr_nonnull(out);
    ck_assert_msg(identify_file(path, out, &error), "%s", error.text);
    fclose(out);
}

static void expect(const char *text)
{
    ck_assert_msg(strstr(answer, text), "\"%s\" is not in:\n%s", text, answer);
}

static void expect_none(const char *text)
{
    ck_assert_msg(!strstr(answer, text), "\"%s\" is in:\n%s", text, answer);
}

/* ---- Making files -------------------------------------------------------------------------------------- */

static void put(size_t at, const void *bytes, size_t length)
{
    ck_assert_uint_le(at + length, SAMPLE_MAX);
    memcpy(sample.bytes + at, bytes, length);
    if (at + length > sample.length)
        sample.length = at + length;
}

static void put_number(size_t at, uint64_t value, unsigned size)
{
    put(at, &value, size);
}

/* Big-endian, 32 bits. */
static void put_be(size_t at, uint32_t value)
{
    uint8_t bytes[] = { value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255 };
    put(at, bytes, 4);
}

#define AT_TEXT    0x200
#define AT_ATTR    0x300
#define AT_SYMBOLS 0x500
#define AT_STRINGS 0x580
#define AT_TABLE   0x600

/* .riscv.attributes with one architecture; returns its size. */
static size_t put_attributes(const char *arch)
{
    size_t length = strlen(arch) + 1;
    uint8_t stack[] = { 4, 16 }; /* Tag_RISCV_stack_align, a number */
    put(AT_ATTR, "A", 1);
    put_number(AT_ATTR + 1, 4 + 6 + 5 + 2 + 1 + length, 4);
    put(AT_ATTR + 5, "riscv", 6);
    put_number(AT_ATTR + 11, 1, 1);
    put_number(AT_ATTR + 12, 5 + 2 + 1 + length, 4);
    put(AT_ATTR + 16, stack, 2);
    put_number(AT_ATTR + 18, 5, 1);
    put(AT_ATTR + 19, arch, length);
    return 19 + length;
}

static void put_section(unsigned number, bool wide, uint32_t type, uint32_t link, uint64_t offset,
                        uint64_t size)
{
    size_t at = AT_TABLE + number * (wide ? 64u : 40u);
    unsigned word = wide ? 8 : 4;
    put_number(at + 4, type, 4);
    put_number(at + (wide ? 24 : 16), offset, word);
    put_number(at + (wide ? 32 : 20), size, word);
    put_number(at + (wide ? 40 : 24), link, 4);
    put_number(at + (wide ? 63 : 39), 0, 1);
}

static void put_header(bool wide, uint64_t paddr, unsigned flags)
{
    unsigned word = wide ? 8 : 4;
    uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', wide ? 2 : 1, 1, 1 };
    put(0, ident, 16);
    put_number(16, ET_EXEC, 2);
    put_number(18, EM_RISCV, 2);
    put_number(24, paddr, word);
    put_number(wide ? 32 : 28, 0x80, word);
    put_number(wide ? 40 : 32, AT_TABLE, word);
    put_number(wide ? 48 : 36, flags, 4);
    put_number(wide ? 54 : 42, wide ? 56 : 32, 2);
    put_number(wide ? 56 : 44, 1, 2);
    put_number(wide ? 58 : 46, wide ? 64 : 40, 2);
    put_number(wide ? 60 : 48, 4, 2);
    put_number(0x80, PT_LOAD, 4);
    put_number(0x80 + (wide ? 8 : 4), AT_TEXT, word);
    put_number(0x80 + (wide ? 24 : 12), paddr, word);
    put_number(0x80 + (wide ? 40 : 20), 64, word);
}

static void make_elf(bool wide, uint64_t paddr, unsigned flags, const char *arch, const char *symbols)
{
    memset(&sample, 0, sizeof(sample));
    put_header(wide, paddr, flags);
    put_number(AT_TEXT + 63, 0, 1);
    size_t attributes = put_attributes(arch), strings = 1;
    unsigned size = wide ? 24 : 16, count = 1;
    for (const char *name = symbols; *name; name += strlen(name) + 1, count++) {
        put(AT_STRINGS + strings, name, strlen(name) + 1);
        put_number(AT_SYMBOLS + (size_t)count * size, strings, 4);
        strings += strlen(name) + 1;
    }
    put_number(AT_SYMBOLS + (size_t)count * size - 1, 0, 1);
    put_section(0, wide, SHT_NULL, 0, 0, 0);
    put_section(1, wide, 0x70000003, 0, AT_ATTR, attributes);
    put_section(2, wide, SHT_SYMTAB, 3, AT_SYMBOLS, (uint64_t)count * size);
    put_section(3, wide, SHT_STRTAB, 0, AT_STRINGS, strings);
}

static void ask_elf(bool wide, uint64_t paddr, unsigned flags, const char *arch, const char *symbols)
{
    make_elf(wide, paddr, flags, arch, symbols);
    ask(sample.bytes, sample.length);
}

static void make_image(uint64_t offset, const char *text)
{
    memset(&sample, 0, sizeof(sample));
    put_number(8, offset, 8);
    put_number(16, 0x100000, 8);
    put_number(32, 2, 4);
    put(48, "RISCV", 5);
    put(56, "RSC\5", 4);
    put(200, text, strlen(text) + 1);
}

static void make_tree(const char *compatible, const char *isa)
{
    memset(&sample, 0, sizeof(sample));
    ck_assert_int_eq(fdt_create(sample.bytes, 4096), 0);
    fdt_finish_reservemap(sample.bytes);
    fdt_begin_node(sample.bytes, "");
    fdt_property_string(sample.bytes, "compatible", compatible);
    fdt_property_string(sample.bytes, "model", "a board\033[31m");
    fdt_begin_node(sample.bytes, "cpus");
    fdt_begin_node(sample.bytes, "cpu@0");
    fdt_property_string(sample.bytes, "device_type", "cpu");
    fdt_property_string(sample.bytes, "riscv,isa", isa);
    fdt_end_node(sample.bytes);
    fdt_end_node(sample.bytes);
    fdt_end_node(sample.bytes);
    ck_assert_int_eq(fdt_finish(sample.bytes), 0);
    sample.length = fdt_totalsize(sample.bytes);
}

static void make_fit(void)
{
    memset(&sample, 0, sizeof(sample));
    ck_assert_int_eq(fdt_create(sample.bytes, 4096), 0);
    fdt_finish_reservemap(sample.bytes);
    fdt_begin_node(sample.bytes, "");
    fdt_begin_node(sample.bytes, "images");
    fdt_begin_node(sample.bytes, "kernel-1");
    fdt_property_string(sample.bytes, "type", "kernel");
    fdt_property_string(sample.bytes, "arch", "riscv");
    fdt_property_u32(sample.bytes, "load", 0x80200000);
    fdt_end_node(sample.bytes);
    fdt_end_node(sample.bytes);
    fdt_end_node(sample.bytes);
    ck_assert_int_eq(fdt_finish(sample.bytes), 0);
    sample.length = fdt_totalsize(sample.bytes);
}

static void make_uimage(void)
{
    memset(&sample, 0, sizeof(sample));
    put_be(0, 0x27051956);
    put_be(12, 100);
    put_be(16, 0x80200000);
    put_number(29, 26, 1);
    put_number(30, 2, 1);
    put(32, "Linux-5.4", 9);
    put_number(163, 0, 1);
}

static void make_gpt(void)
{
    static const uint8_t fsbl[16] = { 0x00, 0x33, 0x19, 0x5b, 0x78, 0xfc, 0x02, 0x40,
                                      0x80, 0xcd, 0x2e, 0x86, 0xc4, 0x55, 0x58, 0x0b };
    memset(&sample, 0, sizeof(sample));
    put_number(510, 0xaa55, 2);
    put_number(450, 0xee, 1);
    put(512, "EFI PART", 8);
    put_number(512 + 72, 2, 8);
    put_number(512 + 80, 128, 4);
    put_number(512 + 84, 128, 4);
    put(1024, fsbl, 16);
    put_number(20000, 0, 1);
}

/* ---- Programs -------------------------------------------------------------------------------------------
 */

#define HTIF "tohost\0fromhost\0"

START_TEST(test_programs)
{
    ask_elf(true, 0x80000000, 5, "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0", HTIF);
    expect("an ELF program for RV64\n");
    expect("tohost and fromhost");
    expect("type: rvive -M spike -bios none -nographic -kernel /tmp/");
    expect("e_flags 0x5: compressed, double precision in calls");
    ask_elf(false, 0x80000000, 0, "rv32i2p1_m2p0", HTIF);
    expect("type: rvive -M spike -cpu rv32 -bios none");
    ask_elf(true, 0x80000000, 0, "rv64i2p1", "");
    expect("type: rvive -M virt -nographic -bios none -kernel");
    ask_elf(true, 0x80200000, 0, "rv64i2p1", "tohost\0");
    expect("type: rvive -M virt -nographic -kernel");
    ask_elf(false, 0x20400000, 0, "rv32i2p1_m2p0_a2p0_c2p0", "");
    expect("type: rvive -M sifive_e -nographic -kernel");
    ask_elf(true, 0x08000000, 0, "rv64i2p1_m2p0_a2p0_c2p0", "");
    expect("type: rvive -M sifive_u,msel=11 -nographic -bios");
    ask_elf(true, 0x20000000, 0, "rv64i2p1_m2p0_a2p0_c2p0", "");
    expect("type: rvive -M sifive_u,start-in-flash=on");
}
END_TEST

START_TEST(test_other_boards)
{
    ask_elf(false, 0x08000000, 0, "rv32i2p1_m2p0_a2p0_c2p0", "");
    uint8_t raw[0x300] = { 0x01, 0xa0 };
    memcpy(raw + 12, "\x04\x02\x00\x08", 4);
    memcpy(raw + 0x15c, "\x73\x70\x04\x30", 4);
    expect("the flash of GD32VF103");
    expect("type: rvive -M gd32vf103 -nographic -kernel");
    expect_none("-cpu");
    ask(raw, sizeof(raw));
    expect("type: rvive -M gd32vf103 -nographic -kernel");
    ask(raw, 0x1f0); /* too short */
    expect("nothing that is known here");
    raw[15] = 0x18; /* no address of the flash */
    ask(raw, sizeof(raw));
    expect("nothing that is known here");
    ask_elf(true, 0x80000000, 0, "rv64i2p1", "uarths_init\0");
    expect("K210");
    expect_none("type:");
    ask_elf(true, 0x10000, 0, "rv64i2p1", "");
    expect("under pk");
    expect_none("type:");
    ask_elf(true, 0x123456780000, 0, "rv64i2p1", "");
    expect("no board that is known here");
    expect("-M dt ");
}
END_TEST

START_TEST(test_architectures)
{
    ask_elf(true, 0x80000000, 0, "rv64i2p0_m2p0_xtheadba1p0_xtheadmac1p0_zicsr2p0", "");
    expect("-cpu rv64,xtheadba=on,xtheadmac=on ");
    ask_elf(false, 0x80000000, 8, "rv32e1p9_m2p0_c2p0", "");
    expect("an ELF program for RV32E\n");
    expect("-cpu rv32e,m=on,c=on ");
    ask_elf(true, 0x80000000, 0, "rv64i2p1_m2p0_zfinx1p0_zcmp1p0_zca1p0", ""); /* they exclude f and d */
    expect("-cpu rv64i,s=on,pmp=on,c=on,m=on,zfinx=on,zcmp=on");
    ask_elf(true, 0x80000000, 0, "rv64i2p1_q2p2_xandesperf5p0_v0p7", "");
    expect("no extension q");
    expect("no extension xandesperf");
    expect("draft 0.7.1");
    ask_elf(true, 0x80000000, 0, "rv128i2p1", "");
    expect("none that is known here");
    ask_elf(true, 0x80000000, 0, "rv64gcv", "");
    expect("type: rvive -M virt -nographic");
}
END_TEST

/* Every machine and CPU that an answer names is one. */
START_TEST(test_names)
{
    static const uint64_t places[] = { 0,          0x10000,    0x08000000, 0x20000000, 0x20010000,
                                       0x20400000, 0x40000000, 0x40380000, 0x80000000, 0x80200000 };
    for (unsigned i = 0; i < 2 * sizeof(places) / sizeof(places[0]); i++) {
        ask_elf(i & 1, places[i / 2], 0, i & 1 ? "rv64gc_zvbb_zibi" : "rv32gc_zilsd", i & 2 ? HTIF : "");
        const char *type = strstr(answer, "-M "), *cpu = strstr(answer, "-cpu ");
        bool found = !type;
        for (const struct board *const *board = boards; type && *board; board++)
            found |= strncmp(type + 3, (*board)->name, strlen((*board)->name)) == 0;
        ck_assert_msg(found, "%s", answer);
        if (type && cpu && cpu > type) {
            char name[256];
            struct isa_config config;
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(cpu + 5, " "), cpu + 5);
            ck_assert_msg(isa_config_parse(&config, name, NULL), "%s", answer);
        }
    }
}
END_TEST

/* ---- Other files ----------------------------------------------------------------------------------------
 */

START_TEST(test_kernels)
{
    make_image(0x200000, "Linux version 6.1.0 (x@y)");
    ask(sample.bytes, sample.length);
    expect("boot image header");
    expect("type: rvive -M virt -m 1G -nographic -kernel /tmp/");
    expect("xtheadmae=on");
    make_image(0x400000, "Linux version 4.15.0\033");
    ask(sample.bytes, sample.length);
    expect("-cpu rv32 ");
    expect("4.15.0?");
    make_image(0, "");
    ask(sample.bytes, sample.length);
    expect("-bios none");
    make_uimage();
    ask(sample.bytes, sample.length);
    expect("a uImage of U-Boot (\"Linux-5.4\")");
    expect("kernel, 100 bytes for 0x80200000");
    ask("xx OpenSBI v0.6", 15);
    expect("type: rvive -M virt -nographic -bios");
    ask("xx bbl loader", 13);
    expect("type: rvive -M spike -nographic -bios");
}
END_TEST

START_TEST(test_trees)
{
    make_tree("riscv-virtio", "rv64imafdc_zicsr_xtheadba");
    ask(sample.bytes, sample.length);
    expect("a device tree of \"a board?[31m\"");
    expect("type: rvive -M virt -cpu rv64,xtheadba=on -nographic");
    expect("1 hart, rv64imafdc");
    make_tree("sifive,hifive-unleashed-a00", "rv64imac");
    ask(sample.bytes, sample.length);
    expect("type: rvive -M sifive_u -smp 5");
    make_tree("canaan,kendryte-k210", "rv64imafdc");
    ask(sample.bytes, sample.length);
    expect("Rvive has no such board");
    make_tree("nobody,nothing", "rv64imafdc");
    ask(sample.bytes, sample.length);
    expect("no board that is known here");
    expect("-M dt ");
    make_fit();
    ask(sample.bytes, sample.length);
    expect("a FIT image of U-Boot");
    expect("kernel-1 type=kernel arch=riscv load=0x80200000");
}
END_TEST

START_TEST(test_disks)
{
    make_gpt();
    ask(sample.bytes, sample.length);
    expect("a disk with a GPT");
    expect("1 partitions");
    expect("sifive_u,msel=11");
    memset(&sample, 0, sizeof(sample));
    put_number(510, 0xaa55, 2);
    put_number(450, 0x83, 1);
    ask(sample.bytes, sample.length);
    expect("a disk with an MBR");
    memset(&sample, 0, sizeof(sample));
    put(0, "QFI\xfb", 4);
    put_number(100, 0, 1);
    ask(sample.bytes, sample.length);
    expect("format=qcow2");
    ask("070701", 6);
    expect("-initrd /tmp/");
    ask("", 0);
    expect("an empty file");
    ask("hello", 5);
    expect("nothing that is known here");
}
END_TEST

START_TEST(test_unreadable)
{
    struct error error = { "" };
    ck_assert(!identify_file("/nonexistent/file", stdout, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "No such file"));
    ck_assert(!identify_file("/tmp", stdout, &error));
    ck_assert(!identify_file("/dev/zero", stdout, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "not a regular file"));
}
END_TEST

/* ---- Damaged files --------------------------------------------------------------------------------------
 */

static void make(unsigned kind)
{
    switch (kind) {
    case 0: make_elf(true, 0x80000000, 5, "rv64gc_xtheadba", HTIF); break;
    case 1: make_elf(false, 0x20400000, 0, "rv32imac", HTIF); break;
    case 2: make_image(0x200000, "Linux version 6.1"); break;
    case 3: make_tree("riscv-virtio", "rv64imafdc"); break;
    case 4: make_fit(); break;
    case 5: make_uimage(); break;
    default: make_gpt(); break;
    }
}

/* Only the first section of a kind is read, and of attributes only the beginning: else a small file with
 * thousands of sections, all the same part of it, would take hours. */
START_TEST(test_many_sections)
{
    bool wide = _i;
    make_elf(wide, 0x80000000, 0, "rv64i2p1", HTIF);
    size_t size = put_attributes("rv64i2p1_m2p0");
    put_section(1, wide, SHT_SYMTAB, 3, AT_SYMBOLS, 0);
    put_section(4, wide, SHT_SYMTAB, 3, AT_SYMBOLS, wide ? 72 : 48);
    put_section(5, wide, 0x70000003, 0, AT_ATTR, size);
    put_section(6, wide, 0x70000003, 0, AT_ATTR, size - 1);
    put_number(wide ? 60 : 48, 7, 2);
    put_section(2, wide, SHT_NULL, 0, 0, 0);
    ask(sample.bytes, sample.length);
    expect_none("HTIF");
    expect("made for rv64i2p1_m2p0\n");
    /* The architecture is behind 64 KiB of zeroes, which are numbers: tag 0, number 0. */
    make_elf(wide, 0x80000000, 0, "rv64i2p1", HTIF);
    sample.length = SAMPLE_MAX;
    size_t far = 0x1000, length = SAMPLE_MAX - far;
    memcpy(sample.bytes + far, sample.bytes + AT_ATTR, 16);
    put_number(far + 1, length - 1, 4);
    put_number(far + 12, length - 11, 4);
    memcpy(sample.bytes + SAMPLE_MAX - 20, "\5rv64i2p1_m2p0", 15);
    put_section(1, wide, 0x70000003, 0, far, length);
    ask(sample.bytes, sample.length);
    expect("HTIF");
    expect_none("made for");
}
END_TEST

START_TEST(test_cut)
{
    make((unsigned)_i);
    for (size_t length = 0; length < sample.length; length += length < 300 ? 1 : 37)
        ask(sample.bytes, length);
}
END_TEST

START_TEST(test_damaged)
{
    uint64_t seed = 1;
    static struct sample good;
    make((unsigned)_i);
    good = sample;
    for (unsigned round = 0; round < 400; round++) {
        sample = good;
        for (unsigned n = 0; n < 3; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(seed >> 33) % sample.length;
            bool head = seed >> 20 & 1; /* where the headers are */
            sample.bytes[head ? at % 256 : at] = seed >> 21 & 1 ? 0xff : (uint8_t)(seed >> 24);
        }
        ask(sample.bytes, sample.length);
    }
}
END_TEST

static void setup(void)
{
    isa_init();
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
}

static void teardown(void)
{
    unlink(path);
    free(answer);
    answer = NULL;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("identify");
    TCase *tests = tcase_create("files");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_programs);
    tcase_add_test(tests, test_other_boards);
    tcase_add_test(tests, test_architectures);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_kernels);
    tcase_add_test(tests, test_trees);
    tcase_add_test(tests, test_disks);
    tcase_add_test(tests, test_unreadable);
    tcase_add_loop_test(tests, test_many_sections, 0, 2);
    tcase_add_loop_test(tests, test_cut, 0, 7);
    tcase_add_loop_test(tests, test_damaged, 0, 7);
    suite_add_tcase(suite, tests);
    return suite;
}
