/* SPDX-License-Identifier: MIT
 *
 * rvive-img check. The exit status is qemu-img's: 0 all is well, 1 the check could not be done, 2 the image
 * is damaged, 3 it has leaked clusters, 63 there is nothing to check in this format.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontend/img/img.h"

enum { STATUS_FAILED = 1, STATUS_DAMAGED = 2, STATUS_LEAKS = 3, STATUS_NOTHING = 63 };

struct arguments {
    const char *format, *path;
    enum qcow2_repair repair;
    bool json, quiet, shared;
};

static void print_line(void *opaque, const char *line)
{
    fprintf(opaque, "%s\n", line);
}

static void print_human(const struct qcow2_check *c)
{
    if (c->corruptions_fixed || c->leaks_fixed)
        printf("The following inconsistencies were found and repaired:\n\n    %" PRIu64
               " leaked clusters\n    %" PRIu64 " corruptions\n\nDouble checking the fixed image now...\n",
               c->leaks_fixed, c->corruptions_fixed);
    if (!c->corruptions && !c->leaks)
        printf("No errors were found on the image.\n");
    if (c->corruptions)
        printf("\n%" PRIu64
               " errors were found on the image.\nData may be corrupted, or further writes to the "
               "image may corrupt it.\n",
               c->corruptions);
    if (c->leaks)
        printf("\n%" PRIu64
               " leaked clusters were found on the image.\nThis means waste of disk space, but no "
               "harm to data.\n",
               c->leaks);
    if (c->clusters_total && c->clusters_used)
        printf("%" PRIu64 "/%" PRIu64 " = %.2f%% allocated, %.2f%% fragmented, %.2f%% compressed clusters\n",
               c->clusters_used, c->clusters_total,
               100.0 * (double)c->clusters_used / (double)c->clusters_total,
               100.0 * (double)c->clusters_fragmented / (double)c->clusters_used,
               100.0 * (double)c->clusters_compressed / (double)c->clusters_used);
    printf("Image end offset: %" PRIu64 "\n", c->image_end);
}

static void print_count(const char *name, uint64_t count)
{
    if (count)
        printf("    \"%s\": %" PRIu64 ",\n", name, count);
}

static void print_json(const struct arguments *a, const struct qcow2_check *c)
{
    printf("{\n    \"image-end-offset\": %" PRIu64 ",\n    \"total-clusters\": %" PRIu64
           ",\n    \"check-errors\": 0,\n",
           c->image_end, c->clusters_total);
    print_count("corruptions", c->corruptions);
    print_count("corruptions-fixed", c->corruptions_fixed);
    print_count("leaks", c->leaks);
    print_count("leaks-fixed", c->leaks_fixed);
    print_count("allocated-clusters", c->clusters_used);
    print_count("fragmented-clusters", c->clusters_fragmented);
    print_count("compressed-clusters", c->clusters_compressed);
    printf("    \"filename\": ");
    img_print_json_string(a->path);
    printf(",\n    \"format\": \"qcow2\"\n}\n");
}

/* Checks the image. After repairs it is checked once more, so that the report says what it is like now. */
static int check_twice(const struct arguments *a, struct blockdev_qcow2 *q, struct qcow2_check *result)
{
    int rc = qcow2_check(q, a->repair, result);
    if (rc || (!result->corruptions_fixed && !result->leaks_fixed))
        return rc;
    struct qcow2_check again = { .say = result->say, .opaque = result->opaque };
    rc = qcow2_check(q, QCOW2_REPAIR_NONE, &again);
    again.corruptions_fixed = result->corruptions_fixed;
    again.leaks_fixed = result->leaks_fixed;
    *result = again;
    return rc;
}

static int check(const struct arguments *a)
{
    struct error error;
    struct blockdev_config config = {
        .path = a->path,
        .format = a->format,
        .read_only = a->repair == QCOW2_REPAIR_NONE,
        .no_backing = true,
        .no_repair = true,
        .shared_writer = a->shared,
        .for_check = true,
    };
    struct qcow2_check result = { .say = a->quiet ? NULL : print_line, .opaque = a->json ? stderr : stdout };
    struct blockdev *blockdev = blockdev_open(&config, &error);
    if (!blockdev)
        return img_fail(&error);
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    int rc = q ? check_twice(a, q, &result) : 0;
    bool nothing = !q;
    blockdev_destroy(blockdev);
    if (nothing) {
        img_failf("%s: raw images have nothing to check", a->path);
        return STATUS_NOTHING;
    }
    if (rc)
        return img_failf("%s: the check failed: %s", a->path, strerror(-rc));
    if (a->json)
        print_json(a, &result);
    else if (!a->quiet)
        print_human(&result);
    return result.corruptions ? STATUS_DAMAGED : result.leaks ? STATUS_LEAKS : 0;
}

int img_check(int argc, char **argv)
{
    static const struct option longs[] = {
        { "output", required_argument, NULL, 'o' },
        { "repair", required_argument, NULL, 'r' },
        { "force-share", no_argument, NULL, 'U' },
        { NULL, 0, NULL, 0 },
    };
    struct arguments a = { 0 };
    int option;
    while ((option = getopt_long(argc, argv, "f:r:Uq", longs, NULL)) != -1) {
        switch (option) {
        case 'f': a.format = optarg; break;
        case 'U': a.shared = true; break;
        case 'q': a.quiet = true; break;
        case 'r':
            a.repair = strcmp(optarg, "leaks") == 0 ? QCOW2_REPAIR_LEAKS : QCOW2_REPAIR_ALL;
            if (a.repair == QCOW2_REPAIR_ALL && strcmp(optarg, "all") != 0)
                return img_failf("-r %s: there are leaks and all", optarg);
            break;
        case 'o':
            a.json = strcmp(optarg, "json") == 0;
            if (!a.json && strcmp(optarg, "human") != 0)
                return img_failf("--output=%s: there are human and json", optarg);
            break;
        default: return img_usage("check");
        }
    }
    if (argc - optind != 1)
        return img_usage("check");
    a.path = argv[optind];
    return check(&a);
}
