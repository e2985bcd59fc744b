/* SPDX-License-Identifier: MIT
 *
 * rvive-lines FILE: prints what the debug information (DWARF) of an ELF file says about lines, for -coverage:
 *
 *   F path             the lines and functions that follow are of this source file
 *   L addr size line   these bytes of code are made from this line (all in hexadecimal)
 *   N addr line name   a function begins there
 *
 * It is a program of its own, so that a file on which libdw crashes ends nothing else, and so that rvive does
 * not need libdw. Before it reads the file, the process gives up all rights except reading it, printing, and
 * allocating memory.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "frontend/options/options.h"

#define SECONDS_MAX 300u
#define MEMORY_MAX  (OPTIONS_SANITIZED ? RLIM_INFINITY : (rlim_t)16 << 30) /* a sanitizer maps terabytes */

static int fail(const char *path, const char *why)
{
    fprintf(stderr, "rvive-lines: %s: %s\n", path, why);
    return 1;
}

static void limit(int resource, uint64_t most)
{
    const struct rlimit limits = { most, most };
    setrlimit((__rlimit_resource_t)resource, &limits);
}

static bool confine(void)
{
    static const int allowed[] = {
        SCMP_SYS(read),           SCMP_SYS(pread64), SCMP_SYS(write),      SCMP_SYS(writev),
        SCMP_SYS(lseek),          SCMP_SYS(fstat),   SCMP_SYS(newfstatat), SCMP_SYS(mmap),
        SCMP_SYS(munmap),         SCMP_SYS(mremap),  SCMP_SYS(brk),        SCMP_SYS(madvise),
        SCMP_SYS(close),          SCMP_SYS(futex),   SCMP_SYS(exit_group), SCMP_SYS(fcntl),
        SCMP_SYS(getrandom),      SCMP_SYS(getpid),  SCMP_SYS(gettid),     SCMP_SYS(tgkill),
        SCMP_SYS(rt_sigprocmask),
    };
    scmp_filter_ctx filter =
        seccomp_init(SCMP_ACT_ERRNO(EPERM)); /* libdw searches for other files: it finds none */
    bool ok = filter != NULL;
    for (size_t n = 0; ok && n < sizeof(allowed) / sizeof(allowed[0]); n++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[n], 0) == 0;
    if (ok)
        seccomp_load(filter); /* works without the filter on a kernel that has none */
    seccomp_release(filter);
    return ok;
}

/* ---- Printing ------------------------------------------------------------------------------------------ */

/* Prints a name without its control characters, since each name has a line of its own. */
static void print_name(const char *before, const char *name)
{
    fputs(before, stdout);
    for (; *name; name++)
        putchar((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
    putchar('\n');
}

/* libdw keeps one string for each file, so the same pointer is the same file. */
static void print_file(const char *path)
{
    static const char *last;
    if (path != last)
        print_name("F ", path);
    last = path;
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

static void print_rows(Dwarf_Die *unit)
{
    Dwarf_Lines *lines;
    size_t count;
    if (dwarf_getsrclines(unit, &lines, &count) != 0)
        return;
    for (size_t n = 0; n + 1 < count; n++) {
        Dwarf_Line *row = dwarf_onesrcline(lines, n), *next = dwarf_onesrcline(lines, n + 1);
        Dwarf_Addr addr, end;
        int number;
        bool last;
        const char *path = row ? dwarf_linesrc(row, NULL, NULL) : NULL;
        if (!path || !next || dwarf_lineendsequence(row, &last) != 0 || last ||
            dwarf_lineaddr(row, &addr) != 0 || dwarf_lineaddr(next, &end) != 0 ||
            dwarf_lineno(row, &number) != 0 || number <= 0 || end <= addr)
            continue;
        print_file(path);
        printf("L %" PRIx64 " %" PRIx64 " %x\n", (uint64_t)addr, (uint64_t)(end - addr), (unsigned)number);
    }
}

/* ---- Functions ----------------------------------------------------------------------------------------- */

static int print_function(Dwarf_Die *function, void *unused)
{
    (void)unused;
    Dwarf_Addr addr;
    int line;
    const char *name = dwarf_diename(function), *path = dwarf_decl_file(function);
    if (name && path && dwarf_entrypc(function, &addr) == 0 && dwarf_decl_line(function, &line) == 0 &&
        line > 0) {
        print_file(path);
        printf("N %" PRIx64 " %x ", (uint64_t)addr, (unsigned)line);
        print_name("", name);
    }
    return DWARF_CB_OK;
}

static void print_units(Dwarf *dwarf)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        if (dwarf_tag(&die) != DW_TAG_compile_unit)
            continue;
        print_rows(&die);
        dwarf_getfuncs(&die, print_function, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr,
                "usage: rvive-lines FILE (prints the line numbers of an ELF file, for rvive -coverage)\n");
        return 1;
    }
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(argv[1], strerror(errno));
    limit(RLIMIT_CPU, SECONDS_MAX);
    limit(RLIMIT_AS, MEMORY_MAX);
    limit(RLIMIT_CORE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!OPTIONS_SANITIZED && !confine())
        return fail(argv[1], "cannot make the list of system calls");
    Dwarf *dwarf = dwarf_begin(fd, DWARF_C_READ);
    if (dwarf)
        print_units(dwarf); /* no DWARF: nothing to print */
    /* The memory of libdw is freed with the process; libdw loses some of it for damaged files. */
    _exit(fflush(stdout) || ferror(stdout) ? 1 : 0);
}
