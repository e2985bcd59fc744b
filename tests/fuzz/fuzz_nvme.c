/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives an NVMe controller with the fuzzer's bytes. The controller is
 * enabled, with two pairs of I/O queues and good commands in them; then the input is combined with the
 * commands by exclusive or: a zero byte changes nothing, and any other byte breaks one thing. The rest of the
 * input is a script of register accesses, doorbells and memory writes. The disk is an array, and a transfer
 * beyond it aborts; RAM lies between unmapped pages. At the end the controller is reset, and must work as at
 * the start.
 *
 *   byte 0      commands in the admin queue, and (bits 4 to 7) in each of the others, up to 7
 *   512 bytes   the admin commands      256 bytes  the commands of each I/O queue, the first four
 *   128 bytes   a PRP list
 *   rest        one operation in 8 bytes: kind, size, offset (2), value (4)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/devices/nvme/nvme_guest.h"
#include "util/state.h"

static struct nvme_guest guest;

static void make_guest(void)
{
    nvme_guest_init(&guest, &(struct nvme_config){ .serial = "fuzz", .io_queues = 3, .entries = 64 });
}

static void disturb(uint64_t paddr, size_t length, const uint8_t **data, size_t *size)
{
    uint8_t *host = nvme_guest_host(&guest, paddr);
    length = length < *size ? length : *size;
    for (size_t n = 0; n < length; n++)
        host[n] ^= (*data)[n];
    *data += length;
    *size -= length;
}

static void put_list(void)
{
    for (unsigned n = 0; n < 16; n++)
        memcpy(nvme_guest_host(&guest, LIST_AT + 8 * n), &(uint64_t){ DATA_AT + 0x10000 - 0x1000 * n }, 8);
}

/* Commands that the queues begin with. */
static void put_commands(void)
{
    static const struct nvme_command admin[] = {
        { .opcode = NVME_IDENTIFY, .prp1 = DATA_AT, .cdw10 = 1 },
        { .opcode = NVME_EVENT_REQUEST },
        { .opcode = NVME_GET_LOG_PAGE, .prp1 = DATA_AT + 0x800, .prp2 = DATA_AT, .cdw10 = 5 | 1023u << 16 },
        { .opcode = NVME_SET_FEATURES, .cdw10 = 6, .cdw11 = 1 },
        { .opcode = NVME_DELETE_SQ, .cdw10 = 2 },
        { .opcode = NVME_CREATE_SQ, .prp1 = SQ_AT(2), .cdw10 = 7 << 16 | 2, .cdw11 = 2 << 16 | 1 },
        { .opcode = NVME_CREATE_CQ, .prp1 = CQ_AT(3), .cdw10 = 7 << 16 | 3, .cdw11 = 3 },
    };
    static const struct nvme_command io[] = {
        { .opcode = NVME_READ, .namespace = 1, .prp1 = DATA_AT, .prp2 = LIST_AT, .cdw10 = 8, .cdw12 = 63 },
        { .opcode = NVME_WRITE, .namespace = 1, .prp1 = DATA_AT + 512, .prp2 = DATA_AT, .cdw12 = 7 },
        { .opcode = NVME_WRITE_ZEROES, .namespace = 1, .cdw10 = 100, .cdw12 = 200 },
        { .opcode = NVME_DATASET, .namespace = 1, .prp1 = LIST_AT, .cdw10 = 1, .cdw11 = 4 },
        { .opcode = NVME_COMPARE, .namespace = 1, .prp1 = DATA_AT, .cdw10 = 8, .cdw12 = 3 },
        { .opcode = NVME_FLUSH, .namespace = 0xffffffff },
    };
    for (unsigned n = 0; n < sizeof(admin) / sizeof(admin[0]); n++)
        nvme_guest_put(&guest, 0, admin[n]);
    for (unsigned queue = 1; queue < 3; queue++)
        for (unsigned n = 0; n < sizeof(io) / sizeof(io[0]); n++)
            nvme_guest_put(&guest, queue, io[n]);
}

static void save_and_load(uint32_t value)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    state_writer_init(&writer);
    pci_function_save(&guest.nvme->function, &writer);
    for (unsigned n = 0; n < (value & 3); n++)
        writer.bytes[(value >> 8) * 2654435761u % writer.length] ^= (uint8_t)(value >> 2 | 1);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    pci_function_load(&guest.nvme->function, &reader);
    state_writer_destroy(&writer);
}

static void operation(const uint8_t *op)
{
    uint32_t value = op[4] | op[5] << 8 | op[6] << 16 | (uint32_t)op[7] << 24;
    unsigned offset = op[2] | op[3] << 8u, size = 1u << (op[1] & 3);
    switch (op[0] % 8) {
    case 0: nvme_guest_write(&guest, DOORBELL(offset % 8), value % 16); break;
    case 1: pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, offset % 0x4000 & -size, size, value); break;
    case 2: pci_guest_read(&guest.pci, PCI_WINDOW_MEM64, offset % 0x4000 & -size, size); break;
    case 3: memcpy(nvme_guest_host(&guest, GUEST_RAM_BASE + offset * 4), &value, 4); break;
    case 4: nvme_guest_write(&guest, R_CC, value); break;
    case 5:
        slot_set_config(&guest.pci, NVME_SLOT, offset % 256 & -(size & 7), size & 7 ? size & 7 : 4, value);
        break;
    case 6: save_and_load(value); break;
    default: nvme_guest_settle(&guest); break;
    }
}

/* After a reset of the machine, a driver that does everything right must find a controller that works. */
static void check_works(void)
{
    pci_function_reset(&guest.nvme->function);
    slot_set_config(&guest.pci, NVME_SLOT, PCI_BAR, 4, 0);
    slot_set_config(&guest.pci, NVME_SLOT, PCI_BAR + 4, 4, 4);
    slot_set_config(&guest.pci, NVME_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    if (nvme_guest_read(&guest, R_CSTS) || nvme_guest_enable(&guest) != CSTS_RDY)
        abort();
    for (unsigned queue = 1; queue < 3; queue++)
        nvme_guest_make_queues(&guest, queue, 8, 0, true);
    if (nvme_guest_command(&guest, 1,
                           (struct nvme_command){ .opcode = NVME_READ, .namespace = 1, .prp1 = DATA_AT }))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guest.nvme)
        make_guest();
    if (size < 1)
        return 0;
    check_works();
    unsigned counts[3] = { data[0] & 7, data[0] >> 4 & 7, data[0] >> 4 & 7 };
    unsigned heads[3] = { guest.queues[0].tail, guest.queues[1].tail, guest.queues[2].tail };
    data++;
    size--;
    put_list();
    put_commands();
    disturb(SQ_AT(0), 512, &data, &size);
    disturb(SQ_AT(1), 256, &data, &size);
    disturb(SQ_AT(2), 256, &data, &size);
    disturb(LIST_AT, 128, &data, &size);
    for (unsigned n = 0; n < 3; n++)
        nvme_guest_write(&guest, DOORBELL(2 * n), (heads[n] + counts[n]) % 8);
    for (; size >= 8; data += 8, size -= 8)
        operation(data);
    nvme_guest_settle(&guest);
    return 0;
}
