/* SPDX-License-Identifier: MIT
 *
 * The I/O thread; see io_loop.h. The lock guards the lists and is not held in poll(2) or in callbacks.
 * `running` is what the thread runs now, so that removal can wait for it. An eventfd interrupts poll(2) on
 * every change. A callback is only called for a watch that is still on the list and still wants the events.
 */
#include "util/io_loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util/host_time.h"
#include "util/thread.h"

#define FDS_MAX 256

struct io_loop {
    pthread_mutex_t lock;
    pthread_cond_t idle; /* `running` became NULL */
    pthread_t thread;
    int event;
    unsigned users;
    struct io_watch *watches;
    struct io_job *jobs, **jobs_end;
    const void *running;
    bool stop;
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct io_loop *shared_loop;

static void wake(struct io_loop *loop)
{
    uint64_t one = 1;
    while (write(loop->event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Runs the jobs that are queued now. A job that queues itself again runs after the watches. */
static void run_jobs(struct io_loop *loop)
{
    unsigned count = 0;
    for (const struct io_job *job = loop->jobs; job; job = job->next)
        count++;
    while (loop->jobs && count-- > 0) {
        struct io_job *job = loop->jobs;
        loop->jobs = job->next;
        if (!loop->jobs)
            loop->jobs_end = &loop->jobs;
        job->queued = false;
        loop->running = job;
        void (*run)(void *) = job->run;
        void *opaque = job->opaque;
        pthread_mutex_unlock(&loop->lock);
        run(opaque);
        pthread_mutex_lock(&loop->lock);
        loop->running = NULL;
        pthread_cond_broadcast(&loop->idle);
    }
}

static bool is_listed(const struct io_loop *loop, const struct io_watch *watch)
{
    for (const struct io_watch *at = loop->watches; at; at = at->next) {
        if (at == watch)
            return true;
    }
    return false;
}

/* Fills the poll set. Returns its size and the time in ms until the first sleeper wakes (-1: none sleeps). */
static unsigned poll_set(struct io_loop *loop, struct pollfd *fds, struct io_watch **watches, int *timeout)
{
    unsigned count = 0;
    uint64_t now = host_now_ns();
    fds[count++] = (struct pollfd){ .fd = loop->event, .events = POLLIN };
    *timeout = -1;
    for (struct io_watch *watch = loop->watches; watch && count < FDS_MAX; watch = watch->next) {
        if (!watch->events || watch->fd < 0)
            continue;
        if (watch->asleep_until > now) {
            int wait = (int)((watch->asleep_until - now) / 1000000) + 1;
            *timeout = *timeout < 0 || wait < *timeout ? wait : *timeout;
            continue;
        }
        watch->asleep_until = 0;
        watches[count] = watch;
        fds[count++] = (struct pollfd){ .fd = watch->fd, .events = watch->events };
    }
    return count;
}

static void run_watches(struct io_loop *loop, const struct pollfd *fds, struct io_watch **watches,
                        unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct io_watch *watch = watches[i];
        if (!fds[i].revents || !is_listed(loop, watch) || watch->fd != fds[i].fd || watch->asleep_until)
            continue;
        short revents = fds[i].revents & (watch->events | POLLERR | POLLHUP | POLLNVAL);
        if (!revents || !watch->events)
            continue;
        loop->running = watch;
        pthread_mutex_unlock(&loop->lock);
        watch->ready(watch->opaque, revents);
        pthread_mutex_lock(&loop->lock);
        loop->running = NULL;
        pthread_cond_broadcast(&loop->idle);
    }
}

static void *loop_thread(void *opaque)
{
    struct io_loop *loop = opaque;
    struct pollfd fds[FDS_MAX];
    struct io_watch *watches[FDS_MAX];
    pthread_mutex_lock(&loop->lock);
    while (!loop->stop) {
        int timeout;
        run_jobs(loop);
        unsigned count = poll_set(loop, fds, watches, &timeout);
        pthread_mutex_unlock(&loop->lock);
        int ready = poll(fds, count, timeout);
        uint64_t drained;
        if (ready > 0 && fds[0].revents && read(loop->event, &drained, sizeof(drained)) < 0)
            ready = errno == EAGAIN ? ready : 0;
        pthread_mutex_lock(&loop->lock);
        if (ready > 0)
            run_watches(loop, fds, watches, count);
    }
    pthread_mutex_unlock(&loop->lock);
    return NULL;
}

static struct io_loop *loop_create(struct error *error)
{
    struct io_loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        error_set(error, "out of memory for the I/O thread");
        return NULL;
    }
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->idle, NULL);
    loop->jobs_end = &loop->jobs;
    loop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int status = loop->event < 0 ? errno : thread_create(&loop->thread, THREAD_HOST, "io", loop_thread, loop);
    if (status) {
        error_set(error, "cannot start the I/O thread: %s", strerror(status));
        if (loop->event >= 0)
            close(loop->event);
        free(loop);
        return NULL;
    }
    return loop;
}

struct io_loop *io_loop_acquire(struct error *error)
{
    pthread_mutex_lock(&shared_lock);
    if (!shared_loop)
        shared_loop = loop_create(error);
    if (shared_loop)
        shared_loop->users++;
    struct io_loop *loop = shared_loop;
    pthread_mutex_unlock(&shared_lock);
    return loop;
}

void io_loop_release(struct io_loop *loop)
{
    pthread_mutex_lock(&shared_lock);
    if (--loop->users == 0) {
        shared_loop = NULL;
        pthread_mutex_lock(&loop->lock);
        loop->stop = true;
        wake(loop);
        pthread_mutex_unlock(&loop->lock);
        thread_join(&loop->thread);
        close(loop->event);
        pthread_cond_destroy(&loop->idle);
        pthread_mutex_destroy(&loop->lock);
        free(loop);
    }
    pthread_mutex_unlock(&shared_lock);
}

static void wait_idle(struct io_loop *loop, const void *what)
{
    while (loop->running == what && !pthread_equal(pthread_self(), loop->thread))
        pthread_cond_wait(&loop->idle, &loop->lock);
}

void io_watch_add(struct io_loop *loop, struct io_watch *watch)
{
    pthread_mutex_lock(&loop->lock);
    watch->next = loop->watches;
    loop->watches = watch;
    wake(loop);
    pthread_mutex_unlock(&loop->lock);
}

void io_watch_set(struct io_loop *loop, struct io_watch *watch, int fd, short events)
{
    pthread_mutex_lock(&loop->lock);
    if (watch->fd != fd || watch->events != events || watch->asleep_until) {
        watch->fd = fd;
        watch->events = events;
        watch->asleep_until = 0;
        wake(loop);
    }
    pthread_mutex_unlock(&loop->lock);
}

void io_watch_sleep(struct io_loop *loop, struct io_watch *watch, unsigned milliseconds)
{
    pthread_mutex_lock(&loop->lock);
    watch->asleep_until = host_now_ns() + (uint64_t)milliseconds * 1000000;
    wake(loop);
    pthread_mutex_unlock(&loop->lock);
}

void io_watch_remove(struct io_loop *loop, struct io_watch *watch)
{
    pthread_mutex_lock(&loop->lock);
    for (struct io_watch **link = &loop->watches; *link; link = &(*link)->next) {
        if (*link == watch) {
            *link = watch->next;
            break;
        }
    }
    wake(loop);
    wait_idle(loop, watch);
    pthread_mutex_unlock(&loop->lock);
}

void io_loop_run(struct io_loop *loop, struct io_job *job)
{
    pthread_mutex_lock(&loop->lock);
    if (!job->queued) {
        job->queued = true;
        job->next = NULL;
        *loop->jobs_end = job;
        loop->jobs_end = &job->next;
        wake(loop);
    }
    pthread_mutex_unlock(&loop->lock);
}

void io_job_cancel(struct io_loop *loop, struct io_job *job)
{
    pthread_mutex_lock(&loop->lock);
    for (struct io_job **link = &loop->jobs; *link; link = &(*link)->next) {
        if (*link == job) {
            *link = job->next;
            if (!*link)
                loop->jobs_end = link;
            break;
        }
    }
    job->queued = false;
    wait_idle(loop, job);
    pthread_mutex_unlock(&loop->lock);
}
