/* SPDX-License-Identifier: MIT
 *
 * The SMBIOS tables (DMTF DSP0134, 3.x), which firmware finds through fw_cfg and passes to the guest's
 * system: the names of the machine, its processors and memory, and texts of the user (OEM strings, from which
 * systemd takes credentials). They are made if -smbios or -uuid is given.
 */
#ifndef MACHINE_BOOT_SMBIOS_H
#define MACHINE_BOOT_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Texts of the tables: type, key of -smbios, name. */
#define SMBIOS_TEXTS(X)                                                                                      \
    X(0, "vendor", BIOS_VENDOR)                                                                              \
    X(0, "version", BIOS_VERSION)                                                                            \
    X(0, "date", BIOS_DATE)                                                                                  \
    X(1, "manufacturer", SYSTEM_MANUFACTURER)                                                                \
    X(1, "product", SYSTEM_PRODUCT)                                                                          \
    X(1, "version", SYSTEM_VERSION)                                                                          \
    X(1, "serial", SYSTEM_SERIAL)                                                                            \
    X(1, "sku", SYSTEM_SKU)                                                                                  \
    X(1, "family", SYSTEM_FAMILY)                                                                            \
    X(2, "manufacturer", BOARD_MANUFACTURER)                                                                 \
    X(2, "product", BOARD_PRODUCT)                                                                           \
    X(2, "version", BOARD_VERSION)                                                                           \
    X(2, "serial", BOARD_SERIAL)                                                                             \
    X(2, "asset", BOARD_ASSET)                                                                               \
    X(2, "location", BOARD_LOCATION)                                                                         \
    X(3, "manufacturer", CHASSIS_MANUFACTURER)                                                               \
    X(3, "version", CHASSIS_VERSION)                                                                         \
    X(3, "serial", CHASSIS_SERIAL)                                                                           \
    X(3, "asset", CHASSIS_ASSET)                                                                             \
    X(3, "sku", CHASSIS_SKU)                                                                                 \
    X(4, "sock_pfx", CPU_SOCKET)                                                                             \
    X(4, "manufacturer", CPU_MANUFACTURER)                                                                   \
    X(4, "version", CPU_VERSION)                                                                             \
    X(4, "serial", CPU_SERIAL)                                                                               \
    X(4, "asset", CPU_ASSET)                                                                                 \
    X(4, "part", CPU_PART)                                                                                   \
    X(17, "loc_pfx", MEMORY_LOCATOR)                                                                         \
    X(17, "bank", MEMORY_BANK)                                                                               \
    X(17, "manufacturer", MEMORY_MANUFACTURER)                                                               \
    X(17, "serial", MEMORY_SERIAL)                                                                           \
    X(17, "asset", MEMORY_ASSET)                                                                             \
    X(17, "part", MEMORY_PART)

enum smbios_text {
#define X(type, key, name) SMBIOS_##name,
    SMBIOS_TEXTS(X)
#undef X
        SMBIOS_TEXT_COUNT
};

#define SMBIOS_STRINGS_MAX 64

/* All strings are borrowed from the caller. */
struct smbios_config {
    bool wanted;
    bool bios, board; /* types 0 and 2, which are there if the user gives something for them */
    const char *texts[SMBIOS_TEXT_COUNT]; /* NULL: the board's own text */
    unsigned bios_major, bios_minor;
    bool uefi;
    struct {
        /* Exactly one of them is set; path: a file of the host that contains the text. */
        const char *text, *path;
    } strings[SMBIOS_STRINGS_MAX]; /* type 11 */
    unsigned string_count;
    bool has_uuid;
    uint8_t uuid[16]; /* in the order of its written form */

    /* Properties of the machine itself. */
    const char *product, *version; /* the board's name */
    unsigned harts, xlen;
    uint64_t ram_base, ram_size; /* bytes */
};

#define SMBIOS_ANCHOR_SIZE 24

/* *tables is malloc'ed and has *length bytes. The anchor is the entry point (5.2.2) with an address of 0,
 * which firmware fills in. False, with *error filled: out of memory, or a file cannot be read. */
bool smbios_build(const struct smbios_config *config, uint8_t **tables, size_t *length,
                  uint8_t anchor[SMBIOS_ANCHOR_SIZE], struct error *error);

#endif
