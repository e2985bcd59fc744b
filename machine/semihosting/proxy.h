/* SPDX-License-Identifier: MIT
 *
 * The frontend server of HTIF programs: makes the system calls that the proxy kernel pk (and programs that
 * are linked to do the same) hand to the host. Numbers, arguments and results are those of Linux for RISC-V;
 * pointers are physical addresses. Files are those below the folder of -semihosting-config path=
 * (guest_folder.h), the program's arguments are its arg=. The guest's descriptors are numbers of a table
 * here; 0 to 2 are the console, which the device itself reads and writes.
 */
#ifndef MACHINE_SEMIHOSTING_PROXY_H
#define MACHINE_SEMIHOSTING_PROXY_H

#include <stdint.h>

#include "util/error.h"

#define PROXY_WORDS 8 /* number and arguments of a call */

struct machine;
struct proxy;

/* NULL, with *error filled, if the folder cannot be opened. The caller destroys it after the harts' end. */
struct proxy *proxy_create(struct machine *machine, struct error *error);
void proxy_destroy(struct proxy *proxy);
/* Closes the guest's files. */
void proxy_reset(struct proxy *proxy);
/* Makes a call; `proxy` is a struct proxy. Returns its result, or -errno; -ENOSYS, with a line in the log
 * that names the call, where it is not implemented. Any thread. */
int64_t proxy_call(void *proxy, const uint64_t words[PROXY_WORDS]);

#endif
