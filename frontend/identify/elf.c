/* SPDX-License-Identifier: MIT
 *
 * ELF programs: what they were made for is in the header's flags, in the addresses of their segments, in
 * symbols and in .riscv.attributes (RISC-V ELF psABI); see identify.h. Every offset and size of the file is
 * checked.
 */
#include "frontend/identify/identify.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#define SECTIONS_MAX   4096
#define SYMBOLS_MAX    (1u << 20)
#define ATTRIBUTES_MAX (64u << 10) /* bytes of them that are read */

#define FLAG_RVC 0x0001
#define FLAG_ABI 0x0006
#define FLAG_RVE 0x0008

struct section {
    uint32_t type, link;
    uint64_t offset, size;
};

struct program {
    const struct subject *subject;
    unsigned word; /* bytes of an address */
    uint64_t entry, low, high;
    bool has_segment, interpreted;
    bool tohost, fromhost, k210;
    char arch[1024];
};

/* A field of the header or of a table: where it is in files of 32 bits, and of 64 bits. */
static uint64_t header(const struct program *p, unsigned at32, unsigned at64, unsigned size)
{
    return subject_le(p->subject, p->word == 4 ? at32 : at64, size);
}

static void read_segments(struct program *p)
{
    uint64_t table = header(p, 28, 32, p->word);
    unsigned size = (unsigned)header(p, 42, 54, 2), count = (unsigned)header(p, 44, 56, 2);
    unsigned least = p->word == 4 ? 32 : 56;
    if (size < least)
        return;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = table + (uint64_t)i * size;
        if (at < table || !subject_has(p->subject, at, least))
            return;
        uint64_t type = subject_le(p->subject, at, 4);
        uint64_t paddr = subject_le(p->subject, at + (p->word == 4 ? 12 : 24), p->word);
        uint64_t bytes = subject_le(p->subject, at + (p->word == 4 ? 20 : 40), p->word);
        p->interpreted |= type == PT_INTERP;
        if (type != PT_LOAD || !bytes)
            continue;
        p->low = !p->has_segment || paddr < p->low ? paddr : p->low;
        p->high = !p->has_segment || paddr + bytes > p->high ? paddr + bytes : p->high;
        p->has_segment = true;
    }
}

/* False: there is no such section, or it is not in the file. */
static bool read_section(const struct program *p, unsigned number, struct section *section)
{
    uint64_t table = header(p, 32, 40, p->word);
    unsigned size = (unsigned)header(p, 46, 58, 2), count = (unsigned)header(p, 48, 60, 2);
    unsigned least = p->word == 4 ? 40 : 64;
    uint64_t at = table + (uint64_t)number * size;
    if (number >= count || count > SECTIONS_MAX || size < least || at < table ||
        !subject_has(p->subject, at, least))
        return false;
    section->type = (uint32_t)subject_le(p->subject, at + 4, 4);
    section->link = (uint32_t)subject_le(p->subject, at + (p->word == 4 ? 24 : 40), 4);
    section->offset = subject_le(p->subject, at + (p->word == 4 ? 16 : 24), p->word);
    section->size = subject_le(p->subject, at + (p->word == 4 ? 20 : 32), p->word);
    return section->type == SHT_NOBITS || subject_has(p->subject, section->offset, section->size);
}

/* ---- Symbols ------------------------------------------------------------------------------------------- */

static bool string_is(const struct program *p, const struct section *strings, uint64_t at, const char *name)
{
    size_t length = strlen(name) + 1;
    return at <= strings->size && length <= strings->size - at &&
           memcmp(p->subject->bytes + strings->offset + at, name, length) == 0;
}

static void read_symbols(struct program *p, const struct section *symbols)
{
    struct section strings;
    unsigned size = p->word == 4 ? 16 : 24;
    if (!read_section(p, symbols->link, &strings) || strings.type != SHT_STRTAB)
        return;
    for (uint64_t i = 0; i < symbols->size / size && i < SYMBOLS_MAX; i++) {
        uint64_t name = subject_le(p->subject, symbols->offset + i * size, 4);
        p->tohost |= string_is(p, &strings, name, "tohost");
        p->fromhost |= string_is(p, &strings, name, "fromhost");
        p->k210 |=
            string_is(p, &strings, name, "uarths_init") || string_is(p, &strings, name, "fpioa_set_function");
    }
}

/* ---- .riscv.attributes --------------------------------------------------------------------------------- */

#define TAG_FILE 1
#define TAG_ARCH 5

/* A number in bytes of 7 bits. */
static uint64_t read_uleb(const struct program *p, uint64_t *at, uint64_t end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end; shift += 7) {
        uint8_t byte = p->subject->bytes[(*at)++];
        value |= shift < 63 ? (uint64_t)(byte & 127) << shift : 0;
        if (!(byte & 128))
            break;
    }
    return value;
}

/* The attributes of the whole file: tags with odd numbers have texts, the others numbers. */
static void read_file_attributes(struct program *p, uint64_t at, uint64_t end)
{
    while (at < end) {
        uint64_t tag = read_uleb(p, &at, end);
        if (!(tag & 1)) {
            read_uleb(p, &at, end);
            continue;
        }
        size_t length = strnlen((const char *)p->subject->bytes + at, end - at);
        if (tag == TAG_ARCH)
            identity_text(p->arch, sizeof(p->arch), p->subject->bytes + at, length);
        at += length + 1;
    }
}

/* 'A', then vendors: length, name; in them parts: tag, length, attributes. */
static void read_attributes(struct program *p, const struct section *section)
{
    uint64_t size = section->size < ATTRIBUTES_MAX ? section->size : ATTRIBUTES_MAX;
    uint64_t at = section->offset, end = section->offset + size;
    if (size < 1 || p->subject->bytes[at++] != 'A')
        return;
    uint64_t vendor = subject_le(p->subject, at, 4);
    if (vendor < 4 || vendor > section->size - 1)
        return;
    end = vendor < end - at ? at + vendor : end;
    at += 4;
    size_t name = strnlen((const char *)p->subject->bytes + at, end - at);
    if (at + name >= end || strcmp((const char *)p->subject->bytes + at, "riscv") != 0)
        return;
    at += name + 1;
    if (end - at < 5 || p->subject->bytes[at] != TAG_FILE)
        return;
    uint64_t part = subject_le(p->subject, at + 1, 4);
    if (part >= 5 && part <= section->size)
        read_file_attributes(p, at + 5, part < end - at ? at + part : end);
}

/* A program has one table of symbols, and one section of attributes. A hostile one has thousands that are all
 * the same large part of the file: only the first of each kind is read. */
static void read_sections(struct program *p)
{
    struct section section;
    bool symbols = false, attributes = false;
    for (unsigned i = 0; i < SECTIONS_MAX && read_section(p, i, &section); i++) {
        if (section.type == SHT_SYMTAB && !symbols) {
            read_symbols(p, &section);
            symbols = true;
        } else if (section.type == 0x70000003 && !attributes) { /* SHT_RISCV_ATTRIBUTES */
            read_attributes(p, &section);
            attributes = true;
        }
    }
}

/* ---- What fits ----------------------------------------------------------------------------------------- */

/* Where programs of a board lie. The first row that fits counts; xlen 0: either. */
static const struct {
    uint64_t first, last;
    unsigned xlen;
    const char *board, *machine, *flags, *note;
} places[] = {
    { 0x20400000, 0x204fffff, 32, "HiFive1's flash", "sifive_e", "-nographic -kernel %s", NULL },
    { 0x20010000, 0x203fffff, 32, "HiFive1 revision B's flash", "sifive_e", "-nographic -kernel %s", NULL },
    { 0x20000000, 0x2fffffff, 64, "HiFive Unleashed's flash", "sifive_u,start-in-flash=on",
      "-nographic -bios none -device loader,file=%s", NULL },
    { 0x08000000, 0x081fffff, 64, "HiFive Unleashed's memory on the chip", "sifive_u,msel=11",
      "-nographic -bios %s", NULL },
    { 0x08000000, 0x0801ffff, 32, "the flash of GD32VF103 (Longan Nano)", "gd32vf103",
      "-nographic -kernel %s", NULL },
    { 0x40000000, 0x7fffffff, 64, "the memory of Allwinner D1 (C906)", "", "",
      "Rvive has no such board; the instructions of its core are those of -cpu thead-c906" },
    { 0x40380000, 0x43ffffff, 32, "the memory or the flash of ESP32-C3", "", "", "Rvive has no such board" },
    { 0x00000000, 0x0000ffff, 32,
      "address 0, as of CH32V, ESP32 or LiteX, or a program for an operating system", "", "",
      "Rvive has no such board; a program for Linux or newlib runs under a kernel, or under pk on -M spike" },
    { 0x00010000, 0x003fffff, 0, "0x10000, where programs for an operating system lie", "", "",
      "it runs under a kernel, or, if it was made for newlib, under pk: "
      "rvive -M spike -bios none -nographic -kernel pk -append FILE -semihosting-config path=FOLDER" },
    { 0x80000000, 0x8001ffff, 0, "the start of RAM: firmware, or a program without firmware", "virt",
      "-nographic -bios none -kernel %s", NULL },
    { 0x80020000, 0xffffffff, 0, "RAM behind firmware", "virt", "-nographic -kernel %s", NULL },
};

static void fit_place(const struct program *p, struct identity *identity)
{
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (p->low < places[i].first || p->low > places[i].last ||
            (places[i].xlen && places[i].xlen != 8 * p->word))
            continue;
        identity_why(identity, "it is loaded at 0x%" PRIx64 ": %s", p->low, places[i].board);
        identity_set(identity->machine, sizeof(identity->machine), "%s", places[i].machine);
        identity_set(identity->flags, sizeof(identity->flags), "%s", places[i].flags);
        if (*places[i].machine && strcmp(places[i].machine, "virt") != 0)
            identity->cpu[0] = 0; /* the board's own */
        if (places[i].note)
            identity_note(identity, "%s", places[i].note);
        return;
    }
    identity_why(identity, "it is loaded at 0x%" PRIx64 ", where no board that is known here has memory",
                 p->low);
    identity_note(identity, "with a device tree of its board, -M dt -dtb TREE makes that board");
}

static void fit(const struct program *p, struct identity *identity)
{
    if (p->interpreted) {
        identity_why(identity, "it names a dynamic loader");
        identity_note(identity, "it is a program for an operating system: boot a kernel, and run it there");
        return;
    }
    if (!p->has_segment) {
        identity_note(identity, "nothing of it is loaded: it is an object file, or damaged");
        return;
    }
    if (p->tohost && p->fromhost && p->low >= 0x80000000) {
        identity_why(identity, "it has the symbols tohost and fromhost: HTIF, as of Spike and Rocket Chip");
        identity_set(identity->machine, sizeof(identity->machine), "spike");
        identity_set(identity->flags, sizeof(identity->flags), "-bios none -nographic -kernel %%s");
        identity_note(identity, "the exit status is that of the program");
        return;
    }
    fit_place(p, identity);
    if (p->k210) {
        identity_why(identity, "it has symbols of Kendryte's K210 (uarths_init, fpioa_set_function)");
        identity_note(identity, "Rvive has no such board, whose cores have privileged architecture 1.9.1");
        identity->machine[0] = 0;
    }
}

static void describe(const struct program *p, struct identity *identity)
{
    static const char *const floats[] = { "no f registers in calls", "single precision in calls",
                                          "double precision in calls", "quad precision in calls" };
    unsigned flags = (unsigned)header(p, 36, 48, 4);
    identity_set(identity->what, sizeof(identity->what), "an ELF program for RV%u%s", 8 * p->word,
                 flags & FLAG_RVE ? "E" : "");
    identity->rv32 = p->word == 4;
    identity_why(identity, "e_flags 0x%x:%s%s %s; entry 0x%" PRIx64, flags,
                 flags & FLAG_RVC ? " compressed," : "", flags & FLAG_RVE ? " 16 registers," : "",
                 floats[(flags & FLAG_ABI) >> 1], p->entry);
    if (*p->arch)
        identity_why(identity, "made for %.200s", p->arch);
    char base[] = { 'r', 'v', identity->rv32 ? '3' : '6', identity->rv32 ? '2' : '4', 'i', 0 };
    identify_arch(*p->arch ? p->arch : base, flags & FLAG_RVE, identity);
}

bool identify_elf(const struct subject *subject, struct identity *identity)
{
    struct program program = { .subject = subject };
    if (!subject_has(subject, 0, 64) || memcmp(subject->bytes, ELFMAG, SELFMAG) != 0)
        return false;
    unsigned class = subject->bytes[EI_CLASS];
    if ((class != ELFCLASS32 && class != ELFCLASS64) || subject->bytes[EI_DATA] != ELFDATA2LSB) {
        identity_set(identity->what, sizeof(identity->what), "an ELF file of a kind that RISC-V has not");
        return true;
    }
    program.word = class == ELFCLASS32 ? 4 : 8;
    if (subject_le(subject, 18, 2) != EM_RISCV) {
        identity_set(identity->what, sizeof(identity->what), "an ELF file for another processor (machine %u)",
                     (unsigned)subject_le(subject, 18, 2));
        return true;
    }
    program.entry = header(&program, 24, 24, program.word);
    read_segments(&program);
    read_sections(&program);
    describe(&program, identity);
    fit(&program, identity);
    identify_texts(subject, identity);
    return true;
}
