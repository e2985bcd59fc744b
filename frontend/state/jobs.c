/* SPDX-License-Identifier: MIT
 *
 * Jobs with snapshots; see jobs.h. `lock` protects the list and what changes in a job; nothing is waited for
 * under it but the end of a thread that takes it no more.
 */
#include "frontend/state/jobs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "machine/state/snapshots.h"
#include "machine/state/state.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define JOBS_MAX 64u

struct job {
    struct jobs *jobs;
    struct job_order order;
    const char *status;
    struct error error; /* "": none */
    bool ended;
    struct machine_state_progress progress;
    pthread_t thread;
    struct job *next;
};

struct jobs {
    struct machine *machine;
    jobs_listener_fn *listener;
    void *opaque;
    pthread_mutex_t lock;
    struct job *first; /* the newest */
    unsigned count;
    bool closed;
};

struct jobs *jobs_create(struct machine *machine, jobs_listener_fn *listener, void *opaque)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));
    if (!jobs)
        return NULL;
    *jobs = (struct jobs){ .machine = machine, .listener = listener, .opaque = opaque };
    pthread_mutex_init(&jobs->lock, NULL);
    return jobs;
}

void jobs_close(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->closed = true; /* from now on the list stays as it is */
    pthread_mutex_unlock(&jobs->lock);
    for (struct job *job = jobs->first; job; job = job->next)
        thread_join(&job->thread);
}

void jobs_destroy(struct jobs *jobs)
{
    while (jobs->first) {
        struct job *job = jobs->first;
        jobs->first = job->next;
        free(job);
    }
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

/* ---- A job --------------------------------------------------------------------------------------------- */

static void set_status(struct job *job, const char *status)
{
    pthread_mutex_lock(&job->jobs->lock);
    job->status = status;
    job->jobs->listener(job->jobs->opaque, job->order.id, status);
    pthread_mutex_unlock(&job->jobs->lock);
}

static bool work(struct job *job, struct error *error)
{
    const struct job_order *order = &job->order;
    const char *devices[JOB_DEVICE_MAX];
    struct machine_snapshot_disks disks = { true, devices, order->device_count,
                                            *order->state ? order->state : NULL, &job->progress };
    for (unsigned n = 0; n < order->device_count; n++)
        devices[n] = order->devices[n];
    struct machine *machine = job->jobs->machine;
    return order->kind == JOB_SNAPSHOT_SAVE ? machine_snapshot_save(machine, order->tag, false, &disks, error)
           : order->kind == JOB_SNAPSHOT_LOAD
               ? machine_snapshot_load(machine, order->tag, false, &disks, error)
               : machine_snapshot_delete(machine, order->tag, &disks, error);
}

/* The end is told under the lock: the thread takes it no more then, so whoever joins it may hold it. */
static void *job_thread(void *opaque)
{
    struct job *job = opaque;
    struct error error = { .text = "" };
    set_status(job, "running");
    bool ok = work(job, &error);
    if (ok) {
        set_status(job, "waiting");
        set_status(job, "pending");
    } else {
        set_status(job, "aborting");
    }
    pthread_mutex_lock(&job->jobs->lock);
    if (!ok)
        job->error = error;
    job->ended = true;
    job->status = "concluded";
    job->jobs->listener(job->jobs->opaque, job->order.id, job->status);
    pthread_mutex_unlock(&job->jobs->lock);
    return NULL;
}

/* ---- For the monitor ----------------------------------------------------------------------------------- */

static struct job **find(struct jobs *jobs, const char *id)
{
    struct job **link = &jobs->first;
    while (*link && strcmp((*link)->order.id, id) != 0)
        link = &(*link)->next;
    return link;
}

/* Ids begin with a letter, as QEMU's. */
static bool is_id(const char *id)
{
    if (!isalpha((unsigned char)*id))
        return false;
    while (isalnum((unsigned char)*id) || (*id && strchr("-._", *id)))
        id++;
    return !*id;
}

/* [lock] */
static bool start_thread(struct job *job, struct error *error)
{
    struct jobs *jobs = job->jobs;
    sigset_t old;
    jobs->listener(jobs->opaque, job->order.id, job->status);
    thread_signals_block(&old);
    int rc = thread_create(&job->thread, THREAD_HOST, "snapshot job", job_thread, job);
    thread_signals_restore(&old);
    if (!rc) {
        job->next = jobs->first;
        jobs->first = job;
        jobs->count++;
        return true;
    }
    jobs->listener(jobs->opaque, job->order.id, "null");
    return error_set(error, "cannot start a thread: %s", strerror(rc));
}

bool jobs_start(struct jobs *jobs, const struct job_order *order, struct error *error)
{
    if (!is_id(order->id))
        return error_set(error, "Invalid job ID '%s'", order->id);
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return error_set(error, "out of memory");
    *job = (struct job){ .jobs = jobs, .order = *order, .status = "created" };
    pthread_mutex_lock(&jobs->lock);
    bool ok = !jobs->closed || error_set(error, "the emulator ends");
    if (ok && *find(jobs, order->id))
        ok = error_set(error, "Job ID '%s' already in use", order->id);
    if (ok && jobs->count == JOBS_MAX)
        ok = error_set(error, "there are %u jobs already: job-dismiss forgets those that have ended",
                       JOBS_MAX);
    ok = ok && start_thread(job, error);
    pthread_mutex_unlock(&jobs->lock);
    if (!ok)
        free(job);
    return ok;
}

bool jobs_dismiss(struct jobs *jobs, const char *id, struct error *error)
{
    pthread_mutex_lock(&jobs->lock);
    struct job **link = find(jobs, id), *job = *link;
    bool ok = (job && !jobs->closed) || error_set(error, "Job not found");
    if (ok && !job->ended)
        ok = error_set(error, "Job '%s' in state '%s' cannot accept command verb 'dismiss'", id, job->status);
    if (ok) {
        thread_join(&job->thread);
        *link = job->next;
        jobs->count--;
        jobs->listener(jobs->opaque, id, "null");
        free(job);
    }
    pthread_mutex_unlock(&jobs->lock);
    return ok;
}

/* What was loaded in part could not run, and deleting takes no time. */
bool jobs_cancel(struct jobs *jobs, const char *id, struct error *error)
{
    pthread_mutex_lock(&jobs->lock);
    struct job *job = *find(jobs, id);
    bool ok = job || error_set(error, "Job not found");
    if (ok && (job->ended || job->order.kind != JOB_SNAPSHOT_SAVE))
        ok = error_set(error, "Job '%s' in state '%s' cannot accept command verb 'cancel'", id, job->status);
    if (ok)
        atomic_store(&job->progress.cancel, true);
    pthread_mutex_unlock(&jobs->lock);
    return ok;
}

void jobs_list(struct jobs *jobs, void (*each)(void *opaque, const struct job_info *info), void *opaque)
{
    static const char *const kinds[] = { "snapshot-save", "snapshot-load", "snapshot-delete" };
    pthread_mutex_lock(&jobs->lock);
    for (const struct job *job = jobs->first; job; job = job->next)
        each(opaque,
             &(struct job_info){ job->order.id, kinds[job->order.kind], job->status,
                                 job->ended && *job->error.text ? job->error.text : NULL, job->ended });
    pthread_mutex_unlock(&jobs->lock);
}
