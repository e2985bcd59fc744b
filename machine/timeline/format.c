/* SPDX-License-Identifier: MIT
 *
 * The log as bytes: see format.h. A record is a byte (its kind, and above that a level) and numbers of 7 bits
 * a byte, the lowest first. Instants are told as the distance to the last one.
 */
#include "machine/timeline/format.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/hart.h"

enum { RECORD_VALUE = 5, RECORD_ENDING = 6, RECORD_KINDS = 8, RECORD_LEVEL = 8 };
#define BITS_MAX 16 /* interrupt inputs of a hart */
#define NUMBER   10 /* bytes of the longest number */

const char *log_end_text(enum log_end end)
{
    static const char *const texts[LOG_ENDS] = {
        [LOG_END_NONE] = "the program that recorded was killed, or still records",
        [LOG_END_OFF] = "the guest ended",
        [LOG_END_QUIT] = "the user ended the program",
        [LOG_END_RESET] = "the guest was reset",
        [LOG_END_CHANGED] = "a debugger changed the guest, or another state was loaded",
        [LOG_END_DEVICE] = "a network, a keyboard or a console wrote into the guest's memory",
        [LOG_END_FAILED] = "the file could not be written",
        [LOG_END_LARGE] = "a device wrote more than 64 MiB at once",
    };
    return texts[end];
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static uint8_t *room_for(struct log_writer *log, size_t length)
{
    size_t wanted = log->length + length;
    if (wanted > log->room) {
        size_t room = wanted < 4096 ? 4096 : wanted + wanted / 2;
        uint8_t *grown = realloc(log->bytes, room);
        log->failed |= !grown;
        if (!grown)
            return NULL;
        log->bytes = grown;
        log->room = room;
    }
    return log->bytes + log->length;
}

static void put_byte(struct log_writer *log, unsigned byte)
{
    uint8_t *to = room_for(log, 1);
    if (to) {
        *to = (uint8_t)byte;
        log->length++;
    }
}

static void put_number(struct log_writer *log, uint64_t number)
{
    uint8_t *to = room_for(log, NUMBER);
    if (!to)
        return;
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to++ = (uint8_t)number;
    log->length = (size_t)(to - log->bytes);
}

void log_put_value(struct log_writer *log, uint64_t value)
{
    put_byte(log, RECORD_VALUE);
    put_number(log, value);
}

static void put_memory(struct log_writer *log, const struct event *event)
{
    put_number(log, event->paddr);
    put_number(log, event->length);
    uint8_t *to = room_for(log, event->length);
    if (to) {
        memcpy(to, event->bytes, event->length);
        log->length += event->length;
    }
}

void log_put_event(struct log_writer *log, const struct event *event)
{
    put_byte(log, event->kind | (event->level ? RECORD_LEVEL : 0u));
    put_number(log, event->at - log->at);
    log->at = event->at;
    if (event->kind == EVENT_MEMORY) {
        put_memory(log, event);
        return;
    }
    put_byte(log, event->hart);
    if (event->kind == EVENT_TURN || event->kind == EVENT_IRQ)
        put_number(log, event->bit);
}

void log_put_ending(struct log_writer *log, struct log_ending ending)
{
    put_byte(log, RECORD_ENDING);
    put_byte(log, ending.end);
    put_number(log, ending.status);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static bool take_byte(struct log_reader *log, uint8_t *byte, unsigned limit)
{
    if (log->bytes == log->stop || *log->bytes >= limit)
        return false;
    *byte = *log->bytes++;
    return true;
}

static bool take_number(struct log_reader *log, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && log->bytes < log->stop; shift += 7) {
        uint8_t byte = *log->bytes++;
        uint64_t part = byte & 0x7f;
        if (part << shift >> shift != part)
            return false;
        *number |= part << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool take_memory(struct log_reader *log)
{
    struct event *event = &log->event;
    if (!take_number(log, &event->paddr) || !take_number(log, &event->length) || !event->length ||
        event->length > (uint64_t)(log->stop - log->bytes))
        return false;
    event->bytes = (uint8_t *)(uintptr_t)log->bytes;
    log->bytes += event->length;
    return true;
}

static bool take_event(struct log_reader *log, unsigned kind, bool level)
{
    uint64_t distance;
    if (!take_number(log, &distance) || distance > log->end - log->at)
        return false;
    log->at += distance;
    log->event = (struct event){ .at = log->at, .kind = (uint8_t)kind, .level = level };
    if (kind == EVENT_MEMORY)
        return !level && take_memory(log);
    if ((level && kind != EVENT_IRQ) || !take_byte(log, &log->event.hart, log->harts))
        return false;
    uint64_t bit = 0;
    if ((kind == EVENT_TURN || kind == EVENT_IRQ) &&
        (!take_number(log, &bit) || bit >= (kind == EVENT_TURN ? log->harts : HART_CLIC_END) ||
         (kind == EVENT_IRQ && bit >= BITS_MAX && bit < HART_MSI)))
        return false;
    log->event.bit = (uint16_t)bit;
    return true;
}

static bool take_ending(struct log_reader *log)
{
    uint8_t end;
    uint64_t status;
    if (!take_byte(log, &end, LOG_ENDS) || !take_number(log, &status) || status > 0xffff)
        return false;
    log->ending = (struct log_ending){ (enum log_end)end, (unsigned)status };
    return true;
}

enum log_kind log_read(struct log_reader *log)
{
    uint8_t first;
    if (!take_byte(log, &first, 2 * RECORD_LEVEL))
        return LOG_DAMAGED;
    unsigned kind = first % RECORD_KINDS;
    bool level = first & RECORD_LEVEL;
    if (kind <= EVENT_MEMORY)
        return take_event(log, kind, level) ? LOG_EVENT : LOG_DAMAGED;
    if (kind == RECORD_VALUE && !level)
        return take_number(log, &log->value) ? LOG_VALUE : LOG_DAMAGED;
    return kind == RECORD_ENDING && !level && take_ending(log) ? LOG_ENDING : LOG_DAMAGED;
}
