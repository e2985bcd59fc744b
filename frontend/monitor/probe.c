/* SPDX-License-Identifier: MIT
 *
 * Answers to the questions of programs that want to know, before they start a guest, what this emulator has:
 * its boards, harts, kinds of devices and their keys, flags of the command line. The answers come from the
 * descriptions that the emulator itself uses: boards, models, the table of flags. Names and forms are those
 * of QEMU.
 */
#include <stdio.h>
#include <string.h>

#include "devices/catalog/catalog.h"
#include "devices/virtio/virtio.h"
#include "frontend/monitor/internal.h"
#include "frontend/options/keys.h"

/* ---- Boards and harts ---------------------------------------------------------------------------------- */

static struct json_object *add_row(struct json_object *rows)
{
    struct json_object *row = json_object_new_object();
    json_object_array_add(rows, row);
    return row;
}

bool monitor_target(struct monitor_call *call)
{
    char name[32];
    snprintf(name, sizeof(name), "riscv%u", call->options->machine.isa.xlen);
    call->result = json_object_new_object();
    monitor_put_text(call->result, "arch", name);
    return true;
}

/* Names that QEMU gives to memory; programs write them into -machine memory-backend=. */
const char *monitor_ram_id(const struct board *board)
{
    static const char *const names[][2] = { { "virt", "riscv_virt_board.ram" },
                                            { "spike", "riscv.spike.ram" },
                                            { "sifive_u", "riscv.sifive.u.ram" },
                                            { "sifive_e", "riscv.sifive.e.ram" } };
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        if (strcmp(names[n][0], board->name) == 0)
            return names[n][1];
    return "ram";
}

bool monitor_machines(struct monitor_call *call)
{
    unsigned xlen = call->options->machine.isa.xlen;
    call->result = json_object_new_array();
    for (const struct board *const *board = boards; *board; board++) {
        struct json_object *row = add_row(call->result);
        const char *own = (*board)->cpu[xlen == 64];
        char cpu[64], plain[16];
        snprintf(plain, sizeof(plain), "rv%u", xlen);
        snprintf(cpu, sizeof(cpu), "%.40s-riscv-cpu", own ? own : plain);
        monitor_put_text(row, "name", (*board)->name);
        if (board == boards)
            monitor_put_bool(row, "is-default", true);
        monitor_put_number(row, "cpu-max", (*board)->harts_max);
        monitor_put_bool(row, "hotpluggable-cpus", false);
        monitor_put_bool(row, "numa-mem-supported", !(*board)->bare && !own);
        monitor_put_bool(row, "deprecated", false);
        monitor_put_bool(row, "acpi", false);
        if (!(*board)->bare)
            monitor_put_text(row, "default-cpu-type", cpu);
        monitor_put_text(row, "default-ram-id", monitor_ram_id(*board));
    }
    return true;
}

bool monitor_memory_size(struct monitor_call *call)
{
    call->result = json_object_new_object();
    monitor_put_number(call->result, "base-memory", call->options->machine.ram_size);
    monitor_put_number(call->result, "plugged-memory", 0);
    return true;
}

bool monitor_uuid(struct monitor_call *call)
{
    const struct smbios_config *smbios = &call->options->machine.smbios;
    char text[40] = "";
    for (unsigned n = 0; n < sizeof(smbios->uuid); n++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%02x%s", smbios->uuid[n],
                 n == 3 || n == 5 || n == 7 || n == 9 ? "-" : "");
    call->result = json_object_new_object();
    monitor_put_text(call->result, "UUID", text);
    return true;
}

/* ---- Flags --------------------------------------------------------------------------------------------- */

static void put_keys(struct json_object *rows, const struct options_key *keys)
{
    for (; keys && keys->key; keys++) {
        struct json_object *row = add_row(rows);
        monitor_put_text(row, "name", keys->key);
        monitor_put_text(row, "type", "string");
    }
}

/* Lists each flag once, under the name of its group. */
bool monitor_command_line(struct monitor_call *call)
{
    const char *only = monitor_text(call, "option", NULL), *group;
    call->result = json_object_new_array();
    for (unsigned n = 0; (group = options_group_at(n)); n++) {
        if (only && strcmp(only, group) != 0)
            continue;
        struct json_object *row = add_row(call->result);
        monitor_put_text(row, "option", group);
        struct json_object *parameters = json_object_new_array();
        put_keys(parameters, options_keys_of(options_flag_of_group(group)));
        json_object_object_add(row, "parameters", parameters);
    }
    return !only || json_object_array_length(call->result) ||
           error_set(&call->error, "invalid option name: %.60s", only);
}

/* ---- Types --------------------------------------------------------------------------------------------- */

/* Types that are not devices of -device, and their parents. */
static const struct {
    const char *name, *parent;
} types[] = {
    { "device", "object" },
    { "machine", "object" },
    { "virt-machine", "machine" },
    { "none-machine", "machine" },
    { "riscv-cpu", "device" },
    { "rv64-riscv-cpu", "riscv-cpu" },
    { "rv32-riscv-cpu", "riscv-cpu" },
    { "max-riscv-cpu", "riscv-cpu" },
    { "gpex-pcihost", "device" },
    { "pcie-bus", "object" },
    { "accel", "object" },
    { "tcg-accel", "accel" },
    { "virtio-mmio", "device" },
    { "cfi.pflash01", "device" },
    { "rng-random", "object" },
    { "rng-builtin", "object" },
    { "secret", "object" },
    { "tls-creds-x509", "object" },
    { "filter-dump", "object" },
    { "iothread", "object" },
    { "loader", "device" },
    { "nec-usb-xhci", "device" },
    { "memory-backend-ram", "object" },
    { "memory-backend-file", "object" },
    { "memory-backend-memfd", "object" },
};

/* Returns whether `name` is `ancestor`, or descends from it. */
static bool is_kind_of(const char *name, const char *ancestor)
{
    for (unsigned depth = 0; depth < 8 && name; depth++) {
        const char *parent = NULL;
        if (strcmp(name, ancestor) == 0)
            return true;
        for (size_t n = 0; n < sizeof(types) / sizeof(types[0]); n++)
            if (strcmp(types[n].name, name) == 0)
                parent = types[n].parent;
        name = parent;
    }
    return false;
}

static void add_type(struct monitor_call *call, const char *name, const char *parent)
{
    const char *wanted = monitor_text(call, "implements", NULL);
    if (wanted && strcmp(wanted, "object") != 0 && strcmp(name, wanted) != 0 && !is_kind_of(parent, wanted))
        return;
    struct json_object *row = add_row(call->result);
    monitor_put_text(row, "name", name);
    monitor_put_text(row, "parent", parent);
}

/* Types of QEMU whose other name is that of the model here. */
static const char *type_name(const struct device_model *model)
{
    return strcmp(model->name, "ahci") == 0 ? "ich9-ahci" : model->name;
}

bool monitor_list_types(struct monitor_call *call)
{
    char name[48];
    call->result = json_object_new_array();
    for (size_t n = 0; n < sizeof(types) / sizeof(types[0]); n++)
        add_type(call, types[n].name, types[n].parent);
    for (const struct device_model *const *model = device_catalog; *model; model++) {
        bool both = (*model)->buses & DEVICE_BUS_MMIO;
        snprintf(name, sizeof(name), "%s%s", type_name(*model), both ? "-device" : "");
        add_type(call, name, "device");
        snprintf(name, sizeof(name), "%s-pci", (*model)->name);
        if (both)
            add_type(call, name, "device");
        if (both && (*model)->ops && (*model)->ops->pci_legacy) {
            snprintf(name, sizeof(name), "%s-pci-transitional", (*model)->name);
            add_type(call, name, "device");
            snprintf(name, sizeof(name), "%s-pci-non-transitional", (*model)->name);
            add_type(call, name, "device");
        }
    }
    return true;
}

/* For boards these are the keys of -machine, for devices those of -device. */
bool monitor_list_properties(struct monitor_call *call)
{
    const char *name = monitor_text(call, "typename", "");
    struct options_device device;
    if (options_name_device(name, &device))
        return monitor_device_properties(call);
    for (size_t n = 0; n < sizeof(types) / sizeof(types[0]); n++) {
        if (strcmp(types[n].name, name) != 0)
            continue;
        call->result = json_object_new_array();
        if (is_kind_of(name, "machine"))
            put_keys(call->result, options_keys_of("machine"));
        return true;
    }
    call->error_class = "DeviceNotFound";
    return error_set(&call->error, "Class '%.60s' not found", name);
}

/* ---- Features that this version does not have ---------------------------------------------------------- */

bool monitor_no_rows(struct monitor_call *call)
{
    call->result = json_object_new_array();
    return true;
}
