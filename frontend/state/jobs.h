/* SPDX-License-Identifier: MIT
 *
 * QEMU's jobs, as far as they save, load and delete snapshots of the machine (machine/state/snapshots.h). A
 * job has a thread, and stays in the list after its end until it is dismissed. All functions may be called by
 * any thread that does not hold the machine.
 */
#ifndef FRONTEND_STATE_JOBS_H
#define FRONTEND_STATE_JOBS_H

#include <stdbool.h>

#include "util/error.h"

#define JOB_ID_MAX     64u  /* bytes, with the 0 */
#define JOB_NAME_MAX   256u /* of a tag or a disk */
#define JOB_DEVICE_MAX 32u

struct machine;
struct jobs;

enum job_kind { JOB_SNAPSHOT_SAVE, JOB_SNAPSHOT_LOAD, JOB_SNAPSHOT_DELETE };
struct job_order {
    enum job_kind kind;
    char id[JOB_ID_MAX], tag[JOB_NAME_MAX];
    char state[JOB_NAME_MAX]; /* the disk of the machine's state; "": the first */
    char devices[JOB_DEVICE_MAX][JOB_NAME_MAX];
    unsigned device_count;
};
struct job_info {
    const char *id, *kind, *status; /* QEMU's names; valid during the call */
    const char *error;              /* NULL: none */
    bool ended;
};

/* Called when a job's status changes, on any thread; it must not wait, nor call these functions. */
typedef void jobs_listener_fn(void *opaque, const char *id, const char *status);

/* NULL: out of memory. */
struct jobs *jobs_create(struct machine *machine, jobs_listener_fn *listener, void *opaque);
/* Waits for all jobs, and takes no more. Before the machine is destroyed. */
void jobs_close(struct jobs *jobs);
void jobs_destroy(struct jobs *jobs);

/* False, with *error filled, if the job cannot begin; it may still fail later. */
bool jobs_start(struct jobs *jobs, const struct job_order *order, struct error *error);
/* Forgets a job that has ended. */
bool jobs_dismiss(struct jobs *jobs, const char *id, struct error *error);
/* Ends a job that saves before its time, with an error and nothing saved. False, with *error filled: there is
 * none, or it cannot be ended. */
bool jobs_cancel(struct jobs *jobs, const char *id, struct error *error);
/* Calls `each` for all jobs, from the newest on. */
void jobs_list(struct jobs *jobs, void (*each)(void *opaque, const struct job_info *info), void *opaque);

#endif
