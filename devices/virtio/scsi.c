/* SPDX-License-Identifier: MIT
 *
 * The virtio SCSI host. The device's worker serves commands, as many at a time as it has threads, with the
 * lock released; the units (devices/scsi/) read and write the guest's RAM directly. A request is out-bytes
 * (header with the CDB, then data for the unit) and in-bytes (the response with sense data, then data of the
 * unit), no matter how the driver splits them into buffers. The buffers of the event queue stay there until a
 * unit comes or goes (scsi_hotplug.c).
 *
 * A command that the host fails may stop the machine (werror=, rerror=). Its thread then keeps it, and tries
 * it again when the machine goes on, like virtio-blk. So does a task management function that waits for
 * commands.
 */
#include "devices/virtio/scsi_internal.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/log.h"

#define VIRTIO_ID_SCSI  8
#define QUEUE_SIZE      256u
#define CMD_PER_LUN     128u
#define MAX_SECTORS     65535u
#define SENSE_SIZE      96u  /* after reset */
#define CDB_SIZE        32u  /* the same */
#define SENSE_SIZE_MAX  256u /* as the driver may set them */
#define CDB_SIZE_MAX    256u
#define LOOK_MS         50 /* between two checks whether a stopped machine goes on */
#define LOOK_CONTROL_MS 2  /* the same, whether commands have ended */

_Static_assert(MAX_SECTORS *BLOCKDEV_SECTOR <= SCSI_TRANSFER_MAX, "units take as much");

struct host_config { /* section 5.6.4 */
    uint32_t num_queues, seg_max, max_sectors, cmd_per_lun, event_info_size, sense_size, cdb_size;
    uint16_t max_channel, max_target;
    uint32_t max_lun;
};
_Static_assert(sizeof(struct host_config) == 36, "the layout of section 5.6.4");
#define SENSE_FIELD offsetof(struct host_config, sense_size)
#define CDB_FIELD   offsetof(struct host_config, cdb_size)

struct request_header { /* section 5.6.6.1; the CDB follows */
    uint8_t place[8];
    uint64_t id;
    uint8_t attribute, priority, crn;
} __attribute__((packed));
_Static_assert(sizeof(struct request_header) == 19, "the layout of section 5.6.6.1");

struct response_header { /* sense data follow */
    uint32_t sense_length, residual;
    uint16_t status_qualifier;
    uint8_t status, response;
};
_Static_assert(sizeof(struct response_header) == 12, "the layout of section 5.6.6.1");

/* ---- Places -------------------------------------------------------------------------------------------- */

bool virtio_scsi_place(const uint8_t place[8], uint16_t *target, uint16_t *lun)
{
    *target = place[1];
    *lun = (uint16_t)((place[2] << 8 | place[3]) & 0x3fff);
    return place[0] == 1 && place[2] >> 6 <= 1;
}

struct host_unit *virtio_scsi_unit(struct virtio_scsi *scsi, uint16_t target, uint16_t lun)
{
    for (unsigned n = 0; n < scsi->unit_count; n++)
        if (scsi->units[n].unit && scsi->units[n].target == target && scsi->units[n].lun == lun)
            return &scsi->units[n];
    return NULL;
}

struct host_unit *virtio_scsi_target(struct virtio_scsi *scsi, uint16_t target)
{
    for (unsigned n = 0; n < scsi->unit_count; n++)
        if (scsi->units[n].unit && scsi->units[n].target == target)
            return &scsi->units[n];
    return NULL;
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

/* Describes the guest's buffer to the unit. False: there are two, which needs a feature that is not offered.
 */
static bool map_data(struct host_request *request)
{
    struct virtq_chain *chain = &request->chain;
    struct scsi_request *command = &request->command;
    uint32_t out_at = (uint32_t)sizeof(struct request_header) + request->cdb_size;
    uint32_t in_at = (uint32_t)sizeof(struct response_header) + request->sense_size;
    uint32_t out = chain->out_length - out_at, in = chain->in_length - in_at;
    command->direction = in ? SCSI_FROM_UNIT : out ? SCSI_TO_UNIT : SCSI_NO_DATA;
    command->bytes = in ? in : out;
    command->iov = request->iov;
    command->iov_count = 0;
    if (command->bytes)
        command->iov_count =
            virtq_chain_iov(chain, in != 0, in ? in_at : out_at, (uint32_t)command->bytes, request->iov);
    return !in || !out;
}

/* Without the lock. The response is RESPONSE_AGAIN or the driver's. */
static enum host_response execute(struct host_request *request)
{
    struct virtio_scsi *scsi = request->scsi;
    struct host_unit *unit = virtio_scsi_unit(scsi, request->target, request->lun);
    struct host_unit *other = virtio_scsi_target(scsi, request->target);
    if (!map_data(request))
        return RESPONSE_FAILURE;
    if (!unit && !other)
        return RESPONSE_BAD_TARGET; /* it has gone while the command waited */
    if (!unit) {
        scsi_execute_absent(other->luns, other->lun_count, &request->command);
        return RESPONSE_OK;
    }
    switch (scsi_execute(unit->unit, &request->command)) {
    case SCSI_AGAIN: return RESPONSE_AGAIN;
    case SCSI_OVERRUN: return RESPONSE_OVERRUN;
    case SCSI_DONE: break;
    }
    return RESPONSE_OK;
}

/* Stores the response; returns how many bytes of the chain were filled. */
static uint32_t respond(struct host_request *request, enum host_response response)
{
    const struct scsi_request *command = &request->command;
    struct response_header header = { .response = (uint8_t)response };
    uint32_t filled = (uint32_t)sizeof(header) + request->sense_size;
    if (response == RESPONSE_OK) {
        header.status = (uint8_t)command->status;
        header.residual = (uint32_t)(command->bytes - command->done);
        if (command->status == SCSI_CHECK_CONDITION)
            header.sense_length =
                request->sense_size < SCSI_SENSE_BYTES ? request->sense_size : SCSI_SENSE_BYTES;
        if (command->direction == SCSI_FROM_UNIT)
            filled += (uint32_t)command->done;
    }
    virtq_chain_write(&request->chain, 0, &header, sizeof(header));
    virtq_chain_write(&request->chain, sizeof(header), command->sense, header.sense_length);
    return filled;
}

/* Reads the header. False: nobody is at that place. */
static bool read_header(struct host_request *request)
{
    struct request_header header;
    uint32_t length = request->cdb_size < SCSI_CDB_BYTES ? request->cdb_size : SCSI_CDB_BYTES;
    request->command = (struct scsi_request){ .direction = SCSI_NO_DATA };
    virtq_chain_read(&request->chain, 0, &header, sizeof(header));
    virtq_chain_read(&request->chain, sizeof(header), request->command.cdb, length);
    request->id = header.id;
    return virtio_scsi_place(header.place, &request->target, &request->lun) &&
           virtio_scsi_target(request->scsi, request->target);
}

/* ---- The worker ---------------------------------------------------------------------------------------- */

/* Neither the device nor the request's queue was reset since the request was taken. [locked] */
static bool is_wanted(const struct virtio_scsi *scsi, const struct host_request *request,
                      const struct virtqueue *queue, unsigned resets)
{
    CHECK_HELD((pthread_mutex_t *)&scsi->device.lock);
    return scsi->resets == resets && request->chain.epoch == queue->epoch &&
           !virtio_worker_is_ending(&scsi->worker);
}

/* Waits until the request can be tried again; an aborted one ends instead. False: it is not wanted any more.
 * [locked] */
static bool wait_to_go_on(struct virtio_scsi *scsi, struct host_request *request, struct virtqueue *queue,
                          unsigned resets)
{
    CHECK_HELD(&scsi->device.lock);
    const struct block_on_error *on_error = &scsi->on_error;
    bool control = queue->index == QUEUE_CONTROL;
    request->waits = queue;
    do
        virtio_worker_rest(&scsi->worker, control ? LOOK_CONTROL_MS : LOOK_MS);
    while (is_wanted(scsi, request, queue, resets) &&
           (scsi->device.paused || scsi->device.stopped || scsi->device.held ||
            (!control && !request->aborted && on_error->stopped && on_error->stopped(on_error->opaque))));
    request->waits = NULL;
    return is_wanted(scsi, request, queue, resets);
}

/* Serves a command, and tries it again until it is done. False: it was dropped. [locked]; releases the lock
 */
static bool serve_command(struct virtio_scsi *scsi, struct host_request *request, struct virtqueue *queue,
                          uint32_t *written)
{
    CHECK_HELD(&scsi->device.lock);
    bool wanted = true;
    unsigned resets = scsi->resets;
    enum host_response response = RESPONSE_BAD_TARGET;
    request->aborted = false;
    if (read_header(request)) {
        request->active = true;
        response = RESPONSE_AGAIN;
    }
    while (response == RESPONSE_AGAIN && wanted) {
        pthread_mutex_unlock(&scsi->device.lock);
        response = execute(request);
        pthread_mutex_lock(&scsi->device.lock);
        if (response == RESPONSE_AGAIN)
            wanted = wait_to_go_on(scsi, request, queue, resets);
        if (response == RESPONSE_AGAIN && request->aborted)
            response = RESPONSE_ABORTED;
    }
    request->active = false;
    if (wanted)
        *written = respond(request, response);
    return wanted;
}

/* The same for a task management function. */
static bool serve_control(struct virtio_scsi *scsi, struct host_request *request, struct virtqueue *queue,
                          uint32_t *written)
{
    CHECK_HELD(&scsi->device.lock);
    unsigned resets = scsi->resets;
    bool wanted = true;
    scsi->control_busy = true;
    while (wanted && virtio_scsi_control(scsi, request, written) == RESPONSE_AGAIN)
        wanted = wait_to_go_on(scsi, request, queue, resets);
    scsi->control_busy = false;
    return wanted;
}

/* Takes a request: first those of a saved state, of whatever queue. Returns its queue; NULL: there is none.
 * [locked] */
static struct virtqueue *take(struct virtio_scsi *scsi, struct virtqueue *queue, struct virtq_chain *chain)
{
    CHECK_HELD(&scsi->device.lock);
    while (scsi->retry_count && virtio_device_may_run(&scsi->device)) {
        const struct host_retry *retry = &scsi->retries[--scsi->retry_count];
        if (virtqueue_retake(&scsi->device.queues[retry->queue], chain, retry->head))
            return &scsi->device.queues[retry->queue];
    }
    if (queue->index == QUEUE_EVENT || (queue->index == QUEUE_CONTROL && scsi->control_busy))
        return NULL;
    return virtqueue_pop(queue, chain) ? queue : NULL;
}

/* Has the chain room for what each request has? The sizes are those that the driver has set. [locked] */
static bool check_sizes(struct virtio_scsi *scsi, struct host_request *request, const struct virtqueue *queue)
{
    CHECK_HELD(&scsi->device.lock);
    const struct virtq_chain *chain = &request->chain;
    memcpy(&request->sense_size, scsi->device.config + SENSE_FIELD, sizeof(request->sense_size));
    memcpy(&request->cdb_size, scsi->device.config + CDB_FIELD, sizeof(request->cdb_size));
    if (queue->index == QUEUE_CONTROL)
        return true; /* checked when its type is known */
    if (request->sense_size <= SENSE_SIZE_MAX && request->cdb_size <= CDB_SIZE_MAX &&
        chain->out_length >= sizeof(struct request_header) + request->cdb_size &&
        chain->in_length >= sizeof(struct response_header) + request->sense_size)
        return true;
    LOG_GUEST("virtio-scsi: a request of %u bytes out and %u in", chain->out_length, chain->in_length);
    virtio_device_break(&scsi->device);
    return false;
}

static void scsi_run(struct virtio_device *device, struct virtqueue *kicked)
{
    struct virtio_scsi *scsi = (struct virtio_scsi *)device;
    struct host_request *request = &scsi->requests[virtio_worker_thread()];
    struct virtqueue *queue;
    while ((queue = take(scsi, kicked, &request->chain)) && check_sizes(scsi, request, queue)) {
        uint32_t written = 0;
        bool control = queue->index == QUEUE_CONTROL;
        if (virtqueue_has_more(kicked) || scsi->retry_count)
            virtio_worker_share(&scsi->worker, kicked);
        bool wanted = control ? serve_control(scsi, request, queue, &written)
                              : serve_command(scsi, request, queue, &written);
        if (wanted && !device->broken) {
            virtqueue_push(queue, &request->chain, written);
            virtqueue_signal(queue);
        }
        if (control) /* another thread may have left one behind */
            virtio_worker_share(&scsi->worker, queue);
    }
}

static void scsi_notify(struct virtio_device *device, struct virtqueue *queue)
{
    if (queue->index == QUEUE_EVENT)
        virtio_scsi_tell((struct virtio_scsi *)device);
    else
        virtio_worker_kick(device->worker, queue);
}

/* ---- Configuration, reset ------------------------------------------------------------------------------ */

/* A legacy driver writes single bytes, so a value is checked only when it is used. */
static void scsi_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    if (offset >= SENSE_FIELD && offset + size <= CDB_FIELD + 4)
        memcpy(device->config + offset, &value, size);
    else
        LOG_GUEST("virtio-scsi: the driver writes 0x%llx to offset %u of its configuration",
                  (unsigned long long)value, offset);
}

static void set_sizes(struct virtio_device *device, uint32_t sense, uint32_t cdb)
{
    memcpy(device->config + SENSE_FIELD, &sense, sizeof(sense));
    memcpy(device->config + CDB_FIELD, &cdb, sizeof(cdb));
}

static void scsi_reset(struct virtio_device *device)
{
    struct virtio_scsi *scsi = (struct virtio_scsi *)device;
    scsi->resets++;
    scsi->retry_count = scsi->event_count = 0;
    scsi->events_missed = false;
    set_sizes(device, SENSE_SIZE, CDB_SIZE);
    for (unsigned n = 0; n < scsi->unit_count; n++)
        if (scsi->units[n].unit)
            scsi_unit_reset(scsi->units[n].unit);
}

/* ---- State --------------------------------------------------------------------------------------------- */

/* The requests that wait to be tried again: they are on no queue any more. */
static void save_retries(const struct virtio_scsi *scsi, struct state_writer *writer)
{
    struct host_retry retries[SCSI_HOST_THREADS] = { { 0 } };
    unsigned count = scsi->retry_count;
    memcpy(retries, scsi->retries, count * sizeof(retries[0]));
    /* Together they are no more than there are threads: those of a saved state are taken first. */
    for (unsigned n = 0; n < SCSI_HOST_THREADS && count < SCSI_HOST_THREADS; n++) {
        const struct host_request *request = &scsi->requests[n];
        if (request->waits && request->chain.epoch == request->waits->epoch)
            retries[count++] = (struct host_retry){ request->waits->index, request->chain.head };
    }
    state_put(writer, "retries", count);
    state_put_bytes(writer, "retry", retries, sizeof(retries));
}

static void load_retries(struct virtio_scsi *scsi, struct state_reader *reader)
{
    unsigned count = (unsigned)state_get(reader, "retries", SCSI_HOST_THREADS), controls = 0;
    state_get_bytes(reader, "retry", scsi->retries, sizeof(scsi->retries));
    for (unsigned n = 0; n < count && !reader->failed; n++) {
        uint32_t queue = scsi->retries[n].queue;
        controls += queue == QUEUE_CONTROL;
        if (queue < scsi->device.queue_count && queue != QUEUE_EVENT && controls <= 1)
            continue;
        reader->failed = true;
        error_set(reader->error, "saved state: virtio-scsi: no command can be of queue %u", queue);
    }
    scsi->retry_count = reader->failed ? 0 : count;
}

static uint32_t place_of(const struct host_unit *unit)
{
    return (uint32_t)unit->target << 16 | unit->lun;
}

static void scsi_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_scsi *scsi = (struct virtio_scsi *)device;
    uint32_t places[VIRTIO_SCSI_UNITS_MAX] = { 0 };
    unsigned count = 0, number = 0;
    for (unsigned n = 0; n < scsi->unit_count; n++)
        if (scsi->units[n].unit)
            places[count++] = place_of(&scsi->units[n]);
    state_put_bytes(writer, "sizes", device->config + SENSE_FIELD, 8);
    state_put(writer, "units", count);
    state_put_bytes(writer, "places", places, sizeof(places));
    for (unsigned n = 0; n < scsi->unit_count; n++)
        if (scsi->units[n].unit)
            scsi_unit_save(scsi->units[n].unit, number++, writer);
    save_retries(scsi, writer);
    state_put(writer, "missed", scsi->event_count || scsi->events_missed);
}

/* Finds the units at these places; which comes first may differ after hot plug. False: there are others. */
static bool find_units(struct virtio_scsi *scsi, const uint32_t *places, unsigned count,
                       struct host_unit **units)
{
    unsigned own = 0;
    for (unsigned n = 0; n < scsi->unit_count; n++)
        own += scsi->units[n].unit != NULL;
    for (unsigned n = 0; n < count; n++) {
        units[n] = virtio_scsi_unit(scsi, (uint16_t)(places[n] >> 16), (uint16_t)places[n]);
        for (unsigned before = 0; before < n; before++)
            if (units[before] == units[n])
                return false;
        if (!units[n])
            return false;
    }
    return own == count;
}

static void scsi_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_scsi *scsi = (struct virtio_scsi *)device;
    uint32_t places[VIRTIO_SCSI_UNITS_MAX];
    state_get_bytes(reader, "sizes", device->config + SENSE_FIELD, 8);
    unsigned count = (unsigned)state_get(reader, "units", VIRTIO_SCSI_UNITS_MAX);
    state_get_bytes(reader, "places", places, sizeof(places));
    struct host_unit *units[VIRTIO_SCSI_UNITS_MAX];
    if (!reader->failed && !find_units(scsi, places, count, units)) {
        reader->failed = true;
        error_set(reader->error, "saved state: the virtio-scsi has other units, or at other places");
    }
    for (unsigned n = 0; n < count && !reader->failed; n++)
        scsi_unit_load(units[n]->unit, n, reader);
    load_retries(scsi, reader);
    scsi->events_missed = state_get(reader, "missed", 1);
    scsi->event_count = 0;
}

/* ---- Making -------------------------------------------------------------------------------------------- */

static void free_units(struct virtio_scsi *scsi)
{
    for (unsigned n = 0; n < scsi->unit_count; n++)
        scsi_unit_destroy(scsi->units[n].unit);
}

static void scsi_destroy(struct virtio_device *device)
{
    struct virtio_scsi *scsi = (struct virtio_scsi *)device;
    virtio_worker_stop(&scsi->worker);
    virtio_device_fini(device);
    free_units(scsi);
    free(scsi);
}

static const struct virtio_device_ops virtio_scsi_ops = {
    .name = "virtio-scsi",
    .id = VIRTIO_ID_SCSI,
    .pci_legacy = 0x1004,
    .pci_class = 0x010000, /* mass storage */
    .notify = scsi_notify,
    .config_write = scsi_config_write,
    .reset = scsi_reset,
    .save = scsi_save,
    .load = scsi_load,
    .destroy = scsi_destroy,
};

static void fill_config(struct virtio_scsi *scsi, const struct virtio_scsi_config *config)
{
    struct host_config space = {
        .num_queues = config->queues,
        .seg_max = config->queue_size - 2, /* besides header and response */
        .max_sectors = config->max_sectors,
        .cmd_per_lun = config->cmd_per_lun,
        .event_info_size = 16,
        .sense_size = SENSE_SIZE,
        .cdb_size = CDB_SIZE,
        .max_target = SCSI_TARGETS - 1,
        .max_lun = SCSI_LUNS - 1,
    };
    memcpy(scsi->device.config, &space, sizeof(space));
    scsi->device.config_size = sizeof(space);
}

/* Makes the units, in the order of their places, as REPORT LUNS lists them. */
static bool make_units(struct virtio_scsi *scsi, const struct virtio_scsi_config *config, struct error *error)
{
    for (unsigned n = 0; n < config->unit_count; n++) {
        const struct device_settings *settings = config->units[n].settings;
        struct host_unit *unit = &scsi->units[n];
        unit->target = (uint16_t)(settings->target - 1);
        unit->lun = (uint16_t)(settings->lun - 1);
        unit->unit = scsi_unit_plug(&config->units[n], unit->luns, 0, false, error);
        if (!unit->unit)
            return false;
        if (config->units[n].made)
            *config->units[n].made = unit->unit;
        scsi->on_error = *config->units[n].on_error;
        scsi->unit_count++;
    }
    virtio_scsi_list_units(scsi);
    return true;
}

static struct virtio_device *discard(struct virtio_scsi *scsi)
{
    free_units(scsi);
    free(scsi);
    return NULL;
}

struct virtio_device *virtio_scsi_create(const struct virtio_scsi_config *given, struct error *error)
{
    struct virtio_scsi_config config = *given;
    config.queues = config.queues ? config.queues : 1;
    config.queue_size = config.queue_size ? config.queue_size : QUEUE_SIZE;
    config.max_sectors = config.max_sectors ? config.max_sectors : MAX_SECTORS;
    config.cmd_per_lun = config.cmd_per_lun ? config.cmd_per_lun : CMD_PER_LUN;
    if (config.queues > VIRTIO_SCSI_QUEUES_MAX || config.unit_count > VIRTIO_SCSI_UNITS_MAX) {
        error_set(error, "virtio-scsi: %u queues and %u units; there can be 1 to %u, and up to %u",
                  config.queues, config.unit_count, VIRTIO_SCSI_QUEUES_MAX, VIRTIO_SCSI_UNITS_MAX);
        return NULL;
    }
    struct virtio_scsi *scsi = calloc(1, sizeof(*scsi));
    if (!scsi) {
        error_set(error, "virtio-scsi: out of memory");
        return NULL;
    }
    if (!make_units(scsi, &config, error) ||
        !virtio_device_init(&scsi->device, &virtio_scsi_ops, 1ull << SCSI_F_HOTPLUG,
                            QUEUE_REQUESTS + config.queues, (uint16_t)config.queue_size, error))
        return discard(scsi);
    fill_config(scsi, &config);
    for (unsigned n = 0; n < SCSI_HOST_THREADS; n++)
        scsi->requests[n].scsi = scsi;
    if (virtio_worker_start_threads(&scsi->worker, &scsi->device, "virtio-scsi", SCSI_HOST_THREADS, scsi_run,
                                    error))
        return &scsi->device;
    virtio_device_fini(&scsi->device);
    return discard(scsi);
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_scsi_config config = {
        .units = plug->units,
        .unit_count = plug->unit_count,
        .queues = plug->settings->queues,
        .queue_size = plug->settings->queue_size,
        .max_sectors = plug->settings->max_sectors,
        .cmd_per_lun = plug->settings->cmd_per_lun,
    };
    return virtio_scsi_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "num_queues", DEVICE_KEY_NUMBER, "request queues", DEVICE_SETTING(queues), .least = 1,
      .most = VIRTIO_SCSI_QUEUES_MAX, .fallback = 1 },
    { "virtqueue_size", DEVICE_KEY_POWER, "descriptors of a queue", DEVICE_SETTING(queue_size), .least = 4,
      .most = VIRTQUEUE_SIZE_MAX, .fallback = QUEUE_SIZE },
    { "max_sectors", DEVICE_KEY_NUMBER, "sectors of 512 bytes of one transfer", DEVICE_SETTING(max_sectors),
      .least = 1, .most = MAX_SECTORS, .fallback = MAX_SECTORS },
    { "cmd_per_lun", DEVICE_KEY_NUMBER, "commands that the guest sends to one unit at a time",
      DEVICE_SETTING(cmd_per_lun), .least = 1, .most = 1024, .fallback = CMD_PER_LUN },
    { "iothread", DEVICE_KEY_IGNORED, "id of an -object iothread; each controller has threads of its own",
      .least = 0 },
    { .name = NULL },
};

const struct device_model virtio_scsi_model = {
    .name = "virtio-scsi",
    .text = "a controller for scsi-hd and scsi-cd",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_UNITS,
    .hot_plug = true,
    .keys = model_keys,
    .ops = &virtio_scsi_ops,
    .create = model_create,
};
