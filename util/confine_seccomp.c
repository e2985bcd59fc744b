/* SPDX-License-Identifier: MIT
 *
 * System calls that threads may make; see confine.h, and confine_syscalls.def for the lists. A thread is
 * under the list of the process and, by its role, under a shorter one of its own; a call must be in both.
 *
 * Arguments that the kernel takes as 32 bits are compared as such: it ignores what is above them.
 * Nobody maps memory that can be executed once the program has started (the code cache is mapped by then),
 * and nobody turns memory into such; but a window's graphics driver does both, so with a window only the
 * strict roles are kept from it.
 */
#include <errno.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>

#include "util/confine.h"

enum group {
    CORE = 1,
    STREAM = 2,
    DISK = 4,
    FILES = 8,
    HOST = 16,
    NET = 32,
    WINDOW = 64,
    SPAWN = 128,
    PRIVILEGES = 256,
    RESOURCES = 512,
    OBSOLETE = 1024
};

static const struct {
    int number;
    enum group group;
} calls[] = {
#define CALL(group, name) { SCMP_SYS(name), group },
#include "util/confine_syscalls.def"
};

/* Requests of ioctl() for terminals, sockets and disks. TIOCSTI, which types at a terminal, is not among
 * them. */
static const unsigned ioctls[] = {
    TCGETS,     TCSETS,    TCSETSW,    TCSETSF,         TIOCGWINSZ,  TIOCSWINSZ,   FIONREAD,  FIONBIO,
    TIOCOUTQ,   TIOCGPTN,  TIOCGPGRP,  TIOCSPTLCK,      TIOCGPTPEER, BLKGETSIZE64, BLKSSZGET, BLKDISCARD,
    BLKZEROOUT, BLKFLSBUF, BLKPBSZGET, FS_IOC_GETFLAGS, TCFLSH,      TCSBRK,
};

static const unsigned prctls[] = { PR_SET_NAME,         PR_GET_NAME,       PR_SET_NO_NEW_PRIVS,
                                   PR_GET_NO_NEW_PRIVS, PR_SET_TIMERSLACK, PR_SET_VMA };

static unsigned groups_of(const struct confine_policy *policy, enum thread_role role)
{
    unsigned core = CORE | STREAM;
    switch (role) {
    case THREAD_TRANSLATOR: return CORE;
    case THREAD_TIMER: return core;
    case THREAD_HART: return core | (policy->hart_files ? DISK | FILES : 0);
    case THREAD_WORKER: return core | DISK;
    case THREAD_FOLDER: return core | DISK | FILES;
    default: break;
    }
    return core | DISK | FILES | HOST | (policy->sockets ? NET : 0) | (policy->window ? WINDOW | NET : 0) |
           (policy->spawn ? SPAWN | NET : 0) | (policy->privileges ? PRIVILEGES : 0) |
           (policy->resources ? RESOURCES : 0) | (policy->obsolete ? OBSOLETE : 0);
}

/* The first failure counts; later rules are not added. */
struct build {
    scmp_filter_ctx filter;
    int status;
};

static void allow(struct build *build, int call)
{
    if (!build->status)
        build->status = seccomp_rule_add(build->filter, SCMP_ACT_ALLOW, call, 0);
}

/* Where those bits of the argument are `value`. */
static void allow_if(struct build *build, int call, unsigned argument, uint64_t mask, uint64_t value)
{
    if (!build->status)
        build->status = seccomp_rule_add(build->filter, SCMP_ACT_ALLOW, call, 1,
                                         SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static void allow_memory(struct build *build)
{
    allow_if(build, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
    allow_if(build, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

static void allow_checked(struct build *build, unsigned groups, const struct confine_policy *policy)
{
    uint32_t self = (uint32_t)getpid();
    if (!(groups & (WINDOW | SPAWN)))
        allow_memory(build);
    if (!(groups & SPAWN)) {
        allow_if(build, SCMP_SYS(tgkill), 0, UINT32_MAX, self);
        for (size_t n = 0; n < sizeof(prctls) / sizeof(prctls[0]); n++)
            allow_if(build, SCMP_SYS(prctl), 0, UINT32_MAX, prctls[n]);
    }
    for (size_t n = 0; n < sizeof(ioctls) / sizeof(ioctls[0]) && !(groups & (WINDOW | SPAWN)); n++)
        allow_if(build, SCMP_SYS(ioctl), 1, UINT32_MAX, ioctls[n]);
    if (!(groups & HOST) || (groups & SPAWN))
        return;
    allow_if(build, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    allow_if(build, SCMP_SYS(kill), 0, UINT32_MAX, self);
    if (!(groups & RESOURCES)) /* reading a limit */
        allow_if(build, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
    static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
    for (size_t n = 0; n < sizeof(families) / sizeof(families[0]) && policy->sockets && !(groups & WINDOW);
         n++)
        allow_if(build, SCMP_SYS(socket), 0, UINT32_MAX, (uint64_t)families[n]);
}

/* libseccomp writes a filter to a file. */
static int export_filter(scmp_filter_ctx filter, struct sock_fprog *program)
{
    struct stat file;
    int fd = memfd_create("rvive-filter", MFD_CLOEXEC);
    int status = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    if (!status && fstat(fd, &file))
        status = -errno;
    program->filter = status ? NULL : malloc((size_t)file.st_size);
    program->len = 0;
    if (!status && (!program->filter || pread(fd, program->filter, (size_t)file.st_size, 0) != file.st_size))
        status = -ENOMEM;
    if (!status)
        program->len = (unsigned short)((size_t)file.st_size / sizeof(struct sock_filter));
    if (fd >= 0)
        close(fd);
    return status;
}

bool confine_seccomp_build(const struct confine_policy *policy, enum thread_role role,
                           struct sock_fprog *program, struct error *error)
{
    unsigned groups = groups_of(policy, role);
    struct build build = { .filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) };
    if (!build.filter)
        return error_set(error, "sandbox: out of memory for a list of system calls");
    seccomp_attr_set(build.filter, SCMP_FLTATR_CTL_OPTIMIZE,
                     2); /* a tree: the kernel takes it in much faster */
    for (size_t n = 0; n < sizeof(calls) / sizeof(calls[0]); n++) {
        if (groups & calls[n].group)
            allow(&build, calls[n].number);
    }
    allow_checked(&build, groups, policy);
    if (!build.status)
        build.status = export_filter(build.filter, program);
    seccomp_release(build.filter);
    return !build.status ||
           error_set(error, "sandbox: cannot make the list of system calls: %s", strerror(-build.status));
}

bool confine_seccomp_supported(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Without SPEC_ALLOW, some kernels slow the thread's memory accesses down, against leaks within a process. */
bool confine_seccomp_enter(const struct sock_fprog *program, bool all_threads)
{
    unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW | (all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0);
    long status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (status > 0) /* a thread that could not be brought into line */
        errno = EBUSY;
    return status == 0;
}
