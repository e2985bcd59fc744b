/* SPDX-License-Identifier: MIT
 *
 * Going back, and forward again through what has been recorded (machine/timeline/). It happens while gdb
 * waits for the reply, with the machine held.
 */
#include <string.h>
#include <sys/socket.h>

#include "machine/gdb/internal.h"
#include "machine/timeline/timeline.h"

enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5 };

bool gdb_is_past(const struct gdb *gdb)
{
    return timeline_is_past(gdb->machine->timeline);
}

/* Has gdb sent Ctrl-C while it waits? It stays among the bytes to be read, where it does nothing more. */
bool gdb_wants_end(void *opaque)
{
    struct gdb *gdb = opaque;
    uint8_t bytes[256];
    ssize_t length = gdb->in_fd < 0 ? -1 : recv(gdb->in_fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
    return length == 0 || (length > 0 && memchr(bytes, 3, (size_t)length));
}

/* Replies where the harts are now; *what: "begin" or "end", if there is no more in that direction. */
static void reply_place(struct gdb *gdb, unsigned hart, const char *what)
{
    gdb_reply_stop(gdb, SIGNAL_TRAP, hart);
    if (what)
        gdb_text_printf(&gdb->reply, "replaylog:%s;", what);
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        hart_debug_told(gdb->machine->harts[i]);
}

static void reply_end(struct gdb *gdb, enum timeline_end end, const char *what, const struct error *error)
{
    int stopped = gdb_stopped_hart(gdb);
    if (end == TIMELINE_FAILED)
        gdb_reply_failure(gdb, error);
    else if (end == TIMELINE_STOPPED)
        reply_place(gdb, stopped < 0 ? gdb->hart : (unsigned)stopped, NULL);
    else if (end == TIMELINE_INTERRUPTED)
        gdb_reply_stop(gdb, SIGNAL_INT, gdb->resumed_hart);
    else
        reply_place(gdb, gdb->resumed_hart, what);
}

void gdb_go_past(struct gdb *gdb)
{
    struct error error;
    timeline_ask(gdb->machine->timeline, gdb_wants_end, gdb);
    enum timeline_end end = timeline_forward(gdb->machine->timeline, &error);
    timeline_ask(gdb->machine->timeline, NULL, NULL);
    reply_end(gdb, end, "end", &error);
}

static void step_back(struct gdb *gdb)
{
    struct error error;
    struct timeline *timeline = gdb->machine->timeline;
    uint64_t before = timeline_before(timeline, gdb->resumed_hart);
    if (before == TIMELINE_NEVER)
        reply_place(gdb, gdb->resumed_hart, "begin");
    else if (timeline_goto(timeline, before, &error))
        reply_place(gdb, gdb->resumed_hart, NULL);
    else
        gdb_reply_failure(gdb, &error);
}

void gdb_reverse(struct gdb *gdb, struct gdb_rest rest)
{
    struct error error;
    struct timeline *timeline = gdb->machine->timeline;
    if (!timeline_keeps(timeline))
        gdb_reply_error(gdb, ".the past is not recorded: start with -icount and -record on");
    else if (!gdb_points_apply(gdb)) /* those that gdb has removed are gone, with their conditions */
        return;
    else if (gdb_take_char(&rest, 's'))
        step_back(gdb);
    else if (gdb_take_char(&rest, 'c')) {
        timeline_ask(timeline, gdb_wants_end, gdb);
        enum timeline_end end = timeline_back(timeline, &error);
        timeline_ask(timeline, NULL, NULL);
        reply_end(gdb, end, "begin", &error);
    }
}

bool gdb_may_change(struct gdb *gdb)
{
    if (gdb_is_past(gdb)) {
        gdb_reply_error(gdb, timeline_is_replay(gdb->machine->timeline)
                                 ? ".this is a replay, which cannot be changed"
                                 : ".this is the past, which cannot be changed: `monitor goto end` leads to "
                                   "the present");
        return false;
    }
    timeline_forget(gdb->machine->timeline);
    return true;
}

void gdb_return_to_present(struct gdb *gdb)
{
    struct error error;
    struct timeline *timeline = gdb->machine->timeline;
    if (gdb_is_past(gdb) && !timeline_is_replay(timeline) &&
        !timeline_goto(timeline, timeline_present(timeline), &error))
        timeline_forget(timeline);
}
