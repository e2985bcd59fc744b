/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor about what is recorded or replayed (machine/timeline/).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/monitor/internal.h"
#include "machine/inspect.h"
#include "machine/timeline/timeline.h"

/* As QEMU's: with the file, if there is one, and the instructions so far. */
bool monitor_replay(struct monitor_call *call)
{
    struct timeline_facts facts = { 0 };
    const struct timeline *timeline = machine_timeline(call->machine);
    if (timeline)
        timeline_facts(timeline, &facts);
    const char *file = facts.replayed ? facts.replayed : facts.recorded;
    call->result = json_object_new_object();
    monitor_put_number(call->result, "icount", file ? facts.now : 0);
    monitor_put_text(call->result, "mode",
                     facts.replayed                            ? "play"
                     : facts.recorded && !facts.recording_over ? "record"
                                                               : "none");
    if (file)
        monitor_put_text(call->result, "filename", file);
    return true;
}

void monitor_print_replay(FILE *out, struct json_object *result)
{
    const char *mode = monitor_get_text(result, "mode");
    if (*mode == 'n')
        fprintf(out, "Record/replay is not active\n");
    else
        fprintf(out, "%s execution '%s': instruction count = %" PRIu64 "\n",
                *mode == 'p' ? "Replaying" : "Recording", monitor_get_text(result, "filename"),
                (uint64_t)monitor_get_number(result, "icount"));
}

static void print_facts(FILE *out, const struct timeline_facts *facts)
{
    bool ends = facts->recording_over || facts->replayed;
    fprintf(out, "instruction %" PRIu64 " of %" PRIu64 "%s\n", facts->now, facts->present,
            facts->replayed ? ", a replay"
            : facts->past   ? ": gdb is in the past"
                            : ", the present");
    if (facts->keeps)
        fprintf(out,
                "in memory: from instruction %" PRIu64 ", %" PRIu64 " checkpoints, %" PRIu64 " of %" PRIu64
                " KiB\n",
                facts->first, facts->checkpoints, facts->memory >> 10, facts->memory_max >> 10);
    if (facts->recorded || facts->replayed)
        fprintf(out, "%s %s%s%s\n", facts->recorded ? "recorded to" : "replayed from",
                facts->recorded ? facts->recorded : facts->replayed, ends ? "; it ends: " : "",
                ends ? facts->recording_end : "");
}

bool monitor_record(struct monitor_call *call)
{
    const char *state = monitor_text(call, "state", "");
    if (strcmp(state, "on") != 0 && strcmp(state, "off") != 0)
        return error_set(&call->error, "record %.100s: it is on or off", state);
    return timeline_set_keeps(machine_timeline(call->machine), state[1] == 'n', &call->error);
}

bool monitor_timeline_svg(struct monitor_call *call)
{
    return timeline_write_picture(machine_timeline(call->machine), monitor_text(call, "filename", ""),
                                  &call->error);
}

bool monitor_timeline(struct monitor_call *call)
{
    char *text = NULL;
    size_t size = 0;
    struct timeline_facts facts;
    const struct timeline *timeline = machine_timeline(call->machine);
    FILE *out = timeline ? open_memstream(&text, &size) : NULL;
    if (!timeline)
        return error_set(&call->error,
                         "nothing is recorded: start with -icount and -record FILE, or with -s");
    if (!out)
        return error_set(&call->error, "out of memory");
    timeline_facts(timeline, &facts);
    print_facts(out, &facts);
    fclose(out);
    call->result = json_object_new_string(text ? text : "");
    free(text);
    return true;
}
