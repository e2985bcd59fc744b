/* SPDX-License-Identifier: MIT
 *
 * TLS towards viewers; see vnc_tls.h.
 */
#include "frontend/display/vnc_tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define RECORD_MAX       16384u

struct vnc_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    bool verify_peer;
};

struct vnc_tls_session {
    gnutls_session_t session;
    bool verify_peer, ready;
    size_t sending; /* bytes that GnuTLS has taken and not sent yet */
};

/* ---- Files --------------------------------------------------------------------------------------------- */

static bool tell(const struct vnc_tls_config *config, const char *what, int status, struct error *error)
{
    return error_set(error, "-object tls-creds-x509,id=%s: %s: %s", config->id, what,
                     gnutls_strerror(status));
}

/* Finds the file in `path`; false if there is none that can be read. */
static bool find(const struct vnc_tls_config *config, const char *name, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", config->dir, name) < PATH_MAX && access(path, R_OK) == 0;
}

static bool find_or_tell(const struct vnc_tls_config *config, const char *name, char path[PATH_MAX],
                         struct error *error)
{
    return find(config, name, path) ||
           error_set(error, "-object tls-creds-x509,id=%s: %s/%s cannot be read: %s", config->id, config->dir,
                     name, strerror(errno));
}

static bool load_key(struct vnc_tls *tls, const struct vnc_tls_config *config, struct error *error)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    if (!find_or_tell(config, "server-cert.pem", certificate, error) ||
        !find_or_tell(config, "server-key.pem", key, error))
        return false;
    int status =
        gnutls_certificate_set_x509_key_file(tls->credentials, certificate, key, GNUTLS_X509_FMT_PEM);
    return status >= 0 || tell(config, "server-cert.pem and server-key.pem", status, error);
}

/* Loads the authority that signs viewers' certificates. It is only needed if these are checked. */
static bool load_authority(struct vnc_tls *tls, const struct vnc_tls_config *config, struct error *error)
{
    char path[PATH_MAX];
    if (!config->verify_peer)
        return true;
    if (!find_or_tell(config, "ca-cert.pem", path, error))
        return false;
    int status = gnutls_certificate_set_x509_trust_file(tls->credentials, path, GNUTLS_X509_FMT_PEM);
    if (status <= 0)
        return tell(config, "ca-cert.pem", status ? status : GNUTLS_E_NO_CERTIFICATE_FOUND, error);
    if (!find(config, "ca-crl.pem", path))
        return errno == ENOENT || find_or_tell(config, "ca-crl.pem", path, error);
    status = gnutls_certificate_set_x509_crl_file(tls->credentials, path, GNUTLS_X509_FMT_PEM);
    return status >= 0 || tell(config, "ca-crl.pem", status, error);
}

static bool load(struct vnc_tls *tls, const struct vnc_tls_config *config, struct error *error)
{
    const char *where;
    int status = gnutls_certificate_allocate_credentials(&tls->credentials);
    if (status < 0) {
        tls->credentials = NULL;
        return tell(config, "TLS", status, error);
    }
    status =
        gnutls_priority_init(&tls->priority, config->priority ? config->priority : DEFAULT_PRIORITY, &where);
    if (status < 0) {
        tls->priority = NULL;
        return tell(config, "priority", status, error);
    }
    return load_key(tls, config, error) && load_authority(tls, config, error);
}

struct vnc_tls *vnc_tls_load(const struct vnc_tls_config *config, struct error *error)
{
    struct vnc_tls *tls = calloc(1, sizeof(*tls));
    if (!tls) {
        error_set(error, "-object tls-creds-x509,id=%s: out of memory", config->id);
        return NULL;
    }
    tls->verify_peer = config->verify_peer;
    if (load(tls, config, error))
        return tls;
    vnc_tls_free(tls);
    return NULL;
}

void vnc_tls_free(struct vnc_tls *tls)
{
    if (!tls)
        return;
    if (tls->priority)
        gnutls_priority_deinit(tls->priority);
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

/* ---- A viewer ------------------------------------------------------------------------------------------ */

struct vnc_tls_session *vnc_tls_start(const struct vnc_tls *tls, int fd)
{
    struct vnc_tls_session *session = calloc(1, sizeof(*session));
    if (!session || gnutls_init(&session->session,
                                GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) < 0) {
        free(session);
        return NULL;
    }
    session->verify_peer = tls->verify_peer;
    gnutls_transport_set_int(session->session, fd);
    /* The relay has a timeout of its own. */
    gnutls_handshake_set_timeout(session->session, GNUTLS_INDEFINITE_TIMEOUT);
    gnutls_certificate_server_set_request(session->session,
                                          tls->verify_peer ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    if (gnutls_priority_set(session->session, tls->priority) >= 0 &&
        gnutls_credentials_set(session->session, GNUTLS_CRD_CERTIFICATE, tls->credentials) >= 0)
        return session;
    gnutls_deinit(session->session);
    free(session);
    return NULL;
}

void vnc_tls_end(struct vnc_tls_session *session)
{
    if (session->ready)
        gnutls_bye(session->session, GNUTLS_SHUT_WR);
    gnutls_deinit(session->session);
    free(session);
}

/* Is the certificate signed by ca-cert.pem, valid now, and made for clients? */
static bool is_trusted(const struct vnc_tls_session *session)
{
    static unsigned char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st wanted = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = purpose };
    unsigned wrong = 0;
    return gnutls_certificate_verify_peers(session->session, &wanted, 1, &wrong) >= 0 && !wrong;
}

enum vnc_tls_state vnc_tls_handshake(struct vnc_tls_session *session, const char **fault)
{
    int status;
    do
        status = gnutls_handshake(session->session);
    while (status == GNUTLS_E_INTERRUPTED || status == GNUTLS_E_WARNING_ALERT_RECEIVED);
    if (status == GNUTLS_E_AGAIN)
        return VNC_TLS_MORE;
    if (status < 0) {
        gnutls_alert_send_appropriate(session->session, status);
        *fault = gnutls_strerror(status);
        return VNC_TLS_FAILED;
    }
    if (session->verify_peer && !is_trusted(session)) {
        gnutls_alert_send(session->session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
        *fault = "its certificate is not one that ca-cert.pem has signed";
        return VNC_TLS_FAILED;
    }
    session->ready = true;
    return VNC_TLS_READY;
}

bool vnc_tls_wants_write(const struct vnc_tls_session *session)
{
    return gnutls_record_get_direction(session->session) == 1;
}

static ssize_t result(ssize_t status)
{
    if (status >= 0)
        return status;
    errno = status == GNUTLS_E_AGAIN ? EAGAIN : status == GNUTLS_E_INTERRUPTED ? EINTR : EPROTO;
    return -1;
}

ssize_t vnc_tls_read(struct vnc_tls_session *session, void *bytes, size_t room)
{
    return result(gnutls_record_recv(session->session, bytes, room));
}

ssize_t vnc_tls_write(struct vnc_tls_session *session, const void *bytes, size_t count)
{
    size_t length = count < RECORD_MAX ? count : RECORD_MAX;
    ssize_t sent = session->sending ? gnutls_record_send(session->session, NULL, 0)
                                    : gnutls_record_send(session->session, bytes, length);
    if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
        session->sending = session->sending ? session->sending : length;
    else
        session->sending = 0;
    return result(sent);
}

bool vnc_tls_is_pending(const struct vnc_tls_session *session)
{
    return gnutls_record_check_pending(session->session) > 0;
}
