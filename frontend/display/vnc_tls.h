/* SPDX-License-Identifier: MIT
 *
 * TLS towards viewers (GnuTLS), on sockets that do not block. Keys and certificates are read once, at the
 * start, when files can still be opened. Versions 1.2 and 1.3; nothing is resumed.
 */
#ifndef FRONTEND_DISPLAY_VNC_TLS_H
#define FRONTEND_DISPLAY_VNC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

/* -object tls-creds-x509: a folder with server-cert.pem, server-key.pem and ca-cert.pem (and ca-crl.pem).
 * These are the names that QEMU uses. */
struct vnc_tls_config {
    const char *id, *dir;
    bool verify_peer;     /* viewers need a certificate that ca-cert.pem has signed */
    const char *priority; /* GnuTLS's priorities; NULL: its default, without old versions */
};

struct vnc_tls;         /* the server's identity */
struct vnc_tls_session; /* of a viewer */

/* NULL and *error, which names the file that is missing or wrong. */
struct vnc_tls *vnc_tls_load(const struct vnc_tls_config *config, struct error *error);
/* To be called after the end of all sessions. */
void vnc_tls_free(struct vnc_tls *tls);

/* Begins the server's side on `fd`, which the caller keeps. NULL if memory is short. */
struct vnc_tls_session *vnc_tls_start(const struct vnc_tls *tls, int fd);
/* Says goodbye, if there is room for it, and frees the session. */
void vnc_tls_end(struct vnc_tls_session *session);

enum vnc_tls_state { VNC_TLS_MORE, VNC_TLS_READY, VNC_TLS_FAILED };
/* Continues the handshake as far as the socket allows. VNC_TLS_FAILED: *fault says why. */
enum vnc_tls_state vnc_tls_handshake(struct vnc_tls_session *session, const char **fault);
/* Does the handshake wait until it can write? */
bool vnc_tls_wants_write(const struct vnc_tls_session *session);

/* As recv() and send() on a socket that does not block: -1 and errno, which may be EAGAIN; 0: the end. Bytes
 * that were refused with EAGAIN must be sent again first. */
ssize_t vnc_tls_read(struct vnc_tls_session *session, void *bytes, size_t room);
ssize_t vnc_tls_write(struct vnc_tls_session *session, const void *bytes, size_t count);
/* Is something there that poll() does not see? */
bool vnc_tls_is_pending(const struct vnc_tls_session *session);

#endif
