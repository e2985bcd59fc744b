/* SPDX-License-Identifier: MIT
 *
 * Opening and closing qcow2 images, and finding what is below them; see qcow2.h.
 */
#include "devices/block/qcow2/qcow2.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define CACHE_BYTES (32u << 20)
#define TABLES_MIN  16u

static void free_all(struct blockdev_qcow2 *q)
{
    qcow2_tables_free(q);
    free(q->freed.items);
    free(q->zeroed.items);
    free(q->quarantine.items);
    free(q->l1);
    free(q->reftable);
    free(q->backing_name);
    free(q->backing_format);
    free(q->inflated);
    free(q->deflated);
    pthread_mutex_destroy(&q->lock);
    pthread_mutex_destroy(&q->inflate_lock);
    pthread_cond_destroy(&q->written);
    free(q);
}

/* ---- The image below ----------------------------------------------------------------------------------- */

/* The path of a backing file: relative to the folder of the image that names it. */
static bool backing_path(struct blockdev_qcow2 *q, char *path, size_t size, struct error *error)
{
    const char *name = q->backing_name, *slash = strrchr(q->file->path, '/');
    if (strncmp(name, "file:", 5) == 0)
        name += 5;
    size_t protocol = strcspn(name, ":/");
    if (name[protocol] == ':')
        return error_set(error,
                         "%s: its backing file '%s' is not a file of this host; Rvive opens no other kind",
                         q->file->path, q->backing_name);
    int folder = *name == '/' || !slash ? 0 : (int)(slash + 1 - q->file->path);
    return snprintf(path, size, "%.*s%s", folder, q->file->path, name) < (int)size ||
           error_set(error, "%s: the path of its backing file is too long", q->file->path);
}

/* Is a path, which is resolved, that folder or file, or below it? */
static bool is_within(const char *path, const char *place)
{
    char real[PATH_MAX];
    if (!realpath(place, real))
        return false;
    size_t length = strlen(real);
    if (strcmp(real, "/") == 0)
        return true;
    return strncmp(path, real, length) == 0 && (path[length] == 0 || path[length] == '/');
}

/* Is the path beside the image, in the folder that the names in the image are relative to? */
static bool is_beside(const struct blockdev_qcow2 *q, const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(q->file->path, '/');
    int length = !slash ? 0 : slash == q->file->path ? 1 : (int)(slash - q->file->path);
    if (snprintf(folder, sizeof(folder), "%.*s", length, q->file->path) >= (int)sizeof(folder))
        return false;
    return is_within(path, slash ? folder : ".");
}

/* Resolves the path that the image names, checks it, and makes it the one that is opened. So no link in it
 * can lead to a file that was not checked. */
static bool check_backing(const struct blockdev_qcow2 *q, const struct blockdev_backing_rule *rule,
                          char path[PATH_MAX], struct error *error)
{
    char real[PATH_MAX];
    if (!rule->limited)
        return true;
    if (!realpath(path, real))
        return error_set(error, "%.120s: its backing file: %.250s: %s", q->file->path, path, strerror(errno));
    bool ok = is_beside(q, real);
    for (unsigned n = 0; n < rule->count && !ok; n++)
        ok = is_within(real, rule->allowed[n]);
    strcpy(path, real);
    return ok ||
           error_set(error,
                     "%.100s: its backing file is not in its folder, and an image may not choose what is "
                     "read; if that is meant, add to its -drive: backing=%.250s",
                     q->file->path, real);
}

static bool open_backing(struct blockdev_qcow2 *q, const struct blockdev_config *config, struct error *error)
{
    char path[PATH_MAX];
    struct error reason;
    if (config->no_backing || (!q->backing_name && !config->backing))
        return true;
    struct blockdev_config below = { .format = q->backing_format, .cache = config->cache };
    if (config->backing) {
        below = *config->backing;
        if (!below.format) /* as said here, or else detected */
            below.format = q->backing_format;
    } else {
        if (!backing_path(q, path, sizeof(path), error) || !check_backing(q, &config->rule, path, error))
            return false;
        below.rule = config->rule;
        below.path = path;
    }
    if (below.format && (strcmp(below.format, "file") == 0 || strcmp(below.format, "host_device") == 0))
        below.format = "raw";
    below.read_only = true;
    below.snapshot = false;
    below.shared_writer = config->shared_writer;
    below.depth = config->depth + 1;
    q->backing = blockdev_open(&below, &reason);
    if (!q->backing && config->depth)
        return error_set(error, "%s", reason.text);
    return q->backing || error_set(error, "%.120s: its backing file: %.350s", q->file->path, reason.text);
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

/* The image was not closed properly: counts the references anew, so that the free clusters are known. */
static bool repair(struct blockdev_qcow2 *q, struct error *error)
{
    struct qcow2_check check = { 0 };
    int rc = qcow2_check(q, QCOW2_REPAIR_ALL, &check);
    if (rc || check.corruptions || check.errors)
        return error_set(
            error,
            "%s: was not closed properly, and cannot be repaired on the way%s%s; rvive-img check "
            "says more",
            q->file->path, rc ? ": " : "", rc ? strerror(-rc) : "");
    if (check.corruptions_fixed || check.leaks_fixed)
        log_warn("%s: was not closed properly; %llu refcounts were corrected", q->file->path,
                 (unsigned long long)(check.corruptions_fixed + check.leaks_fixed));
    return true;
}

/* Clears the bits of features that a write by this implementation would make wrong, as the format demands. */
static bool clear_autoclear(struct blockdev_qcow2 *q, struct error *error)
{
    if (!q->header.autoclear)
        return true;
    if (q->header.autoclear & QCOW2_AUTOCLEAR_BITMAPS)
        log_warn("%s: its persistent bitmaps are not kept up to date, and marked so", q->file->path);
    q->header.autoclear = 0;
    int rc = qcow2_header_write(q);
    return !rc || error_set(error, "%s: cannot be written: %s", q->file->path, strerror(-rc));
}

static bool prepare(struct blockdev_qcow2 *q, const struct blockdev_config *config, struct error *error)
{
    uint64_t size;
    if (!qcow2_header_read(q, config->for_check, error))
        return false;
    int rc = blockfile_size(q->file, &size);
    if (rc)
        return error_set(error, "%s: cannot get its size: %s", q->file->path, strerror(-rc));
    q->file_end = qcow2_round_up(q, size);
    q->blockdev.size = q->header.size;
    q->table_limit = CACHE_BYTES >> q->cluster_bits;
    if (q->table_limit < TABLES_MIN)
        q->table_limit = TABLES_MIN;
    q->strict = q->header.version < 3 && !q->file->no_flush;
    q->was_dirty = q->header.incompatible & QCOW2_INCOMPAT_DIRTY;
    if (!q->blockdev.read_only && !config->no_repair) {
        if (!clear_autoclear(q, error) || (q->was_dirty && !repair(q, error)))
            return false;
        q->was_dirty = false;
    }
    return open_backing(q, config, error);
}

struct blockdev *blockdev_qcow2_create(struct blockfile *file, const struct blockdev_config *config,
                                       struct error *error)
{
    struct blockdev_qcow2 *q = calloc(1, sizeof(*q));
    if (!q) {
        error_set(error, "%s: out of memory", file->path);
        return NULL;
    }
    q->blockdev = (struct blockdev){ .ops = &qcow2_ops, .read_only = !file->writable };
    q->file = file;
    pthread_mutex_init(&q->lock, NULL);
    pthread_mutex_init(&q->inflate_lock, NULL);
    pthread_cond_init(&q->written, NULL);
    if (prepare(q, config, error))
        return &q->blockdev;
    free_all(q);
    return NULL;
}

/* ---- Closing ------------------------------------------------------------------------------------------- */

static int write_all(struct blockdev_qcow2 *q)
{
    pthread_mutex_lock(&q->lock);
    int rc = q->corrupt ? 0 : qcow2_tables_write(q);
    pthread_mutex_unlock(&q->lock);
    rc = rc ? rc : blockfile_flush(q->file);
    if (rc || q->corrupt || q->was_dirty || !(q->header.incompatible & QCOW2_INCOMPAT_DIRTY))
        return rc;
    q->header.incompatible &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
    rc = qcow2_header_write(q);
    return rc ? rc : blockfile_flush(q->file);
}

void qcow2_release(struct blockdev *blockdev)
{
    struct blockdev_qcow2 *q = (struct blockdev_qcow2 *)blockdev;
    int rc = blockdev->read_only ? 0 : write_all(q);
    if (rc)
        log_warn("%s: could not be closed properly: %s", q->file->path, strerror(-rc));
    blockdev_destroy(q->backing);
    free_all(q);
}

void qcow2_close(struct blockdev *blockdev)
{
    struct blockfile *file = ((struct blockdev_qcow2 *)blockdev)->file;
    qcow2_release(blockdev);
    blockfile_close(file);
}
