// SPDX-License-Identifier: MIT
// What the kernel does for programs: system calls that do nothing, fresh pages, new processes, a byte passed
// to and fro between two processes, changed page protections, signals. The result of a unit is the number of
// operations that went right.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum {
    PAGE = 4096,
    SYSCALLS = 20000,
    FAULT_PAGES = 1024,
    FORKS = 10,
    PINGS = 1000,
    PROTECTS = 1000,
    SIGNALS = 2000
};

static uint64_t syscall_run(void)
{
    uint64_t right = 0;
    long parent = getppid();
    for (int i = 0; i < SYSCALLS; i++)
        right += syscall(SYS_getppid) == parent;
    return right;
}

static uint64_t fault_run(void)
{
    uint64_t right = 0;
    char *area =
        mmap(NULL, (size_t)FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return 0;
    // With huge pages only one page in 512 would fault.
    madvise(area, (size_t)FAULT_PAGES * PAGE, MADV_NOHUGEPAGE);
    for (size_t page = 0; page < FAULT_PAGES; page++) {
        volatile char *at = area + page * PAGE;
        right += *at == 0;
        *at = 1;
    }
    return munmap(area, (size_t)FAULT_PAGES * PAGE) == 0 ? right : 0;
}

// The program that is executed is this one: main returns at once if it has this argument.
static uint64_t forkexec_run(void)
{
    uint64_t right = 0;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "rvbench", "--nothing", (char *)NULL);
            _exit(127);
        }
        int status;
        right += child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                 WEXITSTATUS(status) == 42;
    }
    return right;
}

static int pipe_there[2] = { -1, -1 }, pipe_back[2] = { -1, -1 };
static pid_t pipe_child;

static bool pipe_prepare(void)
{
    if (pipe(pipe_there) < 0 || pipe(pipe_back) < 0 || (pipe_child = fork()) < 0)
        return false;
    if (pipe_child == 0) {
        unsigned char byte;
        close(pipe_there[1]);
        while (read(pipe_there[0], &byte, 1) == 1) {
            byte++;
            if (write(pipe_back[1], &byte, 1) != 1)
                break;
        }
        _exit(0);
    }
    return true;
}

static uint64_t pipe_run(void)
{
    uint64_t right = 0;
    for (int i = 0; i < PINGS; i++) {
        unsigned char byte = (unsigned char)i, answer = 0;
        if (write(pipe_there[1], &byte, 1) != 1 || read(pipe_back[0], &answer, 1) != 1)
            break;
        right += answer == (unsigned char)(i + 1);
    }
    return right;
}

static void pipe_release(void)
{
    close(pipe_there[1]);
    waitpid(pipe_child, NULL, 0);
    close(pipe_there[0]);
    close(pipe_back[0]);
    close(pipe_back[1]);
}

static char *protect_page;

static bool protect_prepare(void)
{
    protect_page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return protect_page != MAP_FAILED;
}

static uint64_t protect_run(void)
{
    uint64_t right = 0;
    volatile char *at = protect_page;
    for (int i = 0; i < PROTECTS; i++) {
        *at = (char)i;
        if (mprotect(protect_page, PAGE, PROT_READ) == 0)
            right += *at == (char)i;
        if (mprotect(protect_page, PAGE, PROT_READ | PROT_WRITE) < 0)
            return 0;
    }
    return right;
}

static void protect_release(void)
{
    munmap(protect_page, PAGE);
}

static volatile sig_atomic_t signal_count;

static void signal_note(int number)
{
    signal_count += number == SIGUSR1;
}

static bool signal_prepare(void)
{
    struct sigaction action = { .sa_handler = signal_note };
    return sigaction(SIGUSR1, &action, NULL) == 0;
}

static uint64_t signal_run(void)
{
    signal_count = 0;
    for (int i = 0; i < SIGNALS; i++)
        kill(getpid(), SIGUSR1);
    return (uint64_t)signal_count;
}

static void signal_release(void)
{
    signal(SIGUSR1, SIG_DFL);
}

const struct bench_program bench_system[] = {
    { "system", "syscall", 60, SYSCALLS, NULL, syscall_run, NULL },
    { "system", "fault", 40, FAULT_PAGES, NULL, fault_run, NULL },
    { "system", "forkexec", 45, FORKS, NULL, forkexec_run, NULL },
    { "system", "pipe", 16, PINGS, pipe_prepare, pipe_run, pipe_release },
    { "system", "mprotect", 30, PROTECTS, protect_prepare, protect_run, protect_release },
    { "system", "signal", 60, SIGNALS, signal_prepare, signal_run, signal_release },
    { 0 },
};
