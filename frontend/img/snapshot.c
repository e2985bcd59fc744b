/* SPDX-License-Identifier: MIT
 *
 * rvive-img snapshot: the snapshots inside a qcow2 image.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/block/qcow2/snapshots.h"
#include "frontend/img/img.h"

/* A name may hold what a terminal would obey. */
static void print_text(const char *text, int width)
{
    int length = 0;
    for (; *text; text++, length++)
        putchar((unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
    printf("%*s", length < width ? width - length : 0, "");
}

static void print_one(const struct qcow2_snapshot *s)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    char size[32], date[32] = "", count[24] = "";
    double bytes = (double)s->state_bytes;
    unsigned unit = 0;
    time_t seconds = (time_t)s->date_s;
    struct tm local;
    for (; bytes >= 1000 && unit < 6; unit++)
        bytes /= 1024;
    snprintf(size, sizeof(size), "%.3g %s", bytes, units[unit]);
    if (localtime_r(&seconds, &local))
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &local);
    if (s->instructions != UINT64_MAX)
        snprintf(count, sizeof(count), "%" PRIu64, s->instructions);
    uint64_t ms = s->clock_ns / 1000000;
    print_text(s->id, 10);
    print_text(s->name, 16);
    printf(" %8s%20s %02" PRIu64 ":%02u:%02u.%03u%11s\n", size, date, ms / 3600000,
           (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000), count);
}

static bool list(struct blockdev *blockdev, struct error *error)
{
    struct qcow2_snapshot *snapshots;
    unsigned count;
    if (!qcow2_snapshot_list(blockdev, &snapshots, &count, error))
        return false;
    if (count)
        printf("Snapshot list:\n%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK",
               "ICOUNT");
    for (unsigned n = 0; n < count; n++)
        print_one(&snapshots[n]);
    free(snapshots);
    return true;
}

static bool create(struct blockdev *blockdev, const char *name, struct error *error)
{
    struct qcow2_snapshot snapshot = { .instructions = UINT64_MAX };
    struct timespec now;
    if (!*name || strlen(name) >= sizeof(snapshot.name))
        return error_set(error, "the name of a snapshot has between 1 and 255 bytes");
    clock_gettime(CLOCK_REALTIME, &now);
    strcpy(snapshot.name, name);
    snapshot.date_s = (uint32_t)now.tv_sec;
    snapshot.date_ns = (uint32_t)now.tv_nsec;
    return qcow2_snapshot_create(blockdev, &snapshot, error);
}

static bool work(struct blockdev *blockdev, const char *path, int what, const char *name, struct error *error)
{
    struct qcow2_snapshot snapshot;
    bool found;
    if (!qcow2_has_snapshots(blockdev))
        return error_set(error, "%s: only a qcow2 image holds snapshots", path);
    if (what == 'l')
        return list(blockdev, error);
    if (what == 'c')
        return create(blockdev, name, error);
    if (!qcow2_snapshot_find(blockdev, name, true, &snapshot, &found, error))
        return false;
    if (!found)
        return error_set(error, "%s: there is no snapshot '%s'", path, name);
    return what == 'a' ? qcow2_snapshot_apply(blockdev, &snapshot, error)
                       : qcow2_snapshot_delete(blockdev, &snapshot, error);
}

int img_snapshot(int argc, char **argv)
{
    const char *format = NULL, *name = NULL;
    bool shared = false;
    int what = 'l', option;
    unsigned given = 0;
    struct error error;
    while ((option = getopt(argc, argv, "la:c:d:f:qU")) != -1) {
        switch (option) {
        case 'f': format = optarg; break;
        case 'q': break;
        case 'U': shared = true; break;
        case 'l':
        case 'a':
        case 'c':
        case 'd':
            what = option;
            name = optarg;
            given++;
            break;
        default: return img_usage("snapshot");
        }
    }
    if (argc - optind != 1 || given > 1 || (shared && what != 'l'))
        return img_usage("snapshot");
    struct blockdev *blockdev = img_open(argv[optind], format, what != 'l', shared, true, &error);
    bool ok = blockdev && work(blockdev, argv[optind], what, name, &error);
    blockdev_destroy(blockdev);
    return ok ? 0 : img_fail(&error);
}
