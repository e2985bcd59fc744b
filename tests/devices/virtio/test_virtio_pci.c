/* SPDX-License-Identifier: MIT
 *
 * Virtio over PCI at register level, over a device of the test's own: ids, BARs and capabilities, both
 * interfaces, queues and their reset, INTx and MSI-X, bus mastering, accesses through configuration space,
 * saved state, and a guest that writes anything anywhere.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/catalog/catalog.h"
#include "tests/devices/fake.h"
#include "tests/devices/virtio/pci_guest.h"

#define SLOT    3u
#define WIRE    (SLOT % PCI_PINS)
#define RING_AT GUEST_RAM_BASE
#define DATA_AT (GUEST_RAM_BASE + 0x8000)
#define SIZE    16u

/* A device that fills every chain with 0x5a and returns it. */
struct echo {
    struct virtio_device device;
    struct virtio_device_ops ops;
    struct virtq_chain chain;
    unsigned config_writes, resets;
};

static void echo_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct echo *echo = (struct echo *)device;
    while (virtqueue_pop(queue, &echo->chain)) {
        uint8_t byte = 0x5a;
        for (uint32_t n = 0; n < echo->chain.in_length && n < 64; n++)
            virtq_chain_write(&echo->chain, n, &byte, 1);
        virtqueue_push(queue, &echo->chain, echo->chain.in_length);
        virtqueue_signal(queue);
    }
}

static void echo_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    ((struct echo *)device)->config_writes++;
    memcpy(device->config + offset, &value, size);
}

static void echo_reset(struct virtio_device *device)
{
    ((struct echo *)device)->resets++;
}

static void echo_destroy(struct virtio_device *device)
{
    virtio_device_fini(device);
    free(device);
}

/* Returns how the device of that id, among all that exist, appears on the PCI bus; no operations for an id
 * that does not exist. */
static const struct virtio_device_ops *ops_of(uint32_t id)
{
    static const struct virtio_device_ops none;
    for (const struct device_model *const *model = device_catalog; *model; model++) {
        if ((*model)->ops && (*model)->ops->id == id)
            return (*model)->ops;
    }
    return &none;
}

static struct echo *make_echo(uint32_t id)
{
    struct echo *echo = calloc(1, sizeof(*echo));
    ck_assert_ptr_nonnull(echo);
    echo->ops = (struct virtio_device_ops){ .name = "echo",
                                            .id = id,
                                            .pci_legacy = ops_of(id)->pci_legacy,
                                            .pci_class = ops_of(id)->pci_class,
                                            .notify = echo_notify,
                                            .config_write = echo_config_write,
                                            .reset = echo_reset,
                                            .destroy = echo_destroy };
    ck_assert(virtio_device_init(&echo->device, &echo->ops, 5, 2, SIZE, NULL));
    for (unsigned n = 0; n < 16; n++)
        echo->device.config[n] = (uint8_t)(0x10 + n);
    echo->device.config_size = 16;
    return echo;
}

static struct pci_guest guest;
static struct echo *echo;
static struct ring ring;

static void setup(void)
{
    pci_guest_init(&guest);
    echo = make_echo(2);
    pci_guest_plug(&guest, SLOT, &echo->device, VIRTIO_PCI_LEGACY_AUTO, false);
}

static void teardown(void)
{
    pci_guest_destroy(&guest);
}

/* The handshake by either interface, a ring for queue 0, and DRIVER_OK. */
static void start(bool legacy, uint32_t features)
{
    if (legacy) {
        ck_assert_uint_eq(slot_negotiate_legacy(&guest, SLOT, features), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
        slot_ring(&guest, SLOT, true, &ring, 0, SIZE, RING_AT);
        slot_set_legacy(&guest, SLOT, LEGACY_STATUS, 1,
                        VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
        return;
    }
    ck_assert(slot_negotiate(&guest, SLOT, features) & VIRTIO_FEATURES_OK);
    slot_ring(&guest, SLOT, false, &ring, 0, SIZE, RING_AT);
    slot_set_modern(&guest, SLOT, COMMON_STATUS, 1,
                    VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static void kick(bool legacy, unsigned queue)
{
    if (legacy)
        slot_set_legacy(&guest, SLOT, LEGACY_NOTIFY, 2, queue);
    else
        slot_set_modern(&guest, SLOT, MODERN_NOTIFY + 4 * queue, 2, queue);
}

static void offer(void)
{
    ring_desc(&ring, 3, DATA_AT, 10, DESC_WRITE, 0);
    ring_offer(&ring, 3);
}

/* ---- Identity ------------------------------------------------------------------------------------------ */

START_TEST(ids_and_bars)
{
    static const struct {
        uint32_t id;
        enum virtio_pci_legacy legacy;
        bool no_modern;
        uint16_t device, subsystem;
        uint8_t revision, capabilities;
        uint32_t class_code, io_bar, modern_bar;
    } rows[] = {
        { 2, VIRTIO_PCI_LEGACY_AUTO, false, 0x1001, 2, 0, 6, 0x010000, 0xffffffc1, 0xffffc00c },
        { 2, VIRTIO_PCI_LEGACY_OFF, false, 0x1042, 0x1100, 1, 6, 0x010000, 0, 0xffffc00c },
        { 2, VIRTIO_PCI_LEGACY_ON, true, 0x1001, 2, 0, 1, 0x010000, 0xffffffc1, 0 },
        { 1, VIRTIO_PCI_LEGACY_ON, false, 0x1000, 1, 0, 6, 0x020000, 0xffffffc1, 0xffffc00c },
        { 3, VIRTIO_PCI_LEGACY_AUTO, false, 0x1003, 3, 0, 6, 0x078000, 0xffffffc1, 0xffffc00c },
        { 4, VIRTIO_PCI_LEGACY_AUTO, false, 0x1005, 4, 0, 6, 0x00ff00, 0xffffffc1, 0xffffc00c },
        { 9, VIRTIO_PCI_LEGACY_AUTO, false, 0x1009, 9, 0, 6, 0x000200, 0xffffffc1, 0xffffc00c },
        { 16, VIRTIO_PCI_LEGACY_AUTO, false, 0x1050, 0x1100, 1, 6, 0x038000, 0, 0xffffc00c },
        { 18, VIRTIO_PCI_LEGACY_AUTO, false, 0x1052, 0x1100, 1, 6, 0x098000, 0, 0xffffc00c },
        { 25, VIRTIO_PCI_LEGACY_AUTO, false, 0x1059, 0x1100, 1, 6, 0x040100, 0, 0xffffc00c },
        { 77, VIRTIO_PCI_LEGACY_AUTO, false, 0x108d, 0x1100, 1, 6, 0x00ff00, 0, 0xffffc00c },
    };
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        unsigned slot = 8 + n, capabilities = 0;
        pci_guest_plug(&guest, slot, &make_echo(rows[n].id)->device, rows[n].legacy, rows[n].no_modern);
        ck_assert_uint_eq(slot_config(&guest, slot, PCI_VENDOR_ID, 4), rows[n].device << 16 | 0x1af4);
        ck_assert_uint_eq(slot_config(&guest, slot, PCI_REVISION, 4),
                          rows[n].class_code << 8 | rows[n].revision);
        ck_assert_uint_eq(slot_config(&guest, slot, PCI_SUBSYSTEM_VENDOR_ID, 4),
                          (uint32_t)rows[n].subsystem << 16 | 0x1af4);
        for (unsigned bar = 0; bar < PCI_BARS; bar++)
            slot_set_config(&guest, slot, PCI_BAR + 4 * bar, 4, UINT32_MAX);
        ck_assert_uint_eq(slot_config(&guest, slot, PCI_BAR, 4), rows[n].io_bar);
        ck_assert_uint_eq(slot_config(&guest, slot, PCI_BAR + 4, 4), 0xfffff000);
        ck_assert_uint_eq(slot_config(&guest, slot, PCI_BAR + 16, 4), rows[n].modern_bar);
        for (unsigned at = slot_config(&guest, slot, PCI_CAPABILITIES, 1); at;
             at = slot_config(&guest, slot, at + 1, 1))
            capabilities++;
        ck_assert_uint_eq(capabilities, rows[n].capabilities);
    }
}
END_TEST

/* Each structure exists once, lies inside BAR 4, and does not overlap another. */
START_TEST(structures)
{
    uint32_t seen = 0, pages = 0;
    for (unsigned at = slot_config(&guest, SLOT, PCI_CAPABILITIES, 1); at;
         at = slot_config(&guest, SLOT, at + 1, 1)) {
        if (slot_config(&guest, SLOT, at, 1) != PCI_CAP_VENDOR)
            continue;
        unsigned type = slot_config(&guest, SLOT, at + 3, 1);
        ck_assert_uint_eq(slot_config(&guest, SLOT, at + 2, 1), type == 2 || type == 5 ? 20 : 16);
        ck_assert(!(seen >> type & 1));
        seen |= 1u << type;
        if (type == 5)
            continue;
        ck_assert_uint_eq(slot_config(&guest, SLOT, at + 4, 4), 4);
        ck_assert_uint_eq(slot_config(&guest, SLOT, at + 12, 4), 0x1000);
        uint32_t page = slot_config(&guest, SLOT, at + 8, 4) / 0x1000;
        ck_assert(page < 4 && !(pages >> page & 1));
        pages |= 1u << page;
        if (type == 2)
            ck_assert_uint_eq(slot_config(&guest, SLOT, at + 16, 4), 4);
    }
    ck_assert_uint_eq(seen, 0x3e);
}
END_TEST

START_TEST(impossible_interfaces)
{
    struct error error = { .text = "" };
    struct virtio_pci_config config = { .dma = &guest.guest.dma, .legacy = VIRTIO_PCI_LEGACY_ON };
    struct echo *gpu = make_echo(16);
    ck_assert_ptr_null(virtio_pci_create(&config, &gpu->device, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "disable-legacy"));
    config = (struct virtio_pci_config){ .legacy = VIRTIO_PCI_LEGACY_AUTO, .no_modern = true };
    ck_assert_ptr_null(virtio_pci_create(&config, &gpu->device, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "disable-modern"));
    config = (struct virtio_pci_config){ .vectors = 2049 };
    ck_assert_ptr_null(virtio_pci_create(&config, &gpu->device, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "2049"));
    virtio_device_destroy(&gpu->device);
}
END_TEST

/* ---- Registers ----------------------------------------------------------------------------------------- */

START_TEST(modern_features)
{
    uint32_t low = 5 | 1u << VIRTIO_F_EVENT_IDX | 1u << VIRTIO_F_INDIRECT_DESC;
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_DEVICE_FEATURE, 4), low);
    slot_set_modern(&guest, SLOT, COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_DEVICE_FEATURE, 4),
                      1 | 1u << (VIRTIO_F_RING_RESET - 32));
    slot_set_modern(&guest, SLOT, COMMON_DEVICE_FEATURE_SELECT, 4, 2);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_DEVICE_FEATURE, 4), 0);
    ck_assert(slot_negotiate(&guest, SLOT, 4) & VIRTIO_FEATURES_OK);
    ck_assert(virtio_device_has(&echo->device, 2) && !virtio_device_has(&echo->device, 0));
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_DRIVER_FEATURE, 4), 1);
    slot_set_modern(&guest, SLOT, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    slot_set_modern(&guest, SLOT, COMMON_DRIVER_FEATURE, 4, 1); /* too late */
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_DRIVER_FEATURE, 4), 4);
    ck_assert(!(slot_negotiate(&guest, SLOT, 2) & VIRTIO_FEATURES_OK));
    ck_assert(!(slot_negotiate(&guest, SLOT, 1ull << VIRTIO_F_ANY_LAYOUT) & VIRTIO_FEATURES_OK));
}
END_TEST

START_TEST(modern_queues)
{
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_NUM_QUEUES, 2), 2);
    slot_negotiate(&guest, SLOT, 0);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_SELECT, 2, 2);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SIZE, 2), 0);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2, 1);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_SELECT, 2, 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SIZE, 2), SIZE);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_NOTIFY_OFF, 2), 1);
    slot_ring(&guest, SLOT, false, &ring, 1, 8, RING_AT);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2), 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SIZE, 2), 8);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_DESC + 16, 8), ring.used);
    ck_assert_uint_eq(echo->device.queues[1].used_paddr, ring.used);
    /* A queue that is in use cannot be changed. */
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_DESC, 4, 0);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_SIZE, 2, 4);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2, 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_DESC, 8), ring.desc);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SIZE, 2), 8);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2), 1);
    /* A ring outside RAM breaks the device. */
    slot_negotiate(&guest, SLOT, 0);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_DESC, 8, 0x1000);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2, 1);
    ck_assert(slot_modern(&guest, SLOT, COMMON_STATUS, 1) & VIRTIO_NEEDS_RESET);
}
END_TEST

START_TEST(odd_accesses)
{
    slot_negotiate(&guest, SLOT, 0);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_SELECT, 1, 1);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_SELECT - 2, 4, 0x00010000 | VIRTIO_DRIVER);
    slot_set_modern(&guest, SLOT, COMMON_DEVICE_FEATURE_SELECT, 2, 1);
    slot_set_modern(&guest, SLOT, COMMON_DEVICE_FEATURE, 4, 1); /* read-only */
    slot_set_modern(&guest, SLOT, COMMON_NUM_QUEUES, 2, 1);
    slot_set_modern(&guest, SLOT, 0x3c, 4, 1);
    slot_set_modern(&guest, SLOT, 0xffc, 4, 1);
    slot_set_modern(&guest, SLOT, MODERN_ISR, 4, 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SELECT, 2), 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_DEVICE_FEATURE_SELECT, 4), 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, 0x3c, 4), 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, 0xff8, 8), 0);
    /* Reads may cut fields: here the two bytes of num_queues, status and generation. */
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_NUM_QUEUES + 1, 1), 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_STATUS, 2) & 0xff, 11);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, 16, 4), 0x0002ffff);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_NOTIFY, 4), 0);
    kick(false, 2); /* no such queue */
    kick(false, 1023);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_SELECT, 1, 1);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_SIZE, 2, 8);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_QUEUE_SELECT, 2), 0);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_STATUS, 2), 0);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, 0x3c, 4), UINT32_MAX); /* beyond the configuration space */
}
END_TEST

START_TEST(legacy_registers)
{
    uint32_t features =
        5 | 1u << VIRTIO_F_EVENT_IDX | 1u << VIRTIO_F_INDIRECT_DESC | 1u << VIRTIO_F_ANY_LAYOUT;
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_DEVICE_FEATURES, 4), features);
    slot_negotiate_legacy(&guest, SLOT, 4);
    ck_assert(virtio_device_has(&echo->device, 2) && !virtio_device_has(&echo->device, VIRTIO_F_VERSION_1));
    ck_assert(echo->device.legacy);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_SELECT, 2, 2);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_QUEUE_SIZE, 2), 0);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_ADDRESS, 4, 0x80000);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_SELECT, 2, 1);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_QUEUE_SIZE, 2), SIZE);
    slot_ring(&guest, SLOT, true, &ring, 1, SIZE, RING_AT + 0x4000);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_QUEUE_ADDRESS, 4), 0x80004);
    ck_assert(echo->device.queues[1].enabled);
    ck_assert_uint_eq(echo->device.queues[1].used_paddr, ring.used);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_ADDRESS, 4, 0);
    ck_assert(!echo->device.queues[1].enabled);
    slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_ADDRESS, 4, 0xffffffff);
    ck_assert(!echo->device.queues[1].enabled);
    /* The legacy interface does not have it. */
    ck_assert(!(slot_legacy(&guest, SLOT, LEGACY_STATUS, 1) & VIRTIO_NEEDS_RESET));
    /* The modern driver that follows finds a modern device. */
    slot_negotiate(&guest, SLOT, 0);
    ck_assert(!echo->device.legacy && virtio_device_has(&echo->device, VIRTIO_F_VERSION_1));
}
END_TEST

static void change_configuration(void)
{
    pthread_mutex_lock(&echo->device.lock);
    virtio_device_config_changed(&echo->device);
    pthread_mutex_unlock(&echo->device.lock);
}

START_TEST(device_configuration)
{
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_CONFIG, 1), 0x10);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_CONFIG + 8, 8), 0x1f1e1d1c1b1a1918);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_CONFIG + 16, 4), UINT32_MAX);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_CONFIG, 4), 0x13121110);
    slot_set_modern(&guest, SLOT, MODERN_CONFIG + 2, 2, 0x5566);
    slot_set_modern(&guest, SLOT, MODERN_CONFIG + 16, 2, 0x5566);
    slot_set_legacy(&guest, SLOT, LEGACY_CONFIG + 1, 1, 0x77);
    slot_set_legacy(&guest, SLOT, LEGACY_CONFIG + 16, 4, 0x77);
    ck_assert_uint_eq(echo->config_writes, 2);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_CONFIG, 4), 0x55667710);
    uint8_t generation = (uint8_t)slot_modern(&guest, SLOT, COMMON_GENERATION, 1);
    change_configuration();
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_GENERATION, 1), generation + 1u);
    ck_assert(!atomic_load(&guest.wires[WIRE])); /* no driver would acknowledge it */
    start(false, 0);
    change_configuration();
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_GENERATION, 1), generation + 2u);
    ck_assert(atomic_load(&guest.wires[WIRE]));
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_ISR, 1), 2);
    ck_assert(!atomic_load(&guest.wires[WIRE]));
    /* With MSI-X the legacy configuration moves up. */
    slot_set_config(&guest, SLOT, MSIX_CONTROL, 2, MSIX_ENABLE);
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_CONFIG_MSIX, 4), 0x55667710);
}
END_TEST

/* ---- Chains and interrupts ----------------------------------------------------------------------------- */

START_TEST(chain_and_intx)
{
    uint32_t head, written;
    start(_i, 0);
    for (unsigned n = 0; n < 50; n++) {
        offer();
        kick(_i, 0);
        ck_assert(ring_take(&ring, &head, &written));
        ck_assert_uint_eq(head, 3);
        ck_assert_uint_eq(written, 10);
        ck_assert(atomic_load(&guest.wires[WIRE]));
        ck_assert(slot_config(&guest, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
        ck_assert_uint_eq(
            _i ? slot_legacy(&guest, SLOT, LEGACY_ISR, 1) : slot_modern(&guest, SLOT, MODERN_ISR, 1), 1);
        ck_assert(!atomic_load(&guest.wires[WIRE]));
        ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_ISR, 1), 0);
    }
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest.guest, DATA_AT + 9), 0x5a);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest.guest, DATA_AT + 10), 0);
    /* A reset withdraws the interrupt, and resets all registers. */
    offer();
    kick(_i, 0);
    ck_assert(atomic_load(&guest.wires[WIRE]));
    unsigned resets = echo->resets;
    if (_i)
        slot_set_legacy(&guest, SLOT, LEGACY_STATUS, 1, 0);
    else
        slot_set_modern(&guest, SLOT, COMMON_STATUS, 1, 0);
    ck_assert_uint_eq(echo->resets, resets + 1);
    ck_assert(!atomic_load(&guest.wires[WIRE]));
    ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_QUEUE_ADDRESS, 4), 0);
    ck_assert(!echo->device.queues[0].enabled);
}
END_TEST

START_TEST(queue_reset)
{
    uint32_t head;
    ck_assert(slot_negotiate(&guest, SLOT, 1ull << VIRTIO_F_RING_RESET) & VIRTIO_FEATURES_OK);
    slot_ring(&guest, SLOT, false, &ring, 0, 8, RING_AT);
    slot_set_modern(&guest, SLOT, COMMON_STATUS, 1, 15);
    offer();
    kick(false, 0);
    ck_assert(ring_take(&ring, &head, NULL));
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_RESET, 2, 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_RESET, 2), 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2), 0);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SIZE, 2), SIZE);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_DESC, 8), 0);
    offer();
    kick(false, 0);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    /* The ring is somewhere else, and has another size. */
    slot_ring(&guest, SLOT, false, &ring, 0, 4, RING_AT + 0x10000);
    offer();
    kick(false, 0);
    ck_assert(ring_take(&ring, &head, NULL));
    ck_assert_uint_eq(head, 3);
    /* It does not work unless it was negotiated. */
    start(false, 0);
    slot_set_modern(&guest, SLOT, COMMON_QUEUE_RESET, 2, 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2), 1);
}
END_TEST

START_TEST(bus_mastering)
{
    start(false, 0);
    slot_set_config(&guest, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    offer();
    kick(false, 0);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    slot_set_config(&guest, SLOT, PCI_COMMAND, 1, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    ck_assert_uint_eq(ring_returned(&ring), 1); /* without another notification */
    /* An old driver never sets the bit. */
    slot_set_config(&guest, SLOT, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    start(true, 0);
    ck_assert_uint_eq(slot_config(&guest, SLOT, PCI_COMMAND, 2), 7);
    offer();
    kick(true, 0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
}
END_TEST

static void set_vector(unsigned vector, uint32_t data)
{
    uint64_t at = PCI_GUEST_MSIX(SLOT) - 0x40000000 + 16 * vector;
    pci_guest_write(&guest, PCI_WINDOW_MEM32, at, 4, 0x28000000);
    pci_guest_write(&guest, PCI_WINDOW_MEM32, at + 4, 4, 0);
    pci_guest_write(&guest, PCI_WINDOW_MEM32, at + 8, 4, data);
    pci_guest_write(&guest, PCI_WINDOW_MEM32, at + 12, 4, 0);
}

START_TEST(msix)
{
    set_vector(1, 101);
    set_vector(2, 102);
    slot_set_config(&guest, SLOT, MSIX_CONTROL, 2, MSIX_ENABLE);
    start(_i, 0);
    if (_i) {
        slot_set_legacy(&guest, SLOT, LEGACY_CONFIG_VECTOR, 2, 3); /* only 0 to 2 exist */
        ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_CONFIG_VECTOR, 2), 0xffff);
        slot_set_legacy(&guest, SLOT, LEGACY_CONFIG_VECTOR, 2, 2);
        slot_set_legacy(&guest, SLOT, LEGACY_QUEUE_VECTOR, 2, 1);
        ck_assert_uint_eq(slot_legacy(&guest, SLOT, LEGACY_QUEUE_VECTOR, 2), 1);
    } else {
        slot_set_modern(&guest, SLOT, COMMON_CONFIG_VECTOR, 2, 3);
        ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_CONFIG_VECTOR, 2), 0xffff);
        slot_set_modern(&guest, SLOT, COMMON_CONFIG_VECTOR, 2, 2);
        slot_set_modern(&guest, SLOT, COMMON_QUEUE_VECTOR, 2, 1);
        ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_VECTOR, 2), 1);
    }
    offer();
    kick(_i, 0);
    ck_assert_uint_eq(atomic_load(&guest.messages), 1);
    ck_assert_uint_eq(guest.message_data, 101);
    change_configuration();
    ck_assert_uint_eq(atomic_load(&guest.messages), 2);
    ck_assert_uint_eq(guest.message_data, 102);
    ck_assert(!atomic_load(&guest.wires[WIRE]));
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_ISR, 1), 0);
    /* A reset forgets the vectors; without a vector there is no interrupt. */
    start(_i, 0);
    offer();
    kick(_i, 0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    ck_assert_uint_eq(atomic_load(&guest.messages), 2);
}
END_TEST

/* ---- Configuration space ------------------------------------------------------------------------------- */

enum { ACCESS = 0x84 };

static void aim(uint32_t bar, uint32_t offset, uint32_t length)
{
    slot_set_config(&guest, SLOT, ACCESS + 4, 1, bar);
    slot_set_config(&guest, SLOT, ACCESS + 8, 4, offset);
    slot_set_config(&guest, SLOT, ACCESS + 12, 4, length);
}

START_TEST(access_through_configuration_space)
{
    /* Nothing is decoded: firmware uses this access before it has placed the BARs. */
    slot_set_config(&guest, SLOT, PCI_COMMAND, 2, 0);
    aim(4, COMMON_STATUS, 1);
    slot_set_config(&guest, SLOT, ACCESS + 16, 4, 0xffffff03);
    ck_assert_uint_eq(echo->device.status, 3);
    slot_set_config(&guest, SLOT, ACCESS + 16, 1, 1);
    ck_assert_uint_eq(echo->device.status, 1);
    ck_assert_uint_eq(slot_config(&guest, SLOT, ACCESS + 16, 1), 1);
    aim(4, MODERN_CONFIG + 4, 4);
    ck_assert_uint_eq(slot_config(&guest, SLOT, ACCESS + 16, 4), 0x17161514);
    ck_assert_uint_eq(slot_config(&guest, SLOT, ACCESS + 18, 2), 0x1716);
    aim(0, LEGACY_QUEUE_SELECT, 2);
    slot_set_config(&guest, SLOT, ACCESS + 16, 2, 1);
    ck_assert_uint_eq(slot_modern(&guest, SLOT, COMMON_QUEUE_SELECT, 2), UINT16_MAX); /* not decoded */
    aim(4, COMMON_QUEUE_SELECT, 2);
    ck_assert_uint_eq(slot_config(&guest, SLOT, ACCESS + 16, 2), 1);
    /* Places that do not exist. */
    static const uint32_t rows[][3] = { { 4, 0x4000, 4 },     { 4, 0x3ffe, 4 }, { 4, UINT32_MAX, 1 },
                                        { 4, UINT32_MAX, 4 }, { 4, 0, 3 },      { 4, 0, 0 },
                                        { 4, 0, 8 },          { 5, 0, 4 },      { 6, 0, 4 },
                                        { 255, 0, 4 },        { 4, 2, 4 },      { 2, 0, 1 } };
    uint8_t status = echo->device.status;
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        aim(rows[n][0], rows[n][1], rows[n][2]);
        slot_config(&guest, SLOT, ACCESS + 16, 4);
        slot_set_config(&guest, SLOT, ACCESS + 16, 4, 0);
        ck_assert_uint_eq(echo->device.status, status);
    }
}
END_TEST

/* ---- Reset and saved state ----------------------------------------------------------------------------- */

START_TEST(machine_reset)
{
    struct device *ecam = pci_host_window(guest.host, PCI_WINDOW_ECAM);
    start(true, 0);
    offer();
    kick(true, 0);
    ecam->ops->reset(ecam);
    ck_assert(!atomic_load(&guest.wires[WIRE]));
    ck_assert_uint_eq(slot_config(&guest, SLOT, PCI_COMMAND, 2), 0);
    ck_assert_uint_eq(echo->device.status, 0);
    ck_assert(!echo->device.legacy);
    pci_guest_place_bars(&guest, SLOT);
    start(false, 0);
    offer();
    kick(false, 0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
}
END_TEST

START_TEST(saved_state)
{
    struct pci_guest other;
    struct echo *copy = make_echo(2);
    struct device *from = pci_host_window(guest.host, PCI_WINDOW_ECAM);
    pci_guest_init(&other);
    pci_guest_plug(&other, SLOT, &copy->device, VIRTIO_PCI_LEGACY_AUTO, false);
    struct device *to = pci_host_window(other.host, PCI_WINDOW_ECAM);
    start(_i, 4);
    offer();
    kick(_i, 0);
    ck_assert(atomic_load(&guest.wires[WIRE]));
    memcpy(guest_host(&other.guest, GUEST_RAM_BASE), guest_host(&guest.guest, GUEST_RAM_BASE),
           GUEST_RAM_SIZE);
    fake_state_copy(from, to);
    ck_assert(atomic_load(&other.wires[WIRE]));
    ck_assert_uint_eq(copy->device.legacy, _i);
    ck_assert(virtio_device_has(&copy->device, 2));
    /* The other machine continues from there. */
    ring.guest = &other.guest;
    ck_assert(ring_take(&ring, NULL, NULL));
    offer();
    if (_i)
        slot_set_legacy(&other, SLOT, LEGACY_NOTIFY, 2, 0);
    else
        slot_set_modern(&other, SLOT, MODERN_NOTIFY, 2, 0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    fake_state_mutate(to, fake_seed("saved_state"), 2000);
    pci_guest_destroy(&other);
}
END_TEST

START_TEST(hostile_guest)
{
    unsigned seed = fake_seed("hostile_guest");
    pci_guest_plug(&guest, 4, &make_echo(16)->device, VIRTIO_PCI_LEGACY_AUTO, false);
    pci_guest_plug(&guest, 5, &make_echo(1)->device, VIRTIO_PCI_LEGACY_ON, true);
    for (unsigned n = 0; n < 300000; n++) {
        unsigned size = 1u << (unsigned)rand_r(&seed) % 3, slot = 3 + (unsigned)rand_r(&seed) % 3;
        unsigned offset = (unsigned)rand_r(&seed) & ~(size - 1);
        uint32_t value = (uint32_t)rand_r(&seed) << 1;
        bool write = rand_r(&seed) % 2;
        if (n % 1000 == 0)
            pci_guest_place_bars(&guest, slot);
        value = rand_r(&seed) % 4 ? value & 0x8000f00f : value;
        switch (rand_r(&seed) % 8) {
        case 0:
            if (write)
                slot_set_config(&guest, slot, offset & 0xfff, size, value);
            else
                slot_config(&guest, slot, offset & 0xfff, size);
            break;
        case 1:
        case 2:
        case 3:
            if (write)
                slot_set_legacy(&guest, slot, offset & 0x3f, size, value);
            else
                slot_legacy(&guest, slot, offset & 0x3f, size);
            break;
        default:
            if (write)
                slot_set_modern(&guest, slot, offset & 0x303f, size, value);
            else
                slot_modern(&guest, slot, offset & 0x303f, size);
        }
    }
    pci_guest_place_bars(&guest, SLOT);
    start(false, 0);
    offer();
    kick(false, 0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
}
END_TEST

/* ---- Three harts at once ------------------------------------------------------------------------------- */

enum { ROUNDS = 3000 };

/* Takes bus mastering and decoding away and gives them back. */
static void *hart_config(void *opaque)
{
    (void)opaque;
    for (unsigned n = 0; n < ROUNDS; n++) {
        slot_set_config(&guest, SLOT, PCI_COMMAND, 2, n % 3 ? PCI_COMMAND_MEMORY : 0);
        slot_set_config(&guest, SLOT, PCI_BAR + 16, 4, UINT32_MAX);
        slot_config(&guest, SLOT, PCI_BAR + 16, 4);
        slot_set_config(&guest, SLOT, MSIX_CONTROL, 2, n % 4 ? 0 : MSIX_ENABLE);
        pci_guest_place_bars(&guest, SLOT);
    }
    return NULL;
}

static void *hart_queue(void *opaque)
{
    (void)opaque;
    for (unsigned n = 0; n < ROUNDS; n++) {
        ring_offer(&ring, n % SIZE);
        kick(n % 16 == 0, 0);
        slot_modern(&guest, SLOT, MODERN_ISR, 1);
        slot_config(&guest, SLOT, PCI_STATUS, 2);
        if (n % 64 == 0)
            change_configuration();
    }
    return NULL;
}

/* Resets the device through both interfaces, and starts it again with the same ring. */
static void *hart_driver(void *opaque)
{
    (void)opaque;
    for (unsigned n = 0; n < ROUNDS / 10; n++) {
        if (n % 4 == 0)
            slot_negotiate_legacy(&guest, SLOT, 0);
        slot_negotiate(&guest, SLOT, 1ull << VIRTIO_F_RING_RESET);
        slot_set_modern(&guest, SLOT, COMMON_QUEUE_RESET, 2, n & 1);
        slot_set_modern(&guest, SLOT, COMMON_QUEUE_DESC, 8, ring.desc);
        slot_set_modern(&guest, SLOT, COMMON_QUEUE_DESC + 8, 8, ring.avail);
        slot_set_modern(&guest, SLOT, COMMON_QUEUE_DESC + 16, 8, ring.used);
        slot_set_modern(&guest, SLOT, COMMON_QUEUE_ENABLE, 2, 1);
        slot_set_modern(&guest, SLOT, COMMON_STATUS, 1, 15);
    }
    return NULL;
}

START_TEST(three_harts)
{
    void *(*const harts[3])(void *) = { hart_config, hart_queue, hart_driver };
    pthread_t threads[3];
    start(false, 0);
    for (unsigned n = 0; n < SIZE; n++)
        ring_desc(&ring, n, DATA_AT, 10, DESC_WRITE, 0);
    for (unsigned n = 0; n < 3; n++)
        ck_assert_int_eq(pthread_create(&threads[n], NULL, harts[n], NULL), 0);
    for (unsigned n = 0; n < 3; n++)
        pthread_join(threads[n], NULL);
    pci_guest_place_bars(&guest, SLOT);
    slot_set_config(&guest, SLOT, MSIX_CONTROL, 2, 0);
    start(false, 0);
    ck_assert(!atomic_load(&guest.wires[WIRE]));
    offer();
    kick(false, 0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    ck_assert(atomic_load(&guest.wires[WIRE]));
    ck_assert_uint_eq(slot_modern(&guest, SLOT, MODERN_ISR, 1), 1);
    ck_assert(!atomic_load(&guest.wires[WIRE]));
}
END_TEST

static Suite *suite(void)
{
    Suite *pci = suite_create("virtio-pci");
    TCase *tests = tcase_create("virtio-pci");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, ids_and_bars);
    tcase_add_test(tests, structures);
    tcase_add_test(tests, impossible_interfaces);
    tcase_add_test(tests, modern_features);
    tcase_add_test(tests, modern_queues);
    tcase_add_test(tests, odd_accesses);
    tcase_add_test(tests, legacy_registers);
    tcase_add_test(tests, device_configuration);
    tcase_add_loop_test(tests, chain_and_intx, 0, 2);
    tcase_add_test(tests, queue_reset);
    tcase_add_test(tests, bus_mastering);
    tcase_add_loop_test(tests, msix, 0, 2);
    tcase_add_test(tests, access_through_configuration_space);
    tcase_add_test(tests, machine_reset);
    tcase_add_loop_test(tests, saved_state, 0, 2);
    tcase_add_test(tests, hostile_guest);
    tcase_add_test(tests, three_harts);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(pci, tests);
    return pci;
}

FAKE_MAIN(suite)
