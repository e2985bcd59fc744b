// SPDX-License-Identifier: MIT
// Talks to a program on a terminal of its own, as a person would: waits for texts, types answers, and checks
// how it ends. The boot tests drive an emulator with it.
//
// Usage: console [-o LOG] [-t SECONDS] -- COMMAND [ARGUMENTS]
//
// The script comes on standard input, a step a line:
//   expect TEXT     wait until TEXT appears in the output after the last match
//   send TEXT       type TEXT; \r \n \t \\ and \xHH are escapes
//   run COMMAND     wait for a root shell's prompt, then type COMMAND and Return; escapes as in send
//   idle N PERCENT  for N seconds the program uses less than PERCENT of a core; the measurement begins
//                   after a second in which it did
//   timeout N       each later expect, exit or wait for idle may take N seconds (at first 60)
//   signal NAME     send TERM, INT, HUP or QUIT to the program
//   exit N          wait for the program's end with status N (128 + the signal's number if a signal
//                   ended it)
//   terminal        check that the program, which has ended, left the terminal's settings as it found them
// Empty lines and lines that begin with # are ignored. -t limits the whole run (default 300). On failure the
// step and the end of the output are printed, the program and its children are killed, and the status is 1.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

struct console {
    pid_t pid;         // 0 once the program has ended and was waited for
    int status;        // as a shell reports it; valid when pid is 0
    int master, slave; // the slave stays open here, so that the settings outlive the program
    struct termios settings;
    char *output; // all that the program printed, without its NUL bytes, NUL-terminated
    size_t length, capacity;
    size_t consumed;     // expect searches from here on
    double deadline;     // of the whole run
    double step_timeout; // seconds
    FILE *log;
    int line; // of the script
    const char *step;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void console_print_tail(const struct console *console)
{
    const char *tail = console->output + console->length;
    for (int lines = 0; tail > console->output && lines < 40; tail--)
        lines += tail[-1] == '\n';
    fprintf(stderr, "---- end of the console's output ----\n%s\n----\n", tail);
}

__attribute__((format(printf, 2, 3), noreturn)) static void console_fail(struct console *console,
                                                                         const char *format, ...)
{
    va_list arguments;
    console_print_tail(console);
    fprintf(stderr, "console: script line %d, `%s`: ", console->line, console->step);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (console->pid)
        kill(-console->pid, SIGKILL);
    exit(1);
}

static void console_append(struct console *console, const char *bytes, size_t count)
{
    if (console->length + count + 1 > console->capacity) {
        console->capacity = 2 * (console->length + count + 1);
        console->output = realloc(console->output, console->capacity);
        if (!console->output) {
            perror("console");
            exit(1);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            console->output[console->length++] = bytes[i];
    console->output[console->length] = 0;
    if (console->log) {
        fwrite(bytes, 1, count, console->log);
        fflush(console->log);
    }
}

// Reads output for up to `milliseconds`; records the program's end. False once it has ended and all output
// was read.
static bool console_read(struct console *console, int milliseconds)
{
    char bytes[4096];
    struct pollfd poll_fd = { .fd = console->master, .events = POLLIN };
    if (poll(&poll_fd, 1, milliseconds) > 0) {
        ssize_t count = read(console->master, bytes, sizeof bytes);
        if (count > 0) {
            console_append(console, bytes, (size_t)count);
            return true;
        }
    }
    if (!console->pid)
        return false;
    int status;
    if (waitpid(console->pid, &status, WNOHANG) == console->pid) {
        console->pid = 0;
        console->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    return true;
}

static double console_step_deadline(const struct console *console)
{
    double end = now() + console->step_timeout;
    return end < console->deadline ? end : console->deadline;
}

static void console_expect(struct console *console, const char *text)
{
    double end = console_step_deadline(console);
    for (;;) {
        const char *found = strstr(console->output + console->consumed, text);
        if (found) {
            console->consumed = (size_t)(found - console->output) + strlen(text);
            return;
        }
        if (!console_read(console, 100))
            console_fail(console, "the program ended with status %d before that appeared", console->status);
        if (now() > end)
            console_fail(console, "did not appear in time");
    }
}

// Undoes the escapes of a script line in place; returns the length.
static size_t unescape(char *text)
{
    size_t length = 0;
    for (const char *in = text; *in; in++) {
        char byte = *in;
        if (byte == '\\' && in[1]) {
            in++;
            if (*in == 'x' && isxdigit((unsigned char)in[1]) && isxdigit((unsigned char)in[2])) {
                byte = (char)strtol((char[]){ in[1], in[2], 0 }, NULL, 16);
                in += 2;
            } else {
                byte = *in == 'r' ? '\r' : *in == 'n' ? '\n' : *in == 't' ? '\t' : *in;
            }
        }
        text[length++] = byte;
    }
    return length;
}

static void console_send(struct console *console, char *text)
{
    size_t length = unescape(text), sent = 0;
    double end = console_step_deadline(console);
    while (sent < length) {
        ssize_t count = write(console->master, text + sent, length - sent);
        if (count > 0)
            sent += (size_t)count;
        else if (errno != EAGAIN)
            console_fail(console, "cannot type: %s", strerror(errno));
        // Reads meanwhile, because a program that echoes would block otherwise.
        if (!console_read(console, count > 0 ? 0 : 10))
            console_fail(console, "the program ended with status %d", console->status);
        if (now() > end)
            console_fail(console, "the program does not read its terminal");
    }
}

static void console_signal(struct console *console, const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = { { "TERM", SIGTERM }, { "INT", SIGINT }, { "HUP", SIGHUP }, { "QUIT", SIGQUIT } };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!strcmp(name, signals[i].name)) {
            if (!console->pid || kill(console->pid, signals[i].number))
                console_fail(console, "the program is gone");
            return;
        }
    console_fail(console, "no such signal here");
}

static void console_exit(struct console *console, int wanted)
{
    double end = console_step_deadline(console);
    while (console_read(console, 50))
        if (now() > end)
            console_fail(console, "the program did not end in time");
    if (console->status != wanted)
        console_fail(console, "the program ended with status %d", console->status);
}

static void console_terminal(struct console *console)
{
    struct termios settings;
    if (console->pid)
        console_fail(console, "belongs after exit");
    if (tcgetattr(console->slave, &settings))
        console_fail(console, "cannot read the terminal's settings: %s", strerror(errno));
    if (settings.c_iflag != console->settings.c_iflag || settings.c_oflag != console->settings.c_oflag ||
        settings.c_cflag != console->settings.c_cflag || settings.c_lflag != console->settings.c_lflag ||
        memcmp(settings.c_cc, console->settings.c_cc, sizeof settings.c_cc))
        console_fail(console, "the terminal's settings differ from those before the start");
}

// The program's processor time so far, in seconds (proc_pid_stat(5), fields 14 and 15).
static double console_cpu_time(struct console *console)
{
    char path[64], stat[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)console->pid);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(stat, sizeof stat, file))
        console_fail(console, "the program is gone");
    fclose(file);
    unsigned long user, system;
    const char *fields = strrchr(stat, ')');
    if (!fields ||
        sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        console_fail(console, "cannot read %s", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* How much of a core the program uses in the next seconds, in percent. */
static double console_use(struct console *console, double seconds)
{
    double before = console_cpu_time(console), begin = now();
    while (now() < begin + seconds)
        if (!console_read(console, 100))
            console_fail(console, "the program ended with status %d", console->status);
    return 100 * (console_cpu_time(console) - before) / (now() - begin);
}

/* Work that the guest has put off, and its translation, continue for a while after the last command. So the
 * measurement begins after a second that was as quiet as required; a program that has no such second
 * fails. */
static void console_idle(struct console *console, const char *argument)
{
    double seconds, percent, used;
    if (sscanf(argument, "%lf %lf", &seconds, &percent) != 2)
        console_fail(console, "needs seconds and a percentage");
    double deadline = now() + console->step_timeout;
    while ((used = console_use(console, 1)) >= percent && now() < deadline)
        fprintf(stderr, "console: not idle yet: %.1f %% of a core\n", used);
    used = console_use(console, seconds);
    fprintf(stderr, "console: idle program used %.1f %% of a core\n", used);
    if (used >= percent)
        console_fail(console, "used %.1f %% of a core", used);
}

static void console_step(struct console *console, char *line)
{
    char *argument = strchr(line, ' ');
    console->step = strdup(line);
    if (argument)
        *argument++ = 0;
    else
        argument = line + strlen(line);
    if (!strcmp(line, "expect"))
        console_expect(console, argument);
    else if (!strcmp(line, "send"))
        console_send(console, argument);
    else if (!strcmp(line, "run")) {
        console_expect(console, "# ");
        console_send(console, argument);
        console_send(console, (char[]){ "\r" });
    } else if (!strcmp(line, "timeout"))
        console->step_timeout = atof(argument);
    else if (!strcmp(line, "signal"))
        console_signal(console, argument);
    else if (!strcmp(line, "exit"))
        console_exit(console, atoi(argument));
    else if (!strcmp(line, "idle"))
        console_idle(console, argument);
    else if (!strcmp(line, "terminal"))
        console_terminal(console);
    else
        console_fail(console, "no such step");
    free((char *)console->step);
}

static void console_start(struct console *console, char **command)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    if (openpty(&console->master, &console->slave, NULL, NULL, &size) ||
        tcgetattr(console->slave, &console->settings)) {
        perror("console: cannot open a pseudo terminal");
        exit(1);
    }
    fcntl(console->master, F_SETFL, O_NONBLOCK);
    console->pid = fork();
    if (console->pid < 0) {
        perror("console: fork");
        exit(1);
    }
    if (console->pid == 0) {
        close(console->master);
        login_tty(console->slave);
        execvp(command[0], command);
        fprintf(stderr, "console: cannot run %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
}

int main(int argc, char **argv)
{
    struct console console = { .deadline = now() + 300, .step_timeout = 60, .step = "start" };
    int option;
    while ((option = getopt(argc, argv, "+o:t:")) != -1) {
        if (option == 'o')
            console.log = fopen(optarg, "w");
        else if (option == 't')
            console.deadline = now() + atof(optarg);
        if (option == '?' || (option == 'o' && !console.log)) {
            fprintf(stderr, "usage: console [-o LOG] [-t SECONDS] -- COMMAND [ARGUMENTS] <SCRIPT\n");
            return 2;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "console: no command given\n");
        return 2;
    }
    console_append(&console, "", 0);
    console_start(&console, argv + optind);
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
        console.line++;
        if (line[length - 1] == '\n')
            line[length - 1] = 0;
        if (line[0] && line[0] != '#')
            console_step(&console, line);
    }
    free(line);
    console.step = "end of the script";
    if (console.pid)
        console_fail(&console, "the program still runs: the script lacks an exit step");
    free(console.output);
    if (console.log)
        fclose(console.log);
    return 0;
}
