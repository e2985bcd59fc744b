/* SPDX-License-Identifier: MIT
 *
 * Commands for machines that are saved inside qcow2 images (machine/state/snapshots.h): savevm, loadvm,
 * delvm, info snapshots for people, and jobs for programs, as in QEMU 10.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontend/monitor/internal.h"
#include "frontend/state/jobs.h"
#include "machine/state/in_memory.h"
#include "machine/state/snapshots.h"

static bool may_begin(struct monitor_call *call)
{
    return !call->holds || error_set(&call->error, "gdb holds the guest: give this in the monitor");
}

/* Without the quotes that QEMU's monitor needs around blanks. NULL: none was given. */
static const char *name_of(struct monitor_call *call, char name[QCOW2_SNAPSHOT_TEXT + 1])
{
    const char *text = monitor_text(call, "name", "");
    size_t length = strlen(text);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\r'))
        length--;
    bool quoted = length > 1 && text[0] == '"' && text[length - 1] == '"';
    length -= 2 * (size_t)quoted;
    length = length < QCOW2_SNAPSHOT_TEXT ? length : QCOW2_SNAPSHOT_TEXT; /* too long: is refused */
    memcpy(name, text + quoted, length);
    name[length] = 0;
    return monitor_given(call, "name") ? name : NULL;
}

bool monitor_savevm(struct monitor_call *call)
{
    char name[QCOW2_SNAPSHOT_TEXT + 1];
    return may_begin(call) &&
           machine_snapshot_save(call->machine, name_of(call, name), true, NULL, &call->error);
}

bool monitor_loadvm(struct monitor_call *call)
{
    char name[QCOW2_SNAPSHOT_TEXT + 1];
    return may_begin(call) &&
           machine_snapshot_load(call->machine, name_of(call, name), false, NULL, &call->error);
}

bool monitor_delvm(struct monitor_call *call)
{
    char name[QCOW2_SNAPSHOT_TEXT + 1];
    return may_begin(call) && machine_snapshot_delete(call->machine, name_of(call, name), NULL, &call->error);
}

/* ---- In memory ----------------------------------------------------------------------------------------- */

bool monitor_keep(struct monitor_call *call)
{
    return may_begin(call) && machine_keep(call->machine, monitor_text(call, "name", ""), &call->error);
}

bool monitor_restore(struct monitor_call *call)
{
    uint64_t pages;
    if (!may_begin(call) ||
        !machine_restore(call->machine, monitor_text(call, "name", ""), &pages, &call->error))
        return false;
    call->result = json_object_new_object();
    monitor_put_number(call->result, "pages", pages);
    return true;
}

bool monitor_forget(struct monitor_call *call)
{
    return machine_forget(call->machine, monitor_text(call, "name", ""), &call->error);
}

bool monitor_kept(struct monitor_call *call)
{
    const char *name;
    uint64_t bytes;
    call->result = json_object_new_array();
    for (unsigned n = 0; machine_kept(call->machine, n, &name, &bytes); n++) {
        struct json_object *row = json_object_new_object();
        monitor_put_text(row, "name", name);
        monitor_put_number(row, "bytes", bytes);
        json_object_array_add(call->result, row);
    }
    return true;
}

/* ---- info snapshots ------------------------------------------------------------------------------------ */

static struct json_object *row_of(const struct qcow2_snapshot *s)
{
    struct json_object *row = json_object_new_object();
    monitor_put_text(row, "id", s->id);
    monitor_put_text(row, "name", s->name);
    monitor_put_number(row, "vm-state-size", s->state_bytes);
    monitor_put_number(row, "date-sec", s->date_s);
    monitor_put_number(row, "date-nsec", s->date_ns);
    monitor_put_number(row, "vm-clock-sec", s->clock_ns / 1000000000);
    monitor_put_number(row, "vm-clock-nsec", s->clock_ns % 1000000000);
    if (s->instructions != UINT64_MAX)
        monitor_put_number(row, "icount", s->instructions);
    return row;
}

/* An array of disks: their names and snapshots. */
bool monitor_snapshots(struct monitor_call *call)
{
    struct qcow2_snapshot *list;
    const char *disk;
    unsigned count;
    call->result = json_object_new_array();
    for (unsigned n = 0; machine_snapshot_list(call->machine, n, &disk, &list, &count, &call->error) && disk;
         n++) {
        struct json_object *row = json_object_new_object(), *rows = json_object_new_array();
        monitor_put_text(row, "device", disk);
        for (unsigned i = 0; i < count; i++)
            json_object_array_add(rows, row_of(&list[i]));
        json_object_object_add(row, "snapshots", rows);
        json_object_array_add(call->result, row);
        free(list);
    }
    if (disk)
        return false;
    return json_object_array_length(call->result) ||
           error_set(&call->error, "no block device can store vmstate for snapshot");
}

static struct json_object *snapshots_of(struct json_object *disks, size_t n)
{
    return json_object_object_get(json_object_array_get_idx(disks, n), "snapshots");
}

static uint64_t number_of(struct json_object *row, const char *name)
{
    return json_object_get_uint64(json_object_object_get(row, name));
}

static bool has(struct json_object *rows, const char *name)
{
    for (size_t n = 0; n < json_object_array_length(rows); n++)
        if (strcmp(json_object_get_string(json_object_object_get(json_object_array_get_idx(rows, n), "name")),
                   name) == 0)
            return true;
    return false;
}

static bool on_all(struct json_object *disks, const char *name)
{
    bool all = true;
    for (size_t n = 0; all && n < json_object_array_length(disks); n++)
        all = has(snapshots_of(disks, n), name);
    return all;
}

static void print_head(FILE *out)
{
    fprintf(out, "%-7s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM_SIZE", "DATE", "VM_CLOCK", "ICOUNT");
}

static void print_one(FILE *out, struct json_object *row, const char *id)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    char size[32], date[32] = "";
    double bytes = (double)number_of(row, "vm-state-size");
    unsigned unit = 0;
    time_t seconds = (time_t)number_of(row, "date-sec");
    struct tm local;
    for (; bytes >= 1000 && unit < 6; unit++)
        bytes /= 1024;
    snprintf(size, sizeof(size), "%.3g %s", bytes, units[unit]);
    if (localtime_r(&seconds, &local))
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &local);
    uint64_t clock = number_of(row, "vm-clock-sec"), ms = number_of(row, "vm-clock-nsec") / 1000000;
    fprintf(out, "%-7s ", id);
    /* A name may hold what a terminal would obey. */
    const char *name = json_object_get_string(json_object_object_get(row, "name"));
    size_t length = strlen(name);
    for (const char *at = name; *at; at++)
        fputc((unsigned char)*at < ' ' || *at == 127 ? '?' : *at, out);
    fprintf(out, "%*s %8s %19s  %04" PRIu64 ":%02u:%02u.%03u ", length < 16 ? (int)(16 - length) : 0, "",
            size, date, clock / 3600, (unsigned)(clock / 60 % 60), (unsigned)(clock % 60), (unsigned)ms);
    struct json_object *count = json_object_object_get(row, "icount");
    fprintf(out, "%10s\n", count ? json_object_get_string(count) : "--");
}

/* Those of one disk that are on all disks, or those that are not. Returns their number. */
static unsigned print_some(FILE *out, struct json_object *disks, size_t disk, bool complete, const char *head)
{
    struct json_object *rows = snapshots_of(disks, disk);
    unsigned count = 0;
    for (size_t n = 0; n < json_object_array_length(rows); n++) {
        struct json_object *row = json_object_array_get_idx(rows, n);
        if (on_all(disks, json_object_get_string(json_object_object_get(row, "name"))) != complete)
            continue;
        if (!count++) {
            fprintf(out, "%s", head);
            print_head(out);
        }
        print_one(out, row, complete ? "--" : json_object_get_string(json_object_object_get(row, "id")));
    }
    return count;
}

void monitor_print_snapshots(FILE *out, struct json_object *disks)
{
    char head[256];
    size_t total = 0;
    for (size_t n = 0; n < json_object_array_length(disks); n++)
        total += json_object_array_length(snapshots_of(disks, n));
    if (!total) {
        fprintf(out, "There is no snapshot available.\n");
        return;
    }
    if (!print_some(out, disks, 0, true, "List of snapshots present on all disks:\n"))
        fprintf(out, "List of snapshots present on all disks:\nNone\n");
    for (size_t n = 0; n < json_object_array_length(disks); n++) {
        struct json_object *disk = json_object_array_get_idx(disks, n);
        snprintf(head, sizeof(head), "\nList of partial (non-loadable) snapshots on '%s':\n",
                 json_object_get_string(json_object_object_get(disk, "device")));
        print_some(out, disks, n, false, head);
    }
}

/* ---- Jobs ---------------------------------------------------------------------------------------------- */

static bool copy(struct monitor_call *call, const char *what, const char *text, char *to, size_t room)
{
    if (strlen(text) >= room)
        return error_set(&call->error, "%s is longer than %zu bytes", what, room - 1);
    strcpy(to, text);
    return true;
}

static bool copy_devices(struct monitor_call *call, struct job_order *order)
{
    struct json_object *list = NULL;
    json_object_object_get_ex(call->arguments, "devices", &list);
    if (!json_object_is_type(list, json_type_array))
        return error_set(&call->error, "Invalid parameter type for 'devices', expected: array");
    size_t count = json_object_array_length(list);
    if (count > JOB_DEVICE_MAX)
        return error_set(&call->error, "more than %u devices", JOB_DEVICE_MAX);
    for (size_t n = 0; n < count; n++) {
        struct json_object *name = json_object_array_get_idx(list, n);
        if (!json_object_is_type(name, json_type_string))
            return error_set(&call->error, "Invalid parameter type for 'devices[%zu]', expected: string", n);
        if (!copy(call, "the name of a device", json_object_get_string(name), order->devices[n],
                  JOB_NAME_MAX))
            return false;
    }
    order->device_count = (unsigned)count;
    return true;
}

static bool start(struct monitor_call *call, enum job_kind kind)
{
    struct job_order *order = calloc(1, sizeof(*order));
    if (!order)
        return error_set(&call->error, "out of memory");
    order->kind = kind;
    bool ok =
        copy(call, "a job's id", monitor_text(call, "job-id", ""), order->id, JOB_ID_MAX) &&
        copy(call, "a tag", monitor_text(call, "tag", ""), order->tag, JOB_NAME_MAX) &&
        copy(call, "the name of a device", monitor_text(call, "vmstate", ""), order->state, JOB_NAME_MAX) &&
        copy_devices(call, order) && jobs_start(call->jobs, order, &call->error);
    free(order);
    return ok;
}

bool monitor_snapshot_save(struct monitor_call *call)
{
    return start(call, JOB_SNAPSHOT_SAVE);
}

bool monitor_snapshot_load(struct monitor_call *call)
{
    return start(call, JOB_SNAPSHOT_LOAD);
}

bool monitor_snapshot_delete(struct monitor_call *call)
{
    return start(call, JOB_SNAPSHOT_DELETE);
}

static void add_job(void *rows, const struct job_info *info)
{
    struct json_object *row = json_object_new_object();
    monitor_put_number(row, "current-progress", info->ended);
    monitor_put_text(row, "status", info->status);
    monitor_put_number(row, "total-progress", 1);
    monitor_put_text(row, "type", info->kind);
    monitor_put_text(row, "id", info->id);
    if (info->error)
        monitor_put_text(row, "error", info->error);
    json_object_array_add(rows, row);
}

bool monitor_query_jobs(struct monitor_call *call)
{
    call->result = json_object_new_array();
    jobs_list(call->jobs, add_job, call->result);
    return true;
}

bool monitor_job_dismiss(struct monitor_call *call)
{
    return jobs_dismiss(call->jobs, monitor_text(call, "id", ""), &call->error);
}

bool monitor_job_cancel(struct monitor_call *call)
{
    return jobs_cancel(call->jobs, monitor_text(call, "id", ""), &call->error);
}
