/* SPDX-License-Identifier: MIT
 *
 * The files, folders and TCP ports that the process may reach, by Landlock; see confine.h. What no rule
 * allows is refused (EACCES); descriptors that are already open stay usable. The kernel's interface grew in
 * steps, and a distribution's headers can be older than its kernel, so the numbers of the interface are
 * defined here (linux/landlock.h and Documentation/userspace-api/landlock.rst).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/confine.h"

#define CREATE_VERSION 1u
#define CREATE_ERRATA  2u
#define RULE_PATH      1
#define RULE_PORT      2

#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_CHAR   (1ull << 6)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_MAKE_SOCK   (1ull << 9)
#define FS_MAKE_FIFO   (1ull << 10)
#define FS_MAKE_BLOCK  (1ull << 11)
#define FS_MAKE_SYM    (1ull << 12)
#define FS_REFER       (1ull << 13) /* from version 2 on */
#define FS_TRUNCATE    (1ull << 14) /* from version 3 on */
#define FS_IOCTL_DEV   (1ull << 15) /* from version 5 on */
#define FS_VERSION_1   (FS_REFER - 1)
#define FS_ON_A_FILE   (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

#define NET_BIND        (1ull << 0) /* from version 4 on */
#define NET_CONNECT     (1ull << 1)
#define SCOPE_SOCKETS   (1ull << 0) /* from version 6 on: abstract Unix sockets */
#define SCOPE_SIGNALS   (1ull << 1)
#define ERRATUM_SIGNALS 2u /* if mended, threads of one process may signal each other */

struct ruleset_attr {
    uint64_t fs, net, scoped;
};
struct path_attr {
    uint64_t rights;
    int32_t folder;
} __attribute__((packed));
struct port_attr {
    uint64_t rights, port;
};

int confine_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    return version < 0 ? 0 : (int)version;
}

static uint64_t fs_handled(int version, const struct confine_policy *policy)
{
    uint64_t all = FS_VERSION_1;
    if (version >= 2)
        all |= FS_REFER;
    if (version >= 3)
        all |= FS_TRUNCATE;
    if (version >= 5)
        all |= FS_IOCTL_DEV;
    return policy->spawn ? all & ~FS_EXECUTE : all;
}

static uint64_t fs_rights(unsigned rights)
{
    uint64_t result = 0;
    if (rights & CONFINE_READ)
        result |= FS_READ_FILE | FS_READ_DIR;
    if (rights & CONFINE_WRITE)
        result |= FS_WRITE_FILE | FS_TRUNCATE;
    if (rights & CONFINE_MAKE)
        result |= FS_MAKE_REG | FS_MAKE_SOCK | FS_REMOVE_FILE;
    if (rights & CONFINE_REMOVE)
        result |= FS_REMOVE_FILE;
    if (rights & CONFINE_FOLDERS)
        result |= FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_CHAR | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK |
                  FS_MAKE_FIFO | FS_MAKE_BLOCK | FS_MAKE_SYM | FS_REFER;
    if (rights & CONFINE_DEVICE)
        result |= FS_IOCTL_DEV;
    if (rights & CONFINE_RUN)
        result |= FS_EXECUTE;
    return result;
}

/* A path that is not there, or that this user may not see, needs no rule. */
static bool add_path(int rules, const char *path, uint64_t rights, struct error *error)
{
    struct stat file;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file)) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    struct path_attr attr = { .rights = S_ISDIR(file.st_mode) ? rights : rights & FS_ON_A_FILE,
                              .folder = fd };
    /* A pipe or a socket, named through /proc: it has no place in the file system, so it needs no rule
     * either. */
    bool ok =
        !attr.rights || syscall(SYS_landlock_add_rule, rules, RULE_PATH, &attr, 0) == 0 || errno == EBADFD;
    int saved = errno;
    close(fd);
    return ok || error_set(error, "sandbox: no rule can be made for %s: %s; -sandbox off does without", path,
                           strerror(saved));
}

static bool add_rules(int rules, const struct confine_policy *policy, const struct ruleset_attr *handled,
                      struct error *error)
{
    for (unsigned n = 0; n < policy->path_count; n++) {
        uint64_t rights = fs_rights(policy->paths[n].rights) & handled->fs;
        if (!add_path(rules, policy->paths[n].path, rights, error))
            return false;
    }
    for (unsigned n = 0; n < policy->port_count && handled->net; n++) {
        struct port_attr attr = { policy->ports[n].bind ? NET_BIND : NET_CONNECT, policy->ports[n].port };
        if (syscall(SYS_landlock_add_rule, rules, RULE_PORT, &attr, 0))
            return error_set(error, "sandbox: no rule can be made for TCP port %u: %s", policy->ports[n].port,
                             strerror(errno));
    }
    return true;
}

int confine_landlock_rules(const struct confine_policy *policy, struct confine_status *status,
                           struct error *error)
{
    int version = status->landlock;
    struct ruleset_attr attr = { .fs = fs_handled(version, policy) };
    size_t size = version < 4 ? 8 : version < 6 ? 16 : 24; /* the size that this version knows */
    if (version >= 4 && !policy->any_port)
        attr.net = NET_BIND | NET_CONNECT;
    if (version >= 6 && !policy->spawn) {
        long mended = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_ERRATA);
        attr.scoped = (policy->window ? 0 : SCOPE_SOCKETS) |
                      (mended > 0 && mended & ERRATUM_SIGNALS ? SCOPE_SIGNALS : 0);
    }
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (rules < 0) {
        error_set(error, "sandbox: the kernel takes no rules for files: %s; -sandbox off does without",
                  strerror(errno));
        return -1;
    }
    if (!add_rules(rules, policy, &attr, error)) {
        close(rules);
        return -1;
    }
    status->files = true;
    status->tcp = version >= 4;
    status->scopes = attr.scoped != 0;
    return rules;
}

bool confine_landlock_enter(int rules)
{
    return syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}
