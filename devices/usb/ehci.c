/* SPDX-License-Identifier: MIT
 *
 * The EHCI controller as a PCI function, with the layout of QEMU's, and what keeps it going: see
 * ehci_internal.h.
 */
#include "devices/usb/ehci_internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/log.h"

enum { BAR_REGISTERS = 0, BAR_BYTES = 0x1000 };
/* Registers in configuration space; section 2.1. */
enum { SERIAL_BUS_RELEASE = 0x60, FRAME_LENGTH = 0x61, LEGACY_SUPPORT = 0x68 };
#define LEGACY_OS_OWNED 0x01000000u

enum { LIVELY = 16 }; /* looks that find nothing before they become rare */
#define LOOK_OFTEN  EHCI_MICROFRAME
#define LOOK_FRAME  1000000u
#define LOOK_SELDOM 8000000u

/* ---- Telling the driver -------------------------------------------------------------------------------- */

void ehci_tell(struct ehci *ehci, uint32_t status)
{
    CHECK_HELD(&ehci->lock);
    ehci->status |= status;
    ehci->news |= (status & ehci->interrupts) != 0;
}

void ehci_update_wire(struct ehci *ehci)
{
    CHECK_HELD(&ehci->lock);
    bool wire = ehci->status & ehci->interrupts;
    if (wire != ehci->wire || (wire && ehci->news))
        pci_function_set_intx(&ehci->function, wire);
    ehci->wire = wire;
    ehci->news = false;
}

void ehci_fail(struct ehci *ehci, const char *what, uint32_t address)
{
    CHECK_HELD(&ehci->lock);
    LOG_GUEST("ehci: %s is at 0x%x, which is not possible", what, address);
    ehci_set_command(ehci, ehci->command & ~(uint32_t)CMD_RUN);
    ehci_tell(ehci, STS_SYSTEM_ERROR);
}

/* ---- Work ---------------------------------------------------------------------------------------------- */

static bool runs(const struct ehci *ehci)
{
    return ehci->command & CMD_RUN && !ehci->stopped && !ehci->held;
}

static bool look(struct ehci *ehci)
{
    uint64_t now = ehci_microframes(ehci);
    bool any = false;
    if ((ehci->seen + ehci->frame) / (8 * EHCI_FRAMES) != (now + ehci->frame) / (8 * EHCI_FRAMES))
        ehci_tell(ehci, STS_ROLLOVER);
    if (ehci->command & CMD_PERIODIC)
        any = ehci_walk_frames(ehci, now);
    ehci->seen = now;
    ehci->budget = EHCI_SLICE; /* a long list of frames does not keep the other schedule waiting */
    while (runs(ehci) && ehci->command & CMD_ASYNC) {
        ehci->noted = false;
        any |= ehci_walk_async(ehci);
        if (ehci->noted && ehci->budget)
            continue;
        if (runs(ehci) && ehci->command & CMD_DOORBELL) { /* section 4.8.2 */
            ehci->command &= ~(uint32_t)CMD_DOORBELL;
            ehci_tell(ehci, STS_ADVANCED);
        }
        break;
    }
    return any;
}

static void look_again(struct ehci *ehci)
{
    bool lively = ehci->idle < LIVELY;
    uint64_t after = CLOCK_NEVER;
    if (!runs(ehci))
        return;
    if (ehci->command & CMD_ASYNC)
        after = lively || !ehci->budget ? LOOK_OFTEN : LOOK_FRAME;
    else if (ehci->command & CMD_PERIODIC)
        after = lively ? LOOK_FRAME : LOOK_SELDOM;
    else if (ehci->interrupts & STS_ROLLOVER)
        after = LOOK_SELDOM;
    clock_timer_arm(&ehci->look, after == CLOCK_NEVER ? after : clock_ns(ehci->config.clock) + after);
}

void ehci_work(struct ehci *ehci)
{
    CHECK_HELD(&ehci->lock);
    if (ehci->busy) {
        ehci->noted = true;
        return;
    }
    ehci->budget = EHCI_SLICE;
    ehci->busy = true;
    bool any = runs(ehci) && look(ehci);
    ehci->busy = false;
    ehci->idle = any ? 0 : ehci->idle + (ehci->idle < LIVELY);
    ehci_update_wire(ehci);
    look_again(ehci);
}

void ehci_wake(struct ehci *ehci)
{
    ehci->idle = 0;
    ehci_work(ehci);
}

static void look_fire(void *opaque)
{
    struct ehci *ehci = opaque;
    pthread_mutex_lock(&ehci->lock);
    ehci_work(ehci);
    pthread_mutex_unlock(&ehci->lock);
}

/* A device has something to say on an endpoint. */
static void host_ready(struct usb_host *host, struct usb_device *device, uint8_t endpoint)
{
    struct ehci *ehci = (struct ehci *)((char *)host - offsetof(struct ehci, host));
    (void)device, (void)endpoint;
    ehci_wake(ehci);
}

void ehci_reset(struct ehci *ehci)
{
    CHECK_HELD(&ehci->lock);
    ehci_set_command(ehci, CMD_THRESHOLD_AT_RESET);
    ehci->status = STS_HALTED;
    ehci->interrupts = ehci->periodic = ehci->async = ehci->configured = ehci->frame = 0;
    for (struct ehci_pipe *pipe = ehci->pipes; pipe; pipe = pipe->next)
        pipe->stage = STAGE_SETUP;
    ehci_ports_reset(ehci);
    ehci_update_wire(ehci);
}

/* ---- Accesses ------------------------------------------------------------------------------------------ */

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct ehci *ehci = (struct ehci *)function;
    (void)bar;
    pthread_mutex_lock(&ehci->lock);
    uint32_t value = ehci_register_read(ehci, (unsigned)offset & ~3u);
    pthread_mutex_unlock(&ehci->lock);
    value >>= 8 * (offset & 3);
    return size < 4 ? value & ((1u << 8 * size) - 1) : value;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct ehci *ehci = (struct ehci *)function;
    (void)bar;
    if (size != 4) {
        LOG_GUEST("ehci: write of %u bytes to offset 0x%llx", size, (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&ehci->lock);
    ehci_register_write(ehci, (unsigned)offset, (uint32_t)value);
    pthread_mutex_unlock(&ehci->lock);
}

/* A function that may not master the bus does nothing, and goes on when it may again. */
static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct ehci *ehci = (struct ehci *)function;
    if (!pci_config_overlaps(offset, size, PCI_COMMAND, 2))
        return;
    pthread_mutex_lock(&ehci->lock);
    ehci->stopped = !pci_function_is_bus_master(function);
    ehci_work(ehci);
    pthread_mutex_unlock(&ehci->lock);
}

static void function_reset(struct pci_function *function)
{
    struct ehci *ehci = (struct ehci *)function;
    pthread_mutex_lock(&ehci->lock);
    ehci->stopped = !pci_function_is_bus_master(function);
    ehci_reset(ehci);
    pthread_mutex_unlock(&ehci->lock);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct ehci *ehci = (struct ehci *)function;
    usb_devices_hold(ehci->devices, held);
    pthread_mutex_lock(&ehci->lock);
    ehci->held = held;
    ehci_work(ehci);
    pthread_mutex_unlock(&ehci->lock);
}

static void function_destroy(struct pci_function *function)
{
    struct ehci *ehci = (struct ehci *)function;
    pthread_mutex_lock(&ehci->lock);
    ehci_set_command(ehci, 0); /* what a window still says finds no list any more */
    pthread_mutex_unlock(&ehci->lock);
    usb_devices_destroy(ehci->devices);
    clock_timer_cancel(&ehci->look);
    for (struct ehci_pipe *pipe = ehci->pipes, *next; pipe; pipe = next) {
        next = pipe->next;
        free(pipe);
    }
    pci_function_fini(function);
    pthread_mutex_destroy(&ehci->lock);
    free(ehci);
}

static const struct pci_function_ops ehci_ops = {
    .name = "usb-ehci",
    .access_max = 4,
    .read = bar_read,
    .write = bar_write,
    .config_written = config_written,
    .reset = function_reset,
    .hold = function_hold,
    .save = ehci_save,
    .load = ehci_load,
    .destroy = function_destroy,
};

/* ---- Plugging in --------------------------------------------------------------------------------------- */

static bool attach_root(struct usb_host *host, struct usb_device *device, unsigned number)
{
    struct ehci *ehci = (struct ehci *)((char *)host - offsetof(struct ehci, host));
    if (number > EHCI_PORTS || ehci->plugged[number])
        return false;
    ehci->plugged[number] = device;
    ehci_port_plugged(ehci, number);
    return true;
}

static void detach_root(struct usb_host *host, struct usb_device *device)
{
    struct ehci *ehci = (struct ehci *)((char *)host - offsetof(struct ehci, host));
    for (unsigned n = 1; n <= EHCI_PORTS; n++) {
        if (ehci->plugged[n] != device)
            continue;
        ehci->plugged[n] = NULL;
        ehci_port_plugged(ehci, n);
    }
}

/* Adds what the controller knows of the device that is plugged in at the path. */
static void add_pipe(struct ehci *ehci, struct ehci_pipe *pipe)
{
    char *end;
    struct ehci_pipe **last = &ehci->pipes;
    pipe->port = (unsigned)strtoul(pipe->device->path, &end, 10);
    for (unsigned shift = 0; *end == '.'; shift += 4)
        pipe->route |= (uint32_t)strtoul(end + 1, &end, 10) << shift;
    while (*last && strcmp((*last)->device->path, pipe->device->path) < 0)
        last = &(*last)->next;
    pipe->next = *last;
    *last = pipe;
}

bool ehci_attach(struct pci_function *function, struct usb_device *device, const char *path,
                 struct error *error)
{
    struct ehci *ehci = (struct ehci *)function;
    const struct usb_plug plug = { &ehci->host, &ehci->devices, attach_root, detach_root };
    struct ehci_pipe *pipe = calloc(1, sizeof(*pipe));
    if (!pipe)
        return error_set(error, "%s: out of memory", device->ops->name);
    if (device->ops->speed != USB_SPEED_HIGH)
        error_set(error, "%s: usb-ehci takes high-speed devices only", device->ops->name);
    else if (usb_device_plug(device, path, &plug, error)) {
        pthread_mutex_lock(&ehci->lock);
        pipe->device = device;
        add_pipe(ehci, pipe);
        ehci_wake(ehci);
        pthread_mutex_unlock(&ehci->lock);
        return true;
    }
    free(pipe);
    return false;
}

void ehci_detach(struct pci_function *function, struct usb_device *device)
{
    struct ehci *ehci = (struct ehci *)function;
    const struct usb_plug plug = { &ehci->host, &ehci->devices, attach_root, detach_root };
    pthread_mutex_lock(&ehci->lock);
    usb_device_unplug(device, &plug);
    struct ehci_pipe **at = &ehci->pipes, *pipe;
    while ((pipe = *at)->device != device)
        at = &pipe->next;
    *at = pipe->next;
    free(pipe);
    ehci_wake(ehci);
    pthread_mutex_unlock(&ehci->lock);
    device->ops->destroy(device);
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

static void make_function(struct ehci *ehci)
{
    const struct pci_identity identity = {
        .vendor = 0x8086,
        .device = ehci->config.ich9 ? 0x293a : 0x24cd,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x0c0320, /* serial bus, USB, EHCI */
        .revision = ehci->config.ich9 ? 0x03 : 0x10,
        .interrupt_pin = 4,
    };
    struct pci_function *function = &ehci->function;
    pci_function_init(function, &ehci_ops, &identity);
    pci_function_set_bar(function, BAR_REGISTERS, PCI_BAR_MEM32, BAR_BYTES, false);
    pci_function_set_config(function, SERIAL_BUS_RELEASE, 1, 0x20);
    pci_function_set_config(function, FRAME_LENGTH, 1, 0x20);
    pci_function_set_config(function, LEGACY_SUPPORT, 4, 1); /* firmware claims nothing */
    pci_function_set_writable(function, LEGACY_SUPPORT, 4, LEGACY_OS_OWNED);
    if (ehci->config.multifunction)
        pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
}

struct pci_function *ehci_create(const struct ehci_config *config, struct error *error)
{
    struct ehci *ehci = calloc(1, sizeof(*ehci));
    if (!ehci) {
        error_set(error, "usb-ehci: out of memory");
        return NULL;
    }
    ehci->config = *config;
    ehci->host = (struct usb_host){ &ehci->lock, config->clock, host_ready };
    ehci->stopped = true; /* no bus mastering yet */
    pthread_mutex_init(&ehci->lock, NULL);
    clock_timer_init(&ehci->look, config->clock, look_fire, ehci);
    make_function(ehci);
    pthread_mutex_lock(&ehci->lock);
    ehci_reset(ehci);
    pthread_mutex_unlock(&ehci->lock);
    return &ehci->function;
}

/* ---- The models ---------------------------------------------------------------------------------------- */

static struct pci_function *create(const struct device_plug *plug, bool ich9, struct error *error)
{
    const struct ehci_config config = {
        .dma = plug->dma, .clock = plug->clock, .ich9 = ich9, .multifunction = plug->multifunction
    };
    return ehci_create(&config, error);
}

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    return create(plug, false, error);
}

static struct pci_function *model_create_ich9(const struct device_plug *plug, struct error *error)
{
    return create(plug, true, error);
}

static const struct device_key no_keys[] = { { .name = NULL } };

#define EHCI_MODEL(called, maker)                                                                            \
    {                                                                                                        \
        .name = called, .text = "a USB 2 controller", .buses = DEVICE_BUS_PCI, .boot_node = "usb",           \
        .keys = no_keys, .create_pci = maker, .attach_usb = ehci_attach, .detach_usb = ehci_detach,          \
        .usb_ports = EHCI_PORTS, .hot_plug = true                                                            \
    }
const struct device_model ehci_model = EHCI_MODEL("usb-ehci", model_create);
const struct device_model ehci_ich9_model = EHCI_MODEL("ich9-usb-ehci1", model_create_ich9);
