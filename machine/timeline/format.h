/* SPDX-License-Identifier: MIT
 *
 * The log of what comes into the harts, in memory and as bytes of a file (docs/recording.md has the layout).
 * Reading is for hostile bytes: each number is checked against the limits that the reader has.
 */
#ifndef MACHINE_TIMELINE_FORMAT_H
#define MACHINE_TIMELINE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_VERSION 1u

/* What happens to harts and memory at an instant, in this order. */
enum event_kind {
    EVENT_TURN,      /* `hart` runs from now on, until now `bit` did */
    EVENT_WAIT,      /* `hart` waits in wfi */
    EVENT_IRQ,       /* input `bit` of `hart` has the level `level` */
    EVENT_INTERRUPT, /* `hart` takes an interrupt */
    EVENT_MEMORY,    /* a device has written `bytes` at `paddr` */
};
struct event {
    uint64_t at;
    uint8_t kind, hart;
    uint16_t bit;
    bool level;
    uint64_t paddr, length;
    uint8_t *bytes; /* owned; NULL: none */
};

/* Why a recording ends. Kept in files: new ones come last. */
enum log_end {
    LOG_END_NONE,    /* it does not say, since the program was killed */
    LOG_END_OFF,     /* the guest has ended the run, with a status */
    LOG_END_QUIT,    /* the user has */
    LOG_END_RESET,   /* the guest was reset */
    LOG_END_CHANGED, /* a debugger has changed the guest, or another state was loaded */
    LOG_END_DEVICE,  /* a device wrote to memory at an instant that is not known */
    LOG_END_FAILED,  /* the file could not be written, or there was no memory */
    LOG_END_LARGE,   /* devices wrote more between two instructions than a piece of a log may have */
    LOG_ENDS,
};
struct log_ending {
    enum log_end end;
    unsigned status;
};
const char *log_end_text(enum log_end end);

struct log_writer {
    uint8_t *bytes; /* owned */
    size_t length, room;
    uint64_t at; /* the instant of the last event */
    bool failed; /* out of memory */
};
void log_put_value(struct log_writer *log, uint64_t value);
void log_put_event(struct log_writer *log, const struct event *event);
void log_put_ending(struct log_writer *log, struct log_ending ending);

enum log_kind { LOG_VALUE, LOG_EVENT, LOG_ENDING, LOG_DAMAGED };
struct log_reader {
    const uint8_t *bytes, *stop;
    uint64_t at, end; /* the instant of the last event, and the last that is possible */
    unsigned harts;   /* how many there are */
    /* What was read last. The bytes of an event are inside `bytes`. */
    uint64_t value;
    struct event event;
    struct log_ending ending;
};
/* Reads the next record; there must be one. */
enum log_kind log_read(struct log_reader *log);

#endif
