/* SPDX-License-Identifier: MIT
 *
 * rvive-img create, and new images for convert.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/img/img.h"
#include "frontend/options/text.h"

/* ---- -o ------------------------------------------------------------------------------------------------ */

struct creation {
    struct qcow2_options qcow2;
    bool has_size, qcow2_only; /* qcow2_only: an option was given that raw does not have */
};

static bool take_compat(struct creation *creation, const char *value, struct error *error)
{
    creation->qcow2.version = strcmp(value, "0.10") == 0 || strcmp(value, "v2") == 0 ? 2 : 3;
    return creation->qcow2.version == 2 || strcmp(value, "1.1") == 0 || strcmp(value, "v3") == 0 ||
           error_set(error, "-o compat=%s: there are 0.10 and 1.1", value);
}

static bool take_cluster_size(struct creation *creation, const char *value, struct error *error)
{
    uint64_t bytes;
    if (!img_parse_bytes(value, &bytes, error))
        return false;
    if (bytes < 512 || bytes > 2u << 20 || bytes & (bytes - 1))
        return error_set(error, "-o cluster_size=%s: a power of two from 512 to 2M", value);
    creation->qcow2.cluster_bits = (unsigned)__builtin_ctzll(bytes);
    return true;
}

static bool take_refcount_bits(struct creation *creation, const char *value, struct error *error)
{
    uint64_t bits;
    if (!option_parse_number(value, &bits) || bits > 64)
        return error_set(error, "-o refcount_bits=%s: 1, 2, 4, 8, 16, 32 or 64", value);
    creation->qcow2.refcount_bits = (unsigned)bits;
    return true;
}

static bool take_compression(struct creation *creation, const char *value, struct error *error)
{
    creation->qcow2.zstd = strcmp(value, "zstd") == 0;
    return creation->qcow2.zstd || strcmp(value, "zlib") == 0 ||
           error_set(error, "-o compression_type=%s: there are zlib and zstd", value);
}

static bool take_option(struct creation *creation, const char *key, const char *value, struct error *error)
{
    struct qcow2_options *qcow2 = &creation->qcow2;
    if (strcmp(key, "size") == 0) {
        creation->has_size = true;
        return img_parse_size(value, &qcow2->size, error);
    }
    if (strcmp(key, "preallocation") == 0)
        return strcmp(value, "off") == 0 ||
               error_set(error, "-o preallocation=%s: Rvive has only preallocation=off", value);
    creation->qcow2_only = true;
    if (strcmp(key, "backing_file") == 0)
        qcow2->backing = value;
    else if (strcmp(key, "backing_fmt") == 0)
        qcow2->backing_format = value;
    else if (strcmp(key, "compat") == 0)
        return take_compat(creation, value, error);
    else if (strcmp(key, "cluster_size") == 0)
        return take_cluster_size(creation, value, error);
    else if (strcmp(key, "refcount_bits") == 0)
        return take_refcount_bits(creation, value, error);
    else if (strcmp(key, "compression_type") == 0)
        return take_compression(creation, value, error);
    else if (strcmp(key, "lazy_refcounts") == 0)
        return option_parse_switch(value, &qcow2->lazy_refcounts) ||
               error_set(error, "-o lazy_refcounts=%s: on or off", value);
    else
        return error_set(error,
                         "-o %s: unknown; there are size, backing_file, backing_fmt, cluster_size, compat, "
                         "refcount_bits, lazy_refcounts, compression_type, preallocation",
                         key);
    return true;
}

static bool take_options(struct creation *creation, struct option_strings *strings, const char *options,
                         struct error *error)
{
    struct option_pairs pairs;
    if (!options)
        return true;
    if (!option_pairs_split(&pairs, strings, options, NULL, error))
        return false;
    for (unsigned n = 0; n < pairs.count; n++) {
        const char *value = pairs.pairs[n].value;
        if (!take_option(creation, pairs.pairs[n].key, value ? value : "on", error))
            return false;
    }
    return true;
}

bool img_parse_options(const char *options, struct qcow2_options *qcow2, struct error *error)
{
    struct option_strings strings = { 0 };
    struct creation creation = { .qcow2 = { .version = 3, .cluster_bits = 16, .refcount_bits = 16 } };
    bool ok = take_options(&creation, &strings, options, error);
    unsigned bits = creation.qcow2.refcount_bits;
    if (ok && (!bits || bits & (bits - 1)))
        ok = error_set(error, "refcount_bits must be 1, 2, 4, 8, 16, 32 or 64");
    *qcow2 = creation.qcow2;
    qcow2->backing = qcow2->backing_format = NULL;
    option_strings_free(&strings);
    return ok;
}

/* ---- The file ------------------------------------------------------------------------------------------ */

/* Returns the size of the backing file, which is looked for where the new image will look for it. */
static bool backing_size(const char *path, const struct creation *creation, uint64_t *size,
                         struct error *error)
{
    char full[4096];
    if (!img_path_of(path, creation->qcow2.backing, full, sizeof(full), error))
        return false;
    struct blockdev *backing = img_open(full, creation->qcow2.backing_format, false, true, false, error);
    if (!backing)
        return false;
    *size = backing->size;
    blockdev_destroy(backing);
    return true;
}

static bool write_image(const char *path, const char *format, const struct creation *creation,
                        struct error *error)
{
    bool raw = strcmp(format, "raw") == 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(error, "%s: cannot be created: %s", path, strerror(errno));
    close(fd);
    struct blockfile *file = blockfile_open(&(struct blockdev_config){ .path = path }, error);
    if (!file)
        return false;
    int rc = file->regular ? blockfile_truncate(file, 0) : 0;
    if (!rc && raw && file->regular)
        rc = blockfile_truncate(file, creation->qcow2.size);
    bool ok = !rc || error_set(error, "%s: cannot be written: %s", path, strerror(-rc));
    if (ok && !raw)
        ok = qcow2_create(file, &creation->qcow2, error);
    blockfile_close(file);
    return ok;
}

static void announce(const char *path, const char *format, const struct qcow2_options *o)
{
    printf("Formatting '%s', fmt=%s", path, format);
    if (strcmp(format, "qcow2") == 0)
        printf(" cluster_size=%llu compression_type=%s", 1ull << o->cluster_bits, o->zstd ? "zstd" : "zlib");
    printf(" size=%llu", (unsigned long long)o->size);
    if (o->backing)
        printf(" backing_file=%s", o->backing);
    if (o->backing_format)
        printf(" backing_fmt=%s", o->backing_format);
    if (strcmp(format, "qcow2") == 0)
        printf(" lazy_refcounts=%s refcount_bits=%u", o->lazy_refcounts ? "on" : "off", o->refcount_bits);
    putchar('\n');
}

static bool make_with(struct creation *creation, const char *path, const char *format, bool unchecked,
                      struct error *error)
{
    struct qcow2_options *o = &creation->qcow2;
    uint64_t below = 0;
    if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
        return error_set(error, "%s: the format %s is unknown; there are raw and qcow2", path, format);
    if (strcmp(format, "raw") == 0 && (creation->qcow2_only || o->backing))
        return error_set(error, "%s: raw images have no options but size", path);
    if (o->backing && !*o->backing)
        return error_set(error, "%s: the name of its backing file is empty", path);
    if (o->backing && !o->backing_format)
        return error_set(error, "%s: say the format of its backing file (-F raw or -F qcow2)", path);
    if (o->backing && !unchecked && !backing_size(path, creation, &below, error))
        return false;
    if (!creation->has_size && (!o->backing || unchecked))
        return error_set(error, "%s: its size is missing", path);
    if (!creation->has_size)
        o->size = below;
    return write_image(path, format, creation, error);
}

bool img_make(const char *path, const char *format, const char *options, uint64_t size, const char *backing,
              const char *backing_format, bool unchecked, bool quiet, struct error *error)
{
    struct option_strings strings = { 0 };
    struct creation creation = {
        .qcow2 = { .size = size,
                   .version = 3,
                   .cluster_bits = 16,
                   .refcount_bits = 16,
                   .backing = backing,
                   .backing_format = backing_format },
        .has_size = size != 0,
    };
    bool ok = take_options(&creation, &strings, options, error) &&
              make_with(&creation, path, format, unchecked, error);
    if (ok && !quiet)
        announce(path, format, &creation.qcow2);
    option_strings_free(&strings);
    return ok;
}

int img_create(int argc, char **argv)
{
    const char *format = "raw", *backing = NULL, *backing_format = NULL, *options = NULL;
    bool quiet = false, unchecked = false;
    uint64_t size = 0;
    struct error error;
    int option;
    while ((option = getopt(argc, argv, "f:b:F:o:uq")) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'b': backing = optarg; break;
        case 'F': backing_format = optarg; break;
        case 'o': options = optarg; break;
        case 'u': unchecked = true; break;
        case 'q': quiet = true; break;
        default: return img_usage("create");
        }
    }
    if (argc - optind < 1 || argc - optind > 2)
        return img_usage("create");
    if (argc - optind == 2 && !img_parse_size(argv[optind + 1], &size, &error))
        return img_fail(&error);
    return img_make(argv[optind], format, options, size, backing, backing_format, unchecked, quiet, &error)
               ? 0
               : img_fail(&error);
}
