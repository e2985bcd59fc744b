/* SPDX-License-Identifier: MIT
 *
 * Control transfers on an EHCI controller (Universal Serial Bus Specification 2.0 section 8.5.3). The driver
 * makes them of one transfer for the setup stage, any number for the data, and one for the status, which goes
 * the other way. A request that brings data is made at its setup stage, any other at its status stage, when
 * the data is there; a request that the device refuses stalls the next stage.
 *
 * The address of a device is what the controller knows it by, so SET_ADDRESS ends here.
 */
#include <string.h>

#include "devices/usb/ehci_internal.h"
#include "util/check.h"

static bool brings(const struct ehci_pipe *pipe)
{
    return pipe->setup.length && pipe->setup.type & USB_TYPE_IN;
}

static void request(struct ehci_pipe *pipe)
{
    const struct usb_setup *setup = &pipe->setup;
    if (setup->type == 0 && setup->request == USB_SET_ADDRESS) {
        pipe->failed = setup->value > EHCI_ADDRESS_MAX;
        if (!pipe->failed)
            pipe->device->address = (uint8_t)setup->value;
        return;
    }
    int length = usb_device_control(pipe->device, setup, pipe->data);
    pipe->failed = length < 0;
    pipe->length = length < 0 ? 0 : (uint32_t)length;
    if (pipe->length > setup->length)
        pipe->length = setup->length;
}

static enum usb_result setup_stage(struct ehci_pipe *pipe, struct usb_packet *packet)
{
    struct usb_setup setup;
    if (packet->length != sizeof(setup))
        return USB_NO_ENDPOINT;
    if (usb_packet_read(packet, &setup, sizeof(setup)) < 0)
        return USB_BAD_MEMORY;
    pipe->setup = setup;
    pipe->failed = false;
    pipe->length = pipe->moved = 0;
    memset(pipe->data, 0, sizeof(pipe->data));
    pipe->stage = setup.length ? STAGE_DATA : STAGE_STATUS;
    if (brings(pipe))
        request(pipe);
    else if (setup.length > USB_CONTROL_MAX)
        pipe->failed = true;
    return USB_DONE;
}

static enum usb_result data_stage(struct ehci_pipe *pipe, struct usb_packet *packet)
{
    uint32_t whole = brings(pipe) ? pipe->length : pipe->setup.length;
    if (pipe->failed)
        return USB_STALL;
    CHECK(pipe->moved <= whole && whole <= USB_CONTROL_MAX);
    long part = brings(pipe) ? usb_packet_write(packet, pipe->data + pipe->moved, whole - pipe->moved)
                             : usb_packet_read(packet, pipe->data + pipe->moved, whole - pipe->moved);
    if (part < 0)
        return USB_BAD_MEMORY;
    pipe->moved += (uint32_t)part;
    return USB_DONE;
}

static enum usb_result status_stage(struct ehci_pipe *pipe)
{
    pipe->stage = STAGE_SETUP;
    if (!brings(pipe) && !pipe->failed)
        request(pipe);
    return pipe->failed ? USB_STALL : USB_DONE;
}

enum usb_result ehci_control(struct ehci_pipe *pipe, enum ehci_pid pid, struct usb_packet *packet)
{
    CHECK_HELD(pipe->device->host->lock);
    if (pid == PID_SETUP)
        return setup_stage(pipe, packet);
    if (pipe->stage == STAGE_SETUP)
        return USB_STALL;
    if (pipe->stage == STAGE_DATA && (pid == PID_IN) == brings(pipe))
        return data_stage(pipe, packet);
    return (pid == PID_IN) != brings(pipe) ? status_stage(pipe) : USB_STALL;
}
