/* SPDX-License-Identifier: MIT
 *
 * A 9P2000.L server for one shared folder: it answers one request after the other, and keeps nothing but
 * fids. It answers what Linux's v9fs asks; other messages of the protocol are answered with an error.
 * Requests come from the guest and may be any bytes.
 *
 * Only one thread may call this at a time. Calls wait for the host's file system.
 */
#ifndef DEVICES_VIRTIO_9P_SERVER_H
#define DEVICES_VIRTIO_9P_SERVER_H

#include "devices/virtio/9p/folder.h"
#include "util/state.h"

#define P9_HEADER    7u           /* size, type, tag */
#define P9_MSIZE_MAX (512u << 10) /* bytes of a message */
#define P9_MSIZE_MIN 4096u

struct p9_server;

struct p9_server_config {
    const char *path; /* of the folder */
    enum p9_security security;
    bool read_only;
};

/* NULL and *error if the folder cannot be shared like this. */
struct p9_server *p9_server_create(const struct p9_server_config *config, struct error *error);
void p9_server_destroy(struct p9_server *server);
/* Forgets all fids. */
void p9_server_reset(struct p9_server *server);

/* Answers one message of `length` bytes (at least P9_HEADER). `room` is the space for the answer, at least
 * P9_HEADER + 4. Returns the answer's length. */
size_t p9_server_answer(struct p9_server *server, const uint8_t *request, size_t length, uint8_t *answer,
                        size_t room);

/* Fids are saved as paths below the root. A fid whose file is gone answers ESTALE after loading. */
void p9_server_save(struct p9_server *server, struct state_writer *writer);
void p9_server_load(struct p9_server *server, struct state_reader *reader);

#endif
