/* SPDX-License-Identifier: MIT
 *
 * The worker threads of a device: see worker.h.
 */
#include "devices/worker.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "util/check.h"
#include "util/thread_signals.h"

static _Thread_local unsigned thread_index;

/* What workers have to do while harts wait for them: queues that were kicked or are being served. */
static struct {
    pthread_mutex_t lock; /* taken with a device's lock held */
    pthread_cond_t none;
    bool on;
    atomic_uint count; /* changes with the lock held */
} exact = { .lock = PTHREAD_MUTEX_INITIALIZER, .none = PTHREAD_COND_INITIALIZER };

static _Thread_local struct device_worker *own_worker; /* NULL: the thread is no worker's */

bool device_worker_is_one(void)
{
    return own_worker;
}

void device_worker_be_exact(void)
{
    exact.on = true;
}

static void add_work(int queues)
{
    if (!exact.on)
        return;
    pthread_mutex_lock(&exact.lock);
    if (atomic_fetch_add(&exact.count, (unsigned)queues) + (unsigned)queues == 0)
        pthread_cond_broadcast(&exact.none);
    pthread_mutex_unlock(&exact.lock);
}

void device_worker_settle(void)
{
    if (!atomic_load(&exact.count))
        return;
    pthread_mutex_lock(&exact.lock);
    while (atomic_load(&exact.count))
        pthread_cond_wait(&exact.none, &exact.lock);
    pthread_mutex_unlock(&exact.lock);
}

unsigned device_worker_thread(void)
{
    return thread_index;
}

/* [locked] */
static void worker_loop(struct device_worker *worker)
{
    CHECK_HELD(worker->config.lock);
    while (!worker->stop) {
        if (!worker->kicked) {
            worker->sleeping++;
            pthread_cond_wait(&worker->wake, worker->config.lock);
            continue;
        }
        unsigned queue = (unsigned)__builtin_ctzll(worker->kicked);
        worker->kicked &= worker->kicked - 1;
        worker->busy++;
        worker->config.run(worker->config.opaque, queue);
        if (!--worker->busy)
            pthread_cond_broadcast(&worker->idle);
        add_work(-1);
    }
}

static void *worker_main(void *opaque)
{
    struct device_worker *worker = opaque;
    own_worker = worker;
    pthread_mutex_lock(worker->config.lock);
    while (thread_index < worker->thread_count &&
           !pthread_equal(worker->threads[thread_index], pthread_self()))
        thread_index++;
    worker_loop(worker);
    pthread_mutex_unlock(worker->config.lock);
    return NULL;
}

bool device_worker_start(struct device_worker *worker, const struct device_worker_config *config,
                         struct error *error)
{
    *worker = (struct device_worker){ .config = *config };
    if (exact.on)
        worker->config.threads = 1;
    pthread_cond_init(&worker->wake, NULL);
    pthread_cond_init(&worker->idle, NULL);
    /* Signals are for the threads that expect them, so the new threads block them. */
    sigset_t before;
    int rc = 0;
    thread_signals_block(&before);
    pthread_mutex_lock(config->lock); /* each thread looks for itself in the list */
    while (worker->thread_count < worker->config.threads &&
           worker->thread_count < DEVICE_WORKER_THREADS_MAX && !rc) {
        rc = thread_create(&worker->threads[worker->thread_count], config->role, config->name, worker_main,
                           worker);
        if (!rc)
            worker->thread_count++;
    }
    pthread_mutex_unlock(config->lock);
    thread_signals_restore(&before);
    if (worker->thread_count)
        return true; /* with fewer threads it is slower, but works */
    device_worker_stop(worker);
    return error_set(error, "%s: cannot start its thread: %s", config->device, strerror(rc));
}

static atomic_uint awaited;

bool device_worker_is_awaited(void)
{
    return atomic_load_explicit(&awaited, memory_order_relaxed);
}

void device_worker_stop(struct device_worker *worker)
{
    atomic_fetch_add(&awaited, 1);
    pthread_mutex_lock(worker->config.lock);
    worker->stop = true;
    pthread_cond_broadcast(&worker->wake);
    pthread_mutex_unlock(worker->config.lock);
    for (unsigned n = 0; n < worker->thread_count; n++)
        thread_join(&worker->threads[n]);
    atomic_fetch_sub(&awaited, 1);
    add_work(-__builtin_popcountll(worker->kicked));
    pthread_cond_destroy(&worker->wake);
    pthread_cond_destroy(&worker->idle);
}

void device_worker_kick(struct device_worker *worker, unsigned queue)
{
    CHECK_HELD(worker->config.lock);
    CHECK(queue < DEVICE_WORKER_QUEUES_MAX);
    /* The bit is set even if no thread sleeps: a thread that was woken may not have come here yet, and would
     * find nothing to do. */
    if (!(worker->kicked >> queue & 1))
        add_work(1);
    worker->kicked |= 1ull << queue;
    if (!worker->sleeping)
        return;
    worker->sleeping--;
    pthread_cond_signal(&worker->wake);
}

void device_worker_rest(struct device_worker *worker, unsigned milliseconds)
{
    CHECK_HELD(worker->config.lock);
    struct timespec pause = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L };
    if (!--worker->busy)
        pthread_cond_broadcast(&worker->idle);
    add_work(-1);
    pthread_mutex_unlock(worker->config.lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(worker->config.lock);
    add_work(1);
    worker->busy++;
}

static void wait_idle(struct device_worker *worker, atomic_uint *counter)
{
    CHECK_HELD(worker->config.lock);
    atomic_fetch_add(counter, 1);
    while (worker->busy)
        pthread_cond_wait(&worker->idle, worker->config.lock);
    atomic_fetch_sub(counter, 1);
}

void device_worker_wait_idle(struct device_worker *worker)
{
    wait_idle(worker, &awaited);
}

void device_worker_wait_dropped(struct device_worker *worker)
{
    wait_idle(worker, &worker->dropping);
}

bool device_worker_is_dropped(void)
{
    return own_worker && atomic_load_explicit(&own_worker->dropping, memory_order_relaxed);
}
