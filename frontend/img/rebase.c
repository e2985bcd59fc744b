/* SPDX-License-Identifier: MIT
 *
 * rvive-img rebase and amend: another backing file, and other properties, for a qcow2 image.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/img/img.h"
#include "frontend/options/text.h"

#define PIECE (2u << 20) /* bytes compared at a time: a multiple of every cluster size */

/* ---- rebase -------------------------------------------------------------------------------------------- */

struct rebase {
    struct blockdev *overlay; /* with its old backing file */
    struct blockdev *below;   /* the new one; NULL: none */
    uint8_t *old, *new;
    bool progress;
};

/* Whether the overlay itself holds nothing at `offset`, and for how many bytes that is so. */
static int is_hole(struct blockdev *overlay, uint64_t offset, uint64_t *run, bool *hole)
{
    struct blockdev_qcow2 *q = qcow2_of(overlay);
    struct qcow2_extent extent;
    pthread_mutex_lock(&q->lock);
    int rc = qcow2_lookup(q, offset, overlay->size - offset, &extent);
    pthread_mutex_unlock(&q->lock);
    *run = extent.bytes;
    *hole = extent.kind == QCOW2_KIND_NONE;
    return rc;
}

static int read_below(struct blockdev *below, uint8_t *bytes, uint64_t length, uint64_t offset)
{
    uint64_t there = below && offset < below->size ? below->size - offset : 0;
    there = there < length ? there : length;
    memset(bytes + there, 0, length - there);
    return there ? blockdev_pread(below, bytes, there, offset) : 0;
}

/* Stores in the overlay those clusters that the new backing file would change. */
static int keep_piece(const struct rebase *r, uint64_t offset, uint64_t length)
{
    uint64_t cluster = qcow2_of(r->overlay)->cluster_size;
    int rc = blockdev_pread(r->overlay, r->old, length, offset);
    rc = rc ? rc : read_below(r->below, r->new, length, offset);
    for (uint64_t at = 0; at < length && !rc; at += cluster) {
        uint64_t part = length - at < cluster ? length - at : cluster;
        if (memcmp(r->old + at, r->new + at, part) == 0)
            continue;
        rc = blockdev_is_zero(r->old + at, part)
                 ? blockdev_write_zeroes(r->overlay, offset + at, part, false)
                 : blockdev_pwrite(r->overlay, r->old + at, part, offset + at);
    }
    return rc;
}

static int keep_all(const struct rebase *r)
{
    int rc = 0;
    for (uint64_t offset = 0, run; offset < r->overlay->size && !rc; offset += run) {
        bool hole;
        rc = is_hole(r->overlay, offset, &run, &hole);
        uint64_t left = PIECE - offset % PIECE;
        if (!rc && hole) {
            run = run < left ? run : left;
            rc = keep_piece(r, offset, run);
        }
        if (r->progress)
            fprintf(stderr, "\r    (%.2f/100%%)", 100.0 * (double)(offset + run) / (double)r->overlay->size);
    }
    if (r->progress)
        fputc('\n', stderr);
    return rc ? rc : blockdev_flush(r->overlay);
}

struct rebase_arguments {
    const char *path, *format, *backing, *backing_format;
    bool unsafe, progress;
};

/* Makes the disk read the same with the new backing file. */
static bool keep(const struct rebase_arguments *a, struct blockdev *overlay, struct error *error)
{
    struct rebase r = { .overlay = overlay, .progress = a->progress };
    char full[4096];
    if (*a->backing && (!img_path_of(a->path, a->backing, full, sizeof(full), error) ||
                        !(r.below = img_open(full, a->backing_format, false, false, false, error))))
        return false;
    r.old = malloc(PIECE);
    r.new = malloc(PIECE);
    int rc = r.old && r.new ? keep_all(&r) : -ENOMEM;
    free(r.old);
    free(r.new);
    blockdev_destroy(r.below);
    return !rc || error_set(error, "%s: cannot be rebased: %s", a->path, strerror(-rc));
}

static int rebase(const struct rebase_arguments *a)
{
    struct error error;
    struct blockdev *overlay = img_open(a->path, a->format, true, false, a->unsafe, &error);
    struct blockdev_qcow2 *q = overlay ? qcow2_of(overlay) : NULL;
    bool ok = overlay && (q || error_set(&error, "%s: only qcow2 images have a backing file", a->path));
    if (ok && !a->unsafe)
        ok = keep(a, overlay, &error);
    ok = ok && qcow2_set_backing(q, *a->backing ? a->backing : NULL, a->backing_format, &error);
    blockdev_destroy(overlay);
    return ok ? 0 : img_fail(&error);
}

int img_rebase(int argc, char **argv)
{
    struct rebase_arguments a = { .backing = NULL };
    bool quiet = false;
    int option;
    while ((option = getopt(argc, argv, "f:b:F:upq")) != -1) {
        switch (option) {
        case 'f': a.format = optarg; break;
        case 'b': a.backing = optarg; break;
        case 'F': a.backing_format = optarg; break;
        case 'u': a.unsafe = true; break;
        case 'p': a.progress = true; break;
        case 'q': quiet = true; break;
        default: return img_usage("rebase");
        }
    }
    if (argc - optind != 1 || !a.backing)
        return img_usage("rebase");
    if (*a.backing && !a.backing_format)
        return img_failf("%s: say the format of its backing file (-F raw or -F qcow2)", argv[optind]);
    if (a.backing_format && strcmp(a.backing_format, "raw") != 0 && strcmp(a.backing_format, "qcow2") != 0)
        return img_failf("-F %s: there are raw and qcow2", a.backing_format);
    a.path = argv[optind];
    a.progress = a.progress && !quiet;
    return rebase(&a);
}

/* ---- amend --------------------------------------------------------------------------------------------- */

struct amendment {
    const char *compat, *backing, *format;
    bool has_size, has_lazy, lazy;
    uint64_t size;
};

static bool take(struct amendment *a, const char *key, const char *value, struct error *error)
{
    if (strcmp(key, "compat") == 0)
        a->compat = value;
    else if (strcmp(key, "backing_file") == 0)
        a->backing = value;
    else if (strcmp(key, "backing_fmt") == 0)
        a->format = value;
    else if (strcmp(key, "size") == 0)
        return (a->has_size = img_parse_size(value, &a->size, error));
    else if (strcmp(key, "lazy_refcounts") == 0)
        return (a->has_lazy = option_parse_switch(value, &a->lazy)) ||
               error_set(error, "-o lazy_refcounts=%s: on or off", value);
    else
        return error_set(
            error,
            "-o %s: cannot be changed; there are compat=1.1, lazy_refcounts, size, backing_file, "
            "backing_fmt (rvive-img convert makes an image with other options)",
            key);
    return true;
}

/* QEMU's names of version 3, and of version 2. */
static bool is_version(const char *compat, unsigned version)
{
    return strcmp(compat, version == 3 ? "1.1" : "0.10") == 0 ||
           strcmp(compat, version == 3 ? "v3" : "v2") == 0;
}

static bool amend_compat(struct blockdev_qcow2 *q, const char *compat, struct error *error)
{
    if (is_version(compat, 3))
        return qcow2_upgrade(q, error);
    if (!is_version(compat, 2))
        return error_set(error, "-o compat=%s: there are 0.10 and 1.1", compat);
    return q->header.version == 2 ||
           error_set(error,
                     "-o compat=%s: an image cannot be made one of the older version; rvive-img convert "
                     "-o compat=0.10 makes a new one",
                     compat);
}

static bool amend(struct blockdev_qcow2 *q, const struct amendment *a, struct error *error)
{
    const char *backing = a->backing ? a->backing : q->backing_name;
    const char *format = a->format ? a->format : a->backing && !*a->backing ? NULL : q->backing_format;
    if (a->compat && !amend_compat(q, a->compat, error))
        return false;
    if (a->has_lazy && !qcow2_set_lazy(q, a->lazy, error))
        return false;
    if (a->has_size && !qcow2_resize(q, a->size, error))
        return false;
    if (!a->backing && !a->format)
        return true;
    char *name = backing && *backing ? strdup(backing) : NULL, *kind = format ? strdup(format) : NULL;
    bool ok = qcow2_set_backing(q, name, kind, error);
    free(name);
    free(kind);
    return ok;
}

int img_amend(int argc, char **argv)
{
    const char *format = NULL, *options = NULL;
    struct option_strings strings = { 0 };
    struct option_pairs pairs;
    struct amendment a = { .compat = NULL };
    struct error error;
    int option;
    while ((option = getopt(argc, argv, "f:o:pq")) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'o': options = optarg; break;
        case 'p':
        case 'q': break; /* nothing is printed */
        default: return img_usage("amend");
        }
    }
    if (argc - optind != 1 || !options)
        return img_usage("amend");
    bool ok = option_pairs_split(&pairs, &strings, options, NULL, &error);
    for (unsigned n = 0; ok && n < pairs.count; n++)
        ok = take(&a, pairs.pairs[n].key, pairs.pairs[n].value ? pairs.pairs[n].value : "on", &error);
    struct blockdev *image = ok ? img_open(argv[optind], format, true, false, true, &error) : NULL;
    struct blockdev_qcow2 *q = image ? qcow2_of(image) : NULL;
    ok = image &&
         (q ? amend(q, &a, &error) : error_set(&error, "%s: raw images have no options", argv[optind]));
    blockdev_destroy(image);
    option_strings_free(&strings);
    return ok ? 0 : img_fail(&error);
}
