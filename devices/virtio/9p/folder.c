/* SPDX-License-Identifier: MIT
 *
 * The shared folder on the host: see folder.h for how it is kept apart from the rest.
 */
#include "devices/virtio/9p/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define UP_STEPS_MAX  1024 /* directories between a place and the root */
#define MAPPED_FILE   0600 /* mode on the host, with mapped-xattr */
#define MAPPED_FOLDER 0700

bool folder_open(struct p9_folder *folder, const char *path, enum p9_security security, bool read_only,
                 struct error *error)
{
    *folder = (struct p9_folder){ .root = -1, .security = security, .read_only = read_only };
    if (strlen(path) >= sizeof(folder->path))
        return error_set(error, "shared folder: the path is too long: %s", path);
    strcpy(folder->path, path);
    folder->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder->root < 0 || fstat(folder->root, &folder->root_stat))
        return error_set(error, "shared folder %s: %s", path, strerror(errno));
    int fd = folder_reopen(folder, folder->root, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return error_set(error, "shared folder %s: cannot read it: %s%s", path, strerror(-fd),
                         fd == -ENOENT ? " (is /proc mounted?)" : "");
    bool mapped = security != P9_SECURITY_MAPPED_XATTR || read_only ||
                  fgetxattr(fd, P9_MAPPED_PREFIX "uid", NULL, 0) >= 0 || errno != EOPNOTSUPP;
    close(fd);
    return mapped || error_set(error,
                               "shared folder %s: its file system has no extended attributes; use "
                               "security_model=none",
                               path);
}

void folder_close(struct p9_folder *folder)
{
    if (folder->root >= 0)
        close(folder->root);
    folder->root = -1;
}

/* ---- Places -------------------------------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Checks that it is a single name. ".." is refused here; only folder_walk() knows it. */
static int check_name(const char *name)
{
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* Does the directory lie in the folder? A program of the host may have moved it out. */
static bool is_inside(const struct p9_folder *folder, int dir)
{
    int at = dup(dir);
    struct stat here, above;
    bool inside = false, more = at >= 0 && fstat(at, &here) == 0;
    for (unsigned steps = 0; more && !inside && steps < UP_STEPS_MAX; steps++) {
        inside = same_file(&here, &folder->root_stat);
        int up = openat(at, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = up;
        more = at >= 0 && fstat(at, &above) == 0 && !same_file(&here, &above);
        here = above;
    }
    if (at >= 0)
        close(at);
    return inside;
}

static int walk_up(const struct p9_folder *folder, int dir)
{
    struct stat here;
    if (fstat(dir, &here))
        return -errno;
    bool root = same_file(&here, &folder->root_stat);
    int up =
        openat(root ? folder->root : dir, root ? "." : "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (up >= 0 && !is_inside(folder, up)) {
        close(up);
        return -ENOENT;
    }
    return up < 0 ? -errno : up;
}

int folder_walk(const struct p9_folder *folder, int dir, const char *name)
{
    if (strcmp(name, "..") == 0)
        return walk_up(folder, dir);
    int rc = check_name(name);
    if (rc)
        return rc;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int folder_reopen(const struct p9_folder *folder, int path, int flags)
{
    char proc[P9_PROC_PATH];
    struct stat stat;
    if (fstat(path, &stat))
        return -errno;
    /* Opening a device or a pipe would act on the host's; a guest opens its own. */
    if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode))
        return S_ISLNK(stat.st_mode) ? -ELOOP : -ENXIO;
    if (folder->read_only && (flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    int fd = open(folder_proc_path(path, proc), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int folder_stat(const struct p9_folder *folder, int path, struct stat *stat)
{
    if (fstat(path, stat))
        return -errno;
    if (folder->security == P9_SECURITY_MAPPED_XATTR)
        mapped_apply(path, stat);
    return 0;
}

/* Inode numbers are unique on one file system. Those of other file systems that are mounted below are moved
 * away from them. */
void folder_qid(const struct p9_folder *folder, const struct stat *stat, struct p9_qid *qid)
{
    uint64_t away = (uint64_t)(stat->st_dev ^ folder->root_stat.st_dev) * 0x9e3779b97f4a7c15u;
    *qid = (struct p9_qid){
        .type = S_ISDIR(stat->st_mode)   ? P9_QID_DIR
                : S_ISLNK(stat->st_mode) ? P9_QID_SYMLINK
                                         : P9_QID_FILE,
        .version = (uint32_t)(stat->st_mtim.tv_sec ^ stat->st_mtim.tv_nsec ^ stat->st_size << 8),
        .path = stat->st_ino ^ away,
    };
}

/* ---- Creating ------------------------------------------------------------------------------------------ */

static int may_change(const struct p9_folder *folder, const char *name)
{
    return folder->read_only ? -EROFS : check_name(name);
}

/* Gives a new file its owner and mode; `kind` is S_IFREG and so on. */
static int own(const struct p9_folder *folder, int path, mode_t kind, dev_t device,
               const struct p9_creation *creation)
{
    uint32_t uid = creation->uid, gid = creation->gid, mode = kind | (creation->mode & 07777);
    uint64_t rdev = device;
    if (folder->security == P9_SECURITY_MAPPED_XATTR)
        return mapped_store(path, &uid, &gid, &mode, S_ISCHR(kind) || S_ISBLK(kind) ? &rdev : NULL);
    int rc = fchownat(path, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -errno : 0;
    if (rc && folder->security == P9_SECURITY_PASSTHROUGH)
        return rc;
    /* The host's umask must not change the guest's mode; and a change of owner clears set-user-id. */
    return S_ISLNK(kind) ? 0 : folder_chmod(folder, path, creation->mode & 07777);
}

/* Gives the new file in `dir` to the guest. A file that cannot be given to it is removed again. */
static int finish_creation(const struct p9_folder *folder, int dir, const char *name, mode_t kind,
                           dev_t device, const struct p9_creation *creation)
{
    int path = folder_walk(folder, dir, name);
    if (path < 0)
        return path;
    int rc = own(folder, path, kind, device, creation);
    if (rc) {
        close(path);
        unlinkat(dir, name, S_ISDIR(kind) ? AT_REMOVEDIR : 0);
        return rc;
    }
    return path;
}

static bool is_mapped(const struct p9_folder *folder)
{
    return folder->security == P9_SECURITY_MAPPED_XATTR;
}

/* If O_EXCL is not among the flags, the file may exist already. */
int folder_create(const struct p9_folder *folder, int dir, const char *name, int flags,
                  const struct p9_creation *creation, int *path)
{
    int rc = may_change(folder, name);
    *path = -1;
    if (rc)
        return rc;
    if (!(flags & O_EXCL)) {
        *path = folder_walk(folder, dir, name);
        if (*path >= 0)
            return folder_reopen(folder, *path, flags);
        if (*path != -ENOENT)
            return *path;
    }
    int made = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MAPPED_FILE);
    if (made < 0)
        return -errno;
    close(made);
    *path = finish_creation(folder, dir, name, S_IFREG, 0, creation);
    if (*path < 0)
        return *path;
    /* The new file's mode may forbid its creator to open it. The creator may open it nevertheless. */
    rc = folder_reopen(folder, *path, flags & ~(O_EXCL | O_TRUNC));
    if (rc == -EACCES && !is_mapped(folder)) {
        folder_chmod(folder, *path, MAPPED_FILE);
        rc = folder_reopen(folder, *path, flags & ~(O_EXCL | O_TRUNC));
        folder_chmod(folder, *path, creation->mode & 07777);
    }
    return rc;
}

static int close_created(int path)
{
    if (path < 0)
        return path;
    close(path);
    return 0;
}

int folder_mkdir(const struct p9_folder *folder, int dir, const char *name,
                 const struct p9_creation *creation)
{
    int rc = may_change(folder, name);
    if (rc)
        return rc;
    if (mkdirat(dir, name, MAPPED_FOLDER))
        return -errno;
    return close_created(finish_creation(folder, dir, name, S_IFDIR, 0, creation));
}

/* With mapped-xattr: makes a regular file that stands for something else. */
static int create_stand_in(int dir, const char *name, const char *content)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MAPPED_FILE);
    if (fd < 0)
        return -errno;
    size_t length = strlen(content);
    ssize_t written = write(fd, content, length);
    int rc = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
    close(fd);
    if (rc)
        unlinkat(dir, name, 0);
    return rc;
}

int folder_symlink(const struct p9_folder *folder, int dir, const char *name, const char *target,
                   const struct p9_creation *creation)
{
    int rc = may_change(folder, name);
    if (!rc && !*target)
        rc = -ENOENT;
    if (!rc && is_mapped(folder))
        rc = create_stand_in(dir, name, target);
    else if (!rc && symlinkat(target, dir, name))
        rc = -errno;
    if (rc)
        return rc;
    struct p9_creation link = { 0777, creation->uid, creation->gid };
    return close_created(finish_creation(folder, dir, name, S_IFLNK, 0, &link));
}

int folder_mknod(const struct p9_folder *folder, int dir, const char *name, dev_t device,
                 const struct p9_creation *creation)
{
    mode_t kind = creation->mode & S_IFMT;
    int rc = may_change(folder, name);
    if (!kind)
        kind = S_IFREG;
    if (!rc && !S_ISREG(kind) && !S_ISCHR(kind) && !S_ISBLK(kind) && !S_ISFIFO(kind) && !S_ISSOCK(kind))
        rc = -EINVAL;
    if (!rc && is_mapped(folder))
        rc = create_stand_in(dir, name, "");
    else if (!rc && mknodat(dir, name, kind | MAPPED_FILE, device))
        rc = -errno;
    return rc ? rc : close_created(finish_creation(folder, dir, name, kind, device, creation));
}

int folder_link(const struct p9_folder *folder, int path, int dir, const char *name)
{
    char proc[P9_PROC_PATH];
    int rc = may_change(folder, name);
    if (rc)
        return rc;
    return linkat(AT_FDCWD, folder_proc_path(path, proc), dir, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int folder_rename(const struct p9_folder *folder, int from, const char *old_name, int to,
                  const char *new_name)
{
    int rc = may_change(folder, old_name);
    rc = rc ? rc : may_change(folder, new_name);
    if (rc)
        return rc;
    return renameat(from, old_name, to, new_name) ? -errno : 0;
}

int folder_unlink(const struct p9_folder *folder, int dir, const char *name, bool directory)
{
    int rc = may_change(folder, name);
    if (rc)
        return rc;
    return unlinkat(dir, name, directory ? AT_REMOVEDIR : 0) ? -errno : 0;
}

ssize_t folder_readlink(const struct p9_folder *folder, int path, char *target, size_t size)
{
    struct stat stat;
    int rc = folder_stat(folder, path, &stat);
    if (rc)
        return rc;
    if (!S_ISLNK(stat.st_mode))
        return -EINVAL;
    ssize_t length = readlinkat(path, "", target, size);
    if (length >= 0 || !is_mapped(folder))
        return length < 0 ? -errno : length;
    int fd = folder_reopen(folder, path, O_RDONLY);
    if (fd < 0)
        return fd;
    length = read(fd, target, size);
    rc = length < 0 ? -errno : 0;
    close(fd);
    return rc ? rc : length;
}

/* ---- Attributes ---------------------------------------------------------------------------------------- */

int folder_chmod(const struct p9_folder *folder, int path, mode_t mode)
{
    char proc[P9_PROC_PATH];
    struct stat stat;
    if (folder->read_only)
        return -EROFS;
    int rc = folder_stat(folder, path, &stat);
    if (rc)
        return rc;
    if (is_mapped(folder)) {
        uint32_t mapped = (stat.st_mode & S_IFMT) | (mode & 07777);
        return mapped_store(path, NULL, NULL, &mapped, NULL);
    }
    if (S_ISLNK(stat.st_mode))
        return -EOPNOTSUPP;
    return chmod(folder_proc_path(path, proc), mode & 07777) ? -errno : 0;
}

int folder_chown(const struct p9_folder *folder, int path, uid_t uid, gid_t gid)
{
    if (folder->read_only)
        return -EROFS;
    if (is_mapped(folder)) {
        uint32_t new_uid = uid, new_gid = gid;
        return mapped_store(path, uid == (uid_t)-1 ? NULL : &new_uid, gid == (gid_t)-1 ? NULL : &new_gid,
                            NULL, NULL);
    }
    if (fchownat(path, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return folder->security == P9_SECURITY_NONE && errno == EPERM ? 0 : -errno;
}

int folder_truncate(const struct p9_folder *folder, int path, uint64_t size)
{
    if (size > INT64_MAX)
        return -EFBIG;
    int fd = folder_reopen(folder, path, O_WRONLY);
    if (fd < 0)
        return fd;
    int rc = ftruncate(fd, (off_t)size) ? -errno : 0;
    close(fd);
    return rc;
}

int folder_utimes(const struct p9_folder *folder, int path, const struct timespec times[2])
{
    char proc[P9_PROC_PATH];
    if (folder->read_only)
        return -EROFS;
    return utimensat(AT_FDCWD, folder_proc_path(path, proc), times, 0) ? -errno : 0;
}

/* ---- Extended attributes ------------------------------------------------------------------------------- */

/* With mapped-xattr the guest has only the name space "user.", and does not see what the server keeps
 * there. */
static bool xattr_visible(const struct p9_folder *folder, const char *name)
{
    return !is_mapped(folder) ||
           (strncmp(name, "user.", 5) == 0 && strncmp(name, P9_MAPPED_PREFIX, strlen(P9_MAPPED_PREFIX)) != 0);
}

ssize_t folder_xattr_get(const struct p9_folder *folder, int path, const char *name, void *value, size_t size)
{
    char proc[P9_PROC_PATH];
    if (!xattr_visible(folder, name))
        return -EOPNOTSUPP;
    ssize_t length = getxattr(folder_proc_path(path, proc), name, value, size);
    return length < 0 ? -errno : length;
}

ssize_t folder_xattr_list(const struct p9_folder *folder, int path, char *names, size_t size)
{
    char proc[P9_PROC_PATH];
    ssize_t length = listxattr(folder_proc_path(path, proc), names, size);
    if (length < 0)
        return -errno;
    if (!size)
        return length;
    size_t kept = 0, step;
    for (size_t at = 0; at < (size_t)length; at += step) {
        step = strnlen(names + at, (size_t)length - at) + 1;
        if (at + step > (size_t)length)
            break;
        if (xattr_visible(folder, names + at)) {
            memmove(names + kept, names + at, step);
            kept += step;
        }
    }
    return (ssize_t)kept;
}

int folder_xattr_set(const struct p9_folder *folder, int path, const char *name, const void *value,
                     size_t size, int flags)
{
    char proc[P9_PROC_PATH];
    if (folder->read_only)
        return -EROFS;
    if (!xattr_visible(folder, name))
        return -EOPNOTSUPP;
    return setxattr(folder_proc_path(path, proc), name, value, size, flags) ? -errno : 0;
}

int folder_xattr_remove(const struct p9_folder *folder, int path, const char *name)
{
    char proc[P9_PROC_PATH];
    if (folder->read_only)
        return -EROFS;
    if (!xattr_visible(folder, name))
        return -EOPNOTSUPP;
    return removexattr(folder_proc_path(path, proc), name) ? -errno : 0;
}
