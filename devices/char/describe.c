/* SPDX-License-Identifier: MIT
 *
 * Descriptions of character devices; see describe.h.
 */
#include "devices/char/describe.h"

#include <stdlib.h>
#include <string.h>

#define RINGBUF_DEFAULT 65536u
#define RINGBUF_MAX     (UINT64_C(1) << 30)

static const struct kind {
    const char *name;
    enum chardev_kind kind;
    bool addressed;
} kinds[] = { { "stdio", CHARDEV_STDIO, false },   { "null", CHARDEV_NULL, false },
              { "pty", CHARDEV_PTY, false },       { "file", CHARDEV_FILE, true },
              { "pipe", CHARDEV_PIPE, true },      { "serial", CHARDEV_DEVICE, true },
              { "tcp", CHARDEV_TCP, true },        { "telnet", CHARDEV_TCP, true },
              { "unix", CHARDEV_UNIX, true },      { "fd", CHARDEV_FD, true },
              { "udp", CHARDEV_UDP, true },        { "ringbuf", CHARDEV_RINGBUF, false },
              { "memory", CHARDEV_RINGBUF, false } };

/* ---- The grammar --------------------------------------------------------------------------------------- */

/* Copies up to a comma that is not doubled; returns the text after it, or NULL if the piece is longer than
 * `size`. */
static const char *copy_piece(const char *text, char *to, size_t size)
{
    size_t length = 0;
    for (; *text && !(*text == ',' && text[1] != ','); text++) {
        text += *text == ',';
        if (length + 1 >= size)
            return NULL;
        to[length++] = *text;
    }
    to[length] = '\0';
    return text;
}

static bool take_switch(const char *key, const char *value, bool *on, struct error *error)
{
    *on = !*value || strcmp(value, "on") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    return *on || strcmp(value, "off") == 0 || strcmp(value, "no") == 0 || strcmp(value, "false") == 0 ||
           error_set(error, "character device: %s=%s is not on or off", key, value);
}

static bool take_text(const char *key, const char *value, char *to, size_t size, struct error *error)
{
    if (!*value || strlen(value) >= size)
        return error_set(error, "character device: the value of %s= is missing or too long", key);
    strcpy(to, value);
    return true;
}

static bool take_size(const char *value, uint64_t *size, struct error *error)
{
    char *end;
    *size = strtoull(value, &end, 10);
    if (*end == 'K' || *end == 'k' || *end == 'M')
        *size <<= *end++ == 'M' ? 20 : 10;
    return (*value >= '0' && *value <= '9' && !*end && *size && *size <= RINGBUF_MAX &&
            !(*size & (*size - 1))) ||
           error_set(error, "character device: size=%s is not a power of two up to 1 GiB", value);
}

/* -chardev checks which keys a kind has; here all of them are known. */
static bool take_key(struct chardev_config *config, const char *key, const char *value, struct error *error)
{
    const struct {
        const char *key;
        bool *on;
    } switches[] = { { "server", &config->server },
                     { "wait", &config->wait },
                     { "telnet", &config->telnet },
                     { "append", &config->append },
                     { "signal", &config->signals },
                     { "logappend", &config->log_append },
                     { NULL, NULL } };
    bool off;
    for (size_t n = 0; switches[n].key; n++)
        if (strcmp(switches[n].key, key) == 0)
            return take_switch(key, value, switches[n].on, error);
    if (strcmp(key, "nowait") == 0 && take_switch(key, value, &off, error)) {
        config->wait = !off;
        return true;
    }
    if (strcmp(key, "delay") == 0 || strcmp(key, "nodelay") == 0) /* nothing is ever delayed */
        return take_switch(key, value, &off, error);
    if (strcmp(key, "logfile") == 0)
        return take_text(key, value, config->logfile, sizeof(config->logfile), error);
    if (strcmp(key, "local") == 0)
        return take_text(key, value, config->local, sizeof(config->local), error);
    if (strcmp(key, "size") == 0)
        return take_size(value, &config->size, error);
    return error_set(error,
                     "character device option '%.60s' is not known: there are server, wait, nowait, telnet, "
                     "nodelay, append, signal, logfile, logappend, local, size",
                     key);
}

static bool take_keys(const char *text, struct chardev_config *config, struct error *error)
{
    char piece[PATH_MAX + 16];
    while (*text == ',') {
        text = copy_piece(text + 1, piece, sizeof(piece));
        if (!text)
            return error_set(error, "character device: a value is too long");
        char *equals = strchr(piece, '=');
        if (equals)
            *equals = '\0';
        if (*piece && !take_key(config, piece, equals ? equals + 1 : "", error))
            return false;
    }
    return true;
}

/* ---- Descriptions -------------------------------------------------------------------------------------- */

static const char *behind_mon(const char *description)
{
    return strncmp(description, "mon:", 4) == 0 ? description + 4 : description;
}

static const struct kind *find_kind(const char *text, size_t length)
{
    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++)
        if (strlen(kinds[n].name) == length && strncmp(kinds[n].name, text, length) == 0)
            return &kinds[n];
    return NULL;
}

bool chardev_describe(const char *description, struct chardev_config *config, struct error *error)
{
    const char *text = behind_mon(description);
    size_t length = strcspn(text, ":,");
    const struct kind *kind = find_kind(text, length);
    bool addressed = text[length] == ':';
    if (!kind || addressed != kind->addressed)
        return error_set(
            error,
            "character device '%.200s' is not known: there are stdio, mon:stdio, null, pty, file:PATH, "
            "pipe:PATH, serial:PATH, tcp:HOST:PORT, telnet:HOST:PORT, unix:PATH, fd:N, udp:HOST:PORT "
            "and ringbuf",
            description);
    *config = (struct chardev_config){ .kind = kind->kind, .escapes = text != description, .wait = true };
    config->telnet = strcmp(kind->name, "telnet") == 0;
    config->signals = !config->escapes;
    config->size = RINGBUF_DEFAULT;
    text += length;
    if (addressed) {
        text = copy_piece(text + 1, config->address, sizeof(config->address));
        if (!text || !config->address[0])
            return error_set(error, "character device '%.200s': the address is missing or too long",
                             description);
    }
    return take_keys(text, config, error);
}

bool chardev_is_stdio(const char *description)
{
    const char *text = behind_mon(description);
    return strncmp(text, "stdio", 5) == 0 && (!text[5] || text[5] == ',');
}

bool chardev_has_escapes(const char *description)
{
    return behind_mon(description) != description;
}
