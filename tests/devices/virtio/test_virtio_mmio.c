/* SPDX-License-Identifier: MIT
 *
 * Registers of the virtio-mmio transport, legacy and not, over a device of the test's own: negotiation,
 * queues, configuration space, interrupts, the FDT node, saved state.
 */
#include <check.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

/* A device that returns every chain, having filled it with 0x5a. */
struct echo {
    struct virtio_device device;
    struct virtq_chain chain;
    unsigned config_writes, resets;
};

static void echo_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct echo *echo = (struct echo *)device;
    while (virtqueue_pop(queue, &echo->chain)) {
        uint8_t byte = 0x5a;
        for (uint32_t n = 0; n < echo->chain.in_length; n++)
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

static const struct virtio_device_ops echo_ops = {
    .name = "echo",
    .id = 77,
    .notify = echo_notify,
    .config_write = echo_config_write,
    .reset = echo_reset,
    .destroy = echo_destroy,
};

static struct echo *plug_echo(struct guest *guest)
{
    struct echo *echo = calloc(1, sizeof(*echo));
    ck_assert_ptr_nonnull(echo);
    ck_assert(virtio_device_init(&echo->device, &echo_ops, 5, 2, 16, NULL));
    for (unsigned n = 0; n < 16; n++)
        echo->device.config[n] = (uint8_t)(0x10 + n);
    echo->device.config_size = 16;
    guest_plug(guest, &echo->device);
    return echo;
}

static uint64_t config_read(struct guest *guest, unsigned offset, unsigned size)
{
    return guest->slot->ops->read(guest->slot, REG_CONFIG + offset, size);
}

START_TEST(empty_slot_has_device_id_0)
{
    struct guest guest;
    guest_init(&guest, _i);
    ck_assert(virtio_mmio_is_empty(guest.slot));
    ck_assert_uint_eq(guest_read(&guest, REG_MAGIC), 0x74726976);
    ck_assert_uint_eq(guest_read(&guest, REG_VERSION), _i ? 1 : 2);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 0);
    guest_write(&guest, REG_STATUS, 1);
    guest_write(&guest, REG_NOTIFY, 0);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS), 0);
    guest_destroy(&guest);
}
END_TEST

START_TEST(identification_and_features)
{
    struct guest guest;
    guest_init(&guest, _i);
    plug_echo(&guest);
    ck_assert(!virtio_mmio_is_empty(guest.slot));
    ck_assert_uint_eq(guest_read(&guest, REG_VERSION), _i ? 1 : 2);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 77);
    ck_assert_uint_eq(guest_read(&guest, REG_VENDOR), 0x554d4551);
    uint32_t low = 5 | 1u << VIRTIO_F_EVENT_IDX | 1u << VIRTIO_F_INDIRECT_DESC;
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES), low | (_i ? 1u << VIRTIO_F_ANY_LAYOUT : 0));
    guest_write(&guest, REG_FEATURES_SEL, 1);
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES), _i ? 0 : 1);
    guest_write(&guest, REG_FEATURES_SEL, 2);
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES), 0);
    guest_write(&guest, REG_FEATURES_SEL, 0xffffffff);
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES), 0);
    guest_destroy(&guest);
}
END_TEST

START_TEST(features_ok_only_for_offered_ones)
{
    struct guest guest;
    guest_init(&guest, false);
    plug_echo(&guest);
    ck_assert_uint_eq(guest_negotiate(&guest, 4) & VIRTIO_FEATURES_OK, VIRTIO_FEATURES_OK);
    ck_assert(virtio_device_has(guest.vdev, 2));
    ck_assert(!virtio_device_has(guest.vdev, 0));
    /* Too late to change. */
    guest_write(&guest, REG_DRIVER_FEATURES_SEL, 0);
    guest_write(&guest, REG_DRIVER_FEATURES, 1);
    ck_assert(!virtio_device_has(guest.vdev, 0));
    ck_assert_uint_eq(guest_negotiate(&guest, 6) & VIRTIO_FEATURES_OK, 0);
    ck_assert_uint_eq(guest_negotiate(&guest, 1ull << 60) & VIRTIO_FEATURES_OK, 0);
    guest_destroy(&guest);
}
END_TEST

/* A driver without VERSION_1 on a version 2 slot, as teaching systems have it. */
START_TEST(version_2_driver_without_version_1)
{
    struct guest guest;
    struct ring ring;
    guest_init(&guest, false);
    plug_echo(&guest);
    guest_write(&guest, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    guest_write(&guest, REG_DRIVER_FEATURES, 0);
    guest_write(&guest, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    ck_assert(guest_read(&guest, REG_STATUS) & VIRTIO_FEATURES_OK);
    guest_ring(&guest, &ring, 0, 8, GUEST_RAM_BASE);
    guest_driver_ok(&guest);
    ring_desc(&ring, 0, GUEST_RAM_BASE + 0x8000, 4, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    ck_assert(ring_take(&ring, NULL, NULL));
    guest_destroy(&guest);
}
END_TEST

START_TEST(queue_registers)
{
    struct guest guest;
    struct ring ring;
    guest_init(&guest, _i);
    plug_echo(&guest);
    guest_negotiate(&guest, 0);
    guest_write(&guest, REG_QUEUE_SEL, 2);
    ck_assert_uint_eq(guest_read(&guest, REG_QUEUE_NUM_MAX), 0);
    guest_write(&guest, REG_QUEUE_SEL, 1);
    ck_assert_uint_eq(guest_read(&guest, REG_QUEUE_NUM_MAX), 16);
    guest_ring(&guest, &ring, 1, 8, GUEST_RAM_BASE + 0x4000);
    unsigned enabled = _i ? REG_QUEUE_PFN : REG_QUEUE_READY;
    ck_assert_uint_eq(guest_read(&guest, enabled), _i ? 0x80004 : 1);
    ck_assert(guest.vdev->queues[1].enabled);
    ck_assert_uint_eq(guest.vdev->queues[1].size, 8);
    ck_assert_uint_eq(guest.vdev->queues[1].used_paddr, ring.used);
    guest_write(&guest, enabled, 0);
    ck_assert_uint_eq(guest_read(&guest, enabled), 0);
    ck_assert(!guest.vdev->queues[1].enabled);
    guest_write(&guest, REG_NOTIFY, 1);
    guest_write(&guest, REG_NOTIFY, 99);
    if (!_i)
        for (unsigned reg = REG_SHM_LEN; reg < REG_SHM_LEN + 16; reg += 4)
            ck_assert_uint_eq(guest_read(&guest, reg), UINT32_MAX);
    guest_destroy(&guest);
}
END_TEST

START_TEST(chain_and_interrupt)
{
    struct guest guest;
    struct ring ring;
    uint32_t head, written;
    guest_init(&guest, _i);
    struct echo *echo = plug_echo(&guest);
    guest_negotiate(&guest, 0);
    guest_ring(&guest, &ring, 0, 16, GUEST_RAM_BASE);
    guest_driver_ok(&guest);
    for (unsigned n = 0; n < 100; n++) {
        ring_desc(&ring, 3, GUEST_RAM_BASE + 0x8000, 10, DESC_WRITE, 0);
        ring_offer(&ring, 3);
        ring_kick(&ring);
        ck_assert(ring_take(&ring, &head, &written));
        ck_assert_uint_eq(head, 3);
        ck_assert_uint_eq(written, 10);
        ck_assert(atomic_load(&guest.irq));
        ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 1);
        guest_write(&guest, REG_ACK, 2);
        ck_assert(atomic_load(&guest.irq));
        guest_write(&guest, REG_ACK, 1);
        ck_assert(!atomic_load(&guest.irq));
        ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 0);
    }
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, GUEST_RAM_BASE + 0x8009), 0x5a);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, GUEST_RAM_BASE + 0x800a), 0);
    ck_assert_uint_ge(atomic_load(&guest.written), 100 * (10 + 8 + 2));
    /* A reset drops a pending interrupt and all of the state. */
    ring_offer(&ring, 3);
    ring_kick(&ring);
    ck_assert(atomic_load(&guest.irq));
    unsigned resets = echo->resets;
    guest_write(&guest, REG_STATUS, 0);
    ck_assert_uint_eq(echo->resets, resets + 1);
    ck_assert(!atomic_load(&guest.irq));
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS), 0);
    ck_assert(!guest.vdev->queues[0].enabled);
    guest_destroy(&guest);
}
END_TEST

START_TEST(modern_queue_waits_for_driver_ok)
{
    struct guest guest;
    struct ring ring;
    guest_init(&guest, false);
    plug_echo(&guest);
    guest_negotiate(&guest, 0);
    guest_ring(&guest, &ring, 0, 16, GUEST_RAM_BASE);
    ring_desc(&ring, 0, GUEST_RAM_BASE + 0x8000, 1, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    guest_driver_ok(&guest);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    guest_destroy(&guest);
}
END_TEST

START_TEST(configuration_space)
{
    struct guest guest;
    guest_init(&guest, _i);
    struct echo *echo = plug_echo(&guest);
    ck_assert_uint_eq(config_read(&guest, 0, 1), 0x10);
    ck_assert_uint_eq(config_read(&guest, 2, 2), 0x1312);
    ck_assert_uint_eq(config_read(&guest, 4, 4), 0x17161514);
    ck_assert_uint_eq(config_read(&guest, 8, 8), 0x1f1e1d1c1b1a1918);
    ck_assert_uint_eq(config_read(&guest, 16, 1), 0xff);
    ck_assert_uint_eq(config_read(&guest, 16, 8), UINT64_MAX);
    ck_assert_uint_eq(config_read(&guest, 0xe00, 4), 0xffffffff);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 8, 8, 0x0102030405060708);
    ck_assert_uint_eq(config_read(&guest, 8, 8), 0x0102030405060708);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 16, 1, 1);
    guest.slot->ops->write(guest.slot, REG_CONFIG + 0xef8, 8, 1);
    ck_assert_uint_eq(echo->config_writes, 1);
    uint32_t generation = _i ? 0 : guest_read(&guest, REG_GENERATION);
    pthread_mutex_lock(&guest.vdev->lock);
    virtio_device_config_changed(guest.vdev);
    pthread_mutex_unlock(&guest.vdev->lock);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 2);
    if (!_i)
        ck_assert_uint_ne(guest_read(&guest, REG_GENERATION), generation);
    guest_destroy(&guest);
}
END_TEST

/* Every offset in every size, reads and writes: nothing may break, and registers of the other interface read
 * as 0. */
START_TEST(all_offsets_all_sizes)
{
    struct guest guest;
    guest_init(&guest, _i & 1);
    if (_i & 2)
        plug_echo(&guest);
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned offset = 0; offset < 0x1000; offset += size) {
            uint64_t value = guest.slot->ops->read(guest.slot, offset, size);
            ck_assert_uint_eq(size < 8 ? value >> 8 * size : 0, 0);
            guest.slot->ops->write(guest.slot, offset, size, 0xa5a5a5a5a5a5a5a5);
        }
    }
    ck_assert_uint_eq(guest_read(&guest, _i & 1 ? REG_QUEUE_READY : REG_QUEUE_PFN), 0);
    ck_assert_uint_eq(guest_read(&guest, REG_MAGIC), 0x74726976);
    guest_destroy(&guest);
}
END_TEST

static void bad_ring(struct guest *guest, uint32_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
    const uint64_t areas[3] = { desc, avail, used };
    guest_negotiate(guest, 0);
    guest_write(guest, REG_QUEUE_SEL, 0);
    guest_write(guest, REG_QUEUE_NUM, size);
    for (unsigned n = 0; n < 3; n++) {
        guest_write(guest, REG_DESC + 16 * n, (uint32_t)areas[n]);
        guest_write(guest, REG_DESC + 16 * n + 4, (uint32_t)(areas[n] >> 32));
    }
    guest_write(guest, REG_QUEUE_READY, 1);
    guest_driver_ok(guest);
    ck_assert_uint_eq(guest_read(guest, REG_QUEUE_READY), 0);
    ck_assert_uint_eq(guest_read(guest, REG_STATUS) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
    guest_write(guest, REG_NOTIFY, 0);
    /* The driver can clear the bit only by a reset. */
    guest_write(guest, REG_STATUS, VIRTIO_DRIVER_OK);
    ck_assert(guest_read(guest, REG_STATUS) & VIRTIO_NEEDS_RESET);
    guest_write(guest, REG_STATUS, 0);
    ck_assert_uint_eq(guest_read(guest, REG_STATUS), 0);
}

START_TEST(bad_rings_need_reset)
{
    const uint64_t base = GUEST_RAM_BASE, end = GUEST_RAM_BASE + GUEST_RAM_SIZE;
    struct guest guest;
    guest_init(&guest, false);
    plug_echo(&guest);
    bad_ring(&guest, 0, base, base + 0x1000, base + 0x2000);
    bad_ring(&guest, 3, base, base + 0x1000, base + 0x2000);
    bad_ring(&guest, 32, base, base + 0x1000, base + 0x2000);
    bad_ring(&guest, 0x10008, base, base + 0x1000, base + 0x2000);
    bad_ring(&guest, 16, base, base + 0x1001, base + 0x2000);
    bad_ring(&guest, 16, base, base + 0x1000, base + 0x2002);
    bad_ring(&guest, 16, base - 16, base + 0x1000, base + 0x2000);
    bad_ring(&guest, 16, end - 240, base + 0x1000, base + 0x2000);
    bad_ring(&guest, 16, base, end - 36, base + 0x2000);
    bad_ring(&guest, 16, base, base + 0x1000, end - 132);
    bad_ring(&guest, 16, ~15ull, ~1ull, ~3ull);
    guest_destroy(&guest);
}
END_TEST

START_TEST(strict_table_alignment)
{
    const uint64_t base = GUEST_RAM_BASE;
    struct guest guest;
    guest_init_strict(&guest, false);
    plug_echo(&guest);
    bad_ring(&guest, 16, base + 8, base + 0x1000, base + 0x2000);
    guest_destroy(&guest);
}
END_TEST

START_TEST(bad_legacy_rings_are_ignored)
{
    static const struct {
        uint32_t page, align, pfn, size;
        bool strict_only;
    } cases[] = {
        { 0, 4096, 0x80000, 8, false },
        { 4095, 4096, 0x80000, 8, false },
        { 4096, 0, 0x80000, 8, true },
        { 4096, 3, 0x80000, 8, true },
        { 4096, 4096, 0x7ffff, 8, false },
        { 4096, 4096, 0x80100, 8, false },
        { 1u << 31, 4096, UINT32_MAX, 8, false },
        { 4096, 1u << 31, 0x80000, 8, false },
        { 4096, 4096, 0x80000, 7, false },
        { 4096, 4096, 0x80000, 1u << 31, false },
        { 1, 1, 0x80000000u | 0xfffff, 16, false },
        { 1, 1, 0x80000001, 8, false },
    };
    struct guest guest;
    if (_i)
        guest_init_strict(&guest, true);
    else
        guest_init(&guest, true);
    plug_echo(&guest);
    for (unsigned n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        if (cases[n].strict_only && !_i)
            continue;
        guest_negotiate(&guest, 0);
        guest_write(&guest, REG_PAGE_SIZE, cases[n].page);
        guest_write(&guest, REG_QUEUE_ALIGN, cases[n].align);
        guest_write(&guest, REG_QUEUE_NUM, cases[n].size);
        guest_write(&guest, REG_QUEUE_PFN, cases[n].pfn);
        guest_driver_ok(&guest);
        guest_write(&guest, REG_NOTIFY, 0);
        ck_assert_msg(!guest.vdev->queues[0].enabled, "case %u", n);
        ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
    }
    guest_destroy(&guest);
}
END_TEST

/* One register of a legacy queue as a driver writes it. */
struct step {
    unsigned reg;
    uint32_t value;
};
#define PFN (uint32_t)(GUEST_RAM_BASE >> 12)

/* Sequences of registers that QEMU's slots understand; with `strict` only the first, which is that of section
 * 4.2.4. */
START_TEST(legacy_sequences)
{
    static const struct step sequences[][4] = {
        { { REG_PAGE_SIZE, 4096 }, { REG_QUEUE_NUM, 8 }, { REG_QUEUE_ALIGN, 4096 }, { REG_QUEUE_PFN, PFN } },
        { { REG_PAGE_SIZE, 4096 }, { REG_QUEUE_NUM, 8 }, { REG_QUEUE_PFN, PFN } },
        { { REG_PAGE_SIZE, 0 }, { REG_QUEUE_NUM, 8 }, { REG_QUEUE_ALIGN, 0 }, { REG_QUEUE_PFN, 0x80000000 } },
        { { REG_QUEUE_NUM, 8 }, { REG_QUEUE_PFN, 0x80000000 } },
        { { REG_PAGE_SIZE, 4096 }, { REG_QUEUE_NUM, 8 }, { REG_QUEUE_PFN, PFN }, { REG_QUEUE_ALIGN, 4096 } },
        { { REG_PAGE_SIZE, 4096 }, { REG_QUEUE_ALIGN, 4096 }, { REG_QUEUE_PFN, PFN }, { REG_QUEUE_NUM, 8 } },
    };
    bool strict = _i % 2;
    const struct step *steps = sequences[_i / 2];
    struct guest guest;
    if (strict)
        guest_init_strict(&guest, true);
    else
        guest_init(&guest, true);
    plug_echo(&guest);
    guest_write(&guest, REG_STATUS, 0);
    guest_write(&guest, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    guest_write(&guest, REG_DRIVER_FEATURES, 0);
    guest_write(&guest, REG_QUEUE_SEL, 1);
    for (unsigned n = 0; n < 4 && steps[n].reg; n++)
        guest_write(&guest, steps[n].reg, steps[n].value);
    guest_driver_ok(&guest);
    struct ring ring = { .guest = &guest, .queue = 1, .size = 8, .desc = GUEST_RAM_BASE };
    ring.avail = ring.desc + 16 * 8;
    ring.used = ring.desc + 4096;
    bool works = !strict || _i / 2 == 0;
    for (unsigned n = 0; n < 20; n++) { /* around the ring's end */
        ring_desc(&ring, 3, GUEST_RAM_BASE + 0x8000, 4, DESC_WRITE, 0);
        memset(guest_host(&guest, GUEST_RAM_BASE + 0x8000), 0, 4);
        ring_offer(&ring, 3);
        ring_kick(&ring);
        ck_assert_uint_eq(ring_returned(&ring), works);
        if (!works)
            break;
        ck_assert(ring_take(&ring, NULL, NULL));
        ck_assert_mem_eq(guest_host(&guest, GUEST_RAM_BASE + 0x8000), "ZZZZ", 4);
    }
    /* The other queue has an alignment of its own, and a reset of the device forgets both. */
    ck_assert(!guest.vdev->queues[0].enabled);
    guest_reload(&guest);
    if (works)
        ck_assert(guest.vdev->queues[1].enabled);
    guest_write(&guest, REG_STATUS, 0);
    ck_assert(!guest.vdev->queues[1].enabled);
    guest_destroy(&guest);
}
END_TEST

/* Rings that move outside RAM stop the queue; when they move back, it works again. */
START_TEST(legacy_rings_move)
{
    struct guest guest;
    guest_init(&guest, true);
    plug_echo(&guest);
    guest_negotiate(&guest, 0);
    guest_write(&guest, REG_QUEUE_NUM, 8);
    guest_write(&guest, REG_QUEUE_PFN, PFN + 0xff); /* the last page: the used ring lies beyond it */
    struct virtqueue *queue = &guest.vdev->queues[0];
    ck_assert(!queue->enabled);
    guest_write(&guest, REG_QUEUE_ALIGN, 4);
    ck_assert(queue->enabled);
    ck_assert_uint_eq(queue->used_paddr, GUEST_RAM_BASE + 0xff000 + 16 * 8 + 6 + 2 * 8 + 2);
    guest_write(&guest, REG_QUEUE_NUM, 7);
    ck_assert(!queue->enabled);
    guest_write(&guest, REG_QUEUE_NUM, 16);
    ck_assert(queue->enabled);
    guest_write(&guest, REG_QUEUE_ALIGN, 1u << 31);
    ck_assert(!queue->enabled);
    guest_write(&guest, REG_QUEUE_ALIGN, 0); /* ignored */
    ck_assert(!queue->enabled);
    guest_write(&guest, REG_QUEUE_ALIGN, 512);
    ck_assert(queue->enabled);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
    guest_destroy(&guest);
}
END_TEST

/* If the driver acknowledges only a part of the status, the device raises the interrupt again. */
START_TEST(acknowledged_in_part)
{
    struct guest guest;
    struct ring ring;
    guest_init(&guest, _i);
    plug_echo(&guest);
    guest_negotiate(&guest, 0);
    guest_ring(&guest, &ring, 0, 8, GUEST_RAM_BASE);
    guest_driver_ok(&guest);
    ring_desc(&ring, 0, GUEST_RAM_BASE + 0x8000, 1, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    pthread_mutex_lock(&guest.vdev->lock);
    virtio_device_config_changed(guest.vdev);
    pthread_mutex_unlock(&guest.vdev->lock);
    unsigned before = atomic_load(&guest.irq_count);
    guest_write(&guest, REG_ACK, 1);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 2);
    ck_assert_uint_eq(atomic_load(&guest.irq_count), before + 1);
    guest_write(&guest, REG_ACK, 2);
    ck_assert(!atomic_load(&guest.irq));
    guest_destroy(&guest);
}
END_TEST

START_TEST(fdt_node)
{
    struct guest guest;
    uint8_t tree[1024];
    int length;
    guest_init(&guest, false);
    struct fdt_place place = { .base = 0x10001000, .size = 0x1000, .irq = 1, .irq_parent = 3 };
    ck_assert_int_eq(fdt_create(tree, sizeof(tree)), 0);
    ck_assert_int_eq(fdt_finish_reservemap(tree), 0);
    ck_assert_int_eq(fdt_begin_node(tree, ""), 0);
    ck_assert_int_eq(guest.slot->ops->fdt(guest.slot, tree, &place), 0);
    ck_assert_int_eq(fdt_end_node(tree), 0);
    ck_assert_int_eq(fdt_finish(tree), 0);
    int node = fdt_path_offset(tree, "/virtio_mmio@10001000");
    ck_assert_int_ge(node, 0);
    ck_assert_int_eq(fdt_node_check_compatible(tree, node, "virtio,mmio"), 0);
    const uint8_t *reg = fdt_getprop(tree, node, "reg", &length);
    ck_assert_int_eq(length, 16);
    ck_assert_mem_eq(reg, "\0\0\0\0\x10\0\x10\0\0\0\0\0\0\0\x10\0", 16);
    ck_assert_mem_eq(fdt_getprop(tree, node, "interrupts", &length), "\0\0\0\1", 4);
    ck_assert_mem_eq(fdt_getprop(tree, node, "interrupt-parent", &length), "\0\0\0\3", 4);
    guest_destroy(&guest);
}
END_TEST

START_TEST(state_round_trip)
{
    struct guest guest, other;
    struct ring ring;
    guest_init(&guest, _i);
    plug_echo(&guest);
    guest_negotiate(&guest, 1ull << VIRTIO_F_EVENT_IDX);
    guest_ring(&guest, &ring, 0, 16, GUEST_RAM_BASE);
    guest_driver_ok(&guest);
    for (unsigned n = 0; n < 5; n++) {
        ring_desc(&ring, 0, GUEST_RAM_BASE + 0x8000, 1, DESC_WRITE, 0);
        ring_offer(&ring, 0);
        ring_kick(&ring);
    }
    struct state_writer writer;
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    ck_assert(!writer.failed);
    ring_offer(&ring, 0); /* the other device will find it */

    guest_init(&other, _i);
    plug_echo(&other);
    memcpy(other.ram, guest.ram, GUEST_RAM_SIZE);
    struct error error = { "" };
    struct state_reader reader;
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(other.slot->ops->load(other.slot, &reader), "%s", error.text);
    ck_assert_uint_eq(guest_read(&other, REG_STATUS), guest_read(&guest, REG_STATUS));
    ck_assert_uint_eq(other.vdev->driver_features, guest.vdev->driver_features);
    ck_assert_uint_eq(other.vdev->queues[0].last_avail, 6);
    ck_assert_uint_eq(other.vdev->queues[0].used_idx, 6);
    ck_assert_uint_eq(guest_read(&other, REG_INTERRUPT), 1);
    ck_assert(atomic_load(&other.irq));
    /* A saved state that is cut short anywhere is refused, and the device is as after a reset. */
    for (size_t length = 0; length < writer.length; length += 7) {
        state_reader_init(&reader, writer.bytes, length, &error);
        ck_assert(!other.slot->ops->load(other.slot, &reader));
        ck_assert(strlen(error.text) > 0);
    }
    guest_destroy(&other);
    guest_init(&other, !_i);
    plug_echo(&other);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert(!other.slot->ops->load(other.slot, &reader));
    state_writer_destroy(&writer);
    guest_destroy(&other);
    guest_destroy(&guest);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio-mmio");
    TCase *tcase = tcase_create("registers");
    tcase_add_loop_test(tcase, empty_slot_has_device_id_0, 0, 2);
    tcase_add_loop_test(tcase, identification_and_features, 0, 2);
    tcase_add_test(tcase, features_ok_only_for_offered_ones);
    tcase_add_test(tcase, version_2_driver_without_version_1);
    tcase_add_loop_test(tcase, queue_registers, 0, 2);
    tcase_add_loop_test(tcase, chain_and_interrupt, 0, 2);
    tcase_add_test(tcase, modern_queue_waits_for_driver_ok);
    tcase_add_loop_test(tcase, configuration_space, 0, 2);
    tcase_add_loop_test(tcase, all_offsets_all_sizes, 0, 4);
    tcase_add_test(tcase, bad_rings_need_reset);
    tcase_add_test(tcase, strict_table_alignment);
    tcase_add_loop_test(tcase, bad_legacy_rings_are_ignored, 0, 2);
    tcase_add_loop_test(tcase, legacy_sequences, 0, 12);
    tcase_add_test(tcase, legacy_rings_move);
    tcase_add_loop_test(tcase, acknowledged_in_part, 0, 2);
    tcase_add_test(tcase, fdt_node);
    tcase_add_loop_test(tcase, state_round_trip, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
