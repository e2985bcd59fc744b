/* SPDX-License-Identifier: MIT
 *
 * Running and stopping, in all-stop mode. While gdb talks, no hart runs; vCont says what each of them does
 * next. When a hart stops, all are stopped as soon as the others have run as many instructions: otherwise the
 * hart whose thread starts first would always be the one that reaches a breakpoint. If a second hart stops at
 * the same time, it stops again by itself after it was resumed, since breakpoints and watchpoints stop before
 * their instruction.
 */
#include <string.h>
#include <time.h>

#include "cpu/hart_view.h"
#include "machine/gdb/internal.h"
#include "util/host_time.h"
#include "util/log.h"

enum { SIGNAL_INT = 2, SIGNAL_QUIT = 3, SIGNAL_TRAP = 5 }; /* gdb's numbers */

/* ---- Telling of stops ---------------------------------------------------------------------------------- */

static void add_register(struct gdb *gdb, struct hart *hart, unsigned number)
{
    uint64_t value;
    unsigned size = gdb_register_get(hart, number, &value);
    gdb_text_printf(&gdb->reply, "%02x:", number);
    gdb_text_value(&gdb->reply, value, size);
    gdb_text_printf(&gdb->reply, ";");
}

static void add_reason(struct gdb *gdb, struct debug_stop stop)
{
    static const char *const watches[] = {
        [DEBUG_WATCH_READ] = "rwatch",
        [DEBUG_WATCH_WRITE] = "watch",
        [DEBUG_WATCH_READ | DEBUG_WATCH_WRITE] = "awatch",
    };
    if (stop.physical)
        return; /* gdb does not know of this point */
    if (stop.reason == DEBUG_WATCH)
        gdb_text_printf(&gdb->reply, "%s:%llx;", watches[stop.kinds], (unsigned long long)stop.addr);
    else if (stop.reason == DEBUG_BREAK && gdb->tells_why)
        gdb_text_printf(&gdb->reply, "%s:;",
                        gdb_point_at(gdb, GDB_SOFT_BREAK, stop.addr) ? "swbreak" : "hwbreak");
}

void gdb_reply_stop(struct gdb *gdb, unsigned signal, unsigned hart)
{
    gdb->hart = gdb->resumed_hart = hart;
    gdb_text_printf(&gdb->reply, "T%02xthread:%x;core:%x;", signal, hart + 1, hart);
    if (signal == SIGNAL_TRAP)
        add_reason(gdb, hart_debug_stop(gdb_hart(gdb)));
    add_register(gdb, gdb_hart(gdb), GDB_REGISTER_PC);
    add_register(gdb, gdb_hart(gdb), 2); /* sp and s0, for the frame */
    add_register(gdb, gdb_hart(gdb), 8);
}

/* A hart that has stepped comes first, since its stop will not happen again; otherwise the harts take
 * turns. */
int gdb_stopped_hart(struct gdb *gdb)
{
    int found = -1;
    for (unsigned n = gdb->machine->hart_count; n > 0; n--) {
        unsigned i = (gdb->told_hart + n) % gdb->machine->hart_count;
        enum debug_reason reason = hart_debug_stop(gdb->machine->harts[i]).reason;
        if (reason == DEBUG_STEPPED)
            return (int)i;
        if (reason != DEBUG_NONE)
            found = (int)i;
    }
    return found;
}

static void tell(struct gdb *gdb, unsigned signal, unsigned hart)
{
    gdb->waits = false;
    atomic_store(&gdb->machine->gdb_holds, true);
    gdb_reply_stop(gdb, signal, hart);
    hart_debug_told(gdb->machine->harts[hart]);
    gdb->told_hart = hart;
}

/* How many instructions a hart has executed since it was resumed. While it runs translated code, this is the
 * count at its last slice. */
static uint64_t progress(const struct gdb *gdb, unsigned hart)
{
    return hart_instructions(gdb->machine->harts[hart]) - gdb->let_go[hart];
}

/* The longest turn that a hart which has not stopped still gets, in instructions, and the longest time that
 * this may take, since a hart may be waiting for the host. */
#define TURN_MAX UINT64_C(100000)
#define TURN_NS  20000000

/* Has each hart that was resumed stopped, gone to sleep, or run as many instructions as the first one that
 * stopped? */
static bool all_had_turns(const struct gdb *gdb, uint64_t stopped, uint64_t turn)
{
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        if (gdb->runners >> i & ~stopped >> i & 1 && progress(gdb, i) < turn &&
            !hart_sleeps(gdb->machine->harts[i]))
            return false;
    return true;
}

static void give_turns(struct gdb *gdb)
{
    uint64_t stopped = atomic_load(&gdb->stopped), turn = TURN_MAX;
    struct timespec nap = { .tv_nsec = 20000 };
    if (!stopped || gdb->machine->config.icount.on) /* with virtual time all stop at once */
        return;
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        if (stopped >> i & 1 && progress(gdb, i) < turn)
            turn = progress(gdb, i);
    uint64_t start = host_now_ns();
    do {
        if (all_had_turns(gdb, atomic_load(&gdb->stopped), turn))
            return;
        nanosleep(&nap, NULL);
    } while (host_now_ns() - start < TURN_NS);
}

void gdb_report_stop(struct gdb *gdb)
{
    if (!gdb->waits)
        return;
    give_turns(gdb);
    machine_pause(gdb->machine);
    machine_hold(gdb->machine);
    int hart = gdb_stopped_hart(gdb);
    if (hart >= 0)
        tell(gdb, SIGNAL_TRAP, (unsigned)hart);
    else
        tell(gdb, machine_state(gdb->machine) == MACHINE_SHUTDOWN ? SIGNAL_QUIT : SIGNAL_INT, gdb->hart);
    gdb_send_reply(gdb);
    machine_release(gdb->machine);
}

void gdb_interrupt(struct gdb *gdb)
{
    if (gdb->waits)
        gdb_report_stop(gdb); /* if no hart has stopped by itself, this reports SIGINT */
}

/* ---- Going on ------------------------------------------------------------------------------------------ */

struct order {
    enum debug_action action;
    uint64_t first, end;
};

static void go(struct gdb *gdb, const struct order *orders)
{
    struct error error;
    if (!gdb_points_apply(gdb))
        return;
    gdb->runners = 0;
    for (unsigned i = 0; i < gdb->machine->hart_count; i++) {
        /* In the past all harts do what they did. */
        bool held = orders[i].action == DEBUG_HOLD && !gdb_is_past(gdb);
        enum debug_action action = held                             ? DEBUG_HOLD
                                   : orders[i].action == DEBUG_HOLD ? DEBUG_RUN
                                                                    : orders[i].action;
        hart_debug_resume(gdb->machine->harts[i], action, orders[i].first, orders[i].end, gdb->step_irq);
        gdb->runners |= (uint64_t)(orders[i].action == DEBUG_RUN) << i;
        gdb->let_go[i] = hart_instructions(gdb->machine->harts[i]);
    }
    if (gdb_is_past(gdb)) {
        gdb_go_past(gdb);
        return;
    }
    atomic_store(&gdb->hart_stopped, false);
    atomic_store(&gdb->stopped, 0);
    atomic_store(&gdb->paused_by_other, false);
    gdb->waits = gdb->resumed = true;
    atomic_store(&gdb->machine->gdb_holds, false);
    if (machine_resume(gdb->machine, &error))
        return;
    gdb->waits = false;
    gdb_reply_failure(gdb, &error);
}

/* Reads one action: c, C SIGNAL, s, S SIGNAL, r FIRST,END, t. Signals have no meaning for a machine. */
static bool take_order(struct gdb_rest *rest, struct order *order)
{
    uint64_t signal;
    *order = (struct order){ .action = DEBUG_RUN };
    if (gdb_take_char(rest, 'C'))
        return gdb_take_number(rest, &signal);
    if (gdb_take_char(rest, 'c'))
        return true;
    order->action = DEBUG_STEP;
    if (gdb_take_char(rest, 'S'))
        return gdb_take_number(rest, &signal);
    if (gdb_take_char(rest, 's'))
        return true;
    order->action = DEBUG_RANGE;
    if (gdb_take_char(rest, 'r'))
        return gdb_take_number(rest, &order->first) && gdb_take_char(rest, ',') &&
               gdb_take_number(rest, &order->end);
    order->action = DEBUG_HOLD;
    return gdb_take_char(rest, 't');
}

void gdb_continue(struct gdb *gdb, struct gdb_rest rest)
{
    struct order orders[MACHINE_HARTS_MAX];
    bool given[MACHINE_HARTS_MAX] = { false }, any = false;
    for (unsigned i = 0; i < MACHINE_HARTS_MAX; i++)
        orders[i] = (struct order){ .action = DEBUG_HOLD };
    while (gdb_take_char(&rest, ';')) {
        struct order order;
        int thread = -1;
        if (!take_order(&rest, &order) ||
            (gdb_take_char(&rest, ':') && !gdb_take_thread(gdb, &rest, &thread)))
            break;
        for (unsigned i = 0; i < gdb->machine->hart_count; i++) {
            if (given[i] || (thread > 0 && i != (unsigned)thread - 1) || (thread == 0 && i != gdb->hart))
                continue; /* the leftmost action that fits is the one that counts */
            orders[i] = order;
            given[i] = true;
            any |= order.action != DEBUG_HOLD;
        }
    }
    if (gdb_rest_length(&rest) || !any)
        gdb_reply_error(gdb, "22");
    else
        go(gdb, orders);
}

void gdb_continue_old(struct gdb *gdb, char action, struct gdb_rest rest)
{
    struct order orders[MACHINE_HARTS_MAX];
    uint64_t number;
    if (action == 'C' || action == 'S') {
        if (!gdb_take_number(&rest, &number)) {
            gdb_reply_error(gdb, "22");
            return;
        }
        gdb_take_char(&rest, ';');
    }
    if (gdb_rest_length(&rest)) {
        gdb_reply_error(gdb, ".going on at another address: write pc first");
        return;
    }
    for (unsigned i = 0; i < MACHINE_HARTS_MAX; i++)
        orders[i] = (struct order){ .action = DEBUG_RUN };
    if (action == 's' || action == 'S')
        orders[gdb->resumed_hart].action = DEBUG_STEP;
    go(gdb, orders);
}

void gdb_run_free(struct gdb *gdb, bool run)
{
    struct error error;
    machine_hold(gdb->machine);
    gdb_points_clear(gdb);
    gdb_points_apply(gdb);
    gdb_return_to_present(gdb);
    atomic_store(&gdb->machine->gdb_holds, false);
    gdb->reply.length = 0;
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        hart_debug_resume(gdb->machine->harts[i], DEBUG_RUN, 0, 0, false);
    machine_release(gdb->machine);
    if (run && machine_state(gdb->machine) == MACHINE_PAUSED && !machine_resume(gdb->machine, &error))
        log_warn("gdb has detached, but the guest cannot go on: %s", error.text);
}
