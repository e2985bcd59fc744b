/* SPDX-License-Identifier: MIT
 *
 * One session with gdb: how each packet is answered (gdb manual, "Packets"). While a packet is answered the
 * machine is held, so that registers and memory do not change and no reset happens. The answer to an unknown
 * packet is empty, and to a malformed one an error. Of all that gdb can send, only k ends the emulator.
 */
#include <string.h>

#include "machine/gdb/internal.h"

void gdb_reply_error(struct gdb *gdb, const char *text)
{
    gdb->reply.length = 0;
    gdb_text_printf(&gdb->reply, "E%s", text);
}

void gdb_reply_failure(struct gdb *gdb, const struct error *error)
{
    gdb->reply.length = 0;
    gdb_text_printf(&gdb->reply, "E.%s", error->text);
}

bool gdb_take_thread(struct gdb *gdb, struct gdb_rest *rest, int *thread)
{
    uint64_t number;
    if (gdb_take_text(rest, "-1")) {
        *thread = -1;
        return true;
    }
    if (!gdb_take_number(rest, &number) || number > gdb->machine->hart_count)
        return false;
    *thread = (int)number;
    return true;
}

/* H c THREAD, H g THREAD */
static void select_hart(struct gdb *gdb, struct gdb_rest rest)
{
    int thread;
    bool general = gdb_take_char(&rest, 'g');
    if ((!general && !gdb_take_char(&rest, 'c')) || !gdb_take_thread(gdb, &rest, &thread)) {
        gdb_reply_error(gdb, "22");
        return;
    }
    if (thread > 0)
        *(general ? &gdb->hart : &gdb->resumed_hart) = (unsigned)thread - 1;
    gdb_reply_ok(gdb);
}

static void thread_alive(struct gdb *gdb, struct gdb_rest rest)
{
    int thread;
    if (gdb_take_thread(gdb, &rest, &thread) && thread > 0)
        gdb_reply_ok(gdb);
    else
        gdb_reply_error(gdb, "22");
}

static void detach(struct gdb *gdb)
{
    gdb_reply_ok(gdb);
    gdb_send_reply(gdb);
    gdb_end_session(gdb, true);
}

void gdb_kill_guest(struct gdb *gdb)
{
    machine_request_quit(gdb->machine, 0);
    gdb->closing = true;
}

static void handle_v(struct gdb *gdb, struct gdb_rest rest)
{
    if (gdb_take_text(&rest, "Cont?")) {
        gdb_text_printf(&gdb->reply, "vCont;c;C;s;S;t;r");
    } else if (gdb_take_text(&rest, "Cont")) {
        gdb_continue(gdb, rest);
    } else if (gdb_take_text(&rest, "Kill;")) {
        gdb_kill(gdb);
    } else if (gdb_take_text(&rest, "Run;")) {
        gdb_restart(gdb, rest);
    }
}

static void tell_state(struct gdb *gdb)
{
    if (gdb->killed)
        gdb_text_printf(&gdb->reply, "W00");
    else
        gdb_reply_stop(gdb, 5, gdb->hart);
}

static void handle(struct gdb *gdb, char kind, struct gdb_rest rest)
{
    if (strchr("GMXP", kind) && !gdb_may_change(gdb))
        return;
    switch (kind) {
    case '!': gdb_extend(gdb, rest); break;
    case '?': tell_state(gdb); break;
    case 'b': gdb_reverse(gdb, rest); break;
    case 'c':
    case 'C':
    case 's':
    case 'S': gdb_continue_old(gdb, kind, rest); break;
    case 'D': detach(gdb); break;
    case 'g': gdb_read_registers(gdb); break;
    case 'G': gdb_write_registers(gdb, rest); break;
    case 'H': select_hart(gdb, rest); break;
    case 'k': gdb_kill_guest(gdb); break;
    case 'm': gdb_read_memory(gdb, rest); break;
    case 'M': gdb_write_memory(gdb, rest, false); break;
    case 'X': gdb_write_memory(gdb, rest, true); break;
    case 'p': gdb_read_register(gdb, rest); break;
    case 'P': gdb_write_register(gdb, rest); break;
    case 'q': gdb_query(gdb, rest); break;
    case 'Q': gdb_set(gdb, rest); break;
    case 'R': gdb_restart_old(gdb); break;
    case 'T': thread_alive(gdb, rest); break;
    case 'v': handle_v(gdb, rest); break;
    case 'z': gdb_set_point(gdb, rest, false); break;
    case 'Z': gdb_set_point(gdb, rest, true); break;
    default: break; /* an empty reply: not supported */
    }
}

/* The guest is stopped for a gdb that sends something, not for a client that only opens the port. */
void gdb_start_session(struct gdb *gdb)
{
    gdb->found_running = machine_state(gdb->machine) == MACHINE_RUNNING;
    machine_pause(gdb->machine);
    machine_hold(gdb->machine);
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        hart_debug_resume(gdb->machine->harts[i], DEBUG_HOLD, 0, 0, false);
    machine_release(gdb->machine);
    gdb->started = true;
    atomic_store(&gdb->machine->gdb_holds, true);
    gdb->no_ack = gdb->no_ack_soon = gdb->resumed = gdb->waits = gdb->physical = gdb->mmio = gdb->step_irq =
        gdb->tells_why = gdb->extended = gdb->killed = gdb->restarting = false;
    gdb->hart = gdb->resumed_hart = 0;
    gdb->monitor_hart = -1;
}

void gdb_end_session(struct gdb *gdb, bool run)
{
    gdb->closing = true;
    gdb->waits = gdb->restarting = false;
    if (gdb->started && gdb->killed)
        machine_request_quit(gdb->machine, 0);
    else if (gdb->started)
        gdb_run_free(gdb, run || gdb->found_running || gdb->resumed);
    gdb->started = false;
}

void gdb_handle_packet(struct gdb *gdb, const char *data, size_t length)
{
    if (!gdb->started)
        gdb_start_session(gdb);
    if (gdb->waits) {
        /* A packet out of turn: its sender does not wait for the stop any more. */
        machine_pause(gdb->machine);
        atomic_store(&gdb->machine->gdb_holds, true);
        gdb->waits = false;
    }
    machine_hold(gdb->machine);
    struct gdb_rest rest = { data, data + length };
    if (length) {
        rest.at++;
        handle(gdb, data[0], rest);
    }
    /* The reply is sent when the guest stops, or was reset; R has no reply. */
    bool silent =
        gdb->waits || gdb->restarting || gdb->closing || (length && data[0] == 'R' && gdb->extended);
    if (!silent || gdb->reply.length)
        gdb_send_reply(gdb);
    gdb->no_ack |= gdb->no_ack_soon;
    machine_release(gdb->machine);
}
