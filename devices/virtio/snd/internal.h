/* SPDX-License-Identifier: MIT
 *
 * What the files of the virtio sound device share: the messages of section 5.14.6 as they lie in memory, and
 * the state. All of it belongs to the device's lock.
 */
#ifndef DEVICES_VIRTIO_SND_INTERNAL_H
#define DEVICES_VIRTIO_SND_INTERNAL_H

#include "devices/virtio/snd/snd.h"

enum { SND_QUEUE_CTRL, SND_QUEUE_EVENT, SND_QUEUE_TX, SND_QUEUE_RX, SND_QUEUE_COUNT };
#define SND_QUEUE_SIZE 64

enum { /* requests, events, statuses: 5.14.6 */
       SND_R_JACK_INFO = 1,
       SND_R_JACK_REMAP = 2,
       SND_R_PCM_INFO = 0x100,
       SND_R_PCM_SET_PARAMS,
       SND_R_PCM_PREPARE,
       SND_R_PCM_RELEASE,
       SND_R_PCM_START,
       SND_R_PCM_STOP,
       SND_R_CHMAP_INFO = 0x200,
       SND_EVT_PCM_XRUN = 0x1101,
       SND_S_OK = 0x8000,
       SND_S_BAD_MSG,
       SND_S_NOT_SUPP,
       SND_S_IO_ERR,
};
enum { SND_D_OUTPUT, SND_D_INPUT };
enum { SND_PCM_F_EVT_XRUNS = 4 }; /* bit number */

struct snd_config_space { /* section 5.14.4, without the controls of version 1.3, which are not offered */
    uint32_t jacks, streams, chmaps;
};
struct snd_query_info { /* 5.14.6.1 */
    uint32_t code, start_id, count, size;
};
struct snd_jack_info { /* 5.14.6.4.1 */
    uint32_t nid, features, hda_reg_defconf, hda_reg_caps;
    uint8_t connected, padding[7];
};
struct snd_pcm_info { /* 5.14.6.6.2 */
    uint32_t nid, features;
    uint64_t formats, rates;
    uint8_t direction, channels_min, channels_max, padding[5];
};
struct snd_chmap_info { /* 5.14.6.9.1 */
    uint32_t nid;
    uint8_t direction, channels, positions[18];
} __attribute__((packed));
struct snd_pcm_request {
    uint32_t code, stream_id;
};
struct snd_set_params { /* 5.14.6.6.3 */
    uint32_t code, stream_id, buffer_bytes, period_bytes, features;
    uint8_t channels, format, rate, padding;
};
struct snd_event {
    uint32_t code, data;
};
struct snd_status { /* of an I/O message, 5.14.6.8 */
    uint32_t status, latency_bytes;
};
#define SND_STATUS_BYTES ((uint32_t)sizeof(struct snd_status))
#define SND_XFER_BYTES   4u /* the header of an I/O message, which is the number of its stream */

/* Section 5.14.6.6.1. After its release a stream is in the same state as after its parameters were set. */
enum snd_state { SND_NEW, SND_PARAMS, SND_PREPARED, SND_RUNNING, SND_STOPPED, SND_STATE_COUNT };

/* An I/O message that the device has taken and not yet given back. */
struct snd_message {
    struct snd_message *next;
    uint32_t payload, done; /* bytes of frames: all of them, and those that were moved */
    struct virtq_chain chain;
};

struct virtio_snd;
struct snd_stream {
    struct virtio_snd *snd;
    unsigned id;
    enum snd_state state;
    bool answered, opened; /* the audiodev has tried to open its voice; it could */
    bool failed;           /* it could not, so I/O messages are returned with an error */
    bool starving;         /* the guest was told of an underrun or overrun, and has not recovered since */
    uint32_t serial;
    struct audio_format format;
    uint32_t features;
    struct snd_message *first, **end; /* in the order in which they came */
};

struct virtio_snd {
    struct virtio_device device;
    struct audiodev *audiodev;
    struct virtio_snd_options options;
    struct snd_stream streams[VIRTIO_SND_STREAMS_MAX];
    /* the stream whose PREPARE, in ctrl_chain, waits for the audiodev; NULL: none */
    struct snd_stream *waiting;
    struct virtq_chain ctrl_chain, event_chain;
    struct snd_message messages[2][SND_QUEUE_SIZE]; /* of tx and of rx */
    struct snd_message *free[2];
    uint32_t epochs[2]; /* of the queues that the messages in use were taken from */
};

static inline unsigned snd_direction(const struct snd_stream *stream)
{
    unsigned outputs = (stream->snd->options.streams + 1) / 2;
    return stream->id < outputs ? SND_D_OUTPUT : SND_D_INPUT;
}
static inline struct virtqueue *snd_queue(struct virtio_snd *snd, unsigned direction)
{
    return &snd->device.queues[direction == SND_D_OUTPUT ? SND_QUEUE_TX : SND_QUEUE_RX];
}

/* info.c: answers to the queries. Each function fills `info` for an id that exists. */
void snd_jack_info(struct snd_jack_info *info, unsigned id);
void snd_pcm_info(struct snd_pcm_info *info, const struct snd_stream *stream);
void snd_chmap_info(struct snd_chmap_info *info, unsigned id);
/* The format that a driver has chosen. False if it is none of those in snd_pcm_info(). */
bool snd_format(const struct snd_set_params *params, struct audio_format *format);

/* pcm.c: streams and their messages. [locked] */
void snd_streams_init(struct virtio_snd *snd);
/* Makes all streams new and forgets their messages. To be called after the queues were reset. */
void snd_streams_reset(struct virtio_snd *snd);
/* Takes what the driver has put into tx or rx. */
void snd_take_messages(struct virtio_snd *snd, unsigned direction);
/* Gives all messages of the stream back. */
void snd_flush_stream(struct snd_stream *stream, uint32_t status);
void snd_save_messages(struct virtio_snd *snd, struct state_writer *writer);
void snd_load_messages(struct virtio_snd *snd, struct state_reader *reader);
/* The front of a stream: all that the audiodev's thread calls, except wanted() and opened(). */
unsigned snd_transfer(void *stream, void *bytes, unsigned frames, int latency);
void snd_xrun(void *stream);
void snd_transfer_end(void *stream);

#endif
