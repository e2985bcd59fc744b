/* SPDX-License-Identifier: MIT
 *
 * What -daemonize, -pidfile, -overcommit and -name do to the process; for main().
 *
 * The order of calls: daemon_begin() before there are threads. The parent waits in it for the child; until
 * then the child's messages still go to the standard error. daemon_hold() when all files of the command line
 * are open, before the sandbox: it makes the file with the process's number and locks memory. daemon_ready()
 * when the guest is about to start: the parent ends with status 0. daemon_end() whenever the program ends.
 */
#ifndef FRONTEND_DAEMON_H
#define FRONTEND_DAEMON_H

#include "frontend/options/options.h"

/* False, with *error filled. With -daemonize it returns only in the child; if the child ends before it was
 * ready, the parent ends with the child's status. */
bool daemon_begin(const struct options *options, struct error *error);
bool daemon_hold(const struct options *options, struct error *error);
bool daemon_ready(const struct options *options, struct error *error);
/* Removes the file with the process's number, if it is still this process's. */
void daemon_end(void);

#endif
