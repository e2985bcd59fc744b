/* SPDX-License-Identifier: MIT
 *
 * Dumps of a netdev's frames, in the format that tcpdump and Wireshark read (libpcap's savefile, version 2.4,
 * microseconds, link type 1). Each frame is one write, so that the file is whole up to its last frame even if
 * Rvive is killed. A dump belongs to the backend's thread. If a file cannot be written, its dump ends with
 * one warning.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "devices/net/netdev.h"
#include "util/log.h"

#define PCAP_MAGIC    0xa1b2c3d4u
#define PCAP_ETHERNET 1u
#define PCAP_SNAP_MIN 14u

struct pcap_file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snap, link_type;
};
struct pcap_frame_header {
    uint32_t seconds, microseconds, captured, length;
};

struct netdev_pcap {
    struct netdev_pcap *next;
    int fd; /* -1: writing failed */
    uint32_t snap;
    char path[];
};

static void pcap_put(struct netdev_pcap *pcap, const void *header, size_t header_length, const void *bytes,
                     size_t length)
{
    struct iovec iov[2] = { { (void *)(uintptr_t)header, header_length },
                            { (void *)(uintptr_t)bytes, length } };
    ssize_t written;
    do
        written = writev(pcap->fd, iov, 2);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)(header_length + length))
        return;
    log_warn("%s: the dump of the network ends here: %s", pcap->path,
             written < 0 ? strerror(errno) : "the disk is full");
    close(pcap->fd);
    pcap->fd = -1;
}

void netdev_pcap_write(struct netdev_pcap *list, const uint8_t *frame, size_t length)
{
    for (; list; list = list->next) {
        struct timespec now;
        if (list->fd < 0)
            continue;
        clock_gettime(CLOCK_REALTIME, &now);
        struct pcap_frame_header header = {
            .seconds = (uint32_t)now.tv_sec,
            .microseconds = (uint32_t)(now.tv_nsec / 1000),
            .captured = length < list->snap ? (uint32_t)length : list->snap,
            .length = (uint32_t)length,
        };
        pcap_put(list, &header, sizeof(header), frame, header.captured);
    }
}

void netdev_pcap_close(struct netdev_pcap *list)
{
    while (list) {
        struct netdev_pcap *next = list->next;
        if (list->fd >= 0)
            close(list->fd);
        free(list);
        list = next;
    }
}

bool netdev_dump(struct netdev *netdev, const char *path, uint32_t snap, struct error *error)
{
    if (snap < PCAP_SNAP_MIN)
        return error_set(error, "%s: a dump of %u bytes a frame; there are at least %u", path, snap,
                         PCAP_SNAP_MIN);
    struct netdev_pcap *pcap = calloc(1, sizeof(*pcap) + strlen(path) + 1);
    if (!pcap)
        return error_set(error, "%s: out of memory for the dump", path);
    strcpy(pcap->path, path);
    pcap->snap = snap;
    pcap->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (pcap->fd < 0) {
        error_set(error, "%s: cannot write the dump of the network: %s", path, strerror(errno));
        free(pcap);
        return false;
    }
    struct pcap_file_header header = { PCAP_MAGIC, 2, 4, 0, 0, snap, PCAP_ETHERNET };
    pcap_put(pcap, &header, sizeof(header), NULL, 0);
    pcap->next = netdev->pcap;
    netdev->pcap = pcap;
    return true;
}
