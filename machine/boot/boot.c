/* SPDX-License-Identifier: MIT
 *
 * What is in memory when the harts start: the firmware at the start of RAM, the kernel at the next 2 MiB (4
 * MiB on RV32) or where its own file says, the device tree at the end of the first GiB of RAM, the initial
 * RAM disk between them, and the files of -device loader anywhere. The board says where RAM and flash are.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/boot/rom.h"
#include "machine/internal.h"
#include "util/log.h"

#define MIB              (UINT64_C(1) << 20)
#define FDT_LIMIT        (UINT64_C(3) << 30) /* 32-bit firmware and early kernels can reach it below this */
#define FDT_ALIGN        (2 * MIB)
#define DEFAULT_FIRMWARE "fw_dynamic.bin"

static const struct board *board_of(const struct machine *machine)
{
    return machine->config.board;
}

static bool has_no_tree(const struct board *board)
{
    return board->bare || board->no_tree;
}

/* Firmware that came with the program: in the folder firmware beside it, where roms/run.sh puts it, or in
 * share/rvive/firmware of the prefix where it is installed. */
static bool find_beside_program(unsigned xlen, char *path, size_t size)
{
    static const char *const places[] = { "firmware", "../share/rvive/firmware" };
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (length <= 0)
        return false;
    folder[length] = 0;
    char *slash = strrchr(folder, '/');
    *(slash ? slash : folder) = 0;
    for (size_t n = 0; n < sizeof(places) / sizeof(places[0]); n++) {
        int written =
            snprintf(path, size, "%s/%s/opensbi-riscv%u-generic-" DEFAULT_FIRMWARE, folder, places[n], xlen);
        if (written > 0 && (size_t)written < size && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* In $RVIVE_FIRMWARE_DIR the file has QEMU's name, which contains the width, or for RV64 the name that
 * OpenSBI gives it. */
static bool find_in_folder(const char *folder, unsigned xlen, char *path, size_t size, struct error *error)
{
    snprintf(path, size, "%s/opensbi-riscv%u-generic-" DEFAULT_FIRMWARE, folder, xlen);
    if (access(path, R_OK) == 0)
        return true;
    if (xlen == 64)
        snprintf(path, size, "%s/" DEFAULT_FIRMWARE, folder);
    return access(path, R_OK) == 0 ||
           error_set(error, "cannot open the default firmware %s (RVIVE_FIRMWARE_DIR): %s", path,
                     strerror(errno));
}

static bool find_default_firmware(const struct machine_config *config, char *path, size_t size,
                                  struct error *error)
{
    unsigned xlen = config->isa.xlen;
    const char *folder = getenv("RVIVE_FIRMWARE_DIR");
    if (config->firmware_dir && find_in_folder(config->firmware_dir, xlen, path, size, NULL))
        return true;
    if (folder && *folder)
        return find_in_folder(folder, xlen, path, size, error);
    if (config->board->firmware->path && find_beside_program(xlen, path, size))
        return true;
    for (const struct board_firmware *file = config->board->firmware; file->path; file++) {
        if (file->xlen != xlen || access(file->path, R_OK) != 0)
            continue;
        snprintf(path, size, "%s", file->path);
        return true;
    }
    if (!config->board->firmware->path)
        return error_set(error, "-machine %s has no default firmware: give -bios FILE or -bios none",
                         config->board->name);
    return error_set(
        error,
        "the default firmware for rv%u (OpenSBI's " DEFAULT_FIRMWARE
        ") is not installed: install the package opensbi of Debian%s, or give -bios FILE or -bios none",
        xlen, xlen == 64 ? "" : " 13, which has it for both widths");
}

/* Where the ROM of a board with switches goes, and so where the firmware is put: straight to the flash, or
 * to the memory on the chip, which a loader in the ROM would have filled from the flash or an SD card
 * (FU540-C000 Manual, "Boot Process"). On other boards, and with other switches, to RAM. */
static uint64_t program_base(const struct machine *machine)
{
    const struct board *board = board_of(machine);
    if (board->raw_in_code || (board->has_msel && machine->config.msel == MACHINE_MSEL_FLASH))
        return board->code.base;
    if (board->has_msel &&
        (machine->config.msel == MACHINE_MSEL_LOAD_FLASH || machine->config.msel == MACHINE_MSEL_LOAD_SD))
        return board->scratch.base;
    return board->ram_base;
}

/* QEMU looks for a -bios that is no file in its data folders, and scripts name OpenSBI as it is called there.
 * Such a name stands for the default firmware of that width. *path has it then; false, with *error filled. */
static bool find_by_name(const struct machine_config *config, const char **bios, char *path, size_t size,
                         struct error *error)
{
    unsigned xlen = 0;
    int length = 0;
    if (access(*bios, F_OK) == 0)
        return true;
    if (config->firmware_dir && !strchr(*bios, '/')) {
        int written = snprintf(path, size, "%s/%s", config->firmware_dir, *bios);
        if (written > 0 && (size_t)written < size && access(path, R_OK) == 0) {
            *bios = path;
            return true;
        }
    }
    if (sscanf(*bios, "opensbi-riscv%2u-generic-fw_dynamic.bin%n", &xlen, &length) != 1 || !length ||
        (*bios)[length])
        return true; /* opening it says what is wrong */
    if (xlen != config->isa.xlen)
        return error_set(error, "-bios %s: it is for RV%u, and the harts are RV%u", *bios, xlen,
                         config->isa.xlen);
    *bios = path;
    return find_default_firmware(config, path, size, error);
}

static bool load_firmware(struct machine *machine, struct error *error)
{
    const char *bios = machine->config.bios;
    char path[PATH_MAX];
    if (bios ? strcmp(bios, "none") == 0 : has_no_tree(board_of(machine)))
        return true;
    if (!bios || strcmp(bios, "default") == 0) {
        if (!find_default_firmware(&machine->config, path, sizeof(path), error))
            return false;
        bios = path;
    }
    if (!find_by_name(&machine->config, &bios, path, sizeof(path), error))
        return false;
    return loader_add_file(&machine->loader, bios, LOADER_ELF, program_base(machine), &machine->firmware,
                           error);
}

/* Kernels whose ENTRY is missing, or names a C function, work on QEMU, which starts them at the first byte of
 * RAM. */
static void warn_of_entry(const struct machine *machine)
{
    const struct loader_place *kernel = &machine->kernel;
    if (kernel->elf && !machine->firmware.end && kernel->entry != kernel->start && !board_of(machine)->starts)
        log_warn("%s starts at its ELF entry 0x%" PRIx64 ", not at its lowest address 0x%" PRIx64
                 "; QEMU with -bios none starts at 0x%" PRIx64,
                 machine->config.kernel, kernel->entry, kernel->start, board_of(machine)->ram_base);
}

static bool load_kernel(struct machine *machine, struct error *error)
{
    if (!machine->config.kernel || boot_flash_is_payload(machine))
        return true;
    uint64_t align = machine->config.isa.xlen == 64 ? 2 * MIB : 4 * MIB;
    const struct board *board = board_of(machine);
    uint64_t lowest = board->raw_in_code ? board->code.base : board->ram_base;
    if (machine->firmware.end > lowest)
        lowest = (machine->firmware.end + align - 1) & -align;
    if (!loader_add_file(&machine->loader, machine->config.kernel, LOADER_ELF | LOADER_KERNEL, lowest,
                         &machine->kernel, error))
        return false;
    warn_of_entry(machine);
    return true;
}

/* A module is stored as it is; the hypervisor looks into it. */
static bool load_module(struct machine *machine, unsigned number, struct error *error)
{
    const struct machine_load *load = &machine->config.loads[number];
    struct loader_place place = { .entry = load->addr };
    if (has_no_tree(board_of(machine)))
        return error_set(error, "-device guest-loader: -machine %s has no device tree to name it in",
                         board_of(machine)->name);
    if (!loader_add_file(&machine->loader, load->file, 0, load->addr, &place, error))
        return false;
    machine->module_sizes[number] = place.end - place.start;
    return true;
}

static bool load_extra(struct machine *machine, const struct machine_load *load, struct error *error)
{
    struct loader_place place = { .entry = load->addr };
    if (load->file && (load->force_raw || load->has_addr)) {
        /* An ELF file goes to its own addresses even if one is given. */
        unsigned forms = load->force_raw ? 0 : LOADER_ELF;
        if (!loader_add_file(&machine->loader, load->file, forms, load->addr, &place, error))
            return false;
    } else if (load->file) {
        if (!loader_add_file(&machine->loader, load->file, LOADER_ELF, board_of(machine)->ram_base, &place,
                             error))
            return false;
    } else if (load->data_len) {
        uint8_t bytes[8];
        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)(load->data >> (8 * (load->big_endian ? load->data_len - 1 - i : i) % 64));
        if (!loader_add_bytes(&machine->loader, "the data of -device loader", load->addr, bytes,
                              load->data_len, load->data_len, error))
            return false;
    }
    if (load->cpu >= 0 && (unsigned)load->cpu >= machine->config.smp)
        return error_set(error, "-device loader,cpu-num=%d: there are only %u harts (-smp)", load->cpu,
                         machine->config.smp);
    if (load->cpu >= 0)
        machine->reset_pc[load->cpu] = place.entry;
    return true;
}

bool boot_load_images(struct machine *machine, struct error *error)
{
    loader_init(&machine->loader, board_of(machine)->ram_base, machine->config.ram_size,
                machine->config.isa.xlen);
    machine->loader.strict = machine->config.strict;
    machine->loader.also[0] = board_of(machine)->code;
    machine->loader.also[1] = board_of(machine)->scratch;
    for (unsigned bank = 0; bank < board_of(machine)->flash_banks; bank++) {
        struct board_range range = board_of(machine)->flash;
        range.base += bank * range.size;
        if (!machine->config.pflash[bank].present) /* an image has what there is to be */
            machine->loader.also[2 + bank] = range;
    }
    for (unsigned i = 0; i < machine->config.smp; i++)
        machine->reset_pc[i] = board_of(machine)->rom.base + (board_of(machine)->has_msel ? 4 : 0);
    if (!load_firmware(machine, error) || !load_kernel(machine, error))
        return false;
    for (unsigned i = 0; i < machine->config.load_count; i++) {
        bool module = machine->config.loads[i].module != MACHINE_MODULE_NONE;
        if (module ? !load_module(machine, i, error) : !load_extra(machine, &machine->config.loads[i], error))
            return false;
    }
    return true;
}

/* What must stay free of the device tree: images, and what its board reserves. False: there are no more. */
static bool occupied(const struct machine *machine, unsigned n, struct board_range *range)
{
    const struct board *board = board_of(machine);
    if (n >= machine->loader.count + board->reserved_count)
        return false;
    if (n < machine->loader.count)
        *range = (struct board_range){ machine->loader.blobs[n].paddr, machine->loader.blobs[n].size };
    else
        *range = board->reserved[n - machine->loader.count];
    return true;
}

/* Finds the highest place below the limit that does not overlap anything. */
static bool find_fdt_address(struct machine *machine, uint64_t size, struct error *error)
{
    uint64_t ram_base = board_of(machine)->ram_base, end = ram_base + machine->config.ram_size;
    if (end > FDT_LIMIT)
        end = FDT_LIMIT;
    bool moved = true;
    uint64_t align = machine->config.ram_size >= 2 * FDT_ALIGN ? FDT_ALIGN : 4096;
    uint64_t addr = end < ram_base + size ? 0 : (end - size) & -align;
    while (moved && addr >= ram_base) {
        moved = false;
        struct board_range range;
        for (unsigned i = 0; occupied(machine, i, &range); i++) {
            if (addr < range.base + range.size && range.base < addr + size) {
                addr = range.base < ram_base + size ? 0 : (range.base - size) & -align;
                moved = true;
            }
        }
    }
    if (addr < ram_base)
        return error_set(error,
                         "the guest's RAM of %" PRIu64 " KiB has no room left for the device tree (-m)",
                         machine->config.ram_size >> 10);
    machine->fdt_addr = addr;
    return true;
}

static bool load_initrd(struct machine *machine, struct error *error)
{
    if (!machine->config.initrd || boot_flash_is_payload(machine))
        return true;
    if (!machine->config.kernel)
        return error_set(error, "-initrd %s needs a kernel to use it: give -kernel too",
                         machine->config.initrd);
    return loader_add_initrd(&machine->loader, machine->config.initrd, &machine->kernel, machine->fdt_addr,
                             &machine->initrd, error);
}

bool boot_place_fdt(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    if (has_no_tree(config->board))
        return (!config->dumpdtb && !config->dtb && !config->initrd) ||
               error_set(error,
                         "-machine %s has no device tree: dumpdtb=, -dtb and -initrd have no place there",
                         config->board->name);
    struct fdt_content content = {
        .board = config->board,
        .isa = &config->isa,
        .first_isa = machine_hart_isa(machine, 0),
        .harts = config->smp,
        .ram_size = config->ram_size,
        .devices = machine->devices,
        .device_count = machine->device_count,
        .nodes = config->nodes,
        .node_count = config->node_count,
        .has_distances = config->has_distances,
        .distances = config->distances,
    };
    machine->fdt = config->board->tree ? boot_fdt_copy(board_tree_fdt(config->board), error)
                   : config->dtb       ? boot_fdt_read(config->dtb, error)
                                       : boot_fdt_build(&content, error);
    return machine->fdt && find_fdt_address(machine, boot_fdt_size(machine->fdt), error) &&
           load_initrd(machine, error);
}

static bool write_fdt(struct machine *machine, struct error *error)
{
    struct fdt_chosen chosen = {
        .bootargs = machine->config.append,
        .initrd_start = machine->initrd.start,
        .initrd_end = machine->initrd.end,
    };
    if (!machine->fdt)
        return true;
    for (unsigned i = 0; i < machine->config.load_count; i++) {
        const struct machine_load *load = &machine->config.loads[i];
        if (load->module != MACHINE_MODULE_NONE)
            chosen.modules[chosen.module_count++] =
                (struct fdt_module){ .addr = load->addr,
                                     .size = machine->module_sizes[i],
                                     .ramdisk = load->module == MACHINE_MODULE_RAMDISK,
                                     .bootargs = load->bootargs };
    }
    uint32_t size = boot_fdt_size(machine->fdt);
    uint8_t *host = bus_host(machine->bus, machine->fdt_addr, size);
    if (!host || !boot_fdt_set_chosen(machine->fdt, &chosen, error))
        return false;
    memcpy(host, machine->fdt, size);
    return true;
}

/* Where the board's ROM goes, if that is fixed; else `wanted`. */
static uint64_t fixed_start(const struct machine *machine, uint64_t wanted)
{
    for (const uint64_t *start = board_of(machine)->starts; start && *start; start++)
        for (unsigned i = 0; i < machine->loader.count; i++)
            if (*start - machine->loader.blobs[i].paddr < machine->loader.blobs[i].size)
                return *start;
    return wanted;
}

bool boot_write_memory(struct machine *machine, struct error *error)
{
    struct boot_rom_config rom = {
        .xlen = machine->config.isa.xlen,
        .start_addr = program_base(machine),
        .has_msel = board_of(machine)->has_msel,
        .msel = machine->config.msel,
        .fdt_addr = machine->fdt_addr,
        .next_addr = machine->kernel.end ? machine->kernel.entry : 0,
    };
    if (boot_flash_is_payload(machine))
        rom.next_addr = board_of(machine)->flash.base;
    if (machine->config.pflash[0].present && !machine->firmware.end)
        rom.start_addr = board_of(machine)->flash.base;
    else if (machine->firmware.end)
        rom.start_addr = machine->firmware.entry;
    else if (machine->kernel.end)
        rom.start_addr = machine->kernel.entry;
    rom.start_addr = fixed_start(machine, rom.start_addr);
    for (unsigned bank = 0; bank < board_of(machine)->flash_banks; bank++)
        machine->loader.bytes[2 + bank] = machine->flash_code[bank];
    return loader_write(&machine->loader, machine->bus, error) && write_fdt(machine, error) &&
           boot_rom_write(&rom, machine->rom, board_of(machine)->rom.size, error);
}
