/* SPDX-License-Identifier: MIT
 *
 * Commands that save the guest and load it (frontend/state/migration.h), in QEMU's words.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/monitor/internal.h"
#include "frontend/state/migration.h"
#include "machine/inspect.h"
#include "machine/timeline/timeline.h"

#define PAGE_BYTES 4096u

/* People may put the name into quotes, since QEMU's monitor needs them around blanks. */
static char *copy_uri(const struct monitor_call *call)
{
    const char *text = monitor_text(call, "uri", "");
    size_t length = strlen(text);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\r'))
        length--;
    bool quoted = length > 1 && text[0] == '"' && text[length - 1] == '"';
    return strndup(text + quoted, length - 2 * (size_t)quoted);
}

/* Names the descriptor itself where getfd has named it: fd:NAME becomes fd:N, and *fd N, which the caller
 * closes. False, with call->error filled. */
static bool find_descriptor(struct monitor_call *call, char **uri, int *fd)
{
    char text[24];
    if (!*uri)
        return error_set(&call->error, "out of memory");
    if (strncmp(*uri, "fd:", 3) != 0 || ((*uri)[3] >= '0' && (*uri)[3] <= '9'))
        return true; /* a number is that of a descriptor which the program was started with */
    *fd = monitor_take_fd(call, *uri + 3);
    if (*fd < 0)
        return false;
    free(*uri);
    snprintf(text, sizeof(text), "fd:%d", *fd);
    *uri = strdup(text);
    return *uri || error_set(&call->error, "out of memory");
}

/* QEMU's continuation of a broken postcopy. */
static bool may_not_resume(struct monitor_call *call)
{
    struct json_object *resume = NULL;
    json_object_object_get_ex(call->arguments, "resume", &resume);
    return !json_object_get_boolean(resume) ||
           error_set(&call->error, "Cannot resume if there is no paused migration");
}

bool monitor_migrate(struct monitor_call *call)
{
    struct json_object *detach = NULL;
    const struct timeline *timeline = machine_timeline(call->machine);
    if (timeline_is_past(timeline))
        return error_set(&call->error, "migrate: %s", timeline_past_text(timeline));
    json_object_object_get_ex(call->arguments, "detach", &detach);
    char *uri = copy_uri(call);
    int fd = -1;
    bool wait = !call->may_not_wait && !call->is_program && !json_object_get_boolean(detach);
    bool ok = may_not_resume(call) && find_descriptor(call, &uri, &fd) &&
              migration_start(call->migration, uri, wait, &call->error);
    if (fd >= 0)
        close(fd);
    if (ok && call->may_not_wait && !json_object_get_boolean(detach))
        call->result =
            json_object_new_string("terminal does not allow synchronous migration, continuing detached");
    free(uri);
    return ok;
}

bool monitor_migrate_cancel(struct monitor_call *call)
{
    migration_cancel(call->migration);
    return true;
}

bool monitor_migrate_incoming(struct monitor_call *call)
{
    char *uri = copy_uri(call);
    int fd = -1;
    bool ok =
        find_descriptor(call, &uri, &fd) && migration_start_incoming(call->migration, uri, &call->error);
    if (fd >= 0)
        close(fd);
    free(uri);
    return ok;
}

/* ---- How far it is ------------------------------------------------------------------------------------- */

/* All members that programs may rely on; those about several connections and postcopy are 0. */
static struct json_object *ram_of(const struct migration_info *info)
{
    static const char *const nothing[] = { "postcopy-requests", "multifd-bytes",
                                           "pages-per-second",  "downtime-bytes",
                                           "postcopy-bytes",    "dirty-sync-missed-zero-copy",
                                           "dirty-pages-rate" };
    struct json_object *ram = json_object_new_object();
    uint64_t ms = info->total_ms ? info->total_ms : 1;
    monitor_put_number(ram, "total", info->memory);
    monitor_put_number(ram, "remaining", info->remaining);
    monitor_put_number(ram, "transferred", info->transferred);
    monitor_put_number(ram, "duplicate", info->zeroes);
    monitor_put_number(ram, "normal", info->pages);
    monitor_put_number(ram, "normal-bytes", info->pages * PAGE_BYTES);
    monitor_put_number(ram, "page-size", PAGE_BYTES);
    monitor_put_number(ram, "dirty-sync-count", info->rounds);
    monitor_put_number(ram, "precopy-bytes", info->transferred);
    json_object_object_add(ram, "mbps",
                           json_object_new_double((double)info->transferred * 8 / 1000 / (double)ms));
    for (size_t n = 0; n < sizeof(nothing) / sizeof(nothing[0]); n++)
        monitor_put_number(ram, nothing[n], 0);
    return ram;
}

bool monitor_query_migrate(struct monitor_call *call)
{
    struct migration_info info = migration_get_info(call->migration);
    call->result = json_object_new_object();
    if (info.status == MIGRATION_NONE)
        return true;
    monitor_put_text(call->result, "status", migration_status_name(info.status));
    if (info.status == MIGRATION_FAILED)
        monitor_put_text(call->result, "error-desc", info.error.text);
    if (info.incoming || info.status == MIGRATION_FAILED || info.status == MIGRATION_CANCELLED)
        return true;
    monitor_put_number(call->result, "setup-time", info.setup_ms);
    monitor_put_number(call->result, info.status == MIGRATION_COMPLETED ? "downtime" : "expected-downtime",
                       info.downtime_ms);
    monitor_put_number(call->result, "total-time", info.total_ms);
    json_object_object_add(call->result, "ram", ram_of(&info));
    return true;
}

void monitor_print_migrate(FILE *out, struct json_object *result)
{
    static const struct {
        const char *name, *text, *unit;
        unsigned divisor;
    } rows[] = { { "transferred", "transferred ram", " kbytes", 1024 },
                 { "remaining", "remaining ram", " kbytes", 1024 },
                 { "total", "total ram", " kbytes", 1024 },
                 { "duplicate", "duplicate", " pages", 1 },
                 { "normal", "normal", " pages", 1 },
                 { "normal-bytes", "normal bytes", " kbytes", 1024 } };
    struct json_object *status = NULL, *ram = NULL, *why = NULL;
    if (!json_object_object_get_ex(result, "status", &status)) {
        fprintf(out, "Migration status: none\n");
        return;
    }
    fprintf(out, "Migration status: %s", json_object_get_string(status));
    if (json_object_object_get_ex(result, "error-desc", &why))
        fprintf(out, " (%s)", json_object_get_string(why));
    fputc('\n', out);
    if (!json_object_object_get_ex(result, "ram", &ram))
        return;
    bool done = json_object_object_get_ex(result, "downtime", NULL);
    fprintf(out, "total time: %" PRIu64 " ms\n", monitor_get_number(result, "total-time"));
    fprintf(out, "%s: %" PRIu64 " ms\n", done ? "downtime" : "expected downtime",
            monitor_get_number(result, done ? "downtime" : "expected-downtime"));
    fprintf(out, "setup: %" PRIu64 " ms\n", monitor_get_number(result, "setup-time"));
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
        fprintf(out, "%s: %" PRIu64 "%s\n", rows[n].text,
                monitor_get_number(ram, rows[n].name) / rows[n].divisor, rows[n].unit);
}

/* ---- Capabilities -------------------------------------------------------------------------------------- */

static void put_capability(struct json_object *list, const char *name, bool on)
{
    struct json_object *row = json_object_new_object();
    monitor_put_bool(row, "state", on);
    monitor_put_text(row, "capability", name);
    json_object_array_add(list, row);
}

bool monitor_migrate_capabilities(struct monitor_call *call)
{
    call->result = json_object_new_array();
    put_capability(call->result, "events", atomic_load(call->migration_events));
    put_capability(call->result, "x-ignore-shared", migration_ignores_shared(call->migration));
    return true;
}

void monitor_print_capabilities(FILE *out, struct json_object *result)
{
    for (size_t n = 0; n < json_object_array_length(result); n++) {
        struct json_object *row = json_object_array_get_idx(result, n), *state = NULL, *name = NULL;
        json_object_object_get_ex(row, "state", &state);
        json_object_object_get_ex(row, "capability", &name);
        fprintf(out, "%s: %s\n", json_object_get_string(name), json_object_get_boolean(state) ? "on" : "off");
    }
}

/* Only these two can be switched on. Switching another one off has no effect. `check`: nothing is switched.
 */
static bool set_capability(struct monitor_call *call, const char *name, bool on, bool check)
{
    bool events = strcmp(name, "events") == 0, shared = strcmp(name, "x-ignore-shared") == 0;
    if (on && !events && !shared)
        return error_set(&call->error,
                         "migration has no capability %.60s: the guest stands still while it is copied",
                         name);
    if (events && !check)
        atomic_store(call->migration_events, on);
    if (shared && !check)
        migration_ignore_shared(call->migration, on);
    return true;
}

bool monitor_set_capabilities(struct monitor_call *call)
{
    struct json_object *list = NULL, *name, *state;
    json_object_object_get_ex(call->arguments, "capabilities", &list);
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (int check = 1; check >= 0; check--) { /* all are checked before the first has an effect */
        for (size_t n = 0; n < count; n++) {
            struct json_object *row = json_object_array_get_idx(list, n);
            if (!json_object_is_type(row, json_type_object) ||
                !json_object_object_get_ex(row, "state", &state) ||
                !json_object_object_get_ex(row, "capability", &name) ||
                !json_object_is_type(name, json_type_string))
                return error_set(&call->error, "a capability has a name and a state");
            if (!set_capability(call, json_object_get_string(name), json_object_get_boolean(state), check))
                return false;
        }
    }
    return true;
}

/* QEMU's monitor for people. */
bool monitor_set_one_capability(struct monitor_call *call)
{
    const char *state = monitor_text(call, "state", "");
    bool on = strcmp(state, "on") == 0;
    if (!on && strcmp(state, "off") != 0)
        return error_set(&call->error, "a capability is on or off, not %.60s", state);
    return set_capability(call, monitor_text(call, "capability", ""), on, false);
}

/* ---- Parameters ---------------------------------------------------------------------------------------- */

#define DOWNTIME_MAX_MS 2000000 /* as on QEMU */

/* A bandwidth of 0 is not limited, as on QEMU. */
bool monitor_migrate_parameters(struct monitor_call *call)
{
    struct migration_limits limits = migration_get_limits(call->migration);
    call->result = json_object_new_object();
    monitor_put_number(call->result, "max-bandwidth", limits.bandwidth);
    monitor_put_number(call->result, "downtime-limit", limits.downtime_ms);
    return true;
}

void monitor_print_parameters(FILE *out, struct json_object *result)
{
    fprintf(out, "max-bandwidth: %" PRIu64 " bytes/second\n", monitor_get_number(result, "max-bandwidth"));
    fprintf(out, "downtime-limit: %" PRIu64 " ms\n", monitor_get_number(result, "downtime-limit"));
}

static bool set_limits(struct monitor_call *call, struct migration_limits limits)
{
    if (limits.downtime_ms > DOWNTIME_MAX_MS)
        return error_set(&call->error, "downtime-limit is a number of milliseconds up to %u",
                         DOWNTIME_MAX_MS);
    migration_set_limits(call->migration, limits);
    return true;
}

bool monitor_set_parameters(struct monitor_call *call)
{
    struct migration_limits limits = migration_get_limits(call->migration);
    limits.bandwidth = monitor_number(call, "max-bandwidth", limits.bandwidth);
    limits.downtime_ms = monitor_number(call, "downtime-limit", limits.downtime_ms);
    return set_limits(call, limits);
}

/* One parameter, as a person types it. */
bool monitor_set_parameter_line(struct monitor_call *call)
{
    struct migration_limits limits = migration_get_limits(call->migration);
    const char *name = monitor_text(call, "parameter", "");
    if (strcmp(name, "downtime-limit") == 0)
        limits.downtime_ms = monitor_number(call, "value", 0);
    else if (strcmp(name, "max-bandwidth") == 0)
        limits.bandwidth = monitor_number(call, "value", 0);
    else
        return error_set(&call->error,
                         "%.60s: the parameters are downtime-limit (milliseconds) and max-bandwidth "
                         "(bytes a second)",
                         name);
    return set_limits(call, limits);
}
