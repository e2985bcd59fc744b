/* SPDX-License-Identifier: MIT
 *
 * Saved state; see state.h. The layout, all integers little-endian:
 *
 *     section:  u8 name length | name | u32 version | u64 length of the fields | fields
 *     field:    u8 name length | name | u64 length of the value | value
 *
 * Sections follow each other to the end of the stream. A number is a value of 8 bytes. Sections are found
 * from front to back, so that several devices of one kind may use one section name: each state_open() takes
 * the next one after the section that is open. Devices must therefore load in the order in which they saved.
 *
 * The reader keeps no index: a section has tens of fields, and a linear search over checked lengths is the
 * simplest thing that cannot be led astray by a hostile stream. `cursor` below is the one place that steps.
 */
#include "util/state.h"

#include <stdlib.h>
#include <string.h>

static void put_le(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (i * 8));
}

static uint64_t get_le(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)from[i] << (i * 8);
    return value;
}

/* ---- writer -------------------------------------------------------------------------------------------- */

void state_writer_init(struct state_writer *writer)
{
    *writer = (struct state_writer){ .bytes = NULL };
}

void state_writer_destroy(struct state_writer *writer)
{
    free(writer->bytes);
    *writer = (struct state_writer){ .bytes = NULL };
}

/* Room for `length` more bytes at the end, or NULL once the writer has failed. */
static uint8_t *writer_extend(struct state_writer *writer, size_t length)
{
    if (writer->failed)
        return NULL;
    if (length > SIZE_MAX / 2 - writer->length) {
        writer->failed = true;
        return NULL;
    }
    if (writer->length + length > writer->capacity) {
        size_t capacity = writer->capacity ? writer->capacity : 1024;
        while (capacity < writer->length + length)
            capacity *= 2;
        uint8_t *bytes = realloc(writer->bytes, capacity);
        if (!bytes) {
            writer->failed = true;
            return NULL;
        }
        writer->bytes = bytes;
        writer->capacity = capacity;
    }
    uint8_t *end = writer->bytes + writer->length;
    writer->length += length;
    return end;
}

static bool writer_name(struct state_writer *writer, const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > UINT8_MAX) {
        /* names are literals: a fault of this program that any test that saves finds */
        writer->failed = true;
        return false;
    }
    uint8_t *to = writer_extend(writer, 1 + length);
    if (!to)
        return false;
    to[0] = (uint8_t)length;
    memcpy(to + 1, name, length);
    return true;
}

void state_section(struct state_writer *writer, const char *name, unsigned version)
{
    if (!writer_name(writer, name))
        return;
    uint8_t *to = writer_extend(writer, 12);
    if (!to)
        return;
    put_le(to, version, 4);
    put_le(to + 4, 0, 8);
    writer->section = writer->length - 8;
}

void state_put_bytes(struct state_writer *writer, const char *field, const void *bytes, size_t length)
{
    if (writer->section == 0)
        writer->failed = true; /* no section is open */
    if (!writer_name(writer, field))
        return;
    uint8_t *to = writer_extend(writer, 8);
    if (!to)
        return;
    put_le(to, length, 8);
    to = writer_extend(writer, length);
    if (!to)
        return;
    if (length)
        memcpy(to, bytes, length);
    put_le(writer->bytes + writer->section, writer->length - writer->section - 8, 8);
}

void state_put(struct state_writer *writer, const char *field, uint64_t value)
{
    uint8_t bytes[8];
    put_le(bytes, value, 8);
    state_put_bytes(writer, field, bytes, 8);
}

/* ---- reader -------------------------------------------------------------------------------------------- */

/* A position in bytes that are not to be trusted. */
struct cursor {
    const uint8_t *at;
    size_t left;
};

/* Moves forward by `length` bytes and returns where they begin; NULL, without moving, if there are fewer. */
static const uint8_t *cursor_take(struct cursor *cursor, uint64_t length)
{
    if (length > cursor->left)
        return NULL;
    const uint8_t *at = cursor->at;
    cursor->at += length;
    cursor->left -= (size_t)length;
    return at;
}

/* One entry: a name, `fixed` bytes of which the last 8 are a length, and a body of that length. */
struct entry {
    const uint8_t *name, *fixed, *body;
    size_t name_length, body_length;
};

static bool cursor_entry(struct cursor *cursor, size_t fixed, struct entry *entry)
{
    const uint8_t *name_length = cursor_take(cursor, 1);
    if (!name_length)
        return false;
    entry->name_length = *name_length;
    entry->name = cursor_take(cursor, entry->name_length);
    if (!entry->name)
        return false;
    entry->fixed = cursor_take(cursor, fixed);
    if (!entry->fixed)
        return false;
    uint64_t length = get_le(entry->fixed + fixed - 8, 8);
    entry->body = cursor_take(cursor, length);
    entry->body_length = (size_t)length;
    return entry->body != NULL;
}

static bool entry_is(const struct entry *entry, const char *name)
{
    return strlen(name) == entry->name_length && memcmp(entry->name, name, entry->name_length) == 0;
}

void state_reader_init(struct state_reader *reader, const void *bytes, size_t length, struct error *error)
{
    static const uint8_t none[1];
    *reader =
        (struct state_reader){ .bytes = bytes ? bytes : none, .length = bytes ? length : 0, .error = error };
}

unsigned state_open(struct state_reader *reader, const char *name, unsigned newest)
{
    if (reader->failed)
        return 0;
    struct cursor cursor = { .at = reader->bytes, .left = reader->length };
    if (reader->section) {
        cursor.at = reader->section + reader->section_length;
        cursor.left = reader->length - (size_t)(cursor.at - reader->bytes);
    }
    struct entry entry;
    while (cursor.left) {
        if (!cursor_entry(&cursor, 12, &entry)) {
            reader->failed = true;
            error_set(reader->error, "saved state: damaged before section %s (cut off at %zu bytes?)", name,
                      reader->length);
            return 0;
        }
        if (!entry_is(&entry, name))
            continue;
        uint64_t version = get_le(entry.fixed, 4);
        if (version == 0 || version > newest) {
            reader->failed = true;
            error_set(reader->error,
                      "saved state: section %s has version %llu, this program reads 1 to %u: load it with "
                      "the version "
                      "of the program that saved it",
                      name, (unsigned long long)version, newest);
            return 0;
        }
        reader->section = entry.body;
        reader->section_length = entry.body_length;
        reader->section_name = name;
        return (unsigned)version;
    }
    reader->failed = true;
    error_set(reader->error, "saved state: no section %s (was it saved from a machine with other devices?)",
              name);
    return 0;
}

/* The value of a field of exactly `length` bytes, or NULL and a message. */
static const uint8_t *reader_field(struct state_reader *reader, const char *field, size_t length)
{
    if (reader->failed)
        return NULL;
    const char *section = reader->section ? reader->section_name : "(none)";
    struct cursor cursor = { .at = reader->section, .left = reader->section ? reader->section_length : 0 };
    struct entry entry;
    reader->failed = true;
    while (cursor.left) {
        if (!cursor_entry(&cursor, 8, &entry)) {
            error_set(reader->error, "saved state: section %s is damaged before field %s", section, field);
            return NULL;
        }
        if (!entry_is(&entry, field))
            continue;
        if (entry.body_length != length) {
            error_set(reader->error, "saved state: field %s of section %s has %zu bytes, not %zu", field,
                      section, entry.body_length, length);
            return NULL;
        }
        reader->failed = false;
        return entry.body;
    }
    error_set(reader->error, "saved state: section %s has no field %s", section, field);
    return NULL;
}

uint64_t state_get(struct state_reader *reader, const char *field, uint64_t limit)
{
    const uint8_t *bytes = reader_field(reader, field, 8);
    if (!bytes)
        return 0;
    uint64_t value = get_le(bytes, 8);
    if (value > limit) {
        reader->failed = true;
        error_set(reader->error, "saved state: field %s of section %s is %llu, above %llu", field,
                  reader->section_name, (unsigned long long)value, (unsigned long long)limit);
        return 0;
    }
    return value;
}

void state_get_bytes(struct state_reader *reader, const char *field, void *bytes, size_t length)
{
    const uint8_t *from = reader_field(reader, field, length);
    if (from && length)
        memcpy(bytes, from, length);
    else if (length)
        memset(bytes, 0, length);
}
