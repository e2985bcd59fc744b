/* SPDX-License-Identifier: MIT
 *
 * 9P messages about names: walking, opening, creating, linking, renaming, removing. Each handler begins with
 * the fields of its message, as the protocol names them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices/virtio/9p/internal.h"

#define UNLINK_DIRECTORY 0x200u /* AT_REMOVEDIR in the protocol */

/* Reads the next field as a name; false if there is none. */
static bool get_name(struct p9_call *call, char name[P9_NAME_SIZE])
{
    return p9_get_string(&call->in, name, P9_NAME_SIZE);
}

/* fid[4] newfid[4] nwname[2] nwname*(wname[s]) -> nwqid[2] nwqid*(wqid[13]) */
int p9_walk(struct p9_call *call)
{
    char names[P9_WALK_MAX][P9_NAME_SIZE];
    int rc;
    struct p9_fid *fid = p9_get_fid(call, &rc);
    uint32_t number = (uint32_t)p9_get(&call->in, 4);
    unsigned count = (unsigned)p9_get(&call->in, 2), done = 0;
    if (!fid)
        return rc;
    if (count > P9_WALK_MAX || (fid->open >= 0 && number == fid->number))
        return count > P9_WALK_MAX ? -EINVAL : -EBADF;
    for (unsigned n = 0; n < count; n++)
        get_name(call, names[n]);
    if (call->in.failed)
        return -EINVAL;
    int at = fcntl(fid->path, F_DUPFD_CLOEXEC, 0);
    if (at < 0)
        return -errno;
    uint8_t *qids = p9_put_room(&call->out, 2);
    for (rc = 0; done < count && !rc; done += !rc) {
        int next = folder_walk(&call->server->folder, at, names[done]);
        close(at);
        at = next;
        rc = next < 0 ? next : p9_put_file_qid(call, next);
    }
    if (qids)
        qids[0] = (uint8_t)done, qids[1] = 0;
    if (rc && at >= 0)
        close(at);
    if (rc)
        return done ? 0 : rc; /* a walk that got somewhere succeeds, but makes no fid */
    if (number == fid->number) {
        close(fid->path);
        fid->path = at;
        return 0;
    }
    p9_fid_add(call->server, number, at, fid->uid, &rc);
    return rc;
}

/* 0: the client chooses the sizes. */
static void put_iounit(struct p9_call *call)
{
    p9_put(&call->out, 4, 0);
}

/* fid[4] flags[4] -> qid[13] iounit[4] */
int p9_lopen(struct p9_call *call)
{
    int rc;
    struct p9_fid *fid = p9_get_fid(call, &rc);
    uint32_t flags = (uint32_t)p9_get(&call->in, 4);
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    rc = p9_fid_open(call->server, fid, p9_open_flags(flags));
    rc = rc ? rc : p9_put_file_qid(call, fid->path);
    put_iounit(call);
    return rc;
}

/* fid[4] name[s] flags[4] mode[4] gid[4] -> qid[13] iounit[4]; the fid then stands for the new file. */
int p9_lcreate(struct p9_call *call)
{
    char name[P9_NAME_SIZE];
    int rc, path;
    struct p9_fid *fid = p9_get_fid(call, &rc);
    get_name(call, name);
    uint32_t flags = (uint32_t)p9_get(&call->in, 4), mode = (uint32_t)p9_get(&call->in, 4);
    struct p9_creation creation = { mode & 07777, 0, (gid_t)p9_get(&call->in, 4) };
    if (!fid || call->in.failed)
        return fid ? -EINVAL : rc;
    if (fid->open >= 0)
        return -EBADF;
    creation.uid = fid->uid;
    int fd = folder_create(&call->server->folder, fid->path, name, p9_open_flags(flags), &creation, &path);
    struct stat stat;
    if (fd >= 0 && (fstat(fd, &stat) || !S_ISREG(stat.st_mode))) {
        close(fd);
        fd = -EISDIR;
    }
    if (fd < 0) {
        if (path >= 0)
            close(path);
        return fd;
    }
    close(fid->path);
    fid->path = path;
    fid->open = fd;
    fid->flags = p9_open_flags(flags) & ~(O_EXCL | O_TRUNC);
    rc = p9_put_file_qid(call, path);
    put_iounit(call);
    return rc;
}

/* Answers with the qid of the new file. */
static int put_made(struct p9_call *call, int dir, const char *name)
{
    int path = folder_walk(&call->server->folder, dir, name);
    if (path < 0)
        return path;
    int rc = p9_put_file_qid(call, path);
    close(path);
    return rc;
}

/* dfid[4] name[s] mode[4] gid[4] -> qid[13] */
int p9_mkdir(struct p9_call *call)
{
    char name[P9_NAME_SIZE];
    int rc;
    struct p9_fid *dir = p9_get_fid(call, &rc);
    get_name(call, name);
    uint32_t mode = (uint32_t)p9_get(&call->in, 4);
    struct p9_creation creation = { mode & 07777, dir ? dir->uid : 0, (gid_t)p9_get(&call->in, 4) };
    if (!dir || call->in.failed)
        return dir ? -EINVAL : rc;
    rc = folder_mkdir(&call->server->folder, dir->path, name, &creation);
    return rc ? rc : put_made(call, dir->path, name);
}

/* fid[4] name[s] symtgt[s] gid[4] -> qid[13] */
int p9_symlink(struct p9_call *call)
{
    char name[P9_NAME_SIZE], target[PATH_MAX];
    int rc;
    struct p9_fid *dir = p9_get_fid(call, &rc);
    get_name(call, name);
    p9_get_string(&call->in, target, sizeof(target));
    struct p9_creation creation = { 0777, dir ? dir->uid : 0, (gid_t)p9_get(&call->in, 4) };
    if (!dir || call->in.failed)
        return dir ? -EINVAL : rc;
    rc = folder_symlink(&call->server->folder, dir->path, name, target, &creation);
    return rc ? rc : put_made(call, dir->path, name);
}

/* dfid[4] name[s] mode[4] major[4] minor[4] gid[4] -> qid[13] */
int p9_mknod(struct p9_call *call)
{
    char name[P9_NAME_SIZE];
    int rc;
    struct p9_fid *dir = p9_get_fid(call, &rc);
    get_name(call, name);
    uint32_t mode = (uint32_t)p9_get(&call->in, 4);
    uint32_t major = (uint32_t)p9_get(&call->in, 4), minor = (uint32_t)p9_get(&call->in, 4);
    struct p9_creation creation = { mode, dir ? dir->uid : 0, (gid_t)p9_get(&call->in, 4) };
    if (!dir || call->in.failed)
        return dir ? -EINVAL : rc;
    rc = folder_mknod(&call->server->folder, dir->path, name, makedev(major, minor), &creation);
    return rc ? rc : put_made(call, dir->path, name);
}

/* fid[4] -> target[s] */
int p9_readlink(struct p9_call *call)
{
    char target[PATH_MAX];
    int rc;
    struct p9_fid *fid = p9_get_fid(call, &rc);
    if (!fid)
        return rc;
    ssize_t length = folder_readlink(&call->server->folder, fid->path, target, sizeof(target) - 1);
    if (length < 0)
        return (int)length;
    target[length] = '\0';
    p9_put_string(&call->out, target);
    return 0;
}

/* dfid[4] fid[4] name[s] */
int p9_link(struct p9_call *call)
{
    char name[P9_NAME_SIZE];
    int rc, rc2;
    struct p9_fid *dir = p9_get_fid(call, &rc), *fid = p9_get_fid(call, &rc2);
    get_name(call, name);
    if (!dir || !fid || call->in.failed)
        return !dir ? rc : !fid ? rc2 : -EINVAL;
    return folder_link(&call->server->folder, fid->path, dir->path, name);
}

/* olddirfid[4] oldname[s] newdirfid[4] newname[s] */
int p9_renameat(struct p9_call *call)
{
    char old_name[P9_NAME_SIZE], new_name[P9_NAME_SIZE];
    int rc, rc2;
    struct p9_fid *from = p9_get_fid(call, &rc);
    get_name(call, old_name);
    struct p9_fid *to = p9_get_fid(call, &rc2);
    get_name(call, new_name);
    if (!from || !to || call->in.failed)
        return !from ? rc : !to ? rc2 : -EINVAL;
    return folder_rename(&call->server->folder, from->path, old_name, to->path, new_name);
}

/* dirfd[4] name[s] flags[4] */
int p9_unlinkat(struct p9_call *call)
{
    char name[P9_NAME_SIZE];
    int rc;
    struct p9_fid *dir = p9_get_fid(call, &rc);
    get_name(call, name);
    uint32_t flags = (uint32_t)p9_get(&call->in, 4);
    if (!dir || call->in.failed || flags & ~UNLINK_DIRECTORY)
        return dir ? -EINVAL : rc;
    return folder_unlink(&call->server->folder, dir->path, name, flags & UNLINK_DIRECTORY);
}
