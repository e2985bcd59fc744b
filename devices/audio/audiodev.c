/* SPDX-License-Identifier: MIT
 *
 * The thread of an audiodev: see audiodev.h. It sleeps until it is woken while no stream runs, and a period
 * at a time while one does. A voice whose stream was released stays open for a while: what was given to the
 * host is heard to its end, and a stream that is prepared again with the same format finds it.
 */
#include "devices/audio/audiodev.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/host_time.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define LINGER_NS UINT64_C(500000000)
#define NEVER     UINT64_MAX

/* ---- Pace ---------------------------------------------------------------------------------------------- */

void audio_pacer_start(struct audio_pacer *pacer, struct clock *clock, unsigned rate)
{
    *pacer = (struct audio_pacer){ .clock = clock, .rate = rate, .start_ns = clock_ns(clock) };
}

unsigned audio_pacer_due(struct audio_pacer *pacer)
{
    uint64_t now = clock_ns(pacer->clock);
    /* loading a saved state sets the clock back */
    uint64_t elapsed = now > pacer->start_ns ? now - pacer->start_ns : 0;
    uint64_t total = (uint64_t)((unsigned __int128)elapsed * pacer->rate / 1000000000u);
    uint64_t due = total > pacer->frames ? total - pacer->frames : 0;
    uint64_t limit = (uint64_t)pacer->rate * AUDIO_PACER_LATE_MS / 1000;
    if (due > limit) {
        pacer->frames = total - limit;
        due = limit;
    }
    return (unsigned)due;
}

/* ---- Voices -------------------------------------------------------------------------------------------- */

static void set_running(struct audiodev *audiodev, struct audio_slot *slot, bool run)
{
    run = run && slot->voice;
    if (run != slot->running)
        audiodev->ops->run(slot->voice, run);
    slot->running = run;
}

static void close_voice(struct audiodev *audiodev, struct audio_slot *slot)
{
    set_running(audiodev, slot, false);
    if (slot->voice)
        audiodev->ops->close(slot->voice);
    slot->voice = NULL;
}

static void open_voice(struct audiodev *audiodev, struct audio_slot *slot, const struct audio_want *want)
{
    struct error error = { "" };
    slot->close_at = NEVER;
    if (slot->voice && !audio_format_equal(&slot->format, &want->format))
        close_voice(audiodev, slot);
    if (!slot->voice) {
        slot->format = want->format;
        slot->voice = audiodev->ops->open(audiodev, slot->front.direction, &slot->format, &error);
        if (!slot->voice && !slot->refused)
            log_warn("%s", error.text);
        slot->refused = !slot->voice;
    }
    slot->serial = want->serial;
    slot->answered = true;
    slot->front.opened(slot->front.opaque, want->serial, slot->voice != NULL);
}

/* Brings the slot into the state that its stream wants. The host may refuse the voice, which may change what
 * the stream wants, so the stream is asked again. */
static void reconcile(struct audiodev *audiodev, struct audio_slot *slot)
{
    struct audio_want want = slot->front.wanted(slot->front.opaque);
    if (want.open && (!slot->answered || slot->serial != want.serial)) {
        set_running(audiodev, slot, false);
        open_voice(audiodev, slot, &want);
        want = slot->front.wanted(slot->front.opaque);
    }
    set_running(audiodev, slot, want.open && want.run && slot->serial == want.serial);
    if (want.open || !slot->voice)
        slot->close_at = NEVER;
    else if (slot->close_at == NEVER)
        slot->close_at = slot->front.direction == AUDIO_INPUT ? 0 : host_now_ns() + LINGER_NS;
    if (slot->voice && !want.open && slot->close_at <= host_now_ns())
        close_voice(audiodev, slot);
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

static unsigned move_chunk(struct audiodev *audiodev, struct audio_slot *slot, unsigned frames)
{
    const struct audiodev_ops *ops = audiodev->ops;
    uint8_t bytes[AUDIODEV_CHUNK];
    unsigned moved, most = (unsigned)sizeof(bytes) / audio_frame_bytes(&slot->format);
    if (frames > most)
        frames = most;
    int latency = ops->latency(slot->voice, frames);
    if (slot->front.direction == AUDIO_INPUT) {
        ops->read(slot->voice, bytes, frames);
        moved = slot->front.transfer(slot->front.opaque, bytes, frames, latency);
    } else {
        moved = slot->front.transfer(slot->front.opaque, bytes, frames, latency);
        if (moved)
            ops->write(slot->voice, bytes, moved);
    }
    return moved;
}

static void move_frames(struct audiodev *audiodev, struct audio_slot *slot)
{
    unsigned ready = audiodev->ops->ready(slot->voice), total = 0;
    while (total < ready) {
        unsigned before = total;
        unsigned chunk = AUDIODEV_CHUNK / audio_frame_bytes(&slot->format);
        unsigned asked = ready - total < chunk ? ready - total : chunk;
        total += move_chunk(audiodev, slot, asked);
        if (total - before < asked)
            break;
    }
    if (total < ready && audiodev->ops->starved(slot->voice))
        slot->front.xrun(slot->front.opaque);
    if (ready)
        slot->front.transfer_end(slot->front.opaque);
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

/* Serves all streams once. Returns when the next turn is due, on the host's clock. */
static uint64_t serve(struct audiodev *audiodev, uint64_t now)
{
    uint64_t next = NEVER;
    pthread_mutex_lock(&audiodev->turn);
    for (unsigned n = 0; n < audiodev->slot_count; n++) {
        struct audio_slot *slot = &audiodev->slots[n];
        reconcile(audiodev, slot);
        if (slot->running && !clock_is_stopped(audiodev->clock))
            move_frames(audiodev, slot);
        uint64_t due = slot->running ? now + audiodev->period_ns : slot->voice ? slot->close_at : NEVER;
        next = due < next ? due : next;
    }
    if (audiodev->ops->flush)
        audiodev->ops->flush(audiodev);
    pthread_mutex_unlock(&audiodev->turn);
    return next;
}

static void *audio_thread(void *opaque)
{
    struct audiodev *audiodev = opaque;
    uint64_t next = NEVER;
    pthread_mutex_lock(&audiodev->lock);
    while (!audiodev->stop) {
        struct timespec until = host_timespec(next);
        if (!audiodev->woken && next == NEVER)
            pthread_cond_wait(&audiodev->changed, &audiodev->lock);
        else if (!audiodev->woken && next > host_now_ns())
            pthread_cond_timedwait(&audiodev->changed, &audiodev->lock, &until);
        uint64_t now = host_now_ns();
        if (audiodev->stop || (!audiodev->woken && now < next))
            continue;
        audiodev->woken = false;
        pthread_mutex_unlock(&audiodev->lock);
        next = serve(audiodev, now);
        pthread_mutex_lock(&audiodev->lock);
    }
    pthread_mutex_unlock(&audiodev->lock);
    return NULL;
}

void audiodev_wake(struct audiodev *audiodev)
{
    pthread_mutex_lock(&audiodev->lock);
    audiodev->woken = true;
    pthread_cond_signal(&audiodev->changed);
    pthread_mutex_unlock(&audiodev->lock);
}

bool audiodev_add(struct audiodev *audiodev, const struct audio_front *front)
{
    pthread_mutex_lock(&audiodev->turn);
    bool room = audiodev->slot_count < AUDIODEV_FRONTS;
    if (room)
        audiodev->slots[audiodev->slot_count++] = (struct audio_slot){ .front = *front, .close_at = NEVER };
    pthread_mutex_unlock(&audiodev->turn);
    return room;
}

void audiodev_remove(struct audiodev *audiodev, const void *opaque)
{
    unsigned kept = 0;
    pthread_mutex_lock(&audiodev->turn);
    for (unsigned n = 0; n < audiodev->slot_count; n++) {
        if (audiodev->slots[n].front.opaque == opaque)
            close_voice(audiodev, &audiodev->slots[n]);
        else
            audiodev->slots[kept++] = audiodev->slots[n];
    }
    audiodev->slot_count = kept;
    pthread_mutex_unlock(&audiodev->turn);
}

static bool start_thread(struct audiodev *audiodev, struct error *error)
{
    sigset_t before;
    thread_signals_block(&before);
    int rc = thread_create(&audiodev->thread, THREAD_HOST, "audio", audio_thread, audiodev);
    thread_signals_restore(&before);
    if (rc)
        return error_set(error, "-audiodev %s: cannot start its thread: %s", audiodev->ops->name,
                         strerror(rc));
    audiodev->started = true;
    return true;
}

struct audiodev *audiodev_create(const struct audiodev_config *config, struct error *error)
{
    struct audiodev *audiodev = config->create(config, error);
    if (!audiodev)
        return NULL;
    audiodev->clock = config->clock;
    audiodev->period_ns = UINT64_C(1000) * (config->period_us ? config->period_us : AUDIODEV_PERIOD_US);
    host_cond_init(&audiodev->changed);
    pthread_mutex_init(&audiodev->lock, NULL);
    pthread_mutex_init(&audiodev->turn, NULL);
    if (start_thread(audiodev, error))
        return audiodev;
    audiodev_destroy(audiodev);
    return NULL;
}

void audiodev_destroy(struct audiodev *audiodev)
{
    if (!audiodev)
        return;
    pthread_mutex_lock(&audiodev->lock);
    audiodev->stop = true;
    pthread_cond_signal(&audiodev->changed);
    pthread_mutex_unlock(&audiodev->lock);
    if (audiodev->started)
        thread_join(&audiodev->thread);
    pthread_cond_destroy(&audiodev->changed);
    pthread_mutex_destroy(&audiodev->lock);
    pthread_mutex_destroy(&audiodev->turn);
    audiodev->ops->destroy(audiodev);
}
