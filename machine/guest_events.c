/* SPDX-License-Identifier: MIT
 *
 * See guest_events.h. Events come from threads for which nobody may wait (a hart's, the clock's), so all that
 * follows is only asked for here: the machine's own thread ends the boot, or pauses the machine. Listeners
 * are told first, so that a monitor's client knows why the guest stops.
 */
#include "machine/guest_events.h"

#include <string.h>

#include "machine/inspect.h"
#include "machine/internal.h"
#include "util/host_time.h"
#include "util/log.h"

const char *const machine_panic_actions[] = {
    [MACHINE_PANIC_SHUTDOWN] = "shutdown",
    [MACHINE_PANIC_PAUSE] = "pause",
    [MACHINE_PANIC_EXIT_FAILURE] = "exit-failure",
    [MACHINE_PANIC_NONE] = "none",
    NULL,
};

const char *const machine_watchdog_actions[] = {
    [MACHINE_WATCHDOG_RESET] = "reset",           [MACHINE_WATCHDOG_SHUTDOWN] = "shutdown",
    [MACHINE_WATCHDOG_POWEROFF] = "poweroff",     [MACHINE_WATCHDOG_PAUSE] = "pause",
    [MACHINE_WATCHDOG_DEBUG] = "debug",           [MACHINE_WATCHDOG_NONE] = "none",
    [MACHINE_WATCHDOG_INJECT_NMI] = "inject-nmi", NULL,
};

int machine_find_action(const char *const *names, const char *name)
{
    for (int n = 0; name && names[n]; n++)
        if (strcmp(names[n], name) == 0)
            return n;
    return -1;
}

void machine_set_no_reboot(struct machine *machine, bool on)
{
    atomic_store(&machine->no_reboot, on);
}

void machine_set_no_shutdown(struct machine *machine, bool on)
{
    atomic_store(&machine->no_shutdown, on);
}

void machine_set_panic_action(struct machine *machine, enum machine_panic_action action)
{
    atomic_store(&machine->panic_action, action);
}

void machine_set_watchdog_action(struct machine *machine, enum machine_watchdog_action action)
{
    atomic_store(&machine->watchdog_action, action);
}

static void tell(struct machine *machine, const char *name, const char *action)
{
    for (struct machine_listener *listener = machine->listeners; listener; listener = listener->next) {
        if (listener->guest_event)
            listener->guest_event(listener->opaque, name, action);
    }
}

/* A line of the log, at most one a second: the guest may cause as many as it likes. */
static void say(struct machine *machine, const char *text)
{
    uint64_t now = host_now_ms(), last = atomic_load(&machine->said_ms);
    if (now - last >= 1000 && atomic_compare_exchange_strong(&machine->said_ms, &last, now))
        log_warn("%s", text);
}

static void panicked(struct machine *machine)
{
    enum machine_panic_action action = atomic_load(&machine->panic_action);
    if (action == MACHINE_PANIC_SHUTDOWN && atomic_load(&machine->no_shutdown))
        action = MACHINE_PANIC_PAUSE;
    tell(machine, "GUEST_PANICKED",
         action == MACHINE_PANIC_NONE    ? "run"
         : action == MACHINE_PANIC_PAUSE ? "pause"
                                         : "poweroff");
    if (action == MACHINE_PANIC_PAUSE)
        run_state_post_pause(machine, MACHINE_GUEST_PANICKED);
    else if (action != MACHINE_PANIC_NONE)
        run_state_end_boot(machine, MACHINE_EVENT_POWEROFF, action == MACHINE_PANIC_EXIT_FAILURE);
}

static void watchdog_bites(struct machine *machine)
{
    enum machine_watchdog_action action = atomic_load(&machine->watchdog_action);
    tell(machine, "WATCHDOG", machine_watchdog_actions[action]);
    switch (action) {
    case MACHINE_WATCHDOG_RESET: run_state_end_boot(machine, MACHINE_EVENT_RESET, 0); break;
    case MACHINE_WATCHDOG_SHUTDOWN:
        if (!machine_press_power_button(machine))
            say(machine, "watchdog: there is no power button that the guest listens to");
        break;
    case MACHINE_WATCHDOG_POWEROFF: machine_request_quit(machine, 0); break;
    case MACHINE_WATCHDOG_PAUSE: run_state_post_pause(machine, MACHINE_WATCHDOG); break;
    case MACHINE_WATCHDOG_DEBUG: say(machine, "watchdog: its time is over"); break;
    case MACHINE_WATCHDOG_INJECT_NMI: say(machine, "watchdog: the board has no NMI"); break;
    case MACHINE_WATCHDOG_NONE: break;
    }
}

void guest_events_take(void *opaque, enum guest_event event)
{
    struct machine *machine = opaque;
    if (atomic_load(&machine->ending))
        return; /* it is off already, or about to be reset */
    switch (event) {
    case GUEST_EVENT_PANICKED: panicked(machine); break;
    case GUEST_EVENT_CRASHLOADED: tell(machine, "GUEST_CRASHLOADED", "run"); break;
    case GUEST_EVENT_SHUTDOWN:
        tell(machine, "GUEST_PVSHUTDOWN", NULL);
        run_state_end_boot(machine, MACHINE_EVENT_POWEROFF, 0);
        break;
    case GUEST_EVENT_WATCHDOG: watchdog_bites(machine); break;
    }
}
