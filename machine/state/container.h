/* SPDX-License-Identifier: MIT
 *
 * The file of a saved machine, as a stream of sections (docs/snapshots.md has the layout). Each section has
 * a kind, a place, a length and a CRC-32; most are compressed by zstd. A stream is written and read from
 * front to back, so that it may be a pipe or a connection. Memory is used for one section at a time.
 *
 * What is read is hostile: no length is believed before the bytes are there, and no byte is used before its
 * CRC was right. A CRC is no proof against a forger: whoever uses what a section holds checks that, too.
 *
 * One thread at a time. The first failure is kept: all later calls fail as well.
 */
#ifndef MACHINE_STATE_CONTAINER_H
#define MACHINE_STATE_CONTAINER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define CONTAINER_VERSION   1u
#define CONTAINER_TEXT_MAX  65536u       /* bytes of the description */
#define CONTAINER_CHUNK     (1u << 20)   /* bytes of guest memory that a section describes */
#define CONTAINER_LOG_MAX   (64u << 20)  /* bytes of a piece of a log */
#define CONTAINER_PLAIN_MAX (512u << 20) /* bytes of a section before compression */

enum container_kind {
    CONTAINER_TEXT = 1,   /* the description of the machine; not compressed */
    CONTAINER_STATE = 2,  /* one part of the machine: its name, a 0, and a stream of util/state.h */
    CONTAINER_MEMORY = 3, /* a chunk of guest memory; the place is its physical address */
    CONTAINER_END = 4,    /* empty; the place is the number of sections before it */
    CONTAINER_PAGES =
        6, /* of a chunk of guest memory, those that have changed (rounds.c); the place is the chunk's */
    CONTAINER_LOG = 5, /* of a recording (machine/timeline/format.h); the place is the instant at its end */
};

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

struct machine_state_stream;

struct container_writer {
    int fd;                                    /* borrowed; if it does not block, poll() waits for it */
    const struct machine_state_stream *stream; /* used instead; NULL: none */
    struct ZSTD_CCtx_s *context;
    uint8_t *packed;
    size_t packed_size;
    uint64_t sections;
    _Atomic uint64_t *written; /* bytes, counted for who watches; may be NULL */
    const atomic_bool *cancel; /* ends it with an error when it becomes true; may be NULL */
    struct error *error;
    bool failed;
};

/* Writes the header, to `stream` or, if that is NULL, to `fd`. False, with *error filled, on failure.
 * container_writer_destroy() must follow in any case. */
bool container_write_begin(struct container_writer *writer, int fd, const struct machine_state_stream *stream,
                           struct error *error);
/* Whether time counts more than bytes from now on. */
void container_write_quickly(struct container_writer *writer, bool quickly);
/* Writes a section; `bytes` are compressed unless it is CONTAINER_TEXT. */
bool container_write(struct container_writer *writer, enum container_kind kind, uint64_t place,
                     const void *bytes, size_t length);
bool container_write_end(struct container_writer *writer);
void container_writer_destroy(struct container_writer *writer);

struct container_reader {
    int fd;                                    /* borrowed */
    const struct machine_state_stream *stream; /* used instead; NULL: none */
    struct ZSTD_DCtx_s *context;
    uint64_t sections;
    struct error *error;
    bool failed, cut; /* cut: it failed since the file ends too early */
    const atomic_bool *cancel;
    /* The section that was read last. */
    enum container_kind kind;
    uint64_t place;
    uint8_t *bytes; /* `length` bytes and a 0 behind them; the reader's, until the next section */
    size_t length;
};

/* Reads the header; container_reader_destroy() follows in any case. False, with *error filled, if this is no
 * saved machine or one of a newer format. */
bool container_read_begin(struct container_reader *reader, int fd, const struct machine_state_stream *stream,
                          struct error *error);
/* Reads the next section. The last is CONTAINER_END, whose number of sections is right. */
bool container_read(struct container_reader *reader);
void container_reader_destroy(struct container_reader *reader);

#endif
