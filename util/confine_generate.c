/* SPDX-License-Identifier: MIT
 *
 * Writes the lists of system calls that threads may make, as C source. A list is what confine_syscalls.def
 * gives the role, with the rules below for calls whose arguments matter, as a program for the kernel. This is
 * not a part of the emulator: the build runs it (confine_generate FILE.c), and only this program needs
 * libseccomp.
 *
 * Arguments that the kernel takes as 32 bits are compared as 32 bits, since the kernel ignores the upper
 * half. Once the program has started, no thread may map executable memory (the code cache is mapped by then)
 * or make memory executable. A window's graphics driver does both, so in a process with a window only the
 * strict roles are kept from it.
 */
#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/confine_filters.h"

#define LISTS_MAX 255

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

/* After the first failure no more rules are added, and its status is kept. */
struct build {
    scmp_filter_ctx filter;
    int status;
};

static void allow(struct build *build, int call)
{
    if (!build->status)
        build->status = seccomp_rule_add(build->filter, SCMP_ACT_ALLOW, call, 0);
}

/* Allows the call if the bits in `mask` of the argument are `value`. */
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
    if (!(groups & (WINDOW | SPAWN)))
        allow_memory(build);
    if (!(groups & SPAWN)) {
        allow_if(build, SCMP_SYS(tgkill), 0, UINT32_MAX, CONFINE_OWN_PID);
        for (size_t n = 0; n < sizeof(prctls) / sizeof(prctls[0]); n++)
            allow_if(build, SCMP_SYS(prctl), 0, UINT32_MAX, prctls[n]);
    }
    for (size_t n = 0; n < sizeof(ioctls) / sizeof(ioctls[0]) && !(groups & (WINDOW | SPAWN)); n++)
        allow_if(build, SCMP_SYS(ioctl), 1, UINT32_MAX, ioctls[n]);
    if (!(groups & HOST) || (groups & SPAWN))
        return;
    allow_if(build, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    allow_if(build, SCMP_SYS(kill), 0, UINT32_MAX, CONFINE_OWN_PID);
    if (!(groups & RESOURCES)) /* reading a limit is allowed */
        allow_if(build, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
    static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
    for (size_t n = 0; n < sizeof(families) / sizeof(families[0]) && policy->sockets && !(groups & WINDOW);
         n++)
        allow_if(build, SCMP_SYS(socket), 0, UINT32_MAX, (uint64_t)families[n]);
}

/* ---- Lists --------------------------------------------------------------------------------------------- */

/* libseccomp writes a filter to a file. */
static int export_filter(scmp_filter_ctx filter, struct sock_fprog *program)
{
    struct stat file;
    int fd = memfd_create("rvive-filter", MFD_CLOEXEC);
    int status = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    if (!status && fstat(fd, &file))
        status = -errno;
    program->filter = status ? NULL : malloc((size_t)file.st_size);
    if (!status && (!program->filter || pread(fd, program->filter, (size_t)file.st_size, 0) != file.st_size))
        status = -ENOMEM;
    program->len = status ? 0 : (unsigned short)((size_t)file.st_size / sizeof(struct sock_filter));
    if (fd >= 0)
        close(fd);
    return status;
}

static int build_list(const struct confine_policy *policy, enum thread_role role, struct sock_fprog *program)
{
    unsigned groups = groups_of(policy, role);
    struct build build = { .filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) };
    if (!build.filter)
        return -ENOMEM;
    /* As a tree, the filter is loaded by the kernel much faster. */
    seccomp_attr_set(build.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (size_t n = 0; n < sizeof(calls) / sizeof(calls[0]); n++) {
        if (groups & calls[n].group)
            allow(&build, calls[n].number);
    }
    allow_checked(&build, groups, policy);
    if (!build.status)
        build.status = export_filter(build.filter, program);
    seccomp_release(build.filter);
    return build.status;
}

/* ---- Source -------------------------------------------------------------------------------------------- */

static struct sock_fprog lists[LISTS_MAX];
static unsigned list_count;
static uint8_t list_of[THREAD_ROLES][CONFINE_VARIANTS];

static bool equal(const struct sock_fprog *a, const struct sock_fprog *b)
{
    return a->len == b->len && memcmp(a->filter, b->filter, a->len * sizeof(*a->filter)) == 0;
}

/* Takes the program over and returns its number in `lists`. Equal programs have one number. */
static unsigned keep(struct sock_fprog program)
{
    unsigned number = 0;
    while (number < list_count && !equal(&lists[number], &program))
        number++;
    if (number < list_count)
        free(program.filter);
    else if (number < LISTS_MAX)
        lists[list_count++] = program;
    return number;
}

/* 0, or libseccomp's negative error. */
static int build_lists(void)
{
    for (enum thread_role role = 0; role < THREAD_ROLES; role++) {
        for (unsigned variant = 0; variant < CONFINE_VARIANTS; variant++) {
            struct confine_policy policy = { 0 };
            struct sock_fprog program;
#define X(name) policy.name = variant >> CONFINE_CHOICE_##name & 1;
            CONFINE_CHOICES(X)
#undef X
            int status = build_list(&policy, role, &program);
            unsigned number = status ? 0 : keep(program);
            if (status || number == LISTS_MAX)
                return status ? status : -E2BIG;
            list_of[role][variant] = (uint8_t)number;
        }
    }
    return 0;
}

static void write_source(FILE *out)
{
    fprintf(out, "/* Made by confine_generate. */\n#include \"util/confine_filters.h\"\n");
    for (unsigned n = 0; n < list_count; n++) {
        fprintf(out, "static const struct sock_filter list_%u[] = {\n", n);
        for (unsigned at = 0; at < lists[n].len; at++) {
            const struct sock_filter *insn = &lists[n].filter[at];
            fprintf(out, "    { 0x%x, %u, %u, 0x%x },\n", insn->code, insn->jt, insn->jf, insn->k);
        }
        fprintf(out, "};\n");
    }
    fprintf(out, "const struct confine_list confine_lists[] = {\n");
    for (unsigned n = 0; n < list_count; n++)
        fprintf(out, "    { list_%u, %u },\n", n, lists[n].len);
    fprintf(out, "};\nconst uint8_t confine_list_of[THREAD_ROLES][CONFINE_VARIANTS] = {\n");
    for (unsigned role = 0; role < THREAD_ROLES; role++) {
        fprintf(out, "    {");
        for (unsigned variant = 0; variant < CONFINE_VARIANTS; variant++)
            fprintf(out, " %u,", list_of[role][variant]);
        fprintf(out, " },\n");
    }
    fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
    int status = build_lists();
    FILE *out = argc == 2 && !status ? fopen(argv[1], "we") : NULL;
    if (out)
        write_source(out);
    bool failed = !out || ferror(out);
    if (failed || fclose(out)) {
        fprintf(stderr, "confine_generate: %s\n", strerror(status ? -status : errno));
        return 1;
    }
    for (unsigned n = 0; n < list_count; n++)
        free(lists[n].filter);
    return 0;
}
