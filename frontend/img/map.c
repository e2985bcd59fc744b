/* SPDX-License-Identifier: MIT
 *
 * rvive-img map: where in which file the bytes of a disk are, as qemu-img prints it. The disk is cut into
 * ranges that are alike; ranges that continue each other become one.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontend/img/img.h"

/* Narrows a range that is stored in a file: a hole of the file reads as zeros. */
static void look_at_file(struct blockfile *file, struct img_range *range)
{
    uint64_t run;
    if (!blockfile_is_data(file, range->offset, range->length, &run))
        range->zero = true;
    if (run < range->length)
        range->length = run;
}

/* [q->lock]. *below: the image has nothing there itself. */
static int look_at_qcow2(struct blockdev_qcow2 *q, struct img_range *range, bool *below)
{
    struct qcow2_extent extent;
    int rc = qcow2_lookup(q, range->start, range->length, &extent);
    if (rc)
        return rc;
    range->length = extent.bytes;
    *below = extent.kind == QCOW2_KIND_NONE;
    range->present = !*below;
    range->zero = extent.kind == QCOW2_KIND_ZERO;
    range->data = extent.kind == QCOW2_KIND_DATA || extent.kind == QCOW2_KIND_COMPRESSED;
    range->compressed = extent.kind == QCOW2_KIND_COMPRESSED;
    uint64_t host = extent.entry & QCOW2_OFFSET_MASK, within = range->start & (q->cluster_size - 1);
    if (range->zero && host && range->length > q->cluster_size - within) /* they need not lie in a row */
        range->length = q->cluster_size - within;
    range->placed = extent.kind == QCOW2_KIND_DATA || (range->zero && host);
    range->offset = extent.kind == QCOW2_KIND_DATA ? extent.host : host + within;
    return 0;
}

/* What one image of the chain has there. *below: nothing itself. */
static int look_at(struct blockdev *blockdev, struct img_range *range, bool *below)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    int rc = 0;
    *below = false;
    if (q) {
        pthread_mutex_lock(&q->lock);
        rc = look_at_qcow2(q, range, below);
        pthread_mutex_unlock(&q->lock);
        if (!rc && range->data && range->placed)
            look_at_file(q->file, range);
        return rc;
    }
    range->present = range->placed = true;
    range->offset = range->start;
    look_at_file(blockdev->ops->file(blockdev), range);
    range->data = !range->zero;
    return 0;
}

int img_look(struct blockdev *blockdev, const char *path, struct img_range *range)
{
    bool below = true;
    for (unsigned depth = 0; below; depth++) {
        *range = (struct img_range){ .start = range->start, .length = range->length, .depth = depth };
        range->path = depth ? blockdev->ops->file(blockdev)->path : path;
        int rc = look_at(blockdev, range, &below);
        struct blockdev_qcow2 *q = qcow2_of(blockdev);
        struct blockdev *next = below && q ? q->backing : NULL;
        if (rc || !below)
            return rc;
        if (!next || range->start >= next->size) {
            range->zero = true; /* there is nothing below */
            return 0;
        }
        if (range->length > next->size - range->start)
            range->length = next->size - range->start;
        blockdev = next;
    }
    return 0;
}

static bool continues(const struct img_range *a, const struct img_range *b)
{
    return a->depth == b->depth && a->present == b->present && a->zero == b->zero && a->data == b->data &&
           a->compressed == b->compressed && a->placed == b->placed &&
           (!a->placed || a->offset + a->length == b->offset);
}

static const char *yes(bool value)
{
    return value ? "true" : "false";
}

/* For people only what is stored and not zero. False: it has no place in a file. */
static bool print_human(const struct img_range *r)
{
    if (!r->data || r->zero)
        return true;
    if (!r->placed)
        return false;
    printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", r->start, r->length, r->offset, r->path);
    return true;
}

static void print_json(const struct img_range *r, bool last)
{
    printf("{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, \"present\": %s, \"zero\": %s, "
           "\"data\": %s, \"compressed\": %s",
           r->start, r->length, r->depth, yes(r->present), yes(r->zero), yes(r->data), yes(r->compressed));
    if (r->placed)
        printf(", \"offset\": %" PRIu64, r->offset);
    printf(last ? "}" : "},\n");
}

static int map(struct blockdev *blockdev, const char *path, uint64_t start, uint64_t end, bool json)
{
    struct img_range range = { .length = 0 }, next;
    bool any = false;
    for (uint64_t at = start; at <= end;) {
        next = (struct img_range){ .start = at, .length = end - at };
        int rc = at < end ? img_look(blockdev, path, &next) : 0;
        if (rc)
            return img_failf("%s: cannot be read: %s", path, strerror(-rc));
        bool last = at == end;
        at += last ? 1 : next.length;
        if (!last && any && continues(&range, &next)) {
            range.length += next.length;
            continue;
        }
        if (any && json)
            print_json(&range, last);
        else if (any && !print_human(&range))
            return img_failf("File contains external, encrypted or compressed clusters.");
        range = next;
        any = true;
    }
    return 0;
}

static int open_and_map(const char *path, const char *format, bool shared, uint64_t start, uint64_t length,
                        bool json)
{
    struct error error;
    struct blockdev *blockdev = img_open(path, format, false, shared, false, &error);
    if (!blockdev)
        return img_fail(&error);
    uint64_t end =
        start < blockdev->size && length < blockdev->size - start ? start + length : blockdev->size;
    printf(json ? "[" : "%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    int status = start <= end ? map(blockdev, path, start, end, json) : 0;
    if (json)
        printf("]\n");
    blockdev_destroy(blockdev);
    return status;
}

int img_map(int argc, char **argv)
{
    static const struct option longs[] = {
        { "output", required_argument, NULL, 'o' },
        { "start-offset", required_argument, NULL, 's' },
        { "max-length", required_argument, NULL, 'l' },
        { "force-share", no_argument, NULL, 'U' },
        { NULL, 0, NULL, 0 },
    };
    const char *format = NULL;
    uint64_t start = 0, length = UINT64_MAX;
    bool json = false, shared = false;
    struct error error;
    int option;
    while ((option = getopt_long(argc, argv, "f:s:l:U", longs, NULL)) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'U': shared = true; break;
        case 's':
        case 'l':
            if (!img_parse_bytes(optarg, option == 's' ? &start : &length, &error))
                return img_fail(&error);
            break;
        case 'o':
            if (!img_parse_output(optarg, &json))
                return 1;
            break;
        default: return img_usage("map");
        }
    }
    if (argc - optind != 1)
        return img_usage("map");
    return open_and_map(argv[optind], format, shared, start, length, json);
}
