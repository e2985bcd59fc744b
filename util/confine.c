/* SPDX-License-Identifier: MIT
 *
 * The order in which the layers come into force; see confine.h.
 *
 * A thread puts Landlock on itself, and the threads that it makes inherit it. Our own threads are made when
 * the gate opens, after the main thread has confined itself. A library may have started threads before that
 * (a window's graphics driver). These are sent a signal whose handler puts Landlock on them; a thread that
 * blocks the signal is counted as a stranger. The kernel puts seccomp's list for the process on all threads
 * at once, so a stranger has that list too. Each thread puts the list of its role on itself at its start.
 */
#include "util/confine.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STRANGER_TRIES 200 /* of 1 ms each */

struct confine {
    struct confine_status status;
    int rules; /* Landlock's descriptor, -1: none */
    DIR *tasks;
    struct sock_fprog filters[THREAD_ROLES];
};

/* For threads that are made from now on: the filters of their roles. They are only written before the gate
 * opens. */
static struct sock_fprog role_filters[THREAD_ROLES];
static int stranger_rules; /* read by the signal's handler */
static atomic_uint strangers_done;

/* ---- Policies ------------------------------------------------------------------------------------------ */

bool confine_add_path(struct confine_policy *policy, const char *path, unsigned rights)
{
    char *copy = policy->path_count < CONFINE_PATHS_MAX ? strdup(path) : NULL;
    if (!copy)
        return false;
    policy->paths[policy->path_count].path = copy;
    policy->paths[policy->path_count++].rights = rights;
    return true;
}

bool confine_add_port(struct confine_policy *policy, uint16_t port, bool bind)
{
    if (policy->port_count == CONFINE_PORTS_MAX)
        return false;
    policy->ports[policy->port_count].port = port;
    policy->ports[policy->port_count++].bind = bind;
    return true;
}

void confine_policy_free(struct confine_policy *policy)
{
    for (unsigned n = 0; n < policy->path_count; n++)
        free(policy->paths[n].path);
    policy->path_count = 0;
}

/* ---- Making ready -------------------------------------------------------------------------------------- */

static void confine_free(struct confine *confine)
{
    if (confine->rules >= 0)
        close(confine->rules);
    if (confine->tasks)
        closedir(confine->tasks);
    free(confine);
}

static bool build_filters(struct confine *confine, const struct confine_policy *policy, struct error *error)
{
    for (enum thread_role role = 0; role < THREAD_ROLES; role++) {
        bool needed = role != THREAD_FOLDER || policy->folders;
        if (role == THREAD_TIMER && !policy->hart_files)
            confine->filters[role] = confine->filters[THREAD_HART]; /* the same list */
        else if (needed && !confine_seccomp_build(policy, role, &confine->filters[role], error))
            return false;
    }
    confine->status.seccomp = true;
    return true;
}

struct confine *confine_prepare(const struct confine_policy *policy, struct error *error)
{
    struct confine *confine = calloc(1, sizeof(*confine));
    if (!confine) {
        error_set(error, "sandbox: out of memory");
        return NULL;
    }
    confine->tasks = opendir("/proc/self/task"); /* opened now, since a chroot may come before the lock */
    confine->status.landlock = confine_landlock_version();
    confine->rules = confine->status.landlock ? confine_landlock_rules(policy, &confine->status, error) : -1;
    if ((confine->status.landlock && confine->rules < 0) ||
        (confine_seccomp_supported() && !build_filters(confine, policy, error))) {
        confine_free(confine);
        return NULL;
    }
    return confine;
}

/* ---- Threads of libraries ------------------------------------------------------------------------------ */

static void on_stranger(int number)
{
    int saved = errno;
    (void)number;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && confine_landlock_enter(stranger_rules))
        atomic_fetch_add(&strangers_done, 1);
    errno = saved;
}

/* Sends the signal to each thread but this one; returns how many there were. */
static unsigned signal_strangers(DIR *tasks, int number)
{
    unsigned count = 0;
    struct dirent *entry;
    rewinddir(tasks);
    while ((entry = readdir(tasks))) {
        pid_t thread = (pid_t)atoi(entry->d_name);
        if (thread <= 0 || thread == getpid())
            continue;
        if (syscall(SYS_tgkill, getpid(), thread, number) == 0)
            count++;
    }
    return count;
}

/* Returns how many threads could not be confined. */
static unsigned confine_strangers(struct confine *confine)
{
    struct sigaction ours = { .sa_handler = on_stranger, .sa_flags = SA_RESTART }, before;
    struct timespec tick = { .tv_nsec = 1000000 };
    int number = SIGRTMIN + 7;
    if (!confine->tasks)
        return 0;
    stranger_rules = confine->rules;
    sigaction(number, &ours, &before);
    unsigned count = signal_strangers(confine->tasks, number);
    for (unsigned n = 0; n < STRANGER_TRIES && atomic_load(&strangers_done) < count; n++)
        nanosleep(&tick, NULL);
    unsigned missing = count - atomic_load(&strangers_done);
    if (missing)
        /* a signal that arrives late does nothing */
        sigaction(number, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    else
        sigaction(number, &before, NULL);
    return missing;
}

/* ---- The lock ------------------------------------------------------------------------------------------ */

/* A thread's first act. A failure here would leave a thread that is less confined than was promised, so it
 * ends the program. */
static void on_enter(enum thread_role role)
{
    if (role != THREAD_HOST && role_filters[role].len && !confine_seccomp_enter(&role_filters[role], false)) {
        fprintf(stderr, "rvive: sandbox: a thread's system calls cannot be limited: %s\n", strerror(errno));
        abort();
    }
}

static bool lock_all(struct confine *confine, struct error *error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return error_set(error, "sandbox: no_new_privs: %s", strerror(errno));
    if (confine->rules >= 0) {
        confine->status.strangers = confine_strangers(confine);
        if (!confine_landlock_enter(confine->rules))
            return error_set(error, "sandbox: files cannot be limited: %s; -sandbox off does without",
                             strerror(errno));
    }
    if (confine->status.seccomp && !confine_seccomp_enter(&confine->filters[THREAD_HOST], true))
        return error_set(error, "sandbox: system calls cannot be limited: %s; -sandbox off does without",
                         strerror(errno));
    return true;
}

bool confine_lock(struct confine *confine, struct confine_status *status, struct error *error)
{
    bool ok = lock_all(confine, error);
    if (ok) {
        memcpy(role_filters, confine->filters, sizeof(role_filters));
        confine->status.locked = true;
        *status = confine->status;
        ok = thread_gate_open(on_enter, error);
    }
    confine_free(confine);
    return ok;
}
