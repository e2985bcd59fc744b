/* SPDX-License-Identifier: MIT
 *
 * A disk in a legacy virtio-mmio slot, driven by the sequences of registers that small kernels use. Virtio
 * 1.2 section 4.2.4 gives QueueAlign and GuestPageSize no value before the driver writes them, and has
 * QueuePFN come last. In QEMU the first value is 4096, "QueuePFN is an address", and the rings are laid out
 * again when another register is written afterwards. With -machine strict=on only the sequence of the
 * specification works.
 *
 * The disk's first sector begins with 'B'. The PLIC, with a driver that never writes InterruptACK: one
 * interrupt for each request.
 */
#include "plic.h"

const char test_name[] = "virtio";

#define SLOT 0x10001000
enum { QUEUE_SIZE = 8, REQUESTS = 3, VIRTIO_IRQ = 1 };

struct desc {
    uint64_t paddr;
    uint32_t length;
    uint16_t flags, next;
};
static uint8_t rings[2 * 4096] __attribute__((aligned(4096)));
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static uint8_t data[512];
static volatile uint8_t status;

enum sequence { NO_ALIGN, ALIGN_0, PFN_FIRST, NUM_LAST, IN_ORDER, SIGN_EXTENDED };

static void reg(unsigned offset, uint32_t value)
{
    mmio_write32(SLOT + offset, value);
}

static void set_up(enum sequence sequence)
{
    uint32_t at = (uint32_t)(uintptr_t)rings;
    reg(0x70, 0);
    reg(0x70, 1);
    reg(0x70, 3);
    reg(0x20, 0);
    reg(0x28, sequence == ALIGN_0 ? 0 : 4096);
    reg(0x30, 0);
    if (sequence != NUM_LAST)
        reg(0x38, QUEUE_SIZE);
    if (sequence == ALIGN_0)
        reg(0x3c, 0);
    if (sequence == NUM_LAST || sequence == IN_ORDER || sequence == SIGN_EXTENDED)
        reg(0x3c, 4096);
    reg(0x40, sequence == ALIGN_0 ? at : at >> 12);
    if (sequence == PFN_FIRST)
        reg(0x3c, 4096);
    if (sequence == NUM_LAST)
        reg(0x38, QUEUE_SIZE);
    reg(0x70, 7);
}

static uint64_t address(const volatile void *pointer, bool extended)
{
    return extended ? (uint64_t)(intptr_t)pointer : (uintptr_t)pointer;
}

/* Reads sector 0 for the nth time since set_up(). Waits 5 s for the answer or, if none is expected, 50 ms. */
static bool read_sector(unsigned n, bool extended, bool works)
{
    volatile struct desc *desc = (void *)rings;
    volatile uint16_t *avail = (void *)(rings + QUEUE_SIZE * sizeof(struct desc));
    volatile uint16_t *used = (void *)(rings + 4096);
    desc[0] = (struct desc){ address(&header, extended), sizeof(header), 1, 1 };
    desc[1] = (struct desc){ address(data, extended), sizeof(data), 3, 2 };
    desc[2] = (struct desc){ address(&status, extended), 1, 2, 0 };
    status = 0xff;
    data[0] = 0;
    avail[2 + n % QUEUE_SIZE] = 0;
    __sync_synchronize();
    avail[1] = (uint16_t)(n + 1);
    __sync_synchronize();
    reg(0x50, 0);
    uint64_t end = clint_mtime() + (works ? 50000000 : 500000);
    while (used[1] != (uint16_t)(n + 1))
        if (clint_mtime() > end)
            return false;
    __sync_synchronize();
    return true;
}

static void test_sequence(enum sequence sequence, bool works, const char *name)
{
    bool answered = true, right = true;
    for (unsigned n = 0; n < sizeof(rings); n++)
        ((volatile uint8_t *)rings)[n] = 0;
    set_up(sequence);
    for (unsigned n = 0; n < REQUESTS && answered; n++) {
        answered = read_sector(n, sequence == SIGN_EXTENDED, works);
        right &= !status && *(volatile uint8_t *)data == 'B';
    }
    print("%s\n", name);
    check_equal(answered, works, name);
    if (works && answered && !(XLEN == 32 && sequence == SIGN_EXTENDED))
        check_true(right, name);
    else if (works && answered)
        check_true(right, "sign-extended-data");
}

/* Waits up to a second for the slot's interrupt. */
static uint32_t claim(void)
{
    uint64_t end = clint_mtime() + 10000000;
    uint32_t source = 0;
    while (!(source = plic_claim(0)) && clint_mtime() < end) {
    }
    return source;
}

static void test_no_acknowledgement(void)
{
    bool each = true, more = false;
    for (unsigned n = 0; n < sizeof(rings); n++)
        ((volatile uint8_t *)rings)[n] = 0;
    set_up(IN_ORDER);
    plic_set_priority(VIRTIO_IRQ, 1);
    plic_set_threshold(0, 0);
    plic_enable(0, VIRTIO_IRQ, true);
    for (unsigned n = 0; n < REQUESTS; n++) {
        read_sector(n, false, true);
        each &= claim() == VIRTIO_IRQ;
        plic_complete(0, VIRTIO_IRQ);
        more |= plic_pending(VIRTIO_IRQ);
    }
    uint32_t interrupt = mmio_read32(SLOT + 0x60);
    reg(0x64, interrupt);
    check_true(each, "interrupt-of-each-request");
    check_equal(more, STRICT, "one-interrupt-a-request");
    check_equal(interrupt & 1, 1, "interrupt-status");
    check_equal(mmio_read32(SLOT + 0x60), 0, "interrupt-acknowledged");
    plic_enable(0, VIRTIO_IRQ, false);
}

void test_main(void)
{
    header.sector = 0;
    check_equal(mmio_read32(SLOT), 0x74726976, "magic");
    check_equal(mmio_read32(SLOT + 4), 1, "legacy");
    check_equal(mmio_read32(SLOT + 8), 2, "disk");
    test_sequence(IN_ORDER, true, "in-order");
    test_sequence(NO_ALIGN, !STRICT, "no-align");
    test_sequence(ALIGN_0, !STRICT, "align-0-page-size-0");
    test_sequence(PFN_FIRST, !STRICT, "pfn-before-align");
    test_sequence(NUM_LAST, !STRICT, "num-after-pfn");
    test_sequence(SIGN_EXTENDED, XLEN == 64 || !STRICT, "sign-extended");
    test_sequence(IN_ORDER, true, "in-order-again");
    test_no_acknowledgement();
}
