/* SPDX-License-Identifier: MIT
 *
 * The virtio sound device: queue 0 takes requests, queue 1 events to the guest, queues 2 and 3 frames to play
 * and to record (pcm.c). Requests are answered at once, by the hart that sends them, with one exception: for
 * PREPARE the audiodev's thread opens the host's side, and the guest gets its answer then. The requests
 * behind it wait meanwhile, but the hart does not.
 */
#include "devices/virtio/snd/snd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/snd/internal.h"
#include "util/log.h"

#define VIRTIO_ID_SOUND 25
#define ITEM_MAX        256u /* the most bytes that a driver may ask for of one item */
#define CODE_BYTES      4u

/* ---- Queries (5.14.6.1) -------------------------------------------------------------------------------- */

union item {
    struct snd_jack_info jack;
    struct snd_pcm_info pcm;
    struct snd_chmap_info chmap;
    uint8_t bytes[ITEM_MAX];
};

static unsigned item_count(const struct virtio_snd *snd, uint32_t code)
{
    return code == SND_R_JACK_INFO  ? snd->options.jacks
           : code == SND_R_PCM_INFO ? snd->options.streams
                                    : snd->options.chmaps;
}

/* Writes the items behind the response's code, adds their bytes to *written, and returns the code. */
static uint32_t query(struct virtio_snd *snd, uint32_t code, uint32_t *written)
{
    const struct virtq_chain *chain = &snd->ctrl_chain;
    struct snd_query_info request;
    if (virtq_chain_read(chain, 0, &request, sizeof(request)) < sizeof(request) || request.size > ITEM_MAX ||
        (uint64_t)request.start_id + request.count > item_count(snd, code) ||
        (uint64_t)request.count * request.size > chain->in_length - CODE_BYTES)
        return SND_S_BAD_MSG;
    for (uint32_t n = 0; n < request.count; n++) {
        union item item = { .bytes = { 0 } };
        unsigned id = request.start_id + n;
        if (code == SND_R_JACK_INFO)
            snd_jack_info(&item.jack, id);
        else if (code == SND_R_PCM_INFO)
            snd_pcm_info(&item.pcm, &snd->streams[id]);
        else
            snd_chmap_info(&item.chmap, id);
        virtq_chain_write(chain, CODE_BYTES + n * request.size, item.bytes, request.size);
    }
    *written += request.count * request.size;
    return SND_S_OK;
}

/* ---- Streams (5.14.6.6) -------------------------------------------------------------------------------- */

static uint32_t set_params(struct virtio_snd *snd, struct snd_stream *stream)
{
    struct snd_set_params params;
    struct audio_format format;
    if (virtq_chain_read(&snd->ctrl_chain, 0, &params, sizeof(params)) < sizeof(params))
        return SND_S_BAD_MSG;
    if (!snd_format(&params, &format) || params.features & ~(1u << SND_PCM_F_EVT_XRUNS))
        return SND_S_NOT_SUPP;
    if (!params.period_bytes || params.buffer_bytes < params.period_bytes ||
        params.buffer_bytes % params.period_bytes || params.period_bytes % audio_frame_bytes(&format))
        return SND_S_BAD_MSG;
    snd_flush_stream(stream, SND_S_OK);
    stream->format = format;
    stream->features = params.features;
    stream->state = SND_PARAMS;
    return SND_S_OK;
}

/* finish_prepare() sends the answer. */
static void start_prepare(struct virtio_snd *snd, struct snd_stream *stream)
{
    snd_flush_stream(stream, SND_S_OK);
    stream->state = SND_PARAMS;
    stream->serial++;
    stream->failed = stream->answered = false;
    snd->waiting = stream;
}

/* Is the request allowed in the stream's state? The table has the allowed states as bits. */
static bool allowed(const struct snd_stream *stream, uint32_t code)
{
    static const unsigned from[] = {
        [SND_R_PCM_SET_PARAMS - SND_R_PCM_INFO] = 1 << SND_NEW | 1 << SND_PARAMS | 1 << SND_PREPARED,
        [SND_R_PCM_PREPARE - SND_R_PCM_INFO] = 1 << SND_PARAMS | 1 << SND_PREPARED,
        [SND_R_PCM_RELEASE - SND_R_PCM_INFO] = 1 << SND_PREPARED | 1 << SND_STOPPED,
        [SND_R_PCM_START - SND_R_PCM_INFO] = 1 << SND_PREPARED | 1 << SND_STOPPED,
        [SND_R_PCM_STOP - SND_R_PCM_INFO] = 1 << SND_RUNNING,
    };
    return from[code - SND_R_PCM_INFO] >> stream->state & 1;
}

/* Serves a request for a stream. Returns the status; 0: the answer follows later. */
static uint32_t stream_request(struct virtio_snd *snd, uint32_t code)
{
    struct snd_pcm_request request;
    uint32_t status = SND_S_OK;
    if (virtq_chain_read(&snd->ctrl_chain, 0, &request, sizeof(request)) < sizeof(request) ||
        request.stream_id >= snd->options.streams)
        return SND_S_BAD_MSG;
    struct snd_stream *stream = &snd->streams[request.stream_id];
    if (!allowed(stream, code)) {
        LOG_GUEST("virtio-snd: request 0x%x for stream %u, which is in state %u", code, stream->id,
                  stream->state);
        return SND_S_BAD_MSG;
    }
    switch (code) {
    case SND_R_PCM_SET_PARAMS: status = set_params(snd, stream); break;
    case SND_R_PCM_PREPARE:
        start_prepare(snd, stream);
        status = 0;
        break;
    case SND_R_PCM_RELEASE:
        snd_flush_stream(stream, SND_S_OK);
        stream->state = SND_PARAMS;
        break;
    case SND_R_PCM_START:
        stream->starving = false;
        stream->state = SND_RUNNING;
        break;
    default: stream->state = SND_STOPPED; break;
    }
    audiodev_wake(snd->audiodev);
    return status;
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

static void respond(struct virtio_snd *snd, uint32_t status, uint32_t written)
{
    struct virtqueue *queue = &snd->device.queues[SND_QUEUE_CTRL];
    virtq_chain_write(&snd->ctrl_chain, 0, &status, sizeof(status));
    virtqueue_push(queue, &snd->ctrl_chain, written);
    virtqueue_signal(queue);
}

static void serve_request(struct virtio_snd *snd)
{
    const struct virtq_chain *chain = &snd->ctrl_chain;
    uint32_t code, status = SND_S_BAD_MSG, written = CODE_BYTES;
    if (chain->in_length < CODE_BYTES) {
        LOG_GUEST("virtio-snd: a request with room for %u bytes of an answer", chain->in_length);
        virtqueue_push(&snd->device.queues[SND_QUEUE_CTRL], chain, 0);
        virtqueue_signal(&snd->device.queues[SND_QUEUE_CTRL]);
        return;
    }
    if (virtq_chain_read(chain, 0, &code, CODE_BYTES) == CODE_BYTES) {
        if (code == SND_R_JACK_INFO || code == SND_R_PCM_INFO || code == SND_R_CHMAP_INFO)
            status = query(snd, code, &written);
        else if (code >= SND_R_PCM_SET_PARAMS && code <= SND_R_PCM_STOP)
            status = stream_request(snd, code);
        else
            status = SND_S_NOT_SUPP;
    }
    if (status)
        respond(snd, status, written);
}

static void finish_prepare(struct virtio_snd *snd)
{
    struct snd_stream *stream = snd->waiting;
    snd->waiting = NULL;
    stream->state = stream->opened ? SND_PREPARED : SND_PARAMS;
    respond(snd, stream->opened ? SND_S_OK : SND_S_IO_ERR, CODE_BYTES);
}

static void run_control(struct virtio_snd *snd)
{
    struct virtqueue *queue = &snd->device.queues[SND_QUEUE_CTRL];
    if (snd->waiting && snd->waiting->answered)
        finish_prepare(snd);
    while (!snd->waiting && virtqueue_pop(queue, &snd->ctrl_chain))
        serve_request(snd);
}

static void snd_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_snd *snd = (struct virtio_snd *)device;
    if (queue->index == SND_QUEUE_CTRL)
        run_control(snd);
    else if (queue->index != SND_QUEUE_EVENT)
        snd_take_messages(snd, queue->index == SND_QUEUE_TX ? SND_D_OUTPUT : SND_D_INPUT);
}

/* ---- The audiodev's questions -------------------------------------------------------------------------- */

static struct audio_want snd_wanted(void *opaque)
{
    struct snd_stream *stream = opaque;
    struct virtio_snd *snd = stream->snd;
    pthread_mutex_lock(&snd->device.lock);
    struct audio_want want = {
        .open = (snd->waiting == stream || stream->state >= SND_PREPARED) && !stream->failed,
        .run = stream->state == SND_RUNNING,
        .format = stream->format,
        .serial = stream->serial,
    };
    pthread_mutex_unlock(&snd->device.lock);
    return want;
}

/* If no PREPARE waits, the stream comes from a saved state. */
static void snd_opened(void *opaque, uint32_t serial, bool ok)
{
    struct snd_stream *stream = opaque;
    struct virtio_snd *snd = stream->snd;
    pthread_mutex_lock(&snd->device.lock);
    if (serial == stream->serial) {
        stream->answered = true;
        stream->opened = ok;
        stream->failed = !ok && snd->waiting != stream;
        if (virtio_device_may_run(&snd->device)) {
            if (stream->failed)
                snd_flush_stream(stream, SND_S_IO_ERR);
            run_control(snd);
        }
    }
    pthread_mutex_unlock(&snd->device.lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void snd_reset(struct virtio_device *device)
{
    struct virtio_snd *snd = (struct virtio_snd *)device;
    snd->waiting = NULL;
    snd_streams_reset(snd);
    audiodev_wake(snd->audiodev);
}

static const char *field(char name[32], unsigned stream, const char *of)
{
    snprintf(name, 32, "stream%u.%s", stream, of);
    return name;
}

static void snd_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_snd *snd = (struct virtio_snd *)device;
    char name[32];
    state_put(writer, "streams", snd->options.streams);
    state_put(writer, "waiting", snd->waiting ? snd->waiting->id + 1 : 0);
    state_put(writer, "waiting.head", snd->waiting ? snd->ctrl_chain.head : 0);
    for (unsigned n = 0; n < snd->options.streams; n++) {
        const struct snd_stream *stream = &snd->streams[n];
        state_put(writer, field(name, n, "state"), stream->state);
        state_put(writer, field(name, n, "sample"), stream->format.sample);
        state_put(writer, field(name, n, "rate"), stream->format.rate);
        state_put(writer, field(name, n, "channels"), stream->format.channels);
        state_put(writer, field(name, n, "features"), stream->features);
    }
    snd_save_messages(snd, writer);
}

static void load_stream(struct snd_stream *stream, struct state_reader *reader)
{
    char name[32];
    unsigned n = stream->id;
    stream->state = (enum snd_state)state_get(reader, field(name, n, "state"), SND_STATE_COUNT - 1);
    stream->format.sample =
        (enum audio_sample)state_get(reader, field(name, n, "sample"), AUDIO_SAMPLE_COUNT - 1);
    unsigned rate = (unsigned)state_get(reader, field(name, n, "rate"), AUDIO_RATE_MAX);
    unsigned channels = (unsigned)state_get(reader, field(name, n, "channels"), AUDIO_CHANNELS_MAX);
    stream->features = (uint32_t)state_get(reader, field(name, n, "features"), 1u << SND_PCM_F_EVT_XRUNS);
    if (rate < AUDIO_RATE_MIN || !channels)
        stream->state = SND_NEW;
    stream->format.rate = rate < AUDIO_RATE_MIN ? AUDIO_RATE_MIN : rate;
    stream->format.channels = channels ? channels : 1;
    stream->serial++; /* the host's side has to be opened again */
    stream->failed = stream->answered = false;
}

/* Serves the PREPARE again that was waiting. The driver may have changed its descriptors since it was taken.
 */
static void load_prepare(struct virtio_snd *snd, struct snd_stream *stream, uint32_t head)
{
    if (virtqueue_retake(&snd->device.queues[SND_QUEUE_CTRL], &snd->ctrl_chain, head) &&
        snd->ctrl_chain.in_length >= CODE_BYTES)
        start_prepare(snd, stream);
    else
        virtio_device_break(&snd->device);
}

static void snd_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_snd *snd = (struct virtio_snd *)device;
    uint64_t streams = state_get(reader, "streams", VIRTIO_SND_STREAMS_MAX);
    uint64_t waiting = state_get(reader, "waiting", snd->options.streams);
    uint32_t head = (uint32_t)state_get(reader, "waiting.head", UINT16_MAX);
    if (!reader->failed && streams != snd->options.streams) {
        reader->failed = true;
        error_set(reader->error, "saved state: virtio-snd has %u streams there and %u here",
                  (unsigned)streams, snd->options.streams);
    }
    for (unsigned n = 0; n < snd->options.streams && !reader->failed; n++)
        load_stream(&snd->streams[n], reader);
    snd_load_messages(snd, reader);
    if (!reader->failed && waiting)
        load_prepare(snd, &snd->streams[waiting - 1], head);
    audiodev_wake(snd->audiodev);
}

static void snd_destroy(struct virtio_device *device)
{
    struct virtio_snd *snd = (struct virtio_snd *)device;
    for (unsigned n = 0; n < snd->options.streams; n++)
        audiodev_remove(snd->audiodev, &snd->streams[n]);
    virtio_device_fini(device);
    free(device);
}

static const struct virtio_device_ops virtio_snd_ops = {
    .name = "virtio-snd",
    .id = VIRTIO_ID_SOUND,
    .pci_class = 0x040100, /* audio device */
    .notify = snd_notify,
    .reset = snd_reset,
    .save = snd_save,
    .load = snd_load,
    .destroy = snd_destroy,
};

static bool add_streams(struct virtio_snd *snd, struct error *error)
{
    for (unsigned n = 0; n < snd->options.streams; n++) {
        struct snd_stream *stream = &snd->streams[n];
        struct audio_front front = {
            .direction = snd_direction(stream) == SND_D_OUTPUT ? AUDIO_OUTPUT : AUDIO_INPUT,
            .opaque = stream,
            .wanted = snd_wanted,
            .opened = snd_opened,
            .transfer = snd_transfer,
            .xrun = snd_xrun,
            .transfer_end = snd_transfer_end,
        };
        if (!audiodev_add(snd->audiodev, &front))
            return error_set(error, "virtio-snd: its -audiodev has no room for more than %u streams",
                             AUDIODEV_FRONTS);
    }
    return true;
}

struct virtio_device *virtio_snd_create(const struct virtio_snd_config *config, struct error *error)
{
    struct virtio_snd *snd = calloc(1, sizeof(*snd));
    if (!snd) {
        error_set(error, "virtio-snd: out of memory");
        return NULL;
    }
    snd->audiodev = config->audiodev;
    snd->options = config->options;
    if (!virtio_device_init(&snd->device, &virtio_snd_ops, 0, SND_QUEUE_COUNT, SND_QUEUE_SIZE, error)) {
        free(snd);
        return NULL;
    }
    struct snd_config_space space = { snd->options.jacks, snd->options.streams, snd->options.chmaps };
    memcpy(snd->device.config, &space, sizeof(space));
    snd->device.config_size = sizeof(space);
    snd_streams_init(snd);
    if (add_streams(snd, error))
        return &snd->device;
    snd_destroy(&snd->device);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    const struct device_settings *settings = plug->settings;
    struct virtio_snd_config config = { plug->audio,
                                        { settings->streams, settings->jacks, settings->chmaps } };
    return virtio_snd_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "audiodev", DEVICE_KEY_BACKEND, "id of an -audiodev; without it, that of -audio, or the speakers",
      DEVICE_SETTING(backend) },
    { "streams", DEVICE_KEY_NUMBER, "the first half plays, the others record", DEVICE_SETTING(streams),
      .least = 1, .most = VIRTIO_SND_STREAMS_MAX, .fallback = VIRTIO_SND_STREAMS_DEFAULT },
    { "jacks", DEVICE_KEY_NUMBER, "plugs that the guest sees", DEVICE_SETTING(jacks),
      .most = VIRTIO_SND_JACKS_MAX },
    { "chmaps", DEVICE_KEY_NUMBER, "maps of channels to speakers", DEVICE_SETTING(chmaps),
      .most = VIRTIO_SND_CHMAPS_MAX },
    { .name = NULL },
};

const struct device_model virtio_snd_model = {
    .name = "virtio-sound",
    .alias = "virtio-snd",
    .text = "a sound card",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_AUDIO,
    .keys = model_keys,
    .ops = &virtio_snd_ops,
    .create = model_create,
};
