/* SPDX-License-Identifier: MIT
 *
 * rvive-img commit and resize, which change images in place.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/img/img.h"

#define PIECE (2u << 20) /* bytes copied at a time */

/* ---- commit -------------------------------------------------------------------------------------------- */

/* Copies the blocks that the overlay contains itself. */
static int commit_all(struct blockdev *overlay, struct blockdev *base)
{
    uint8_t *buffer = malloc(PIECE);
    int rc = buffer ? 0 : -ENOMEM;
    for (uint64_t offset = 0, run; offset < overlay->size && !rc; offset += run) {
        enum blockdev_status status;
        rc = blockdev_status(overlay, offset, overlay->size - offset, &run, &status);
        if (rc || status == BLOCKDEV_STATUS_BACKING)
            continue;
        if (status == BLOCKDEV_STATUS_ZERO) {
            rc = blockdev_write_zeroes(base, offset, run, true);
            continue;
        }
        run = run < PIECE ? run : PIECE;
        rc = blockdev_pread(overlay, buffer, run, offset);
        rc = rc ? rc : blockdev_pwrite(base, buffer, run, offset);
    }
    free(buffer);
    return rc ? rc : blockdev_flush(base);
}

/* If the base is smaller than its overlay, it grows to the overlay's size. */
static bool grow_base(struct blockdev *base, const char *path, uint64_t size, struct error *error)
{
    struct blockdev_qcow2 *q = qcow2_of(base);
    if (base->size >= size)
        return true;
    if (q)
        return qcow2_resize(q, size, error);
    return error_set(error,
                     "%s: is smaller than its overlay; enlarge it first: rvive-img resize -f raw '%s' %llu",
                     path, path, (unsigned long long)size);
}

static bool commit(struct blockdev *overlay, const char *path, bool keep, struct error *error)
{
    char full[4096];
    struct blockdev_qcow2 *q = qcow2_of(overlay);
    if (!q || !q->backing_name)
        return error_set(error, "%s: has no backing file to commit to", path);
    if (!img_path_of(path, q->backing_name, full, sizeof(full), error))
        return false;
    struct blockdev *base = img_open(full, q->backing_format, true, false, false, error);
    if (!base)
        return false;
    bool ok = grow_base(base, full, overlay->size, error);
    int rc = ok ? commit_all(overlay, base) : 0;
    blockdev_destroy(base);
    if (ok && !rc && !keep)
        rc = qcow2_make_empty(overlay);
    return rc ? error_set(error, "%s: cannot be committed to %s: %s", path, full, strerror(-rc)) : ok;
}

int img_commit(int argc, char **argv)
{
    const char *format = NULL;
    bool keep = false, quiet = false;
    struct error error;
    int option;
    while ((option = getopt(argc, argv, "f:dq")) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'd': keep = true; break;
        case 'q': quiet = true; break;
        default: return img_usage("commit");
        }
    }
    if (argc - optind != 1)
        return img_usage("commit");
    struct blockdev *overlay = img_open(argv[optind], format, true, false, true, &error);
    bool ok = overlay && commit(overlay, argv[optind], keep, &error);
    blockdev_destroy(overlay);
    if (ok && !quiet)
        printf("Image committed.\n");
    return ok ? 0 : img_fail(&error);
}

/* ---- resize -------------------------------------------------------------------------------------------- */

/* Reads the new size: absolute, or relative to the old one. */
static bool new_size(const char *text, uint64_t old, uint64_t *size, struct error *error)
{
    bool more = *text == '+', less = *text == '-';
    if (!img_parse_size(text + (more || less), size, error))
        return false;
    if (less && *size > old)
        return error_set(error, "%s: the disk has only %llu bytes", text, (unsigned long long)old);
    if (more)
        *size += old;
    if (less)
        *size = old - *size;
    return true;
}

static bool resize_raw(const char *path, uint64_t size, struct error *error)
{
    struct blockfile *file = blockfile_open(&(struct blockdev_config){ .path = path }, error);
    if (!file)
        return false;
    int rc = file->regular ? blockfile_truncate(file, size) : -ENOTSUP;
    blockfile_close(file);
    return !rc || error_set(error, "%s: cannot be resized: %s", path, strerror(-rc));
}

static bool resize(const char *path, const char *format, const char *text, bool shrink, struct error *error)
{
    uint64_t size;
    struct blockdev *blockdev = img_open(path, format, true, false, true, error);
    if (!blockdev)
        return false;
    bool ok = new_size(text, blockdev->size, &size, error);
    if (ok && size < blockdev->size && !shrink)
        ok = error_set(error, "%s: a smaller disk loses what is at its end; say --shrink if that is meant",
                       path);
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    if (ok && q)
        ok = qcow2_resize(q, size, error);
    bool raw = !q;
    blockdev_destroy(blockdev);
    return ok && raw ? resize_raw(path, size, error) : ok;
}

int img_resize(int argc, char **argv)
{
    static const struct option longs[] = { { "shrink", no_argument, NULL, 's' }, { NULL, 0, NULL, 0 } };
    const char *format = NULL;
    bool shrink = false, quiet = false;
    struct error error;
    int option;
    /* The size may begin with a minus. */
    const char *last = argc > 2 ? argv[--argc] : NULL;
    while ((option = getopt_long(argc, argv, "+f:q", longs, NULL)) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'q': quiet = true; break;
        case 's': shrink = true; break;
        default: return img_usage("resize");
        }
    }
    if (!last || argc - optind != 1)
        return img_usage("resize");
    if (!resize(argv[optind], format, last, shrink, &error))
        return img_fail(&error);
    if (!quiet)
        printf("Image resized.\n");
    return 0;
}
