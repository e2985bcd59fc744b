/* SPDX-License-Identifier: MIT
 *
 * Saving and loading the 9P server's fids. A descriptor cannot be saved, so the path below the root is saved,
 * and walked again, name by name, when it is loaded. A fid whose file is not found any more, or was removed
 * while it was open, keeps its number and answers ESTALE. The values of attributes that are being read are
 * saved. One that is being written is not, so its fid answers ESTALE, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/9p/internal.h"

#define STATE_NAME 32

static const char *field(char name[STATE_NAME], unsigned n, const char *what)
{
    snprintf(name, STATE_NAME, "fid%u.%s", n, what);
    return name;
}

static bool path_of(int fd, char path[PATH_MAX])
{
    char proc[P9_PROC_PATH];
    ssize_t length = readlink(folder_proc_path(fd, proc), path, PATH_MAX - 1);
    if (length < 0 || length >= PATH_MAX - 1)
        return false;
    path[length] = '\0';
    return true;
}

/* Returns the path below the root, with a slash in front; "" for the root itself; NULL if there is none. */
static const char *path_below(const struct p9_server *server, const struct p9_fid *fid, char path[PATH_MAX])
{
    char root[PATH_MAX];
    struct stat stat;
    if (fid->path < 0 || fstat(fid->path, &stat) || !stat.st_nlink || !path_of(fid->path, path) ||
        !path_of(server->folder.root, root))
        return NULL;
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, length) != 0 || (path[length] && path[length] != '/'))
        return NULL;
    return path + length;
}

static void save_fid(const struct p9_server *server, const struct p9_fid *fid, unsigned n,
                     struct state_writer *writer)
{
    char name[STATE_NAME], path[PATH_MAX];
    const char *below = fid->kind == P9_FID_XATTR_WRITE ? NULL : path_below(server, fid, path);
    state_put(writer, field(name, n, "number"), fid->number);
    state_put(writer, field(name, n, "uid"), fid->uid);
    state_put(writer, field(name, n, "kind"), fid->kind);
    state_put(writer, field(name, n, "open"), fid->open >= 0);
    state_put(writer, field(name, n, "flags"), (uint32_t)fid->flags);
    state_put(writer, field(name, n, "found"), below != NULL);
    state_put(writer, field(name, n, "path_length"), below ? strlen(below) : 0);
    state_put_bytes(writer, field(name, n, "path"), below ? below : "", below ? strlen(below) : 0);
    state_put(writer, field(name, n, "size"), fid->size);
    state_put_bytes(writer, field(name, n, "value"), fid->value ? fid->value : (const uint8_t *)"",
                    fid->size);
}

void p9_server_save(struct p9_server *server, struct state_writer *writer)
{
    unsigned n = 0;
    state_put(writer, "msize", server->msize);
    state_put(writer, "fids", server->fid_count);
    for (unsigned bucket = 0; bucket < P9_FID_BUCKETS; bucket++) {
        for (const struct p9_fid *fid = server->fids[bucket]; fid; fid = fid->next)
            save_fid(server, fid, n++, writer);
    }
}

/* Walks a saved path; negative if it leads nowhere. */
static int walk_path(const struct p9_folder *folder, char *path)
{
    int at = dup(folder->root);
    char *rest = path;
    for (const char *name = strtok_r(path, "/", &rest); name && at >= 0; name = strtok_r(NULL, "/", &rest)) {
        int next = folder_walk(folder, at, name);
        close(at);
        at = next;
    }
    return at;
}

static bool load_fid(struct p9_server *server, unsigned n, struct state_reader *reader)
{
    char name[STATE_NAME], path[PATH_MAX] = "";
    int rc;
    uint32_t number = (uint32_t)state_get(reader, field(name, n, "number"), UINT32_MAX - 1);
    uid_t uid = (uid_t)state_get(reader, field(name, n, "uid"), UINT32_MAX);
    enum p9_fid_kind kind = (enum p9_fid_kind)state_get(reader, field(name, n, "kind"), P9_FID_XATTR_WRITE);
    bool open = state_get(reader, field(name, n, "open"), 1);
    int flags = (int)state_get(reader, field(name, n, "flags"), INT32_MAX);
    bool found = state_get(reader, field(name, n, "found"), 1);
    size_t length = (size_t)state_get(reader, field(name, n, "path_length"), PATH_MAX - 1);
    state_get_bytes(reader, field(name, n, "path"), path, length);
    size_t size = (size_t)state_get(reader, field(name, n, "size"), P9_XATTR_MAX);
    if (reader->failed)
        return false;
    struct p9_fid *fid = p9_fid_add(server, number, found ? walk_path(&server->folder, path) : -1, uid, &rc);
    if (!fid)
        return false;
    fid->kind = kind;
    if (kind == P9_FID_XATTR_READ && p9_fid_reserve(server, fid, size) == 0)
        state_get_bytes(reader, field(name, n, "value"), fid->value, size);
    if (open && kind == P9_FID_FILE && fid->path >= 0 && p9_fid_open(server, fid, flags)) {
        close(fid->path);
        fid->path = -1; /* it may not be opened with these flags any more */
    }
    return !reader->failed;
}

void p9_server_load(struct p9_server *server, struct state_reader *reader)
{
    p9_server_reset(server);
    server->msize = (uint32_t)state_get(reader, "msize", P9_MSIZE_MAX);
    unsigned count = (unsigned)state_get(reader, "fids", P9_FIDS_MAX);
    if (!reader->failed && server->msize < P9_MSIZE_MIN) {
        reader->failed = true;
        error_set(reader->error, "saved state: messages of the shared folder of %u bytes", server->msize);
    }
    for (unsigned n = 0; n < count && !reader->failed; n++) {
        if (!load_fid(server, n, reader) && !reader->failed) {
            reader->failed = true;
            error_set(reader->error, "saved state: file %u of the shared folder %s cannot be kept open", n,
                      server->folder.path);
        }
    }
    if (reader->failed)
        p9_server_reset(server);
}
