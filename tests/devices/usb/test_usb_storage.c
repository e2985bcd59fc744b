/* SPDX-License-Identifier: MIT
 *
 * A USB disk behind an xHCI controller: commands with data in either direction and in pieces, less data than
 * was asked for, errors, packets that are no commands, resets while the host works, saved state.
 */
#include "devices/usb/storage.h"
#include "tests/devices/scsi/memory_disk.h"
#include "tests/devices/usb/xhci_guest.h"
#include "tests/suite.h"

enum { BULK_IN = 3, BULK_OUT = 4 }; /* numbers of endpoints 0x81 and 0x02 */
enum { PASSED = 0, FAILED = 1, PHASE = 2 };
#define COMMAND_AT DATA_AT
#define STATUS_AT  (DATA_AT + 0x100)
#define BUFFER_AT  (DATA_AT + 0x1000)

static struct xhci_guest guest;
static struct memory_disk disk;
static struct block_on_error on_error;
static struct device_settings settings;
static unsigned slot;
static uint32_t residue;

static struct usb_device *make(void)
{
    struct error error = { "" };
    struct device_unit unit = {
        .model = &usb_storage_model, .settings = &settings, .disk = &disk.blockdev, .on_error = &on_error
    };
    struct usb_device *device = usb_storage_create(&unit, &error);
    ck_assert_msg(device, "%s", error.text);
    return device;
}

static void configure(void)
{
    uint32_t *input = guest_host(&guest, INPUT_AT);
    ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0, USB_SET_CONFIGURATION, 1, 0, 0 }, NULL),
                      XHCI_SUCCESS);
    input[0] = 0;
    input[1] = 1 | 1u << BULK_IN | 1u << BULK_OUT;
    input[8] = (input[8] & 0x7ffffff) | 4u << 27;
    put_endpoint(&guest, slot, BULK_IN, 6, 512);
    put_endpoint(&guest, slot, BULK_OUT, 2, 512);
    ck_assert_uint_eq(command(&guest, INPUT_AT, XHCI_TYPE(TRB_CONFIGURE_ENDPOINT) | slot << 24, NULL),
                      XHCI_SUCCESS);
}

static void setup(void)
{
    settings = (struct device_settings){ .serial = "ABC123" };
    memory_disk_init(&disk, 1);
    guest_init(&guest);
    guest_attach(&guest, make(), "1");
    guest_start(&guest);
    slot = guest_address(&guest, FIRST_USB2);
    configure();
}

static void teardown(void)
{
    guest_destroy(&guest);
}

static uint8_t *buffer(void)
{
    return guest_host(&guest, BUFFER_AT);
}

/* Puts a transfer on a bulk endpoint. */
static void bulk(unsigned endpoint, uint64_t at, uint32_t length)
{
    ring_put(&guest, &guest.rings[slot][endpoint], at, length, XHCI_TYPE(TRB_NORMAL) | TRB_IOC | TRB_ISP);
    guest_put(&guest, R_DOORBELL + 4 * slot, endpoint);
}

/* Waits for the end of a transfer; returns the completion code, and how many bytes are left. */
static unsigned wait_for(unsigned endpoint, uint32_t *left)
{
    const volatile struct xhci_trb *next = guest_host(&guest, EVENTS_AT + 16 * guest.event);
    struct xhci_trb event;
    FAKE_WAIT((next->control & TRB_CYCLE) == guest.event_cycle);
    unsigned code = expect(&guest, TRB_TRANSFER_EVENT, &event);
    ck_assert_uint_eq(event.control >> 16, slot << 8 | endpoint);
    if (left)
        *left = event.status & 0xffffff;
    return code;
}

static void put_command(const void *cdb, unsigned cdb_length, uint32_t length, bool in)
{
    uint8_t *block = guest_host(&guest, COMMAND_AT);
    memset(block, 0, 31);
    memcpy(block, "USBC\x11\x22\x33\x44", 8);
    memcpy(block + 8, &length, 4);
    block[12] = in ? 0x80 : 0;
    block[14] = (uint8_t)cdb_length;
    memcpy(block + 15, cdb, cdb_length);
    bulk(BULK_OUT, COMMAND_AT, 31);
    ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_SUCCESS);
}

static unsigned get_status(void)
{
    const uint8_t *block = guest_host(&guest, STATUS_AT);
    bulk(BULK_IN, STATUS_AT, 13);
    ck_assert_uint_eq(wait_for(BULK_IN, NULL), XHCI_SUCCESS);
    ck_assert_mem_eq(block, "USBS\x11\x22\x33\x44", 8);
    memcpy(&residue, block + 8, 4);
    return block[12];
}

/* Executes a command; its data is in pieces of `piece` bytes. Returns the status; `residue` is set. */
static unsigned scsi(const char *cdb, unsigned cdb_length, uint32_t length, bool in, uint32_t piece)
{
    put_command(cdb, cdb_length, length, in);
    for (uint32_t at = 0; at < length; at += piece) {
        uint32_t left, part = length - at < piece ? length - at : piece;
        bulk(in ? BULK_IN : BULK_OUT, BUFFER_AT + at, part);
        unsigned code = wait_for(in ? BULK_IN : BULK_OUT, &left);
        ck_assert_uint_eq(code, left ? XHCI_SHORT_PACKET : XHCI_SUCCESS);
        if (left)
            break;
    }
    return get_status();
}

static unsigned inquiry(uint32_t length)
{
    return scsi("\x12\0\0\0\x24", 6, length, true, 512);
}

/* Reads or writes blocks. */
static unsigned transfer(bool write, uint8_t block, uint8_t count, uint32_t length, uint32_t piece)
{
    char cdb[10] = { write ? 0x2a : 0x28, 0, 0, 0, 0, (char)block, 0, 0, (char)count, 0 };
    return scsi(cdb, 10, length, !write, piece);
}

/* The power-on is told first. */
static void clear_attention(void)
{
    scsi("\0\0\0\0\0", 6, 0, false, 1);
    scsi("\3\0\0\0\x12", 6, 18, true, 18);
}

START_TEST(identity)
{
    unsigned length;
    const uint8_t *data = guest_host(&guest, DATA_AT);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(data[8] | data[9] << 8, 0x46f4);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x200, 255, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(length, 32);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x303, 255, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(length, 14);
    ck_assert_uint_eq(data[2], 'A');
    ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0xa1, 0xfe, 0, 0, 1 }, &length),
                      XHCI_SUCCESS);
    ck_assert_uint_eq(data[0], 0);
    ck_assert_uint_eq(inquiry(36), PASSED);
    ck_assert_uint_eq(residue, 0);
    ck_assert_uint_eq(buffer()[0] & 0x1f, 0);
    ck_assert_uint_eq(inquiry(1000), PASSED); /* less comes than was asked for */
    ck_assert_uint_eq(residue, 1000 - 36);
    ck_assert_uint_eq(inquiry(10), PASSED);
    ck_assert_uint_eq(residue, 0);
}
END_TEST

START_TEST(reads_and_writes)
{
    clear_attention();
    ck_assert_uint_eq(transfer(false, 3, 8, 4096, 4096), PASSED);
    ck_assert_mem_eq(buffer(), disk.bytes + 3 * 512, 4096);
    ck_assert_uint_eq(transfer(false, 9, 8, 4096, 1024), PASSED);
    ck_assert_mem_eq(buffer(), disk.bytes + 9 * 512, 4096);
    for (unsigned n = 0; n < 4096; n++)
        buffer()[n] = (uint8_t)(n * 3);
    ck_assert_uint_eq(transfer(true, 20, 8, 4096, 1536), PASSED);
    ck_assert_mem_eq(buffer(), disk.bytes + 20 * 512, 4096);
    ck_assert_uint_eq(residue, 0);
    /* The host gives more than the command takes, or less than it needs. */
    uint8_t after = disk.bytes[31 * 512];
    ck_assert_uint_eq(transfer(true, 30, 1, 2048, 512), PASSED);
    ck_assert_uint_eq(residue, 1536);
    ck_assert_uint_eq(disk.bytes[31 * 512], after);
    ck_assert_uint_eq(transfer(true, 31, 8, 512, 512), PHASE);
    ck_assert_uint_eq(disk.bytes[31 * 512], after);
    ck_assert_uint_eq(transfer(false, 31, 8, 512, 512), PHASE);
    ck_assert_uint_eq(scsi("\x28\0\0\0\0\0\0\0\1\0", 10, 0, true, 1), PHASE);
    ck_assert_uint_eq(scsi("\x2a\0\0\0\0\0\0\0\1\0", 10, 512, true, 512), PHASE); /* wrong direction */
    ck_assert_uint_eq(scsi("\x28\0\0\0\0\0\0\0\1\0", 10, 512, false, 512), PHASE);
    ck_assert_uint_eq(inquiry(36), PASSED);
}
END_TEST

START_TEST(errors_are_told)
{
    ck_assert_uint_eq(scsi("\0\0\0\0\0", 6, 0, false, 1), FAILED);
    ck_assert_uint_eq(scsi("\3\0\0\0\x12", 6, 18, true, 18), PASSED);
    ck_assert_uint_eq(buffer()[2] & 15, 6); /* unit attention */
    ck_assert_uint_eq(scsi("\0\0\0\0\0", 6, 0, false, 1), PASSED);
    ck_assert_uint_eq(scsi("\xee\0\0\0\0", 6, 512, true, 512), FAILED);
    ck_assert_uint_eq(residue, 512);
    ck_assert_uint_eq(scsi("\3\0\0\0\x12", 6, 18, true, 18), PASSED);
    ck_assert_uint_eq(buffer()[2] & 15, 5);
    ck_assert_uint_eq(scsi("\xee\0\0\0\0", 6, 2048, false, 512), FAILED); /* data that nobody wants */
    ck_assert_uint_eq(transfer(false, 250, 1, 512, 512), PASSED);
    disk.error = -5;
    ck_assert_uint_eq(transfer(false, 0, 1, 512, 512), FAILED);
    disk.error = 0;
    ck_assert_uint_eq(scsi("\3\0\0\0\x12", 6, 18, true, 18), PASSED);
    ck_assert_uint_eq(buffer()[2] & 15, 3); /* medium error */
}
END_TEST

/* Sends a packet that is no command: everything stalls until a reset of the class. */
START_TEST(packets_that_are_no_commands)
{
    uint8_t *block = guest_host(&guest, COMMAND_AT);
    for (unsigned n = 0; n < 6; n++) {
        uint32_t length = n == 4 ? 30 : n == 5 ? 512 : 31;
        memset(block, 0, 31);
        memcpy(block, n == 0 ? "USBS" : "USBC", 4);
        block[13] = n == 1;
        block[14] = n == 2 ? 0 : n == 3 ? 17 : 6;
        bulk(BULK_OUT, COMMAND_AT, length);
        ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_STALL);
        bulk(BULK_IN, STATUS_AT, 13);
        ck_assert_uint_eq(wait_for(BULK_IN, NULL), XHCI_STALL);
        guest_recover(&guest, slot, BULK_OUT);
        guest_recover(&guest, slot, BULK_IN);
        bulk(BULK_OUT, COMMAND_AT, 31);
        ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_STALL);
        guest_recover(&guest, slot, BULK_OUT);
        ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0x21, 0xff, 0, 0, 0 }, NULL),
                          XHCI_SUCCESS);
        ck_assert_uint_eq(inquiry(36), PASSED);
    }
    bulk(BULK_OUT, RAM_AT + RAM_BYTES - 8, 31);
    ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_DATA_BUFFER);
}
END_TEST

/* The host works on a command while its device is reset. */
START_TEST(resets_while_the_host_works)
{
    static const char read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0 };
    clear_attention();
    for (unsigned n = 0; n < 3; n++) {
        disk.hold = true;
        put_command(read, 10, 4096, true);
        FAKE_WAIT(disk.waiting == 1);
        bulk(BULK_IN, BUFFER_AT, 4096);
        expect_nothing(&guest);
        if (n == 0) {
            ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0x21, 0xff, 0, 0, 0 }, NULL),
                              XHCI_SUCCESS);
        } else if (n == 1) {
            guest_start(&guest);
        } else {
            pci_function_reset(guest.board.function);
            function_master(&guest.board, true);
            guest_start(&guest);
        }
        disk.hold = false;
        FAKE_WAIT(disk.waiting == 0);
        if (n == 0)
            guest_start(&guest);
        slot = guest_address(&guest, FIRST_USB2);
        configure();
        clear_attention();
        ck_assert_uint_eq(inquiry(36), PASSED);
    }
}
END_TEST

/* The same, and what comes next is reset, too: nothing is left of it (the leak sanitizer counts). */
START_TEST(resets_of_what_comes_next)
{
    static const char read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0 };
    clear_attention();
    disk.hold = true;
    put_command(read, 10, 4096, true);
    FAKE_WAIT(disk.waiting == 1);
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0x21, 0xff, 0, 0, 0 }, NULL),
                          XHCI_SUCCESS);
        put_command("\x2a\0\0\0\0\1\0\0\x8\0", 10, 4096, false);
    }
    bulk(BULK_OUT, BUFFER_AT, 4096);
    ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0x21, 0xff, 0, 0, 0 }, NULL), XHCI_SUCCESS);
    put_command("\x12\0\0\0\x24", 6, 36, true);
    disk.hold = false;
    FAKE_WAIT(disk.waiting == 0);
    bulk(BULK_IN, BUFFER_AT, 36);
    ck_assert_uint_eq(wait_for(BULK_IN, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(get_status(), PASSED);
    ck_assert_uint_eq(inquiry(36), PASSED);
}
END_TEST

/* A machine that is saved while a command waits goes on with it. */
START_TEST(state)
{
    static const char read[10] = { 0x28, 0, 0, 0, 0, 5, 0, 0, 4, 0 };
    struct function_bus other, first;
    struct error error = { "" };
    clear_attention();
    guest.board.function->ops->hold(guest.board.function, true);
    guest.board.function->ops->hold(guest.board.function, false);
    disk.hold = true;
    put_command(read, 10, 2048, true);
    FAKE_WAIT(disk.waiting == 1);
    disk.hold = false;
    guest.board.function->ops->hold(guest.board.function, true); /* the command ends, and its data waits */
    ck_assert_uint_eq(disk.waiting, 0);
    first = guest.board;
    function_plug(&other, guest_make(&guest));
    ck_assert(xhci_attach(other.function, make(), "1", &error));
    function_copy(first.function, other.function);
    guest.board = other;
    guest.board.function->bus = &guest.board.bus;
    first.function->bus = &first.bus;
    bulk(BULK_IN, BUFFER_AT, 2048);
    ck_assert_uint_eq(wait_for(BULK_IN, NULL), XHCI_SUCCESS);
    ck_assert_mem_eq(buffer(), disk.bytes + 5 * 512, 2048);
    ck_assert_uint_eq(get_status(), PASSED);
    /* In the middle of data to the device. */
    put_command("\x2a\0\0\0\0\1\0\0\4\0", 10, 2048, false);
    bulk(BULK_OUT, BUFFER_AT, 1024);
    ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_SUCCESS);
    function_copy(guest.board.function, first.function);
    function_mutate(first.function, fake_seed("usb-storage"), 1000);
    bulk(BULK_OUT, BUFFER_AT + 1024, 1024);
    ck_assert_uint_eq(wait_for(BULK_OUT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(get_status(), PASSED);
    ck_assert_mem_eq(buffer(), disk.bytes + 512, 2048);
    function_unplug(&first);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("usb_storage");
    TCase *tests = tcase_create("usb_storage");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, identity);
    tcase_add_test(tests, reads_and_writes);
    tcase_add_test(tests, errors_are_told);
    tcase_add_test(tests, packets_that_are_no_commands);
    tcase_add_test(tests, resets_while_the_host_works);
    tcase_add_test(tests, resets_of_what_comes_next);
    tcase_add_test(tests, state);
    suite_add_tcase(suite, tests);
    return suite;
}
