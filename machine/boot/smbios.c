/* SPDX-License-Identifier: MIT
 *
 * See smbios.h. A structure is a header {type, length, handle}, its fields, and its strings. Each string ends
 * with a NUL, and one more NUL follows the last (DSP0134, 6.1). A field refers to a string by its number, 0
 * for none. A structure is assembled in a `struct entry` and then appended.
 */
#include "machine/boot/smbios.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX       4096u /* of one string; the sum of the strings of a structure is below */
#define ENTRY_TEXT_MAX (64u << 10)
#define FIELDS_MAX     128u

struct tables {
    uint8_t *bytes;
    size_t length;
    unsigned handles;
    bool failed;
};

struct entry {
    const struct smbios_config *config;
    uint8_t fields[FIELDS_MAX]; /* includes the header */
    size_t length;
    char *texts;
    size_t text_length;
    unsigned text_count;
    bool failed;
};

/* ---- Structures ---------------------------------------------------------------------------------------- */

static void put(struct entry *entry, uint64_t value, unsigned size)
{
    for (unsigned n = 0; n < size && entry->length < FIELDS_MAX; n++)
        entry->fields[entry->length++] = (uint8_t)(value >> 8 * n);
}

static struct entry begin(const struct smbios_config *config, uint8_t type)
{
    struct entry entry = { .config = config };
    put(&entry, type, 4); /* append() fills in the rest of the header */
    return entry;
}

/* Appends a string and returns its number; an empty string needs none and has the number 0. */
static unsigned add_text(struct entry *entry, const char *text, size_t length)
{
    if (!length)
        return 0;
    if (length > TEXT_MAX || entry->text_length + length + 1 > ENTRY_TEXT_MAX ||
        entry->text_count == UINT8_MAX) {
        entry->failed = true;
        return 0;
    }
    char *grown = realloc(entry->texts, entry->text_length + length + 1);
    if (!grown) {
        entry->failed = true;
        return 0;
    }
    memcpy(grown + entry->text_length, text, length);
    grown[entry->text_length + length] = '\0';
    entry->texts = grown;
    entry->text_length += length + 1;
    return ++entry->text_count;
}

/* Adds a field with the number of a string: the user's string, or the board's. */
static void put_text(struct entry *entry, enum smbios_text which, const char *otherwise)
{
    const char *text = entry->config->texts[which] ? entry->config->texts[which] : otherwise;
    put(entry, add_text(entry, text, strlen(text)), 1);
}

static void append(struct tables *tables, struct entry *entry)
{
    size_t text_length = entry->text_length ? entry->text_length + 1 : 2;
    size_t length = entry->length + text_length;
    uint8_t *grown = entry->failed ? NULL : realloc(tables->bytes, tables->length + length);
    if (grown) {
        tables->bytes = grown;
        entry->fields[1] = (uint8_t)entry->length;
        entry->fields[2] = (uint8_t)tables->handles;
        entry->fields[3] = (uint8_t)(tables->handles >> 8);
        tables->handles++;
        memcpy(grown + tables->length, entry->fields, entry->length);
        memset(grown + tables->length + entry->length, 0, text_length);
        if (entry->text_length)
            memcpy(grown + tables->length + entry->length, entry->texts, entry->text_length);
        tables->length += length;
    }
    tables->failed |= !grown;
    free(entry->texts);
}

/* ---- The types ----------------------------------------------------------------------------------------- */

/* 7.1 */
static void add_bios(struct tables *tables, const struct smbios_config *config)
{
    struct entry entry = begin(config, 0);
    put_text(&entry, SMBIOS_BIOS_VENDOR, "");
    put_text(&entry, SMBIOS_BIOS_VERSION, "");
    put(&entry, 0xe800, 2);
    put_text(&entry, SMBIOS_BIOS_DATE, "");
    put(&entry, 0, 1);
    put(&entry, 8, 8);                              /* characteristics are not supported */
    put(&entry, config->uefi ? 0x1c00 : 0x1400, 2); /* a virtual machine; UEFI */
    put(&entry, config->bios_major, 1);
    put(&entry, config->bios_minor, 1);
    put(&entry, 0xffff, 2);
    append(tables, &entry);
}

/* 7.2, with the UUID's first three fields little-endian (7.2.1) */
static void add_system(struct tables *tables, const struct smbios_config *config)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    struct entry entry = begin(config, 1);
    put_text(&entry, SMBIOS_SYSTEM_MANUFACTURER, "Rvive");
    put_text(&entry, SMBIOS_SYSTEM_PRODUCT, config->product);
    put_text(&entry, SMBIOS_SYSTEM_VERSION, config->version);
    put_text(&entry, SMBIOS_SYSTEM_SERIAL, "");
    for (unsigned n = 0; n < 16; n++)
        put(&entry, config->has_uuid ? config->uuid[order[n]] : 0, 1);
    put(&entry, 6, 1); /* woken by the power switch */
    put_text(&entry, SMBIOS_SYSTEM_SKU, "");
    put_text(&entry, SMBIOS_SYSTEM_FAMILY, "");
    append(tables, &entry);
}

/* 7.3; the chassis has the next handle. */
static void add_board(struct tables *tables, const struct smbios_config *config)
{
    struct entry entry = begin(config, 2);
    put_text(&entry, SMBIOS_BOARD_MANUFACTURER, "Rvive");
    put_text(&entry, SMBIOS_BOARD_PRODUCT, config->product);
    put_text(&entry, SMBIOS_BOARD_VERSION, config->version);
    put_text(&entry, SMBIOS_BOARD_SERIAL, "");
    put_text(&entry, SMBIOS_BOARD_ASSET, "");
    put(&entry, 1, 1); /* hosting board */
    put_text(&entry, SMBIOS_BOARD_LOCATION, "");
    put(&entry, tables->handles + 1, 2);
    put(&entry, 0x0a, 1); /* motherboard */
    put(&entry, 0, 1);
    append(tables, &entry);
}

/* 7.4 */
static void add_chassis(struct tables *tables, const struct smbios_config *config)
{
    struct entry entry = begin(config, 3);
    put_text(&entry, SMBIOS_CHASSIS_MANUFACTURER, "Rvive");
    put(&entry, 1, 1); /* other */
    put_text(&entry, SMBIOS_CHASSIS_VERSION, config->version);
    put_text(&entry, SMBIOS_CHASSIS_SERIAL, "");
    put_text(&entry, SMBIOS_CHASSIS_ASSET, "");
    put(&entry, 0x02030303, 4); /* safe, safe, safe; security unknown */
    put(&entry, 0, 8);          /* OEM, height, power cords, no contained elements */
    put_text(&entry, SMBIOS_CHASSIS_SKU, "");
    append(tables, &entry);
}

/* 7.5 */
static void add_processor(struct tables *tables, const struct smbios_config *config)
{
    struct entry entry = begin(config, 4);
    unsigned narrow = config->harts < 255 ? config->harts : 255;
    put_text(&entry, SMBIOS_CPU_SOCKET, "CPU 0");
    put(&entry, 3, 1);    /* central processor */
    put(&entry, 0xfe, 1); /* its family is in the second field */
    put_text(&entry, SMBIOS_CPU_MANUFACTURER, "Rvive");
    put(&entry, 0, 8);
    put_text(&entry, SMBIOS_CPU_VERSION, config->version);
    put(&entry, 0, 1);
    put(&entry, 0, 6);          /* speeds are not known */
    put(&entry, 0x0141, 2);     /* populated, enabled; no upgrade */
    put(&entry, UINT64_MAX, 6); /* no handles of caches */
    put_text(&entry, SMBIOS_CPU_SERIAL, "");
    put_text(&entry, SMBIOS_CPU_ASSET, "");
    put_text(&entry, SMBIOS_CPU_PART, "");
    put(&entry, narrow, 1);
    put(&entry, narrow, 1);
    put(&entry, narrow, 1);
    put(&entry, 2, 2);                                  /* characteristics are not known */
    put(&entry, config->xlen == 32 ? 0x200 : 0x201, 2); /* RV32, RV64 */
    put(&entry, config->harts, 2);
    put(&entry, config->harts, 2);
    put(&entry, config->harts, 2);
    append(tables, &entry);
}

/* Reads a file of at most the length of a string; NULL and *error. */
static char *read_text(const char *path, size_t *length, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(TEXT_MAX + 1) : NULL;
    if (text)
        *length = fread(text, 1, TEXT_MAX + 1, file);
    if (!text || ferror(file)) {
        error_set(error, "-smbios type=11,path=%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else if (*length > TEXT_MAX || memchr(text, 0, *length)) {
        error_set(error, "-smbios type=11,path=%s: it is longer than %u bytes, or has a NUL within", path,
                  TEXT_MAX);
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

/* 7.12 */
static bool add_strings(struct tables *tables, const struct smbios_config *config, struct error *error)
{
    struct entry entry = begin(config, 11);
    if (!config->string_count)
        return true;
    put(&entry, config->string_count, 1);
    for (unsigned n = 0; n < config->string_count; n++) {
        const char *text = config->strings[n].text;
        size_t length = text ? strlen(text) : 0;
        char *read = text ? NULL : read_text(config->strings[n].path, &length, error);
        if (!text && !read) {
            free(entry.texts);
            return false;
        }
        /* Strings are numbered in order, so none may be empty. */
        if (!add_text(&entry, text ? text : read, length))
            entry.failed = true;
        free(read);
    }
    append(tables, &entry);
    return true;
}

/* 7.17, 7.18, 7.20: an array with one device, mapped in one piece. */
static void add_memory(struct tables *tables, const struct smbios_config *config)
{
    uint64_t kib = config->ram_size >> 10, mib = config->ram_size >> 20;
    uint64_t first = config->ram_base >> 10, last = (config->ram_base + config->ram_size - 1) >> 10;
    unsigned array = tables->handles;
    struct entry entry = begin(config, 16);
    put(&entry, 0x060301, 3); /* other place, system memory, multi-bit ECC */
    put(&entry, kib < 0x80000000 ? kib : 0x80000000, 4);
    put(&entry, 0xfffe, 2);
    put(&entry, 1, 2);
    put(&entry, kib < 0x80000000 ? 0 : config->ram_size, 8);
    append(tables, &entry);

    entry = begin(config, 17);
    put(&entry, array, 2);
    put(&entry, 0xfffffffffffe, 6); /* no error information; widths are not known */
    put(&entry, mib < 0x7fff ? mib : 0x7fff, 2);
    put(&entry, 9, 1); /* DIMM */
    put(&entry, 0, 1);
    put_text(&entry, SMBIOS_MEMORY_LOCATOR, "DIMM 0");
    put_text(&entry, SMBIOS_MEMORY_BANK, "");
    put(&entry, 0x000207, 3); /* RAM */
    put(&entry, 0, 2);
    put_text(&entry, SMBIOS_MEMORY_MANUFACTURER, "Rvive");
    put_text(&entry, SMBIOS_MEMORY_SERIAL, "");
    put_text(&entry, SMBIOS_MEMORY_ASSET, "");
    put_text(&entry, SMBIOS_MEMORY_PART, "");
    put(&entry, 0, 1);
    put(&entry, mib < 0x7fff ? 0 : mib, 4);
    put(&entry, 0, 8);
    append(tables, &entry);

    entry = begin(config, 19);
    put(&entry, last <= UINT32_MAX ? first : UINT32_MAX, 4);
    put(&entry, last <= UINT32_MAX ? last : UINT32_MAX, 4);
    put(&entry, array, 2);
    put(&entry, 1, 1);
    put(&entry, last <= UINT32_MAX ? 0 : config->ram_base, 8);
    put(&entry, last <= UINT32_MAX ? 0 : config->ram_base + config->ram_size - 1, 8);
    append(tables, &entry);
}

static void add_end(struct tables *tables, const struct smbios_config *config)
{
    struct entry entry = begin(config, 32); /* 7.33: no errors at the last start */
    put(&entry, 0, 7);
    append(tables, &entry);
    entry = begin(config, 127);
    append(tables, &entry);
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

static void fill_anchor(uint8_t anchor[SMBIOS_ANCHOR_SIZE], size_t length)
{
    static const uint8_t start[12] = { '_', 'S', 'M', '3', '_', 0, SMBIOS_ANCHOR_SIZE, 3, 0, 0, 1, 0 };
    uint8_t sum = 0;
    memset(anchor, 0, SMBIOS_ANCHOR_SIZE);
    memcpy(anchor, start, sizeof(start));
    for (unsigned n = 0; n < 4; n++)
        anchor[12 + n] = (uint8_t)(length >> 8 * n);
    for (unsigned n = 0; n < SMBIOS_ANCHOR_SIZE; n++)
        sum = (uint8_t)(sum + anchor[n]);
    anchor[5] = (uint8_t)-sum; /* firmware computes it again, with the address */
}

bool smbios_build(const struct smbios_config *config, uint8_t **bytes, size_t *length,
                  uint8_t anchor[SMBIOS_ANCHOR_SIZE], struct error *error)
{
    struct tables tables = { .bytes = NULL };
    if (config->bios)
        add_bios(&tables, config);
    add_system(&tables, config);
    if (config->board)
        add_board(&tables, config);
    add_chassis(&tables, config);
    add_processor(&tables, config);
    if (!add_strings(&tables, config, error)) {
        free(tables.bytes);
        return false;
    }
    add_memory(&tables, config);
    add_end(&tables, config);
    if (tables.failed) {
        free(tables.bytes);
        return error_set(error, "-smbios: a text is empty or longer than %u bytes, or memory is short",
                         TEXT_MAX);
    }
    *bytes = tables.bytes;
    *length = tables.length;
    fill_anchor(anchor, tables.length);
    return true;
}
