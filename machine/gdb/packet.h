/* SPDX-License-Identifier: MIT
 *
 * The packet layer of gdb's remote protocol (gdb manual, "Remote Protocol", "Overview"): $payload#checksum,
 * with } before bytes that would end a packet; acknowledgements; the interrupt byte. It knows no commands,
 * accepts any bytes, and stores at most GDB_PACKET_MAX of them.
 */
#ifndef MACHINE_GDB_PACKET_H
#define MACHINE_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest payload that is accepted; gdb is told this. */
#define GDB_PACKET_MAX 16384

enum gdb_event {
    GDB_NOTHING,
    GDB_PACKET,     /* parser->data, parser->length: a whole packet, unescaped, with a 0 behind it */
    GDB_BAD_PACKET, /* the checksum is wrong, or it is too long: gdb has to send it again */
    GDB_INTERRUPT,  /* byte 3 between packets: Ctrl-C */
    GDB_RESEND,     /* gdb did not understand the last reply */
};

/* Ready when zeroed. */
struct gdb_parser {
    enum { GDB_IDLE, GDB_PAYLOAD, GDB_ESCAPED, GDB_SUM_HIGH, GDB_SUM_LOW } state;
    uint8_t sum, given;
    bool bad;
    size_t length;
    char data[GDB_PACKET_MAX + 1];
};

/* Takes one more byte from gdb. */
enum gdb_event gdb_parse(struct gdb_parser *parser, uint8_t byte);

/* A text that grows; empty when zeroed. `failed` is sticky: out of memory. */
struct gdb_text {
    char *bytes;
    size_t length, room;
    bool failed;
};
void gdb_text_free(struct gdb_text *text);
void gdb_text_add(struct gdb_text *text, const void *bytes, size_t length);
void gdb_text_printf(struct gdb_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends two digits a byte. */
void gdb_text_hex(struct gdb_text *text, const void *bytes, size_t length);
/* Appends a little-endian value of `size` bytes, two digits each. */
void gdb_text_value(struct gdb_text *text, uint64_t value, unsigned size);
/* Appends a packet with that payload. */
void gdb_text_packet(struct gdb_text *text, const char *payload, size_t length);

/* The part of a packet that has not been read yet. If the next bytes are something else, a take_ function
 * returns false and does not move. */
struct gdb_rest {
    const char *at, *end;
};
bool gdb_take_char(struct gdb_rest *rest, char wanted);
bool gdb_take_text(struct gdb_rest *rest, const char *wanted);
/* A number in hexadecimal of 1 to 16 digits. */
bool gdb_take_number(struct gdb_rest *rest, uint64_t *value);
/* `length` bytes, two digits each. */
bool gdb_take_bytes(struct gdb_rest *rest, void *bytes, size_t length);
/* A little-endian value of `size` bytes, two digits each. */
bool gdb_take_value(struct gdb_rest *rest, uint64_t *value, unsigned size);
size_t gdb_rest_length(const struct gdb_rest *rest);

#endif
