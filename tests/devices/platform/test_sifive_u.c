/* SPDX-License-Identifier: MIT
 *
 * The devices of HiFive Unleashed at register level: clocks, fuses, the cache's controller, DMA, the pin that
 * resets, SPI with an SD card.
 */
#include "devices/platform/sifive_gpio.h"
#include "devices/platform/sifive_pdma.h"
#include "devices/platform/sifive_spi.h"
#include "devices/platform/sifive_u_l2cc.h"
#include "devices/platform/sifive_u_otp.h"
#include "devices/platform/sifive_u_prci.h"
#include "tests/devices/fake.h"

static void put(struct device *device, uint64_t offset, uint32_t value)
{
    ck_assert(fake_bus_write(device, offset, 4, value));
}

static uint32_t get(struct device *device, uint64_t offset)
{
    uint64_t value = 0;
    ck_assert(fake_bus_read(device, offset, 4, &value));
    return (uint32_t)value;
}

/* All offsets, with ones and zeros: nothing may go wrong. */
static void scribble(struct device *device)
{
    uint64_t size = device->ops->size < 0x6000 ? device->ops->size : 0x6000;
    for (uint64_t offset = 0; offset < size; offset += 4) {
        put(device, offset, UINT32_MAX);
        get(device, offset);
        put(device, offset, 0);
    }
    ck_assert(!fake_bus_write(device, device->ops->size, 4, 0));
    device->ops->reset(device);
}

/* ---- Clocks, fuses, cache ------------------------------------------------------------------------------ */

START_TEST(clocks)
{
    struct sifive_u_prci_config config = { 21, 22, 23, 1000000 };
    struct device *device = sifive_u_prci_create(&config, NULL), *other = sifive_u_prci_create(&config, NULL);
    ck_assert(get(device, 0) == 0xc0000000 && get(device, 4) == 0x820187c1 && get(device, 0x24) == 1);
    put(device, 4, 0x2110100); /* not locked: it is at once */
    ck_assert_uint_eq(get(device, 4), 0x82110100);
    put(device, 0x28, 0x2f);
    put(device, 8, 1); /* no register */
    ck_assert(get(device, 0x28) == 0x2f && get(device, 8) == 0);
    fake_state_copy(device, other);
    ck_assert_uint_eq(get(other, 0x28), 0x2f);
    fake_state_mutate(other, fake_seed("prci"), 500);
    ck_assert(get(other, 4) >> 31);
    scribble(other);
    void *fdt = fake_fdt(device, &(struct fdt_place){ .base = 0x10000000, .size = 0x1000 });
    FAKE_FDT_STRINGS(fdt, "/soc/clock-controller@10000000", "compatible", "sifive,fu540-c000-prci");
    free(fdt);
    device->ops->destroy(device);
    other->ops->destroy(other);
}
END_TEST

enum {
    PA = 0x00,
    PAIO = 0x04,
    PAS = 0x08,
    PCE = 0x0c,
    PDIN = 0x14,
    PDOUT = 0x18,
    PDSTB = 0x1c,
    PTRIM = 0x34,
    PWE = 0x38
};

static uint32_t burnt(struct device *device, uint32_t bit, uint32_t spare, uint32_t in)
{
    put(device, PAIO, bit);
    put(device, PAS, spare);
    put(device, PDIN, in);
    put(device, PWE, 1);
    put(device, PWE, 0);
    return get(device, PDOUT);
}

START_TEST(fuses)
{
    struct device *device = sifive_u_otp_create(0x1234, NULL), *other = sifive_u_otp_create(1, NULL);
    put(device, PA, 0xfc);
    ck_assert_uint_eq(get(device, PDOUT), 0xff); /* off */
    put(device, PCE, 1);
    put(device, PDSTB, 1);
    put(device, PTRIM, 1);
    ck_assert_uint_eq(get(device, PDOUT), 0x1234);
    put(device, PA, 0xf0fd); /* the address has 12 bits */
    ck_assert_uint_eq(get(device, PDOUT), ~0x1234u);
    put(device, PA, 0x100);
    ck_assert_uint_eq(burnt(device, 0, 0, 0), 0xfffffffe);
    ck_assert_uint_eq(burnt(device, 5, 0, 1), 0xfffffffe);
    ck_assert_uint_eq(burnt(device, 5, 1, 0), 0xfffffffe);
    ck_assert_uint_eq(burnt(device, 5, 0, 0), 0xffffffde);
    ck_assert_uint_eq(burnt(device, 5, 0, 1), 0xffffffde); /* for ever */
    ck_assert_uint_eq(burnt(device, 32, 0, 0), 0xffffffde);
    ck_assert_uint_eq(burnt(device, UINT32_MAX, 0, 0), 0xffffffde);
    device->ops->reset(device);
    fake_state_copy(device, other);
    put(other, PCE, 1);
    put(other, PDSTB, 1);
    put(other, PTRIM, 1);
    put(other, PA, 0x100);
    ck_assert_uint_eq(get(other, PDOUT), 0xffffffde);
    fake_state_mutate(other, fake_seed("otp"), 300);
    burnt(other, 3, 0, 0);
    scribble(other);
    device->ops->destroy(device);
    other->ops->destroy(other);
}
END_TEST

START_TEST(cache)
{
    struct device *device = sifive_u_l2cc_create(NULL), *other = sifive_u_l2cc_create(NULL);
    ck_assert(get(device, 0) == 0x06081004 && get(device, 8) == 0 && get(device, 0x800) == 0xffff);
    put(device, 8, 0x1f5);
    put(device, 8, 3); /* too late */
    put(device, 0x808, 0x12345);
    put(device, 0x200, 0x80000000); /* flushes: of what? */
    ck_assert(get(device, 8) == 5 && get(device, 0x808) == 0x2345 && get(device, 0x80c) == 0);
    fake_state_copy(device, other);
    ck_assert(get(other, 8) == 5 && get(other, 0x808) == 0x2345);
    fake_state_mutate(other, fake_seed("l2cc"), 300);
    scribble(other);
    device->ops->destroy(device);
    other->ops->destroy(other);
}
END_TEST

/* ---- DMA ----------------------------------------------------------------------------------------------- */

#define RAM 0x80000000u

static void transfer(struct device *device, unsigned channel, uint64_t bytes, uint64_t to, uint64_t from)
{
    uint64_t at = 0x1000 * channel;
    put(device, at, 0);
    put(device, at, 1);
    ck_assert_uint_eq(get(device, at + 4), 0x66000000);
    put(device, at + 0x08, (uint32_t)bytes);
    put(device, at + 0x0c, (uint32_t)(bytes >> 32));
    put(device, at + 0x10, (uint32_t)to);
    put(device, at + 0x14, (uint32_t)(to >> 32));
    put(device, at + 0x18, (uint32_t)from);
    put(device, at + 0x1c, (uint32_t)(from >> 32));
    put(device, at, 0xc003);
}

START_TEST(dma)
{
    struct fake_irq irqs[2 * SIFIVE_PDMA_CHANNELS] = { 0 };
    struct fake_ram ram;
    struct sifive_pdma_config config = { .dma = &ram.dma };
    fake_ram_init(&ram, RAM, 0x2000);
    for (unsigned i = 0; i < 2 * SIFIVE_PDMA_CHANNELS; i++)
        config.irqs[i] = fake_irq_line(&irqs[i]);
    struct device *device = sifive_pdma_create(&config, NULL), *other = sifive_pdma_create(&config, NULL);
    memset(ram.bytes, 0x5a, 100);
    put(device, 0, 2); /* not claimed */
    ck_assert_uint_eq(get(device, 0), 0);
    transfer(device, 3, 100, RAM + 0x1f00, RAM);
    ck_assert(get(device, 0x3000) == 0x4000c001 && irqs[6].level && !irqs[7].level);
    ck_assert(ram.bytes[0x1f00] == 0x5a && ram.bytes[0x1f63] == 0x5a && ram.bytes[0x1f64] == 0);
    ck_assert(get(device, 0x3108) == 0 && get(device, 0x3110) == RAM + 0x1f64 &&
              get(device, 0x3118) == RAM + 100);
    put(device, 0x3000, 1);
    ck_assert(!irqs[6].level);
    /* Not all RAM, or nothing at all. */
    static const struct {
        uint64_t bytes, to, from;
    } wrong[] = { { 0x2001, RAM, RAM },           { 1, RAM + 0x2000, RAM },     { 1, RAM, RAM - 1 },
                  { UINT64_MAX, RAM, RAM },       { UINT64_MAX - RAM, RAM, 0 }, { 2, UINT64_MAX, RAM },
                  { (uint64_t)1 << 32, RAM, RAM } };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        transfer(device, 0, wrong[i].bytes, wrong[i].to, wrong[i].from);
        ck_assert(get(device, 0) == 0x8000c001 && irqs[1].level && !irqs[0].level);
    }
    transfer(device, 0, 0, 0, 0);
    ck_assert(get(device, 0) == 0x4000c001 && irqs[0].level && !irqs[1].level);
    fake_state_copy(device, other);
    ck_assert(get(other, 0) == 0x4000c001 && get(other, 0x3110) == RAM + 0x1f64);
    fake_state_mutate(other, fake_seed("pdma"), 500);
    scribble(other);
    scribble(device);
    ck_assert(!irqs[0].level && !irqs[1].level);
    device->ops->destroy(device);
    other->ops->destroy(other);
    fake_ram_destroy(&ram);
}
END_TEST

/* ---- The pin that resets ------------------------------------------------------------------------------- */

static unsigned resets;

static void on_reset(void *opaque)
{
    (void)opaque;
    resets++;
}

START_TEST(pin)
{
    struct sifive_gpio_config config = {
        .pins = 16, .reset = on_reset, .reset_pin = 10, .has_node = true, .phandle = 5, .clock = { 6, 3 }
    };
    struct device *device = sifive_gpio_create(&config, NULL);
    resets = 0;
    put(device, 0x0c, UINT32_MAX);
    ck_assert_uint_eq(get(device, 0x0c), 0xffff); /* there are 16 */
    put(device, 0x08, 1 << 10);
    put(device, 0x0c, 1 << 10);
    ck_assert_uint_eq(resets, 0);
    put(device, 0x0c, 0);
    put(device, 0x0c, 1); /* still low */
    ck_assert_uint_eq(resets, 1);
    put(device, 0x08, 0);
    put(device, 0x08, 1 << 10);
    ck_assert_uint_eq(resets, 2);
    put(device, 0x40, 1 << 10); /* inverted: high */
    put(device, 0x0c, 1 << 10);
    ck_assert_uint_eq(resets, 3);
    fake_state_mutate(device, fake_seed("pin"), 300);
    scribble(device);
    void *fdt = fake_fdt(device, &(struct fdt_place){ .base = 0x10060000, .size = 0x1000, .irq = 7 });
    FAKE_FDT_STRINGS(fdt, "/soc/gpio@10060000", "compatible", "sifive,gpio0");
    free(fdt);
    device->ops->destroy(device);
}
END_TEST

/* ---- SPI and SD card ----------------------------------------------------------------------------------- */

enum {
    CSDEF = 0x14,
    CSMODE = 0x18,
    FMT = 0x40,
    TX = 0x48,
    RX = 0x4c,
    TXMARK = 0x50,
    RXMARK = 0x54,
    IE = 0x70,
    IP = 0x74
};
enum { HOLD = 2, OFF = 3 };

/* A disk in memory, of which only the first bytes are there: the others read as zeros. */
#define DISK_BYTES (1u << 20)
struct disk {
    struct blockdev blockdev;
    uint8_t bytes[DISK_BYTES];
    int fails;
};

static int disk_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                       uint64_t at)
{
    struct disk *disk = (struct disk *)blockdev;
    ck_assert(count == 1 && iov->iov_len == bytes && at + bytes <= blockdev->size);
    memset(iov->iov_base, 0, bytes);
    if (at + bytes <= DISK_BYTES)
        memcpy(iov->iov_base, disk->bytes + at, bytes);
    return disk->fails;
}

static int disk_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                        uint64_t at)
{
    struct disk *disk = (struct disk *)blockdev;
    ck_assert(count == 1 && iov->iov_len == bytes && at + bytes <= blockdev->size);
    if (at + bytes <= DISK_BYTES)
        memcpy(disk->bytes + at, iov->iov_base, bytes);
    return disk->fails;
}

static int disk_zero(struct blockdev *blockdev, uint64_t at, uint64_t length, bool unmap)
{
    struct disk *disk = (struct disk *)blockdev;
    (void)unmap;
    ck_assert(at <= blockdev->size && length <= blockdev->size - at);
    for (uint64_t i = 0; i < length && at + i < DISK_BYTES; i++)
        disk->bytes[at + i] = 0;
    return disk->fails;
}

static const struct blockdev_ops disk_ops = {
    .name = "fake", .preadv = disk_preadv, .pwritev = disk_pwritev, .write_zeroes = disk_zero
};
static struct disk disk;
static struct device *spi;

static void disk_init(uint64_t size)
{
    memset(&disk, 0, sizeof(disk));
    disk.blockdev = (struct blockdev){ .ops = &disk_ops, .size = size };
    for (unsigned i = 0; i < DISK_BYTES; i++)
        disk.bytes[i] = (uint8_t)(i / 512 + 1);
    spi = sifive_spi_create(
        &(struct sifive_spi_config){ .card = sd_card_create(&disk.blockdev, NULL), .has_slot = true }, NULL);
    put(spi, CSMODE, HOLD);
}

static uint8_t swap(uint8_t byte)
{
    put(spi, TX, byte);
    return (uint8_t)get(spi, RX);
}

static uint8_t wait_byte(void)
{
    uint8_t byte = 0xff;
    for (unsigned i = 0; i < 4 && byte == 0xff; i++)
        byte = swap(0xff);
    return byte;
}

/* Returns R1. The checksums are those of CMD0 and CMD8 with 0x1aa, or wrong. */
static uint8_t command(unsigned number, uint32_t argument)
{
    swap((uint8_t)(0x40 | number));
    for (int shift = 24; shift >= 0; shift -= 8)
        swap((uint8_t)(argument >> shift));
    swap(number ? 0x87 : 0x95);
    return wait_byte();
}

static void start_card(void)
{
    ck_assert_uint_eq(command(0, 0), 1);
    ck_assert_uint_eq(command(8, 0x1aa), 1);
    ck_assert(swap(0xff) == 0 && swap(0xff) == 0 && swap(0xff) == 1 && swap(0xff) == 0xaa);
    ck_assert_uint_eq(command(55, 0), 1);
    ck_assert_uint_eq(command(41, 0x40000000), 0);
}

static void read_bytes(uint8_t *bytes, unsigned length)
{
    ck_assert_uint_eq(wait_byte(), 0xfe);
    for (unsigned i = 0; i < length; i++)
        bytes[i] = swap(0xff);
    swap(0xff);
    swap(0xff);
}

static uint8_t write_block(uint8_t token, uint8_t value)
{
    swap(0xff);
    swap(token);
    for (unsigned i = 0; i < 514; i++)
        swap(value);
    return wait_byte() & 0x1f;
}

START_TEST(registers)
{
    struct fake_irq irq = { 0 };
    struct device *device =
        sifive_spi_create(&(struct sifive_spi_config){ .irq = fake_irq_line(&irq) }, NULL);
    ck_assert(get(device, 0) == 3 && get(device, CSDEF) == 1 && get(device, RX) == 0x80000000 &&
              get(device, TX) == 0);
    put(device, IE, 3);
    ck_assert(!irq.level && get(device, IP) == 0);
    put(device, TXMARK, 1);
    ck_assert(irq.level && get(device, IP) == 1);
    put(device, TXMARK, 8); /* 3 bits */
    put(device, RXMARK, 2);
    for (unsigned i = 0; i < 10; i++)
        put(device, TX, i);
    ck_assert(irq.level && get(device, IP) == 2);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(get(device, RX), 0xff); /* nobody is there */
    ck_assert(get(device, RX) == 0x80000000 && !irq.level);
    put(device, FMT, 0x80008); /* what comes is not kept */
    put(device, TX, 1);
    ck_assert_uint_eq(get(device, RX), 0x80000000);
    scribble(device);
    void *fdt = fake_fdt(device, &(struct fdt_place){ .base = 0x10050000, .size = 0x1000, .irq = 6 });
    FAKE_FDT_STRINGS(fdt, "/soc/spi@10050000", "compatible", "sifive,spi0");
    free(fdt);
    device->ops->destroy(device);
}
END_TEST

START_TEST(card_reads)
{
    uint8_t bytes[512];
    disk_init(DISK_BYTES);
    ck_assert_uint_eq(command(17, 0), 5); /* not before it is initialised */
    start_card();
    ck_assert_uint_eq(command(58, 0), 0);
    ck_assert(swap(0xff) == 0x80 && swap(0xff) == 0xff);
    ck_assert_uint_eq(command(9, 0), 0);
    read_bytes(bytes, 16);
    ck_assert(bytes[0] == 0 && bytes[7] == 0 && bytes[8] == 0xc0 && bytes[5] == 0x59); /* 4 * 256 KiB */
    ck_assert_uint_eq(command(17, 512 * 3), 0);
    read_bytes(bytes, 512);
    ck_assert(bytes[0] == 4 && bytes[511] == 4);
    ck_assert_uint_eq(command(17, 1), 0x20);
    ck_assert_uint_eq(command(17, DISK_BYTES), 0x40);
    ck_assert_uint_eq(command(17, UINT32_MAX), 0x40);
    ck_assert_uint_eq(command(16, 8), 0);
    ck_assert_uint_eq(command(17, 1016), 0);
    ck_assert_uint_eq(command(17, 1017), 0x20);
    ck_assert_uint_eq(command(16, 0), 0x40);
    ck_assert_uint_eq(command(16, 513), 0x40);
    ck_assert_uint_eq(command(16, 512), 0);
    ck_assert_uint_eq(command(18, DISK_BYTES - 1024), 0); /* up to the end */
    read_bytes(bytes, 512);
    read_bytes(bytes, 512);
    ck_assert_uint_eq(wait_byte(), 9); /* out of range */
    ck_assert_uint_eq(command(18, 0), 0);
    read_bytes(bytes, 512);
    ck_assert_uint_eq(command(12, 0), 0);
    ck_assert_uint_eq(wait_byte(), 0xff);
    disk.fails = -5;
    ck_assert_uint_eq(command(17, 0), 0);
    ck_assert_uint_eq(wait_byte(), 1);
    ck_assert_uint_eq(command(60, 0), 4);
    put(spi, CSMODE, OFF);
    ck_assert_uint_eq(command(0, 0), 0xff); /* not selected */
    put(spi, CSMODE, HOLD);
    put(spi, CSDEF, 0);
    ck_assert_uint_eq(command(0, 0), 0xff);
    spi->ops->destroy(spi);
}
END_TEST

START_TEST(card_writes)
{
    uint8_t bytes[512];
    disk_init(DISK_BYTES);
    start_card();
    ck_assert_uint_eq(command(24, 512), 0);
    ck_assert_uint_eq(write_block(0xfe, 0xa5), 5);
    ck_assert(disk.bytes[511] == 1 && disk.bytes[512] == 0xa5 && disk.bytes[1023] == 0xa5 &&
              disk.bytes[1024] == 3);
    ck_assert_uint_eq(command(24, DISK_BYTES), 0x40);
    ck_assert_uint_eq(command(25, DISK_BYTES - 512), 0);
    ck_assert_uint_eq(write_block(0xfc, 0x77), 5);
    ck_assert_uint_eq(write_block(0xfc, 0x78), 13); /* behind the end */
    swap(0xfd);
    ck_assert_uint_eq(disk.bytes[DISK_BYTES - 1], 0x77);
    ck_assert_uint_eq(command(38, 0), 0x10); /* of what? */
    ck_assert_uint_eq(command(32, 1024), 0);
    ck_assert_uint_eq(command(33, 0), 0);
    ck_assert_uint_eq(command(38, 0), 0x10);
    ck_assert_uint_eq(command(32, 1024), 0);
    ck_assert_uint_eq(command(33, 1536), 0);
    ck_assert_uint_eq(command(38, 0), 0);
    ck_assert(disk.bytes[1023] == 0xa5 && disk.bytes[1024] == 0 && disk.bytes[2047] == 0 &&
              disk.bytes[2048] == 5);
    /* With checksums, what is wrong is refused. */
    ck_assert_uint_eq(command(24, 0), 0);
    ck_assert_uint_eq(command(59, 1), 0);
    ck_assert_uint_eq(command(17, 0), 8);
    ck_assert_uint_eq(command(0, 0), 1);
    start_card();
    disk.blockdev.read_only = true;
    ck_assert_uint_eq(command(24, 512), 0);
    ck_assert_uint_eq(write_block(0xfe, 0xa6), 13);
    ck_assert_uint_eq(disk.bytes[512], 0xa5);
    ck_assert_uint_eq(command(9, 0), 0);
    read_bytes(bytes, 16);
    ck_assert_uint_eq(bytes[14], 0x10);
    spi->ops->destroy(spi);
}
END_TEST

START_TEST(large_card)
{
    uint8_t bytes[512];
    disk_init((uint64_t)8 << 30);
    start_card();
    ck_assert_uint_eq(command(58, 0), 0);
    ck_assert_uint_eq(swap(0xff), 0xc0);
    ck_assert_uint_eq(command(9, 0), 0);
    read_bytes(bytes, 16);
    ck_assert(bytes[0] == 0x40 && bytes[7] == 0 && bytes[8] == 0x3f && bytes[9] == 0xff);
    ck_assert_uint_eq(command(17, 3), 0); /* the fourth block */
    read_bytes(bytes, 512);
    ck_assert_uint_eq(bytes[0], 4);
    ck_assert_uint_eq(command(17, (uint32_t)((uint64_t)8 << 30 >> 9) - 1), 0);
    ck_assert_uint_eq(command(17, (uint32_t)((uint64_t)8 << 30 >> 9)), 0x40);
    ck_assert_uint_eq(command(6, 0xfffff1), 0);
    read_bytes(bytes, 64);
    ck_assert(bytes[1] == 1 && bytes[13] == 1 && bytes[16] == 0x0f && bytes[14] == 0);
    spi->ops->destroy(spi);
    struct error error;
    disk.blockdev.size = 512;
    ck_assert(!sd_card_create(&disk.blockdev, &error) && strstr(error.text, "256 KiB"));
}
END_TEST

/* Any bytes, and any state. */
START_TEST(card_nonsense)
{
    unsigned seed = fake_seed("card");
    disk_init(DISK_BYTES);
    start_card();
    ck_assert_uint_eq(command(18, 0), 0);
    struct disk *first = &disk;
    struct device *other = sifive_spi_create(
        &(struct sifive_spi_config){ .card = sd_card_create(&first->blockdev, NULL) }, NULL);
    fake_state_copy(spi, other);
    struct device *before = spi;
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(swap(0xff), (spi = other, swap(0xff)));
        spi = before;
    }
    spi = other;
    for (unsigned i = 0; i < 5000; i++) {
        if (i % 64 == 0)
            command((unsigned)rand_r(&seed) % 64, (uint32_t)rand_r(&seed) % (DISK_BYTES + 4096));
        swap(i % 3 ? (uint8_t)rand_r(&seed) : 0xfe);
    }
    for (unsigned i = 0; i < 20; i++) {
        fake_state_mutate(spi, (unsigned)rand_r(&seed), 1);
        for (unsigned n = 0; n < 1200; n++)
            swap((uint8_t)(n % 2 ? 0xff : rand_r(&seed)));
    }
    scribble(spi);
    spi->ops->destroy(spi);
    before->ops->destroy(before);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("sifive_u");
    TCase *tests = tcase_create("sifive_u");
    tcase_add_test(tests, clocks);
    tcase_add_test(tests, fuses);
    tcase_add_test(tests, cache);
    tcase_add_test(tests, dma);
    tcase_add_test(tests, pin);
    tcase_add_test(tests, registers);
    tcase_add_test(tests, card_reads);
    tcase_add_test(tests, card_writes);
    tcase_add_test(tests, large_card);
    tcase_add_test(tests, card_nonsense);
    suite_add_tcase(suite, tests);
    return suite;
}

FAKE_MAIN(suite)
