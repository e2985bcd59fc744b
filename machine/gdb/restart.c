/* SPDX-License-Identifier: MIT
 *
 * gdb's run and kill, in the extended protocol (`target extended-remote`; gdb manual, "Packets": !, vRun, R,
 * vKill). The machine is gdb's program: kill leaves it stopped, run resets it and stops it before its first
 * instruction. If gdb disconnects from a killed machine, the emulator ends, as kill does in the plain
 * protocol.
 *
 * A reset is done by the machine's owner, who waits for run_lock. So the reply to vRun is sent when the
 * notice of the reset comes.
 */
#include "machine/gdb/internal.h"
#include "machine/timeline/timeline.h"

void gdb_extend(struct gdb *gdb, struct gdb_rest rest)
{
    if (gdb_rest_length(&rest))
        return; /* an empty reply: not supported */
    gdb->extended = true;
    gdb_reply_ok(gdb);
}

void gdb_kill(struct gdb *gdb)
{
    gdb_reply_ok(gdb);
    if (gdb->extended)
        gdb->killed = true;
    else
        gdb_kill_guest(gdb);
}

/* Asks for a reset. False, with an error reply, if a reset would end the run. */
static bool restart(struct gdb *gdb)
{
    if (atomic_load(&gdb->machine->no_reboot)) {
        gdb_reply_error(gdb, ".with -no-reboot a reset is the end");
        return false;
    }
    if (timeline_is_replay(gdb->machine->timeline)) {
        gdb_reply_error(gdb, ".a replay cannot be reset: `monitor goto start` leads to its beginning");
        return false;
    }
    gdb->killed = false;
    machine_request_reset(gdb->machine);
    return true;
}

void gdb_restart(struct gdb *gdb, struct gdb_rest rest)
{
    while (gdb_rest_length(&rest) && *rest.at != ';')
        rest.at++; /* skips the program's name: there is one guest */
    if (gdb_rest_length(&rest) > 1)
        gdb_reply_error(gdb, ".the guest takes no arguments from gdb; a kernel's command line is -append's");
    else
        gdb->restarting = restart(gdb);
}

void gdb_restart_old(struct gdb *gdb)
{
    if (gdb->extended)
        restart(gdb); /* R has no reply */
}

void gdb_report_restart(struct gdb *gdb)
{
    if (!gdb->restarting)
        return;
    gdb->restarting = false;
    machine_hold(gdb->machine);
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        hart_debug_resume(gdb->machine->harts[i], DEBUG_HOLD, 0, 0, false);
    gdb_reply_stop(gdb, 5, 0);
    gdb_send_reply(gdb);
    machine_release(gdb->machine);
}
