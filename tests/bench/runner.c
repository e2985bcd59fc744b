// SPDX-License-Identifier: MIT
// Runs an emulator for tests/bench/run.sh and reports at what time it printed what.
//
// Usage: runner [-t SECONDS] [-u TEXT] [-r MIB] -- COMMAND [ARGUMENTS]
//   -t  kill the command after SECONDS (default 3600); the status is then 124
//   -u  when TEXT appears in the output, end the command with SIGTERM; the status is then 0
//   -r  before that, read how much memory the command has, and how much of it is the guest's RAM of MIB
// Each line that the command prints is printed with the nanoseconds since the command was started in front of
// it. This program's own lines have a # after the time: "NANOSECONDS # until" when TEXT appeared;
// "NANOSECONDS # memory PEAK RAM", both in KiB; and "NANOSECONDS # stopped" if something stopped the command
// (SIGSTOP), so that its times are wrong. RAM is the resident part of the one mapping whose size is MIB;
// pages that the guest never touched are in neither number. The command's standard input is a pipe that stays
// empty.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct runner {
    pid_t pid;
    int output;
    int64_t start; // nanoseconds
    const char *until;
    uint64_t ram_kib; // 0: memory is not measured
    bool reached;     // TEXT appeared
    char line[8192];
    size_t length;
};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return fopen(path, "r");
}

// Returns the most memory that was ever resident, in KiB; 0 if it cannot be read.
static uint64_t read_peak(pid_t pid)
{
    char line[512];
    uint64_t peak = 0;
    FILE *file = open_proc(pid, "status");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmHWM: %" SCNu64, &peak);
    if (file)
        fclose(file);
    return peak;
}

// Reads the resident part of the mapping of `size_kib`, in KiB; false unless exactly one mapping has this
// size.
static bool read_ram(pid_t pid, uint64_t size_kib, uint64_t *resident)
{
    char line[8192];
    unsigned mappings = 0;
    bool inside = false;
    FILE *file = open_proc(pid, "smaps");
    while (file && fgets(line, sizeof line, file)) {
        uint64_t value;
        if (sscanf(line, "Size: %" SCNu64, &value) == 1) {
            inside = value == size_kib;
            mappings += inside;
        } else if (inside && sscanf(line, "Rss: %" SCNu64, &value) == 1) {
            *resident = value;
        }
    }
    if (file)
        fclose(file);
    return mappings == 1;
}

static void runner_report_memory(const struct runner *runner, int64_t time)
{
    uint64_t ram = 0, peak = read_peak(runner->pid);
    if (read_ram(runner->pid, runner->ram_kib, &ram) && peak >= ram)
        printf("%" PRId64 " # memory %" PRIu64 " %" PRIu64 "\n", time, peak, ram);
    else
        printf("%" PRId64 " # memory unknown: not exactly one mapping is %" PRIu64 " KiB large\n", time,
               runner->ram_kib);
}

static void runner_end_line(struct runner *runner, int64_t time)
{
    printf("%" PRId64 " %s\n", time, runner->line);
    fflush(stdout);
    runner->length = 0;
    runner->line[0] = 0;
}

// Takes output of the command; TEXT may be in a line without an end, such as a prompt.
static void runner_take(struct runner *runner, const char *bytes, size_t count)
{
    int64_t time = now() - runner->start;
    for (size_t i = 0; i < count && !runner->reached; i++) {
        if (bytes[i] == '\n' || runner->length + 1 == sizeof runner->line) {
            runner_end_line(runner, time);
            continue;
        }
        if (bytes[i] == '\r' || bytes[i] == 0)
            continue;
        runner->line[runner->length++] = bytes[i];
        runner->line[runner->length] = 0;
        if (!runner->until || !strstr(runner->line, runner->until))
            continue;
        runner->reached = true;
        runner_end_line(runner, time);
        printf("%" PRId64 " # until\n", time);
        if (runner->ram_kib)
            runner_report_memory(runner, time);
        kill(runner->pid, SIGTERM);
    }
}

// Returns whether the command was stopped, or continued after that, since the last call. The end of the
// command is still left for waitpid().
static bool was_stopped(pid_t pid)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)pid, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid == pid;
}

// Waits for the end, at most until `deadline`; returns the status in the form of a shell's.
static int runner_wait(struct runner *runner, int64_t deadline)
{
    int status = 0;
    bool late = false, stopped = false;
    while (true) {
        char bytes[4096];
        struct pollfd ready = { .fd = runner->output, .events = POLLIN };
        int64_t left = deadline - now();
        if (left <= 0) {
            late = true;
            kill(runner->pid, SIGKILL);
        }
        if (was_stopped(runner->pid) && !stopped) {
            stopped = true;
            printf("%" PRId64 " # stopped\n", now() - runner->start);
        }
        int polled = poll(&ready, 1, late ? 1000 : (int)(left / 1000000 + 1));
        ssize_t count = polled > 0 ? read(runner->output, bytes, sizeof bytes) : 0;
        if (count > 0)
            runner_take(runner, bytes, (size_t)count);
        else if (polled > 0 || late)
            break;
        // TEXT was printed; an emulator that does not end on SIGTERM gets ten seconds.
        if (runner->reached && deadline > now() + INT64_C(10000000000))
            deadline = now() + INT64_C(10000000000);
    }
    waitpid(runner->pid, &status, 0);
    if (runner->length)
        runner_end_line(runner, now() - runner->start);
    if (runner->reached)
        return 0;
    if (late)
        return 124;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool runner_start(struct runner *runner, char **command)
{
    int input[2], output[2];
    if (pipe(input) < 0 || pipe(output) < 0)
        return false;
    runner->start = now();
    runner->pid = fork();
    if (runner->pid == 0) {
        setpgid(0, 0);
        dup2(input[0], STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        dup2(output[1], STDERR_FILENO);
        for (int i = 0; i < 2; i++) {
            close(input[i]);
            close(output[i]);
        }
        execvp(command[0], command);
        fprintf(stderr, "runner: %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    runner->output = output[0];
    return runner->pid > 0;
}

int main(int argc, char **argv)
{
    struct runner runner = { 0 };
    double seconds = 3600;
    for (int option; (option = getopt(argc, argv, "+t:u:r:")) != -1;)
        switch (option) {
        case 't': seconds = atof(optarg); break;
        case 'u': runner.until = optarg; break;
        case 'r': runner.ram_kib = strtoull(optarg, NULL, 10) * 1024; break;
        default: return 2;
        }
    if (optind == argc) {
        fputs("usage: runner [-t SECONDS] [-u TEXT] [-r MIB] -- COMMAND [ARGUMENTS]\n", stderr);
        return 2;
    }
    // The child's input stays open in the parent. If it breaks, this process must not be killed.
    signal(SIGPIPE, SIG_IGN);
    if (!runner_start(&runner, argv + optind)) {
        perror("runner");
        return 1;
    }
    int status = runner_wait(&runner, runner.start + (int64_t)(seconds * 1e9));
    kill(-runner.pid, SIGKILL); // kills the processes that the command left, if any
    printf("%" PRId64 " # end %d\n", now() - runner.start, status);
    return status;
}
