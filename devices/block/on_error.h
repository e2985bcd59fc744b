/* SPDX-License-Identifier: MIT
 *
 * What a device does for the guest when the host fails its request (werror=, rerror=): one policy for all
 * kinds of disks. A request may stop the machine. The device then keeps it, and tries it again when the
 * machine goes on.
 */
#ifndef DEVICES_BLOCK_ON_ERROR_H
#define DEVICES_BLOCK_ON_ERROR_H

#include "devices/block/blockdev.h"

enum block_request { BLOCK_READ, BLOCK_WRITE, BLOCK_DISCARD, BLOCK_ZERO, BLOCK_FLUSH };

/* A request that the host failed. */
struct block_error {
    const char *name;              /* of the disk; NULL: none */
    bool write;                    /* also discards, zeroes and flushes */
    bool no_space;                 /* the host's disk is full, or a limit is reached */
    enum blockdev_on_error action; /* REPORT, IGNORE or STOP */
    int error;                     /* errno */
};

struct block_on_error {
    const char *name; /* of the disk, for struct block_error */
    enum blockdev_on_error werror, rerror;
    /* Called on a thread of the device, without a lock; must not wait. After a STOP, `stopped` tells whether
     * the machine is still stopped because of it. If `stopped` is NULL, nobody can stop the machine, and STOP
     * becomes REPORT. */
    void (*failed)(void *opaque, const struct block_error *error);
    bool (*stopped)(void *opaque);
    void *opaque;
};

/* What werror= and rerror= may say, in the order of enum blockdev_on_error; NULL ends them. */
extern const char *const block_on_write_error[], *const block_on_read_error[];
/* The rows of these keys in a model's list (devices/model.h). */
#define BLOCK_ON_ERROR_KEYS                                                                                  \
    { "werror", DEVICE_KEY_CHOICE, "what a write does that the host fails", DEVICE_SETTING(werror),          \
      .choices = block_on_write_error },                                                                     \
    {                                                                                                        \
        "rerror", DEVICE_KEY_CHOICE, "what a read does that the host fails", DEVICE_SETTING(rerror),         \
            .choices = block_on_read_error                                                                   \
    }

/* A request of the device (its kind, for the message) at byte `place` of the disk failed with `rc`, a
 * negative errno: warns, tells whoever listens, and returns what is to be done: REPORT, IGNORE or STOP. */
enum blockdev_on_error block_request_failed(const struct block_on_error *policy, const char *device,
                                            const struct blockdev *blockdev, enum block_request request,
                                            uint64_t place, int rc);

#endif
