/* SPDX-License-Identifier: MIT
 *
 * 9P messages about what files hold: data, directories, attributes, locks. Each handler begins with the
 * fields of its message, as the protocol names them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "devices/virtio/9p/internal.h"

#define V9FS_MAGIC      0x01021997u
#define GETATTR_BASIC   0x7ffu /* all that stat(2) reports */
#define DIRENT_FIXED    24u    /* bytes of an entry without its name */
#define LOCK_SUCCESS    0u
#define LOCK_TYPE_UNLCK 2u
enum { SET_MODE = 1, SET_UID = 2, SET_GID = 4, SET_SIZE = 8, SET_ATIME = 16, SET_MTIME = 32 };
enum { SET_ATIME_GIVEN = 128, SET_MTIME_GIVEN = 256 };

static bool is_writable(const struct p9_fid *fid)
{
    return (fid->flags & O_ACCMODE) != O_RDONLY;
}

/* Reads into the answer, behind a count of 4 bytes. */
static int put_read(struct p9_call *call, const struct p9_fid *fid, uint64_t offset, uint32_t count)
{
    uint8_t *length = p9_put_room(&call->out, 4);
    if (!length)
        return -EMSGSIZE;
    size_t room = p9_room(&call->out);
    ssize_t got;
    if (count < room)
        room = count;
    if (fid->kind == P9_FID_XATTR_READ) {
        size_t left = offset < fid->size ? fid->size - (size_t)offset : 0;
        got = (ssize_t)(room < left ? room : left);
        memcpy(call->out.at, fid->value + (fid->size - left), (size_t)got);
    } else {
        got = pread(fid->open, call->out.at, room, (off_t)offset);
        if (got < 0)
            return -errno;
    }
    p9_put_room(&call->out, (size_t)got);
    for (unsigned n = 0; n < 4; n++)
        length[n] = (uint8_t)((size_t)got >> 8 * n);
    return 0;
}

/* fid[4] offset[8] count[4] -> count[4] data[count] */
int p9_read(struct p9_call *call)
{
    const struct p9_fid *fid = p9_fid_find(call->server, (uint32_t)p9_get(&call->in, 4));
    uint64_t offset = p9_get(&call->in, 8);
    uint32_t count = (uint32_t)p9_get(&call->in, 4);
    if (call->in.failed)
        return -EINVAL;
    if (!fid || fid->kind == P9_FID_XATTR_WRITE || fid->dir)
        return fid && fid->dir ? -EISDIR : -EBADF;
    if (fid->kind == P9_FID_FILE && (fid->open < 0 || (fid->flags & O_ACCMODE) == O_WRONLY))
        return -EBADF;
    return offset > INT64_MAX ? -EINVAL : put_read(call, fid, offset, count);
}

/* fid[4] offset[8] count[4] data[count] -> count[4] */
int p9_write(struct p9_call *call)
{
    struct p9_fid *fid = p9_fid_find(call->server, (uint32_t)p9_get(&call->in, 4));
    uint64_t offset = p9_get(&call->in, 8);
    uint32_t count = (uint32_t)p9_get(&call->in, 4);
    const uint8_t *data = p9_get_bytes(&call->in, count);
    ssize_t written = count;
    if (!data || offset > INT64_MAX)
        return -EINVAL;
    if (!fid)
        return -EBADF;
    if (fid->kind == P9_FID_XATTR_WRITE) {
        if (offset != fid->filled || count > fid->size - fid->filled)
            return -ENOSPC;
        memcpy(fid->value + fid->filled, data, count);
        fid->filled += count;
    } else {
        if (fid->kind != P9_FID_FILE || fid->open < 0 || !is_writable(fid))
            return -EBADF;
        written = pwrite(fid->open, data, count, (off_t)offset);
        if (written < 0)
            return -errno;
    }
    p9_put(&call->out, 4, (uint64_t)written);
    return 0;
}

/* ---- Directories --------------------------------------------------------------------------------------- */

/* With mapped-xattr the kind is left out, since only the attribute knows it. The parent of the root is the
 * root. */
static void put_entry(struct p9_call *call, const struct p9_fid *fid, const struct dirent *entry)
{
    const struct p9_folder *folder = &call->server->folder;
    struct stat stat = { .st_dev = folder->root_stat.st_dev, .st_ino = entry->d_ino };
    struct stat here = { .st_ino = 0 };
    struct p9_qid qid;
    uint8_t type =
        folder->security == P9_SECURITY_MAPPED_XATTR && entry->d_type != DT_DIR ? DT_UNKNOWN : entry->d_type;
    if (fstat(fid->path, &here) == 0)
        stat.st_dev = here.st_dev;
    if (strcmp(entry->d_name, "..") == 0 && here.st_ino == folder->root_stat.st_ino)
        stat.st_ino = folder->root_stat.st_ino;
    folder_qid(folder, &stat, &qid);
    qid.type = entry->d_type == DT_DIR ? P9_QID_DIR : type == DT_LNK ? P9_QID_SYMLINK : P9_QID_FILE;
    qid.version = 0;
    p9_put_qid(&call->out, &qid);
    p9_put(&call->out, 8, (uint64_t)entry->d_off);
    p9_put(&call->out, 1, type);
    p9_put_string(&call->out, entry->d_name);
}

/* fid[4] offset[8] count[4] -> count[4] data[count]; the data are entries: qid[13] offset[8] type[1]
 * name[s] */
int p9_readdir(struct p9_call *call)
{
    int rc;
    struct p9_fid *fid = p9_get_fid(call, &rc);
    uint64_t offset = p9_get(&call->in, 8);
    uint32_t count = (uint32_t)p9_get(&call->in, 4);
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    if (!fid->dir)
        return -EBADF;
    uint8_t *length = p9_put_room(&call->out, 4), *start = call->out.at;
    if (!length)
        return -EMSGSIZE;
    if (count < p9_room(&call->out))
        call->out.end = call->out.at + count;
    seekdir(fid->dir, (long)offset);
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(fid->dir))) {
        if (p9_room(&call->out) < DIRENT_FIXED + strlen(entry->d_name))
            break;
        put_entry(call, fid, entry);
    }
    if (!entry && errno)
        return -errno;
    size_t used = (size_t)(call->out.at - start);
    if (entry && !used)
        return -EINVAL; /* not even one entry fits */
    for (unsigned n = 0; n < 4; n++)
        length[n] = (uint8_t)(used >> 8 * n);
    return 0;
}

/* ---- Attributes ---------------------------------------------------------------------------------------- */

static void put_time(struct p9_call *call, const struct timespec *time)
{
    p9_put(&call->out, 8, (uint64_t)time->tv_sec);
    p9_put(&call->out, 8, (uint64_t)time->tv_nsec);
}

/* fid[4] request_mask[8] -> valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8] blksize[8]
 * blocks[8], then seconds[8] and nanoseconds[8] of atime, mtime, ctime and btime, gen[8] data_version[8] */
int p9_getattr(struct p9_call *call)
{
    static const struct timespec unknown;
    struct stat stat;
    struct p9_qid qid;
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    p9_get(&call->in, 8);
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    rc = folder_stat(&call->server->folder, fid->path, &stat);
    if (rc)
        return rc;
    folder_qid(&call->server->folder, &stat, &qid);
    p9_put(&call->out, 8, GETATTR_BASIC);
    p9_put_qid(&call->out, &qid);
    p9_put(&call->out, 4, stat.st_mode);
    p9_put(&call->out, 4, stat.st_uid);
    p9_put(&call->out, 4, stat.st_gid);
    p9_put(&call->out, 8, stat.st_nlink);
    p9_put(&call->out, 8, stat.st_rdev);
    p9_put(&call->out, 8, (uint64_t)stat.st_size);
    p9_put(&call->out, 8, (uint64_t)stat.st_blksize);
    p9_put(&call->out, 8, (uint64_t)stat.st_blocks);
    put_time(call, &stat.st_atim);
    put_time(call, &stat.st_mtim);
    put_time(call, &stat.st_ctim);
    put_time(call, &unknown);
    p9_put(&call->out, 8, 0);
    p9_put(&call->out, 8, 0);
    return 0;
}

/* Returns one of the two times: unchanged, the present time, or the given one. */
static struct timespec new_time(uint32_t valid, uint32_t set, uint32_t given, const uint64_t value[2])
{
    if (!(valid & set))
        return (struct timespec){ .tv_nsec = UTIME_OMIT };
    if (!(valid & given))
        return (struct timespec){ .tv_nsec = UTIME_NOW };
    return (struct timespec){ (time_t)value[0], value[1] < 1000000000 ? (long)value[1] : 0 };
}

static int set_owner(struct p9_call *call, const struct p9_fid *fid, uint32_t valid, uint32_t uid,
                     uint32_t gid)
{
    if (!(valid & (SET_UID | SET_GID)))
        return 0;
    return folder_chown(&call->server->folder, fid->path, valid & SET_UID ? uid : (uid_t)-1,
                        valid & SET_GID ? gid : (gid_t)-1);
}

/* fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atime_sec[8] atime_nsec[8] mtime_sec[8] mtime_nsec[8] */
int p9_setattr(struct p9_call *call)
{
    const struct p9_folder *folder = &call->server->folder;
    uint64_t times[4];
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    uint32_t valid = (uint32_t)p9_get(&call->in, 4), mode = (uint32_t)p9_get(&call->in, 4);
    uint32_t uid = (uint32_t)p9_get(&call->in, 4), gid = (uint32_t)p9_get(&call->in, 4);
    uint64_t size = p9_get(&call->in, 8);
    for (unsigned n = 0; n < 4; n++)
        times[n] = p9_get(&call->in, 8);
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    if (folder->read_only)
        return -EROFS;
    if (valid & SET_SIZE) /* before the mode is set, since it may forbid this */
        rc = folder_truncate(folder, fid->path, size);
    rc = rc ? rc : set_owner(call, fid, valid, uid, gid);
    if (!rc && valid & SET_MODE)
        rc = folder_chmod(folder, fid->path, mode);
    if (!rc && valid & (SET_ATIME | SET_MTIME)) {
        struct timespec new_times[2] = { new_time(valid, SET_ATIME, SET_ATIME_GIVEN, times),
                                         new_time(valid, SET_MTIME, SET_MTIME_GIVEN, times + 2) };
        rc = folder_utimes(folder, fid->path, new_times);
    }
    return rc;
}

/* fid[4] -> type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4] */
int p9_statfs(struct p9_call *call)
{
    struct statfs stat;
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    if (!fid)
        return rc;
    if (fstatfs(fid->path, &stat))
        return -errno;
    p9_put(&call->out, 4, V9FS_MAGIC);
    p9_put(&call->out, 4, (uint64_t)stat.f_bsize);
    p9_put(&call->out, 8, stat.f_blocks);
    p9_put(&call->out, 8, stat.f_bfree);
    p9_put(&call->out, 8, stat.f_bavail);
    p9_put(&call->out, 8, stat.f_files);
    p9_put(&call->out, 8, stat.f_ffree);
    p9_put(&call->out, 8, 0);
    p9_put(&call->out, 4, (uint64_t)stat.f_namelen);
    return 0;
}

/* fid[4] datasync[4] */
int p9_fsync(struct p9_call *call)
{
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    bool only_data = p9_get(&call->in, 4);
    if (!fid || fid->open < 0)
        return fid ? -EBADF : rc;
    return (only_data ? fdatasync(fid->open) : fsync(fid->open)) ? -errno : 0;
}

/* ---- Extended attributes ------------------------------------------------------------------------------- */

static ssize_t xattr_read(const struct p9_folder *folder, int path, const char *name, void *value,
                          size_t size)
{
    return *name ? folder_xattr_get(folder, path, name, value, size)
                 : folder_xattr_list(folder, path, value, size);
}

/* fid[4] newfid[4] name[s] -> size[8]; reading newfid then gives the value or, without a name, the list of
 * names. */
int p9_xattrwalk(struct p9_call *call)
{
    struct p9_server *server = call->server;
    char name[P9_NAME_SIZE];
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    uint32_t number = (uint32_t)p9_get(&call->in, 4);
    p9_get_string(&call->in, name, sizeof(name));
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    ssize_t length = xattr_read(&server->folder, fid->path, name, NULL, 0);
    if (length < 0)
        return (int)length;
    struct p9_fid *value = p9_fid_add(server, number, fcntl(fid->path, F_DUPFD_CLOEXEC, 0), fid->uid, &rc);
    if (!value)
        return rc;
    value->kind = P9_FID_XATTR_READ;
    rc = value->path < 0 ? -EMFILE : p9_fid_reserve(server, value, (size_t)length);
    if (!rc && length) {
        length = xattr_read(&server->folder, value->path, name, value->value, (size_t)length);
        rc = length < 0 ? (int)length : 0;
    }
    if (rc) {
        p9_fid_remove(server, value);
        return rc;
    }
    server->xattr_bytes -= value->size - (size_t)length; /* the value may have become shorter */
    value->size = (size_t)length;
    p9_put(&call->out, 8, value->size);
    return 0;
}

/* fid[4] name[s] attr_size[8] flags[4]: what is then written to the fid becomes the value when the fid is
 * clunked. */
int p9_xattrcreate(struct p9_call *call)
{
    char name[P9_NAME_SIZE];
    int rc;
    struct p9_fid *fid = p9_get_fid(call, &rc);
    p9_get_string(&call->in, name, sizeof(name));
    uint64_t size = p9_get(&call->in, 8);
    uint32_t flags = (uint32_t)p9_get(&call->in, 4);
    if (!fid || call->in.failed || !*name || flags & ~3u)
        return fid ? -EINVAL : rc;
    if (call->server->folder.read_only)
        return -EROFS;
    if (fid->open >= 0)
        return -EBADF;
    rc = size > P9_XATTR_MAX ? -E2BIG : p9_fid_reserve(call->server, fid, (size_t)size);
    if (rc)
        return rc;
    fid->kind = P9_FID_XATTR_WRITE;
    fid->xattr_flags = (flags & 1 ? XATTR_CREATE : 0) | (flags & 2 ? XATTR_REPLACE : 0);
    memcpy(fid->name, name, sizeof(name));
    return 0;
}

/* With an empty value, the client removes the attribute. */
int p9_xattr_finish(struct p9_server *server, const struct p9_fid *fid)
{
    if (fid->path < 0)
        return -ESTALE;
    if (fid->filled != fid->size)
        return -EINVAL;
    if (!fid->size)
        return folder_xattr_remove(&server->folder, fid->path, fid->name);
    return folder_xattr_set(&server->folder, fid->path, fid->name, fid->value, fid->size, fid->xattr_flags);
}

/* ---- Locks --------------------------------------------------------------------------------------------- */

/* fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s] -> status[1]. The guest checks its own
 * locks before it asks, so every lock is granted; programs of the host do not take part. */
int p9_lock(struct p9_call *call)
{
    char client[P9_NAME_SIZE];
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    p9_get(&call->in, 1);
    p9_get(&call->in, 4);
    p9_get(&call->in, 8);
    p9_get(&call->in, 8);
    p9_get(&call->in, 4);
    p9_get_string(&call->in, client, sizeof(client));
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    p9_put(&call->out, 1, LOCK_SUCCESS);
    return 0;
}

/* fid[4] type[1] start[8] length[8] proc_id[4] client_id[s] -> the same without fid */
int p9_getlock(struct p9_call *call)
{
    char client[P9_NAME_SIZE];
    int rc;
    const struct p9_fid *fid = p9_get_fid(call, &rc);
    p9_get(&call->in, 1);
    uint64_t start = p9_get(&call->in, 8), length = p9_get(&call->in, 8), process = p9_get(&call->in, 4);
    p9_get_string(&call->in, client, sizeof(client));
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    p9_put(&call->out, 1, LOCK_TYPE_UNLCK);
    p9_put(&call->out, 8, start);
    p9_put(&call->out, 8, length);
    p9_put(&call->out, 4, process);
    p9_put_string(&call->out, client);
    return 0;
}
