/* SPDX-License-Identifier: MIT
 *
 * Whether the harts run. They run while a boot is on (the machine's owner says so), the user has not paused
 * it (monitor, gdb), and nobody holds it to look at it. A guest that has turned itself off does not run.
 * update() starts or stops the harts' threads when the answer changes. All of this is under run_lock, so any
 * thread may ask for it on which no hart waits.
 *
 * While the user has paused the guest, its clock stands still, too; a hold is too short to matter.
 */
#include <string.h>
#include <unistd.h>

#include "devices/block/on_error.h"
#include "machine/internal.h"
#include "machine/timeline/timeline.h"
#include "util/host_time.h"
#include "util/log.h"

#define MIXED                                                                                                \
    "the guest was loaded in part only, and cannot run: loadvm loads it or another one, system_reset "       \
    "starts "                                                                                                \
    "it anew"

void run_state_init(struct machine *machine)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&machine->run_lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    host_cond_init(&machine->reset_done);
    machine->paused = machine->config.start_paused || machine->config.incoming;
    machine->incoming = machine->config.incoming;
    atomic_store(&machine->watchdog_action, machine->config.watchdog_action);
    atomic_store(&machine->panic_action, machine->config.panic_action);
    atomic_store(&machine->no_reboot, machine->config.no_reboot);
    atomic_store(&machine->no_shutdown, machine->config.no_shutdown);
    atomic_store(&machine->has_run, !machine->paused);
}

void run_state_destroy(struct machine *machine)
{
    pthread_cond_destroy(&machine->reset_done);
    pthread_mutex_destroy(&machine->run_lock);
}

void machine_listen(struct machine *machine, struct machine_listener *listener)
{
    pthread_mutex_lock(&machine->run_lock); /* gdb may already be pausing the machine */
    listener->next = machine->listeners;
    machine->listeners = listener;
    pthread_mutex_unlock(&machine->run_lock);
}

void run_state_notify(struct machine *machine, enum machine_notice notice, bool by_guest)
{
    for (struct machine_listener *listener = machine->listeners; listener; listener = listener->next)
        listener->notice(listener->opaque, notice, by_guest);
}

void run_state_hurry(struct machine *machine, bool on)
{
    for (unsigned i = 0; i < machine->chardev_count; i++)
        chardev_hurry(machine->chardevs[i], on);
}

static void stop_harts(struct machine *machine)
{
    if (!machine->threads_running)
        return;
    run_state_hurry(machine, true);
    harts_stop(machine);
    run_state_hurry(machine, false);
}

/* A timer's callback may be writing to a terminal (HTIF), and the clock waits for it. */
static void stop_clock(struct machine *machine)
{
    run_state_hurry(machine, true);
    clock_stop(machine->clock);
    run_state_hurry(machine, false);
}

/* Input begins when the guest first runs: what came before a saved state is loaded would be overwritten. */
static void hold_input(struct machine *machine, bool held)
{
    for (unsigned i = 0; i < machine->chardev_count; i++)
        chardev_hold(machine->chardevs[i], held);
}

/* [run_lock], with the harts stopped */
static void hold_each_device(struct machine *machine, bool held)
{
    machine->devices_held = held;
    run_state_hurry(machine, held);
    for (unsigned n = 0; n < machine->device_count; n++) {
        struct device *device = machine->devices[n].device;
        if (device->ops->hold)
            device->ops->hold(device, held);
    }
    run_state_hurry(machine, false);
}

/* While the machine is paused its devices are still, too: no request is under way, and nothing writes guest
 * memory. A console's thread may be waiting for a terminal that is stopped. Timers are still because the
 * clock is. [run_lock], with the harts stopped */
static void hold_devices(struct machine *machine, bool held)
{
    if (held)
        hold_input(machine, true);
    if (machine->devices_held != held)
        hold_each_device(machine, held);
    if (!held)
        hold_input(machine, false);
}

/* Starts or stops the harts. [run_lock] */
static bool update(struct machine *machine, struct error *error)
{
    bool still = machine->paused || machine->frozen;
    bool run = machine->booted && !still && !machine->holds && !atomic_load(&machine->ending);
    if (!run)
        stop_harts(machine);
    if (machine->booted || machine->frozen ? still : !machine->was_booted)
        stop_clock(machine);
    else
        clock_start(machine->clock);
    hold_devices(machine, still);
    return !run || machine->threads_running || harts_start(machine, error);
}

bool run_state_boot(struct machine *machine, struct error *error)
{
    pthread_mutex_lock(&machine->run_lock);
    machine->booted = machine->was_booted = true;
    atomic_store(&machine->ending, false);
    bool ok = update(machine, error);
    if (!ok)
        machine->booted = false;
    pthread_mutex_unlock(&machine->run_lock);
    return ok;
}

void run_state_end_boot(struct machine *machine, enum machine_event event, unsigned status)
{
    atomic_store(&machine->ending, true);
    machine_post(machine, event, status);
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_STOP);
}

void run_state_off(struct machine *machine, bool off)
{
    pthread_mutex_lock(&machine->run_lock);
    machine->off = off;
    pthread_mutex_unlock(&machine->run_lock);
}

void run_state_halt(struct machine *machine)
{
    struct error ignored;
    pthread_mutex_lock(&machine->run_lock);
    machine->booted = false;
    update(machine, &ignored);
    pthread_mutex_unlock(&machine->run_lock);
}

enum machine_state machine_state(struct machine *machine)
{
    pthread_mutex_lock(&machine->run_lock);
    enum machine_state paused = atomic_load(&machine->io_error) ? MACHINE_IO_ERROR
                                : machine->incoming             ? MACHINE_INCOMING
                                : machine->saved                ? MACHINE_SAVED
                                : machine->paused_for           ? machine->paused_for
                                                                : MACHINE_PAUSED;
    enum machine_state state = machine->off                                             ? MACHINE_SHUTDOWN
                               : machine->paused || machine->incoming || machine->saved ? paused
                                                                                        : MACHINE_RUNNING;
    pthread_mutex_unlock(&machine->run_lock);
    return state;
}

void machine_pause(struct machine *machine)
{
    struct error ignored;
    pthread_mutex_lock(&machine->run_lock);
    bool changes = !machine->off && !machine->paused;
    machine->paused |= changes;
    machine->resumed_early = false;
    update(machine, &ignored);
    if (changes)
        run_state_notify(machine, MACHINE_NOTICE_PAUSED, false);
    pthread_mutex_unlock(&machine->run_lock);
}

bool machine_resume(struct machine *machine, struct error *error)
{
    bool ok = true;
    pthread_mutex_lock(&machine->run_lock);
    bool changes = machine->paused;
    if (machine->off) {
        ok = error_set(error, "the guest is off; system_reset starts it again");
    } else if (timeline_is_past(machine->timeline) && !timeline_is_replay(machine->timeline)) {
        ok = error_set(error, "%s", timeline_past_text(machine->timeline));
    } else if (machine->incoming) {
        machine->resumed_early = true; /* it goes on when it is there */
    } else if (machine->frozen) {
        ok = error_set(error, "the guest is being saved or loaded: migrate_cancel ends that");
    } else if (machine->unloaded) {
        ok = error_set(error, MIXED);
    } else if (changes) {
        machine->paused = machine->saved = false;
        atomic_store(&machine->has_run, true); /* the first boot may still be about to begin */
        ok = update(machine, error);
        machine->paused = !ok;
        if (ok) {
            run_state_notify(machine, MACHINE_NOTICE_RESUMED, false);
            machine->paused_for = MACHINE_RUNNING;
            atomic_store(&machine->io_error, false); /* the requests that wait are tried again */
        }
    }
    pthread_mutex_unlock(&machine->run_lock);
    return ok;
}

void run_state_wake(struct machine *machine)
{
    uint64_t one = 1;
    ssize_t ignored = write(machine->event_fd, &one, sizeof(one));
    (void)ignored;
}

/* ---- Saving and loading -------------------------------------------------------------------------------- */

bool machine_freeze(struct machine *machine, enum machine_freeze what, bool *running, struct error *error)
{
    bool load = what == MACHINE_FREEZE_TO_LOAD, end = what == MACHINE_FREEZE_AT_END, ok = true;
    pthread_mutex_lock(&machine->run_lock);
    if (machine->frozen)
        ok = error_set(error, "the guest is already being saved or loaded");
    else if (load && !machine->incoming)
        ok = error_set(error, "this machine does not wait for a saved one: start with -incoming defer");
    else if (!load && machine->incoming)
        ok = error_set(error, "Guest is waiting for an incoming migration");
    else if (what == MACHINE_FREEZE_TO_SAVE && (machine->off || atomic_load(&machine->ending)))
        ok = error_set(error, "the guest is off: there is nothing to save");
    else if (what == MACHINE_FREEZE_TO_REPLACE && (machine->off || atomic_load(&machine->ending)))
        ok = error_set(error, "the guest is off, and has to be on to be replaced: system_reset starts it");
    else if (!load && timeline_is_past(machine->timeline))
        ok = error_set(error, "%s", timeline_past_text(machine->timeline));
    else if (what == MACHINE_FREEZE_TO_SAVE && machine->unloaded)
        ok = error_set(error, MIXED);
    if (ok) {
        *running = !machine->paused;
        if (!end)
            machine_pause(machine); /* tells the listeners */
        machine->frozen = true;
        update(machine, error);
    }
    pthread_mutex_unlock(&machine->run_lock);
    return ok;
}

/* Ends a freeze, and resumes the machine if it shall run. [run_lock] */
static void thaw(struct machine *machine, bool run)
{
    struct error error;
    machine->frozen = false;
    pthread_cond_broadcast(&machine->reset_done);
    if (atomic_load(&machine->ejected))
        run_state_wake(machine); /* for hotplug.c */
    if (run && !machine->off && !machine_resume(machine, &error))
        log_warn("%s", error.text);
}

void machine_thaw(struct machine *machine, bool saved, bool was_running)
{
    pthread_mutex_lock(&machine->run_lock);
    machine->saved = saved;
    thaw(machine, was_running && !saved);
    pthread_mutex_unlock(&machine->run_lock);
}

void machine_thaw_loaded(struct machine *machine, bool was_running)
{
    pthread_mutex_lock(&machine->run_lock);
    machine->incoming = false;
    thaw(machine, machine->resumed_early || (was_running && !machine->config.start_paused));
    pthread_mutex_unlock(&machine->run_lock);
}

void machine_thaw_failed(struct machine *machine)
{
    pthread_mutex_lock(&machine->run_lock);
    thaw(machine, false);
    pthread_mutex_unlock(&machine->run_lock);
}

void machine_loaded(struct machine *machine)
{
    pthread_mutex_lock(&machine->run_lock);
    machine->unloaded = false;
    pthread_mutex_unlock(&machine->run_lock);
}

bool machine_was_quit(struct machine *machine)
{
    return machine->quit_while_on && !machine->incoming && !machine->saved && !machine->unloaded;
}

/* ---- Pauses that the guest causes ---------------------------------------------------------------------- */

/* A hart may be waiting for this thread, so this thread cannot wait for the harts: the machine's own thread
 * does that. */
void run_state_post_pause(struct machine *machine, enum machine_state why)
{
    atomic_store(&machine->pause_posted, why);
    run_state_wake(machine);
}

void run_state_pause_posted(struct machine *machine)
{
    enum machine_state why = atomic_exchange(&machine->pause_posted, MACHINE_RUNNING);
    if (why == MACHINE_RUNNING || (why == MACHINE_IO_ERROR && !atomic_load(&machine->io_error)))
        return;
    pthread_mutex_lock(&machine->run_lock);
    if (!machine->paused)
        machine->paused_for = why;
    machine_pause(machine);
    pthread_mutex_unlock(&machine->run_lock);
}

/* ---- A disk's request that fails ----------------------------------------------------------------------- */

void run_state_disk_failed(void *opaque, const struct block_error *failed)
{
    static const char *const actions[] = { [BLOCKDEV_ON_ERROR_REPORT] = "report",
                                           [BLOCKDEV_ON_ERROR_IGNORE] = "ignore",
                                           [BLOCKDEV_ON_ERROR_STOP] = "stop" };
    struct machine *machine = opaque;
    struct machine_disk_error error = { failed->name ? failed->name : "", failed->write, failed->no_space,
                                        actions[failed->action], strerrordesc_np(failed->error) };
    for (struct machine_listener *listener = machine->listeners; listener; listener = listener->next) {
        if (listener->disk_failed)
            listener->disk_failed(listener->opaque, &error);
    }
    if (failed->action != BLOCKDEV_ON_ERROR_STOP)
        return;
    atomic_store(&machine->io_error, true);
    run_state_post_pause(machine, MACHINE_IO_ERROR);
}

bool run_state_disk_stops(void *machine)
{
    return atomic_load(&((struct machine *)machine)->io_error);
}

void machine_request_reset(struct machine *machine)
{
    atomic_store(&machine->user_reset, true);
    machine_post(machine, MACHINE_EVENT_RESET, 0);
}

void machine_reset_from_off(struct machine *machine)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 2; /* not for ever, since the user may have quit */
    pthread_mutex_lock(&machine->run_lock);
    bool was_off = machine->off;
    machine_request_reset(machine);
    for (int rc = 0; was_off && machine->off && !rc;)
        rc = pthread_cond_timedwait(&machine->reset_done, &machine->run_lock, &until);
    pthread_mutex_unlock(&machine->run_lock);
}

void machine_hold(struct machine *machine)
{
    struct error ignored;
    pthread_mutex_lock(&machine->run_lock);
    machine->holds++;
    update(machine, &ignored);
    /* The lock stays locked, so nobody else can change anything until machine_release(). */
}

void machine_release(struct machine *machine)
{
    struct error error;
    machine->holds--;
    if (!update(machine, &error)) {
        /* The host had enough threads a moment ago. */
        log_warn("%s; the guest is paused, the monitor's cont tries again", error.text);
        machine->paused = true;
    }
    pthread_mutex_unlock(&machine->run_lock);
}
