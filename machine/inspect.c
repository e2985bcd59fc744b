/* SPDX-License-Identifier: MIT
 *
 * See inspect.h.
 */
#include "machine/inspect.h"

#include <inttypes.h>
#include <string.h>

#include "cpu/code_watch.h"
#include "devices/platform/aplic.h"
#include "devices/platform/nuclei_eclic.h"
#include "machine/gdb/gdb.h"
#include "machine/internal.h"
#include "machine/timeline/timeline.h"

unsigned machine_hart_count(const struct machine *machine)
{
    return machine->hart_count;
}

struct hart *machine_hart(struct machine *machine, unsigned number)
{
    return number < machine->hart_count ? machine->harts[number] : NULL;
}

struct timeline *machine_timeline(struct machine *machine)
{
    return machine->timeline;
}

bool machine_step(struct machine *machine, unsigned number, struct error *error)
{
    if (number >= machine->hart_count)
        return error_set(error, "there is no hart %u", number);
    machine_hold(machine);
    bool paused = machine->paused && !machine->off &&
                  !machine->unloaded; /* with -S at the start, the first boot may be about to begin */
    bool past = timeline_is_past(machine->timeline);
    if (paused && !past) {
        timeline_forget(machine->timeline); /* the harts do not take turns */
        hart_step(machine->harts[number]);
    }
    machine_release(machine);
    if (past)
        return error_set(error,
                         timeline_is_replay(machine->timeline)
                             ? "this is a replay: gdb steps in it, -replay with -s -S"
                             : "gdb is in the past of the guest: its stepi and reverse-stepi step there");
    return paused || error_set(error, "the guest is not paused: give stop before step");
}

bool machine_serve_gdb(struct machine *machine, const char *where, struct error *error)
{
    bool ok = true;
    pthread_mutex_lock(&machine->gdb_lock);
    struct gdb *gdb = machine->gdb;
    if (gdb) {
        ok = gdb_serve(gdb, where, error);
    } else if (where) {
        machine_hold(machine);
        machine->gdb = gdb = gdb_create(machine, where, error);
        machine_release(machine);
        ok = gdb != NULL;
    }
    pthread_mutex_unlock(&machine->gdb_lock);
    return ok;
}

bool machine_held_by_gdb(struct machine *machine)
{
    return atomic_load(&machine->gdb_holds);
}

bool machine_has_run(struct machine *machine)
{
    return atomic_load(&machine->has_run);
}

bool machine_region(struct machine *machine, unsigned number, struct bus_region *region)
{
    return bus_region(machine->bus, number, region);
}

bool machine_paddr(struct machine *machine, const void *host, uint64_t *paddr)
{
    return bus_paddr(machine->bus, host, paddr);
}

bool machine_device(struct machine *machine, unsigned number, struct machine_device *device)
{
    if (number >= machine->device_count)
        return false;
    const struct fdt_device *at = &machine->devices[number];
    *device = (struct machine_device){ at->device->ops->name, at->place.base, at->place.size, at->place.irq,
                                       machine->plugs[number] };
    return true;
}

const char *machine_irq_device(struct machine *machine, unsigned irq)
{
    static const char *const wires[PCI_PINS] = { "PCI INTA", "PCI INTB", "PCI INTC", "PCI INTD" };
    for (unsigned i = 0; i < machine->device_count; i++) {
        if (machine->devices[i].place.irq == irq)
            return machine->devices[i].device->ops->name;
    }
    unsigned wire = irq - machine->config.board->pci_irq;
    return machine->config.board->pci_irq && wire < PCI_PINS ? wires[wire] : "-";
}

bool machine_irq_source(struct machine *machine, unsigned number, struct plic_source *source)
{
    const struct fdt_device *first = &machine->devices[0]; /* the board's first row, if it has one at all */
    struct aplic_source of_aplic;
    struct nuclei_eclic_source of_eclic;
    if (!machine->device_count)
        return false;
    if (strcmp(first->device->ops->name, "plic") == 0)
        return plic_source(first->device, number, source);
    if (strcmp(first->device->ops->name, "nuclei-eclic") == 0) {
        if (!nuclei_eclic_source(first->device, number, &of_eclic))
            return false;
        *source = (struct plic_source){ .level = of_eclic.level,
                                        .pending = of_eclic.pending,
                                        .priority = of_eclic.control,
                                        .enabled = of_eclic.enabled };
        return true;
    }
    if (strcmp(first->device->ops->name, "aplic") != 0 || !aplic_source(first->device, number, &of_aplic))
        return false;
    *source = (struct plic_source){ .level = of_aplic.level,
                                    .pending = of_aplic.pending,
                                    .priority = of_aplic.priority,
                                    .enabled = of_aplic.enabled };
    return true;
}

static void print_watch(const struct code_watch *watch, FILE *out)
{
    struct code_watch_counts counts = code_watch_counts(watch);
    fprintf(out,
            "stores to code without fence.i: %" PRIu64 ", beside it: %" PRIu64 "; pages opened: %" PRIu64
            ", lax: %" PRIu64 "; requests to drop entries for stores: %" PRIu64 "\n",
            counts.hits, counts.misses, counts.opened, counts.lax, counts.asked);
}

void machine_print_jit(struct machine *machine, FILE *out)
{
    if (machine->dbt)
        dbt_print_counters(machine->dbt, out);
    else
        fprintf(out, "guest code is interpreted: there is no translator\n");
    if (machine->watch)
        print_watch(machine->watch, out);
}

static bool has_coverage(const struct machine *machine, struct error *error)
{
    return machine->coverage || error_set(error, "there is no coverage: start with -coverage FILE");
}

bool machine_coverage_write(struct machine *machine, struct error *error)
{
    return has_coverage(machine, error) && coverage_write(machine->coverage, error);
}

bool machine_coverage_reset(struct machine *machine, struct error *error)
{
    if (!has_coverage(machine, error))
        return false;
    coverage_reset(machine->coverage);
    return true;
}

void machine_trace_changed(struct machine *machine)
{
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_trace_changed(machine->harts[i]);
}

void machine_set_power_button(struct machine *machine, machine_power_button_fn *press, void *opaque)
{
    machine->power_button = press;
    machine->power_button_opaque = opaque;
}

bool machine_press_power_button(struct machine *machine)
{
    return machine->power_button && machine->power_button(machine->power_button_opaque);
}

void machine_set_screendump(struct machine *machine, machine_screendump_fn *screendump, void *opaque)
{
    machine->screendump = screendump;
    machine->screendump_opaque = opaque;
}

bool machine_screendump(struct machine *machine, const char *path, const char *format, struct error *error)
{
    return machine->screendump ? machine->screendump(machine->screendump_opaque, path, format, error)
                               : error_set(error, "screendump %s: the machine has no screen", path);
}

struct chardev *machine_chardev(struct machine *machine, unsigned number)
{
    return number < machine->chardev_count ? machine->chardevs[number] : NULL;
}

struct chardev *machine_console(struct machine *machine)
{
    return machine->console;
}
