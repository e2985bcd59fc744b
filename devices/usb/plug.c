/* SPDX-License-Identifier: MIT
 *
 * Where a device is plugged in: at a port of its controller, or at one of a hub. See usb.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/usb/usb.h"
#include "util/check.h"

/* Reads the last port of a path, and puts what is before it, the path of a hub, into `hub`. */
static bool split(const char *path, char *hub, size_t size, unsigned *port)
{
    const char *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
    size_t length = dot ? (size_t)(dot - path) : 0;
    char *end;
    if (dot == path || length >= size || *last < '1' || *last > '9')
        return false;
    memcpy(hub, path, length);
    hub[length] = '\0';
    unsigned long number = strtoul(last, &end, 10);
    *port = (unsigned)number;
    return !*end && number <= USB_HUB_PORTS_MAX;
}

static struct usb_device *find_hub(struct usb_device *devices, const char *path)
{
    struct usb_device *hub = devices;
    while (hub && strcmp(hub->path, path) != 0)
        hub = hub->next;
    return hub;
}

unsigned usb_path_depth(const char *path)
{
    unsigned depth = 0;
    for (; *path; path++)
        depth += *path == '.';
    return depth;
}

static bool attach_hub(struct usb_device *devices, struct usb_device *device, const char *path,
                       unsigned number)
{
    struct usb_device *hub = usb_path_depth(path) < USB_DEPTH_MAX ? find_hub(devices, path) : NULL;
    return hub && hub->ops->attach && hub->ops->attach(hub, number, device);
}

/* Puts the device into the list, which its path sorts. [locked] */
static void list(struct usb_device *device, struct usb_device **at)
{
    while (*at && strcmp((*at)->path, device->path) < 0)
        at = &(*at)->next;
    device->next = *at;
    *at = device;
}

bool usb_device_plug(struct usb_device *device, const char *path, const struct usb_plug *plug,
                     struct error *error)
{
    char hub[sizeof(device->path)];
    unsigned number;
    device->host = plug->host;
    if (device->ops->attaching && !device->ops->attaching(device, error))
        return false;
    bool ok = strlen(path) < sizeof(device->path) && split(path, hub, sizeof(hub), &number);
    pthread_mutex_lock(plug->host->lock);
    ok = ok &&
         (*hub ? attach_hub(*plug->devices, device, hub, number) : plug->root(plug->host, device, number));
    if (ok) {
        snprintf(device->path, sizeof(device->path), "%s", path);
        list(device, plug->devices);
        usb_device_reset(device);
    }
    pthread_mutex_unlock(plug->host->lock);
    return ok || error_set(error, "%s: there is no port %.20s that is free on its controller",
                           device->ops->name, path);
}

void usb_device_unplug(struct usb_device *device, const struct usb_plug *plug)
{
    char hub[sizeof(device->path)];
    unsigned number;
    struct usb_device **at = plug->devices;
    CHECK_HELD(plug->host->lock);
    while (*at != device)
        at = &(*at)->next;
    *at = device->next;
    bool ok = split(device->path, hub, sizeof(hub), &number);
    struct usb_device *front = ok ? find_hub(*plug->devices, hub) : NULL;
    if (front)
        front->ops->detach(front, number);
    else
        plug->unroot(plug->host, device);
}

void usb_devices_hold(struct usb_device *devices, bool held)
{
    for (struct usb_device *device = devices; device; device = device->next)
        if (device->ops->hold)
            device->ops->hold(device, held);
}

void usb_devices_destroy(struct usb_device *devices)
{
    for (struct usb_device *device = devices, *next; device; device = next) {
        next = device->next;
        device->ops->destroy(device);
    }
}
