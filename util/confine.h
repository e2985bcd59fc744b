/* SPDX-License-Identifier: MIT
 *
 * Confinement of the process: it limits what a thread that a guest has taken over may still ask of the host
 * (docs/security.md). There are three layers, all of the kernel's, and each holds without the others:
 *
 * - no_new_privs: a program that this process starts gains no rights.
 * - Landlock (confine_landlock.c) limits the files, folders and TCP ports, for all threads alike.
 * - seccomp (confine_seccomp.c, confine_generate.c, confine_syscalls.def) limits the system calls: one list
 * for the process, and a shorter one for each role of a thread (util/thread.h).
 *
 * Use: thread_gate_close(); open everything; confine_prepare(); confine_lock(). A layer that the kernel lacks
 * is left out and noted in the status. A layer that the kernel has and that fails is an error, and the
 * process must end. All functions are to be called by the main thread.
 */
#ifndef UTIL_CONFINE_H
#define UTIL_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* Rights on a file, or on a folder and all below it. */
enum {
    CONFINE_READ = 1,     /* read files, list folders */
    CONFINE_WRITE = 2,    /* write and truncate files that exist */
    CONFINE_MAKE = 4,     /* make regular files and sockets, and rename and remove files */
    CONFINE_REMOVE = 8,   /* remove files (a socket's) */
    CONFINE_FOLDERS = 16, /* make and remove all kinds of files, and move them between folders */
    CONFINE_DEVICE = 32,  /* ioctl() of devices */
    CONFINE_RUN = 64,     /* start programs */
};

#define CONFINE_PATHS_MAX 256
#define CONFINE_PORTS_MAX 32

struct confine_policy {
    struct {
        char *path;
        unsigned rights;
    } paths[CONFINE_PATHS_MAX];
    unsigned path_count;
    struct {
        uint16_t port;
        bool bind; /* else: connect */
    } ports[CONFINE_PORTS_MAX];
    unsigned port_count;
    bool any_port;   /* TCP is not limited */
    bool sockets;    /* sockets may be made at all */
    bool window;     /* libraries of a window or of sound run: they load modules and talk to drivers */
    bool hart_files; /* harts open files (semihosting, HTIF) */
    bool folders;    /* there are threads with the role THREAD_FOLDER */
    bool spawn;      /* processes may be started */
    bool privileges; /* set*id and the like */
    bool resources;  /* scheduling and priorities of the process */
    bool obsolete;   /* system calls that nothing uses any more */
};

/* What is in force. */
struct confine_status {
    bool locked;
    int landlock; /* version of its interface; 0: the kernel has none */
    bool files, tcp, scopes;
    bool seccomp;
    unsigned strangers; /* library threads that Landlock could not be put on; seccomp is on them */
};

struct confine;

/* Adds a path, which is copied. A path that does not exist is no error: it is left out of the rules. Returns
 * false if there are too many paths, or no memory is left. */
bool confine_add_path(struct confine_policy *policy, const char *path, unsigned rights);
bool confine_add_port(struct confine_policy *policy, uint16_t port, bool bind);
void confine_policy_free(struct confine_policy *policy);

/* Looks up the policy's paths and makes rules of them. Returns NULL and fills *error if the kernel
 * refuses. */
struct confine *confine_prepare(const struct confine_policy *policy, struct error *error);
/* Confines all threads: those that wait at the gate and those that are made later. Frees the object. To be
 * called once. */
bool confine_lock(struct confine *confine, struct confine_status *status, struct error *error);

/* ---- Between the files --------------------------------------------------------------------------------- */

#include "util/thread.h"

/* confine_landlock.c: the version of the kernel's interface, 0: none. */
int confine_landlock_version(void);
/* Returns the descriptor of a ruleset, or -1 and *error; fills status->files, tcp, scopes. */
int confine_landlock_rules(const struct confine_policy *policy, struct confine_status *status,
                           struct error *error);
/* Puts the ruleset on the calling thread; async-signal-safe. False: errno says why. */
bool confine_landlock_enter(int rules);

/* confine_seccomp.c: a filter in the kernel's form. */
struct sock_fprog;
bool confine_seccomp_supported(void);
/* The list of the whole process (role THREAD_HOST) or of a role; *program is malloc'ed. */
bool confine_seccomp_build(const struct confine_policy *policy, enum thread_role role,
                           struct sock_fprog *program, struct error *error);
/* Puts the filter on the calling thread, or on all. False: errno says why. */
bool confine_seccomp_enter(const struct sock_fprog *program, bool all_threads);

#endif
