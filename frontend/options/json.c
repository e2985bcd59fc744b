/* SPDX-License-Identifier: MIT
 *
 * JSON in place of KEY=VALUE lists, as libvirt writes it: {"driver":"virtio-rng-pci","id":"r0"}. It becomes
 * the list with the same meaning: members of inner objects become "outer.inner", elements of an array become
 * the same key several times, and an object {"str":TEXT} becomes its text, as in QEMU's hostfwd.
 */
#include <json-c/json.h>
#include <string.h>

#include "frontend/options/options.h"

#define DEPTH_MAX 8
#define TEXT_MAX  16384u

struct list {
    char text[TEXT_MAX];
    size_t length; /* TEXT_MAX: it is too long */
    bool bad;      /* there is a key or a value that no option takes */
};

static void add_char(struct list *list, char c)
{
    if (list->length + 1 < TEXT_MAX)
        list->text[list->length++] = c;
    else
        list->length = TEXT_MAX;
}

static void add(struct list *list, const char *text, bool doubled)
{
    for (; *text; text++) {
        add_char(list, *text);
        if (doubled && *text == ',')
            add_char(list, ',');
    }
}

static void add_pair(struct list *list, const char *key, const char *value)
{
    if (!*key || strpbrk(key, ",=")) {
        list->bad = true;
        return;
    }
    if (list->length)
        add_char(list, ',');
    add(list, key, false);
    add_char(list, '=');
    add(list, value, true);
}

/* Is it "backing", or ends in ".backing"? */
static bool is_backing(const char *key)
{
    const char *last = strrchr(key, '.');
    return strcmp(last ? last + 1 : key, "backing") == 0;
}

static void add_value(struct list *list, const char *key, struct json_object *value, unsigned depth);

static void add_object(struct list *list, const char *key, struct json_object *object, unsigned depth)
{
    char inner[256];
    json_object_object_foreach(object, name, value)
    {
        int length = snprintf(inner, sizeof(inner), "%s%s%s", key, *key ? "." : "", name);
        if (length >= (int)sizeof(inner))
            list->bad = true;
        else
            add_value(list, inner, value, depth);
    }
}

static void add_value(struct list *list, const char *key, struct json_object *value, unsigned depth)
{
    struct json_object *text;
    size_t bytes = (size_t)json_object_get_string_len(value);
    if (depth == DEPTH_MAX) {
        list->bad = true;
        return;
    }
    switch (json_object_get_type(value)) {
    case json_type_boolean: add_pair(list, key, json_object_get_boolean(value) ? "on" : "off"); break;
    case json_type_string:
        list->bad |= strlen(json_object_get_string(value)) != bytes; /* the text contains a NUL */
        add_pair(list, key, json_object_get_string(value));
        break;
    case json_type_int:
    case json_type_double: add_pair(list, key, json_object_get_string(value)); break;
    case json_type_array:
        for (size_t n = 0; n < json_object_array_length(value); n++)
            add_value(list, key, json_object_array_get_idx(value, n), depth + 1);
        break;
    case json_type_object:
        if (json_object_object_length(value) == 1 && json_object_object_get_ex(value, "str", &text))
            add_value(list, key, text, depth + 1);
        else
            add_object(list, key, value, depth + 1);
        break;
    case json_type_null: /* treated as if it were not there, but for an image that is to have none below it */
        if (is_backing(key))
            add_pair(list, key, "");
        break;
    }
}

static struct json_object *read_json(const char *flag, const char *text, struct error *error)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 2);
    struct json_object *object = NULL;
    size_t length = strlen(text);
    if (tokener && length < TEXT_MAX) {
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        object = json_tokener_parse_ex(tokener, text, (int)length + 1); /* with its NUL, which ends it */
    }
    enum json_tokener_error status = tokener ? json_tokener_get_error(tokener) : json_tokener_success;
    if (status != json_tokener_success || !json_object_is_type(object, json_type_object)) {
        error_set(error, "-%s {...}: not a JSON object: %s", flag,
                  length >= TEXT_MAX ? "it is too long" : json_tokener_error_desc(status));
        json_object_put(object);
        object = NULL;
    }
    if (tokener)
        json_tokener_free(tokener);
    return object;
}

const char *options_read_json(struct options *options, const char *flag, const char *text,
                              struct error *error)
{
    struct list list = { .length = 0 };
    struct json_object *object = read_json(flag, text, error);
    char *kept = NULL;
    if (!object)
        return NULL;
    add_object(&list, "", object, 0);
    json_object_put(object);
    if (list.bad || list.length == TEXT_MAX) {
        error_set(error, "-%s {...}: %s", flag,
                  list.bad ? "it has a key or a value that no option takes" : "it is too long");
        return NULL;
    }
    kept = option_strings_add(&options->strings, list.text, list.length);
    if (!kept)
        error_set(error, "out of memory for the options");
    return kept;
}
