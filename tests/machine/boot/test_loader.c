/* SPDX-License-Identifier: MIT
 *
 * The loader: kinds of images, where they are loaded, and damaged files. The mutations are random; a failure
 * prints the seed, and RVIVE_SEED=N repeats it.
 */
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "machine/boot/loader.h"
#include "tests/suite.h"

#define RAM       UINT64_C(0x80000000)
#define RAM_SIZE  (UINT64_C(16) << 20)
#define ELF_BYTES 512
#define MUTATIONS 20000

static struct loader loader;
static struct error error;
static char path[] = "/tmp/rvive-test-XXXXXX";

static void setup(void)
{
    loader_init(&loader, RAM, RAM_SIZE, 64);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    loader_destroy(&loader);
    unlink(path);
}

static void write_file(const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert(length == 0 || fwrite(bytes, length, 1, file) == 1);
    fclose(file);
}

/* An executable with two segments: 64 bytes at RAM + 0x1000 (128 in memory), 16 bytes at RAM + 0x3000; linked
 * at virtual addresses 0xffffffff80000000 up. */
static void make_elf64(uint8_t bytes[ELF_BYTES])
{
    Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                          .e_type = ET_EXEC,
                          .e_machine = EM_RISCV,
                          .e_version = EV_CURRENT,
                          .e_entry = 0xffffffff80001010,
                          .e_phoff = sizeof(Elf64_Ehdr),
                          .e_ehsize = sizeof(Elf64_Ehdr),
                          .e_phentsize = sizeof(Elf64_Phdr),
                          .e_phnum = 3 };
    Elf64_Phdr segments[3] = {
        { .p_type = PT_LOAD,
          .p_offset = 256,
          .p_vaddr = 0xffffffff80001000,
          .p_paddr = RAM + 0x1000,
          .p_filesz = 64,
          .p_memsz = 128 },
        { .p_type = PT_NOTE, .p_offset = 1 << 30, .p_filesz = 1 << 30, .p_memsz = 1 << 30 },
        { .p_type = PT_LOAD,
          .p_offset = 320,
          .p_vaddr = 0xffffffff80003000,
          .p_paddr = RAM + 0x3000,
          .p_filesz = 16,
          .p_memsz = 16 },
    };
    memset(bytes, 0xaa, ELF_BYTES);
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), segments, sizeof(segments));
}

static bool load(unsigned forms, struct loader_place *place)
{
    error.text[0] = '\0';
    return loader_add_file(&loader, path, forms, RAM, place, &error);
}

static void refuses(const char *reason)
{
    struct loader_place place;
    ck_assert_msg(!load(LOADER_ELF, &place), "loaded, without \"%s\"", reason);
    ck_assert_msg(strstr(error.text, reason) && strstr(error.text, path), "\"%s\" does not say \"%s\" of %s",
                  error.text, reason, path);
}

START_TEST(elf64)
{
    uint8_t bytes[ELF_BYTES];
    struct loader_place place;
    make_elf64(bytes);
    write_file(bytes, sizeof(bytes));
    ck_assert_msg(load(LOADER_ELF, &place), "%s", error.text);
    ck_assert_uint_eq(place.entry, RAM + 0x1010);
    ck_assert_uint_eq(place.start, RAM + 0x1000);
    ck_assert_uint_eq(place.end, RAM + 0x3010);
    ck_assert_uint_eq(loader.count, 2);
    ck_assert_uint_eq(loader.blobs[0].size, 128);
    ck_assert_uint_eq(loader.blobs[0].length, 64);
    /* in memory: what it holds, then zeroes */
    struct bus *bus = bus_create(NULL, NULL, &error);
    uint8_t *ram = bus_add_ram(bus, RAM, RAM_SIZE, &error);
    memset(ram, 0x55, 0x4000);
    ck_assert(loader_write(&loader, bus, &error));
    ck_assert_uint_eq(ram[0xfff], 0x55);
    ck_assert_uint_eq(ram[0x1000], 0xaa);
    ck_assert_uint_eq(ram[0x103f], 0xaa);
    ck_assert_uint_eq(ram[0x1040], 0);
    ck_assert_uint_eq(ram[0x107f], 0);
    ck_assert_uint_eq(ram[0x1080], 0x55);
    bus_destroy(bus);
}
END_TEST

/* A large segment, at an odd offset of its file: the second load gives the same contents, though the file has
 * changed. */
START_TEST(large_elf)
{
    const size_t size = 3u << 20, offset = 4096 + 7;
    uint8_t *bytes = malloc(offset + size);
    struct loader_place place;
    make_elf64(bytes);
    Elf64_Phdr segment;
    memcpy(&segment, bytes + sizeof(Elf64_Ehdr), sizeof(segment));
    segment.p_offset = offset;
    segment.p_filesz = size;
    segment.p_memsz = size + 4096;
    segment.p_paddr = RAM + 0x10000;
    memcpy(bytes + sizeof(Elf64_Ehdr), &segment, sizeof(segment));
    for (size_t i = 0; i < size; i++)
        bytes[offset + i] = (uint8_t)(i * 7 + i / 4096);
    write_file(bytes, offset + size);
    ck_assert_msg(load(LOADER_ELF, &place), "%s", error.text);
    struct bus *bus = bus_create(NULL, NULL, &error);
    uint8_t *ram = bus_add_ram(bus, RAM, RAM_SIZE, &error);
    for (int turn = 0; turn < 2; turn++) {
        memset(ram, 0x55, RAM_SIZE);
        ck_assert(loader_write(&loader, bus, &error));
        ck_assert_uint_eq(ram[0xffff], 0x55);
        ck_assert_mem_eq(ram + 0x10000, bytes + offset, size);
        ck_assert_uint_eq(ram[0x10000 + size], 0);
        ck_assert_uint_eq(ram[0x10000 + size + 4095], 0);
        ck_assert_uint_eq(ram[0x10000 + size + 4096], 0x55);
        write_file("changed", 7);
    }
    bus_destroy(bus);
    free(bytes);
}
END_TEST

/* Segments that lie outside RAM: `change` changes segment 2, which does not hold the program's entry. */
#define OUTSIDE(change, blobs)                                                                               \
    do {                                                                                                     \
        make_elf64(bytes);                                                                                   \
        change;                                                                                              \
        write_file(bytes, sizeof(bytes));                                                                    \
        loader_destroy(&loader);                                                                             \
        loader_init(&loader, RAM, RAM_SIZE, 64);                                                             \
        loader.strict = true;                                                                                \
        refuses("does not fit");                                                                             \
        loader_destroy(&loader);                                                                             \
        loader_init(&loader, RAM, RAM_SIZE, 64);                                                             \
        ck_assert_msg(load(LOADER_ELF, &place), "%s", error.text);                                           \
        ck_assert_uint_eq(place.entry, RAM + 0x1010);                                                        \
        ck_assert_uint_eq(place.start, RAM + 0x1000);                                                        \
        ck_assert_uint_eq(loader.count, blobs);                                                              \
    } while (0)

START_TEST(elf_outside_ram)
{
    uint8_t bytes[ELF_BYTES];
    Elf64_Phdr *segment = (Elf64_Phdr *)(bytes + sizeof(Elf64_Ehdr));
    struct loader_place place;
    OUTSIDE(segment[2].p_paddr = 0, 1);
    OUTSIDE(segment[2].p_paddr = 0x10000000, 1); /* a section for a device's registers */
    OUTSIDE(segment[2].p_paddr = RAM - 16, 1);
    OUTSIDE(segment[2].p_paddr = RAM + RAM_SIZE, 1);
    OUTSIDE(segment[2].p_paddr = UINT64_MAX - 4, 1);
    /* A heap that reaches beyond the end. */
    OUTSIDE((segment[2].p_paddr = RAM + RAM_SIZE - 16, segment[2].p_memsz = 1 << 30), 2);
    ck_assert_uint_eq(place.end, RAM + RAM_SIZE);
    /* Nothing to load: the address does not matter. */
    make_elf64(bytes);
    segment[2].p_paddr = 0;
    segment[2].p_memsz = segment[2].p_filesz = 0;
    write_file(bytes, sizeof(bytes));
    loader_destroy(&loader);
    loader_init(&loader, RAM, RAM_SIZE, 64);
    loader.strict = true;
    ck_assert_msg(load(LOADER_ELF, &place), "%s", error.text);
}
END_TEST

START_TEST(damaged_elf)
{
    uint8_t bytes[ELF_BYTES], good[ELF_BYTES];
    Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
    Elf64_Phdr *segment = (Elf64_Phdr *)(bytes + sizeof(*header));
    make_elf64(good);
#define DAMAGED(change, reason)                                                                              \
    do {                                                                                                     \
        memcpy(bytes, good, sizeof(bytes));                                                                  \
        change;                                                                                              \
        write_file(bytes, sizeof(bytes));                                                                    \
        refuses(reason);                                                                                     \
    } while (0)
    DAMAGED(header->e_machine = EM_X86_64, "another machine");
    DAMAGED(header->e_ident[EI_DATA] = ELFDATA2MSB, "big-endian");
    DAMAGED(header->e_ident[EI_CLASS] = 7, "class 7");
    DAMAGED(header->e_type = ET_REL, "not linked");
    DAMAGED(header->e_phoff = ELF_BYTES - 8, "truncated");
    DAMAGED(header->e_phoff = UINT64_MAX - 8, "truncated");
    DAMAGED(header->e_phnum = 0x400, "truncated");
    DAMAGED(header->e_phnum = 0x401, "1025 program headers");
    DAMAGED(header->e_phnum = 0xffff, "65535 program headers");
    DAMAGED(header->e_phentsize = 1, "damaged");
    DAMAGED(segment->p_offset = ELF_BYTES - 63, "truncated");
    DAMAGED(segment->p_offset = UINT64_MAX, "truncated");
    DAMAGED(segment->p_filesz = 129, "damaged");
    DAMAGED(segment->p_paddr = 0, "does not fit");
    loader.strict = true;
    DAMAGED(segment->p_paddr = RAM + RAM_SIZE - 127, "does not fit");
    loader.strict = false;
    DAMAGED(segment->p_paddr = RAM + RAM_SIZE - 63, "does not fit");
    DAMAGED(segment->p_paddr = UINT64_MAX - 4, "does not fit");
    DAMAGED(segment->p_memsz = UINT64_MAX, "does not fit");
    DAMAGED(segment[0].p_type = segment[2].p_type = PT_NULL, "nothing to load");
    for (size_t length = 4; length < 336; length += 1 + length / 8) {
        write_file(good, length);
        refuses("truncated");
        loader_destroy(&loader);
        loader_init(&loader, RAM, RAM_SIZE, 64);
    }
    loader.xlen = 32;
    write_file(good, sizeof(good));
    refuses("64-bit");
}
END_TEST

START_TEST(overlapping_images)
{
    uint8_t bytes[ELF_BYTES];
    struct loader_place place;
    make_elf64(bytes);
    write_file(bytes, sizeof(bytes));
    ck_assert(load(LOADER_ELF, &place));
    refuses("overlaps");
    ck_assert(!loader_add_bytes(&loader, "more", RAM + 0x107f, bytes, 1, 1, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "more"));
    ck_assert(loader_add_bytes(&loader, "more", RAM + 0x1080, bytes, 1, 1, &error));
}
END_TEST

/* An Image of 100 bytes that takes 0x3000 in memory, at RAM + 2 MiB. */
static void make_image(uint8_t bytes[100])
{
    memset(bytes, 0x13, 100);
    memset(bytes + 8, 0, 16);
    bytes[10] = 0x20;
    bytes[17] = 0x30;
    memcpy(bytes + 48, "RISCV\0\0\0RSC\5", 12);
}

static void loads_as_image(void)
{
    struct loader_place place;
    ck_assert_msg(load(LOADER_ELF | LOADER_KERNEL, &place), "%s", error.text);
    ck_assert_uint_eq(place.entry, RAM + 0x200000);
    ck_assert_uint_eq(place.end, RAM + 0x203000);
    ck_assert_uint_eq(loader.blobs[0].length, 100);
    ck_assert_uint_eq(loader.blobs[0].bytes[99], 0x13);
}

static size_t pack(uint8_t *out, size_t size, const uint8_t *bytes, size_t length)
{
    z_stream stream = {
        .next_in = (uint8_t *)bytes, .avail_in = (uInt)length, .next_out = out, .avail_out = (uInt)size
    };
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return size - stream.avail_out;
}

START_TEST(image_plain)
{
    uint8_t bytes[100];
    make_image(bytes);
    write_file(bytes, sizeof(bytes));
    loads_as_image();
}
END_TEST

START_TEST(image_packed)
{
    uint8_t bytes[100], packed[256];
    make_image(bytes);
    write_file(packed, pack(packed, sizeof(packed), bytes, sizeof(bytes)));
    loads_as_image();
}
END_TEST

START_TEST(image_efi_zboot)
{
    uint8_t bytes[100], file[512] = "MZ";
    make_image(bytes);
    memcpy(file + 4, "zimg", 4);
    size_t length = pack(file + 200, sizeof(file) - 200, bytes, sizeof(bytes));
    file[8] = 200;
    file[12] = (uint8_t)length;
    strcpy((char *)file + 24, "gzip");
    write_file(file, sizeof(file));
    loads_as_image();
}
END_TEST

START_TEST(image_damaged)
{
    uint8_t bytes[100], packed[256], file[512] = "MZ";
    struct loader_place place;
    make_image(bytes);
    size_t length = pack(packed, sizeof(packed), bytes, sizeof(bytes));
    write_file(packed, length - 9);
    ck_assert(!load(LOADER_KERNEL, &place) && strstr(error.text, "gzip data are damaged"));
    packed[length - 6] ^= 1; /* the checksum */
    write_file(packed, length);
    ck_assert(!load(LOADER_KERNEL, &place) && strstr(error.text, "gzip data are damaged"));
    memcpy(file + 4, "zimg", 4);
    strcpy((char *)file + 24, "zstd");
    write_file(file, sizeof(file));
    ck_assert(!load(LOADER_KERNEL, &place) && strstr(error.text, "zstd"));
    strcpy((char *)file + 24, "gzip");
    memset(file + 8, 0xff, 8);
    write_file(file, sizeof(file));
    ck_assert(!load(LOADER_KERNEL, &place) && strstr(error.text, "payload"));
    memset(bytes + 16, 0xff, 8);
    write_file(bytes, sizeof(bytes));
    ck_assert(!load(LOADER_KERNEL, &place) && strstr(error.text, "does not fit"));
}
END_TEST

/* A small file that unpacks to more than RAM and the room for symbols is refused before it fills the host's
 * memory. */
START_TEST(image_bomb)
{
    size_t length = (size_t)RAM_SIZE + 1, size = 1 << 20;
    uint8_t *zeroes = calloc(1, length), *packed = malloc(size);
    struct loader_place place;
    write_file(packed, pack(packed, size, zeroes, length));
    ck_assert(!load(LOADER_KERNEL, &place));
    ck_assert_ptr_nonnull(strstr(error.text, "larger than the guest's RAM"));
    free(zeroes);
    free(packed);
}
END_TEST

START_TEST(raw_and_initrd)
{
    uint8_t bytes[5000] = { 1 };
    struct loader_place kernel = { .start = RAM + 0x200000, .end = RAM + 0x300001 }, place;
    uint64_t fdt = RAM + RAM_SIZE - 0x200000;
    write_file(bytes, sizeof(bytes));
    ck_assert(load(LOADER_ELF | LOADER_KERNEL, &place));
    ck_assert_uint_eq(place.entry, RAM);
    ck_assert_uint_eq(place.end, RAM + sizeof(bytes));
    /* half of RAM above the kernel's start */
    ck_assert(loader_add_initrd(&loader, path, &kernel, fdt, &place, &error));
    ck_assert_uint_eq(place.start, RAM + 0x200000 + RAM_SIZE / 2);
    /* no room there: right after the kernel */
    kernel.start = RAM + 0x800000;
    kernel.end = RAM + 0xb00000;
    ck_assert(loader_add_initrd(&loader, path, &kernel, RAM + 0xd00000, &place, &error));
    ck_assert_uint_eq(place.start, RAM + 0xc00000);
    ck_assert(!loader_add_initrd(&loader, path, &kernel, RAM + 0xc00000, &place, &error));
    ck_assert_ptr_nonnull(strstr(error.text, path));
    kernel.end = UINT64_MAX - 100;
    ck_assert(!loader_add_initrd(&loader, path, &kernel, fdt, &place, &error));
}
END_TEST

START_TEST(bad_files)
{
    struct loader_place place;
    write_file("", 0);
    ck_assert(!load(0, &place) && strstr(error.text, "empty"));
    ck_assert(!loader_add_file(&loader, "/nonexistent/x", 0, RAM, &place, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/x: No such file"));
    ck_assert(!loader_add_file(&loader, "/tmp", 0, RAM, &place, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "/tmp: it is a directory"));
    ck_assert_int_eq(truncate(path, RAM_SIZE + 1), 0);
    ck_assert(!load(0, &place) && strstr(error.text, "too large"));
    ck_assert(!loader_add_file(&loader, "/dev/zero", 0, RAM, &place, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "too large"));
}
END_TEST

/* ---- Mutations ----------------------------------------------------------------------------------------- */

static void check_blobs(unsigned seed)
{
    for (unsigned i = 0; i < loader.count; i++) {
        const struct loader_blob *blob = &loader.blobs[i];
        ck_assert_msg(blob->length <= blob->size && blob->paddr >= RAM && blob->size <= RAM_SIZE &&
                          blob->paddr - RAM <= RAM_SIZE - blob->size,
                      "seed %u: a blob outside of RAM", seed);
    }
}

/* Any input is either refused with a message or placed within RAM; the sanitizers check the rest. */
START_TEST(mutated_files)
{
    const char *given = getenv("RVIVE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), state = seed;
    unsigned loaded = 0;
    for (unsigned n = 0; n < MUTATIONS; n++) {
        size_t length = n % 4 == 0 ? (size_t)rand_r(&state) % ELF_BYTES : ELF_BYTES;
        struct image image = { .bytes = malloc(ELF_BYTES), .length = ELF_BYTES };
        struct loader_place place;
        make_elf64(image.bytes);
        for (unsigned changes = 1 + (unsigned)rand_r(&state) % 3; changes; changes--)
            image.bytes[(size_t)rand_r(&state) % 232] = (uint8_t)rand_r(&state);
        image.bytes = realloc(image.bytes, length ? length : 1);
        image.length = length;
        error.text[0] = '\0';
        loader.strict = n % 16 != 0; /* otherwise it only warns */
        bool ok = image_is_elf(&image) && loader_add_elf(&loader, "mutated", &image, &place, &error);
        ck_assert_msg(ok || !image_is_elf(&image) || error.text[0], "seed %u: refused without a message",
                      seed);
        loaded += ok;
        check_blobs(seed);
        loader_destroy(&loader);
        loader_init(&loader, RAM, RAM_SIZE, 64);
        image_free(&image);
    }
    ck_assert_msg(loaded > 0 && loaded < MUTATIONS, "seed %u: %u of %u loaded", seed, loaded, MUTATIONS);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("loader");
    TCase *tests = tcase_create("loader");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, elf64);
    tcase_add_test(tests, large_elf);
    tcase_add_test(tests, elf_outside_ram);
    tcase_add_test(tests, damaged_elf);
    tcase_add_test(tests, overlapping_images);
    tcase_add_test(tests, image_plain);
    tcase_add_test(tests, image_packed);
    tcase_add_test(tests, image_efi_zboot);
    tcase_add_test(tests, image_damaged);
    tcase_add_test(tests, image_bomb);
    tcase_add_test(tests, raw_and_initrd);
    tcase_add_test(tests, bad_files);
    tcase_add_test(tests, mutated_files);
    suite_add_tcase(suite, tests);
    return suite;
}
