/* SPDX-License-Identifier: MIT
 *
 * The server and the peers of an ivshmem-doorbell (the protocol of QEMU's ivshmem-server, version 0):
 * messages of 8 bytes over a UNIX socket, some with a descriptor. The server gives the device its id and the
 * memory, and for each peer, and for the device itself, an eventfd for each vector.
 *
 * Server and peers are hostile: ids, sizes, descriptors and their number are checked, and what goes beyond
 * the limits is closed. They own the memory, though, and can end the machine by making it shorter.
 */
#ifndef DEVICES_PCI_IVSHMEM_PEERS_H
#define DEVICES_PCI_IVSHMEM_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define IVSHMEM_VECTORS_MAX 64u
#define IVSHMEM_PEERS_MAX   64u /* with the device itself */
#define IVSHMEM_ID_MAX      0xffffu
#define IVSHMEM_FDS_MAX     256u /* of all peers */
#define IVSHMEM_MEMORY_MIN  4096u
#define IVSHMEM_MEMORY_MAX  (UINT64_C(1) << 36)

struct ivshmem_peers;

struct ivshmem_peers_config {
    const char *path; /* of the socket; borrowed */
    unsigned vectors; /* up to IVSHMEM_VECTORS_MAX */
    /* A peer has rung the doorbell. In the I/O thread, or in that which lets the device go; with the lock of
     * the peers held, so it calls nothing of this header. */
    void (*rung)(void *opaque, unsigned vector);
    void *opaque;
    unsigned wait_ms; /* for the server's first messages */
};

/* Connects, and waits for the id and the memory, which it maps. It is held at first. NULL, with *error
 * filled. */
struct ivshmem_peers *ivshmem_peers_connect(const struct ivshmem_peers_config *config, struct error *error);
uint32_t ivshmem_peers_id(const struct ivshmem_peers *peers);
uint8_t *ivshmem_peers_memory(const struct ivshmem_peers *peers, uint64_t *size);
/* False: there is no such peer, or it has no such vector. Any thread. */
bool ivshmem_peers_ring(struct ivshmem_peers *peers, uint32_t id, uint32_t vector);
/* While it is held, nothing is rung; that is made up for when it is let go. */
void ivshmem_peers_hold(struct ivshmem_peers *peers, bool held);
void ivshmem_peers_destroy(struct ivshmem_peers *peers);

/* Is that the size of a BAR? */
bool ivshmem_size_fits(uint64_t size);

#endif
