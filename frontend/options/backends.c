/* SPDX-License-Identifier: MIT
 *
 * -object, -chardev, -serial: what stands behind a device. Disks are in drive.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontend/options/options.h"

/* ---- -object ------------------------------------------------------------------------------------------- */

static bool add_named(struct options_named *list, unsigned *count, const struct options_named *named,
                      const char *flag, struct error *error)
{
    if (!named->id || !*named->id)
        return error_set(error, "%s: id=ID is missing", flag);
    for (unsigned i = 0; i < *count; i++) {
        if (strcmp(list[i].id, named->id) == 0)
            return error_set(error, "%s: the id %s is taken by another one", flag, named->id);
    }
    if (*count == OPTIONS_ITEMS_MAX)
        return error_set(error, "%s: too many of them", flag);
    list[(*count)++] = *named;
    return true;
}

static bool only_keys(const struct option_pairs *pairs, const char *const *keys, const char *flag,
                      const char *instead, struct error *error)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        const char *const *key = keys;
        while (*key && strcmp(*key, pairs->pairs[i].key) != 0)
            key++;
        if (!*key)
            return error_set(error, "%s: unknown option %s; there are: %s", flag, pairs->pairs[i].key,
                             instead);
    }
    return true;
}

/* As QEMU's: the secret itself (which others see in the list of processes), or a file that holds it. */
static bool take_secret(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const keys[] = { "qom-type", "id", "data", "file", "format", NULL };
    const char *data = option_pairs_get(pairs, "data"), *file = option_pairs_get(pairs, "file");
    const char *format = option_pairs_get(pairs, "format");
    if (!only_keys(pairs, keys, "-object secret", "id, data, file, format", error))
        return false;
    if (!data == !file)
        return error_set(error, "-object secret: one of data=TEXT and file=PATH is needed");
    if (format && strcmp(format, "raw") != 0)
        return options_bad_value(error, "-object secret,format", format, "raw");
    char value[4100];
    if (snprintf(value, sizeof(value), "%c%s", data ? '=' : '@', data ? data : file) >= (int)sizeof(value))
        return error_set(error, "-object secret: it is too long");
    struct options_named named = { .id = option_pairs_get(pairs, "id"),
                                   .value = option_strings_add(&options->strings, value, strlen(value)) };
    explicit_bzero(value, sizeof(value));
    if (!named.value)
        return error_set(error, "-object secret: out of memory");
    return add_named(options->secrets, &options->secret_count, &named, "-object secret", error);
}

bool options_read_secret(const struct options *options, const char *id, char *text, size_t size,
                         struct error *error)
{
    const struct options_named *named = options_find_named(options->secrets, options->secret_count, id);
    if (!named)
        return error_set(error, "there is no -object secret,id=%s", id);
    snprintf(text, size, "%s", named->value + 1);
    if (named->value[0] == '=')
        return true;
    FILE *file = fopen(named->value + 1, "re");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;
    bool ok = file && !ferror(file);
    if (!ok)
        error_set(error, "-object secret,id=%s: %s: %s", id, named->value + 1, strerror(errno));
    if (file)
        fclose(file);
    text[length] = 0;
    text[strcspn(text, "\r\n")] = 0; /* as an editor ends a file */
    return ok;
}

/* As QEMU's, for servers. */
static bool take_tls(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const keys[] = {
        "qom-type", "id", "dir", "endpoint", "verify-peer", "priority", NULL
    };
    const char *endpoint = option_pairs_get(pairs, "endpoint"),
               *verify = option_pairs_get(pairs, "verify-peer");
    struct options_tls tls = { .id = option_pairs_get(pairs, "id"),
                               .dir = option_pairs_get(pairs, "dir"),
                               .priority = option_pairs_get(pairs, "priority") };
    bool verifies = true;
    if (!only_keys(pairs, keys, "-object tls-creds-x509", "id, dir, endpoint, verify-peer, priority", error))
        return false;
    if (!endpoint || strcmp(endpoint, "server") != 0)
        return options_bad_value(error, "-object tls-creds-x509,endpoint", endpoint, "server");
    if (!tls.dir || !*tls.dir)
        return error_set(error, "-object tls-creds-x509: dir=FOLDER is missing");
    if (!tls.id || !*tls.id)
        return error_set(error, "-object tls-creds-x509: id=ID is missing");
    if (verify && !option_parse_switch(verify, &verifies))
        return options_bad_value(error, "-object tls-creds-x509,verify-peer", verify, "on, off");
    tls.any_peer = !verifies;
    if (options_find_tls(options, tls.id))
        return error_set(error, "-object tls-creds-x509: the id %s is taken by another one", tls.id);
    if (options->tls_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-object tls-creds-x509: too many of them");
    options->tls[options->tls_count++] = tls;
    return true;
}

const struct options_tls *options_find_tls(const struct options *options, const char *id)
{
    for (unsigned n = 0; n < options->tls_count; n++) {
        if (strcmp(options->tls[n].id, id) == 0)
            return &options->tls[n];
    }
    return NULL;
}

bool options_take_object(struct options *options, const char *argument, struct error *error)
{
    static const char *const keys[] = { "qom-type", "id", "filename", NULL };
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "qom-type", error))
        return false;
    const char *type = option_pairs_get(&pairs, "qom-type");
    if (type && strcmp(type, "filter-dump") == 0)
        return options_take_filter_dump(options, &pairs, error);
    if (type && strcmp(type, "secret") == 0)
        return take_secret(options, &pairs, error);
    if (type && strcmp(type, "tls-creds-x509") == 0)
        return take_tls(options, &pairs, error);
    bool builtin = type && strcmp(type, "rng-builtin") == 0;
    if (!builtin && (!type || strcmp(type, "rng-random") != 0))
        return options_bad_value(error, "-object", type,
                                 "rng-random, rng-builtin, filter-dump, secret, tls-creds-x509");
    struct options_named named = { .id = option_pairs_get(&pairs, "id"),
                                   .value = option_pairs_get(&pairs, "filename") };
    if (!builtin && !named.value)
        named.value = "/dev/urandom";
    return only_keys(&pairs, keys, "-object rng-random", "id, filename", error) &&
           add_named(options->rngs, &options->rng_count, &named, "-object rng-random", error);
}

/* ---- -chardev ------------------------------------------------------------------------------------------ */

static bool describe_socket(const struct option_pairs *pairs, char *text, size_t size, struct error *error)
{
    const char *path = option_pairs_get(pairs, "path"), *host = option_pairs_get(pairs, "host");
    const char *port = option_pairs_get(pairs, "port");
    const char *server = option_pairs_get(pairs, "server"), *wait = option_pairs_get(pairs, "wait");
    bool serves = false, waits = true;
    if (!path && !port)
        return error_set(error, "-chardev socket: path=PATH, or host=HOST and port=PORT, are missing");
    if (server && !option_parse_switch(*server ? server : NULL, &serves))
        return options_bad_value(error, "-chardev socket,server", server, "on, off");
    if (wait && !option_parse_switch(*wait ? wait : NULL, &waits))
        return options_bad_value(error, "-chardev socket,wait", wait, "on, off");
    if (option_pairs_get(pairs, "nowait"))
        waits = false;
    int length = path ? snprintf(text, size, "unix:%s", path)
                      : snprintf(text, size, "tcp:%s:%s", host && *host ? host : "localhost", port);
    if (length < 0 || (size_t)length + sizeof(",server,nowait") > size)
        return error_set(error, "-chardev socket: the address is too long");
    strcat(text, serves ? ",server" : "");
    strcat(text, serves && !waits ? ",nowait" : "");
    return true;
}

/* The description that chardev_open() takes. */
static bool describe_chardev(const struct option_pairs *pairs, char *text, size_t size, struct error *error)
{
    const char *backend = option_pairs_get(pairs, "backend"), *path = option_pairs_get(pairs, "path");
    const char *mux = option_pairs_get(pairs, "mux");
    bool muxed = false;
    if (mux && !option_parse_switch(*mux ? mux : NULL, &muxed))
        return options_bad_value(error, "-chardev mux", mux, "on, off");
    if (backend && strcmp(backend, "socket") == 0)
        return describe_socket(pairs, text, size, error);
    if (backend && strcmp(backend, "file") == 0) {
        if (!path || !*path)
            return error_set(error, "-chardev file: path=FILE is missing");
        return snprintf(text, size, "file:%s", path) < (int)size ||
               error_set(error, "-chardev file: the path is too long");
    }
    if (!backend ||
        (strcmp(backend, "stdio") != 0 && strcmp(backend, "pty") != 0 && strcmp(backend, "null") != 0))
        return options_bad_value(error, "-chardev", backend, "stdio, pty, null, file, socket");
    snprintf(text, size, "%s%s", muxed && strcmp(backend, "stdio") == 0 ? "mon:" : "", backend);
    return true;
}

bool options_take_chardev(struct options *options, const char *argument, struct error *error)
{
    static const char *const keys[] = { "backend", "id",   "path",   "host", "port",
                                        "server",  "wait", "nowait", "mux",  NULL };
    struct option_pairs pairs;
    char text[1024];
    if (!option_pairs_split(&pairs, &options->strings, argument, "backend", error) ||
        !only_keys(&pairs, keys, "-chardev", "id, path, host, port, server, wait, mux", error) ||
        !describe_chardev(&pairs, text, sizeof(text), error))
        return false;
    struct options_named named = { .id = option_pairs_get(&pairs, "id"),
                                   .value = option_strings_add(&options->strings, text, strlen(text)) };
    return (named.value || error_set(error, "out of memory for the options")) &&
           add_named(options->chardevs, &options->chardev_count, &named, "-chardev", error);
}

/* ---- -serial ------------------------------------------------------------------------------------------- */

bool options_take_serial(struct options *options, const char *argument, struct error *error)
{
    static const char *const whole[] = { "stdio", "mon:stdio", "pty", "null", "none", NULL };
    static const char *const prefixes[] = { "file:", "tcp:", "unix:", "chardev:", NULL };
    if (options->serial_count++)
        return error_set(error, "-serial %s: the board has one UART, and -serial was given twice", argument);
    for (const char *const *name = whole; *name; name++) {
        if (strcmp(*name, argument) == 0) {
            options->machine.serial = strcmp(argument, "none") == 0 ? "null" : argument;
            return true;
        }
    }
    for (const char *const *prefix = prefixes; *prefix; prefix++) {
        if (strncmp(argument, *prefix, strlen(*prefix)) == 0 && argument[strlen(*prefix)]) {
            options->machine.serial = argument; /* options_join() looks up chardev: */
            return true;
        }
    }
    return options_bad_value(
        error, "-serial", argument,
        "mon:stdio, stdio, file:FILE, pty, null, none, tcp:HOST:PORT, unix:PATH, chardev:ID");
}
