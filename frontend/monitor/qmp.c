/* SPDX-License-Identifier: MIT
 *
 * A monitor for programs: QEMU's machine protocol (QMP specification, "Protocol Specification"). The server
 * sends a greeting, the client answers with qmp_capabilities, then each request {"execute", "arguments",
 * "id"} gets one answer with the same id, in order; events come in between. Whatever a client sends is
 * answered or ignored.
 */
#include "frontend/monitor/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX   (1u << 20) /* bytes */
#define REQUEST_DEPTH 64

struct qmp {
    struct monitor *monitor;
    struct json_tokener *tokener;
    size_t pending;  /* bytes of the request that is being read */
    bool negotiated; /* qmp_capabilities has been sent */
    bool skipping;   /* skips the rest of a line that was no JSON */
    unsigned hart;
};

/* ---- Answers ------------------------------------------------------------------------------------------- */

/* A line is written at once, for a client that takes what it reads for whole lines. */
static void send_object(struct qmp *qmp, struct json_object *object)
{
    char *line = NULL;
    const char *text =
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
    int length = text ? asprintf(&line, "%s\r\n", text) : -1;
    if (length >= 0) {
        monitor_write(qmp->monitor, line, (size_t)length);
        free(line);
    }
    json_object_put(object);
}

static void send_greeting(struct qmp *qmp)
{
    struct monitor_call call;
    monitor_prepare_call(qmp->monitor, &call);
    monitor_version(&call);
    struct json_object *greeting = json_object_new_object(), *inner = json_object_new_object();
    json_object_object_add(inner, "version", call.result);
    json_object_object_add(inner, "capabilities", json_object_new_array());
    json_object_object_add(greeting, "QMP", inner);
    send_object(qmp, greeting);
}

/* Copies the request's id. The JSON reader accepts some texts that are no numbers, like "9." or NaN, and
 * would write them as they were: they become the number that was read, or null. The caller owns the copy. */
static struct json_object *copy_id(struct json_object *id)
{
    struct json_object *copy;
    switch (json_object_get_type(id)) {
    case json_type_double: {
        double value = json_object_get_double(id);
        return isfinite(value) ? json_object_new_double(value) : NULL;
    }
    case json_type_array:
        copy = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(id); i++)
            json_object_array_add(copy, copy_id(json_object_array_get_idx(id, i)));
        return copy;
    case json_type_object:
        copy = json_object_new_object();
        json_object_object_foreach(id, key, value) json_object_object_add(copy, key, copy_id(value));
        return copy;
    default: return json_object_get(id);
    }
}

/* `id` is borrowed; NULL: the request had none. */
static void send_error(struct qmp *qmp, struct json_object *id, const char *class, const char *text)
{
    struct json_object *answer = json_object_new_object(), *inner = json_object_new_object();
    monitor_put_text(inner, "class", class);
    monitor_put_text(inner, "desc", text);
    json_object_object_add(answer, "error", inner);
    if (id)
        json_object_object_add(answer, "id", copy_id(id));
    send_object(qmp, answer);
}

/* Takes over `result`; NULL stands for {}. */
static void send_return(struct qmp *qmp, struct json_object *id, struct json_object *result)
{
    struct json_object *answer = json_object_new_object();
    json_object_object_add(answer, "return", result ? result : json_object_new_object());
    if (id)
        json_object_object_add(answer, "id", copy_id(id));
    send_object(qmp, answer);
}

static struct json_object *disk_data(const struct monitor_event *event)
{
    struct json_object *data = json_object_new_object();
    monitor_put_text(data, "device", event->drive);
    monitor_put_text(data, "node-name", event->drive);
    monitor_put_text(data, "operation", event->disk.write ? "write" : "read");
    monitor_put_text(data, "action", event->disk.action);
    monitor_put_bool(data, "nospace", event->disk.no_space);
    monitor_put_text(data, "reason", event->disk.reason);
    return data;
}

static struct json_object *device_data(const struct monitor_event *event)
{
    struct json_object *data = json_object_new_object();
    char path[96];
    if (event->drive[0])
        monitor_put_text(data, "device", event->drive);
    snprintf(path, sizeof(path), "/machine/%s%s", event->drive[0] ? "peripheral/" : "peripheral-anon",
             event->drive);
    monitor_put_text(data, "path", path);
    return data;
}

static struct json_object *tray_data(const struct monitor_event *event)
{
    struct json_object *data = json_object_new_object();
    monitor_put_text(data, "device", event->tray_drive);
    monitor_put_text(data, "id", event->drive);
    monitor_put_bool(data, "tray-open", event->tray_open);
    return data;
}

static void send_event(struct qmp *qmp, const struct monitor_event *event)
{
    struct json_object *object = json_object_new_object(), *time = json_object_new_object();
    monitor_put_number(time, "seconds", (uint64_t)event->time.tv_sec);
    monitor_put_number(time, "microseconds", (uint64_t)event->time.tv_nsec / 1000);
    json_object_object_add(object, "timestamp", time);
    monitor_put_text(object, "event", event->name);
    if (event->by >= 0) {
        struct json_object *data = json_object_new_object();
        monitor_put_bool(data, "guest", event->by);
        monitor_put_text(data, "reason", event->reason);
        json_object_object_add(object, "data", data);
    }
    if (event->action) {
        struct json_object *data = json_object_new_object();
        monitor_put_text(data, "action", event->action);
        json_object_object_add(object, "data", data);
    }
    if (event->status || event->pass) {
        struct json_object *data = json_object_new_object();
        if (event->status)
            monitor_put_text(data, "status", event->status);
        else
            monitor_put_number(data, "pass", event->pass);
        if (*event->job)
            monitor_put_text(data, "id", event->job);
        json_object_object_add(object, "data", data);
    }
    if (event->on_balloon) {
        struct json_object *data = json_object_new_object();
        monitor_put_number(data, "actual", event->actual);
        json_object_object_add(object, "data", data);
    }
    if (event->on_device)
        json_object_object_add(object, "data", device_data(event));
    if (event->on_tray)
        json_object_object_add(object, "data", tray_data(event));
    if (event->on_dump)
        json_object_object_add(object, "data", monitor_dump_data(event->actual, event->why));
    if (event->on_disk)
        json_object_object_add(object, "data", disk_data(event));
    send_object(qmp, object);
}

static void send_events(struct qmp *qmp)
{
    struct monitor_event event;
    while (monitor_take_event(qmp->monitor, &event)) {
        if (qmp->negotiated)
            send_event(qmp, &event);
    }
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

static void execute(struct qmp *qmp, struct json_object *id, const char *name, struct json_object *arguments)
{
    struct monitor_call call;
    bool ok = false;
    char text[256];
    monitor_prepare_call(qmp->monitor, &call);
    call.hart = &qmp->hart;
    call.is_program = true;
    call.arguments = arguments ? json_object_get(arguments) : json_object_new_object();
    bool found = monitor_run_qmp(&call, name, &ok);
    /* What the command caused comes before its answer, as on QEMU: libvirt takes a migration that was begun,
     * but has told nothing yet, for one that has failed. */
    send_events(qmp);
    if (!found) {
        snprintf(text, sizeof(text), "The command %.200s has not been found", name);
        send_error(qmp, id, "CommandNotFound", text);
    } else if (!ok) {
        send_error(qmp, id, call.error_class ? call.error_class : "GenericError", call.error.text);
    } else {
        send_return(qmp, id, json_object_get(call.result));
    }
    json_object_put(call.result);
    json_object_put(call.arguments);
}

/* Checks the members of a request: only the four known ones are allowed, with the right types. NULL: the
 * request is right. */
static const char *request_fault(struct json_object *request, struct json_object **name,
                                 struct json_object **arguments)
{
    if (!json_object_is_type(request, json_type_object))
        return "QMP input must be a JSON object";
    json_object_object_foreach(request, member, value)
    {
        (void)value;
        if (strcmp(member, "execute") != 0 && strcmp(member, "exec-oob") != 0 &&
            strcmp(member, "arguments") != 0 && strcmp(member, "id") != 0)
            return "QMP input has a member that is none of 'execute', 'arguments', 'id'";
    }
    if (json_object_object_get_ex(request, "exec-oob", NULL))
        return "QMP input member 'exec-oob' needs the capability oob, which this server has not";
    if (!json_object_object_get_ex(request, "execute", name))
        return "QMP input lacks member 'execute'";
    if (!json_object_is_type(*name, json_type_string))
        return "QMP input member 'execute' must be a string";
    if (json_object_object_get_ex(request, "arguments", arguments) &&
        !json_object_is_type(*arguments, json_type_object))
        return "QMP input member 'arguments' must be an object";
    return NULL;
}

static void handle_request(struct qmp *qmp, struct json_object *request)
{
    struct json_object *name = NULL, *arguments = NULL, *id = NULL;
    if (json_object_is_type(request, json_type_object))
        json_object_object_get_ex(request, "id", &id);
    const char *fault = request_fault(request, &name, &arguments);
    if (fault) {
        send_error(qmp, id, "GenericError", fault);
        return;
    }
    const char *command = json_object_get_string(name);
    bool capabilities = strcmp(command, "qmp_capabilities") == 0;
    if (capabilities && qmp->negotiated) {
        send_error(qmp, id, "CommandNotFound",
                   "Capabilities negotiation is already complete, command ignored");
    } else if (capabilities) {
        qmp->negotiated = true;
        send_return(qmp, id, NULL);
    } else if (!qmp->negotiated) {
        send_error(qmp, id, "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
    } else {
        execute(qmp, id, command, arguments);
    }
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static void start_over(struct qmp *qmp)
{
    json_tokener_reset(qmp->tokener);
    qmp->pending = 0;
}

static void send_parse_error(struct qmp *qmp, const char *what)
{
    char text[160];
    snprintf(text, sizeof(text), "JSON parse error, %s", what);
    send_error(qmp, NULL, "GenericError", text);
    start_over(qmp);
    qmp->skipping = true;
}

static bool blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Takes bytes up to the end of a request or of the chunk. Returns how many it took. */
static size_t take_bytes(struct qmp *qmp, const char *bytes, size_t length)
{
    if (qmp->skipping) {
        const char *end = memchr(bytes, '\n', length);
        qmp->skipping = !end;
        return end ? (size_t)(end - bytes) + 1 : length;
    }
    if (!qmp->pending && blank(bytes[0]))
        return 1;
    struct json_object *request = json_tokener_parse_ex(qmp->tokener, bytes, (int)length);
    enum json_tokener_error status = json_tokener_get_error(qmp->tokener);
    if (status == json_tokener_continue) {
        qmp->pending += length;
        if (qmp->pending > REQUEST_MAX)
            send_parse_error(qmp, "the request is longer than 1 MiB");
        return length;
    }
    size_t used = json_tokener_get_parse_end(qmp->tokener);
    if (status != json_tokener_success) {
        send_parse_error(qmp, json_tokener_error_desc(status));
        return used < length ? used : length;
    }
    start_over(qmp);
    handle_request(qmp, request);
    json_object_put(request);
    return used ? used : 1;
}

static void restart(struct qmp *qmp)
{
    start_over(qmp);
    qmp->negotiated = qmp->skipping = false;
    qmp->hart = 0;
    send_greeting(qmp);
}

void *monitor_qmp_thread(void *opaque)
{
    struct qmp qmp = { .monitor = opaque, .tokener = json_tokener_new_ex(REQUEST_DEPTH) };
    char bytes[4096];
    unsigned openings = 0;
    if (!qmp.tokener)
        return NULL;
    json_tokener_set_flags(qmp.tokener, JSON_TOKENER_VALIDATE_UTF8);
    for (;;) {
        struct monitor_news news = monitor_wait(qmp.monitor, bytes, sizeof(bytes), openings);
        if (news.openings != openings)
            restart(&qmp);
        openings = news.openings;
        for (size_t done = 0; done < news.bytes;)
            done += take_bytes(&qmp, bytes + done, news.bytes - done);
        send_events(&qmp);
        if (news.stopping)
            break;
    }
    json_tokener_free(qmp.tokener);
    return NULL;
}
