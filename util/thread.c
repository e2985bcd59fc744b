/* SPDX-License-Identifier: MIT
 *
 * See thread.h. `lock` guards all of it; a waiter lies on its creator's heap until it is through.
 */
#include "util/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/check.h"

struct start {
    void *(*run)(void *);
    void *opaque;
    enum thread_role role;
    pthread_t thread;
    pid_t id; /* 0 until it runs */
    bool released;
    struct start *next; /* of those that wait, or are about to */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct start *waiting;
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

/* The main thread has been through the lock when it makes the first hart's. */
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

/* [locked] */
static void forget(struct start *start)
{
    CHECK_HELD(&lock);
    struct start **link = &waiting;
    while (*link != start)
        link = &(*link)->next;
    *link = start->next;
    pthread_cond_broadcast(&changed);
}

static void *begin(void *opaque)
{
    struct start *start = opaque;
    void *(*run)(void *) = start->run;
    void *argument = start->opaque;
    pthread_mutex_lock(&lock); /* once the creator has noted which thread this is */
    start->id = gettid();
    pthread_cond_broadcast(&changed);
    while (closed && !start->released)
        pthread_cond_wait(&changed, &lock);
    void (*enter)(enum thread_role) = start->released ? NULL : on_enter;
    pthread_mutex_unlock(&lock);
    if (enter)
        enter(start->role);
    try_to_escape(start->role);
    pthread_mutex_lock(&lock);
    forget(start);
    pthread_mutex_unlock(&lock);
    free(start);
    return run(argument);
}

int thread_create(pthread_t *thread, enum thread_role role, void *(*run)(void *), void *opaque)
{
    try_to_escape_before(role);
    struct start *start = malloc(sizeof(*start));
    if (!start)
        return ENOMEM;
    *start = (struct start){ .run = run, .opaque = opaque, .role = role };
    pthread_mutex_lock(&lock);
    start->next = waiting;
    waiting = start;
    int status = pthread_create(thread, NULL, begin, start);
    if (status) {
        forget(start);
        free(start);
    } else {
        start->thread = *thread;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

void thread_join(pthread_t thread)
{
    pthread_mutex_lock(&lock);
    for (struct start *start = waiting; closed && start; start = start->next)
        start->released |= pthread_equal(start->thread, thread);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
}

/* [locked] */
static bool all_arrived(void)
{
    CHECK_HELD(&lock);
    for (const struct start *start = waiting; start; start = start->next) {
        if (!start->id)
            return false;
    }
    return true;
}

bool thread_gate_holds(pid_t thread)
{
    bool held = false;
    pthread_mutex_lock(&lock);
    while (!all_arrived())
        pthread_cond_wait(&changed, &lock);
    for (const struct start *start = waiting; start; start = start->next)
        held |= start->id == thread;
    pthread_mutex_unlock(&lock);
    return held;
}

void thread_gate_close(void)
{
    closed = true;
}

void thread_gate_open(void (*enter)(enum thread_role role))
{
    pthread_mutex_lock(&lock);
    on_enter = enter;
    closed = false;
    pthread_cond_broadcast(&changed);
    while (waiting)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}
