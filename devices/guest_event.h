/* SPDX-License-Identifier: MIT
 *
 * What a guest reports about itself through a device, or what a watchdog finds. The device calls a function
 * that it was given; machine/guest_events.c decides what follows.
 */
#ifndef DEVICES_GUEST_EVENT_H
#define DEVICES_GUEST_EVENT_H

enum guest_event {
    GUEST_EVENT_PANICKED,    /* the guest's kernel has panicked */
    GUEST_EVENT_CRASHLOADED, /* it has panicked, and its crash kernel goes on */
    GUEST_EVENT_SHUTDOWN,    /* it asks to be powered off */
    GUEST_EVENT_WATCHDOG,    /* it has not fed its watchdog in time */
};

/* Called on the thread of a hart, or the clock's, with no lock of a device held. It does not wait. */
typedef void guest_event_fn(void *opaque, enum guest_event event);

#endif
