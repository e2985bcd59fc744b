/* SPDX-License-Identifier: MIT
 *
 * rvive-img dd and bench: a part of a disk into a new image, and how fast a disk is.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/img/img.h"
#include "util/host_time.h"

/* ---- dd ------------------------------------------------------------------------------------------------ */

#define DD_PIECE (2u << 20) /* bytes copied at a time */

struct dd {
    const char *in, *out, *format, *out_format;
    uint64_t block, count, skip;
    bool has_count, shared;
};

static bool dd_take(struct dd *dd, const char *text, struct error *error)
{
    if (strncmp(text, "if=", 3) == 0)
        dd->in = text + 3;
    else if (strncmp(text, "of=", 3) == 0)
        dd->out = text + 3;
    else if (strncmp(text, "bs=", 3) == 0)
        return (img_parse_bytes(text + 3, &dd->block, error) && dd->block) ||
               error_set(error, "bs=: 1 or more");
    else if (strncmp(text, "count=", 6) == 0)
        return (dd->has_count = img_parse_bytes(text + 6, &dd->count, error));
    else if (strncmp(text, "skip=", 5) == 0)
        return img_parse_bytes(text + 5, &dd->skip, error);
    else
        return error_set(error, "%.60s: unknown; there are bs=, count=, skip=, if= and of=", text);
    return true;
}

/* The part of the disk: `count` blocks behind the `skip` first ones. */
static void dd_part(const struct dd *dd, uint64_t size, uint64_t *from, uint64_t *length)
{
    bool beyond = dd->skip && dd->block > size / dd->skip;
    *from = beyond ? size : dd->skip * dd->block;
    *length = size - *from;
    if (dd->has_count && (!dd->count || dd->block <= *length / dd->count))
        *length = dd->count * dd->block;
    if (beyond)
        img_failf("%s: cannot skip to specified offset", dd->in);
}

static int dd_copy(struct blockdev *from, struct blockdev *to, uint64_t skip, uint64_t length)
{
    uint8_t *buffer = malloc(DD_PIECE);
    int rc = buffer ? 0 : -ENOMEM;
    for (uint64_t at = 0, run; at < length && !rc; at += run) {
        bool zero;
        rc = img_status(from, skip + at, length - at, &run, &zero);
        if (rc || zero)
            continue;
        run = run < DD_PIECE ? run : DD_PIECE;
        rc = blockdev_pread(from, buffer, run, skip + at);
        if (!rc && !blockdev_is_zero(buffer, run))
            rc = blockdev_pwrite(to, buffer, run, at);
    }
    free(buffer);
    return rc ? rc : blockdev_flush(to);
}

static bool dd_run(const struct dd *dd, struct error *error)
{
    uint64_t skip, length;
    struct blockdev *from = img_open(dd->in, dd->format, false, dd->shared, false, error), *to = NULL;
    if (!from)
        return false;
    dd_part(dd, from->size, &skip, &length);
    char size[40];
    uint64_t whole = (length + BLOCKDEV_SECTOR - 1) / BLOCKDEV_SECTOR * BLOCKDEV_SECTOR;
    snprintf(size, sizeof(size), "size=%" PRIu64, whole);
    bool ok = img_make(dd->out, dd->out_format, size, 0, NULL, NULL, false, true, error) &&
              (to = img_open(dd->out, dd->out_format, true, false, false, error));
    int rc = ok ? dd_copy(from, to, skip, length) : 0;
    blockdev_destroy(to);
    blockdev_destroy(from);
    return rc ? error_set(error, "%s could not be copied to %s: %s", dd->in, dd->out, strerror(-rc)) : ok;
}

int img_dd(int argc, char **argv)
{
    static const struct option longs[] = { { "force-share", no_argument, NULL, 'U' }, { NULL, 0, NULL, 0 } };
    struct dd dd = { .out_format = "raw", .block = BLOCKDEV_SECTOR };
    struct error error;
    int option;
    while ((option = getopt_long(argc, argv, "f:O:U", longs, NULL)) != -1) {
        switch (option) {
        case 'f': dd.format = optarg; break;
        case 'O': dd.out_format = optarg; break;
        case 'U': dd.shared = true; break;
        default: return img_usage("dd");
        }
    }
    for (; optind < argc; optind++)
        if (!dd_take(&dd, argv[optind], &error))
            return img_fail(&error);
    if (!dd.in || !dd.out)
        return img_usage("dd");
    return dd_run(&dd, &error) ? 0 : img_fail(&error);
}

/* ---- bench --------------------------------------------------------------------------------------------- */

#define DEPTH_MAX 256u

struct bench {
    struct blockdev *disk;
    bool writes;
    uint64_t count, bytes, offset, step, flush_interval;
    unsigned pattern, depth;
    atomic_uint_fast64_t next; /* the number of the next request */
    atomic_int failed;         /* a negative errno */
};

/* Each thread has one request under way. */
static void *bench_thread(void *opaque)
{
    struct bench *b = opaque;
    uint8_t *buffer = aligned_alloc(4096, (b->bytes + 4095) / 4096 * 4096);
    uint64_t span = b->disk->size - b->bytes + BLOCKDEV_SECTOR, number;
    int rc = buffer ? 0 : -ENOMEM;
    if (buffer)
        memset(buffer, (int)b->pattern, b->bytes);
    while (!rc && !atomic_load(&b->failed) && (number = atomic_fetch_add(&b->next, 1)) < b->count) {
        uint64_t at = (b->offset + number * b->step) % span;
        rc = b->writes ? blockdev_pwrite(b->disk, buffer, b->bytes, at)
                       : blockdev_pread(b->disk, buffer, b->bytes, at);
        if (!rc && b->flush_interval && (number + 1) % b->flush_interval == 0)
            rc = blockdev_flush(b->disk);
    }
    if (rc)
        atomic_store(&b->failed, rc);
    free(buffer);
    return NULL;
}

static int bench_run(struct bench *b)
{
    pthread_t threads[DEPTH_MAX];
    unsigned started = 0;
    for (; started < b->depth && !pthread_create(&threads[started], NULL, bench_thread, b); started++)
        ;
    if (!started)
        bench_thread(b);
    for (unsigned n = 0; n < started; n++)
        pthread_join(threads[n], NULL);
    return atomic_load(&b->failed);
}

static int bench(struct bench *b, const char *path, bool quiet)
{
    const char *kind = b->writes ? "write" : "read";
    b->step = b->step ? b->step : b->bytes;
    if (b->bytes > b->disk->size || b->bytes % BLOCKDEV_SECTOR || b->step % BLOCKDEV_SECTOR ||
        b->offset % BLOCKDEV_SECTOR)
        return img_failf("%s: requests, steps and the offset are multiples of 512, within the disk", path);
    if (!quiet) {
        printf("Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %u in parallel (starting at offset "
               "%" PRIu64 ", step size %" PRIu64 ")\n",
               b->count, kind, b->bytes, b->depth, b->offset, b->step);
        if (b->flush_interval)
            printf("Sending flush every %" PRIu64 " requests\n", b->flush_interval);
    }
    uint64_t began = host_now_ns();
    int rc = bench_run(b);
    double seconds = (double)(host_now_ns() - began) / 1e9;
    if (rc)
        return img_failf("%s: a %s failed: %s", path, kind, strerror(-rc));
    if (!quiet)
        printf("Run completed in %3.3f seconds.\n", seconds);
    return 0;
}

static bool cache_of(const char *name, enum blockdev_cache *cache)
{
    static const char *const names[] = { "writeback", "writethrough", "unsafe", "none", "directsync" };
    for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        *cache = (enum blockdev_cache)n;
        if (strcmp(names[n], name) == 0)
            return true;
    }
    return false;
}

/* Takes one option that is a number. False, with *error filled. */
static bool bench_number(struct bench *b, int option, const char *text, struct error *error)
{
    uint64_t number;
    if (!img_parse_bytes(text, &number, error))
        return false;
    switch (option) {
    case 'c': b->count = number; return true;
    case 'o': b->offset = number; return true;
    case 'S': b->step = number; return true;
    case 'F': b->flush_interval = number; return true;
    case 'd':
        b->depth = (unsigned)number;
        return (number && number <= DEPTH_MAX) || error_set(error, "-d %s: 1 to %u", text, DEPTH_MAX);
    case 's':
        b->bytes = number;
        return (number && number <= 1u << 30) || error_set(error, "-s %s: 512 to 1G", text);
    default:
        b->pattern = (unsigned)number;
        return number < 256 || error_set(error, "--pattern=%s: 0 to 255", text);
    }
}

int img_bench(int argc, char **argv)
{
    static const struct option longs[] = {
        { "flush-interval", required_argument, NULL, 'F' },
        { "pattern", required_argument, NULL, 'P' },
        { "no-drain", no_argument, NULL, 'n' },
        { "force-share", no_argument, NULL, 'U' },
        { NULL, 0, NULL, 0 },
    };
    struct bench b = { .count = 75000, .bytes = 4096, .depth = 64 };
    struct blockdev_config config = { .path = NULL };
    bool quiet = false;
    struct error error;
    int option;
    while ((option = getopt_long(argc, argv, "c:d:f:no:qs:S:t:wU", longs, NULL)) != -1) {
        switch (option) {
        case 'f': config.format = optarg; break;
        case 'q': quiet = true; break;
        case 'w': b.writes = true; break;
        case 'U': config.shared_writer = true; break;
        case 'n': break; /* the host's AIO, and requests beside a flush: as they are here in any case */
        case 't':
            if (!cache_of(optarg, &config.cache))
                return img_failf("-t %s: writeback, writethrough, unsafe, none or directsync", optarg);
            break;
        case '?': return img_usage("bench");
        default:
            if (!bench_number(&b, option, optarg, &error))
                return img_fail(&error);
        }
    }
    if (argc - optind != 1)
        return img_usage("bench");
    if (b.flush_interval && !b.writes)
        return img_failf("--flush-interval is for writes (-w)");
    config.path = argv[optind];
    config.read_only = !b.writes;
    b.disk = blockdev_open(&config, &error);
    int status = b.disk ? bench(&b, config.path, quiet) : img_fail(&error);
    blockdev_destroy(b.disk);
    return status;
}
