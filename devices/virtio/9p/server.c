/* SPDX-License-Identifier: MIT
 *
 * The 9P server: it dispatches messages and keeps the fids. A fid is an O_PATH descriptor, so it stands for
 * the same file whatever happens to the file's name. Each fid may also be open, so there are at most half as
 * many fids as the process may have descriptors (that limit is raised to what the host allows).
 */
#include "devices/virtio/9p/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "devices/virtio/9p/internal.h"
#include "util/log.h"

enum p9_type { /* requests; an answer's type is one more */
               P9_TLERROR = 6,
               P9_TSTATFS = 8,
               P9_TLOPEN = 12,
               P9_TLCREATE = 14,
               P9_TSYMLINK = 16,
               P9_TMKNOD = 18,
               P9_TREADLINK = 22,
               P9_TGETATTR = 24,
               P9_TSETATTR = 26,
               P9_TXATTRWALK = 30,
               P9_TXATTRCREATE = 32,
               P9_TREADDIR = 40,
               P9_TFSYNC = 50,
               P9_TLOCK = 52,
               P9_TGETLOCK = 54,
               P9_TLINK = 70,
               P9_TMKDIR = 72,
               P9_TRENAMEAT = 74,
               P9_TUNLINKAT = 76,
               P9_TVERSION = 100,
               P9_TATTACH = 104,
               P9_TFLUSH = 108,
               P9_TWALK = 110,
               P9_TREAD = 116,
               P9_TWRITE = 118,
               P9_TCLUNK = 120,
               P9_TREMOVE = 122,
};

/* ---- Fids ---------------------------------------------------------------------------------------------- */

struct p9_fid *p9_fid_find(struct p9_server *server, uint32_t number)
{
    struct p9_fid *fid = server->fids[number % P9_FID_BUCKETS];
    while (fid && fid->number != number)
        fid = fid->next;
    return fid;
}

struct p9_fid *p9_fid_add(struct p9_server *server, uint32_t number, int path, uid_t uid, int *rc)
{
    struct p9_fid *fid = NULL;
    *rc = -EBADF;
    if (number != P9_NO_FID && !p9_fid_find(server, number)) {
        *rc = -EMFILE;
        if (server->fid_count < server->fid_max)
            fid = calloc(1, sizeof(*fid));
    }
    if (!fid) {
        close(path);
        return NULL;
    }
    struct p9_fid **bucket = &server->fids[number % P9_FID_BUCKETS];
    *fid = (struct p9_fid){ .next = *bucket, .number = number, .uid = uid, .path = path, .open = -1 };
    *bucket = fid;
    server->fid_count++;
    *rc = 0;
    return fid;
}

void p9_fid_close(struct p9_fid *fid)
{
    if (fid->dir)
        closedir(fid->dir);
    else if (fid->open >= 0)
        close(fid->open);
    fid->dir = NULL;
    fid->open = -1;
}

void p9_fid_remove(struct p9_server *server, struct p9_fid *fid)
{
    struct p9_fid **link = &server->fids[fid->number % P9_FID_BUCKETS];
    while (*link != fid)
        link = &(*link)->next;
    *link = fid->next;
    server->fid_count--;
    server->xattr_bytes -= fid->size;
    p9_fid_close(fid);
    if (fid->path >= 0)
        close(fid->path);
    free(fid->value);
    free(fid);
}

int p9_fid_reserve(struct p9_server *server, struct p9_fid *fid, size_t size)
{
    if (size > P9_XATTR_MAX || size > P9_XATTRS_BYTES - server->xattr_bytes)
        return size > P9_XATTR_MAX ? -E2BIG : -ENOSPC;
    fid->value = calloc(1, size ? size : 1);
    if (!fid->value)
        return -ENOMEM;
    fid->size = size;
    server->xattr_bytes += size;
    return 0;
}

int p9_open_flags(uint32_t flags)
{
    static const struct {
        uint32_t protocol;
        int host;
    } bits[] = { { 0200, O_EXCL },    { 01000, O_TRUNC },   { 02000, O_APPEND },
                 { 010000, O_DSYNC }, { 04000000, O_SYNC }, { 0200000, O_DIRECTORY } };
    int host = (flags & 3) == 1 ? O_WRONLY : (flags & 3) == 0 ? O_RDONLY : O_RDWR;
    for (unsigned n = 0; n < sizeof(bits) / sizeof(bits[0]); n++)
        host |= flags & bits[n].protocol ? bits[n].host : 0;
    return host;
}

int p9_fid_open(struct p9_server *server, struct p9_fid *fid, int flags)
{
    struct stat stat;
    int rc = folder_stat(&server->folder, fid->path, &stat);
    if (rc)
        return rc;
    if (fid->open >= 0)
        return -EBADF;
    /* also those that are devices for mapped-xattr only */
    if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode))
        return S_ISLNK(stat.st_mode) ? -ELOOP : -ENXIO;
    if (server->folder.read_only && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
        return -EROFS;
    int fd = folder_reopen(&server->folder, fid->path, flags & ~O_EXCL);
    if (fd < 0)
        return fd;
    fid->dir = S_ISDIR(stat.st_mode) ? fdopendir(fd) : NULL;
    if (S_ISDIR(stat.st_mode) && !fid->dir) {
        close(fd);
        return -ENOMEM;
    }
    fid->open = fd;
    fid->flags = flags & ~(O_EXCL | O_TRUNC);
    return 0;
}

/* ---- Helpers of handlers ------------------------------------------------------------------------------- */

struct p9_fid *p9_get_fid(struct p9_call *call, int *rc)
{
    struct p9_fid *fid = p9_fid_find(call->server, (uint32_t)p9_get(&call->in, 4));
    *rc = 0;
    if (call->in.failed)
        *rc = -EINVAL;
    else if (!fid || fid->kind != P9_FID_FILE)
        *rc = -EBADF;
    else if (fid->path < 0)
        *rc = -ESTALE;
    return *rc ? NULL : fid;
}

int p9_put_file_qid(struct p9_call *call, int path)
{
    struct stat stat;
    struct p9_qid qid;
    int rc = folder_stat(&call->server->folder, path, &stat);
    if (rc)
        return rc;
    folder_qid(&call->server->folder, &stat, &qid);
    p9_put_qid(&call->out, &qid);
    return 0;
}

/* ---- The session's messages ---------------------------------------------------------------------------- */

/* size[4] version[s]: a new session. */
static int p9_version(struct p9_call *call)
{
    char version[32];
    uint32_t msize = (uint32_t)p9_get(&call->in, 4);
    if (!p9_get_string(&call->in, version, sizeof(version)) || msize < P9_MSIZE_MIN)
        return -EINVAL;
    p9_server_reset(call->server);
    call->server->msize = msize < P9_MSIZE_MAX ? msize : P9_MSIZE_MAX;
    p9_put(&call->out, 4, call->server->msize);
    p9_put_string(&call->out, strcmp(version, "9P2000.L") == 0 ? version : "unknown");
    return 0;
}

/* fid[4] afid[4] uname[s] aname[s] n_uname[4]: there is one tree, and nobody has to authenticate. */
static int p9_attach(struct p9_call *call)
{
    char text[P9_NAME_SIZE];
    int rc;
    uint32_t number = (uint32_t)p9_get(&call->in, 4), auth = (uint32_t)p9_get(&call->in, 4);
    p9_get_string(&call->in, text, sizeof(text));
    p9_get_string(&call->in, text, sizeof(text));
    uint32_t uid = (uint32_t)p9_get(&call->in, 4);
    if (call->in.failed)
        return -EINVAL;
    if (auth != P9_NO_FID)
        return -EBADF;
    int path = fcntl(call->server->folder.root, F_DUPFD_CLOEXEC, 0);
    if (path < 0)
        return -errno;
    struct p9_fid *fid = p9_fid_add(call->server, number, path, uid == UINT32_MAX ? 0 : uid, &rc);
    return fid ? p9_put_file_qid(call, fid->path) : rc;
}

/* Every request is answered before the next is read, so there is never one to flush. */
static int p9_flush(struct p9_call *call)
{
    p9_get(&call->in, 2);
    return call->in.failed ? -EINVAL : 0;
}

static int p9_clunk(struct p9_call *call)
{
    struct p9_fid *fid = p9_fid_find(call->server, (uint32_t)p9_get(&call->in, 4));
    if (call->in.failed || !fid)
        return call->in.failed ? -EINVAL : -EBADF;
    int rc = fid->kind == P9_FID_XATTR_WRITE ? p9_xattr_finish(call->server, fid) : 0;
    p9_fid_remove(call->server, fid);
    return rc;
}

/* A fid knows its file, but not the file's name, so it cannot remove it: Tunlinkat removes names. The fid is
 * gone in any case. */
static int p9_remove(struct p9_call *call)
{
    int rc = p9_clunk(call);
    return rc ? rc : -EOPNOTSUPP;
}

static const struct {
    enum p9_type type;
    p9_handler *handle;
} handlers[] = {
    { P9_TWALK, p9_walk },           { P9_TREAD, p9_read },
    { P9_TWRITE, p9_write },         { P9_TGETATTR, p9_getattr },
    { P9_TCLUNK, p9_clunk },         { P9_TLOPEN, p9_lopen },
    { P9_TREADDIR, p9_readdir },     { P9_TLCREATE, p9_lcreate },
    { P9_TSETATTR, p9_setattr },     { P9_TREADLINK, p9_readlink },
    { P9_TUNLINKAT, p9_unlinkat },   { P9_TRENAMEAT, p9_renameat },
    { P9_TMKDIR, p9_mkdir },         { P9_TSYMLINK, p9_symlink },
    { P9_TLINK, p9_link },           { P9_TMKNOD, p9_mknod },
    { P9_TFSYNC, p9_fsync },         { P9_TSTATFS, p9_statfs },
    { P9_TXATTRWALK, p9_xattrwalk }, { P9_TXATTRCREATE, p9_xattrcreate },
    { P9_TLOCK, p9_lock },           { P9_TGETLOCK, p9_getlock },
    { P9_TVERSION, p9_version },     { P9_TATTACH, p9_attach },
    { P9_TFLUSH, p9_flush },         { P9_TREMOVE, p9_remove },
};

static int dispatch(struct p9_call *call, uint8_t type)
{
    for (unsigned n = 0; n < sizeof(handlers) / sizeof(handlers[0]); n++) {
        if (handlers[n].type == type)
            return handlers[n].handle(call);
    }
    return -EOPNOTSUPP; /* Tauth, Trename (Linux then tries Trenameat), and what is no message at all */
}

size_t p9_server_answer(struct p9_server *server, const uint8_t *request, size_t length, uint8_t *answer,
                        size_t room)
{
    struct p9_call call = { .server = server, .in = { .at = request, .end = request + length } };
    uint32_t size = (uint32_t)p9_get(&call.in, 4);
    uint8_t type = (uint8_t)p9_get(&call.in, 1);
    uint16_t tag = (uint16_t)p9_get(&call.in, 2);
    bool sized = size >= P9_HEADER && size <= length && (size <= server->msize || type == P9_TVERSION);
    if (room > server->msize)
        room = server->msize;
    if (sized)
        call.in.end = request + size;
    call.out = (struct p9_writer){ .start = answer, .at = answer + P9_HEADER, .end = answer + room };
    int rc = sized ? dispatch(&call, type) : -EINVAL;
    if (!rc && call.out.failed)
        rc = -EMSGSIZE;
    if (rc) {
        if (rc == -EINVAL)
            LOG_GUEST("virtio-9p: a message of type %u that makes no sense", type);
        type = P9_TLERROR;
        call.out.at = answer + P9_HEADER;
        call.out.failed = false;
        p9_put(&call.out, 4, (uint32_t)-rc);
    }
    length = (size_t)(call.out.at - answer);
    call.out.at = answer;
    p9_put(&call.out, 4, length);
    p9_put(&call.out, 1, type + 1u);
    p9_put(&call.out, 2, tag);
    return length;
}

/* ---- Making and unmaking ------------------------------------------------------------------------------- */

static unsigned fids_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 256;
    struct rlimit wanted = { limit.rlim_max, limit.rlim_max };
    if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        limit = wanted;
    rlim_t half = limit.rlim_cur / 4 + 1; /* each fid may have two descriptors, and others need some, too */
    return half < P9_FIDS_MAX ? (unsigned)half : P9_FIDS_MAX;
}

struct p9_server *p9_server_create(const struct p9_server_config *config, struct error *error)
{
    struct p9_server *server = calloc(1, sizeof(*server));
    if (!server) {
        error_set(error, "shared folder %s: out of memory", config->path);
        return NULL;
    }
    server->msize = P9_MSIZE_MIN;
    server->fid_max = fids_limit();
    if (folder_open(&server->folder, config->path, config->security, config->read_only, error))
        return server;
    p9_server_destroy(server);
    return NULL;
}

void p9_server_reset(struct p9_server *server)
{
    for (unsigned n = 0; n < P9_FID_BUCKETS; n++) {
        while (server->fids[n])
            p9_fid_remove(server, server->fids[n]);
    }
    server->msize = P9_MSIZE_MIN;
}

void p9_server_destroy(struct p9_server *server)
{
    p9_server_reset(server);
    folder_close(&server->folder);
    free(server);
}
