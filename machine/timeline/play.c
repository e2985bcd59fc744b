/* SPDX-License-Identifier: MIT
 *
 * A recording is replayed without a debugger: by the harts' thread, as if the guest ran, and its console's
 * output appears where -serial leads. At the end the program ends as the recorded one did.
 */
#include <inttypes.h>
#include <string.h>

#include "machine/timeline/internal.h"
#include "util/log.h"

/* ---- The console --------------------------------------------------------------------------------------- */

/* The first UART, if there is one that is known here. */
static const struct fdt_device *find_uart(const struct machine *machine, bool *sifive)
{
    for (unsigned n = 0; n < machine->device_count; n++) {
        const char *name = machine->devices[n].device->ops->name;
        *sifive = strcmp(name, "sifive-uart") == 0;
        if (*sifive || strcmp(name, "uart16550") == 0)
            return &machine->devices[n];
    }
    return NULL;
}

/* A 16550's register 0 is the divisor's low byte while bit 7 of register 3 is set. */
void timeline_show_write(struct timeline *timeline, uint64_t paddr, uint64_t value)
{
    bool sifive;
    struct machine *machine = timeline->machine;
    const struct fdt_device *uart = find_uart(machine, &sifive);
    uint64_t now = machine_instructions(machine);
    if (!uart || !machine->serial || now < timeline->shown || paddr - uart->place.base > 3)
        return;
    uint8_t byte = (uint8_t)value;
    timeline->shown = now + 1;
    if (!sifive && paddr == uart->place.base + 3)
        timeline->shows_divisor = byte & 0x80;
    else if (paddr == uart->place.base && !timeline->shows_divisor)
        chardev_write(machine->serial, &byte, 1);
}

/* ---- Playing ------------------------------------------------------------------------------------------- */

/* A debugger may want to look at the end. */
static void finish(struct timeline *timeline, bool failed)
{
    struct machine *machine = timeline->machine;
    enum log_end why = timeline->ending.end;
    if (machine->config.gdb || machine->config.no_shutdown)
        run_state_post_pause(machine, MACHINE_PAUSED);
    else if (failed)
        run_state_end_boot(machine, MACHINE_EVENT_QUIT, 1);
    else
        run_state_end_boot(machine, why == LOG_END_OFF ? MACHINE_EVENT_POWEROFF : MACHINE_EVENT_QUIT,
                           why == LOG_END_OFF ? timeline->ending.status : 0);
}

void timeline_play(struct timeline *timeline)
{
    struct error error;
    timeline->target = timeline->present;
    timeline->stops = TIMELINE_STOPS;
    atomic_store(&timeline->interrupted, false);
    bool was_over = timeline->told;
    timeline_run(timeline);
    bool quits = atomic_load(&timeline->machine->event) >> 16 == MACHINE_EVENT_QUIT;
    if (timeline->end == TIMELINE_STOPPED || was_over || quits)
        return;
    timeline->told = true;
    if (timeline->end == TIMELINE_FAILED) {
        timeline_tell_failure(timeline, &error);
        log_warn("-replay %s: %s", timeline->path, error.text);
    } else if (timeline->ending.end != LOG_END_OFF) {
        log_warn("-replay %s: the recording ends at instruction %" PRIu64 ": %s", timeline->path,
                 timeline->present, log_end_text(timeline->ending.end));
    }
    finish(timeline, timeline->end == TIMELINE_FAILED);
}
