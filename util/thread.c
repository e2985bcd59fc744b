/* SPDX-License-Identifier: MIT
 *
 * See thread.h. `lock` guards the list of threads that the gate holds back. The other variables are written
 * before the threads that read them exist.
 */
#include "util/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"

struct start {
    void *(*run)(void *);
    void *opaque;
    enum thread_role role;
    char name[16];
    pthread_t *thread;
    sigset_t signals;
    struct start *next; /* next in the list of threads that are held back */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct start *kept; /* in the order in which they were asked for */
static bool closed;
static void (*on_enter)(enum thread_role role);

#ifdef RVIVE_ESCAPE_TEST
/* A build that is broken on purpose: see tests/confine/escape.c. */
void escape_try(const char *role);

static void try_to_escape(enum thread_role role)
{
    static const char *const names[THREAD_ROLES] = {
        "hart", "translator", "timer", "worker", "folder", "host"
    };
    escape_try(names[role]);
}

/* When the main thread makes the first hart's thread, it has been confined. */
static void try_to_escape_before(enum thread_role role)
{
    static bool tried;
    if (role == THREAD_HART && !tried)
        escape_try("main");
    tried |= role == THREAD_HART;
}
#else
static void try_to_escape(enum thread_role role)
{
    (void)role;
}

static void try_to_escape_before(enum thread_role role)
{
    (void)role;
}
#endif

static void *begin(void *opaque)
{
    struct start *start = opaque;
    void *(*run)(void *) = start->run;
    void *argument = start->opaque;
    pthread_setname_np(pthread_self(), start->name);
    if (on_enter)
        on_enter(start->role);
    try_to_escape(start->role);
    free(start);
    return run(argument);
}

/* Makes the thread, which frees `start`; after a failure the caller still owns it. The C library sets *thread
 * before the new thread begins to run. */
static int make(struct start *start)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int status = pthread_attr_setsigmask_np(&attributes, &start->signals);
    if (!status)
        status = pthread_create(start->thread, &attributes, begin, start);
    pthread_attr_destroy(&attributes);
    return status;
}

/* Returns the link to the thread's entry, or the end of the list. [locked] */
static struct start **find_kept(const pthread_t *thread)
{
    CHECK_HELD(&lock);
    struct start **link = &kept;
    while (*link && (*link)->thread != thread)
        link = &(*link)->next;
    return link;
}

int thread_create(pthread_t *thread, enum thread_role role, const char *name, void *(*run)(void *),
                  void *opaque)
{
    try_to_escape_before(role);
    struct start *start = malloc(sizeof(*start));
    if (!start)
        return ENOMEM;
    *start = (struct start){ .run = run, .opaque = opaque, .role = role, .thread = thread };
    snprintf(start->name, sizeof(start->name), "%s", name);
    pthread_sigmask(SIG_SETMASK, NULL, &start->signals);
    pthread_mutex_lock(&lock);
    bool keep = closed;
    if (keep)
        *find_kept(NULL) = start;
    pthread_mutex_unlock(&lock);
    int status = keep ? 0 : make(start);
    if (status)
        free(start);
    return status;
}

void thread_join(pthread_t *thread)
{
    pthread_mutex_lock(&lock);
    struct start **link = find_kept(thread), *start = *link;
    if (start)
        *link = start->next;
    pthread_mutex_unlock(&lock);
    if (!start || make(start) == 0)
        pthread_join(*thread, NULL);
    else
        free(start);
}

void thread_gate_close(void)
{
    closed = true;
}

bool thread_gate_open(void (*enter)(enum thread_role role), struct error *error)
{
    bool ok = true;
    pthread_mutex_lock(&lock); /* a thread that already runs may make others, or join them */
    on_enter = enter;
    closed = false;
    while (ok && kept) {
        struct start *next = kept->next;
        int status = make(kept);
        if (status)
            ok = error_set(error, "cannot start the thread \"%s\": %s", kept->name, strerror(status));
        else
            kept = next;
    }
    pthread_mutex_unlock(&lock);
    return ok;
}
