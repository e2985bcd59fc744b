/* SPDX-License-Identifier: MIT
 *
 * See storage.h. A command is a packet to the device (the command block), data in either direction, and a
 * packet with the status. The data is kept here as a whole, as much of it as the command can use: so a
 * command is executed on a worker's thread, without the controller's lock, when all data that it needs is
 * there, and meanwhile the endpoints answer NAK.
 *
 * A reset does not wait for a command that is being executed: its thread frees the data, and what became of
 * it is told to nobody.
 *
 * Sections are those of the Bulk-Only Transport.
 */
#include "devices/usb/storage.h"

#include <stdlib.h>
#include <string.h>

#include "devices/worker.h"
#include "util/check.h"
#include "util/log.h"

enum { ENDPOINT_IN = 0x81, ENDPOINT_OUT = 0x02 };
enum { REQUEST_RESET = 0xff, REQUEST_MAX_LUN = 0xfe }; /* section 3 */
enum {
    COMMAND_BYTES = 31,
    STATUS_BYTES = 13,
    COMMAND_LENGTH = 31
};                                                               /* the last: bits of the block's length */
enum { STATUS_PASSED = 0, STATUS_FAILED = 1, STATUS_PHASE = 2 }; /* section 5.2 */
#define COMMAND_SIGNATURE UINT32_C(0x43425355)
#define STATUS_SIGNATURE  UINT32_C(0x53425355)
#define LOOK_MS           50 /* between two checks whether a stopped machine goes on */
#define SERIAL_MAX        64u

enum phase {
    PHASE_COMMAND, /* a command is expected */
    PHASE_OUT,     /* its data is */
    PHASE_EXECUTE,
    PHASE_IN, /* data is to be sent */
    PHASE_STATUS,
    PHASE_BROKEN /* what came is no command: all is stalled until a reset (section 6.6.1) */
};

struct command { /* section 5.1; little-endian, as the host is */
    uint32_t signature, tag, length;
    uint8_t flags, lun, cdb_length, cdb[16];
} __attribute__((packed));
_Static_assert(sizeof(struct command) == COMMAND_BYTES, "the layout of section 5.1");

struct status { /* section 5.2 */
    uint32_t signature, tag, residue;
    uint8_t status;
} __attribute__((packed));
_Static_assert(sizeof(struct status) == STATUS_BYTES, "the layout of section 5.2");

struct usb_storage {
    struct usb_device device; /* must be first */
    struct usb_descriptors descriptors;
    const char *strings[4];
    char serial[SERIAL_MAX];
    struct scsi_unit *unit;
    struct block_on_error on_error;
    struct device_worker worker;
    bool started, held;

    enum phase phase;
    struct command command;
    uint8_t *buffer;
    uint32_t size;  /* of the buffer: at most command.length */
    uint32_t moved; /* how much data has come, or was sent */
    uint32_t done;  /* how much the unit has put into the buffer, or taken from it */
    uint8_t status;
    bool running;    /* a thread executes a command, of before the last reset perhaps */
    bool lent;       /* it is this command: the buffer is with the thread */
    unsigned resets; /* how many there were */
};

/* ---- Descriptors --------------------------------------------------------------------------------------- */

static const uint8_t device_descriptor[18] = {
    18,   USB_DESCRIPTOR_DEVICE,
    0x00, 0x02, /* USB 2.0 */
    0,    0,
    0,    64, /* interfaces have classes; packets of endpoint 0 */
    0xf4, 0x46,
    0x01, 0x00, /* vendor, product: those of QEMU's device */
    0x00, 0x00, /* release */
    1,    2,
    3, /* strings: manufacturer, product, serial number */
    1, /* configurations */
};

/* clang-format off */
static const uint8_t configuration[32] = {
    9, USB_DESCRIPTOR_CONFIGURATION, 32, 0, 1, 1, 0, 0xc0, 0,
    9, USB_DESCRIPTOR_INTERFACE, 0, 0, 2, 8, 6, 0x50, 0, /* mass storage, SCSI, bulk-only */
    7, USB_DESCRIPTOR_ENDPOINT, ENDPOINT_IN, 2, 0, 2, 0, /* bulk, 512 bytes */
    7, USB_DESCRIPTOR_ENDPOINT, ENDPOINT_OUT, 2, 0, 2, 0,
};
/* clang-format on */

/* ---- Commands ------------------------------------------------------------------------------------------ */

static bool goes_in(const struct usb_storage *storage)
{
    return storage->command.flags & 0x80;
}

/* Section 6.2: is that a command? */
static bool is_command(const struct command *command)
{
    return command->signature == COMMAND_SIGNATURE && command->lun == 0 && command->cdb_length >= 1 &&
           command->cdb_length <= sizeof(command->cdb);
}

/* The rest of the block that the command does not use. */
static void clear_rest(struct command *command)
{
    memset(command->cdb + command->cdb_length, 0, sizeof(command->cdb) - command->cdb_length);
}

/* How much of the host's data the command can use. */
static uint32_t size_of(struct usb_storage *storage)
{
    uint64_t bytes = 0;
    scsi_data_of(storage->unit, storage->command.cdb, &bytes);
    return bytes < storage->command.length ? (uint32_t)bytes : storage->command.length;
}

static void start(struct usb_storage *storage)
{
    storage->phase = PHASE_EXECUTE;
    device_worker_kick(&storage->worker, 0);
}

/* Forgets the command that is under way. */
static void drop(struct usb_storage *storage)
{
    storage->resets++;
    if (!storage->lent)
        free(storage->buffer); /* else its thread does */
    storage->buffer = NULL;
    storage->lent = false;
    storage->size = storage->moved = storage->done = 0;
    storage->phase = PHASE_COMMAND;
}

static enum usb_result take_command(struct usb_storage *storage, struct usb_packet *packet)
{
    struct command *command = &storage->command;
    bool whole = packet->length == COMMAND_BYTES;
    if (whole && usb_packet_read(packet, command, COMMAND_BYTES) < 0)
        return USB_BAD_MEMORY;
    if (!whole || !is_command(command)) {
        LOG_GUEST("usb-storage: a packet of %llu bytes that is no command",
                  (unsigned long long)packet->length);
        storage->phase = PHASE_BROKEN;
        return USB_STALL;
    }
    clear_rest(command);
    storage->moved = storage->done = 0;
    storage->size = size_of(storage);
    storage->buffer = storage->size ? calloc(1, storage->size) : NULL;
    if (storage->size && !storage->buffer) {
        LOG_GUEST("usb-storage: the host has no %u bytes for a command", storage->size);
        storage->size = 0; /* the unit refuses to work with less than it needs */
    }
    if (command->length && !goes_in(storage))
        storage->phase = PHASE_OUT;
    else
        start(storage);
    return USB_DONE;
}

static enum usb_result take_data(struct usb_storage *storage, struct usb_packet *packet)
{
    uint64_t left = packet->length - packet->done;
    uint32_t expected = storage->command.length - storage->moved;
    uint32_t part = left < expected ? (uint32_t)left : expected, kept = 0;
    if (storage->moved < storage->size)
        kept = part < storage->size - storage->moved ? part : storage->size - storage->moved;
    if (kept && usb_packet_read(packet, storage->buffer + storage->moved, kept) < 0)
        return USB_BAD_MEMORY;
    packet->done += part - kept;
    storage->moved += part;
    if (storage->moved == storage->command.length)
        start(storage);
    return USB_DONE;
}

/* Section 6.7.2: if there is less than the host asked for, a packet that is not full ends it. */
static enum usb_result send_data(struct usb_storage *storage, struct usb_packet *packet)
{
    long part = usb_packet_write(packet, storage->buffer + storage->moved, storage->done - storage->moved);
    if (part < 0)
        return USB_BAD_MEMORY;
    storage->moved += (uint32_t)part;
    if (packet->done < packet->length || storage->moved == storage->command.length)
        storage->phase = PHASE_STATUS;
    return USB_DONE;
}

static enum usb_result send_status(struct usb_storage *storage, struct usb_packet *packet)
{
    const struct command *command = &storage->command;
    const struct status status = { STATUS_SIGNATURE, command->tag, command->length - storage->done,
                                   storage->status };
    if (usb_packet_write(packet, &status, sizeof(status)) < 0)
        return USB_BAD_MEMORY;
    drop(storage);
    usb_device_ready(&storage->device, ENDPOINT_OUT); /* the next command may wait */
    return USB_DONE;
}

static enum usb_result storage_transfer(struct usb_device *device, uint8_t endpoint,
                                        struct usb_packet *packet)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    if (endpoint != ENDPOINT_IN && endpoint != ENDPOINT_OUT)
        return USB_NO_ENDPOINT;
    bool in = endpoint == ENDPOINT_IN;
    switch (storage->phase) {
    case PHASE_COMMAND: return in ? USB_NAK : take_command(storage, packet);
    case PHASE_OUT: return in ? USB_NAK : take_data(storage, packet);
    case PHASE_IN: return in ? send_data(storage, packet) : USB_NAK;
    case PHASE_STATUS: return in ? send_status(storage, packet) : USB_NAK;
    case PHASE_BROKEN: return USB_STALL;
    case PHASE_EXECUTE: break;
    }
    return USB_NAK;
}

/* ---- The worker ---------------------------------------------------------------------------------------- */

static enum scsi_result execute(struct usb_storage *storage, uint8_t *buffer, struct scsi_request *request)
{
    struct iovec iov = { buffer, storage->size };
    const struct command *command = &storage->command;
    memset(request, 0, sizeof(*request));
    memcpy(request->cdb, command->cdb, sizeof(request->cdb));
    request->direction = !command->length ? SCSI_NO_DATA : goes_in(storage) ? SCSI_FROM_UNIT : SCSI_TO_UNIT;
    request->iov = &iov;
    request->iov_count = buffer ? 1 : 0;
    request->bytes = buffer ? storage->size : 0;
    struct scsi_unit *unit = storage->unit;
    pthread_mutex_unlock(storage->device.host->lock);
    enum scsi_result result = scsi_execute(unit, request);
    pthread_mutex_lock(storage->device.host->lock);
    return result;
}

static bool is_wanted(const struct usb_storage *storage, unsigned resets)
{
    return storage->resets == resets && !storage->worker.stop;
}

/* Waits until the machine goes on. False: the command is not wanted any more. [locked] */
static bool wait_to_go_on(struct usb_storage *storage, unsigned resets)
{
    do
        device_worker_rest(&storage->worker, LOOK_MS);
    while (is_wanted(storage, resets) &&
           (storage->held || storage->on_error.stopped(storage->on_error.opaque)));
    return is_wanted(storage, resets);
}

/* Executes the command; releases the lock. */
static void run_command(struct usb_storage *storage)
{
    struct scsi_request request;
    unsigned resets = storage->resets;
    uint8_t *buffer = storage->buffer;
    enum scsi_result result;
    storage->running = storage->lent = true;
    do
        result = execute(storage, buffer, &request);
    while (result == SCSI_AGAIN && wait_to_go_on(storage, resets));
    storage->running = false;
    if (storage->resets != resets) { /* the command was dropped */
        free(buffer);
        return;
    }
    storage->lent = false;
    if (result == SCSI_AGAIN)
        return;
    storage->done = result == SCSI_DONE && request.done < storage->size ? (uint32_t)request.done
                    : result == SCSI_DONE                               ? storage->size
                                                                        : 0;
    storage->status = result != SCSI_DONE           ? STATUS_PHASE
                      : request.status == SCSI_GOOD ? STATUS_PASSED
                                                    : STATUS_FAILED;
    storage->moved = 0;
    storage->phase = storage->command.length && goes_in(storage) ? PHASE_IN : PHASE_STATUS;
    usb_device_ready(&storage->device, ENDPOINT_IN);
}

static void run(void *opaque, unsigned queue)
{
    struct usb_storage *storage = opaque;
    (void)queue;
    while (storage->phase == PHASE_EXECUTE && !storage->running && !storage->held && !storage->worker.stop)
        run_command(storage);
}

/* ---- Requests of the class ----------------------------------------------------------------------------- */

static int storage_control(struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    const uint8_t to_interface = USB_TYPE_CLASS | USB_TO_INTERFACE;
    if (setup->type == to_interface && setup->request == REQUEST_RESET && !setup->length) {
        drop(storage);
        usb_device_ready(device, ENDPOINT_OUT);
        return 0;
    }
    if (setup->type == (to_interface | USB_TYPE_IN) && setup->request == REQUEST_MAX_LUN) {
        data[0] = 0;
        return 1;
    }
    return -1;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void storage_reset(struct usb_device *device)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    drop(storage);
    scsi_unit_reset(storage->unit);
}

static void storage_hold(struct usb_device *device, bool held)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    usb_device_lock(device);
    storage->held = held;
    if (held)
        device_worker_wait_idle(&storage->worker);
    else
        device_worker_kick(&storage->worker, 0);
    usb_device_unlock(device);
}

static bool storage_attaching(struct usb_device *device, struct error *error)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    struct device_worker_config config = { .lock = device->host->lock,
                                           .device = "usb-storage",
                                           .name = "usb-storage",
                                           .role = THREAD_WORKER,
                                           .threads = 1,
                                           .run = run,
                                           .opaque = storage };
    if (!storage->started)
        storage->started = device_worker_start(&storage->worker, &config, error);
    return storage->started;
}

static void storage_destroy(struct usb_device *device)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    if (storage->started)
        device_worker_stop(&storage->worker);
    free(storage->buffer);
    scsi_unit_destroy(storage->unit);
    free(storage);
}

/* ---- State --------------------------------------------------------------------------------------------- */

static void storage_save(struct usb_device *device, struct state_writer *writer)
{
    const struct usb_storage *storage = (const struct usb_storage *)device;
    state_put(writer, "phase", storage->phase);
    state_put_bytes(writer, "command", &storage->command, sizeof(storage->command));
    state_put(writer, "size", storage->size);
    state_put(writer, "moved", storage->moved);
    state_put(writer, "done", storage->done);
    state_put(writer, "status", storage->status);
    if (storage->size)
        state_put_bytes(writer, "data", storage->buffer, storage->size);
    scsi_unit_save(storage->unit, 0, writer);
}

/* Is what a file says about the command that is under way possible? */
static bool is_possible(struct usb_storage *storage)
{
    bool under_way = storage->phase != PHASE_COMMAND && storage->phase != PHASE_BROKEN;
    if (!under_way)
        return !storage->size && !storage->moved && !storage->done;
    return is_command(&storage->command) && storage->size <= size_of(storage) &&
           storage->done <= storage->size && storage->moved <= storage->command.length &&
           (storage->phase != PHASE_IN || storage->moved <= storage->done);
}

static void storage_load(struct usb_device *device, struct state_reader *reader)
{
    struct usb_storage *storage = (struct usb_storage *)device;
    drop(storage);
    storage->phase = (enum phase)state_get(reader, "phase", PHASE_BROKEN);
    state_get_bytes(reader, "command", &storage->command, sizeof(storage->command));
    storage->size = (uint32_t)state_get(reader, "size", SCSI_TRANSFER_MAX);
    storage->moved = (uint32_t)state_get(reader, "moved", UINT32_MAX);
    storage->done = (uint32_t)state_get(reader, "done", SCSI_TRANSFER_MAX);
    storage->status = (uint8_t)state_get(reader, "status", STATUS_PHASE);
    if (!reader->failed && !is_possible(storage))
        usb_state_bad(reader, "usb-storage", "its command");
    if (!reader->failed && storage->size && !(storage->buffer = calloc(1, storage->size)))
        usb_state_bad(reader, "usb-storage", "so much data");
    if (!reader->failed && storage->size)
        state_get_bytes(reader, "data", storage->buffer, storage->size);
    if (!reader->failed)
        scsi_unit_load(storage->unit, 0, reader);
    if (reader->failed)
        drop(storage);
    if (storage->phase == PHASE_EXECUTE)
        start(storage);
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

static const struct usb_device_ops storage_ops = {
    .name = "usb-storage",
    .speed = USB_SPEED_HIGH,
    .control = storage_control,
    .transfer = storage_transfer,
    .reset = storage_reset,
    .attaching = storage_attaching,
    .hold = storage_hold,
    .save = storage_save,
    .load = storage_load,
    .destroy = storage_destroy,
};

struct usb_device *usb_storage_create(const struct device_unit *unit, struct error *error)
{
    static const uint16_t luns[] = { 0 };
    const char *serial = unit->settings->serial;
    struct usb_storage *storage = calloc(1, sizeof(*storage));
    if (!storage) {
        error_set(error, "usb-storage: out of memory");
        return NULL;
    }
    struct device_unit disk = *unit;
    disk.model = &scsi_hd_model;
    storage->unit = scsi_unit_plug(&disk, luns, 1, true, error);
    if (!storage->unit) {
        free(storage);
        return NULL;
    }
    strncpy(storage->serial, serial ? serial : "1", sizeof(storage->serial) - 1);
    storage->strings[0] = "Rvive";
    storage->strings[1] = "Rvive USB Disk";
    storage->strings[2] = storage->serial;
    storage->descriptors = (struct usb_descriptors){ device_descriptor, configuration, storage->strings };
    storage->device.ops = &storage_ops;
    storage->device.descriptors = &storage->descriptors;
    storage->on_error = *unit->on_error;
    return &storage->device;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct usb_device *model_create(const struct device_plug *plug, struct error *error)
{
    const struct device_unit unit = { .model = &usb_storage_model,
                                      .settings = plug->settings,
                                      .disk = plug->disk,
                                      .drive_id = plug->on_error->name,
                                      .on_error = plug->on_error };
    return usb_storage_create(&unit, error);
}

static const struct device_key model_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev", DEVICE_SETTING(backend), .needed = "ID" },
    { "serial", DEVICE_KEY_TEXT, "what the guest reads as its serial number", DEVICE_SETTING(serial) },
    { "removable", DEVICE_KEY_SWITCH, "it says that its medium can be taken out", DEVICE_SETTING(removable) },
    { "logical_block_size", DEVICE_KEY_POWER, "bytes of a block", DEVICE_SETTING(logical_block_size),
      .least = 512, .most = SCSI_BLOCK_MAX, .fallback = 512 },
    { "physical_block_size", DEVICE_KEY_POWER,
      "what the guest had better write at once; without it, a logical block",
      DEVICE_SETTING(physical_block_size), .least = 512, .most = SCSI_BLOCK_MAX },
    { "write-cache", DEVICE_KEY_AUTO,
      "off: each write is on the host's disk before it ends; auto: as the drive has it",
      DEVICE_SETTING(write_cache) },
    { "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it", DEVICE_SETTING(boot_index) },
    BLOCK_ON_ERROR_KEYS,
    { .name = NULL },
};

const struct device_model usb_storage_model = {
    .name = "usb-storage",
    .text = "a USB disk",
    .buses = DEVICE_BUS_USB,
    .backend = DEVICE_BACKEND_DISK,
    .keys = model_keys,
    .create_usb = model_create,
};
