/* SPDX-License-Identifier: MIT
 *
 * The folder of the guest's files; see guest_folder.h.
 */
#include "machine/semihosting/guest_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/log.h"

bool guest_folder_open(const char *path, int *root, struct error *error)
{
    *root = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    return !path || *root >= 0 || error_set(error, "-semihosting-config path=%s: %s", path, strerror(errno));
}

int guest_folder_open_below(int root, const char *who, const char *name, int flags, mode_t mode)
{
    int more =
        flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK | O_NOCTTY; /* O_PATH allows no other flags */
    struct open_how how = { .flags = (uint64_t)(flags | more),
                            .mode = flags & O_CREAT ? mode : 0,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    if (root < 0) {
        LOG_GUEST("%s: the file \"%.200s\" is not allowed: there is no -semihosting-config path=FOLDER", who,
                  name);
        return -EACCES;
    }
    while (*name == '/')
        name++;
    long fd = syscall(SYS_openat2, root, *name ? name : ".", &how, sizeof(how));
    if (fd < 0)
        return errno == EXDEV ? -EACCES : -errno;
    return (int)fd;
}

int guest_folder_open_file(int root, const char *who, const char *name, int flags, mode_t mode)
{
    struct stat status;
    int fd = guest_folder_open_below(root, who, name, flags, mode);
    if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
        return fd;
    close(fd);
    return -EACCES;
}

int guest_folder_open_parent(int root, const char *who, const char *name, char last[GUEST_FOLDER_NAME])
{
    char folder[GUEST_FOLDER_NAME];
    const char *slash = strrchr(name, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - name) : 0, name);
    snprintf(last, GUEST_FOLDER_NAME, "%s", slash ? slash + 1 : name);
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return -EINVAL;
    return guest_folder_open_below(root, who, folder, O_PATH | O_DIRECTORY, 0);
}
