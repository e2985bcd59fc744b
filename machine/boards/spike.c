/* SPDX-License-Identifier: MIT
 *
 * The board `spike`: the simulator Spike, as QEMU's machine of that name has it. There are harts, RAM, a
 * CLINT and HTIF, and nothing else. HTIF is where the symbols `tohost` and `fromhost` of the program are,
 * which is what programs for Spike expect, or else at an address that the device tree tells.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/platform/htif.h"
#include "machine/boards/boards.h"
#include "machine/semihosting/proxy.h"
#include "machine/symbols/symbols.h"

#define CLINT_BASE UINT64_C(0x2000000)

/* A pipe was read already, when it was loaded, and is not looked at. */
static bool look_in(const char *path, struct symbol_wanted *wanted, struct error *error)
{
    struct stat status;
    return !path || stat(path, &status) || !S_ISREG(status.st_mode) ||
           symbols_look_in_elf(path, wanted, error);
}

/* The kernel's symbols count more than the firmware's, as on QEMU; then those of -device loader. */
static bool look_everywhere(const struct machine_config *config, struct symbol_wanted *wanted,
                            struct error *error)
{
    const char *bios = config->bios;
    if (bios && (strcmp(bios, "none") == 0 || strcmp(bios, "default") == 0))
        bios = NULL;
    for (unsigned i = config->load_count; i-- > 0;)
        if (!config->loads[i].force_raw && !look_in(config->loads[i].file, wanted, error))
            return false;
    return look_in(bios, wanted, error) && look_in(config->kernel, wanted, error);
}

static void on_stored(void *htif, uint64_t paddr, unsigned size)
{
    htif_stored(htif, paddr, size);
}

static void on_exit_status(void *machine, unsigned status)
{
    board_power(machine, POWER_OFF, status);
}

static int64_t on_call(void *opaque, const uint64_t words[HTIF_CALL_WORDS])
{
    struct machine *machine = opaque;
    return proxy_call(machine->proxy, words);
}

/* Puts HTIF where the program expects it. */
static bool place_htif(struct machine *machine, struct device *htif, const struct htif_config *config,
                       struct error *error)
{
    if (!config->in_ram)
        return board_add_device(machine, htif, config->base, 0, NULL, error);
    board_add_hidden_device(machine, htif);
    return bus_tell_stores(machine->bus, config->tohost, on_stored, htif, error) &&
           (!config->fromhost || bus_tell_stores(machine->bus, config->fromhost, on_stored, htif, error));
}

bool board_create_htif(struct machine *machine, uint64_t base, struct error *error)
{
    struct symbol_wanted wanted[] = { { .name = "tohost" }, { .name = "fromhost" }, { .name = NULL } };
    struct htif_config config = {
        .dma = bus_for_devices(machine->bus),
        .clock = machine->clock,
        .base = base,
        .exit = on_exit_status,
        .call = on_call,
        .opaque = machine,
    };
    if (!look_everywhere(&machine->config, wanted, error))
        return false;
    config.in_ram = wanted[0].found && wanted[0].addr != base;
    config.tohost = wanted[0].addr;
    config.fromhost = wanted[1].found ? wanted[1].addr : 0;
    config.chardev = machine_open_serial(machine, 0, error);
    machine->proxy = config.chardev ? proxy_create(machine, error) : NULL;
    struct device *htif = machine->proxy ? htif_create(&config, error) : NULL;
    return htif && place_htif(machine, htif, &config, error);
}

static bool create(struct machine *machine, struct error *error)
{
    struct device *clint = board_clint(machine, error);
    return clint && board_add_device(machine, clint, CLINT_BASE, 0, NULL, error) &&
           board_create_htif(machine, BOARD_HTIF_BASE, error);
}

const struct board board_spike = {
    .name = "spike",
    .text = "the simulator Spike: HTIF, no other devices",
    .compatible = "ucbbar,spike-bare-dev",
    .model = "ucbbar,spike-bare,rvive",
    .timebase_hz = UINT64_C(10000000),
    .rom = { 0x1000, 0xf000 },
    .ram_base = UINT64_C(0x80000000),
    .ram_max = UINT64_C(256) << 30,
    .ram_max_rv32 = UINT64_C(2) << 30,
    .harts_max = 8,
    .stdout_path = "/htif",
    .smp = 1,
    .ram_size = UINT64_C(128) << 20,
    .firmware = board_opensbi,
    .create = create,
};
