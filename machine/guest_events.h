/* SPDX-License-Identifier: MIT
 *
 * What follows when the guest panics (pvpanic) or its watchdog bites: -action panic=, watchdog=. The names
 * are those of QEMU.
 */
#ifndef MACHINE_GUEST_EVENTS_H
#define MACHINE_GUEST_EVENTS_H

#include <stdbool.h>

enum machine_panic_action {
    MACHINE_PANIC_SHUTDOWN, /* powers off, or pauses with no_shutdown; the default */
    MACHINE_PANIC_PAUSE,
    MACHINE_PANIC_EXIT_FAILURE, /* powers off, and the exit status is 1 */
    MACHINE_PANIC_NONE
};
enum machine_watchdog_action {
    MACHINE_WATCHDOG_RESET,    /* the default */
    MACHINE_WATCHDOG_SHUTDOWN, /* presses the guest's power button */
    MACHINE_WATCHDOG_POWEROFF, /* ends the program */
    MACHINE_WATCHDOG_PAUSE,
    MACHINE_WATCHDOG_DEBUG, /* says so in the log */
    MACHINE_WATCHDOG_NONE,
    MACHINE_WATCHDOG_INJECT_NMI /* the same as NONE, with a warning: the board has no such interrupt */
};

/* The actions' names, in their order; end with NULL. */
extern const char *const machine_panic_actions[];
extern const char *const machine_watchdog_actions[];
/* The number of a name in such a list; -1: it is not there. */
int machine_find_action(const char *const *names, const char *name);

struct machine;

/* Changes what follows a reset, a power-off, a panic of the guest, and what the watchdog does, as -action
 * says at the start. Any thread. */
void machine_set_no_reboot(struct machine *machine, bool on);
void machine_set_no_shutdown(struct machine *machine, bool on);
void machine_set_panic_action(struct machine *machine, enum machine_panic_action action);
void machine_set_watchdog_action(struct machine *machine, enum machine_watchdog_action action);

#endif
