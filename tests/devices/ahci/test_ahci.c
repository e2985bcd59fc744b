/* SPDX-License-Identifier: MIT
 *
 * The AHCI controller through its registers: transfers, queued commands, packets, resets, errors of the
 * driver and of the host, commands that wait for a stopped machine, saved state.
 */
#include <check.h>
#include <errno.h>

#include "devices/ahci/ahci.h"
#include "devices/scsi/scsi.h"
#include "tests/devices/scsi/memory_disk.h"
#include "tests/devices/virtio/pci_guest.h"
#include "tests/suite.h"

#define SLOT      4u
#define BAR       0x100000u /* in the window */
#define LIST_AT   (GUEST_RAM_BASE + 0x10000)
#define FIS_AT    (GUEST_RAM_BASE + 0x11000)
#define TABLES_AT (GUEST_RAM_BASE + 0x20000)
#define DATA_AT   (GUEST_RAM_BASE + 0x40000)

enum { GHC = 4, IS = 8 };
enum {
    CLB = 0x00,
    FB = 0x08,
    PIS = 0x10,
    PIE = 0x14,
    CMD = 0x18,
    TFD = 0x20,
    SIG = 0x24,
    SSTS = 0x28,
    SCTL = 0x2c
};
enum { SACT = 0x34, CI = 0x38 };
enum { RUN = 0x17, RUNNING = 0x8000 };
enum { IS_D2H = 1, IS_PIO = 2, IS_SDB = 8, IS_BUS = 1 << 29, IS_ERROR = 1 << 30 };

static struct pci_guest guest;
static struct memory_disk disk, disc;
static struct scsi_unit *unit;
static struct pci_function *function;
static atomic_bool machine_stopped;

static void failed(void *opaque, const struct block_error *error)
{
    (void)opaque;
    if (error->action == BLOCKDEV_ON_ERROR_STOP)
        atomic_store(&machine_stopped, true);
}

static bool stopped(void *opaque)
{
    (void)opaque;
    return atomic_load(&machine_stopped);
}

static uint32_t reg(unsigned offset)
{
    return (uint32_t)pci_guest_read(&guest, PCI_WINDOW_MEM32, BAR + offset, 4);
}

static void set_reg(unsigned offset, uint32_t value)
{
    pci_guest_write(&guest, PCI_WINDOW_MEM32, BAR + offset, 4, value);
}

static uint32_t port(unsigned number, unsigned offset)
{
    return reg(0x100 + 0x80 * number + offset);
}

static void set_port(unsigned number, unsigned offset, uint32_t value)
{
    set_reg(0x100 + 0x80 * number + offset, value);
}

static uint8_t *host(uint64_t paddr)
{
    return guest_host(&guest.guest, paddr);
}

static void start(unsigned number)
{
    set_port(number, CLB, (uint32_t)LIST_AT);
    set_port(number, FB, (uint32_t)FIS_AT);
    set_port(number, PIE, 0xffffffff);
    set_port(number, CMD, RUN);
}

/* A disk at port 0, a CD drive at port 3. */
static void setup(void)
{
    static struct device_settings settings[2];
    static const struct block_on_error on_error = { .werror = BLOCKDEV_ON_ERROR_STOP,
                                                    .failed = failed,
                                                    .stopped = stopped };
    struct error error = { .text = "" };
    memory_disk_init(&disk, 1);
    memory_disk_init(&disc, 2);
    disc.blockdev.read_only = true;
    settings[0] = (struct device_settings){ .target = 1, .lun = 1, .serial = "SERIAL" };
    settings[1] = (struct device_settings){ .target = 4, .lun = 1 };
    const struct device_unit units[2] = {
        { &ide_hd_model, &settings[0], &disk.blockdev, NULL, &on_error, NULL },
        { &ide_cd_model, &settings[1], &disc.blockdev, NULL, &on_error, &unit },
    };
    atomic_store(&machine_stopped, false);
    pci_guest_init(&guest);
    struct ahci_config config = { units, 2, &guest.guest.dma, false };
    function = ahci_create(&config, &error);
    ck_assert_msg(function && pci_bus_plug(pci_host_bus(guest.host), function, SLOT, 0, &error), "%s",
                  error.text);
    slot_set_config(&guest, SLOT, PCI_BAR + 4 * 5, 4, 0x40000000 + BAR);
    slot_set_config(&guest, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    set_reg(GHC, 2);
    start(0);
    start(3);
}

static void done(void)
{
    atomic_store(&disk.hold, false);
    pci_guest_destroy(&guest);
}

static void put(uint64_t at, uint32_t value)
{
    memcpy(host(at), &value, 4);
}

/* Lays out a command in a slot, with a buffer of two parts. */
static void lay_out(unsigned slot, const uint8_t fis[20], const uint8_t packet[12], uint32_t bytes,
                    bool write)
{
    uint64_t table = TABLES_AT + 0x1000 * slot;
    put(LIST_AT + 32 * slot, 5 | (write ? 0x40 : 0) | (bytes ? 2u << 16 : 0));
    put(LIST_AT + 32 * slot + 4, 0xffffffff);
    put(LIST_AT + 32 * slot + 8, (uint32_t)table);
    put(LIST_AT + 32 * slot + 12, 0);
    memcpy(host(table), fis, 20);
    if (packet)
        memcpy(host(table + 0x40), packet, 12);
    for (unsigned n = 0; n < 2; n++) {
        put(table + 0x80 + 16 * n, (uint32_t)(DATA_AT + bytes / 2 * n));
        put(table + 0x84 + 16 * n, 0);
        put(table + 0x8c + 16 * n, bytes / 2 - 1);
    }
}

static void lay_out_ata(unsigned slot, uint8_t command, uint64_t block, unsigned count, uint32_t bytes,
                        bool write)
{
    uint8_t fis[20] = { 0x27, 0x80, command, 0, (uint8_t)block, (uint8_t)(block >> 8), (uint8_t)(block >> 16),
                        0x40 };
    fis[8] = (uint8_t)(block >> 24), fis[9] = (uint8_t)(block >> 32), fis[10] = (uint8_t)(block >> 40);
    fis[12] = (uint8_t)count, fis[13] = (uint8_t)(count >> 8);
    lay_out(slot, fis, NULL, bytes, write);
}

/* Waits until the port has nothing to do, or has failed. Returns its interrupts, and clears them. */
static uint32_t settle(unsigned number)
{
    for (unsigned n = 0;
         n < 20000 && (port(number, CI) | port(number, SACT)) && !(port(number, PIS) & 3u << 29); n++)
        usleep(500);
    uint32_t is = port(number, PIS);
    set_port(number, PIS, is);
    set_reg(IS, 0x3f);
    return is;
}

static uint32_t ata(uint8_t command, uint64_t block, unsigned count, uint32_t bytes, bool write)
{
    lay_out_ata(0, command, block, count, bytes, write);
    set_port(0, CI, 1);
    return settle(0);
}

static uint32_t count_of(unsigned slot)
{
    uint32_t value;
    memcpy(&value, host(LIST_AT + 32 * slot + 4), 4);
    return value;
}

static uint32_t packet(const uint8_t cdb[12], uint32_t bytes, bool write)
{
    const uint8_t fis[20] = { 0x27, 0x80, 0xa0, 1 };
    lay_out(0, fis, cdb, bytes, write);
    set_port(3, CI, 1);
    return settle(3);
}
#define PACKET(bytes, ...) packet((const uint8_t[12]){ __VA_ARGS__ }, bytes, false)

START_TEST(ports)
{
    setup();
    ck_assert_uint_eq(slot_config(&guest, SLOT, 0, 4), 0x29228086);
    ck_assert_uint_eq(slot_config(&guest, SLOT, PCI_REVISION, 4), 0x01060102);
    ck_assert_uint_eq(reg(0) & 0x1f, 5);
    ck_assert_uint_eq(reg(0x0c), 0x3f);
    ck_assert_uint_eq(port(0, SSTS), 0x113);
    ck_assert_uint_eq(port(0, SIG), 0x101);
    ck_assert_uint_eq(port(3, SIG), 0xeb140101);
    ck_assert_uint_eq(port(1, SSTS), 0);
    ck_assert_uint_eq(port(1, TFD), 0x7f);
    ck_assert_uint_eq(port(0, TFD), 0x150);
    set_port(1, CI, 1); /* nobody is there */
    ck_assert_uint_eq(port(1, CI), 0);
    done();
}
END_TEST

START_TEST(transfers)
{
    setup();
    ck_assert_uint_eq(ata(0xec, 0, 0, 512, false), IS_PIO);
    ck_assert_mem_eq(host(DATA_AT + 20), "ESIRLA", 6);
    ck_assert_uint_eq(host(DATA_AT)[200] | host(DATA_AT)[201] << 8, MEMORY_DISK_BYTES / 512);
    ck_assert_uint_eq(ata(0x25, 7, 4, 2048, false), IS_D2H);
    ck_assert_mem_eq(host(DATA_AT), disk.bytes + 7 * 512, 2048);
    ck_assert_uint_eq(count_of(0), 2048);
    ck_assert_uint_eq(host(FIS_AT + 0x40)[0], 0x34);
    ck_assert_uint_eq(host(FIS_AT + 0x40)[2], 0x50);
    memset(host(DATA_AT), 0x5c, 1024);
    ck_assert_uint_eq(ata(0x35, 20, 2, 1024, true), IS_D2H);
    ck_assert_uint_eq(disk.bytes[22 * 512 - 1], 0x5c);
    ck_assert_uint_eq(disk.flushes, 0);
    ck_assert_uint_eq(ata(0x3d, 20, 2, 1024, true), IS_D2H);
    ck_assert_uint_eq(ata(0xea, 0, 0, 0, false), IS_D2H);
    ck_assert_uint_eq(disk.flushes, 2);
    ck_assert_uint_eq(ata(0xc8, 3, 1, 512, false), IS_D2H); /* 28 bits */
    ck_assert_mem_eq(host(DATA_AT), disk.bytes + 3 * 512, 512);
    memset(host(DATA_AT), 0, 512);
    host(DATA_AT)[0] = 40, host(DATA_AT)[6] = 3;
    lay_out_ata(0, 0x06, 0, 1, 512, true);
    host(TABLES_AT)[3] = 1; /* TRIM */
    set_port(0, CI, 1);
    ck_assert_uint_eq(settle(0), IS_D2H);
    ck_assert_uint_eq(disk.discards, 1);
    ck_assert_uint_eq(disk.bytes[43 * 512 - 1], 0xdd);
    done();
}
END_TEST

START_TEST(queued_commands)
{
    setup();
    for (unsigned n = 0; n < 31; n++) {
        uint8_t fis[20] = { 0x27, 0x80, 0x60, 1, (uint8_t)n, 0, 0, 0x40 };
        fis[12] = (uint8_t)(n << 3);
        lay_out(n, fis, NULL, 512, false);
        put(TABLES_AT + 0x1000 * n + 0x80, (uint32_t)(DATA_AT + 512 * n));
        put(TABLES_AT + 0x1000 * n + 0x90, (uint32_t)(DATA_AT + 512 * n + 256));
    }
    set_port(0, SACT, 0x7fffffff);
    set_port(0, CI, 0x7fffffff);
    ck_assert_uint_eq(settle(0), IS_SDB);
    ck_assert_mem_eq(host(DATA_AT), disk.bytes, 31 * 512);
    uint8_t fis[20] = { 0x27, 0x80, 0x60, 1, 0, 0xff, 0xff, 0x40 }; /* beyond the end */
    fis[12] = 2 << 3;
    lay_out(2, fis, NULL, 512, false);
    set_port(0, SACT, 4);
    set_port(0, CI, 4);
    ck_assert_uint_eq(settle(0), (uint32_t)IS_SDB | IS_ERROR);
    ck_assert_uint_eq(port(0, SACT), 4);
    set_port(0, CMD, RUN & ~1u);
    ck_assert_uint_eq(port(0, SACT), 0);
    set_port(0, CMD, RUN);
    ck_assert_uint_eq(ata(0x2f, 0x10, 1, 512, false), IS_PIO); /* which one was it? */
    ck_assert_uint_eq(host(DATA_AT)[0], 2);
    ck_assert_uint_eq(host(DATA_AT)[3], 0x14);
    done();
}
END_TEST

START_TEST(packets)
{
    setup();
    ck_assert_uint_eq(PACKET(0, 0), (uint32_t)IS_D2H | IS_ERROR); /* unit attention */
    ck_assert_uint_eq(port(3, TFD), 0x6451);
    set_port(3, CMD, RUN & ~1u);
    set_port(3, CMD, RUN);
    ck_assert_uint_eq(PACKET(20, 0x03, 0, 0, 0, 18), IS_D2H);
    ck_assert_uint_eq(host(DATA_AT)[12], 0x29);
    ck_assert_uint_eq(PACKET(4096, 0x28, 0, 0, 0, 0, 9, 0, 0, 2), IS_D2H);
    ck_assert_mem_eq(host(DATA_AT), disc.bytes + 9 * 2048, 4096);
    ck_assert_uint_eq(count_of(0), 4096);
    ck_assert_uint_eq(host(FIS_AT + 0x40)[12], 3);
    const uint8_t identify[20] = { 0x27, 0x80, 0xa1 };
    lay_out(0, identify, NULL, 512, false);
    set_port(3, CI, 1);
    ck_assert_uint_eq(settle(3), IS_PIO);
    ck_assert_uint_eq(host(DATA_AT)[1], 0x85);
    ck_assert_ptr_eq(scsi_unit_take_medium(unit), &disc.blockdev);
    ck_assert_uint_eq(PACKET(8, 0x25), (uint32_t)IS_D2H | IS_ERROR);
    ck_assert_uint_eq(port(3, TFD) >> 8, 0x24);
    done();
}
END_TEST

START_TEST(resets)
{
    setup();
    ck_assert_uint_eq(ata(0x55, 0, 0, 0, false), (uint32_t)IS_D2H | IS_ERROR);
    ck_assert_uint_eq(port(0, TFD), 0x451);
    ck_assert_uint_eq(port(0, CI), 1); /* the driver sees which one it was */
    set_port(0, CMD, RUN & ~1u);
    set_port(0, SCTL, 0x301);
    set_port(0, SCTL, 0x300);
    ck_assert_uint_eq(port(0, TFD), 0x150);
    set_port(0, CMD, RUN);
    const uint8_t on[20] = { 0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4 }, off[20] = { 0x27 };
    lay_out(0, on, NULL, 0, false);
    set_port(0, CI, 1);
    settle(0);
    memset(host(FIS_AT + 0x40), 0, 20);
    lay_out(0, off, NULL, 0, false);
    set_port(0, CI, 1);
    settle(0);
    ck_assert_uint_eq(host(FIS_AT + 0x40)[0], 0x34); /* the signature */
    ck_assert_uint_eq(host(FIS_AT + 0x40)[12], 1);
    atomic_store(&disk.hold, true);
    lay_out_ata(0, 0x25, 7, 4, 2048, false);
    set_port(0, CI, 1);
    while (!atomic_load(&disk.waiting))
        usleep(100);
    set_port(0, CMD, RUN & ~1u);
    ck_assert_uint_eq(port(0, CMD) & RUNNING, RUNNING); /* it may still write memory */
    set_reg(GHC, 1);
    ck_assert_uint_eq(reg(GHC) & 1, 1);
    atomic_store(&disk.hold, false);
    for (unsigned n = 0; n < 5000 && reg(GHC) & 1; n++)
        usleep(1000);
    ck_assert_uint_eq(reg(GHC), 1u << 31);
    ck_assert_uint_eq(port(0, CMD) & RUNNING, 0);
    ck_assert_uint_eq(port(0, CI), 0);
    set_reg(GHC, 2);
    start(0);
    ck_assert_uint_eq(ata(0x25, 7, 4, 2048, false), IS_D2H);
    done();
}
END_TEST

START_TEST(hostile_commands)
{
    unsigned seed = 7;
    setup();
    ck_assert_uint_eq(ata(0x25, 7, 4, 1024, false), IS_BUS); /* the buffer is shorter */
    for (unsigned n = 0; n < 3000; n++) {
        unsigned number = n % 2 ? 3 : 0, slot = (unsigned)rand_r(&seed) % 32;
        static const uint8_t commands[] = { 0x06, 0x20, 0x25, 0x2f, 0x35, 0x42, 0x60, 0x61,
                                            0xa0, 0xa1, 0xc8, 0xec, 0xef, 0xea, 0x08 };
        uint8_t fis[20], cdb[12];
        for (unsigned k = 0; k < 20; k++)
            fis[k] = rand_r(&seed) % 3 ? 0 : (uint8_t)rand_r(&seed);
        for (unsigned k = 0; k < 12; k++)
            cdb[k] = rand_r(&seed) % 3 ? 0 : (uint8_t)rand_r(&seed);
        fis[0] = rand_r(&seed) % 32 ? 0x27 : fis[0];
        fis[1] = rand_r(&seed) % 32 ? 0x80 : fis[1];
        fis[2] = commands[(unsigned)rand_r(&seed) % sizeof(commands)];
        lay_out(slot, fis, cdb, (uint32_t)rand_r(&seed) % 4 * 1024, rand_r(&seed) % 2);
        if (rand_r(&seed) % 4 == 0)
            put(LIST_AT + 32 * slot + (unsigned)rand_r(&seed) % 4 * 4, (uint32_t)rand_r(&seed) << 1);
        if (rand_r(&seed) % 4 == 0)
            put(TABLES_AT + 0x1000 * slot + 0x80 + (unsigned)rand_r(&seed) % 8 * 4, (uint32_t)rand_r(&seed)
                                                                                        << 1);
        if (rand_r(&seed) % 2)
            set_port(number, SACT, 1u << slot);
        set_port(number, CI, 1u << slot);
        for (unsigned k = 0; k < 400 && port(number, CI) & 1u << slot && !(port(number, PIS) & 3u << 29); k++)
            usleep(50);
        set_port(number, PIS, 0xffffffff);
        set_port(number, CMD, RUN & ~1u);
        if (rand_r(&seed) % 16 == 0)
            set_port(number, (unsigned)rand_r(&seed) % 32 * 4, (uint32_t)rand_r(&seed));
        start(number);
    }
    set_reg(GHC, 1);
    for (unsigned n = 0; n < 5000 && reg(GHC) & 1; n++)
        usleep(1000);
    set_reg(GHC, 2);
    start(0);
    ck_assert_uint_eq(ata(0x25, 7, 4, 2048, false), IS_D2H);
    done();
}
END_TEST

static bool load(const uint8_t *bytes, size_t length)
{
    struct error error = { .text = "" };
    struct state_reader reader;
    state_reader_init(&reader, bytes, length, &error);
    return function->ops->load(function, &reader);
}

START_TEST(state)
{
    struct state_writer writer;
    unsigned seed = 9;
    setup();
    memset(host(DATA_AT), 0x42, 512);
    atomic_store(&disk.error, -EIO);
    lay_out_ata(0, 0x35, 4, 1, 512, true);
    set_port(0, CI, 1);
    while (!atomic_load(&machine_stopped))
        usleep(1000);
    state_writer_init(&writer); /* with the command that waits */
    function->ops->save(function, &writer);
    set_reg(GHC, 1);
    ck_assert_uint_eq(port(0, CI), 0);
    atomic_store(&disk.error, 0);
    ck_assert(load(writer.bytes, writer.length));
    atomic_store(&machine_stopped, false);
    ck_assert_uint_eq(settle(0), IS_D2H);
    ck_assert_uint_eq(disk.bytes[4 * 512], 0x42);
    for (unsigned n = 0; n < 2000; n++) {
        uint8_t *copy = malloc(writer.length);
        memcpy(copy, writer.bytes, writer.length);
        for (unsigned k = 0; k < 4; k++)
            copy[(size_t)rand_r(&seed) % writer.length] = (uint8_t)rand_r(&seed);
        load(copy, rand_r(&seed) % 4 ? writer.length : (size_t)rand_r(&seed) % writer.length);
        free(copy);
    }
    disk.blockdev.size /= 2;
    ck_assert(!load(writer.bytes, writer.length));
    state_writer_destroy(&writer);
    done();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ahci");
    TCase *tests = tcase_create("ahci");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ports);
    tcase_add_test(tests, transfers);
    tcase_add_test(tests, queued_commands);
    tcase_add_test(tests, packets);
    tcase_add_test(tests, resets);
    tcase_add_test(tests, hostile_commands);
    tcase_add_test(tests, state);
    suite_add_tcase(suite, tests);
    return suite;
}
