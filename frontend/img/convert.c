/* SPDX-License-Identifier: MIT
 *
 * rvive-img convert: copies a disk into a new image. Zeros are not written, whether the source knows them to
 * be zeros or they are found while reading.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/img/img.h"

#define PIECE   (2u << 20) /* bytes read at a time: a multiple of every cluster size */
#define GRANULE 4096u      /* zeros are looked for in units of this */

struct conversion {
    struct blockdev *from, *to;
    bool compress, skip_zeroes, progress;
    uint8_t *buffer;
};

static int copy_compressed(struct conversion *c, uint64_t offset, uint64_t length)
{
    struct blockdev_qcow2 *q = qcow2_of(c->to);
    for (uint64_t at = 0; at < length; at += q->cluster_size) {
        uint64_t part = length - at < q->cluster_size ? length - at : q->cluster_size;
        if (blockdev_is_zero(c->buffer + at, part))
            continue;
        int rc = -ENOSPC;
        if (part < q->cluster_size) /* the disk ends here, so the cluster is filled with zeros */
            memset(c->buffer + at + part, 0, q->cluster_size - part);
        rc = qcow2_write_compressed(c->to, offset + at, c->buffer + at);
        if (rc == -ENOSPC)
            rc = blockdev_pwrite(c->to, c->buffer + at, part, offset + at);
        if (rc)
            return rc;
    }
    return 0;
}

/* Writes runs of bytes that are not zero. */
static int copy_plain(struct conversion *c, uint64_t offset, uint64_t length)
{
    uint64_t at = 0;
    while (at < length) {
        uint64_t unit = length - at < GRANULE ? length - at : GRANULE;
        bool zero = blockdev_is_zero(c->buffer + at, unit);
        uint64_t end = at + unit;
        while (end < length) {
            unit = length - end < GRANULE ? length - end : GRANULE;
            if (blockdev_is_zero(c->buffer + end, unit) != zero)
                break;
            end += unit;
        }
        int rc = 0;
        if (!zero)
            rc = blockdev_pwrite(c->to, c->buffer + at, end - at, offset + at);
        else if (!c->skip_zeroes)
            rc = blockdev_write_zeroes(c->to, offset + at, end - at, true);
        if (rc)
            return rc;
        at = end;
    }
    return 0;
}

static int copy_all(struct conversion *c)
{
    for (uint64_t offset = 0, run; offset < c->from->size; offset += run) {
        enum blockdev_status status;
        int rc = blockdev_status(c->from, offset, c->from->size - offset, &run, &status);
        if (rc)
            return rc;
        bool zero = status == BLOCKDEV_STATUS_ZERO;
        /* The pieces begin at clusters of the output. */
        uint64_t left = PIECE - offset % PIECE;
        if (!zero || run < left)
            run = left < c->from->size - offset ? left : c->from->size - offset, zero = false;
        else
            run -= (offset + run) % PIECE;
        if (zero && !c->skip_zeroes)
            rc = blockdev_write_zeroes(c->to, offset, run, true);
        if (!zero) {
            rc = blockdev_pread(c->from, c->buffer, run, offset);
            rc = rc ? rc : c->compress ? copy_compressed(c, offset, run) : copy_plain(c, offset, run);
        }
        if (rc)
            return rc;
        if (c->progress)
            fprintf(stderr, "\r    (%.2f/100%%)", 100.0 * (double)(offset + run) / (double)c->from->size);
    }
    if (c->progress)
        fputc('\n', stderr);
    return blockdev_flush(c->to);
}

struct arguments {
    const char *format, *out_format, *backing, *backing_format, *options;
    bool compress, existing, quiet, progress, shared;
    const char *from, *to;
};

static bool open_output(struct conversion *c, const struct arguments *a, struct error *error)
{
    if (!a->existing && !img_make(a->to, a->out_format, a->options, c->from->size ? c->from->size : 0,
                                  a->backing, a->backing_format, false, true, error))
        return false;
    c->to = img_open(a->to, a->out_format, true, false, false, error);
    if (!c->to)
        return false;
    if (c->to->size < c->from->size)
        return error_set(error, "%s: is smaller than %s", a->to, a->from);
    if (c->compress && !qcow2_of(c->to))
        return error_set(error, "-c: only qcow2 images are compressed (-O qcow2)");
    c->skip_zeroes = !a->existing && !a->backing;
    return true;
}

static int convert(const struct arguments *a)
{
    struct conversion c = { .compress = a->compress, .progress = a->progress };
    struct error error;
    int rc = 0;
    c.buffer = malloc(PIECE);
    c.from = img_open(a->from, a->format, false, a->shared, false, &error);
    bool ok = c.from && c.buffer && open_output(&c, a, &error);
    if (c.from && !c.buffer)
        error_set(&error, "out of memory");
    if (ok)
        rc = copy_all(&c);
    if (rc)
        ok = error_set(&error, "%s could not be copied to %s: %s", a->from, a->to, strerror(-rc));
    blockdev_destroy(c.to);
    blockdev_destroy(c.from);
    free(c.buffer);
    return ok ? 0 : img_fail(&error);
}

int img_convert(int argc, char **argv)
{
    static const struct option longs[] = { { "force-share", no_argument, NULL, 'U' }, { NULL, 0, NULL, 0 } };
    struct arguments a = { .out_format = "raw" };
    int option;
    while ((option = getopt_long(argc, argv, "cnpqUf:O:B:F:o:", longs, NULL)) != -1) {
        switch (option) {
        case 'c': a.compress = true; break;
        case 'n': a.existing = true; break;
        case 'p': a.progress = true; break;
        case 'q': a.quiet = true; break;
        case 'U': a.shared = true; break;
        case 'f': a.format = optarg; break;
        case 'O': a.out_format = optarg; break;
        case 'B': a.backing = optarg; break;
        case 'F': a.backing_format = optarg; break;
        case 'o': a.options = optarg; break;
        default: return img_usage("convert");
        }
    }
    if (argc - optind != 2)
        return img_usage("convert");
    a.from = argv[optind];
    a.to = argv[optind + 1];
    a.progress = a.progress && !a.quiet;
    return convert(&a);
}
