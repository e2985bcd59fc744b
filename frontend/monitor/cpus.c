/* SPDX-License-Identifier: MIT
 *
 * Commands for programs about processors: the models of -cpu, what each of them has, counters, and hot plug
 * and interrupts that the boards do not have. Names, forms and messages are those of QEMU.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/isa/isa.h"
#include "frontend/monitor/internal.h"

/* ---- Models -------------------------------------------------------------------------------------------- */

/* A model is static if it is to stay as it is; the others get what new versions add. */
bool monitor_cpu_definitions(struct monitor_call *call)
{
    const struct isa_model *model;
    call->result = json_object_new_array();
    for (unsigned n = 0; (model = isa_model_row(n)); n++) {
        char type[64];
        struct json_object *row = monitor_add_row(call->result);
        snprintf(type, sizeof(type), "%.40s-riscv-cpu", model->name);
        monitor_put_text(row, "name", model->name);
        monitor_put_text(row, "typename", type);
        monitor_put_bool(row, "static", !model->defaults);
        monitor_put_bool(row, "deprecated", false);
    }
    return true;
}

static bool is_model(const char *name)
{
    const struct isa_model *model;
    for (unsigned n = 0; (model = isa_model_row(n)); n++)
        if (strcmp(model->name, name) == 0)
            return true;
    return false;
}

/* Writes ",NAME=VALUE" for each property. False: a value is neither a switch nor a number nor text. */
static bool write_properties(FILE *out, struct json_object *properties, struct error *error)
{
    json_object_object_foreach(properties, name, value)
    {
        bool is_switch = json_object_is_type(value, json_type_boolean);
        bool is_plain =
            json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_string);
        const char *text = json_object_get_string(value);
        if (!is_switch && !is_plain)
            return error_set(error, "Invalid parameter type for 'model.props.%.60s'", name);
        fprintf(out, ",%s=%s", name, !is_switch ? text : json_object_get_boolean(value) ? "on" : "off");
    }
    return true;
}

/* Finds what -cpu NAME,PROPERTIES has. */
static bool read_model(struct json_object *model, struct isa_config *config, struct error *error)
{
    char *cpu = NULL;
    size_t size = 0;
    struct json_object *properties = monitor_get(model, "props");
    const char *name = monitor_get_text(model, "name");
    if (!is_model(name))
        return error_set(error, "The CPU type '%.60s' is not a known RISC-V CPU type", name);
    if (properties && !json_object_is_type(properties, json_type_object))
        return error_set(error, "Invalid parameter type for 'model.props', expected: object");
    FILE *out = open_memstream(&cpu, &size);
    if (!out)
        return error_set(error, "out of memory");
    fputs(name, out);
    bool ok = !properties || write_properties(out, properties, error);
    ok = fclose(out) == 0 && ok && isa_config_parse(config, cpu, error);
    free(cpu);
    return ok;
}

/* As on QEMU without the extensions of one letter. */
static struct json_object *properties_of(const struct isa_config *config)
{
    struct json_object *properties = json_object_new_object();
    for (unsigned n = 0; n < ISA_EXTENSION_COUNT; n++) {
        const char *name = isa_extension_name(n);
        if (name[0] && name[1])
            monitor_put_bool(properties, name, isa_has(config, n));
    }
    monitor_put_bool(properties, "mmu", config->satp_max != 0);
    monitor_put_bool(properties, "pmp", config->pmp);
    return properties;
}

bool monitor_cpu_expansion(struct monitor_call *call)
{
    const char *type = monitor_text(call, "type", "");
    struct json_object *model = monitor_get(call->arguments, "model");
    struct isa_config config;
    if (strcmp(type, "full") != 0 && strcmp(type, "static") != 0)
        return error_set(&call->error, "Parameter 'type' does not accept value '%.40s'", type);
    if (!json_object_is_type(model, json_type_object))
        return error_set(&call->error, "Invalid parameter type for 'model', expected: object");
    if (strcmp(type, "static") == 0)
        return error_set(&call->error, "The requested expansion type is not supported");
    if (!read_model(model, &config, &call->error))
        return false;
    struct json_object *expanded = json_object_new_object();
    monitor_put_text(expanded, "name", monitor_get_text(model, "name"));
    json_object_object_add(expanded, "props", properties_of(&config));
    call->result = json_object_new_object();
    json_object_object_add(call->result, "model", expanded);
    return true;
}

/* ---- What the boards do not have ----------------------------------------------------------------------- */

bool monitor_hotpluggable_cpus(struct monitor_call *call)
{
    return error_set(&call->error, "machine does not support hot-plugging CPUs");
}

bool monitor_nmi(struct monitor_call *call)
{
    return error_set(&call->error, "machine does not provide NMIs");
}

/* The counters of QEMU's that exist are those of KVM and of cards that are not here. */
bool monitor_stats(struct monitor_call *call)
{
    const char *target = monitor_text(call, "target", "");
    if (strcmp(target, "vm") != 0 && strcmp(target, "vcpu") != 0 && strcmp(target, "cryptodev") != 0)
        return error_set(&call->error, "Parameter 'target' does not accept value '%.40s'", target);
    return monitor_no_rows(call);
}

bool monitor_current_machine(struct monitor_call *call)
{
    call->result = json_object_new_object();
    monitor_put_bool(call->result, "wakeup-suspend-support", false);
    return true;
}
