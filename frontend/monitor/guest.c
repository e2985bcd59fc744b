/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor about what the guest and its host agree on: its memory, and the watchdog.
 */
#include "frontend/monitor/internal.h"

#include <inttypes.h>
#include <string.h>

#include "frontend/options/text.h"
#include "machine/balloon.h"
#include "machine/machine.h"

/* ---- The balloon --------------------------------------------------------------------------------------- */

static bool no_balloon(struct monitor_call *call)
{
    call->error_class = "DeviceNotActive";
    return error_set(&call->error, "No balloon device has been activated");
}

static bool set_balloon(struct monitor_call *call, uint64_t bytes)
{
    struct machine_balloon balloon;
    if (!machine_balloon(call->machine, false, &balloon))
        return no_balloon(call);
    if (!bytes || bytes > INT64_MAX)
        return error_set(&call->error, "Parameter 'target' expects a size");
    machine_set_balloon(call->machine, bytes);
    return true;
}

bool monitor_balloon(struct monitor_call *call)
{
    return set_balloon(call, monitor_number(call, "value", 0));
}

bool monitor_balloon_line(struct monitor_call *call)
{
    const char *text = monitor_text(call, "value", "");
    uint64_t bytes;
    return option_parse_size(text, UINT64_C(1) << 20, &bytes)
               ? set_balloon(call, bytes)
               : error_set(&call->error, "balloon %.40s: not a size; it takes MiB, or 1536M, 2G", text);
}

bool monitor_query_balloon(struct monitor_call *call)
{
    struct machine_balloon balloon;
    if (!machine_balloon(call->machine, false, &balloon))
        return no_balloon(call);
    call->result = json_object_new_object();
    monitor_put_number(call->result, "actual", balloon.actual);
    return true;
}

bool monitor_info_balloon(struct monitor_call *call)
{
    struct machine_balloon balloon;
    if (!machine_balloon(call->machine, true, &balloon))
        return no_balloon(call);
    call->result = json_object_new_object();
    monitor_put_number(call->result, "actual", balloon.actual);
    for (unsigned n = 0; n < VIRTIO_BALLOON_STATS; n++)
        if (balloon.known >> n & 1)
            monitor_put_number(call->result, virtio_balloon_stat_name(n), balloon.stats[n]);
    return true;
}

/* The first line is QEMU's, in MiB. */
void monitor_print_balloon(FILE *out, struct json_object *result)
{
    json_object_object_foreach(result, name, value)
    {
        uint64_t number = json_object_get_uint64(value);
        if (strcmp(name, "actual") == 0)
            fprintf(out, "balloon: actual=%" PRIu64 "\n", number >> 20);
        else
            fprintf(out, "%s: %" PRIu64 "\n", name, number);
    }
}

/* ---- What follows -------------------------------------------------------------------------------------- */

/* The number of the argument in the list, which ends with NULL; -1: it was not given. False, with call->error
 * filled: it is not in the list. */
static bool take_action(struct monitor_call *call, const char *name, const char *const *names, int *action)
{
    const char *text = monitor_text(call, name, NULL);
    *action = text ? machine_find_action(names, text) : -1;
    return !text || *action >= 0 ||
           error_set(&call->error, "Parameter '%s' does not accept value '%.40s'", name, text);
}

bool monitor_set_action(struct monitor_call *call)
{
    static const char *const reboots[] = { "reset", "shutdown", NULL };
    static const char *const shutdowns[] = { "poweroff", "pause", NULL };
    int reboot, shutdown, panic, watchdog;
    if (!take_action(call, "reboot", reboots, &reboot) ||
        !take_action(call, "shutdown", shutdowns, &shutdown) ||
        !take_action(call, "panic", machine_panic_actions, &panic) ||
        !take_action(call, "watchdog", machine_watchdog_actions, &watchdog))
        return false;
    if (reboot >= 0)
        machine_set_no_reboot(call->machine, reboot);
    if (shutdown >= 0)
        machine_set_no_shutdown(call->machine, shutdown);
    if (panic >= 0)
        machine_set_panic_action(call->machine, (enum machine_panic_action)panic);
    if (watchdog >= 0)
        machine_set_watchdog_action(call->machine, (enum machine_watchdog_action)watchdog);
    return true;
}

/* ---- The watchdog -------------------------------------------------------------------------------------- */

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
