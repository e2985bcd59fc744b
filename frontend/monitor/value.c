/* SPDX-License-Identifier: MIT
 *
 * Values in the monitor: expressions that people type, arguments, members of results, and how a result is
 * printed.
 */
#include "frontend/monitor/internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/hart_view.h"
#include "machine/inspect.h"

/* ---- Expressions --------------------------------------------------------------------------------------- */

static bool csr_by_name(struct hart *hart, const char *name, uint64_t *value)
{
    char buffer[16];
    for (unsigned number = 0; number < 4096; number++) {
        const char *known = hart_view_csr_name(number, buffer);
        if (known && strcmp(known, name) == 0)
            return hart_view_csr(hart, number, value);
    }
    return false;
}

static bool register_by_name(struct hart *hart, const char *name, uint64_t *value)
{
    char *end;
    if (strcmp(name, "pc") == 0) {
        *value = hart_view_pc(hart);
        return true;
    }
    for (unsigned i = 0; i < 32; i++) {
        if (strcmp(name, isa_x_names[i]) == 0 || (i == 8 && strcmp(name, "fp") == 0)) {
            *value = hart_view_x(hart, i);
            return true;
        }
        if (strcmp(name, isa_f_names[i]) == 0) {
            *value = hart_view_f(hart, i);
            return true;
        }
    }
    if (name[0] == 'x' && isdigit((unsigned char)name[1])) {
        unsigned long number = strtoul(name + 1, &end, 10);
        if (!*end && number < 32) {
            *value = hart_view_x(hart, (unsigned)number);
            return true;
        }
    }
    return csr_by_name(hart, name, value);
}

/* Takes one number or $register at *text, and moves *text behind it. */
static bool operand(struct hart *hart, const char **text, uint64_t *value, struct error *error)
{
    char name[24], *end;
    if (**text != '$') {
        errno = 0;
        *value = strtoull(*text, &end, 0);
        if (end == *text || !isdigit((unsigned char)**text) || errno)
            return error_set(error, "\"%s\" is not a number, $register or $csr", *text);
        *text = end;
        return true;
    }
    size_t length = 0;
    const char *from = *text + 1;
    while (isalnum((unsigned char)from[length]) || from[length] == '_')
        length++;
    snprintf(name, sizeof(name), "%.*s", length < sizeof(name) ? (int)length : 0, from);
    if (!register_by_name(hart, name, value))
        return error_set(error, "$%.*s: the hart has no such register", (int)(length < 40 ? length : 40),
                         from);
    *text = from + length;
    return true;
}

static const char *skip_blanks(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

bool monitor_evaluate(struct machine *machine, unsigned number, const char *text, uint64_t *value,
                      struct error *error)
{
    struct hart *hart = machine_hart(machine, number);
    uint64_t right;
    text = skip_blanks(text);
    if (!hart)
        return error_set(error, "there is no hart %u", number);
    bool negative = *text == '-';
    if (negative)
        text = skip_blanks(text + 1);
    if (!operand(hart, &text, value, error))
        return false;
    if (negative)
        *value = -*value;
    for (text = skip_blanks(text); *text; text = skip_blanks(text)) {
        char operation = *text;
        if (operation != '+' && operation != '-')
            return error_set(error, "\"%s\": there are + and -", text);
        text = skip_blanks(text + 1);
        if (!operand(hart, &text, &right, error))
            return false;
        *value = operation == '+' ? *value + right : *value - right;
    }
    return true;
}

/* ---- Arguments ----------------------------------------------------------------------------------------- */

static struct json_object *argument(const struct monitor_call *call, const char *name)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(call->arguments, name, &value);
    return value;
}

uint64_t monitor_number(const struct monitor_call *call, const char *name, uint64_t otherwise)
{
    struct json_object *value = argument(call, name);
    return value ? json_object_get_uint64(value) : otherwise;
}

const char *monitor_text(const struct monitor_call *call, const char *name, const char *otherwise)
{
    struct json_object *value = argument(call, name);
    return value ? json_object_get_string(value) : otherwise;
}

bool monitor_given(const struct monitor_call *call, const char *name)
{
    struct json_object *value = argument(call, name);
    return value && (!json_object_is_type(value, json_type_boolean) || json_object_get_boolean(value));
}

/* ---- Results ------------------------------------------------------------------------------------------- */

void monitor_put_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_object_new_string(text));
}

void monitor_put_number(struct json_object *object, const char *name, uint64_t value)
{
    json_object_object_add(object, name, json_object_new_uint64(value));
}

void monitor_put_hex(struct json_object *object, const char *name, uint64_t value, unsigned digits)
{
    char text[32];
    snprintf(text, sizeof(text), "0x%0*" PRIx64, (int)digits, value);
    monitor_put_text(object, name, text);
}

void monitor_put_bool(struct json_object *object, const char *name, bool value)
{
    json_object_object_add(object, name, json_object_new_boolean(value));
}

struct json_object *monitor_get(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, name, &value) ? value : NULL;
}

const char *monitor_get_text(struct json_object *object, const char *name)
{
    struct json_object *value = monitor_get(object, name);
    return value ? json_object_get_string(value) : "";
}

uint64_t monitor_get_number(struct json_object *object, const char *name)
{
    return json_object_get_uint64(monitor_get(object, name));
}

bool monitor_get_bool(struct json_object *object, const char *name)
{
    return json_object_get_boolean(monitor_get(object, name));
}

struct json_object *monitor_add_row(struct json_object *rows)
{
    struct json_object *row = json_object_new_object();
    json_object_array_add(rows, row);
    return row;
}

/* ---- Printing ------------------------------------------------------------------------------------------ */

#define COLUMNS_MAX 16

static const char *cell_text(struct json_object *value)
{
    if (json_object_is_type(value, json_type_boolean))
        return json_object_get_boolean(value) ? "yes" : "-";
    return value ? json_object_get_string(value) : "-";
}

struct column {
    const char *name;
    size_t width;
    bool number;
};

static unsigned find_column(struct column *columns, unsigned *count, const char *name)
{
    for (unsigned i = 0; i < *count; i++) {
        if (strcmp(columns[i].name, name) == 0)
            return i;
    }
    if (*count == COLUMNS_MAX)
        return COLUMNS_MAX;
    columns[*count] = (struct column){ .name = name, .width = strlen(name) };
    return (*count)++;
}

static unsigned measure(struct json_object *rows, struct column *columns)
{
    unsigned count = 0;
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object_object_foreach(json_object_array_get_idx(rows, i), name, value)
        {
            unsigned at = find_column(columns, &count, name);
            if (at == COLUMNS_MAX)
                continue;
            size_t width = strlen(cell_text(value));
            columns[at].width = width > columns[at].width ? width : columns[at].width;
            columns[at].number = json_object_is_type(value, json_type_int);
        }
    }
    return count;
}

static void print_cell(FILE *out, const struct column *column, const char *text, bool last)
{
    if (last && !column->number)
        fprintf(out, "%s\n", text);
    else
        fprintf(out, column->number ? "%*s%s" : "%-*s%s", (int)column->width, text, last ? "\n" : "  ");
}

static void print_table(FILE *out, struct json_object *rows)
{
    struct column columns[COLUMNS_MAX];
    unsigned count = measure(rows, columns);
    for (unsigned c = 0; c < count; c++)
        print_cell(out, &columns[c], columns[c].name, c + 1 == count);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        for (unsigned c = 0; c < count; c++) {
            struct json_object *value = NULL;
            json_object_object_get_ex(json_object_array_get_idx(rows, i), columns[c].name, &value);
            print_cell(out, &columns[c], cell_text(value), c + 1 == count);
        }
    }
}

void monitor_print(FILE *out, struct json_object *result)
{
    if (json_object_is_type(result, json_type_array)) {
        print_table(out, result);
    } else if (json_object_is_type(result, json_type_object)) {
        json_object_object_foreach(result, name, value)
        {
            if (json_object_is_type(value, json_type_array)) {
                fprintf(out, "%s:\n", name);
                print_table(out, value);
            } else {
                fprintf(out, "%-12s %s\n", name, cell_text(value));
            }
        }
    } else if (result) {
        fprintf(out, "%s\n", json_object_get_string(result));
    }
}
