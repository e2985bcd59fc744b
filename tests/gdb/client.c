/* SPDX-License-Identifier: MIT
 *
 * See client.h.
 */
#include "tests/gdb/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct emulator *started; /* to be ended on failure */

void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    va_end(list);
    if (started)
        emulator_end(started);
    exit(1);
}

/* ---- The emulator -------------------------------------------------------------------------------------- */

static void run(char *const *command, const char *elf, const char *server, bool paused)
{
    static char *const board[] = { "-M",   "virt",    "-m",   "128M",  "-smp", "2",      "-display",
                                   "none", "-serial", "null", "-bios", "none", "-kernel" };
    char *arguments[64];
    unsigned count = 0;
    while (*command && count < 32)
        arguments[count++] = *command++;
    for (size_t i = 0; i < sizeof(board) / sizeof(board[0]); i++)
        arguments[count++] = board[i];
    arguments[count++] = (char *)elf;
    arguments[count++] = "-gdb";
    arguments[count++] = (char *)server;
    if (paused)
        arguments[count++] = "-S";
    arguments[count] = NULL;
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    execvp(arguments[0], arguments);
    _exit(127);
}

void emulator_start(struct emulator *emulator, char *const *command, const char *elf, bool paused)
{
    char server[128];
    strcpy(emulator->folder, "/tmp/gdb-test-XXXXXX");
    if (!mkdtemp(emulator->folder))
        fail("cannot make a folder in /tmp");
    snprintf(emulator->path, sizeof(emulator->path), "%s/gdb", emulator->folder);
    snprintf(server, sizeof(server), "unix:%s", emulator->path);
    started = emulator;
    emulator->pid = fork();
    if (emulator->pid == 0)
        run(command, elf, server, paused);
    for (unsigned tries = 0; access(emulator->path, F_OK) != 0; tries++) {
        if (tries == 200 || !emulator_runs(emulator))
            fail("the emulator opened no socket");
        usleep(50000);
    }
}

bool emulator_runs(struct emulator *emulator)
{
    siginfo_t info = { 0 };
    return emulator->pid > 0 && waitid(P_PID, (id_t)emulator->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

int emulator_wait(struct emulator *emulator, unsigned seconds)
{
    int status;
    for (unsigned tries = 0; emulator_runs(emulator); tries++) {
        if (tries == seconds * 20)
            fail("the emulator did not end within %u s", seconds);
        usleep(50000);
    }
    waitpid(emulator->pid, &status, 0);
    emulator->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void emulator_end(struct emulator *emulator)
{
    if (emulator->pid > 0) {
        kill(emulator->pid, SIGKILL);
        waitpid(emulator->pid, NULL, 0);
    }
    emulator->pid = 0;
    unlink(emulator->path);
    rmdir(emulator->folder);
    started = NULL;
}

/* ---- Talking to it ------------------------------------------------------------------------------------- */

int client_connect(const struct emulator *emulator)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, emulator->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        fail("cannot connect: %s", strerror(errno));
    return fd;
}

/* It is no failure here if the peer is gone: the missing answer is one. */
void client_send_raw(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length) {
        ssize_t done = send(fd, at, length, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        at += done;
        length -= (size_t)done;
    }
}

void client_send(int fd, const char *payload)
{
    unsigned char sum = 0;
    char *packet = malloc(strlen(payload) + 8);
    for (const char *at = payload; *at; at++)
        sum = (unsigned char)(sum + (unsigned char)*at);
    int length = sprintf(packet, "$%s#%02x", payload, sum);
    client_send_raw(fd, packet, (size_t)length);
    free(packet);
}

/* -1: none in time. */
static int next_byte(int fd, unsigned milliseconds)
{
    unsigned char byte;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    if (poll(&wait, 1, (int)milliseconds) <= 0 || read(fd, &byte, 1) != 1)
        return -1;
    return byte;
}

const char *client_receive(int fd, unsigned milliseconds)
{
    static char payload[65536];
    size_t length = 0;
    int byte;
    while ((byte = next_byte(fd, milliseconds)) != '$')
        if (byte < 0)
            return NULL;
    while ((byte = next_byte(fd, milliseconds)) != '#' && byte >= 0 && length + 1 < sizeof(payload))
        payload[length++] = (char)byte;
    payload[length] = '\0';
    if (byte < 0 || next_byte(fd, milliseconds) < 0 || next_byte(fd, milliseconds) < 0)
        return NULL;
    client_send_raw(fd, "+", 1);
    return payload;
}

const char *client_ask(int fd, const char *payload)
{
    client_send(fd, payload);
    const char *answer = client_receive(fd, 10000);
    if (!answer)
        fail("no answer to %s", payload);
    return answer;
}

void client_expect(int fd, const char *payload, const char *wanted)
{
    const char *answer = client_ask(fd, payload);
    if (strncmp(answer, wanted, strlen(wanted)) != 0)
        fail("%s: the answer is \"%s\", not \"%s\"", payload, answer, wanted);
}
