/* SPDX-License-Identifier: MIT
 *
 * Names of guest code: from the symbol tables of ELF files, and from a Linux kernel's own table in guest
 * memory (linux.c), with its modules. Everything that is read may be hostile: every offset and length is
 * checked.
 *
 * One thread at a time.
 */
#ifndef MACHINE_SYMBOLS_SYMBOLS_H
#define MACHINE_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct symbol {
    uint64_t addr, size; /* size 0: up to the next symbol */
    char *name;
};
struct symbols {
    struct symbol *items;
    size_t count, capacity;
    bool sorted;
};

void symbols_free(struct symbols *symbols);
/* Copies the name, cut at 255 bytes. False if memory is short. */
bool symbols_add(struct symbols *symbols, uint64_t addr, uint64_t size, const char *name);
/* Adds the functions of an ELF file for RISC-V; a file that is not one adds nothing. False, with *error
 * filled, if the file cannot be read. */
bool symbols_add_elf(struct symbols *symbols, const char *path, struct error *error);
/* Looks for symbols of any kind in an ELF file; what is found replaces what is in the list, which ends with a
 * NULL name. False, with *error filled, if the file cannot be read. */
struct symbol_wanted {
    const char *name;
    bool found;
    uint64_t addr;
};
bool symbols_look_in_elf(const char *path, struct symbol_wanted *wanted, struct error *error);
/* Writes an ELF file with these symbols, for debuggers, and replaces what is at the path; for RV64. False,
 * with *error filled, on failure. */
bool symbols_write_elf(const struct symbols *symbols, const char *path, struct error *error);
/* Returns the symbol that covers an address, or NULL. */
const struct symbol *symbols_find(struct symbols *symbols, uint64_t addr);

struct machine;
/* Looks for Linux in guest memory and adds its functions and those of its modules. Returns how many it added.
 * To be called while no hart runs. */
size_t symbols_add_linux(struct symbols *symbols, struct machine *machine);

#endif
