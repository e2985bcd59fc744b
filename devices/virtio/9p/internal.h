/* SPDX-License-Identifier: MIT
 *
 * What the files of the 9P server share.
 */
#ifndef DEVICES_VIRTIO_9P_INTERNAL_H
#define DEVICES_VIRTIO_9P_INTERNAL_H

#include <dirent.h>

#include "devices/virtio/9p/server.h"

#define P9_FID_BUCKETS  1024u
#define P9_FIDS_MAX     65536u
#define P9_NO_FID       UINT32_MAX
#define P9_WALK_MAX     16u
#define P9_XATTR_MAX    65536u      /* bytes of one attribute: Linux's own limit */
#define P9_XATTRS_BYTES (16u << 20) /* of the attributes that all fids hold together */
#define P9_NAME_SIZE    (NAME_MAX + 1)

enum p9_fid_kind { P9_FID_FILE, P9_FID_XATTR_READ, P9_FID_XATTR_WRITE };

struct p9_fid {
    struct p9_fid *next;
    uint32_t number;
    enum p9_fid_kind kind;
    uid_t uid; /* the user who attached */
    int path;  /* O_PATH; -1: its file was gone when the state was loaded */
    int open;  /* -1: not open */
    int flags; /* the flags it was opened with */
    DIR *dir;  /* of an open directory; it then owns `open` */
    /* Extended attributes: */
    char name[P9_NAME_SIZE];
    uint8_t *value;
    size_t size, filled;
    int xattr_flags;
};

struct p9_server {
    struct p9_folder folder;
    uint32_t msize; /* as agreed with the client; P9_MSIZE_MIN before that */
    unsigned fid_count, fid_max;
    size_t xattr_bytes;
    struct p9_fid *fids[P9_FID_BUCKETS];
};

/* A request under way. Handlers read `in` and write `out`, and return 0 or a negative errno. */
struct p9_call {
    struct p9_server *server;
    struct p9_reader in;
    struct p9_writer out;
};
typedef int p9_handler(struct p9_call *call);

/* server.c */
struct p9_fid *p9_fid_find(struct p9_server *server, uint32_t number);
/* Adds a fid, which owns `path`. NULL, and *rc says why: -EBADF if the number is taken, -EMFILE if there are
 * too many. */
struct p9_fid *p9_fid_add(struct p9_server *server, uint32_t number, int path, uid_t uid, int *rc);
void p9_fid_remove(struct p9_server *server, struct p9_fid *fid);
/* Reads the next field of the request as the number of a fid whose file is there; NULL and *rc if it is
 * not. */
struct p9_fid *p9_get_fid(struct p9_call *call, int *rc);
int p9_put_file_qid(struct p9_call *call, int path);
/* Makes room for an attribute's value. */
int p9_fid_reserve(struct p9_server *server, struct p9_fid *fid, size_t size);
/* Opens what the fid stands for; flags of open(2). */
int p9_fid_open(struct p9_server *server, struct p9_fid *fid, int flags);
void p9_fid_close(struct p9_fid *fid);
/* Makes flags of open(2) from those of the protocol. */
int p9_open_flags(uint32_t flags);

/* io.c: reading, writing, directories, attributes. names.c: names and what they stand for */
p9_handler p9_read, p9_write, p9_readdir, p9_fsync, p9_getattr, p9_setattr, p9_statfs, p9_xattrwalk,
    p9_xattrcreate, p9_lock, p9_getlock;
p9_handler p9_walk, p9_lopen, p9_lcreate, p9_symlink, p9_mknod, p9_readlink, p9_link, p9_mkdir, p9_renameat,
    p9_unlinkat;
/* Sets the attribute when a fid that writes one is clunked. */
int p9_xattr_finish(struct p9_server *server, const struct p9_fid *fid);

#endif
