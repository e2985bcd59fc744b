/* SPDX-License-Identifier: MIT
 *
 * The security model mapped-xattr: owner, mode and device number of the guest's files in user.virtfs.uid,
 * gid, mode (32 bits, little-endian) and rdev (64 bits), as QEMU keeps them.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "devices/virtio/9p/folder.h"

const char *folder_proc_path(int path, char text[P9_PROC_PATH])
{
    snprintf(text, P9_PROC_PATH, "/proc/self/fd/%d", path);
    return text;
}

static bool get32(const char *proc, const char *name, uint32_t *value)
{
    uint32_t stored;
    if (getxattr(proc, name, &stored, sizeof(stored)) != sizeof(stored))
        return false;
    *value = le32toh(stored);
    return true;
}

void mapped_apply(int path, struct stat *stat)
{
    char proc[P9_PROC_PATH];
    uint32_t value;
    uint64_t rdev;
    folder_proc_path(path, proc);
    if (get32(proc, P9_MAPPED_PREFIX "uid", &value))
        stat->st_uid = value;
    if (get32(proc, P9_MAPPED_PREFIX "gid", &value))
        stat->st_gid = value;
    if (get32(proc, P9_MAPPED_PREFIX "mode", &value)) {
        /* A directory stays a directory, and nothing else becomes one. */
        mode_t kind = S_ISDIR(stat->st_mode) || S_ISDIR(value) ? stat->st_mode & S_IFMT : value & S_IFMT;
        stat->st_mode = (value & 07777) | kind;
    }
    if (getxattr(proc, P9_MAPPED_PREFIX "rdev", &rdev, sizeof(rdev)) == sizeof(rdev))
        stat->st_rdev = (dev_t)le64toh(rdev);
}

static int put(const char *proc, const char *name, uint64_t value, size_t size)
{
    uint64_t stored = htole64(value); /* a shorter value is the first bytes of this one */
    return setxattr(proc, name, &stored, size, 0) ? -errno : 0;
}

int mapped_store(int path, const uint32_t *uid, const uint32_t *gid, const uint32_t *mode,
                 const uint64_t *rdev)
{
    char proc[P9_PROC_PATH];
    folder_proc_path(path, proc);
    int rc = uid ? put(proc, P9_MAPPED_PREFIX "uid", *uid, 4) : 0;
    if (!rc && gid)
        rc = put(proc, P9_MAPPED_PREFIX "gid", *gid, 4);
    if (!rc && mode)
        rc = put(proc, P9_MAPPED_PREFIX "mode", *mode, 4);
    if (!rc && rdev)
        rc = put(proc, P9_MAPPED_PREFIX "rdev", *rdev, 8);
    return rc;
}
