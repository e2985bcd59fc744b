/* SPDX-License-Identifier: MIT
 *
 * rvive-img measure: how large the file of a new image will be. A qcow2 image consists of clusters: the
 * header, the L1 table, the L2 tables, the refcount table and its blocks, which count all clusters and so
 * themselves, and the data.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontend/img/img.h"

static uint64_t divide_up(uint64_t value, uint64_t by)
{
    return value / by + (value % by != 0);
}

/* The clusters of tables in an image whose disk has `data` clusters. */
static uint64_t table_clusters(uint64_t data, const struct qcow2_options *options)
{
    uint64_t size = 1ull << options->cluster_bits, entries = size / 8;
    uint64_t l2 = divide_up(data, entries), l1 = divide_up(l2, entries);
    uint64_t counted = size * 8 / options->refcount_bits; /* clusters, by one block */
    uint64_t blocks = 0, table = 0, before;
    do {
        before = blocks + table;
        blocks = divide_up(1 + l1 + l2 + data + blocks + table, counted);
        table = divide_up(blocks, entries);
    } while (blocks + table != before);
    return 1 + l1 + l2 + blocks + table;
}

/* Counts the clusters of the output that hold something. */
static int count_data(struct blockdev *from, uint64_t cluster, uint64_t *bytes)
{
    uint64_t counted = 0; /* the disk up to here is in *bytes */
    *bytes = 0;
    for (uint64_t offset = 0, run; offset < from->size; offset += run) {
        bool zero;
        int rc = img_status(from, offset, from->size - offset, &run, &zero);
        if (rc)
            return rc;
        uint64_t first = offset / cluster, end = divide_up(offset + run, cluster);
        first = first < counted ? counted : first;
        if (zero || end <= first)
            continue;
        *bytes += (end - first) * cluster;
        counted = end;
    }
    return 0;
}

static void print(bool json, bool bitmaps, uint64_t required, uint64_t all)
{
    if (json) {
        printf("{\n");
        if (bitmaps)
            printf("    \"bitmaps\": 0,\n");
        printf("    \"required\": %" PRIu64 ",\n    \"fully-allocated\": %" PRIu64 "\n}\n", required, all);
        return;
    }
    printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", required, all);
    if (bitmaps)
        printf("bitmaps size: 0\n");
}

/* `from` NULL: an empty disk of that size. */
static int measure(struct blockdev *from, uint64_t size, const char *format, const char *options, bool json)
{
    struct qcow2_options qcow2;
    struct error error;
    uint64_t used = 0;
    if (!img_parse_options(options, &qcow2, &error))
        return img_fail(&error);
    if (strcmp(format, "raw") == 0) {
        print(json, false, size, size);
        return 0;
    }
    if (strcmp(format, "qcow2") != 0)
        return img_failf("the format %s is unknown; there are raw and qcow2", format);
    uint64_t cluster = 1ull << qcow2.cluster_bits, clusters = divide_up(size, cluster);
    int rc = from ? count_data(from, cluster, &used) : 0;
    if (rc)
        return img_failf("the image cannot be read: %s", strerror(-rc));
    uint64_t tables = table_clusters(clusters, &qcow2) * cluster;
    struct blockdev_qcow2 *q = from ? qcow2_of(from) : NULL;
    if (q && q->bitmaps_bytes)
        return img_failf("the image has bitmaps, which are not copied: their size is not measured");
    print(json, q && q->header.version >= 3, tables + used, tables + clusters * cluster);
    return 0;
}

int img_measure(int argc, char **argv)
{
    static const struct option longs[] = {
        { "output", required_argument, NULL, 'j' },
        { "size", required_argument, NULL, 's' },
        { "force-share", no_argument, NULL, 'U' },
        { NULL, 0, NULL, 0 },
    };
    const char *format = NULL, *out = "raw", *options = NULL;
    bool json = false, shared = false, given = false;
    uint64_t size = 0;
    struct error error;
    int option;
    while ((option = getopt_long(argc, argv, "f:O:o:U", longs, NULL)) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'O': out = optarg; break;
        case 'o': options = optarg; break;
        case 'U': shared = true; break;
        case 's':
            given = true;
            if (!img_parse_size(optarg, &size, &error))
                return img_fail(&error);
            break;
        case 'j':
            if (!img_parse_output(optarg, &json))
                return 1;
            break;
        default: return img_usage("measure");
        }
    }
    if (argc - optind > 1 || given == (argc - optind == 1))
        return img_usage("measure");
    if (given)
        return measure(NULL, size, out, options, json);
    struct blockdev *from = img_open(argv[optind], format, false, shared, false, &error);
    if (!from)
        return img_fail(&error);
    int status = measure(from, from->size, out, options, json);
    blockdev_destroy(from);
    return status;
}
