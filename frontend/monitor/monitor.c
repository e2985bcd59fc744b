/* SPDX-License-Identifier: MIT
 *
 * The monitors' life, and what arrives for them: bytes come from the I/O thread, events from any thread. Both
 * wait, under the monitor's lock, for the monitor's thread. See monitor.h.
 */
#include "frontend/monitor/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frontend/state/jobs.h"
#include "frontend/state/migration.h"
#include "machine/inspect.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/thread.h"

/* ---- What arrives (I/O thread) ------------------------------------------------------------------------- */

static size_t front_can_receive(void *opaque)
{
    struct monitor *monitor = opaque;
    pthread_mutex_lock(&monitor->lock);
    size_t room = MONITOR_INPUT - monitor->input_count;
    pthread_mutex_unlock(&monitor->lock);
    return room;
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct monitor *monitor = opaque;
    if (monitor->edits) {
        monitor_edit_input(monitor, bytes, length);
        return;
    }
    pthread_mutex_lock(&monitor->lock);
    for (size_t i = 0; i < length && monitor->input_count < MONITOR_INPUT; i++)
        monitor->input[(monitor->input_head + monitor->input_count++) % MONITOR_INPUT] = bytes[i];
    pthread_cond_broadcast(&monitor->changed);
    pthread_mutex_unlock(&monitor->lock);
}

static void front_event(void *opaque, enum chardev_event event)
{
    static const uint8_t redraw = 0x12; /* Ctrl-R: the line editor shows its line again */
    struct monitor *monitor = opaque;
    pthread_mutex_lock(&monitor->lock);
    monitor->openings += event == CHARDEV_EVENT_OPENED;
    monitor->closings += event == CHARDEV_EVENT_CLOSED;
    bool again = event == CHARDEV_EVENT_OPENED && monitor->openings > 1;
    if (event == CHARDEV_EVENT_OPENED && monitor->owns_chardev)
        monitor->input_count = 0; /* forget the bytes of the last client */
    pthread_cond_broadcast(&monitor->changed);
    pthread_mutex_unlock(&monitor->lock);
    if (again && monitor->edits)
        monitor_edit_input(monitor, &redraw, 1);
}

/* ---- What the machine tells (any thread) --------------------------------------------------------------- */

/* The first MONITOR_LIMITED are those that the guest can cause at will. */
const char *const monitor_event_names[] = { "GUEST_PANICKED",   "GUEST_CRASHLOADED",
                                            "GUEST_PVSHUTDOWN", "BALLOON_CHANGE",
                                            "WATCHDOG",         "STOP",
                                            "RESUME",           "RESET",
                                            "SHUTDOWN",         "POWERDOWN",
                                            "BLOCK_IO_ERROR",   "MIGRATION",
                                            "MIGRATION_PASS",   "JOB_STATUS_CHANGE",
                                            "DEVICE_DELETED",   "DEVICE_TRAY_MOVED",
                                            "DUMP_COMPLETED",   NULL };

/* MONITOR_LIMITED: the event is not limited. */
static unsigned limit_of(const char *name)
{
    unsigned n = 0;
    while (n < MONITOR_LIMITED && strcmp(monitor_event_names[n], name) != 0)
        n++;
    return n;
}

/* Puts an event into the monitor's list. A client that does not read loses events, but the emulator does not
 * wait. [monitor->lock] */
static void add_event(struct monitor *monitor, const struct monitor_event *event)
{
    unsigned limit = limit_of(event->name), n = 0;
    while (limit < MONITOR_LIMITED && n < monitor->event_count &&
           strcmp(monitor->events[n].name, event->name) != 0)
        n++;
    if (limit == MONITOR_LIMITED)
        n = monitor->event_count;
    if (n == MONITOR_EVENTS)
        return;
    monitor->events[n] = *event;
    monitor->events[n].due = limit < MONITOR_LIMITED ? monitor->limited_until[limit] : 0;
    monitor->event_count += n == monitor->event_count;
}

/* The first event that may be sent now; event_count: none. *next becomes the time at which one may be, if
 * that is earlier. [monitor->lock] */
static unsigned due_event(const struct monitor *monitor, uint64_t *next)
{
    uint64_t now = host_now_ms();
    unsigned n = 0;
    for (; n < monitor->event_count && monitor->events[n].due > now && !monitor->stopping; n++)
        if (monitor->events[n].due < *next)
            *next = monitor->events[n].due;
    return n;
}

static void post_event(struct monitors *monitors, struct monitor_event event)
{
    clock_gettime(CLOCK_REALTIME, &event.time);
    for (unsigned i = 0; i < monitors->count; i++) {
        struct monitor *monitor = monitors->list[i];
        if (!monitor->control)
            continue;
        pthread_mutex_lock(&monitor->lock);
        add_event(monitor, &event);
        pthread_cond_broadcast(&monitor->changed);
        pthread_mutex_unlock(&monitor->lock);
    }
}

static void post(struct monitors *monitors, const char *name, int by, const char *reason)
{
    post_event(monitors, (struct monitor_event){ .name = name, .by = by, .reason = reason });
}

static void on_disk_failed(void *opaque, const struct machine_disk_error *error)
{
    struct monitor_event event = { .name = "BLOCK_IO_ERROR", .by = -1, .on_disk = true, .disk = *error };
    snprintf(event.drive, sizeof(event.drive), "%s", error->drive);
    post_event(opaque, event);
}

static void on_device_deleted(void *opaque, struct machine_place place, const char *id)
{
    struct monitors *monitors = opaque;
    struct monitor_event event = { .name = "DEVICE_DELETED", .by = -1, .on_device = true };
    snprintf(event.drive, sizeof(event.drive), "%s", id ? id : "");
    options_unplug(monitors->options, place);
    post_event(monitors, event);
}

static void on_notice(void *opaque, enum machine_notice notice, bool by_guest)
{
    switch (notice) {
    case MACHINE_NOTICE_PAUSED: post(opaque, "STOP", -1, NULL); break;
    case MACHINE_NOTICE_RESUMED: post(opaque, "RESUME", -1, NULL); break;
    case MACHINE_NOTICE_RESET:
        post(opaque, "RESET", by_guest, by_guest ? "guest-reset" : "host-qmp-system-reset");
        break;
    case MACHINE_NOTICE_SHUTDOWN:
        post(opaque, "SHUTDOWN", by_guest,
             !by_guest                                                        ? "host-qmp-quit"
             : atomic_exchange(&((struct monitors *)opaque)->panicked, false) ? "guest-panic"
                                                                              : "guest-shutdown");
        break;
    }
}

/* As on QEMU, only if a program has switched the events on. */
static void on_migration(void *opaque, enum migration_status status, uint64_t round)
{
    struct monitors *monitors = opaque;
    if (!atomic_load(&monitors->migration_events))
        return;
    if (round)
        post_event(monitors,
                   (struct monitor_event){ .name = "MIGRATION_PASS", .by = -1, .pass = (unsigned)round });
    else
        post_event(monitors, (struct monitor_event){
                                 .name = "MIGRATION", .by = -1, .status = migration_status_name(status) });
}

static void on_job(void *opaque, const char *id, const char *status)
{
    struct monitor_event event = { .name = "JOB_STATUS_CHANGE", .by = -1, .status = status };
    snprintf(event.job, sizeof(event.job), "%s", id);
    post_event(opaque, event);
}

static void on_powerdown(void *opaque)
{
    post(opaque, "POWERDOWN", -1, NULL);
}

static void on_guest_event(void *opaque, const char *name, const char *action)
{
    struct monitors *monitors = opaque;
    bool off = action && strcmp(action, "poweroff") == 0, panic = strcmp(name, "GUEST_PANICKED") == 0;
    if (panic && off)
        atomic_store(&monitors->panicked, true);
    post_event(monitors, (struct monitor_event){ .name = name, .by = -1, .action = action });
    if (!panic && action && strcmp(action, "shutdown") == 0)
        on_powerdown(opaque);
}

static void on_balloon(void *opaque, uint64_t actual)
{
    post_event(opaque, (struct monitor_event){
                           .name = "BALLOON_CHANGE", .by = -1, .on_balloon = true, .actual = actual });
}

static void on_tray_moved(void *opaque, const char *drive, const char *id, bool open)
{
    struct monitor_event event = {
        .name = "DEVICE_TRAY_MOVED", .by = -1, .on_tray = true, .tray_open = open
    };
    snprintf(event.drive, sizeof(event.drive), "%s", id);
    snprintf(event.tray_drive, sizeof(event.tray_drive), "%s", drive);
    post_event(opaque, event);
}

void monitor_tell_dump(struct monitors *monitors, uint64_t bytes, const char *why)
{
    struct monitor_event event = { .name = "DUMP_COMPLETED", .by = -1, .on_dump = true, .actual = bytes };
    snprintf(event.why, sizeof(event.why), "%s", why ? why : "");
    atomic_store(&monitors->dumped, why ? 0 : bytes);
    post_event(monitors, event);
}

/* ---- For the monitors' threads ------------------------------------------------------------------------- */

struct monitor_news monitor_wait(struct monitor *monitor, void *bytes, size_t size, unsigned openings_seen)
{
    struct monitor_news news = { 0 };
    uint64_t next = UINT64_MAX;
    pthread_mutex_lock(&monitor->lock);
    while (!monitor->input_count && due_event(monitor, &next) == monitor->event_count &&
           monitor->openings == openings_seen && !monitor->stopping) {
        struct timespec until = host_timespec(next == UINT64_MAX ? 0 : next * 1000000);
        if (next == UINT64_MAX)
            pthread_cond_wait(&monitor->changed, &monitor->lock);
        else
            pthread_cond_timedwait(&monitor->changed, &monitor->lock, &until);
        next = UINT64_MAX;
    }
    news.openings = monitor->openings;
    news.stopping = monitor->stopping;
    /* Bytes of a new client are taken only after it was greeted. */
    while (news.openings == openings_seen && news.bytes < size && monitor->input_count) {
        ((uint8_t *)bytes)[news.bytes++] = monitor->input[monitor->input_head];
        monitor->input_head = (monitor->input_head + 1) % MONITOR_INPUT;
        monitor->input_count--;
    }
    pthread_mutex_unlock(&monitor->lock);
    if (news.bytes && monitor->owns_chardev)
        chardev_input_ready(monitor->chardev);
    return news;
}

bool monitor_take_event(struct monitor *monitor, struct monitor_event *event)
{
    uint64_t next = UINT64_MAX;
    pthread_mutex_lock(&monitor->lock);
    unsigned n = due_event(monitor, &next);
    bool any = n < monitor->event_count;
    if (any) {
        *event = monitor->events[n];
        monitor->event_count--;
        memmove(monitor->events + n, monitor->events + n + 1, (monitor->event_count - n) * sizeof(*event));
        unsigned limit = limit_of(event->name);
        if (limit < MONITOR_LIMITED)
            monitor->limited_until[limit] = host_now_ms() + 1000;
    }
    pthread_mutex_unlock(&monitor->lock);
    return any;
}

void monitor_write(struct monitor *monitor, const char *text, size_t length)
{
    chardev_write(monitor->chardev, (const uint8_t *)text, length);
}

static ssize_t stream_write(void *cookie, const char *text, size_t length)
{
    monitor_write(cookie, text, length);
    return (ssize_t)length;
}

FILE *monitor_stream(struct monitor *monitor)
{
    return fopencookie(monitor, "w", (cookie_io_functions_t){ .write = stream_write });
}

void monitor_prepare_call(struct monitor *monitor, struct monitor_call *call)
{
    *call = (struct monitor_call){
        .machine = monitor->owner->machine,
        .options = monitor->owner->options,
        .changeable = monitor->owner->options,
        .screen = monitor->owner->screen,
        .migration = monitor->owner->migration,
        .jobs = monitor->owner->jobs,
        .migration_events = &monitor->owner->migration_events,
        .balloon_interval = &monitor->owner->balloon_interval,
        .chardev = monitor->chardev,
        .hart = &monitor->hart,
        .powerdown = on_powerdown,
        .opaque = monitor->owner,
    };
}

/* Runs a command that was given to gdb. */
static bool on_gdb_command(void *opaque, unsigned hart, const char *command, FILE *out)
{
    struct monitors *monitors = opaque;
    struct monitor_call call = {
        .machine = monitors->machine,
        .options = monitors->options,
        .changeable = monitors->options,
        .screen = monitors->screen,
        .migration = monitors->migration,
        .jobs = monitors->jobs,
        .migration_events = &monitors->migration_events,
        .balloon_interval = &monitors->balloon_interval,
        .may_not_wait = true,
        .holds = true,
        .hart = &hart,
        .powerdown = on_powerdown,
        .opaque = monitors,
    };
    return monitor_run_line(&call, command, out);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* Ctrl-A X and Ctrl-A C do nothing in a monitor that has a terminal of its own. */
static void on_escape(void *opaque, enum chardev_escape what)
{
    (void)opaque, (void)what;
}

static bool is_terminal(const struct options_monitor *description)
{
    return !description->control && description->is_stdio && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool open_chardev(struct monitor *monitor, const struct options_monitor *description,
                         struct error *error)
{
    if (description->console)
        monitor->chardev = machine_console(monitor->owner->machine);
    else
        monitor->chardev = chardev_open(description->chardev, on_escape, NULL, error);
    monitor->owns_chardev = !description->console;
    return monitor->chardev ||
           (description->console &&
            error_set(error, "-mon: the console has no Ctrl-A keys, so a monitor on it cannot be reached"));
}

static bool start(struct monitor *monitor, struct error *error)
{
    void *(*run)(void *) = monitor->control ? monitor_qmp_thread
                           : monitor->edits ? monitor_edit_thread
                                            : monitor_line_thread;
    int status = thread_create(&monitor->thread, THREAD_HOST, "monitor", run, monitor);
    if (status)
        return error_set(error, "cannot start a thread for the monitor: %s", strerror(status));
    monitor->started = true;
    struct chardev_front front = { front_can_receive, front_receive, monitor, front_event };
    if (!monitor->owns_chardev) {
        chardev_attach_monitor(monitor->chardev, &front);
        return true;
    }
    monitor->chardev->refuses_browsers = true;
    monitor->chardev->takes_fds = monitor->control;
    chardev_attach(monitor->chardev, &front);
    return true;
}

static bool monitor_open(struct monitors *monitors, const struct options_monitor *description,
                         struct error *error)
{
    struct monitor *monitor = calloc(1, sizeof(*monitor));
    if (!monitor)
        return error_set(error, "out of memory for a monitor");
    monitors->list[monitors->count++] = monitor;
    pthread_mutex_init(&monitor->lock, NULL);
    host_cond_init(&monitor->changed);
    monitor->owner = monitors;
    monitor->control = description->control;
    monitor->master = monitor->slave = monitor->stop_event = -1;
    if (!open_chardev(monitor, description, error))
        return false;
    monitor->edits = is_terminal(description) && monitor_edit_open(monitor);
    return true;
}

struct monitors *monitors_create(struct options *options, struct machine *machine, struct screen *screen,
                                 struct migration *migration, struct error *error)
{
    struct monitors *monitors = calloc(1, sizeof(*monitors));
    struct jobs *jobs = monitors ? jobs_create(machine, on_job, monitors) : NULL;
    if (!jobs) {
        free(monitors);
        error_set(error, "out of memory for the monitors");
        return NULL;
    }
    pthread_mutex_init(&monitors->fds_lock, NULL);
    monitors->machine = machine;
    monitors->options = options;
    monitors->screen = screen;
    monitors->migration = migration;
    monitors->jobs = jobs;
    migration_listen(migration, on_migration, monitors);
    monitors->listener = (struct machine_listener){ .notice = on_notice,
                                                    .disk_failed = on_disk_failed,
                                                    .tray_moved = on_tray_moved,
                                                    .device_deleted = on_device_deleted,
                                                    .guest_event = on_guest_event,
                                                    .balloon = on_balloon,
                                                    .opaque = monitors };
    return monitors;
}

bool monitors_open(struct monitors *monitors, struct error *error)
{
    for (unsigned i = 0; i < monitors->options->monitor_count; i++) {
        if (!monitor_open(monitors, &monitors->options->monitors[i], error))
            return false;
    }
    machine_set_monitor(monitors->machine, on_gdb_command, monitors);
    /* All monitors are told what the first command does. */
    machine_listen(monitors->machine, &monitors->listener);
    for (unsigned i = 0; i < monitors->count; i++) {
        if (!start(monitors->list[i], error))
            return false;
    }
    return true;
}

static void monitor_close(struct monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->stopping = true;
    pthread_cond_broadcast(&monitor->changed);
    pthread_mutex_unlock(&monitor->lock);
    if (monitor->chardev)
        chardev_hurry(monitor->chardev, true);
    monitor_edit_close(monitor);
    if (monitor->started)
        thread_join(&monitor->thread);
    if (monitor->owns_chardev)
        chardev_destroy(monitor->chardev);
}

void monitors_close(struct monitors *monitors)
{
    for (unsigned i = 0; monitors && i < monitors->count; i++)
        monitor_close(monitors->list[i]);
    if (monitors)
        jobs_close(monitors->jobs);
}

void monitors_free(struct monitors *monitors)
{
    for (unsigned i = 0; monitors && i < monitors->count; i++) {
        struct monitor *monitor = monitors->list[i];
        pthread_cond_destroy(&monitor->changed);
        pthread_mutex_destroy(&monitor->lock);
        free(monitor);
    }
    if (!monitors)
        return;
    jobs_destroy(monitors->jobs);
    for (unsigned n = 0; n < monitors->fd_count; n++)
        close(monitors->fds[n].fd);
    pthread_mutex_destroy(&monitors->fds_lock);
    free(monitors);
}
