/* SPDX-License-Identifier: MIT
 *
 * A network that is an interface of the host (Documentation/networking/tuntap.rst of Linux). No script is
 * run: the interface is made, or has been made, by whoever has the right to, who also gives it its address or
 * puts it into a bridge. Checksums and large frames are not left to the host, since the header for that is
 * only accepted, and sent as zeroes, where a descriptor that was handed over has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/net/packets.h"

#define TUN_DEVICE "/dev/net/tun"

static bool refuse(int fd, struct error *error, const char *what)
{
    error_set(error, "-netdev tap,%s: %s%s", what, strerror(errno),
              errno == EPERM || errno == EACCES
                  ? "; it needs an interface of this user (ip tuntap add NAME mode tap user USER), or its "
                    "descriptor as fd=N; -nic user needs no rights"
              : errno == EBUSY  ? "; another program has the interface"
              : errno == ENOSYS ? "; the sandbox lets no interface be opened once the guest runs"
                                : "");
    if (fd >= 0)
        close(fd);
    return false;
}

/* Opens the interface, which is made if it is not there and the user may. */
static bool open_named(const char *ifname, struct net_packets_config *packets, char name[IFNAMSIZ],
                       struct error *error)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    char what[64];
    snprintf(what, sizeof(what), "ifname=%.20s", ifname ? ifname : "");
    if (ifname && strlen(ifname) >= IFNAMSIZ)
        return error_set(error, "-netdev tap,ifname=%s: the name is longer than %d bytes", ifname,
                         IFNAMSIZ - 1);
    packets->fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (packets->fd < 0)
        return refuse(-1, error, what);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname ? ifname : "tap%d");
    if (ioctl(packets->fd, TUNSETIFF, &request))
        return refuse(packets->fd, error, what);
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return true;
}

/* A descriptor on which the interface is open. The kernel is told to put nothing into the header. */
static bool adopt(int number, struct net_packets_config *packets, char name[IFNAMSIZ], struct error *error)
{
    struct ifreq request = { .ifr_flags = 0 };
    int header = 0;
    char what[32];
    snprintf(what, sizeof(what), "fd=%d", number);
    if (ioctl(number, TUNGETIFF, &request))
        return error_set(error, "-netdev tap,%s: no descriptor of a tap interface: %s", what,
                         strerror(errno));
    if ((request.ifr_flags & (IFF_TAP | IFF_NO_PI)) != (IFF_TAP | IFF_NO_PI))
        return error_set(error, "-netdev tap,%s: the interface is no tap (IFF_TAP, IFF_NO_PI)", what);
    packets->fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
    if (packets->fd < 0 || fcntl(packets->fd, F_SETFL, fcntl(packets->fd, F_GETFL) | O_NONBLOCK))
        return refuse(packets->fd, error, what);
    if (request.ifr_flags & IFF_VNET_HDR &&
        (ioctl(packets->fd, TUNGETVNETHDRSZ, &header) || ioctl(packets->fd, TUNSETOFFLOAD, 0)))
        return refuse(packets->fd, error, what);
    if (header < 0 || header > (int)NET_PACKETS_HEADER_MAX) {
        close(packets->fd);
        return error_set(error, "-netdev tap,%s: a header of %d bytes", what, header);
    }
    packets->header = (size_t)header;
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return true;
}

struct netdev *netdev_tap_create(const struct netdev_peer_config *config, struct error *error)
{
    struct net_packets_config packets = { .type = "tap" };
    char name[IFNAMSIZ] = "", text[80];
    if (!(config->has_fd ? adopt(config->fd, &packets, name, error)
                         : open_named(config->ifname, &packets, name, error)))
        return NULL;
    if (config->has_fd)
        snprintf(text, sizeof(text), "fd=%d", config->fd);
    else
        snprintf(text, sizeof(text), "ifname=%.15s,script=no,downscript=no", name);
    packets.text = text;
    return net_packets_create(&packets, error);
}
