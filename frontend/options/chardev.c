/* SPDX-License-Identifier: MIT
 *
 * -chardev and -serial: the host's ends of serial lines. Both become descriptions as in
 * devices/char/describe.h: -chardev from its keys, -serial (and -monitor, -qmp) from QEMU's short forms.
 */
#include <stdio.h>
#include <string.h>

#include "devices/char/describe.h"
#include "frontend/options/options.h"
#include "util/log.h"

#define DESCRIPTION_MAX 9000 /* an address and a logfile, with all of their commas doubled */

/* ---- Texts --------------------------------------------------------------------------------------------- */

struct text {
    char bytes[DESCRIPTION_MAX];
    size_t length; /* DESCRIPTION_MAX: it is too long */
};

static void add_char(struct text *text, char c)
{
    if (text->length + 1 < sizeof(text->bytes))
        text->bytes[text->length++] = c;
    else
        text->length = sizeof(text->bytes);
}

static void add(struct text *text, const char *piece)
{
    for (; *piece; piece++)
        add_char(text, *piece);
}

/* Adds a value with its commas doubled. */
static void add_value(struct text *text, const char *value)
{
    for (; *value; value++) {
        add_char(text, *value);
        if (*value == ',')
            add_char(text, ',');
    }
}

/* Returns a copy that lives as long as the options, if chardev_open() would accept the description. */
static const char *keep(struct options *options, struct text *text, const char *flag, struct error *error)
{
    struct chardev_config config;
    struct error why;
    if (text->length == sizeof(text->bytes)) {
        error_set(error, "%s: too long", flag);
        return NULL;
    }
    text->bytes[text->length] = '\0';
    if (!chardev_describe(text->bytes, &config, &why)) {
        error_set(error, "%s: %s", flag, why.text);
        return NULL;
    }
    char *kept = option_strings_add(&options->strings, text->bytes, text->length);
    if (!kept)
        error_set(error, "out of memory for the options");
    return kept;
}

/* ---- -chardev ------------------------------------------------------------------------------------------ */

/* Keys that all backends have, and those of each backend. The key in `address` becomes the address. */
#define COMMON_KEYS "backend", "id", "mux", "logfile", "logappend"
static const struct backend {
    const char *name, *address;
    const char *keys[24];
} backends[] = {
    { "stdio", NULL, { COMMON_KEYS, "signal", NULL } },
    { "null", NULL, { COMMON_KEYS, NULL } },
    { "pty", NULL, { COMMON_KEYS, NULL } },
    { "file", "path", { COMMON_KEYS, "path", "append", NULL } },
    { "pipe", "path", { COMMON_KEYS, "path", NULL } },
    { "serial", "path", { COMMON_KEYS, "path", NULL } },
    { "socket",
      NULL,
      { COMMON_KEYS, "path", "host", "port", "fd", "server", "wait", "nowait", "telnet", "delay", "nodelay",
        "ipv4", "ipv6", "to", "reconnect", "reconnect-ms", "abstract", NULL } },
    { "udp", NULL, { COMMON_KEYS, "host", "port", "localaddr", "localport", "ipv4", "ipv6", NULL } },
    { "ringbuf", NULL, { COMMON_KEYS, "size", NULL } },
};
#define BACKEND_COUNT (sizeof(backends) / sizeof(backends[0]))
#define BACKEND_NAMES "stdio, null, pty, file, pipe, serial, socket, udp, ringbuf"

static const struct backend *find_backend(const char *name)
{
    static const struct {
        const char *name, *means;
    } aliases[] = { { "tty", "serial" }, { "memory", "ringbuf" }, { "vc", "null" } };
    for (size_t n = 0; n < sizeof(aliases) / sizeof(aliases[0]); n++)
        if (strcmp(name, aliases[n].name) == 0)
            name = aliases[n].means;
    for (size_t n = 0; n < BACKEND_COUNT; n++)
        if (strcmp(name, backends[n].name) == 0)
            return &backends[n];
    return NULL;
}

const char *options_chardev_kind(unsigned number)
{
    return number < BACKEND_COUNT ? backends[number].name : NULL;
}

static bool check_keys(const struct backend *backend, const struct option_pairs *pairs, const char *flag,
                       struct error *error)
{
    char known[256] = "";
    for (const char *const *key = backend->keys + 1; *key; key++)
        strcat(strcat(known, *known ? ", " : ""), *key);
    return options_only_keys(pairs, backend->keys, flag, known, error);
}

/* Checks a key for which this version has only some values. */
static bool only(const struct option_pairs *pairs, const char *key, const char *const *values,
                 const char *why, const char *flag, struct error *error)
{
    const char *value = option_pairs_get(pairs, key);
    for (; value && *values; values++)
        if (strcmp(value, *values) == 0)
            return true;
    return !value || error_set(error, "%s,%s=%s: %s", flag, key, value, why);
}

static bool check_limits(const struct option_pairs *pairs, const char *flag, struct error *error)
{
    static const char *const off[] = { "off", "no", NULL }, *const zero[] = { "0", NULL };
    static const char *const any[] = { "on", "yes", "off", "no", "", NULL };
    return only(pairs, "abstract", off, "there are sockets with a path", flag, error) &&
           only(pairs, "reconnect", zero, "a client connects once, at the start", flag, error) &&
           only(pairs, "reconnect-ms", zero, "a client connects once, at the start", flag, error) &&
           only(pairs, "to", zero, "the port is the one that is named", flag, error) &&
           only(pairs, "ipv4", any, "on or off", flag, error) &&
           only(pairs, "ipv6", any, "on or off", flag, error);
}

/* Adds HOST:PORT, with brackets if the host has colons. */
static void add_place(struct text *text, const char *host, const char *port)
{
    bool brackets = strchr(host, ':') && *host != '[';
    add(text, brackets ? "[" : "");
    add_value(text, host);
    add(text, brackets ? "]:" : ":");
    add_value(text, port);
}

static bool add_socket(struct text *text, const struct option_pairs *pairs, const char *flag,
                       struct error *error)
{
    const char *path = option_pairs_get(pairs, "path"), *host = option_pairs_get(pairs, "host");
    const char *port = option_pairs_get(pairs, "port"), *fd = option_pairs_get(pairs, "fd");
    if (!!path + !!port + !!fd != 1)
        return error_set(error, "%s: one of path=PATH, host=HOST with port=PORT, and fd=N is needed", flag);
    if (path || fd) {
        add(text, path ? "unix:" : "fd:");
        add_value(text, path ? path : fd);
        return true;
    }
    add(text, "tcp:");
    add_place(text, host && *host ? host : "localhost", port);
    return true;
}

static bool add_udp(struct text *text, const struct option_pairs *pairs, const char *flag,
                    struct error *error)
{
    const char *host = option_pairs_get(pairs, "host"), *port = option_pairs_get(pairs, "port");
    const char *local = option_pairs_get(pairs, "localaddr"), *from = option_pairs_get(pairs, "localport");
    if (!port)
        return error_set(error, "%s: port=PORT is missing", flag);
    add(text, "udp:");
    add_place(text, host && *host ? host : "localhost", port);
    if (local || from) {
        add(text, ",local=");
        add_place(text, local ? local : "", from ? from : "0");
    }
    return true;
}

/* Adds the keys that have the same name in a description. */
static void add_common(struct text *text, const struct option_pairs *pairs)
{
    static const char *const same[] = { "server", "wait",   "nowait",  "telnet",    "delay", "nodelay",
                                        "append", "signal", "logfile", "logappend", "size",  NULL };
    for (const char *const *key = same; *key; key++) {
        const char *value = option_pairs_get(pairs, *key);
        if (!value)
            continue;
        add_char(text, ',');
        add(text, *key);
        if (*value)
            add_char(text, '=');
        add_value(text, value);
    }
}

static const char *describe(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    const char *name = option_pairs_get(pairs, "backend"), *mux = option_pairs_get(pairs, "mux");
    const struct backend *backend = name ? find_backend(name) : NULL;
    struct text text = { .length = 0 };
    char flag[32];
    bool muxed = false, ok = true;
    if (!backend) {
        options_bad_value(error, "-chardev", name, BACKEND_NAMES);
        return NULL;
    }
    snprintf(flag, sizeof(flag), "-chardev %s", backend->name);
    if (!check_keys(backend, pairs, flag, error) || !check_limits(pairs, flag, error))
        return NULL;
    if (mux && !option_parse_switch(*mux ? mux : NULL, &muxed)) {
        options_bad_value(error, "-chardev mux", mux, "on, off");
        return NULL;
    }
    add(&text, muxed ? "mon:" : "");
    if (strcmp(backend->name, "socket") == 0) {
        ok = add_socket(&text, pairs, flag, error);
    } else if (strcmp(backend->name, "udp") == 0) {
        ok = add_udp(&text, pairs, flag, error);
    } else {
        const char *address = backend->address ? option_pairs_get(pairs, backend->address) : NULL;
        add(&text, backend->name);
        if (backend->address && (!address || !*address))
            ok = error_set(error, "%s: %s=%s is missing", flag, backend->address, "PATH");
        else if (address)
            add_char(&text, ':');
        add_value(&text, address ? address : "");
    }
    if (muxed && strcmp(backend->name, "stdio") == 0 && !option_pairs_get(pairs, "signal"))
        add(&text, ",signal=on"); /* as in QEMU, where only -serial mon:stdio and -nographic switch it off */
    add_common(&text, pairs);
    return ok ? keep(options, &text, flag, error) : NULL;
}

static const char *behind(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 && text[length] ? text + length : NULL;
}

/* Handles the form of QMP's chardev-add, and of -chardev with JSON: {"backend": {"type": T, "data": {"addr":
 * ...}}}. */
static void flatten_keys(struct option_pairs *pairs)
{
    static const struct {
        const char *nested, *key;
    } names[] = { { "backend.type", "backend" },
                  { "addr.type", NULL },
                  { "addr.data", "fd" },
                  { "out", "path" },
                  { "device", "path" } };
    unsigned rest = 0;
    for (unsigned n = 0; n < pairs->count; n++) {
        struct option_pair pair = pairs->pairs[n];
        const char *inner = behind(pair.key, "backend.data.");
        pair.key = inner ? inner : pair.key;
        inner = behind(pair.key, "addr.data.");
        pair.key = inner ? inner : pair.key;
        for (size_t i = 0; pair.key && i < sizeof(names) / sizeof(names[0]); i++)
            if (strcmp(pair.key, names[i].nested) == 0)
                pair.key = names[i].key;
        if (pair.key)
            pairs->pairs[rest++] = pair;
    }
    pairs->count = rest;
}

bool options_take_chardev(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "backend", error))
        return false;
    flatten_keys(&pairs);
    struct options_named named = { .id = option_pairs_get(&pairs, "id"),
                                   .value = describe(options, &pairs, error) };
    return named.value &&
           options_add_named(options->chardevs, &options->chardev_count, &named, "-chardev", error);
}

/* ---- Short forms --------------------------------------------------------------------------------------- */

/* udp:[HOST]:PORT[@[HOST]:PORT] */
static void add_short_udp(struct text *text, const char *rest)
{
    size_t length = strcspn(rest, "@");
    char peer[300];
    snprintf(peer, sizeof(peer), "%.*s", (int)length, rest);
    add(text, "udp:");
    add_value(text, peer);
    if (rest[length]) {
        add(text, ",local=");
        add_value(text, rest + length + 1);
    }
}

/* Adds the description for an argument, as it is or with its commas doubled; false: it is none of QEMU's
 * forms. */
static bool add_short(struct text *text, const char *argument)
{
    static const char *const whole[] = { "stdio", "pty", "null", "ringbuf", "memory", NULL };
    static const char *const addresses[] = { "tcp:", "telnet:", "unix:", "fd:", NULL };
    static const char *const paths[] = { "file:", "pipe:", "serial:", NULL };
    const char *rest;
    for (const char *const *name = whole; *name; name++)
        if (strcmp(*name, argument) == 0)
            return add(text, argument), true;
    for (const char *const *prefix = addresses; *prefix; prefix++)
        if (behind(argument, *prefix))
            return add(text, argument), true;
    for (const char *const *prefix = paths; *prefix; prefix++) {
        if ((rest = behind(argument, *prefix))) {
            add(text, *prefix);
            add_value(text, rest);
            return true;
        }
    }
    if ((rest = behind(argument, "udp:")))
        return add_short_udp(text, rest), true;
    if (strncmp(argument, "/dev/", 5) == 0) {
        add(text, "serial:");
        add_value(text, argument);
        return true;
    }
    return false;
}

const char *options_describe_chardev(struct options *options, const char *flag, const char *argument,
                                     struct error *error)
{
    struct text text = { .length = 0 };
    const char *rest = behind(argument, "mon:");
    char what[128];
    if (behind(argument, "chardev:"))
        return argument;
    if (strcmp(argument, "vc") == 0 || behind(argument, "vc:")) {
        log_warn("%s %s: windows have no text consoles here; the output is discarded", flag, argument);
        return "null";
    }
    add(&text, rest ? "mon:" : "");
    if (!add_short(&text, rest ? rest : argument)) {
        options_bad_value(
            error, flag, argument,
            "mon:stdio, stdio, file:FILE, pty, null, none, tcp:HOST:PORT, telnet:HOST:PORT, unix:PATH, "
            "udp:HOST:PORT, pipe:PATH, /dev/TERMINAL, chardev:ID");
        return NULL;
    }
    snprintf(what, sizeof(what), "%s %.100s", flag, argument);
    return keep(options, &text, what, error);
}

const char *options_find_chardev(const struct options *options, const char *flag, const char *chardev,
                                 struct error *error)
{
    const char *id = chardev ? behind(chardev, "chardev:") : NULL;
    if (!id)
        return chardev;
    const struct options_named *named = options_find_named(options->chardevs, options->chardev_count, id);
    if (!named)
        error_set(error, "%s %s: there is no -chardev with id=%s", flag, chardev, id);
    return named ? named->value : NULL;
}

/* The board has one UART. As in QEMU, further -serial are opened but connected to nothing. */
bool options_take_serial(struct options *options, const char *argument, struct error *error)
{
    bool none = strcmp(argument, "none") == 0;
    const char *chardev = none ? "null" : options_describe_chardev(options, "-serial", argument, error);
    if (!chardev)
        return false;
    if (options->serial_count > MACHINE_SPARE_SERIALS)
        return error_set(error, "-serial %s: more than %d of them", argument, MACHINE_SPARE_SERIALS + 1);
    if (options->serial_count++ == 0)
        options->machine.serial = chardev; /* options_join() resolves chardev:ID */
    else
        options->machine.spare_serials[options->serial_count - 2] = chardev;
    return true;
}
