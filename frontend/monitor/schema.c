/* SPDX-License-Identifier: MIT
 *
 * query-qmp-schema: the commands and events for programs, from the table by which commands are parsed. As in
 * QEMU, a type has a number as its name if only its structure matters.
 */
#include <stdio.h>
#include <string.h>

#include "frontend/monitor/internal.h"

static struct json_object *add_entity(struct json_object *rows, const char *name, const char *meta)
{
    struct json_object *row = json_object_new_object();
    monitor_put_text(row, "name", name);
    monitor_put_text(row, "meta-type", meta);
    json_object_array_add(rows, row);
    return row;
}

static void add_builtins(struct json_object *rows)
{
    static const struct {
        const char *name, *json;
    } builtins[] = { { "str", "string" }, { "int", "int" }, { "bool", "boolean" }, { "any", "value" } };
    for (size_t n = 0; n < sizeof(builtins) / sizeof(builtins[0]); n++)
        monitor_put_text(add_entity(rows, builtins[n].name, "builtin"), "json-type", builtins[n].json);
    json_object_object_add(add_entity(rows, "0", "object"), "members", json_object_new_array());
}

static const char *type_of(char type)
{
    switch (type) {
    case 'i': return "int";
    case 'b': return "bool";
    case 'a': return "any";
    default: return "str";
    }
}

/* Adds the object type of a command's arguments, and writes its name into `name`. */
static void add_arguments(struct json_object *rows, const struct monitor_command *command, char *name)
{
    struct monitor_parameter parameter;
    struct json_object *members = json_object_new_array();
    for (const char *text = command->parameters; monitor_next_parameter(&text, &parameter);) {
        struct json_object *member = json_object_new_object();
        monitor_put_text(member, "name", parameter.name);
        monitor_put_text(member, "type", type_of(parameter.type));
        if (parameter.optional)
            json_object_object_add(member, "default", NULL);
        json_object_array_add(members, member);
    }
    json_object_object_add(add_entity(rows, name, "object"), "members", members);
}

bool monitor_schema(struct monitor_call *call)
{
    unsigned count = 0;
    call->result = json_object_new_array();
    add_builtins(call->result);
    for (const struct monitor_command *command = monitor_commands; command->name; command++) {
        char name[16] = "0";
        if (!command->qmp)
            continue;
        if (*command->parameters) {
            snprintf(name, sizeof(name), "%u", ++count);
            add_arguments(call->result, command, name);
        }
        struct json_object *row = add_entity(call->result, command->qmp, "command");
        monitor_put_text(row, "arg-type", name);
        monitor_put_text(row, "ret-type", "any");
    }
    for (const char *const *event = monitor_event_names; *event; event++)
        monitor_put_text(add_entity(call->result, *event, "event"), "arg-type", "0");
    return true;
}
