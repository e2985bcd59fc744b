/* SPDX-License-Identifier: MIT
 *
 * The NVMe controller at register level: registers, enabling and resets, admin commands, queues, interrupts,
 * events, saved state. test_nvme_io has I/O.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/platform/plic.h"
#include "tests/devices/fake.h"
#include "tests/devices/nvme/nvme_guest.h"
#include "tests/suite.h"

static struct nvme_guest guest;

static void setup(void)
{
    nvme_guest_init(&guest, NULL);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
}

static void teardown(void)
{
    nvme_guest_destroy(&guest);
}

static struct nvme_command identify(uint8_t what, uint32_t namespace)
{
    return (struct nvme_command){
        .opcode = NVME_IDENTIFY, .cdw10 = what, .namespace = namespace, .prp1 = DATA_AT
    };
}

static struct nvme_command io(uint8_t opcode, uint64_t block, unsigned count)
{
    return (struct nvme_command){ .opcode = opcode,
                                  .namespace = 1,
                                  .prp1 = DATA_AT,
                                  .cdw10 = (uint32_t)block,
                                  .cdw11 = (uint32_t)(block >> 32),
                                  .cdw12 = count - 1 };
}

static uint8_t *data(void)
{
    return nvme_guest_host(&guest, DATA_AT);
}

static uint64_t number(unsigned offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, data() + offset, size);
    return value;
}

/* ---- Registers and configuration space ----------------------------------------------------------------- */

START_TEST(identity)
{
    nvme_guest_init(&guest, NULL);
    static const uint32_t config[][2] = {
        { 0x00, 0x00101b36 }, { 0x08, 0x01080202 }, { 0x10, 4 },          { 0x2c, 0x11001af4 },
        { 0x34, 0x40 },       { 0x44, 0x2000 },     { 0x48, 0x00003000 },
    };
    for (unsigned n = 0; n < sizeof(config) / sizeof(config[0]); n++)
        ck_assert_uint_eq(slot_config(&guest.pci, NVME_SLOT, config[n][0], 4), config[n][1]);
    ck_assert_uint_eq(slot_config(&guest.pci, NVME_SLOT, 0x3d, 1), 1);
    ck_assert_uint_eq(slot_config(&guest.pci, NVME_SLOT, 0x40, 4) & 0x7ff00ff, 0x400011); /* 65 vectors */
    ck_assert_uint_eq(slot_config(&guest.pci, NVME_SLOT, 0x60, 1), 1);
    ck_assert_uint_eq(slot_config(&guest.pci, NVME_SLOT, 0x80, 1), 0x10);
    slot_set_config(&guest.pci, NVME_SLOT, 0x10, 4, UINT32_MAX);
    ck_assert_uint_eq(slot_config(&guest.pci, NVME_SLOT, 0x10, 4), 0xffffc004); /* 16 KiB */
    teardown();
}
END_TEST

START_TEST(registers)
{
    nvme_guest_init(&guest, NULL);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CAP), 0x0f0107ff);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CAP + 4), 0x00400020);
    ck_assert_uint_eq(pci_guest_read(&guest.pci, PCI_WINDOW_MEM64, 0, 8), 0x004000200f0107ff);
    ck_assert_uint_eq(pci_guest_read(&guest.pci, PCI_WINDOW_MEM64, 1, 1), 7);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_VS), 0x10400);
    for (unsigned offset = 0; offset < 0x1000; offset += 4)
        if (offset != R_CC)
            nvme_guest_write(&guest, offset, 0xffffffff);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CAP), 0x0f0107ff);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_VS), 0x10400);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), 0);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_AQA), 0x0fff0fff);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_ASQ), 0xfffff000);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_ACQ + 4), 0xffffffff);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_INTMS), 0);     /* the last write was one to INTMC */
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, R_AQA, 2, 0); /* narrow writes do nothing */
    ck_assert_uint_eq(nvme_guest_read(&guest, R_AQA), 0x0fff0fff);
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, R_ASQ, 8, 0x123456789000);
    ck_assert_uint_eq(pci_guest_read(&guest.pci, PCI_WINDOW_MEM64, R_ASQ, 8), 0x123456789000);
    nvme_guest_write(&guest, DOORBELL(0), 1); /* not enabled */
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), 0);
    teardown();
}
END_TEST

static const struct {
    uint32_t cc, aqa;
    uint64_t asq, acq;
    bool works;
} starts[] = {
    { CC_ON, 0x00070007, SQ_AT(0), CQ_AT(0), true },
    { 1, 0x00010001, SQ_AT(0), CQ_AT(0), true },
    { CC_ON, 0x0fff0fff, SQ_AT(0), CQ_AT(0), true },
    { CC_ON | 4 << 7, 0x00070007, GUEST_RAM_BASE, GUEST_RAM_BASE + 0x10000, true },
    { CC_ON | 1 << 7, 0x00070007, GUEST_RAM_BASE + 0x1000, GUEST_RAM_BASE, false }, /* pages of 8 KiB */
    { CC_ON | 5 << 7, 0x00070007, GUEST_RAM_BASE, GUEST_RAM_BASE, false },          /* of 128 KiB */
    { CC_ON | 15 << 7, 0x00070007, 0, 0, false },
    { CC_ON | 6 << 4, 0x00070007, SQ_AT(0), CQ_AT(0), false }, /* another command set */
    { CC_ON | 1 << 11, 0x00070007, SQ_AT(0), CQ_AT(0), false },
    { CC_ON, 0x00070000, SQ_AT(0), CQ_AT(0), false },
    { CC_ON, 0x00000007, SQ_AT(0), CQ_AT(0), false },
};

START_TEST(enabling)
{
    nvme_guest_init(&guest, NULL);
    nvme_guest_write(&guest, R_AQA, starts[_i].aqa);
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, R_ASQ, 8, starts[_i].asq);
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, R_ACQ, 8, starts[_i].acq);
    nvme_guest_write(&guest, R_CC, starts[_i].cc);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), starts[_i].works ? CSTS_RDY : CSTS_CFS);
    nvme_guest_write(&guest, R_CC, 0);
    nvme_guest_settle(&guest);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), 0);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    teardown();
}
END_TEST

START_TEST(reset_and_shutdown)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 4, 0, true);
    ck_assert_uint_eq(nvme_guest_command(&guest, 1, io(NVME_READ, 0, 1)), NVME_OK);
    nvme_guest_disable(&guest);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), 0);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_ASQ), (uint32_t)SQ_AT(0)); /* these registers stay */
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    nvme_guest_make_queues(&guest, 1, 4, 0, true); /* the old one is gone */
    atomic_store(&guest.disk.flushes, 0);
    atomic_store(&guest.disk.hold, true);
    nvme_guest_write(&guest, R_CC, CC_ON | CC_SHUT);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), CSTS_RDY | 4); /* no hart waits for the flush */
    atomic_store(&guest.disk.hold, false);
    nvme_guest_settle(&guest);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), CSTS_RDY | CSTS_SHUT);
    ck_assert_uint_eq(atomic_load(&guest.disk.flushes), 1);
    nvme_guest_disable(&guest);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), 0);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    teardown();
}
END_TEST

/* CSTS.RDY stays until the command that is under way has ended; the guest is not told of it. */
START_TEST(reset_while_busy)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 4, 0, true);
    atomic_store(&guest.disk.hold, true);
    nvme_guest_submit(&guest, 1, io(NVME_READ, 0, 1));
    FAKE_WAIT(atomic_load(&guest.disk.waiting) == 1);
    nvme_guest_write(&guest, R_CC, CC_OFF);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), CSTS_RDY);
    if (_i) { /* enabled again before the reset has ended: it is enabled afterwards */
        nvme_guest_write(&guest, R_CC, CC_ON);
        nvme_guest_write(&guest, DOORBELL(0), 1);
    }
    atomic_store(&guest.disk.hold, false);
    nvme_guest_settle(&guest);
    ck_assert(!nvme_guest_poll(&guest, 1));
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), _i ? CSTS_RDY : 0);
    nvme_guest_disable(&guest);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    teardown();
}
END_TEST

/* ---- Identify, features, logs -------------------------------------------------------------------------- */

START_TEST(identify_controller)
{
    setup();
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    ck_assert_uint_eq(number(0, 4), 0x1af41b36);
    ck_assert_mem_eq(data() + 4, "SN-1                QEMU NVMe Ctrl    ", 38);
    ck_assert_uint_eq(data()[77], 7);
    ck_assert_uint_eq(number(80, 4), 0x10400);
    ck_assert_uint_eq(data()[259], 3);
    ck_assert_uint_eq(number(512, 2), 0x4466);
    ck_assert_uint_eq(number(516, 4), 1);
    ck_assert_uint_eq(number(536, 4), 0); /* no SGLs */
    ck_assert_str_eq((char *)data() + 768, "nqn.2019-08.org.qemu:SN-1");
    teardown();
}
END_TEST

START_TEST(identify_namespace)
{
    setup();
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(0, 1)), NVME_OK);
    ck_assert_uint_eq(number(0, 8), DISK_BLOCKS);
    ck_assert_uint_eq(number(8, 8), DISK_BLOCKS);
    ck_assert_uint_eq(number(128, 4), 9 << 16);
    ck_assert_uint_eq(data()[99], 0);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(2, 0)), NVME_OK);
    ck_assert_uint_eq(number(0, 8), 1);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(2, 1)), NVME_OK);
    ck_assert_uint_eq(number(0, 8), 0);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(3, 1)), NVME_OK);
    ck_assert_uint_eq(number(0, 8), 0x0104);
    static const uint32_t bad[][3] = {
        { 0, 0, NVME_INVALID_NAMESPACE },
        { 0, 2, NVME_INVALID_NAMESPACE },
        { 0, 0xffffffff, NVME_INVALID_NAMESPACE },
        { 2, 0xffffffff, NVME_INVALID_NAMESPACE },
        { 2, 0xfffffffe, NVME_INVALID_NAMESPACE },
        { 3, 0, NVME_INVALID_NAMESPACE },
        { 5, 1, NVME_INVALID_FIELD },
        { 0x10, 1, NVME_INVALID_FIELD },
        { 0xff, 1, NVME_INVALID_FIELD },
    };
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
        ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify((uint8_t)bad[n][0], bad[n][1])), bad[n][2]);
    ck_assert(guest.done.status & 0x4000); /* it is of no use to try again */
    teardown();
}
END_TEST

static unsigned feature(uint8_t opcode, uint32_t dword10, uint32_t dword11, uint32_t namespace)
{
    return nvme_guest_command(
        &guest, 0,
        (struct nvme_command){
            .opcode = opcode, .cdw10 = dword10, .cdw11 = dword11, .namespace = namespace, .prp1 = DATA_AT });
}

static const struct {
    uint32_t dword10, dword11, namespace;
    unsigned status;
    uint32_t result; /* of the command */
    uint32_t after;  /* what Get Features then says */
} settings[] = {
    { 0x01, 0x01020305, 0, NVME_OK, 0, 0x01020305 },
    { 0x02, 0, 0, NVME_OK, 0, 0 },
    { 0x02, 1, 0, NVME_INVALID_FIELD, 0, 0 }, /* there is one power state */
    { 0x04, 0x0150, 0, NVME_OK, 0, 0x0150 },
    { 0x04, 0x100150, 0, NVME_OK, 0, 0x0157 }, /* the limit below */
    { 0x04, 0x010150, 0, NVME_INVALID_FIELD, 0, 0x0157 },
    { 0x05, 5, 1, NVME_OK, 0, 5 },
    { 0x05, 5, 0, NVME_INVALID_NAMESPACE, 0, 0 },
    { 0x05, 0x10000, 1, NVME_INVALID_FIELD, 0, 0 },
    { 0x06, 0, 0, NVME_OK, 0, 0 },
    { 0x06, 2, 0, NVME_INVALID_FIELD, 0, 1 },
    { 0x06, 0, 1, NVME_FEATURE_NOT_NAMESPACE, 0, 1 },
    { 0x80000006, 0, 0, NVME_FEATURE_NOT_SAVEABLE, 0, 1 },
    { 0x07, 0x00030003, 0, NVME_OK, 0x003f003f, 0x003f003f },
    { 0x07, 0x0000ffff, 0, NVME_INVALID_FIELD, 0, 0x003f003f },
    { 0x07, 0xffff0000, 0, NVME_INVALID_FIELD, 0, 0x003f003f },
    { 0x08, 0x0105, 0xffffffff, NVME_OK, 0, 0x0105 },
    { 0x09, 0, 0, NVME_FEATURE_NOT_CHANGEABLE, 0, 0x10000 },
    { 0x0a, 1, 0, NVME_OK, 0, 1 },
    { 0x0b, 0x100, 0, NVME_OK, 0, 0x100 },
    { 0x0c, 0, 0, NVME_INVALID_FIELD, 0, 0 },
    { 0xff, 0, 0, NVME_INVALID_FIELD, 0, 0 },
};

START_TEST(features)
{
    uint32_t id = settings[_i].dword10 & 0xff;
    bool known = id <= 0x0b;
    setup();
    ck_assert_uint_eq(
        feature(NVME_SET_FEATURES, settings[_i].dword10, settings[_i].dword11, settings[_i].namespace),
        settings[_i].status);
    ck_assert_uint_eq(guest.done.result, settings[_i].result);
    ck_assert_uint_eq(feature(NVME_GET_FEATURES, id, 0, 1), known ? NVME_OK : NVME_INVALID_FIELD);
    if (known)
        ck_assert_uint_eq(guest.done.result, settings[_i].after);
    ck_assert_uint_eq(feature(NVME_GET_FEATURES, id | 0x400, 0, 1), NVME_INVALID_FIELD);
    ck_assert_uint_eq(feature(NVME_GET_FEATURES, id | 0x300, 0, 1), known ? NVME_OK : NVME_INVALID_FIELD);
    nvme_guest_disable(&guest);
    nvme_guest_enable(&guest);
    unsigned status = feature(NVME_GET_FEATURES, id, 0, 1);
    uint32_t value = guest.done.result;
    ck_assert_uint_eq(feature(NVME_GET_FEATURES, id | 0x100, 0, 1), status);
    if (id != 9)
        ck_assert_uint_eq(guest.done.result, value); /* a reset brings the default back */
    teardown();
}
END_TEST

static unsigned read_log(uint8_t page, uint32_t namespace, uint32_t bytes, uint64_t offset)
{
    memset(data(), 0xee, 8192);
    return nvme_guest_command(&guest, 0,
                              (struct nvme_command){ .opcode = NVME_GET_LOG_PAGE,
                                                     .namespace = namespace,
                                                     .prp1 = DATA_AT,
                                                     .prp2 = DATA_AT + 4096,
                                                     .cdw10 = page | (bytes / 4 - 1) << 16,
                                                     .cdw11 = (bytes / 4 - 1) >> 16,
                                                     .cdw12 = (uint32_t)offset,
                                                     .cdw13 = (uint32_t)(offset >> 32) });
}

START_TEST(logs)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 4, 0, false);
    ck_assert_uint_eq(nvme_guest_command(&guest, 1, io(NVME_READ, 4, 8)), NVME_OK);
    ck_assert_uint_eq(nvme_guest_command(&guest, 1, io(NVME_READ, DISK_BLOCKS, 1)), NVME_LBA_RANGE);
    uint16_t id = guest.done.id;
    ck_assert_uint_eq(read_log(1, 0xffffffff, 256, 0), NVME_OK);
    ck_assert_uint_eq(number(0, 8), 1);
    ck_assert_uint_eq(number(8, 4), 1u | (uint32_t)id << 16);
    ck_assert_uint_eq(number(12, 2), NVME_LBA_RANGE << 1);
    ck_assert_uint_eq(number(16, 8), DISK_BLOCKS);
    ck_assert_uint_eq(number(64, 8), 0); /* no second one */
    ck_assert_uint_eq(data()[256], 0xee);
    ck_assert_uint_eq(read_log(2, 0xffffffff, 512, 0), NVME_OK);
    ck_assert_uint_eq(number(1, 2), 323);
    ck_assert_uint_eq(number(32, 8), 1);
    ck_assert_uint_eq(number(64, 8), 1);
    ck_assert_uint_eq(number(176, 8), 1);
    ck_assert_uint_eq(read_log(2, 2, 512, 0), NVME_INVALID_NAMESPACE);
    ck_assert_uint_eq(read_log(3, 0, 16, 0), NVME_OK);
    ck_assert_mem_eq(data(), "\1\0\0\0\0\0\0\0001.0     ", 16);
    ck_assert_uint_eq(read_log(4, 0, 4096, 0), NVME_OK);
    ck_assert_uint_eq(number(0, 8), 0);
    ck_assert_uint_eq(read_log(5, 0, 4, 1024 + 4), NVME_OK); /* the write, at its offset */
    ck_assert_uint_eq(number(0, 8), 0xeeeeeeee00000003);
    ck_assert_uint_eq(read_log(5, 0, 0xfffffffc, 0), NVME_OK); /* no longer than the log is */
    ck_assert_uint_eq(data()[4096], 0xee);
    ck_assert_uint_eq(read_log(3, 0, 16, 512), NVME_INVALID_FIELD);
    ck_assert_uint_eq(read_log(3, 0, 16, UINT64_MAX - 3), NVME_INVALID_FIELD);
    ck_assert_uint_eq(read_log(3, 0, 16, 2), NVME_INVALID_FIELD);
    ck_assert_uint_eq(read_log(0, 0, 16, 0), NVME_INVALID_LOG_PAGE);
    ck_assert_uint_eq(read_log(0xc0, 0, 16, 0), NVME_INVALID_LOG_PAGE);
    teardown();
}
END_TEST

START_TEST(unknown_commands)
{
    setup();
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        bool known = opcode <= 0x0a && 1u << opcode & 0x777;
        if (!known && opcode != NVME_EVENT_REQUEST)
            ck_assert_uint_eq(
                nvme_guest_command(&guest, 0, (struct nvme_command){ .opcode = (uint8_t)opcode }),
                NVME_INVALID_OPCODE);
    }
    for (unsigned flag = 1; flag < 256; flag <<= 1) { /* fused commands, SGLs */
        struct nvme_command command = identify(1, 0);
        command.flags = (uint8_t)flag;
        ck_assert_uint_eq(nvme_guest_command(&guest, 0, command), NVME_INVALID_FIELD);
    }
    teardown();
}
END_TEST

/* ---- Events -------------------------------------------------------------------------------------------- */

START_TEST(events)
{
    struct nvme_command request = { .opcode = NVME_EVENT_REQUEST };
    uint16_t ids[4];
    setup();
    nvme_guest_write(&guest, DOORBELL(0), ADMIN_ENTRIES); /* before anybody waits for it */
    for (unsigned n = 0; n < 4; n++)
        ids[n] = nvme_guest_submit(&guest, 0, request);
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    ck_assert_uint_eq(guest.done.id, ids[0]);
    ck_assert_uint_eq(guest.done.result, 0x10100); /* error log, a bad value */
    ids[0] = nvme_guest_submit(&guest, 0, request);
    nvme_guest_write(&guest, DOORBELL(100), 1); /* masked until the log was read */
    nvme_guest_settle(&guest);
    ck_assert(!nvme_guest_poll(&guest, 0));
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, request), NVME_EVENT_LIMIT);
    nvme_guest_submit(&guest, 0,
                      (struct nvme_command){ .opcode = NVME_GET_LOG_PAGE, .cdw10 = 1, .prp1 = DATA_AT });
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    ck_assert_uint_eq(guest.done.id, ids[1]);
    ck_assert_uint_eq(guest.done.result, 0x10000); /* a queue that does not exist */
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    /* An abort of one that waits, and of one that does not. */
    nvme_guest_submit(&guest, 0,
                      (struct nvme_command){ .opcode = NVME_ABORT, .cdw10 = (uint32_t)ids[3] << 16 });
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_ABORT_REQUESTED);
    ck_assert_uint_eq(guest.done.id, ids[3]);
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    ck_assert_uint_eq(guest.done.result, 0);
    ck_assert_uint_eq(
        nvme_guest_command(&guest, 0,
                           (struct nvme_command){ .opcode = NVME_ABORT, .cdw10 = (uint32_t)ids[3] << 16 }),
        NVME_OK);
    ck_assert_uint_eq(guest.done.result, 1);
    teardown();
}
END_TEST

/* ---- Queues -------------------------------------------------------------------------------------------- */

static const struct {
    uint8_t opcode;
    uint32_t dword10, dword11;
    uint64_t prp1;
    unsigned status;
} makings[] = {
    { NVME_CREATE_CQ, 3 << 16 | 2, 1, CQ_AT(2), NVME_OK },
    { NVME_CREATE_CQ, 2047u << 16 | 2, 3, CQ_AT(2), NVME_OK },
    { NVME_CREATE_CQ, 2048u << 16 | 2, 1, CQ_AT(2), NVME_INVALID_QUEUE_SIZE },
    { NVME_CREATE_CQ, 0xffffu << 16 | 2, 1, CQ_AT(2), NVME_INVALID_QUEUE_SIZE },
    { NVME_CREATE_CQ, 2, 1, CQ_AT(2), NVME_INVALID_QUEUE_SIZE },
    { NVME_CREATE_CQ, 3 << 16, 1, CQ_AT(2), NVME_INVALID_QUEUE_ID },
    { NVME_CREATE_CQ, 3 << 16 | 1, 1, CQ_AT(2), NVME_INVALID_QUEUE_ID },
    { NVME_CREATE_CQ, 3 << 16 | 65, 1, CQ_AT(2), NVME_INVALID_QUEUE_ID },
    { NVME_CREATE_CQ, 3 << 16 | 0xffff, 1, CQ_AT(2), NVME_INVALID_QUEUE_ID },
    { NVME_CREATE_CQ, 3 << 16 | 2, 0, CQ_AT(2), NVME_INVALID_FIELD },
    { NVME_CREATE_CQ, 3 << 16 | 2, 1, CQ_AT(2) + 16, NVME_INVALID_PRP_OFFSET },
    { NVME_CREATE_CQ, 3 << 16 | 2, 3 | 1 << 16, CQ_AT(2), NVME_INVALID_VECTOR },
    { NVME_CREATE_CQ, 3 << 16 | 2, 3 | 0xffffu << 16, CQ_AT(2), NVME_INVALID_VECTOR },
    { NVME_CREATE_SQ, 3 << 16 | 2, 1 | 1 << 16, SQ_AT(2), NVME_OK },
    { NVME_CREATE_SQ, 3 << 16 | 2, 1, SQ_AT(2), NVME_INVALID_CQ },
    { NVME_CREATE_SQ, 3 << 16 | 2, 1 | 2 << 16, SQ_AT(2), NVME_INVALID_CQ },
    { NVME_CREATE_SQ, 3 << 16 | 2, 1 | 0xffffu << 16, SQ_AT(2), NVME_INVALID_CQ },
    { NVME_CREATE_SQ, 3 << 16 | 1, 1 | 1 << 16, SQ_AT(2), NVME_INVALID_QUEUE_ID },
    { NVME_CREATE_SQ, 3 << 16, 1 | 1 << 16, SQ_AT(2), NVME_INVALID_QUEUE_ID },
    { NVME_CREATE_SQ, 2, 1 | 1 << 16, SQ_AT(2), NVME_INVALID_QUEUE_SIZE },
    { NVME_CREATE_SQ, 3 << 16 | 2, 1 << 16, SQ_AT(2), NVME_INVALID_FIELD },
    { NVME_DELETE_CQ, 1, 0, 0, NVME_INVALID_QUEUE_DELETION },
    { NVME_DELETE_CQ, 0, 0, 0, NVME_INVALID_QUEUE_ID },
    { NVME_DELETE_CQ, 2, 0, 0, NVME_INVALID_QUEUE_ID },
    { NVME_DELETE_CQ, 0xffff, 0, 0, NVME_INVALID_QUEUE_ID },
    { NVME_DELETE_SQ, 1, 0, 0, NVME_OK },
    { NVME_DELETE_SQ, 0, 0, 0, NVME_INVALID_QUEUE_ID },
    { NVME_DELETE_SQ, 2, 0, 0, NVME_INVALID_QUEUE_ID },
    { NVME_DELETE_SQ, 0xffff, 0, 0, NVME_INVALID_QUEUE_ID },
};

static unsigned make(uint8_t opcode, uint32_t dword10, uint32_t dword11, uint64_t prp1)
{
    return nvme_guest_command(
        &guest, 0,
        (struct nvme_command){ .opcode = opcode, .prp1 = prp1, .cdw10 = dword10, .cdw11 = dword11 });
}

START_TEST(queue_statuses)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 4, 0, false);
    ck_assert_uint_eq(make(makings[_i].opcode, makings[_i].dword10, makings[_i].dword11, makings[_i].prp1),
                      makings[_i].status);
    ck_assert_uint_eq(feature(NVME_SET_FEATURES, 7, 0, 0), NVME_COMMAND_SEQUENCE);
    ck_assert_uint_eq(make(NVME_DELETE_SQ, 1, 0, 0), _i == 25 ? NVME_INVALID_QUEUE_ID : NVME_OK);
    ck_assert_uint_eq(make(NVME_DELETE_CQ, 1, 0, 0), _i == 13 ? NVME_INVALID_QUEUE_DELETION : NVME_OK);
    ck_assert_uint_eq(make(NVME_CREATE_CQ, 3 << 16 | 3, 1, CQ_AT(3)), NVME_OK);
    ck_assert_uint_eq(make(NVME_DELETE_CQ, 3, 0, 0), NVME_OK);
    teardown();
}
END_TEST

/* The sizes of entries are chosen in CC. */
START_TEST(queue_entry_sizes)
{
    setup();
    nvme_guest_write(&guest, R_CC, 1);
    ck_assert_uint_eq(make(NVME_CREATE_CQ, 3 << 16 | 1, 1, CQ_AT(1)), NVME_INVALID_QUEUE_SIZE);
    nvme_guest_write(&guest, R_CC, CC_ON);
    ck_assert_uint_eq(make(NVME_CREATE_CQ, 3 << 16 | 1, 1, CQ_AT(1)), NVME_OK);
    teardown();
}
END_TEST

/* All commands of many rounds, through queues of four entries; the driver leaves entries where they are. */
START_TEST(wrapping_and_full)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 4, 0, false);
    for (unsigned round = 0; round < 10; round++) {
        uint16_t ids[3];
        for (unsigned n = 0; n < 3; n++)
            ids[n] = nvme_guest_put(&guest, 1, io(NVME_FLUSH, 0, 1));
        nvme_guest_write(&guest, DOORBELL(2), guest.queues[1].tail);
        nvme_guest_settle(&guest);
        /* The completion queue is full now: a fourth command is not taken. */
        nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
        nvme_guest_settle(&guest);
        ck_assert_uint_eq(guest.nvme->sqs[1].head != guest.nvme->sqs[1].tail, 1);
        unsigned seen = 0;
        for (unsigned n = 0; n < 3; n++) {
            ck_assert_uint_eq(nvme_guest_take(&guest, 1, false), NVME_OK);
            for (unsigned i = 0; i < 3; i++)
                seen |= (ids[i] == guest.done.id) << i;
        }
        ck_assert_uint_eq(seen, 7);
        ck_assert(!nvme_guest_poll(&guest, 1));
        nvme_guest_write(&guest, DOORBELL(3), guest.queues[1].head);
        ck_assert_uint_eq(nvme_guest_take(&guest, 1, true), NVME_OK);
        ck_assert_uint_eq(guest.done.sq_head, guest.queues[1].tail);
    }
    /* A head beyond the entries that there are is ignored. */
    nvme_guest_write(&guest, DOORBELL(3), (guest.queues[1].head + 1) % 4);
    nvme_guest_write(&guest, DOORBELL(3), 4);
    ck_assert_uint_eq(guest.nvme->cqs[1].head, guest.queues[1].head);
    ck_assert(guest.nvme->event_pending);
    teardown();
}
END_TEST

/* When the deletion has completed, the queue's commands have ended. */
START_TEST(deletion_waits)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 8, 0, false);
    nvme_guest_make_queues(&guest, 2, 8, 0, false);
    atomic_store(&guest.disk.hold, true);
    for (unsigned n = 0; n < 5; n++)
        nvme_guest_submit(&guest, 1, io(NVME_READ, 0, 1));
    FAKE_WAIT(atomic_load(&guest.disk.waiting) == 5);
    nvme_guest_submit(&guest, 0, (struct nvme_command){ .opcode = NVME_DELETE_SQ, .cdw10 = 1 });
    usleep(20000);
    ck_assert(!nvme_guest_poll(&guest, 0));
    if (_i == 1) { /* a reset does not wait for the deletion, nor the other way round */
        nvme_guest_write(&guest, R_CC, CC_OFF);
        atomic_store(&guest.disk.hold, false);
        nvme_guest_disable(&guest);
        ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
        ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
        teardown();
        return;
    }
    atomic_store(&guest.disk.hold, false);
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    ck_assert(!nvme_guest_poll(&guest, 1));
    ck_assert_uint_eq(guest.nvme->cqs[1].reserved, 0);
    ck_assert_uint_eq(make(NVME_DELETE_CQ, 1, 0, 0), NVME_OK);
    ck_assert_uint_eq(nvme_guest_command(&guest, 2, io(NVME_READ, 0, 1)), NVME_OK);
    nvme_guest_make_queues(&guest, 1, 8, 0, false);
    ck_assert_uint_eq(nvme_guest_command(&guest, 1, io(NVME_READ, 0, 1)), NVME_OK);
    teardown();
}
END_TEST

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

START_TEST(wire)
{
    setup();
    nvme_guest_make_queues(&guest, 1, 4, 0, true);
    nvme_guest_make_queues(&guest, 2, 4, 0, false);
    ck_assert(!nvme_guest_wire(&guest)); /* the admin queue's entries are all taken */
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest);
    ck_assert(nvme_guest_wire(&guest));
    nvme_guest_write(&guest, R_INTMS, 1);
    ck_assert(!nvme_guest_wire(&guest));
    ck_assert_uint_eq(nvme_guest_read(&guest, R_INTMC), 1);
    nvme_guest_write(&guest, R_INTMC, 2);
    ck_assert(!nvme_guest_wire(&guest));
    nvme_guest_write(&guest, R_INTMC, 1);
    ck_assert(nvme_guest_wire(&guest));
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest);
    nvme_guest_take(&guest, 1, true);
    ck_assert(nvme_guest_wire(&guest)); /* one is left */
    nvme_guest_take(&guest, 1, true);
    ck_assert(!nvme_guest_wire(&guest));
    nvme_guest_command(&guest, 2, io(NVME_FLUSH, 0, 1)); /* a queue without interrupts */
    ck_assert(!nvme_guest_wire(&guest));
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest);
    ck_assert(nvme_guest_wire(&guest));
    if (_i) {
        ck_assert_uint_eq(make(NVME_DELETE_SQ, 1, 0, 0), NVME_OK);
        ck_assert_uint_eq(make(NVME_DELETE_CQ, 1, 0, 0), NVME_OK);
    } else {
        nvme_guest_disable(&guest);
    }
    ck_assert(!nvme_guest_wire(&guest));
    teardown();
}
END_TEST

#define CLAIM 0x200004u

static struct device *make_plic(struct fake_irq *hart, bool strict)
{
    struct plic_context context = { fake_irq_line(hart), 4, 9 };
    struct plic_config config = {
        .source_count = 95, .context_count = 1, .contexts = &context, .phandle = 5, .strict = strict
    };
    struct error error;
    struct device *plic = plic_create(&config, &error);
    ck_assert_ptr_nonnull(plic);
    for (unsigned n = 0; n < PCI_PINS; n++) {
        pci_host_bus(guest.pci.host)->intx[n] = plic_input(plic, 32 + n);
        fake_write(plic, (32 + n) * 4, 4, 1);
    }
    fake_write(plic, 0x2004, 4, 0xf);
    return plic;
}

/* A completion that is posted while the driver's handler runs is a request of its own, even if the driver
 * does not look at the queue again: once before the handler's doorbell, once after it has read the queue. */
START_TEST(posted_in_the_handler)
{
    struct fake_irq hart = { .rises = 0 };
    setup();
    struct device *plic = make_plic(&hart, _i);
    nvme_guest_make_queues(&guest, 1, 8, 0, true);
    fake_write(plic, CLAIM, 4, fake_read(plic, CLAIM, 4)); /* of the admin commands */
    ck_assert(!atomic_load(&hart.level));
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest);
    ck_assert(atomic_load(&hart.level));
    ck_assert_uint_eq(fake_read(plic, CLAIM, 4), 32 + NVME_SLOT % PCI_PINS);
    ck_assert(!atomic_load(&hart.level));
    nvme_guest_take(&guest, 1, false); /* the handler has seen one entry */
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest); /* another one is posted */
    nvme_guest_write(&guest, DOORBELL(3), guest.queues[1].head);
    fake_write(plic, CLAIM, 4, 32 + NVME_SLOT % PCI_PINS);
    ck_assert(atomic_load(&hart.level)); /* so the handler is called again */
    ck_assert_uint_eq(fake_read(plic, CLAIM, 4), 32 + NVME_SLOT % PCI_PINS);
    nvme_guest_take(&guest, 1, true);
    fake_write(plic, CLAIM, 4, 32 + NVME_SLOT % PCI_PINS);
    ck_assert(!atomic_load(&hart.level)); /* and not once more */
    plic->ops->destroy(plic);
    teardown();
}
END_TEST

static void set_vector(unsigned vector, bool masked)
{
    uint64_t at = 0x2000 + 16u * vector;
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, at, 8, 0x28000000);
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, at + 8, 4, 0x100 + vector);
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, at + 12, 4, masked);
}

START_TEST(messages)
{
    setup();
    slot_set_config(&guest.pci, NVME_SLOT, 0x42, 2, 0x8000);
    for (unsigned n = 0; n < 3; n++)
        set_vector(n, false);
    nvme_guest_make_queues(&guest, 1, 4, 1, true);
    nvme_guest_make_queues(&guest, 2, 4, 2, true);
    ck_assert_uint_eq(atomic_load(&guest.pci.messages), 4); /* of the admin commands */
    ck_assert_uint_eq(guest.pci.message_data, 0x100);
    for (unsigned queue = 1; queue < 3; queue++) {
        nvme_guest_command(&guest, queue, io(NVME_FLUSH, 0, 1));
        nvme_guest_settle(&guest);
        ck_assert_uint_eq(atomic_load(&guest.pci.messages), 4 + queue);
        ck_assert_uint_eq(guest.pci.message_data, 0x100 + queue);
    }
    ck_assert(!nvme_guest_wire(&guest));
    set_vector(1, true);
    nvme_guest_command(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest);
    ck_assert_uint_eq(atomic_load(&guest.pci.messages), 6);
    ck_assert_uint_eq(pci_guest_read(&guest.pci, PCI_WINDOW_MEM64, 0x3000, 8), 2);
    set_vector(1, false);
    ck_assert_uint_eq(atomic_load(&guest.pci.messages), 7);
    ck_assert_uint_eq(make(NVME_CREATE_CQ, 3 << 16 | 3, 3 | 65 << 16, CQ_AT(3)), NVME_INVALID_VECTOR);
    ck_assert_uint_eq(make(NVME_CREATE_CQ, 3 << 16 | 3, 3 | 64 << 16, CQ_AT(3)), NVME_OK);
    teardown();
}
END_TEST

/* ---- Hostile queues ------------------------------------------------------------------------------------ */

static const uint64_t no_memory[] = {
    0, 0x1000, 0x400000000, 0xfffffffffffff000, GUEST_RAM_BASE + GUEST_RAM_SIZE, GUEST_RAM_BASE - 0x1000
};

START_TEST(queues_outside_memory)
{
    uint64_t place = no_memory[_i / 3];
    bool completion = _i % 3 == 1, admin = _i % 3 == 2;
    setup();
    if (admin) {
        nvme_guest_disable(&guest);
        pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, R_ASQ, 8, place);
        nvme_guest_write(&guest, R_CC, CC_ON);
        nvme_guest_write(&guest, DOORBELL(0), 1);
    } else {
        ck_assert_uint_eq(make(NVME_CREATE_CQ, 3 << 16 | 1, 3, completion ? place : CQ_AT(1)), NVME_OK);
        ck_assert_uint_eq(make(NVME_CREATE_SQ, 3 << 16 | 1, 1 | 1 << 16, completion ? SQ_AT(1) : place),
                          NVME_OK);
        guest.queues[1].entries = 4;
        nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    }
    nvme_guest_settle(&guest);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), CSTS_RDY | CSTS_CFS);
    nvme_guest_submit(&guest, 0, identify(1, 0)); /* nothing runs any more */
    nvme_guest_settle(&guest);
    ck_assert(!nvme_guest_poll(&guest, 0));
    nvme_guest_disable(&guest);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    teardown();
}
END_TEST

/* Queues that lie in each other: whatever is served, it ends. */
START_TEST(queues_alias)
{
    setup();
    for (unsigned n = 1; n < 60; n++) {
        make(NVME_CREATE_CQ, 7 << 16 | n, 3, n % 2 ? CQ_AT(1) : SQ_AT(0));
        make(NVME_CREATE_SQ, 7 << 16 | n, 1 | n << 16, n % 3 ? CQ_AT(1) : SQ_AT(1));
    }
    for (unsigned n = 1; n < 60; n++)
        for (unsigned tail = 1; tail < 8; tail++)
            nvme_guest_write(&guest, DOORBELL(2 * n), tail);
    nvme_guest_settle(&guest);
    nvme_guest_disable(&guest);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    teardown();
}
END_TEST

START_TEST(bus_master)
{
    setup();
    slot_set_config(&guest.pci, NVME_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    nvme_guest_submit(&guest, 0, identify(1, 0));
    nvme_guest_settle(&guest);
    ck_assert(!nvme_guest_poll(&guest, 0));
    slot_set_config(&guest.pci, NVME_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    teardown();
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

static void save(struct state_writer *writer)
{
    state_writer_init(writer);
    pci_function_save(&guest.nvme->function, writer);
    ck_assert(!writer->failed);
}

static bool load(const void *bytes, size_t length)
{
    struct error error;
    struct state_reader reader;
    state_reader_init(&reader, bytes, length, &error);
    return pci_function_load(&guest.nvme->function, &reader);
}

START_TEST(state)
{
    struct state_writer first, second;
    setup();
    nvme_guest_make_queues(&guest, 1, 8, 0, true);
    ck_assert_uint_eq(nvme_guest_command(&guest, 1, io(NVME_READ, DISK_BLOCKS, 1)), NVME_LBA_RANGE);
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    uint16_t event = nvme_guest_submit(&guest, 0, (struct nvme_command){ .opcode = NVME_EVENT_REQUEST });
    ck_assert_uint_eq(feature(NVME_SET_FEATURES, 6, 0, 0), NVME_OK);
    nvme_guest_settle(&guest);
    ck_assert(nvme_guest_wire(&guest));
    save(&first);
    pci_function_reset(&guest.nvme->function);
    ck_assert(!nvme_guest_wire(&guest));
    ck_assert(load(first.bytes, first.length));
    save(&second);
    ck_assert_uint_eq(first.length, second.length);
    ck_assert_mem_eq(first.bytes, second.bytes, first.length);
    ck_assert(nvme_guest_wire(&guest));
    ck_assert_uint_eq(nvme_guest_take(&guest, 1, true), NVME_OK);
    ck_assert(!nvme_guest_wire(&guest));
    ck_assert_uint_eq(feature(NVME_GET_FEATURES, 6, 0, 0), NVME_OK);
    ck_assert_uint_eq(guest.done.result, 0);
    ck_assert_uint_eq(nvme_guest_command(&guest, 1, io(NVME_READ, 0, 1)), NVME_OK);
    nvme_guest_write(&guest, DOORBELL(100), 1);
    ck_assert_uint_eq(nvme_guest_take(&guest, 0, true), NVME_OK);
    ck_assert_uint_eq(guest.done.id, event);
    state_writer_destroy(&first);
    state_writer_destroy(&second);
    teardown();
}
END_TEST

/* A saved state with random bytes: it is refused or taken, and the controller works after a reset. */
START_TEST(hostile_state)
{
    struct state_writer writer;
    unsigned seed = fake_seed("hostile_state");
    setup();
    nvme_guest_make_queues(&guest, 1, 8, 0, true);
    nvme_guest_make_queues(&guest, 2, 4, 0, false);
    nvme_guest_submit(&guest, 1, io(NVME_FLUSH, 0, 1));
    nvme_guest_settle(&guest);
    save(&writer);
    for (unsigned round = 0; round < 2000; round++) {
        size_t length = writer.length;
        uint8_t *copy = malloc(length);
        memcpy(copy, writer.bytes, length);
        for (int n = rand_r(&seed) % 4; n >= 0; n--)
            copy[(size_t)rand_r(&seed) % length] = (uint8_t)rand_r(&seed);
        if (rand_r(&seed) % 4 == 0)
            length = (size_t)rand_r(&seed) % (length + 1);
        load(copy, length);
        for (unsigned n = 0; n < 6; n++)
            nvme_guest_write(&guest, DOORBELL(n), (unsigned)rand_r(&seed) % 8);
        free(copy);
    }
    state_writer_destroy(&writer);
    pci_function_reset(&guest.nvme->function);
    slot_set_config(&guest.pci, NVME_SLOT, PCI_BAR, 4, 0);
    slot_set_config(&guest.pci, NVME_SLOT, PCI_BAR + 4, 4, 4);
    slot_set_config(&guest.pci, NVME_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    ck_assert_uint_eq(nvme_guest_command(&guest, 0, identify(1, 0)), NVME_OK);
    teardown();
}
END_TEST

START_TEST(impossible_configurations)
{
    static const struct nvme_config configs[] = {
        { .io_queues = 256 },
        { .vectors = 257 },
        { .entries = 1 },
        { .entries = 4097 },
        { .physical_block_size = 256 },
        { .physical_block_size = 131072 },
        { .physical_block_size = 512, .logical_block_size = 4096 },
        { .mdts = 10 },
        { .events = 17 },
        { .logical_block_size = 1024 },
    };
    struct error error;
    ck_assert_ptr_null(nvme_create(&configs[_i], &error));
    ck_assert_ptr_nonnull(strstr(error.text, "nvme: "));
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof((list)[0]))

Suite *test_suite(void)
{
    Suite *suite = suite_create("nvme");
    TCase *tests = tcase_create("controller");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, identity);
    tcase_add_test(tests, registers);
    tcase_add_loop_test(tests, enabling, 0, COUNT(starts));
    tcase_add_test(tests, reset_and_shutdown);
    tcase_add_loop_test(tests, reset_while_busy, 0, 2);
    tcase_add_test(tests, identify_controller);
    tcase_add_test(tests, identify_namespace);
    tcase_add_loop_test(tests, features, 0, COUNT(settings));
    tcase_add_test(tests, logs);
    tcase_add_test(tests, unknown_commands);
    tcase_add_test(tests, events);
    tcase_add_loop_test(tests, queue_statuses, 0, COUNT(makings));
    tcase_add_test(tests, queue_entry_sizes);
    tcase_add_test(tests, wrapping_and_full);
    tcase_add_loop_test(tests, deletion_waits, 0, 2);
    tcase_add_loop_test(tests, wire, 0, 2);
    tcase_add_loop_test(tests, posted_in_the_handler, 0, 2);
    tcase_add_test(tests, messages);
    tcase_add_loop_test(tests, queues_outside_memory, 0, 3 * COUNT(no_memory));
    tcase_add_test(tests, queues_alias);
    tcase_add_test(tests, bus_master);
    tcase_add_test(tests, state);
    tcase_add_test(tests, hostile_state);
    tcase_add_loop_test(tests, impossible_configurations, 0, 10);
    suite_add_tcase(suite, tests);
    return suite;
}
