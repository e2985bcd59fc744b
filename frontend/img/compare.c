/* SPDX-License-Identifier: MIT
 *
 * rvive-img compare: are two disks the same for a guest? A disk that is shorter counts as zeros beyond its
 * end. The status is 0 if they are, 1 if not, and more if one of them cannot be read.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/img/img.h"

#define PIECE (2u << 20) /* bytes read at a time */

enum { SAME = 0, DIFFERENT = 1, NOT_OPEN = 2, NOT_READ = 4 };

struct comparison {
    struct blockdev *disks[2];
    uint8_t *buffers[2];
    bool strict, quiet, progress;
};

/* The part of [offset, offset + length) that the disk has, then zeros. */
static int read_padded(struct blockdev *disk, uint8_t *bytes, uint64_t length, uint64_t offset)
{
    uint64_t there = offset < disk->size ? disk->size - offset : 0;
    there = there < length ? there : length;
    memset(bytes + there, 0, length - there);
    return there ? blockdev_pread(disk, bytes, there, offset) : 0;
}

/* What is known without reading: at most *run bytes. Beyond its end a disk is zero, and nothing is stored. */
static int known(struct blockdev *disk, uint64_t offset, uint64_t *run, struct img_range *range)
{
    *range = (struct img_range){ .start = offset, .length = *run, .zero = true };
    if (offset >= disk->size)
        return 0;
    if (range->length > disk->size - offset)
        range->length = disk->size - offset;
    int rc = img_look(disk, "", range);
    *run = range->length;
    return rc;
}

/* Is there the same, and stored in the same way? */
static bool alike(const struct img_range *a, const struct img_range *b)
{
    return a->zero == b->zero && a->present == b->present && a->data == b->data && a->placed == b->placed;
}

static int differ(const struct comparison *c, const char *format, uint64_t offset)
{
    if (!c->quiet)
        printf(format, (unsigned long long)offset);
    return DIFFERENT;
}

/* Compares bytes that were read, by sectors. */
static int compare_read(const struct comparison *c, uint64_t offset, uint64_t length)
{
    for (uint64_t at = 0; at < length; at += BLOCKDEV_SECTOR) {
        uint64_t part = length - at < BLOCKDEV_SECTOR ? length - at : BLOCKDEV_SECTOR;
        if (memcmp(c->buffers[0] + at, c->buffers[1] + at, part) != 0)
            return differ(c, "Content mismatch at offset %llu!\n", offset + at);
    }
    return SAME;
}

/* Compares from `offset` on; *run becomes how much it was. */
static int compare_some(const struct comparison *c, uint64_t offset, uint64_t *run)
{
    struct img_range ranges[2];
    for (unsigned n = 0; n < 2; n++) {
        int rc = known(c->disks[n], offset, run, &ranges[n]);
        if (rc)
            return img_failf("Error while reading offset %llu: %s", (unsigned long long)offset,
                             strerror(-rc)),
                   NOT_READ;
    }
    if (c->strict && !alike(&ranges[0], &ranges[1]))
        return differ(c, "Strict mode: Offset %llu block status mismatch!\n", offset);
    if (ranges[0].zero && ranges[1].zero)
        return SAME;
    *run = *run < PIECE ? *run : PIECE;
    for (unsigned n = 0; n < 2; n++) {
        int rc = read_padded(c->disks[n], c->buffers[n], *run, offset);
        if (rc)
            return img_failf("Error while reading offset %llu: %s", (unsigned long long)offset,
                             strerror(-rc)),
                   NOT_READ;
    }
    return compare_read(c, offset, *run);
}

static int compare(const struct comparison *c)
{
    uint64_t sizes[2] = { c->disks[0]->size, c->disks[1]->size };
    uint64_t all = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
    if (sizes[0] != sizes[1] && c->strict)
        return differ(c, "Strict mode: Image size mismatch!\n", 0);
    int status = SAME;
    for (uint64_t offset = 0, run; offset < all && status == SAME; offset += run) {
        run = all - offset;
        status = compare_some(c, offset, &run);
        if (c->progress)
            fprintf(stderr, "\r    (%.2f/100%%)", 100.0 * (double)(offset + run) / (double)all);
    }
    if (c->progress)
        fputc('\n', stderr);
    if (status != SAME)
        return status;
    if (sizes[0] != sizes[1] && !c->quiet)
        printf("Warning: Image size mismatch!\n");
    if (!c->quiet)
        printf("Images are identical.\n");
    return SAME;
}

int img_compare(int argc, char **argv)
{
    static const struct option longs[] = { { "force-share", no_argument, NULL, 'U' }, { NULL, 0, NULL, 0 } };
    struct comparison c = { .strict = false };
    const char *formats[2] = { NULL, NULL };
    bool shared = false;
    struct error error;
    int option, status = SAME;
    while ((option = getopt_long(argc, argv, "f:F:pqsU", longs, NULL)) != -1) {
        switch (option) {
        case 'f': formats[0] = optarg; break;
        case 'F': formats[1] = optarg; break;
        case 'p': c.progress = true; break;
        case 'q': c.quiet = true; break;
        case 's': c.strict = true; break;
        case 'U': shared = true; break;
        default: return img_usage("compare"), NOT_OPEN;
        }
    }
    if (argc - optind != 2)
        return img_usage("compare"), NOT_OPEN;
    c.progress = c.progress && !c.quiet;
    for (unsigned n = 0; n < 2 && status == SAME; n++) {
        c.buffers[n] = malloc(PIECE);
        c.disks[n] = img_open(argv[optind + (int)n], formats[n], false, shared, false, &error);
        if (!c.disks[n])
            status = (img_fail(&error), NOT_OPEN);
        else if (!c.buffers[n])
            status = (img_failf("out of memory"), NOT_OPEN);
    }
    status = status == SAME ? compare(&c) : status;
    for (unsigned n = 0; n < 2; n++) {
        blockdev_destroy(c.disks[n]);
        free(c.buffers[n]);
    }
    return status;
}
