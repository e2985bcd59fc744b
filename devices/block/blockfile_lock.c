/* SPDX-License-Identifier: MIT
 *
 * Locks on images, in QEMU's layout, so that Rvive and QEMU do not use the same image at once. A user of an
 * image holds shared open-file-description locks on single bytes: byte 100 + n says "I use permission n",
 * byte 200 + n says "I do not let others use permission n". Having taken its locks, a user checks whether
 * somebody uses what it does not share, or does not share what it uses. If two begin at the same time, both
 * may find the other and give up, but never do both continue.
 *
 * The permissions: 0 reading what does not change under the reader, 1 writing, 2 writing what is already
 * there, 3 resizing, 4 (of old versions) changing the graph. Such locks belong to the open file and not to
 * the process, so two drives of one Rvive exclude each other, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "devices/block/blockfile.h"
#include "util/log.h"

#define LOCK_USED     100
#define LOCK_UNSHARED 200
enum { PERM_READ = 1, PERM_WRITE = 2, PERM_RESIZE = 8, PERM_COUNT = 5 };

static int lock_byte(int fd, off_t byte)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

static bool held_by_another(int fd, off_t byte)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static bool in_use(const char *path, bool writable, struct error *error)
{
    if (writable)
        return error_set(error,
                         "%s: is in use by another drive or program; two cannot write to one disk image "
                         "(both can use it with -snapshot, or read-only)",
                         path);
    return error_set(error,
                     "%s: is being written by another drive or program; it can only be read together with "
                     "others that read it",
                     path);
}

bool blockfile_lock(int fd, const struct blockdev_config *config, bool writable, struct error *error)
{
    if (config->shared_writer)
        return true;
    unsigned used = writable ? PERM_READ | PERM_WRITE | PERM_RESIZE : PERM_READ;
    unsigned unshared = PERM_WRITE | PERM_RESIZE;
    int rc = 0;
    for (unsigned n = 0; n < PERM_COUNT && !rc; n++) {
        if (used >> n & 1)
            rc = lock_byte(fd, LOCK_USED + n);
        if (unshared >> n & 1 && !rc)
            rc = lock_byte(fd, LOCK_UNSHARED + n);
    }
    if (rc == -EAGAIN || rc == -EACCES) /* another kind of program holds a lock of its own */
        return in_use(config->path, writable, error);
    if (rc) {
        log_warn("%s: cannot be locked (%s): take care that nothing else writes to it", config->path,
                 strerror(-rc));
        return true;
    }
    for (unsigned n = 0; n < PERM_COUNT; n++) {
        if ((used >> n & 1 && held_by_another(fd, LOCK_UNSHARED + n)) ||
            (unshared >> n & 1 && held_by_another(fd, LOCK_USED + n)))
            return in_use(config->path, writable, error);
    }
    return true;
}
