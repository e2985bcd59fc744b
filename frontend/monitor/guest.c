/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor about what the guest and its host agree on: the watchdog.
 */
#include "frontend/monitor/internal.h"
#include "machine/machine.h"

bool monitor_watchdog_action(struct monitor_call *call)
{
    const char *name = monitor_text(call, "action", "");
    int action = machine_find_action(machine_watchdog_actions, name);
    if (action < 0)
        return error_set(&call->error,
                         "there is no action %.40s; there are reset, shutdown, poweroff, pause, debug, none, "
                         "inject-nmi",
                         name);
    machine_set_watchdog_action(call->machine, (enum machine_watchdog_action)action);
    return true;
}
