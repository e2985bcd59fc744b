/* SPDX-License-Identifier: MIT
 *
 * A client of the gdb protocol for tests: starts an emulator with a gdb server on a unix socket, and talks to
 * it. A function that fails says what it waited for and ends the program with status 1.
 */
#ifndef TESTS_GDB_CLIENT_H
#define TESTS_GDB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct emulator {
    pid_t pid;
    char folder[64], path[96];
};

/* Runs command[] with a board of two harts, the guest, and the gdb server; `paused`: with -S. The output is
 * dropped. */
void emulator_start(struct emulator *emulator, char *const *command, const char *elf, bool paused);
/* Waits for its end; its exit status, 128 + N after a signal. */
int emulator_wait(struct emulator *emulator, unsigned seconds);
bool emulator_runs(struct emulator *emulator);
/* Kills it if it runs, and removes the socket. */
void emulator_end(struct emulator *emulator);

/* Connects to the server. */
int client_connect(const struct emulator *emulator);
void client_send_raw(int fd, const void *bytes, size_t length);
void client_send(int fd, const char *payload);
/* The payload of the next packet, which is acknowledged; static storage. NULL if none comes in time, or if
 * the connection ends. */
const char *client_receive(int fd, unsigned milliseconds);
/* Sends a packet and returns the answer; fails if none comes within 10 s. */
const char *client_ask(int fd, const char *payload);
/* The same, but also fails if the answer does not begin as wanted. */
void client_expect(int fd, const char *payload, const char *wanted);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
