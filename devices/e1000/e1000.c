/* SPDX-License-Identifier: MIT
 *
 * The Intel cards as PCI functions, with QEMU's identities, and their life; see e1000.h.
 */
#include "devices/e1000/e1000.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/e1000/internal.h"
#include "devices/pci/msi.h"
#include "devices/pci/msix.h"
#include "util/check.h"

#define SECTION_VERSION 1

/* BARs and capabilities lie where QEMU has them, but PCI Express: this version of it is longer. */
enum { MEMORY_BYTES = 128 << 10, WINDOW_BYTES = 64, E_WINDOW_BYTES = 32, MSIX_BYTES = 16 << 10 };
enum {
    EXPRESS_AT = 0x40,
    MSIX_AT = 0xa0,
    POWER_AT = 0xc8,
    POWER_BYTES = 8,
    MSI_AT = 0xd0,
    PENDING_AT = 0x2000
};

static void link_changed(void *opaque, bool up)
{
    struct e1000 *e1000 = opaque;
    (void)up; /* registers ask the netdev */
    pthread_mutex_lock(&e1000->lock);
    e1000_raise(e1000, E1000_CAUSE_LSC);
    pthread_mutex_unlock(&e1000->lock);
}

static void function_reset(struct pci_function *function)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    pthread_mutex_lock(&e1000->lock);
    e1000->io_address = 0;
    e1000_phy_reset(e1000);
    e1000_reset(e1000);
    pthread_mutex_unlock(&e1000->lock);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    pthread_mutex_lock(&e1000->lock);
    e1000->held = held;
    bool wake = !held && e1000->missed;
    e1000->missed = e1000->missed && held;
    if (wake && e1000->netdev)
        netdev_wake(e1000->netdev);
    pthread_mutex_unlock(&e1000->lock);
}

static void function_destroy(struct pci_function *function)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    if (e1000->netdev)
        netdev_detach(e1000->netdev);
    clock_timer_cancel(&e1000->timer);
    pci_function_fini(function);
    pthread_mutex_destroy(&e1000->lock);
    free(e1000);
}

/* ---- Saved state --------------------------------------------------------------------------------------- */

/* What of the frame that is being put together is no array of bytes. */
#define PACKET_FIELDS(X)                                                                                     \
    X(begun, 1)                                                                                              \
    X(too_long, 1)                                                                                           \
    X(vlan, 1)                                                                                               \
    X(segments, 1)                                                                                           \
    X(options, UINT8_MAX)                                                                                    \
    X(tag, UINT16_MAX)
#define CONTEXT_FIELDS(X)                                                                                    \
    X(ip_start, UINT8_MAX)                                                                                   \
    X(ip_at, UINT8_MAX)                                                                                      \
    X(ip_end, UINT16_MAX)                                                                                    \
    X(tcp_start, UINT8_MAX)                                                                                  \
    X(tcp_at, UINT8_MAX)                                                                                     \
    X(tcp_end, UINT16_MAX)                                                                                   \
    X(header, UINT8_MAX)                                                                                     \
    X(command, UINT8_MAX)                                                                                    \
    X(segment, UINT16_MAX)

static void save_context(struct state_writer *writer, const struct e1000_context *context, const char *name)
{
    char field[32];
#define X(member, limit)                                                                                     \
    snprintf(field, sizeof(field), "%s." #member, name);                                                     \
    state_put(writer, field, context->member);
    CONTEXT_FIELDS(X)
#undef X
}

static void load_context(struct state_reader *reader, struct e1000_context *context, const char *name)
{
    char field[32];
#define X(member, limit)                                                                                     \
    snprintf(field, sizeof(field), "%s." #member, name);                                                     \
    context->member = (__typeof__(context->member))state_get(reader, field, limit);
    CONTEXT_FIELDS(X)
#undef X
}

static void function_save(struct pci_function *function, struct state_writer *writer)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    struct e1000_packet *packet = &e1000->packet;
    pthread_mutex_lock(&e1000->lock);
    state_section(writer, function->ops->name, SECTION_VERSION);
    state_put_bytes(writer, "regs", e1000->regs, sizeof(e1000->regs));
    state_put_bytes(writer, "phy", e1000->phy, sizeof(e1000->phy));
    state_put(writer, "io_address", e1000->io_address);
    state_put(writer, "delivered", e1000->delivered);
    state_put(writer, "wires.in", e1000->wires.in);
    state_put(writer, "wires.count", e1000->wires.count);
    state_put(writer, "wires.out", e1000->wires.out);
    state_put(writer, "wires.data", e1000->wires.data);
    state_put(writer, "wires.reading", e1000->wires.reading);
    save_context(writer, &e1000->contexts[0], "context0");
    save_context(writer, &e1000->contexts[1], "context1");
    save_context(writer, &packet->context, "context");
#define X(member, limit) state_put(writer, "packet." #member, packet->member);
    PACKET_FIELDS(X)
#undef X
    state_put(writer, "packet.length", packet->length);
    state_put_bytes(writer, "packet.bytes", e1000->frame, packet->length);
    pthread_mutex_unlock(&e1000->lock);
}

static void load_fields(struct e1000 *e1000, struct state_reader *reader)
{
    struct e1000_packet *packet = &e1000->packet;
    state_get_bytes(reader, "regs", e1000->regs, sizeof(e1000->regs));
    state_get_bytes(reader, "phy", e1000->phy, sizeof(e1000->phy));
    e1000->io_address = (uint32_t)state_get(reader, "io_address", 0x1fffc) & 0x1fffc;
    e1000->delivered = (uint32_t)state_get(reader, "delivered", UINT32_MAX);
    e1000->wires.in = (uint32_t)state_get(reader, "wires.in", UINT32_MAX);
    e1000->wires.count = (unsigned)state_get(reader, "wires.count", 8);
    e1000->wires.out = (uint16_t)state_get(reader, "wires.out", UINT16_MAX);
    e1000->wires.data = state_get(reader, "wires.data", 1);
    e1000->wires.reading = state_get(reader, "wires.reading", 1);
    load_context(reader, &e1000->contexts[0], "context0");
    load_context(reader, &e1000->contexts[1], "context1");
    load_context(reader, &packet->context, "context");
#define X(member, limit)                                                                                     \
    packet->member = (__typeof__(packet->member))state_get(reader, "packet." #member, limit);
    PACKET_FIELDS(X)
#undef X
    packet->length = state_get(reader, "packet.length", NETDEV_FRAME_MAX);
    state_get_bytes(reader, "packet.bytes", e1000->frame, packet->length);
}

/* Registers that writes keep in limits are cut to them. A wait for an interrupt ends now; the link may be
 * another one. */
static bool function_load(struct pci_function *function, struct state_reader *reader)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    static const uint16_t short_ones[] = { E1000_RDH, E1000_RDT, E1000_TDH, E1000_TDT };
    if (!state_open(reader, function->ops->name, SECTION_VERSION))
        return false;
    pthread_mutex_lock(&e1000->lock);
    load_fields(e1000, reader);
    for (unsigned n = 0; n < 4; n++)
        E1000_REG(e1000, short_ones[n]) &= 0xffff;
    E1000_REG(e1000, E1000_RDLEN) &= 0xfff80;
    E1000_REG(e1000, E1000_TDLEN) &= 0xfff80;
    memset(e1000->throttle, 0, sizeof(e1000->throttle));
    e1000->asserted = false;
    e1000->unsent = false;
    e1000->missed = true; /* there may be frames to send */
    e1000->room_wanted = true;
    e1000_raise(e1000, E1000_CAUSE_LSC);
    pthread_mutex_unlock(&e1000->lock);
    return !reader->failed;
}

/* ---- Making -------------------------------------------------------------------------------------------- */

static const struct pci_function_ops e1000_ops = {
    .name = "e1000",
    .access_max = 4,
    .read = e1000_io_read,
    .write = e1000_io_write,
    .reset = function_reset,
    .save = function_save,
    .load = function_load,
    .destroy = function_destroy,
    .hold = function_hold,
};
static const struct pci_function_ops e1000e_ops = {
    .name = "e1000e",
    .access_max = 4,
    .read = e1000_io_read,
    .write = e1000_io_write,
    .reset = function_reset,
    .save = function_save,
    .load = function_load,
    .destroy = function_destroy,
    .hold = function_hold,
};
static const struct pci_identity e1000_identity = {
    .vendor = 0x8086,
    .device = 0x100e,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x020000, /* Ethernet controller */
    .revision = 3,
    .interrupt_pin = 1,
};
static const struct pci_identity e1000e_identity = {
    .vendor = 0x8086,
    .device = 0x10d3,
    .subsystem_vendor = 0x8086,
    .subsystem = 0,
    .class_code = 0x020000,
    .revision = 0,
    .interrupt_pin = 1,
};

static bool make_function(struct e1000 *e1000, bool multifunction, struct error *error)
{
    struct pci_function *function = &e1000->function;
    const struct pci_identity *identity = e1000->is_e ? &e1000e_identity : &e1000_identity;
    pci_function_init(function, e1000->is_e ? &e1000e_ops : &e1000_ops, identity);
    pci_function_set_bar(function, 0, PCI_BAR_MEM32, MEMORY_BYTES, false);
    if (multifunction)
        pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    e1000_nvm_fill(e1000, identity->device, identity->subsystem_vendor, identity->subsystem);
    if (!e1000->is_e) {
        pci_function_set_bar(function, 1, PCI_BAR_IO, WINDOW_BYTES, false);
        return true;
    }
    pci_function_set_bar(function, 1, PCI_BAR_MEM32, MEMORY_BYTES, false);
    pci_function_set_bar(function, 2, PCI_BAR_IO, E_WINDOW_BYTES, false);
    pci_function_set_bar(function, 3, PCI_BAR_MEM32, MSIX_BYTES, false);
    if (!pci_msix_add(function, MSIX_AT, E1000_VECTORS, 3, 0, PENDING_AT, error))
        return false;
    pci_function_add_express(function, EXPRESS_AT, PCI_EXPRESS_INTEGRATED);
    pci_msi_add(function, MSI_AT, 1);
    pci_function_add_capability(function, PCI_CAP_POWER, POWER_AT, POWER_BYTES);
    pci_function_set_config(function, POWER_AT + 2, 2, 0x0022); /* the version, and that it sets itself up */
    pci_function_set_writable(function, POWER_AT + 4, 2, 0x0003);
    return true;
}

struct pci_function *e1000_create(const struct e1000_config *config, struct error *error)
{
    struct e1000 *e1000 = calloc(1, sizeof(*e1000));
    if (!e1000) {
        error_set(error, "e1000: out of memory");
        return NULL;
    }
    e1000->is_e = config->is_e;
    e1000->dma = config->dma;
    e1000->clock = config->clock;
    memcpy(e1000->mac, config->mac, sizeof(e1000->mac));
    pthread_mutex_init(&e1000->lock, NULL);
    clock_timer_init(&e1000->timer, config->clock, e1000_timer_fired, e1000);
    if (!make_function(e1000, config->multifunction, error)) {
        function_destroy(&e1000->function);
        return NULL;
    }
    e1000->netdev = config->netdev;
    function_reset(&e1000->function);
    if (e1000->netdev) {
        struct netdev_front front = { e1000_receive, e1000_receive_end, e1000_transmit, e1000, link_changed };
        netdev_attach(e1000->netdev, &front);
    }
    return &e1000->function;
}

/* ---- The models ---------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, bool is_e, struct error *error)
{
    struct e1000_config config = { .is_e = is_e,
                                   .multifunction = plug->multifunction,
                                   .dma = plug->dma,
                                   .clock = plug->clock,
                                   .netdev = plug->network };
    memcpy(config.mac, plug->settings->mac.bytes, sizeof(config.mac));
    return e1000_create(&config, error);
}

static struct pci_function *create_e1000(const struct device_plug *plug, struct error *error)
{
    return model_create(plug, false, error);
}

static struct pci_function *create_e1000e(const struct device_plug *plug, struct error *error)
{
    return model_create(plug, true, error);
}

static const struct device_key model_keys[] = {
    { "netdev", DEVICE_KEY_BACKEND, "id of a -netdev", DEVICE_SETTING(backend) },
    { "mac", DEVICE_KEY_MAC, "the card's address", DEVICE_SETTING(mac) },
    { "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it", DEVICE_SETTING(boot_index) },
    { .name = NULL },
};

const struct device_model e1000_model = {
    .name = "e1000",
    .text = "Intel's network card 82540EM",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_NETWORK,
    .hot_plug = true,
    .keys = model_keys,
    .create_pci = create_e1000,
};

const struct device_model e1000e_model = {
    .name = "e1000e",
    .text = "Intel's network card 82574L",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_NETWORK,
    .hot_plug = true,
    .keys = model_keys,
    .create_pci = create_e1000e,
};
