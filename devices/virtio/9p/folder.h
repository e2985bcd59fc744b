/* SPDX-License-Identifier: MIT
 *
 * The shared folder as the host's file system sees it, and the way files of the guest are told apart there.
 *
 * Confinement: a file is only ever named by an open O_PATH descriptor or, below the descriptor of a
 * directory, by a single name that contains no slash and is neither "." nor "..". It is opened with
 * O_NOFOLLOW, so no symbolic link is followed, no matter who puts it there and when; there is no path that a
 * race could redirect. To read or write what is open as O_PATH, it is opened through /proc/self/fd, which
 * leads to exactly that file; this is done only for regular files and directories. ".." stops at the folder's
 * root.
 *
 * Security models are QEMU's. "none": the guest's owners are set where the host allows it. "passthrough": it
 * is an error if the host does not allow it. "mapped-xattr": owner, mode and kind are kept in extended
 * attributes user.virtfs.*, in QEMU's layout, so that folders can be moved between the two; on the host,
 * everything belongs to the user who runs Rvive.
 *
 * All functions return 0 or more, or a negative errno. Only the server's thread calls them.
 */
#ifndef DEVICES_VIRTIO_9P_FOLDER_H
#define DEVICES_VIRTIO_9P_FOLDER_H

#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "devices/virtio/9p/message.h"
#include "util/error.h"

enum p9_security { P9_SECURITY_NONE, P9_SECURITY_PASSTHROUGH, P9_SECURITY_MAPPED_XATTR };

struct p9_folder {
    int root; /* O_PATH */
    struct stat root_stat;
    char path[PATH_MAX]; /* for messages */
    enum p9_security security;
    bool read_only;
};

/* Who creates a file, and how. */
struct p9_creation {
    mode_t mode; /* permissions */
    uid_t uid;
    gid_t gid;
};

bool folder_open(struct p9_folder *folder, const char *path, enum p9_security security, bool read_only,
                 struct error *error);
void folder_close(struct p9_folder *folder);

/* Goes one step down from a directory, or up with ".."; returns an O_PATH descriptor. */
int folder_walk(const struct p9_folder *folder, int dir, const char *name);
/* Opens the file of an O_PATH descriptor; flags as for open(2), without O_CREAT. */
int folder_reopen(const struct p9_folder *folder, int path, int flags);
/* Returns the attributes that the guest is to see. */
int folder_stat(const struct p9_folder *folder, int path, struct stat *stat);
void folder_qid(const struct p9_folder *folder, const struct stat *stat, struct p9_qid *qid);

/* Creates and opens a file; returns a descriptor for reading and writing. *path gets an O_PATH descriptor,
 * even if opening fails; it is negative if there is no file. */
int folder_create(const struct p9_folder *folder, int dir, const char *name, int flags,
                  const struct p9_creation *creation, int *path);
int folder_mkdir(const struct p9_folder *folder, int dir, const char *name,
                 const struct p9_creation *creation);
int folder_symlink(const struct p9_folder *folder, int dir, const char *name, const char *target,
                   const struct p9_creation *creation);
/* `mode` also contains the kind of file. */
int folder_mknod(const struct p9_folder *folder, int dir, const char *name, dev_t device,
                 const struct p9_creation *creation);
int folder_link(const struct p9_folder *folder, int path, int dir, const char *name);
int folder_rename(const struct p9_folder *folder, int from, const char *old_name, int to,
                  const char *new_name);
int folder_unlink(const struct p9_folder *folder, int dir, const char *name, bool directory);
ssize_t folder_readlink(const struct p9_folder *folder, int path, char *target, size_t size);

int folder_chmod(const struct p9_folder *folder, int path, mode_t mode);
/* (uid_t)-1, (gid_t)-1: unchanged */
int folder_chown(const struct p9_folder *folder, int path, uid_t uid, gid_t gid);
int folder_truncate(const struct p9_folder *folder, int path, uint64_t size);
int folder_utimes(const struct p9_folder *folder, int path, const struct timespec times[2]);

/* Extended attributes. size 0 asks for the length. */
ssize_t folder_xattr_get(const struct p9_folder *folder, int path, const char *name, void *value,
                         size_t size);
ssize_t folder_xattr_list(const struct p9_folder *folder, int path, char *names, size_t size);
int folder_xattr_set(const struct p9_folder *folder, int path, const char *name, const void *value,
                     size_t size, int flags);
int folder_xattr_remove(const struct p9_folder *folder, int path, const char *name);

/* mapped.c: the values that mapped-xattr keeps. NULL pointers are skipped. */
#define P9_MAPPED_PREFIX "user.virtfs."
void mapped_apply(int path, struct stat *stat);
int mapped_store(int path, const uint32_t *uid, const uint32_t *gid, const uint32_t *mode,
                 const uint64_t *rdev);
/* "/proc/self/fd/N" */
#define P9_PROC_PATH 32
const char *folder_proc_path(int path, char text[P9_PROC_PATH]);

#endif
