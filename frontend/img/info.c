/* SPDX-License-Identifier: MIT
 *
 * rvive-img info: what an image is, for people and as JSON with the names that qemu-img uses.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "frontend/img/img.h"

/* Returns a text such as "1.5 GiB", with three significant digits. */
static const char *human_size(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1000 && unit < 6) {
        value /= 1024;
        unit++;
    }
    snprintf(text, size, "%0.3g %s", value, units[unit]);
    return text;
}

static uint64_t disk_size(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

/* Returns the path where this image finds its backing file. */
static const char *full_backing(const char *path, const struct blockdev_qcow2 *q, char *full, size_t size)
{
    const char *slash = strrchr(path, '/');
    int folder = *q->backing_name == '/' || !slash ? 0 : (int)(slash + 1 - path);
    snprintf(full, size, "%.*s%s", folder, path, q->backing_name);
    return full;
}

/* ---- Snapshots ----------------------------------------------------------------------------------------- */

struct snapshot {
    char id[256], name[256];
    uint32_t seconds, nanoseconds, vm_state_32;
    uint64_t vm_clock, vm_state;
};

/* Reads the entry at *at, and moves *at to the next one; false if the table is damaged. */
static bool read_snapshot(struct blockdev_qcow2 *q, uint64_t *at, struct snapshot *snapshot)
{
    uint8_t entry[40], extra[8] = { 0 };
    uint16_t id, name;
    uint32_t extra_size;
    *snapshot = (struct snapshot){ 0 };
    if (blockfile_pread(q->file, entry, sizeof(entry), *at))
        return false;
    memcpy(&id, entry + 12, 2);
    memcpy(&name, entry + 14, 2);
    memcpy(&snapshot->seconds, entry + 16, 4);
    memcpy(&snapshot->nanoseconds, entry + 20, 4);
    memcpy(&snapshot->vm_clock, entry + 24, 8);
    memcpy(&snapshot->vm_state_32, entry + 32, 4);
    memcpy(&extra_size, entry + 36, 4);
    id = be16toh(id);
    name = be16toh(name);
    extra_size = be32toh(extra_size);
    if (extra_size > 1024)
        return false;
    uint64_t text = *at + 40 + extra_size;
    bool ok = !blockfile_pread(q->file, snapshot->id, id < 255 ? id : 255, text) &&
              !blockfile_pread(q->file, snapshot->name, name < 255 ? name : 255, text + id) &&
              (extra_size < 8 || !blockfile_pread(q->file, extra, 8, *at + 40));
    memcpy(&snapshot->vm_state, extra, 8);
    snapshot->vm_state = extra_size >= 8 ? be64toh(snapshot->vm_state) : be32toh(snapshot->vm_state_32);
    snapshot->seconds = be32toh(snapshot->seconds);
    snapshot->nanoseconds = be32toh(snapshot->nanoseconds);
    snapshot->vm_clock = be64toh(snapshot->vm_clock);
    *at = (text + id + name + 7) & ~7ull;
    return ok;
}

static void print_snapshots(struct blockdev_qcow2 *q, bool json)
{
    uint64_t at = q->header.snapshot_offset;
    struct snapshot s;
    if (!q->header.snapshot_count)
        return;
    if (json)
        printf("    \"snapshots\": [");
    else
        printf("Snapshot list:\n%-8s %-20s %12s %20s\n", "ID", "TAG", "VM SIZE", "DATE");
    for (uint32_t n = 0; n < q->header.snapshot_count && read_snapshot(q, &at, &s); n++) {
        char date[32] = "", size[32];
        time_t seconds = s.seconds;
        struct tm local;
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &local));
        if (!json) {
            printf("%-8s %-20s %12s %20s\n", s.id, s.name, human_size(s.vm_state, size, sizeof(size)), date);
            continue;
        }
        printf("%s\n        { \"id\": ", n ? "," : "");
        img_print_json_string(s.id);
        printf(", \"name\": ");
        img_print_json_string(s.name);
        printf(", \"vm-state-size\": %" PRIu64
               ", \"date-sec\": %u, \"date-nsec\": %u, \"vm-clock-sec\": %" PRIu64
               ", \"vm-clock-nsec\": %" PRIu64 " }",
               s.vm_state, s.seconds, s.nanoseconds, s.vm_clock / 1000000000, s.vm_clock % 1000000000);
    }
    if (json)
        printf("\n    ],\n");
}

/* ---- The image ----------------------------------------------------------------------------------------- */

static const char *yes(bool value)
{
    return value ? "true" : "false";
}

static void print_human(const char *path, struct blockdev *blockdev)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    char size[32], disk[32], full[4096];
    printf("image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n", path,
           img_format_of(blockdev), human_size(blockdev->size, size, sizeof(size)), blockdev->size,
           human_size(disk_size(path), disk, sizeof(disk)));
    if (!q)
        return;
    if (q->header.incompatible & QCOW2_INCOMPAT_DIRTY)
        printf("cleanly shut down: no\n");
    printf("cluster_size: %" PRIu64 "\n", q->cluster_size);
    if (q->backing_name) {
        full_backing(path, q, full, sizeof(full));
        printf("backing file: %s", q->backing_name);
        printf(strcmp(full, q->backing_name) ? " (actual path: %s)\n" : "\n", full);
        if (q->backing_format)
            printf("backing file format: %s\n", q->backing_format);
    }
    print_snapshots(q, false);
    printf("Format specific information:\n    compat: %s\n    compression type: %s\n",
           q->header.version == 2 ? "0.10" : "1.1", q->header.compression_type ? "zstd" : "zlib");
    if (q->header.version >= 3)
        printf("    lazy refcounts: %s\n", yes(q->header.compatible & QCOW2_COMPAT_LAZY_REFCOUNTS));
    printf("    refcount bits: %u\n", q->refcount_bits);
    if (q->header.version >= 3)
        printf("    corrupt: %s\n    extended l2: false\n",
               yes(q->header.incompatible & QCOW2_INCOMPAT_CORRUPT));
}

static void print_json_text(const char *key, const char *text)
{
    printf("    \"%s\": ", key);
    img_print_json_string(text);
    printf(",\n");
}

static void print_json_qcow2(const char *path, struct blockdev_qcow2 *q)
{
    char full[4096];
    printf("    \"cluster-size\": %" PRIu64 ",\n", q->cluster_size);
    if (q->backing_name) {
        print_json_text("backing-filename", q->backing_name);
        print_json_text("full-backing-filename", full_backing(path, q, full, sizeof(full)));
        if (q->backing_format)
            print_json_text("backing-filename-format", q->backing_format);
    }
    print_snapshots(q, true);
    printf("    \"format-specific\": {\n        \"type\": \"qcow2\",\n        \"data\": {\n"
           "            \"compat\": \"%s\",\n            \"compression-type\": \"%s\",\n",
           q->header.version == 2 ? "0.10" : "1.1", q->header.compression_type ? "zstd" : "zlib");
    if (q->header.version >= 3)
        printf("            \"lazy-refcounts\": %s,\n            \"corrupt\": %s,\n"
               "            \"extended-l2\": false,\n",
               yes(q->header.compatible & QCOW2_COMPAT_LAZY_REFCOUNTS),
               yes(q->header.incompatible & QCOW2_INCOMPAT_CORRUPT));
    printf("            \"refcount-bits\": %u\n        }\n    },\n", q->refcount_bits);
}

static void print_json(const char *path, struct blockdev *blockdev)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    printf("{\n    \"virtual-size\": %" PRIu64 ",\n", blockdev->size);
    print_json_text("filename", path);
    print_json_text("format", img_format_of(blockdev));
    if (q)
        print_json_qcow2(path, q);
    printf("    \"actual-size\": %" PRIu64 ",\n    \"dirty-flag\": %s\n}", disk_size(path),
           yes(q && q->header.incompatible & QCOW2_INCOMPAT_DIRTY));
}

struct info {
    bool json, chain, shared;
};

/* Prints an image and, with --backing-chain, those below it. */
static int print_image(const struct info *info, const char *path, const char *format, unsigned depth)
{
    struct error error;
    char full[4096] = "", below[64] = "";
    struct blockdev *blockdev = img_open(path, format, false, info->shared, true, &error);
    if (!blockdev)
        return img_fail(&error);
    if (depth)
        printf(info->json ? ",\n" : "\n");
    (info->json ? print_json : print_human)(path, blockdev);
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    if (q && q->backing_name)
        full_backing(path, q, full, sizeof(full));
    if (q && q->backing_format)
        snprintf(below, sizeof(below), "%.63s", q->backing_format);
    blockdev_destroy(blockdev);
    if (!info->chain || !*full)
        return 0;
    if (depth >= 64)
        return img_failf("%s: more than 64 images on one another", path);
    return print_image(info, full, *below ? below : NULL, depth + 1);
}

int img_info(int argc, char **argv)
{
    static const struct option longs[] = {
        { "output", required_argument, NULL, 'o' },
        { "backing-chain", no_argument, NULL, 'c' },
        { "force-share", no_argument, NULL, 'U' },
        { NULL, 0, NULL, 0 },
    };
    struct info info = { 0 };
    const char *format = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "f:U", longs, NULL)) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'U': info.shared = true; break;
        case 'c': info.chain = true; break;
        case 'o':
            if (!img_parse_output(optarg, &info.json))
                return 1;
            break;
        default: return img_usage("info");
        }
    }
    if (argc - optind != 1)
        return img_usage("info");
    if (info.json && info.chain)
        printf("[\n");
    int status = print_image(&info, argv[optind], format, 0);
    if (info.json)
        printf(info.chain ? "\n]\n" : "\n");
    return status;
}
