/* SPDX-License-Identifier: MIT
 *
 * What all USB devices have in common: see usb.h. Standard requests are those of section 9.4 of the Universal
 * Serial Bus Specification 2.0. Addresses are the controller's, so SET_ADDRESS never comes.
 */
#include <string.h>

#include "devices/usb/usb.h"
#include "util/check.h"

enum { FEATURE_HALT = 0 };
enum { LANGUAGE_ENGLISH = 0x0409 };
#define ENDPOINT_BITS 0x8fu /* of an endpoint's address: its number and its direction */

/* ---- The guest's buffer -------------------------------------------------------------------------------- */

/* Copies one piece; false: it is not RAM, or cannot be written. */
static bool copy(struct usb_packet *packet, const struct usb_segment *segment, uint32_t at, uint8_t *bytes,
                 uint32_t length, bool write)
{
    if (segment->immediate) {
        if (!write)
            memcpy(bytes, segment->immediate + at, length);
        return !write;
    }
    return write ? dma_write(packet->dma, segment->paddr + at, bytes, length)
                 : dma_read(packet->dma, segment->paddr + at, bytes, length);
}

static long move(struct usb_packet *packet, uint8_t *bytes, uint64_t length, bool write)
{
    uint64_t skip = packet->done, moved = 0;
    for (unsigned n = 0; n < packet->count && moved < length; n++) {
        const struct usb_segment *segment = &packet->segments[n];
        if (skip >= segment->length) {
            skip -= segment->length;
            continue;
        }
        uint64_t part = segment->length - skip;
        if (part > length - moved)
            part = length - moved;
        if (!copy(packet, segment, (uint32_t)skip, bytes + moved, (uint32_t)part, write))
            return -1;
        moved += part;
        skip = 0;
    }
    packet->done += moved;
    return (long)moved;
}

long usb_packet_write(struct usb_packet *packet, const void *bytes, uint64_t length)
{
    return move(packet, (uint8_t *)(uintptr_t)bytes, length, true);
}

long usb_packet_read(struct usb_packet *packet, void *bytes, uint64_t length)
{
    return move(packet, bytes, length, false);
}

/* ---- Standard requests --------------------------------------------------------------------------------- */

/* Section 9.6.7: UTF-16, here of ASCII. Number 0 is the list of languages. */
static int get_string(const struct usb_descriptors *descriptors, unsigned number, uint8_t *data)
{
    unsigned count = 0;
    while (descriptors->strings[count])
        count++;
    if (number > count)
        return -1;
    const char *text = number ? descriptors->strings[number - 1] : "";
    size_t length = strlen(text);
    for (size_t n = 0; n < length; n++) {
        data[2 + 2 * n] = (uint8_t)text[n];
        data[3 + 2 * n] = 0;
    }
    if (!number) {
        data[2] = LANGUAGE_ENGLISH & 0xff;
        data[3] = LANGUAGE_ENGLISH >> 8;
        length = 1;
    }
    data[0] = (uint8_t)(2 + 2 * length);
    data[1] = USB_DESCRIPTOR_STRING;
    return data[0];
}

static int get_descriptor(const struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    const struct usb_descriptors *descriptors = device->descriptors;
    unsigned number = setup->value & 0xff;
    size_t length;
    switch (setup->value >> 8) {
    case USB_DESCRIPTOR_DEVICE: memcpy(data, descriptors->device, 18); return 18;
    case USB_DESCRIPTOR_CONFIGURATION:
        if (number)
            return -1;
        length = descriptors->configuration[2] | (size_t)descriptors->configuration[3] << 8;
        CHECK(length <= USB_CONTROL_MAX);
        memcpy(data, descriptors->configuration, length);
        return (int)length;
    case USB_DESCRIPTOR_STRING: return get_string(descriptors, number, data);
    default: return -1; /* among them the qualifier, since the device has only one speed */
    }
}

static int set_configuration(struct usb_device *device, unsigned number)
{
    if (number && number != device->descriptors->configuration[5])
        return -1;
    device->configuration = (uint8_t)number;
    device->halted = 0;
    if (device->ops->configured)
        device->ops->configured(device);
    return 0;
}

static uint32_t halt_bit(unsigned endpoint)
{
    return 1u << ((endpoint & 15) + (endpoint & USB_TYPE_IN ? 16 : 0));
}

static int change_feature(struct usb_device *device, const struct usb_setup *setup, bool set)
{
    if ((setup->type & USB_TYPE_TO) != USB_TO_ENDPOINT || setup->value != FEATURE_HALT)
        return -1; /* there is no remote wake-up, and there are no test modes */
    if (setup->index & 15 && set)
        device->halted |= halt_bit(setup->index);
    if (!set) {
        device->halted &= ~halt_bit(setup->index);
        usb_device_ready(device, setup->index & ENDPOINT_BITS);
    }
    return 0;
}

static int get_status(const struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    bool halted = (setup->type & USB_TYPE_TO) == USB_TO_ENDPOINT && device->halted & halt_bit(setup->index);
    data[0] = halted;
    data[1] = 0;
    return 2;
}

static int standard(struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    switch (setup->request) {
    case USB_GET_STATUS: return get_status(device, setup, data);
    case USB_CLEAR_FEATURE: return change_feature(device, setup, false);
    case USB_SET_FEATURE: return change_feature(device, setup, true);
    case USB_GET_DESCRIPTOR: return get_descriptor(device, setup, data);
    case USB_GET_CONFIGURATION: data[0] = device->configuration; return 1;
    case USB_SET_CONFIGURATION: return set_configuration(device, setup->value & 0xff);
    case USB_GET_INTERFACE: data[0] = 0; return 1; /* interfaces have one setting */
    case USB_SET_INTERFACE: return setup->value ? -1 : 0;
    default: return -1;
    }
}

int usb_device_control(struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    CHECK_HELD(device->host->lock);
    bool to_class = (setup->type & USB_TYPE_KIND) != USB_TYPE_STANDARD ||
                    ((setup->type & USB_TYPE_TO) == USB_TO_INTERFACE && setup->request == USB_GET_DESCRIPTOR);
    if (to_class)
        return device->ops->control ? device->ops->control(device, setup, data) : -1;
    return standard(device, setup, data);
}

enum usb_result usb_device_transfer(struct usb_device *device, uint8_t endpoint, struct usb_packet *packet)
{
    CHECK_HELD(device->host->lock);
    if (device->halted & halt_bit(endpoint))
        return USB_STALL;
    if (!device->configuration || !device->ops->transfer)
        return USB_NO_ENDPOINT;
    return device->ops->transfer(device, endpoint, packet);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

void usb_device_reset(struct usb_device *device)
{
    CHECK_HELD(device->host->lock);
    device->configuration = device->address = 0;
    device->halted = 0;
    if (device->ops->reset)
        device->ops->reset(device);
}

void usb_device_save(struct usb_device *device, struct state_writer *writer)
{
    CHECK_HELD(device->host->lock);
    state_section(writer, device->ops->name, 1);
    state_put_bytes(writer, "path", device->path, sizeof(device->path));
    state_put(writer, "configuration", device->configuration);
    state_put(writer, "halted", device->halted);
    if (device->ops->save)
        device->ops->save(device, writer);
}

void usb_device_load(struct usb_device *device, struct state_reader *reader)
{
    CHECK_HELD(device->host->lock);
    char path[sizeof(device->path)] = "";
    if (!state_open(reader, device->ops->name, 1))
        return;
    state_get_bytes(reader, "path", path, sizeof(path));
    if (memcmp(path, device->path, sizeof(path)) != 0)
        usb_state_bad(reader, device->ops->name, "its port");
    device->configuration =
        (uint8_t)state_get(reader, "configuration", device->descriptors->configuration[5]);
    device->halted = (uint32_t)state_get(reader, "halted", UINT32_MAX);
    if (device->ops->load)
        device->ops->load(device, reader);
}

void usb_state_bad(struct state_reader *reader, const char *device, const char *what)
{
    if (reader->failed)
        return;
    reader->failed = true;
    error_set(reader->error, "saved state: %s: %s is impossible here", device, what);
}

void usb_device_lock(struct usb_device *device)
{
    pthread_mutex_lock(device->host->lock);
}

void usb_device_unlock(struct usb_device *device)
{
    pthread_mutex_unlock(device->host->lock);
}

void usb_device_ready(struct usb_device *device, uint8_t endpoint)
{
    CHECK_HELD(device->host->lock);
    device->host->ready(device->host, device, endpoint);
}
