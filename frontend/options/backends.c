/* SPDX-License-Identifier: MIT
 *
 * -object: what devices and servers use. Disks are in drive.c, character devices in chardev.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontend/options/fixed.h"
#include "frontend/options/options.h"

/* ---- -object ------------------------------------------------------------------------------------------- */

bool options_add_named(struct options_named *list, unsigned *count, const struct options_named *named,
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

bool options_only_keys(const struct option_pairs *pairs, const char *const *keys, const char *flag,
                       const char *instead, struct error *error)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        const char *const *key = keys;
        while (*key && strcmp(*key, pairs->pairs[i].key) != 0)
            key++;
        enum options_fixed found =
            *key ? OPTIONS_FIXED_TAKEN : options_take_fixed(flag, flag, &pairs->pairs[i], error);
        if (found == OPTIONS_FIXED_UNKNOWN)
            error_set(error, "%s: unknown option %s; there are: %s", flag, pairs->pairs[i].key, instead);
        if (found != OPTIONS_FIXED_TAKEN)
            return false;
    }
    return true;
}

/* RFC 4648, section 4; lines may end anywhere. False: it is something else, has a NUL, or is too long. */
static bool decode_base64(const char *from, char *to, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, count = 0, padding = 0;
    size_t length = 0;
    for (; *from; from++) {
        const char *digit = strchr(digits, *from);
        if (*from == '\r' || *from == '\n')
            continue;
        padding += *from == '=';
        if (*from == '=' ? padding > 2 : !digit || padding)
            return false;
        bits = bits << 6 | (digit ? (unsigned)(digit - digits) : 0);
        if (++count % 4)
            continue;
        for (unsigned n = 0; n < 3 - padding; n++, length++) {
            if (length + 1 >= size || !(bits >> (16 - 8 * n) & 255))
                return false;
            to[length] = (char)(bits >> (16 - 8 * n) & 255);
        }
        bits = 0;
    }
    to[length] = 0;
    return count % 4 == 0;
}

/* As in QEMU: either the secret itself (which others see in the list of processes), or a file that holds
 * it. */
static bool take_secret(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const keys[] = { "qom-type", "id", "data", "file", "format", NULL };
    const char *data = option_pairs_get(pairs, "data"), *file = option_pairs_get(pairs, "file");
    const char *format = option_pairs_get(pairs, "format");
    if (!options_only_keys(pairs, keys, "-object secret", "id, data, file, format", error))
        return false;
    if (!data == !file)
        return error_set(error, "-object secret: one of data=TEXT and file=PATH is needed");
    bool coded = format && strcmp(format, "base64") == 0;
    if (format && !coded && strcmp(format, "raw") != 0)
        return options_bad_value(error, "-object secret,format", format, "raw, base64");
    char value[4100], text[4096];
    if (coded && data && !decode_base64(data, text, sizeof(text)))
        return error_set(error, "-object secret,format=base64: data= is not base64, or too long");
    if (coded && data)
        data = text;
    char kind = data ? '=' : coded ? '%' : '@';
    if (snprintf(value, sizeof(value), "%c%s", kind, data ? data : file) >= (int)sizeof(value))
        return error_set(error, "-object secret: it is too long");
    explicit_bzero(text, sizeof(text));
    struct options_named named = { .id = option_pairs_get(pairs, "id"),
                                   .value = option_strings_add(&options->strings, value, strlen(value)) };
    explicit_bzero(value, sizeof(value));
    if (!named.value)
        return error_set(error, "-object secret: out of memory");
    return options_add_named(options->secrets, &options->secret_count, &named, "-object secret", error);
}

bool options_read_secret(const struct options *options, const char *id, char *text, size_t size,
                         struct error *error)
{
    const struct options_named *named = options_find_named(options->secrets, options->secret_count, id);
    if (!named)
        return error_set(error, "there is no -object secret,id=%s", id);
    snprintf(text, size, "%s", named->value + 1);
    bool coded = named->value[0] == '%';
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
    if (ok && coded)
        return decode_base64(text, text, size) ||
               error_set(error, "-object secret,id=%s: %s: not base64", id, named->value + 1);
    text[strcspn(text, "\r\n")] = 0; /* editors end a file in this way */
    return ok;
}

/* As in QEMU, for servers. */
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
    if (!options_only_keys(pairs, keys, "-object tls-creds-x509", "id, dir, endpoint, verify-peer, priority",
                           error))
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

/* Accepted: disks have threads of their own. */
static bool take_iothread(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const keys[] = { "qom-type",
                                        "id",
                                        "poll-max-ns",
                                        "poll-grow",
                                        "poll-shrink",
                                        "aio-max-batch",
                                        "thread-pool-min",
                                        "thread-pool-max",
                                        NULL };
    struct options_named named = { .id = option_pairs_get(pairs, "id") };
    return options_only_keys(pairs, keys, "-object iothread", "id", error) &&
           options_add_named(options->iothreads, &options->iothread_count, &named, "-object iothread", error);
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
    if (type && strncmp(type, "memory-backend-", 15) == 0 &&
        (strcmp(type + 15, "ram") == 0 || strcmp(type + 15, "file") == 0 || strcmp(type + 15, "memfd") == 0))
        return options_take_memory_backend(options, type, &pairs, error);
    if (type && strcmp(type, "iothread") == 0)
        return take_iothread(options, &pairs, error);
    bool builtin = type && strcmp(type, "rng-builtin") == 0;
    if (!builtin && (!type || strcmp(type, "rng-random") != 0))
        return options_bad_value(
            error, "-object", type,
            "rng-random, rng-builtin, filter-dump, secret, tls-creds-x509, memory-backend-ram, "
            "memory-backend-file, memory-backend-memfd, iothread");
    struct options_named named = { .id = option_pairs_get(&pairs, "id"),
                                   .value = option_pairs_get(&pairs, "filename") };
    if (!builtin && !named.value)
        named.value = "/dev/urandom";
    return options_only_keys(&pairs, keys, "-object rng-random", "id, filename", error) &&
           options_add_named(options->rngs, &options->rng_count, &named, "-object rng-random", error);
}
