/* SPDX-License-Identifier: MIT
 *
 * An NVM Express controller (NVM Express Base Specification 1.4) with one namespace, which is a disk on a
 * blockdev. Identity, registers and limits are those of QEMU's `nvme`, with which drivers and firmware are
 * tested.
 */
#ifndef DEVICES_NVME_NVME_H
#define DEVICES_NVME_NVME_H

#include "devices/block/on_error.h"
#include "devices/model.h"
#include "devices/pci/pci.h"

#define NVME_IO_QUEUES_MAX 255u /* doorbells and vectors have fixed places in the BAR */
#define NVME_VECTORS_MAX   256u
#define NVME_ENTRIES_MAX   4096u  /* of a queue; of an admin queue by the specification */
#define NVME_MDTS_MAX      9u     /* the longest transfer is 4 KiB << mdts */
#define NVME_PHYSICAL_MAX  65536u /* bytes */
#define NVME_EVENTS_MAX    16u    /* requests for an event that may wait */

struct nvme_config {
    struct blockdev *blockdev;   /* borrowed: outlives the device */
    struct dma *dma;             /* the same */
    const char *serial;          /* up to 20 bytes are shown to the guest */
    unsigned io_queues;          /* pairs, 1 to NVME_IO_QUEUES_MAX; 0: 64 */
    unsigned vectors;            /* of MSI-X, 1 to NVME_VECTORS_MAX; 0: 65 */
    unsigned entries;            /* of an I/O queue, 2 to NVME_ENTRIES_MAX; 0: 2048 */
    unsigned mdts;               /* 1 to NVME_MDTS_MAX; 0: 7 */
    unsigned events;             /* 1 to NVME_EVENTS_MAX; 0: 4 */
    unsigned logical_block_size; /* bytes, 512 or 4096; 0: 512 */
    unsigned
        physical_block_size; /* what the guest had better write at once; at least the logical one; 0: as it */
    bool multifunction;
    struct block_on_error on_error;
};

/* NULL and *error if a value is impossible or the host has no memory or thread. */
struct pci_function *nvme_create(const struct nvme_config *config, struct error *error);

extern const struct device_model nvme_model;

#endif
