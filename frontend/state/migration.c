/* SPDX-License-Identifier: MIT
 *
 * Saving and loading the machine while the program runs; see migration.h. `lock` protects what both the
 * copying thread and the callers use. It is taken before the lock of a monitor, and no lock of the machine is
 * taken under it.
 */
#include "frontend/state/migration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/state/channel.h"
#include "machine/state/snapshots.h"
#include "machine/state/state.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define DOWNTIME_MS 300 /* as on QEMU */

struct migration {
    struct machine *machine;
    const char *incoming, *loadvm, *suspend; /* NULL: not given */
    migration_listener_fn *listener;
    void *opaque;

    pthread_mutex_t lock;
    pthread_cond_t ended;
    enum migration_status status;
    struct error error;
    bool is_incoming;
    atomic_bool ignore_shared;
    bool waited_for; /* somebody is told why it failed; set before the thread begins */
    uint64_t began_ms, stopped_ms, ended_ms; /* 0: not yet */

    struct machine_live live;

    struct state_channel channel; /* the thread's, while it runs */
    char *uri;
    struct machine_state_progress progress;
    bool frozen, was_running; /* the thread's: the machine was stopped to be saved; it ran before */
    pthread_t thread;
    bool started; /* the thread is to be joined */
};

const char *migration_status_name(enum migration_status status)
{
    static const char *const names[] = {
        [MIGRATION_NONE] = "none",           [MIGRATION_SETUP] = "setup",
        [MIGRATION_ACTIVE] = "active",       [MIGRATION_CANCELLING] = "cancelling",
        [MIGRATION_COMPLETED] = "completed", [MIGRATION_FAILED] = "failed",
        [MIGRATION_CANCELLED] = "cancelled"
    };
    return names[status];
}

static bool under_way(enum migration_status status)
{
    return status == MIGRATION_SETUP || status == MIGRATION_ACTIVE || status == MIGRATION_CANCELLING;
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static void tell(struct migration *migration, enum migration_status status)
{
    if (migration->listener)
        migration->listener(migration->opaque, status, 0);
}

/* The thread has begun, unless it was cancelled before. */
static void set_active(struct migration *migration)
{
    pthread_mutex_lock(&migration->lock);
    bool changes = migration->status == MIGRATION_SETUP;
    if (changes)
        migration->status = MIGRATION_ACTIVE;
    pthread_mutex_unlock(&migration->lock);
    if (changes)
        tell(migration, MIGRATION_ACTIVE);
}

/* The end, also for those who wait for it. Afterwards the thread takes the lock no more, since whoever joins
 * it may hold it. */
static void finish(struct migration *migration, bool ok, const struct error *error)
{
    bool cancelled = !ok && atomic_load(&migration->progress.cancel);
    enum migration_status status = ok          ? MIGRATION_COMPLETED
                                   : cancelled ? MIGRATION_CANCELLED
                                               : MIGRATION_FAILED;
    pthread_mutex_lock(&migration->lock);
    migration->error = *error;
    migration->status = status;
    migration->ended_ms = host_now_ms();
    pthread_cond_broadcast(&migration->ended);
    pthread_mutex_unlock(&migration->lock);
    tell(migration, status);
}

static void note_stop(struct migration *migration)
{
    pthread_mutex_lock(&migration->lock);
    migration->stopped_ms = host_now_ms();
    pthread_mutex_unlock(&migration->lock);
}

/* Stops the machine, to be saved. */
static bool freeze(void *opaque, bool *running, struct error *error)
{
    struct migration *migration = opaque;
    bool frozen = machine_freeze(migration->machine, MACHINE_FREEZE_TO_SAVE, running, error);
    migration->frozen = frozen;
    migration->was_running = frozen && *running;
    note_stop(migration);
    return frozen;
}

static void begin_round(void *opaque)
{
    struct migration *migration = opaque;
    uint64_t round = atomic_fetch_add(&migration->progress.rounds, 1) + 1;
    if (migration->listener)
        migration->listener(migration->opaque, MIGRATION_ACTIVE, round);
}

/* To another process it is sent while it runs; into a file that would take longer, and make the file larger.
 */
static bool save(struct migration *migration, struct error *error)
{
    struct machine *machine = migration->machine;
    bool running;
    int fd = migration->channel.fd;
    bool beside = atomic_load(&migration->ignore_shared);
    if (!beside && state_channel_waits(migration->uri) && machine_state(machine) == MACHINE_RUNNING)
        return machine_save_live(machine, fd, &migration->live, &migration->progress, error);
    begin_round(migration);
    return freeze(migration, &running, error) &&
           (beside ? machine_save_beside : machine_save)(machine, fd, running, &migration->progress, error);
}

static void *save_thread(void *opaque)
{
    struct migration *migration = opaque;
    struct error error = { .text = "" }, ignored;
    migration->frozen = false;
    bool ok = migration->channel.fd >= 0 || state_channel_open_write(&migration->channel, migration->uri,
                                                                     &migration->progress.cancel, &error);
    set_active(migration);
    ok = ok && save(migration, &error);
    ok = state_channel_close(&migration->channel, ok, ok ? &error : &ignored) && ok;
    if (migration->frozen)
        machine_thaw(migration->machine, ok, migration->was_running);
    if (!ok && !migration->waited_for && !atomic_load(&migration->progress.cancel))
        log_warn("migrate %s: %s", migration->uri, error.text);
    finish(migration, ok, &error);
    return NULL;
}

/* The state that was resumed is of the past as soon as the machine runs: its file must not be used again. */
static bool forget_file(struct migration *migration, struct error *error)
{
    return !migration->suspend || migration->uri || unlink(migration->suspend) == 0 || errno == ENOENT ||
           error_set(error, "-suspend %s: cannot be removed: %s", migration->suspend, strerror(errno));
}

static void *load_thread(void *opaque)
{
    struct migration *migration = opaque;
    struct error error = { .text = "" }, ignored;
    bool running = false;
    bool ok = state_channel_accept(&migration->channel, &error);
    set_active(migration);
    bool frozen = ok && machine_freeze(migration->machine, MACHINE_FREEZE_TO_LOAD, &running, &error);
    note_stop(migration);
    ok = frozen &&
         machine_load(migration->machine, migration->channel.fd, &migration->progress, &running, &error);
    ok = state_channel_close(&migration->channel, ok, ok ? &error : &ignored) && ok &&
         forget_file(migration, &error);
    if (ok)
        machine_thaw_loaded(migration->machine, running);
    else if (frozen)
        machine_thaw_failed(migration->machine);
    bool cancelled = atomic_load(&migration->progress.cancel);
    finish(migration, ok, &error);
    if (ok || cancelled)
        return NULL;
    /* Parts of it may be loaded, so there is nothing that could run. */
    log_warn("%s%s: %s%s", migration->uri ? "-incoming " : "-suspend ",
             migration->uri ? migration->uri : migration->suspend, error.text,
             migration->uri ? "" : " (remove the file to start the guest anew)");
    machine_request_quit(migration->machine, 1);
    return NULL;
}

/* -loadvm */
static void *loadvm_thread(void *opaque)
{
    struct migration *migration = opaque;
    struct error error = { .text = "" };
    set_active(migration);
    note_stop(migration);
    bool ok = machine_snapshot_load(migration->machine, migration->loadvm, true, NULL, &error);
    finish(migration, ok, &error);
    if (ok)
        return NULL;
    log_warn("-loadvm %s: %s", migration->loadvm, error.text);
    machine_request_quit(migration->machine, 1);
    return NULL;
}

/* [lock] */
static bool start_thread(struct migration *migration, bool incoming, struct error *error)
{
    sigset_t old;
    migration->is_incoming = incoming;
    migration->error.text[0] = 0;
    migration->began_ms = host_now_ms();
    migration->stopped_ms = migration->ended_ms = 0;
    migration->status = MIGRATION_SETUP;
    tell(migration, MIGRATION_SETUP);
    thread_signals_block(&old);
    int rc = thread_create(&migration->thread, THREAD_HOST, "migration",
                           !incoming           ? save_thread
                           : migration->loadvm ? loadvm_thread
                                               : load_thread,
                           migration);
    thread_signals_restore(&old);
    migration->started = rc == 0;
    if (!rc)
        return true;
    migration->status = MIGRATION_FAILED;
    return error_set(error, "cannot start a thread: %s", strerror(rc));
}

/* Joins the thread of the last time. */
static void join(struct migration *migration)
{
    if (migration->started)
        thread_join(&migration->thread);
    migration->started = false;
}

static void reset_progress(struct migration *migration)
{
    struct machine_state_progress *progress = &migration->progress;
    atomic_store(&progress->memory, 0);
    atomic_store(&progress->done, 0);
    atomic_store(&progress->rounds, 0);
    atomic_store(&progress->pages, 0);
    atomic_store(&progress->zeroes, 0);
    atomic_store(&progress->written, 0);
    atomic_store(&progress->cancel, false);
}

/* ---- For the monitor ----------------------------------------------------------------------------------- */

/* Makes it ready for another time. [lock] */
static bool prepare(struct migration *migration, const char *uri, struct error *error)
{
    if (under_way(migration->status))
        return error_set(error, "There's a migration process in progress");
    join(migration);
    reset_progress(migration);
    free(migration->uri);
    migration->uri = strdup(uri);
    migration->channel.fd = -1;
    return migration->uri || error_set(error, "out of memory");
}

/* As prepare(), and opens it, if that does not wait for somebody. [lock] */
static bool open_target(struct migration *migration, const char *uri, struct error *error)
{
    if (!state_channel_check(uri, error) || !prepare(migration, uri, error))
        return false;
    if (state_channel_waits(uri) ||
        state_channel_open_write(&migration->channel, uri, &migration->progress.cancel, error))
        return true;
    migration->status = MIGRATION_FAILED;
    migration->is_incoming = false;
    migration->error = *error;
    return false;
}

bool migration_start(struct migration *migration, const char *uri, bool wait, struct error *error)
{
    if (machine_state(migration->machine) == MACHINE_INCOMING)
        return error_set(error, "Guest is waiting for an incoming migration");
    if (machine_state(migration->machine) == MACHINE_SHUTDOWN)
        return error_set(error, "the guest is off: there is nothing to save");
    pthread_mutex_lock(&migration->lock);
    migration->waited_for = wait;
    bool ok = open_target(migration, uri, error) && start_thread(migration, false, error);
    while (ok && wait && under_way(migration->status))
        pthread_cond_wait(&migration->ended, &migration->lock);
    if (ok && wait && migration->status != MIGRATION_COMPLETED)
        ok = error_set(error, "%s", migration->error.text);
    pthread_mutex_unlock(&migration->lock);
    return ok;
}

bool migration_start_incoming(struct migration *migration, const char *uri, struct error *error)
{
    bool given = migration->incoming != NULL;
    if (!given || strcmp(migration->incoming, "defer") != 0)
        return error_set(error, given ? "The incoming migration has already been started"
                                      : "'-incoming' was not specified on the command line");
    pthread_mutex_lock(&migration->lock);
    bool ok = migration->status == MIGRATION_NONE ||
              error_set(error, "The incoming migration has already been started");
    ok = ok && state_channel_check(uri, error) && prepare(migration, uri, error) &&
         state_channel_open_read(&migration->channel, uri, &migration->progress.cancel, error) &&
         start_thread(migration, true, error);
    pthread_mutex_unlock(&migration->lock);
    return ok;
}

static void cancel(struct migration *migration, bool incoming)
{
    pthread_mutex_lock(&migration->lock);
    bool now = under_way(migration->status) && migration->status != MIGRATION_CANCELLING &&
               (incoming || !migration->is_incoming);
    if (now) {
        migration->status = MIGRATION_CANCELLING;
        atomic_store(&migration->progress.cancel, true);
    }
    pthread_mutex_unlock(&migration->lock);
    if (now)
        tell(migration, MIGRATION_CANCELLING);
}

void migration_ignore_shared(struct migration *migration, bool ignore)
{
    atomic_store(&migration->ignore_shared, ignore);
}

bool migration_ignores_shared(struct migration *migration)
{
    return atomic_load(&migration->ignore_shared);
}

void migration_cancel(struct migration *migration)
{
    cancel(migration, false);
}

struct migration_info migration_get_info(struct migration *migration)
{
    struct migration_info info = { .status = MIGRATION_NONE };
    const struct machine_state_progress *progress = &migration->progress;
    pthread_mutex_lock(&migration->lock);
    info.status = migration->status;
    info.incoming = migration->is_incoming;
    info.error = migration->error;
    uint64_t done = atomic_load(&progress->done), now = migration->ended_ms;
    info.memory = atomic_load(&progress->memory);
    info.remaining = info.memory > done ? info.memory - done : 0;
    info.transferred = atomic_load(&progress->written);
    info.pages = atomic_load(&progress->pages);
    info.zeroes = atomic_load(&progress->zeroes);
    info.rounds = atomic_load(&progress->rounds);
    now = now ? now : host_now_ms();
    if (info.status != MIGRATION_NONE) {
        info.total_ms = now - migration->began_ms;
        info.setup_ms = migration->stopped_ms ? migration->stopped_ms - migration->began_ms : 0;
        info.downtime_ms = migration->stopped_ms ? now - migration->stopped_ms : 0;
    }
    pthread_mutex_unlock(&migration->lock);
    return info;
}

struct migration_limits migration_get_limits(struct migration *migration)
{
    return (struct migration_limits){ .downtime_ms = atomic_load(&migration->live.downtime_ms),
                                      .bandwidth = atomic_load(&migration->live.bandwidth) };
}

void migration_set_limits(struct migration *migration, struct migration_limits limits)
{
    atomic_store(&migration->live.downtime_ms, limits.downtime_ms);
    atomic_store(&migration->live.bandwidth, limits.bandwidth);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

void migration_listen(struct migration *migration, migration_listener_fn *listener, void *opaque)
{
    migration->listener = listener;
    migration->opaque = opaque;
}

/* Opens what the command line names. *open: there is something to load. */
static bool open_source(struct migration *migration, bool *open, struct error *error)
{
    char uri[PATH_MAX + 8];
    struct error why;
    *open = false;
    if (migration->loadvm && migration->incoming)
        return error_set(error, "-loadvm and -incoming both load a guest: give one");
    if (migration->loadvm)
        return !migration->suspend || access(migration->suspend, F_OK) != 0 ||
               error_set(error, "-loadvm: there is a guest in the file of -suspend, too: remove it");
    if (migration->incoming && strcmp(migration->incoming, "defer") == 0)
        return true;
    if (migration->incoming) {
        migration->uri = strdup(migration->incoming);
        *open = migration->uri && state_channel_open_read(&migration->channel, migration->incoming,
                                                          &migration->progress.cancel, &why);
        return *open || error_set(error, "-incoming %.150s: %s", migration->incoming,
                                  migration->uri ? why.text : "out of memory");
    }
    if (!migration->suspend || access(migration->suspend, F_OK) != 0)
        return true;
    snprintf(uri, sizeof(uri), "file:%s", migration->suspend);
    *open = state_channel_open_read(&migration->channel, uri, &migration->progress.cancel, &why);
    return *open || error_set(error, "-suspend: %s", why.text);
}

bool migration_loads(const struct options *options)
{
    return options->incoming || options->loadvm || (options->suspend && access(options->suspend, F_OK) == 0);
}

struct migration *migration_create(const struct options *options, struct machine *machine,
                                   struct error *error)
{
    bool open;
    struct migration *migration = calloc(1, sizeof(*migration));
    if (!migration) {
        error_set(error, "out of memory");
        return NULL;
    }
    migration->machine = machine;
    migration->live = (struct machine_live){
        .downtime_ms = DOWNTIME_MS, .begin_round = begin_round, .freeze = freeze, .opaque = migration
    };
    migration->incoming = options->incoming;
    migration->loadvm = options->loadvm;
    migration->suspend = options->suspend;
    migration->channel.fd = -1;
    pthread_mutex_init(&migration->lock, NULL);
    pthread_cond_init(&migration->ended, NULL);
    if (open_source(migration, &open, error))
        return migration;
    migration_destroy(migration);
    return NULL;
}

bool migration_begin(struct migration *migration, struct error *error)
{
    if (migration->channel.fd < 0 && !migration->loadvm)
        return true;
    pthread_mutex_lock(&migration->lock);
    bool ok = start_thread(migration, true, error);
    pthread_mutex_unlock(&migration->lock);
    return ok;
}

static bool save_at_end(struct migration *migration, struct error *error)
{
    char uri[PATH_MAX + 8];
    struct error ignored;
    bool running;
    reset_progress(migration);
    snprintf(uri, sizeof(uri), "file:%s", migration->suspend);
    if (!machine_freeze(migration->machine, MACHINE_FREEZE_AT_END, &running, error) ||
        !state_channel_open_write(&migration->channel, uri, &migration->progress.cancel, error))
        return false;
    bool ok = machine_save(migration->machine, migration->channel.fd, running, &migration->progress, error);
    return state_channel_close(&migration->channel, ok, ok ? error : &ignored) && ok;
}

bool migration_end(struct migration *migration, struct error *error)
{
    struct error why = { .text = "" };
    cancel(migration, true);
    join(migration);
    if (!migration->suspend || !machine_was_quit(migration->machine) || save_at_end(migration, &why))
        return true;
    return error_set(error, "-suspend %.150s: the guest could not be saved: %s", migration->suspend,
                     why.text);
}

void migration_destroy(struct migration *migration)
{
    struct error ignored;
    if (!migration)
        return;
    join(migration);
    state_channel_close(&migration->channel, false, &ignored);
    pthread_cond_destroy(&migration->ended);
    pthread_mutex_destroy(&migration->lock);
    free(migration->uri);
    free(migration);
}
