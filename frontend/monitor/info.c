/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor that show the machine: its state, harts, interrupts, devices.
 */
#include "frontend/monitor/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/hart_view.h"
#include "machine/inspect.h"

static struct hart *hart_of(const struct monitor_call *call)
{
    return machine_hart(call->machine, (unsigned)monitor_number(call, "hart", *call->hart));
}

static unsigned digits_of(const struct hart *hart)
{
    return hart_view_isa(hart)->xlen / 4;
}

/* ---- State --------------------------------------------------------------------------------------------- */

bool monitor_status(struct monitor_call *call)
{
    static const char *const names[] = {
        [MACHINE_RUNNING] = "running",   [MACHINE_PAUSED] = "paused",
        [MACHINE_IO_ERROR] = "io-error", [MACHINE_GUEST_PANICKED] = "guest-panicked",
        [MACHINE_WATCHDOG] = "watchdog", [MACHINE_INCOMING] = "inmigrate",
        [MACHINE_SAVED] = "postmigrate", [MACHINE_SHUTDOWN] = "shutdown"
    };
    enum machine_state state = machine_state(call->machine);
    call->result = json_object_new_object();
    bool prelaunch = state == MACHINE_PAUSED && !machine_has_run(call->machine);
    monitor_put_text(call->result, "status", prelaunch ? "prelaunch" : names[state]);
    monitor_put_bool(call->result, "running", state == MACHINE_RUNNING);
    monitor_put_bool(call->result, "singlestep", false);
    return true;
}

void monitor_print_status(FILE *out, struct json_object *result)
{
    const char *status = monitor_get_text(result, "status");
    bool why =
        strcmp(status, "running") != 0 && strcmp(status, "paused") != 0 && strcmp(status, "shutdown") != 0;
    fprintf(out, "VM status: %s%s%s\n", why ? "paused (" : "", status, why ? ")" : "");
}

bool monitor_version(struct monitor_call *call)
{
    struct json_object *version = json_object_new_object();
    monitor_put_number(version, "major", OPTIONS_QEMU_MAJOR);
    monitor_put_number(version, "minor", OPTIONS_QEMU_MINOR);
    monitor_put_number(version, "micro", 0);
    call->result = json_object_new_object();
    json_object_object_add(call->result, "qemu", version);
    monitor_put_text(call->result, "package", "rvive " RVIVE_VERSION);
    return true;
}

void monitor_print_version(FILE *out, struct json_object *result)
{
    struct json_object *package;
    if (json_object_object_get_ex(result, "package", &package))
        fprintf(out, "%s\n", json_object_get_string(package));
}

bool monitor_name(struct monitor_call *call)
{
    call->result = json_object_new_object();
    if (call->options->title)
        monitor_put_text(call->result, "name", call->options->title);
    return true;
}

bool monitor_kvm(struct monitor_call *call)
{
    call->result = json_object_new_object();
    monitor_put_bool(call->result, "enabled", false);
    monitor_put_bool(call->result, "present", false);
    return true;
}

/* ---- Harts --------------------------------------------------------------------------------------------- */

bool monitor_cpus(struct monitor_call *call)
{
    call->result = json_object_new_array();
    for (unsigned i = 0; i < machine_hart_count(call->machine); i++) {
        struct hart *hart = machine_hart(call->machine, i);
        struct json_object *row = monitor_add_row(call->result);
        char path[64];
        snprintf(path, sizeof(path), "/machine/soc0/harts[%u]", i);
        monitor_put_number(row, "cpu-index", i);
        monitor_put_text(row, "qom-path", path);
        monitor_put_number(row, "thread-id", (uint64_t)getpid());
        monitor_put_text(row, "target", hart_view_isa(hart)->xlen == 32 ? "riscv32" : "riscv64");
        struct json_object *place = json_object_new_object();
        monitor_put_number(place, "core-id", i);
        json_object_object_add(row, "props", place);
        monitor_put_hex(row, "pc", hart_view_pc(hart), digits_of(hart));
        monitor_put_text(row, "mode", (const char *[]){ "U", "S", "?", "M" }[hart_view_privilege(hart) & 3]);
        monitor_put_bool(row, "halted", hart_view_waits(hart));
        monitor_put_number(row, "instructions", hart_instructions(hart));
        monitor_put_bool(row, "current", i == *call->hart);
    }
    return true;
}

void monitor_print_cpus(FILE *out, struct json_object *result)
{
    for (size_t i = 0; i < json_object_array_length(result); i++) {
        struct json_object *row = json_object_array_get_idx(result, i);
        fprintf(out, "%c CPU #%s: pc=%s mode=%s instructions=%s thread_id=%s%s\n",
                strcmp(monitor_get_text(row, "current"), "true") == 0 ? '*' : ' ',
                monitor_get_text(row, "cpu-index"), monitor_get_text(row, "pc"),
                monitor_get_text(row, "mode"), monitor_get_text(row, "instructions"),
                monitor_get_text(row, "thread-id"),
                strcmp(monitor_get_text(row, "halted"), "true") == 0 ? " (halted)" : "");
    }
}

/* The highest byte first, as QEMU prints them. */
static void add_vectors(struct json_object *row, struct hart *hart)
{
    struct json_object *v = json_object_new_object();
    unsigned bytes = hart_view_vlenb(hart);
    for (unsigned i = 0; i < 32; i++) {
        char name[4], text[2 * ISA_VLEN_MAX / 8 + 1];
        snprintf(name, sizeof(name), "v%u", i);
        for (unsigned at = 0; at < bytes; at++)
            snprintf(text + 2 * at, 3, "%02x", hart_view_v(hart, i)[bytes - 1 - at]);
        monitor_put_text(v, name, text);
    }
    json_object_object_add(row, "v", v);
}

static void add_registers(struct json_object *rows, struct hart *hart)
{
    struct json_object *row = monitor_add_row(rows), *x = json_object_new_object(),
                       *f = json_object_new_object();
    monitor_put_number(row, "hart", hart_id(hart));
    monitor_put_hex(row, "pc", hart_view_pc(hart), digits_of(hart));
    monitor_put_text(row, "mode", (const char *[]){ "U", "S", "?", "M" }[hart_view_privilege(hart) & 3]);
    for (unsigned i = 0; i < 32; i++)
        monitor_put_hex(x, isa_x_names[i], hart_view_x(hart, i), digits_of(hart));
    json_object_object_add(row, "x", x);
    if (!isa_has(hart_view_isa(hart), ISA_F)) {
        json_object_put(f);
        return;
    }
    for (unsigned i = 0; i < 32; i++)
        monitor_put_hex(f, isa_f_names[i], hart_view_f(hart, i), 16);
    json_object_object_add(row, "f", f);
    if (hart_view_vlenb(hart))
        add_vectors(row, hart);
}

bool monitor_registers(struct monitor_call *call)
{
    call->result = json_object_new_array();
    for (unsigned i = 0; i < machine_hart_count(call->machine); i++) {
        struct hart *hart = machine_hart(call->machine, i);
        if (monitor_given(call, "all") || hart == hart_of(call))
            add_registers(call->result, hart);
    }
    return true;
}

static void print_grid(FILE *out, struct json_object *registers, unsigned columns)
{
    unsigned column = 0;
    json_object_object_foreach(registers, name, value)
    {
        fprintf(out, " %4s %s%s", name, json_object_get_string(value), ++column % columns ? "" : "\n");
    }
}

void monitor_print_registers(FILE *out, struct json_object *result)
{
    for (size_t i = 0; i < json_object_array_length(result); i++) {
        struct json_object *row = json_object_array_get_idx(result, i), *registers;
        fprintf(out, "hart %s: pc %s mode %s\n", monitor_get_text(row, "hart"), monitor_get_text(row, "pc"),
                monitor_get_text(row, "mode"));
        if (json_object_object_get_ex(row, "x", &registers))
            print_grid(out, registers, 4);
        if (json_object_object_get_ex(row, "f", &registers))
            print_grid(out, registers, 4);
        if (json_object_object_get_ex(row, "v", &registers))
            print_grid(out, registers, 1);
    }
}

bool monitor_csr(struct monitor_call *call)
{
    struct hart *hart = hart_of(call);
    const char *wanted = monitor_text(call, "name", "");
    char buffer[16];
    uint64_t value;
    call->result = json_object_new_object();
    for (unsigned number = 0; number < 4096; number++) {
        const char *name = hart_view_csr_name(number, buffer);
        if (name && strncmp(name, wanted, strlen(wanted)) == 0 && hart_view_csr(hart, number, &value))
            monitor_put_hex(call->result, name, value, digits_of(hart));
    }
    return json_object_object_length(call->result) ||
           error_set(&call->error, "the hart has no CSR whose name begins with \"%s\"", wanted);
}

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

static void put_interrupts(struct json_object *row, const char *name, uint64_t bits)
{
    static const struct {
        unsigned bit;
        const char *name;
    } known[] = { { 1, "SSI" }, { 3, "MSI" }, { 5, "STI" }, { 7, "MTI" }, { 9, "SEI" }, { 11, "MEI" } };
    char text[64] = "";
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bits >> known[i].bit & 1)
            strcat(strcat(text, *text ? " " : ""), known[i].name);
    }
    monitor_put_text(row, name, *text ? text : "-");
}

static uint64_t csr_value(struct hart *hart, unsigned number)
{
    uint64_t value = 0;
    hart_view_csr(hart, number, &value);
    return value;
}

bool monitor_irq(struct monitor_call *call)
{
    struct json_object *harts = json_object_new_array(), *sources = json_object_new_array();
    struct plic_source source;
    call->result = json_object_new_object();
    for (unsigned i = 0; i < machine_hart_count(call->machine); i++) {
        struct hart *hart = machine_hart(call->machine, i);
        struct json_object *row = monitor_add_row(harts);
        monitor_put_number(row, "hart", i);
        put_interrupts(row, "pending", csr_value(hart, 0x344));
        put_interrupts(row, "enabled", csr_value(hart, 0x304));
        put_interrupts(row, "delegated", csr_value(hart, 0x303));
        monitor_put_bool(row, "mstatus.MIE", csr_value(hart, 0x300) >> 3 & 1);
        monitor_put_bool(row, "mstatus.SIE", csr_value(hart, 0x300) >> 1 & 1);
    }
    for (unsigned i = 1; machine_irq_source(call->machine, i, &source); i++) {
        if (!source.enabled && !source.level && !source.pending)
            continue;
        struct json_object *row = monitor_add_row(sources);
        monitor_put_number(row, "source", i);
        monitor_put_text(row, "device", machine_irq_device(call->machine, i));
        monitor_put_number(row, "priority", source.priority);
        monitor_put_number(row, "contexts", source.enabled);
        monitor_put_bool(row, "level", source.level);
        monitor_put_bool(row, "pending", source.pending);
        monitor_put_bool(row, "claimed", source.claimed);
    }
    json_object_object_add(call->result, "harts", harts);
    json_object_object_add(call->result, "plic", sources);
    return true;
}

/* ---- Board --------------------------------------------------------------------------------------------- */

bool monitor_mtree(struct monitor_call *call)
{
    struct bus_region region;
    call->result = json_object_new_array();
    for (unsigned i = 0; machine_region(call->machine, i, &region); i++) {
        struct json_object *row = monitor_add_row(call->result);
        monitor_put_hex(row, "first", region.base, 16);
        monitor_put_hex(row, "last", region.base + region.size - 1, 16);
        monitor_put_text(row, "kind", region.kind);
        monitor_put_text(row, "name", region.name);
    }
    return true;
}

/* Returns what is plugged into a slot of the board. */
static const char *plugged(const struct machine_device *device)
{
    if (!device->plug)
        return "-";
    return device->plug->model ? device->plug->model->name : "(empty)";
}

static void add_tree_row(struct json_object *rows, const char *device, const char *base, unsigned irq)
{
    struct json_object *row = monitor_add_row(rows);
    monitor_put_text(row, "device", device);
    monitor_put_text(row, "base", base);
    monitor_put_text(row, "size", "-");
    monitor_put_number(row, "irq", irq);
    monitor_put_text(row, "plugged", "-");
}

static void add_pci(struct monitor_call *call)
{
    struct machine_pci_view view;
    for (unsigned i = 0; machine_pci_view(call->machine, i, &view); i++) {
        char place[48];
        snprintf(place, sizeof(place), "%.32s%s%02x.%x", view.bus_id ? view.bus_id : "00",
                 view.bus_id ? "/" : ":", view.slot, view.function);
        add_tree_row(call->result, view.name, place, view.irq);
    }
}

bool monitor_qtree(struct monitor_call *call)
{
    struct machine_device device;
    call->result = json_object_new_array();
    for (unsigned i = 0; machine_device(call->machine, i, &device); i++) {
        struct json_object *row = monitor_add_row(call->result);
        monitor_put_text(row, "device", device.name);
        monitor_put_hex(row, "base", device.base, 0);
        monitor_put_hex(row, "size", device.size, 0);
        monitor_put_number(row, "irq", device.irq);
        monitor_put_text(row, "plugged", plugged(&device));
    }
    add_pci(call);
    if (call->options->machine.ramfb)
        add_tree_row(call->result, "ramfb", "fw-cfg", 0);
    if (call->options->machine.vmcoreinfo)
        add_tree_row(call->result, "vmcoreinfo", "fw-cfg", 0);
    return true;
}

/* Adds the text that a part of the machine prints about itself. False: it has none. */
static bool describe(struct monitor_call *call, bool (*print)(struct machine *machine, FILE *out),
                     const char *none)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_set(&call->error, "out of memory");
    bool there = print(call->machine, out);
    fclose(out);
    call->result = json_object_new_string(there && text ? text : none);
    free(text);
    return true;
}

static bool print_jit(struct machine *machine, FILE *out)
{
    machine_print_jit(machine, out);
    return true;
}

bool monitor_jit(struct monitor_call *call)
{
    return describe(call, print_jit, "");
}
