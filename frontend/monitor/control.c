/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor that change something (the run state, the log, the current hart), and the lists of
 * commands.
 */
#include "frontend/monitor/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/hart_view.h"
#include "frontend/sandbox.h"
#include "machine/inspect.h"
#include "machine/timeline/timeline.h"
#include "util/log.h"

void monitor_print_lines(FILE *out, struct json_object *result)
{
    const char *text = json_object_get_string(result);
    size_t length = strlen(text);
    fprintf(out, "%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
}

/* ---- Lists --------------------------------------------------------------------------------------------- */

static void print_help(FILE *out, const struct monitor_command *command)
{
    char left[160];
    snprintf(left, sizeof(left), "%s%s%s %s", command->name, command->alias ? "|" : "",
             command->alias ? command->alias : "", command->parameters);
    fprintf(out, "%-48s %s\n", left, command->help);
}

bool monitor_help(struct monitor_call *call)
{
    const char *name = monitor_text(call, "name", "");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_set(&call->error, "out of memory");
    for (const struct monitor_command *command = monitor_commands; command->name; command++) {
        if (!(command->flags & MONITOR_PROGRAMS) && strncmp(command->name, name, strlen(name)) == 0)
            print_help(out, command);
    }
    if (!*name)
        fprintf(out, "An argument ends with its type: i a number or an expression like $pc+0x10, s a word, r "
                     "the rest of "
                     "the line,\nf letters behind a slash (x/4xg), b a flag (-a); ? may be left out.\n");
    fclose(out);
    bool known = text && *text;
    if (known)
        call->result = json_object_new_string(text);
    free(text);
    return known || error_set(&call->error, "there is no command %s", name);
}

bool monitor_list_commands(struct monitor_call *call)
{
    call->result = json_object_new_array();
    for (const struct monitor_command *command = monitor_commands; command->name; command++) {
        if (!command->qmp)
            continue;
        struct json_object *row = json_object_new_object();
        monitor_put_text(row, "name", command->qmp);
        json_object_array_add(call->result, row);
    }
    struct json_object *row = json_object_new_object();
    monitor_put_text(row, "name", "qmp_capabilities");
    json_object_array_add(call->result, row);
    return true;
}

/* Runs a line for a program. The answer is the text that a person would have seen. */
bool monitor_hmp(struct monitor_call *call)
{
    unsigned hart = (unsigned)monitor_number(call, "cpu-index", *call->hart);
    struct monitor_call inner = *call;
    char *text = NULL;
    size_t size = 0;
    const char *line = monitor_text(call, "command-line", "");
    if (hart >= machine_hart_count(call->machine))
        return error_set(&call->error, "there is no hart %u", hart);
    if (strstr(line, "human-monitor-command"))
        return error_set(&call->error, "human-monitor-command does not run itself");
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_set(&call->error, "out of memory");
    inner.hart = &hart;
    inner.may_not_wait = true;
    if (!monitor_run_line(&inner, line, out))
        monitor_print_unknown(line, out);
    fclose(out);
    call->result = json_object_new_string(text ? text : "");
    free(text);
    return true;
}

/* ---- Run state ----------------------------------------------------------------------------------------- */

bool monitor_stop(struct monitor_call *call)
{
    machine_pause(call->machine);
    return true;
}

bool monitor_cont(struct monitor_call *call)
{
    if (machine_held_by_gdb(call->machine))
        return error_set(&call->error, "gdb has stopped the guest: continue it, or detach, in gdb");
    return machine_resume(call->machine, &call->error);
}

bool monitor_gdbserver(struct monitor_call *call)
{
    const char *where = monitor_text(call, "device", "tcp::1234");
    char text[300];
    bool none = strcmp(where, "none") == 0, local = strncmp(where, "unix:", 5) == 0;
    if (strncmp(where, "stdio", 5) == 0)
        return error_set(&call->error, "gdbserver stdio: only -gdb can have the terminal");
    if (!none && !sandbox_may_listen(!local))
        return error_set(&call->error,
                         "gdbserver %.100s: without a network, the sandbox lets nothing listen that was not "
                         "on the command line: start with -gdb %.100s, or with -sandbox off",
                         where, where);
    errno = 0;
    if (!machine_serve_gdb(call->machine, none ? NULL : where, &call->error))
        return monitor_add_hint(call);
    snprintf(text, sizeof(text),
             none ? "Disabled gdbserver" : "Waiting for gdb connection on device '%.200s'", where);
    call->result = json_object_new_string(text);
    return true;
}

bool monitor_step(struct monitor_call *call)
{
    uint64_t count = monitor_number(call, "count", 1);
    unsigned number = (unsigned)monitor_number(call, "hart", *call->hart);
    uint32_t bits = 0;
    char text[192], insn[128] = "(not readable)";
    struct isa_operands operands;
    if (count > 1000000)
        return error_set(&call->error, "step %" PRIu64 ": at most 1000000 at once", count);
    for (; count; count--) {
        if (!machine_step(call->machine, number, &call->error))
            return false;
    }
    machine_hold(call->machine);
    struct hart *hart = machine_hart(call->machine, number);
    uint64_t pc = hart_view_pc(hart);
    if (hart_view_read(hart, pc, &bits, 4) >= 2) {
        isa_decode(hart_view_isa(hart), bits, &operands, NULL);
        isa_disassemble(&operands, pc, insn, sizeof(insn));
    }
    machine_release(call->machine);
    snprintf(text, sizeof(text), "hart %u: 0x%016" PRIx64 ":  %s", number, pc, insn);
    call->result = json_object_new_string(text);
    return true;
}

bool monitor_reset(struct monitor_call *call)
{
    const struct timeline *timeline = machine_timeline(call->machine);
    if (timeline_is_replay(timeline))
        return error_set(&call->error, "system_reset: %s", timeline_past_text(timeline));
    if (timeline_is_past(timeline) && !call->is_program)
        call->result = json_object_new_string("system_reset: gdb was in the past of the guest, which is "
                                              "forgotten now: the reset is in the present");
    machine_reset_from_off(call->machine);
    return true;
}

bool monitor_powerdown(struct monitor_call *call)
{
    call->powerdown(call->opaque);
    if (!machine_press_power_button(call->machine) && !call->is_program)
        call->result =
            json_object_new_string("system_powerdown: there is no power button that the guest listens to: it "
                                   "is a key of its keyboard "
                                   "(-device virtio-keyboard-pci); shut it down from inside, or quit");
    return true;
}

bool monitor_quit(struct monitor_call *call)
{
    machine_request_quit(call->machine, 0);
    return true;
}

bool monitor_screendump(struct monitor_call *call)
{
    errno = 0;
    if (machine_screendump(call->machine, monitor_text(call, "filename", ""),
                           monitor_text(call, "format", NULL), &call->error))
        return true;
    return monitor_add_hint(call);
}

/* Adds to the message of a failure whether the sandbox is the reason. */
static bool add_hint(struct monitor_call *call, const char *hint)
{
    size_t used = strlen(call->error.text);
    snprintf(call->error.text + used, sizeof(call->error.text) - used, "%s", hint);
    return false;
}

bool monitor_add_hint(struct monitor_call *call)
{
    return add_hint(call, sandbox_hint(errno));
}

bool monitor_add_image_hint(struct monitor_call *call)
{
    return add_hint(call, sandbox_image_hint(errno));
}

bool monitor_sandbox(struct monitor_call *call)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return error_set(&call->error, "out of memory");
    sandbox_print(out);
    fclose(out);
    call->result = json_object_new_string(text ? text : "");
    free(text);
    return true;
}

/* ---- Settings ------------------------------------------------------------------------------------------ */

bool monitor_cpu(struct monitor_call *call)
{
    /* The caller checks the number, as for every hart. */
    *call->hart = (unsigned)monitor_number(call, "hart", 0);
    return true;
}

bool monitor_log(struct monitor_call *call)
{
    const char *bad, *list = monitor_text(call, "categories", "");
    if (strcmp(list, "none") == 0) {
        atomic_store(&log_mask, 0);
        machine_trace_changed(call->machine);
        return true;
    }
    bool known = log_enable(list, &bad);
    machine_trace_changed(call->machine);
    return known || error_set(&call->error, "log: there is no category \"%.*s\"; rvive -d help lists them",
                              (int)strcspn(bad, ","), bad);
}
