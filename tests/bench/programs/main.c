// SPDX-License-Identifier: MIT
// rvbench: times programs and checks their results. The same source runs in the guest and natively;
// tests/bench/run.sh puts the numbers side by side.
//
// Usage: rvbench [-s SCALE] [-g GROUP] [-n NAME] [-j COPIES]   runs programs (default all), SCALE times
//                                                              their units
//        rvbench -t GROUP NAME SUM COMMAND [ARGUMENTS]         times a command and checks its output
//        rvbench -l                                            lists the programs
// With -j, COPIES processes run each program at once, each on a processor of its own, and "-xCOPIES" is added
// to NAME. SUM is the checksum of the command's standard output, as `rvbench -t` prints it if it differs; "-"
// accepts any. For each program "BENCH GROUP NAME NANOSECONDS" is printed, measured by CLOCK_MONOTONIC around
// the work alone; if a result is wrong, "FAIL" and what was wrong. The status is 0 only if all was right.
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static bool fail(const struct bench_program *program, const char *what)
{
    printf("FAIL %s %s %s\n", program->group, program->name, what);
    fflush(stdout);
    return false;
}

// Runs `units` units; returns the nanoseconds, or -1 after printing what was wrong.
static int64_t run_units(const struct bench_program *program, unsigned units)
{
    uint64_t wrong = program->expected;
    int64_t start = now();
    for (unsigned unit = 0; unit < units; unit++) {
        uint64_t result = program->run();
        if (result != program->expected)
            wrong = result;
    }
    int64_t taken = now() - start;
    if (wrong == program->expected)
        return taken;
    char what[100];
    snprintf(what, sizeof what, "%#" PRIx64 " instead of %#" PRIx64, wrong, program->expected);
    fail(program, what);
    return -1;
}

// One copy: waits for the start on `gate` and exits with 0 if its results were right.
static void copy_main(const struct bench_program *program, unsigned units, int cpu, const int ready[2],
                      const int gate[2])
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    char byte = 0;
    close(gate[1]);
    if (sched_setaffinity(0, sizeof set, &set) < 0 || (program->prepare && !program->prepare()))
        _exit(1);
    // The gate opens when its last writer closes it.
    if (write(ready[1], &byte, 1) != 1 || read(gate[0], &byte, 1) != 0)
        _exit(1);
    int64_t taken = run_units(program, units);
    fflush(stdout);
    _exit(taken < 0);
}

// Runs `copies` copies at once; returns the nanoseconds until the last is done, or -1.
static int64_t run_copies(const struct bench_program *program, unsigned units, int copies)
{
    int ready[2], gate[2];
    if (pipe(ready) < 0 || pipe(gate) < 0)
        return -1;
    fflush(stdout);
    for (int copy = 0; copy < copies; copy++)
        if (fork() == 0)
            copy_main(program, units, copy, ready, gate);
    close(ready[1]);
    close(gate[0]);
    char byte;
    int waiting = 0, right = 0, status;
    while (read(ready[0], &byte, 1) == 1 && ++waiting < copies)
        ;
    int64_t start = now();
    close(gate[1]);
    while (wait(&status) > 0)
        right += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    int64_t taken = now() - start;
    close(ready[0]);
    return waiting == copies && right == copies ? taken : -1;
}

static bool run_program(const struct bench_program *program, double scale, int copies)
{
    unsigned units = (unsigned)(program->units * scale + 0.5);
    int64_t taken = -1;
    if (units == 0)
        units = 1;
    if (copies) {
        taken = run_copies(program, units, copies);
        if (taken < 0)
            return fail(program, "in one of the copies");
        printf("BENCH smp %s-x%d %" PRId64 "\n", program->name, copies, taken);
    } else {
        if (program->prepare && !program->prepare())
            return fail(program, "could not be prepared");
        taken = run_units(program, units);
        if (program->release)
            program->release();
        if (taken < 0)
            return false;
        printf("BENCH %s %s %" PRId64 "\n", program->group, program->name, taken);
    }
    fflush(stdout);
    return true;
}

static bool run_programs(const char *group, const char *name, double scale, int copies)
{
    unsigned ran = 0, right = 0;
    for (size_t i = 0; bench_all[i]; i++)
        for (const struct bench_program *program = bench_all[i]; program->name; program++) {
            if ((group && strcmp(group, program->group) != 0) || (name && strcmp(name, program->name) != 0))
                continue;
            ran++;
            right += run_program(program, scale, copies);
        }
    if (ran == 0)
        fputs("rvbench: there is no such program\n", stderr);
    return ran > 0 && right == ran;
}

static void list_programs(void)
{
    for (size_t i = 0; bench_all[i]; i++)
        for (const struct bench_program *program = bench_all[i]; program->name; program++)
            printf("%s %s %u\n", program->group, program->name, program->units);
}

// Reads everything that a command prints; returns its checksum.
static uint64_t sum_output(int fd)
{
    static unsigned char bytes[1 << 16];
    uint64_t sum = 0xcbf29ce484222325;
    for (ssize_t count; (count = read(fd, bytes, sizeof bytes)) != 0;)
        for (ssize_t i = 0; i < count; i++)
            sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

// Times a command from fork to its end. Its output is read from a pipe and hashed here while the command
// runs.
static bool time_command(char **arguments)
{
    const char *group = arguments[0], *name = arguments[1], *expected = arguments[2];
    int output[2], status;
    if (pipe(output) < 0)
        return false;
    fflush(stdout);
    int64_t start = now();
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], STDOUT_FILENO);
        close(output[0]);
        close(output[1]);
        execvp(arguments[3], arguments + 3);
        fprintf(stderr, "rvbench: %s: %s\n", arguments[3], strerror(errno));
        _exit(127);
    }
    close(output[1]);
    char sum[17];
    snprintf(sum, sizeof sum, "%016" PRIx64, sum_output(output[0]));
    close(output[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    int64_t taken = now() - start;
    bool right = strcmp(expected, "-") == 0 || strcmp(expected, sum) == 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && right)
        printf("BENCH %s %s %" PRId64 "\n", group, name, taken);
    else
        printf("FAIL %s %s status %#x, output %s instead of %s\n", group, name, (unsigned)status, sum,
               expected);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && right;
}

static int usage(void)
{
    fputs("usage: rvbench [-s SCALE] [-g GROUP] [-n NAME] [-j COPIES] | -t GROUP NAME SUM COMMAND... | -l\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    // This is the program that forkexec executes.
    if (argc == 2 && strcmp(argv[1], "--nothing") == 0)
        return 42;
    const char *group = NULL, *name = NULL;
    double scale = 1;
    int copies = 0;
    // The + keeps the options of a command for the command.
    for (int option; (option = getopt(argc, argv, "+s:g:n:j:tl")) != -1;)
        switch (option) {
        case 's': scale = atof(optarg); break;
        case 'g': group = optarg; break;
        case 'n': name = optarg; break;
        case 'j': copies = atoi(optarg); break;
        case 'l': list_programs(); return 0;
        case 't': return argc - optind >= 4 ? !time_command(argv + optind) : usage();
        default: return usage();
        }
    if (optind != argc || scale <= 0 || copies < 0)
        return usage();
    return !run_programs(group, name, scale, copies);
}
