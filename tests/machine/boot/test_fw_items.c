/* SPDX-License-Identifier: MIT
 *
 * What firmware finds in fw_cfg, read as firmware does (through the device's registers): bootorder, -boot,
 * -fw_cfg, the UUID and the SMBIOS tables; and the effect of -machine aclint=on, -numa and memory backends on
 * the device tree and on RAM. The machine is a real one that is made but not run.
 */
#include <check.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/isa/isa.h"
#include "devices/ahci/ahci.h"
#include "devices/nvme/nvme.h"
#include "devices/usb/hub.h"
#include "devices/usb/storage.h"
#include "devices/usb/xhci.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/net.h"
#include "devices/virtio/scsi.h"
#include "machine/internal.h"
#include "tests/suite.h"

static struct error error;
static struct machine *machine;
static char disk[] = "/tmp/rvive-disk-XXXXXX";

static struct machine_config base(void)
{
    struct machine_config config = { .smp = 2, .ram_size = 64u << 20, .bios = "none", .serial = "null" };
    ck_assert(isa_config_parse(&config.isa, "rv64", &error));
    return config;
}

static void make(const struct machine_config *config)
{
    machine = machine_create(config, &error);
    ck_assert_msg(machine != NULL, "%s", error.text);
}

static void setup(void)
{
    int fd = mkstemp(disk);
    ck_assert(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    close(fd);
}

static void teardown(void)
{
    machine_destroy(machine);
    machine = NULL;
    unlink(disk);
    strcpy(disk, "/tmp/rvive-disk-XXXXXX");
}

/* ---- A driver of fw_cfg -------------------------------------------------------------------------------- */

static void select_item(uint16_t key)
{
    machine->fw_cfg->ops->write(machine->fw_cfg, 8, 2, (uint16_t)(key << 8 | key >> 8));
}

static uint32_t read_number(unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned n = 0; n < bytes; n++)
        value = value << 8 | (uint32_t)machine->fw_cfg->ops->read(machine->fw_cfg, 0, 1);
    return value;
}

/* Returns the bytes of a file, malloc'ed; NULL: there is no file with that name. */
static uint8_t *read_file(const char *name, uint32_t *length)
{
    select_item(0x19);
    uint32_t count = read_number(4), key = 0;
    bool found = false;
    for (uint32_t n = 0; n < count && !found; n++) {
        char entry[57] = "";
        *length = read_number(4);
        key = read_number(4) >> 16;
        for (unsigned i = 0; i < 56; i++)
            entry[i] = (char)read_number(1);
        found = strcmp(entry, name) == 0;
    }
    if (!found)
        return NULL;
    uint8_t *bytes = calloc(1, *length + 1);
    select_item((uint16_t)key);
    for (uint32_t n = 0; n < *length; n++)
        bytes[n] = (uint8_t)read_number(1);
    return bytes;
}

static void check_text(const char *name, const char *text, uint32_t size)
{
    uint32_t length;
    uint8_t *bytes = read_file(name, &length);
    ck_assert_msg(bytes && length == size && memcmp(bytes, text, size) == 0, "%s: %s", name,
                  bytes ? (char *)bytes : "");
    free(bytes);
}

static struct machine_plug plug_disk(uint32_t index)
{
    return (struct machine_plug){ .model = &virtio_blk_model,
                                  .settings = { .queues = 1, .queue_size = 256, .boot_index = index },
                                  .drive = { .path = disk, .format = "raw", .read_only = true } };
}

START_TEST(order)
{
    static const char text[] =
        "/virtio-mmio@0000000010007000/ethernet-phy@0\n/virtio-mmio@0000000010008000/disk@0,0\n"
        "/pci@ffffffffffffffff/ethernet@5,1/ethernet-phy@0\n/pci@ffffffffffffffff/scsi@1/disk@0,0\n"
        "/pci@ffffffffffffffff/pci1b36,0010@6/namespace@1,0\n"
        "/pci@ffffffffffffffff/scsi@7/channel@0/disk@2,10\n"
        "/pci@ffffffffffffffff/pci8086,2922@8/drive@1/disk@0\n"
        "/pci@ffffffffffffffff/usb@9/storage@2/channel@0/disk@0,0\n"
        "/pci@ffffffffffffffff/usb@9/hub@1/storage@3/channel@0/disk@0,0\nHALT";
    struct machine_config config = base();
    struct machine_plug card = { .model = &virtio_net_model, .settings = { .boot_index = 1 } };
    config.virtio[6] = card;
    config.virtio[7] = plug_disk(2);
    config.pci[0] =
        (struct machine_pci){ .plug = plug_disk(12), .slot = 1, .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    config.pci[1] =
        (struct machine_pci){ .plug = card, .slot = 5, .function = 1, .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    config.pci[1].plug.settings.boot_index = 3;
    config.pci[2] = (struct machine_pci){ .plug = plug_disk(20), .slot = 6 };
    config.pci[2].plug.model = &nvme_model;
    config.pci[3] = (struct machine_pci){ .plug = { .model = &virtio_scsi_model, .controller = 1 },
                                          .slot = 7,
                                          .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    config.units[0] = (struct machine_unit){ .controller = 1,
                                             .model = &scsi_cd_model,
                                             .settings = { .target = 3, .lun = 17, .boot_index = 21 } };
    config.pci[4] = (struct machine_pci){ .plug = { .model = &ahci_model, .controller = 2 }, .slot = 8 };
    config.units[1] = (struct machine_unit){ .controller = 2,
                                             .model = &ide_cd_model,
                                             .settings = { .target = 2, .lun = 1, .boot_index = 22 } };
    config.unit_count = 2;
    config.pci[5] = (struct machine_pci){
        .plug = { .model = &xhci_model, .settings = { .usb2_ports = 4, .usb3_ports = 4 } }, .slot = 9
    };
    config.usb[0] = (struct machine_usb){ .plug = plug_disk(24), .controller = 5, .path = "2" };
    config.usb[1] = (struct machine_usb){ .plug = { .model = &usb_hub_model }, .controller = 5, .path = "1" };
    config.usb[2] = (struct machine_usb){ .plug = plug_disk(25), .controller = 5, .path = "1.3" };
    config.usb[0].plug.model = config.usb[2].plug.model = &usb_storage_model;
    config.usb[0].plug.settings.logical_block_size = config.usb[2].plug.settings.logical_block_size = 512;
    config.usb_count = 3;
    config.pci_count = 6;
    config.boot = (struct machine_boot){ .menu = true, .strict = true, .has_wait = true, .wait_ms = 5000 };
    make(&config);
    check_text("bootorder", text, sizeof(text));
    check_text("etc/boot-menu-wait", "\x88\x13", 2);
    select_item(0x0e);
    ck_assert_uint_eq(read_number(2), 0x100);
}
END_TEST

START_TEST(files)
{
    struct machine_config config = base();
    uint32_t length;
    config.fw_files[0] = (struct machine_fw_file){ .name = "opt/a", .text = "hello" };
    config.fw_files[1] = (struct machine_fw_file){ .name = "opt/b", .file = disk };
    config.fw_file_count = 2;
    make(&config);
    check_text("opt/a", "hello", 5);
    free(read_file("opt/b", &length));
    ck_assert_uint_eq(length, 1 << 20);
    ck_assert_ptr_null(read_file("bootorder", &length));
    ck_assert_ptr_null(read_file("etc/smbios/smbios-tables", &length));
    teardown();
    setup();
    config.fw_files[1].file = "/nonexistent/x";
    ck_assert_ptr_null(machine_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "-fw_cfg name=opt/b: /nonexistent/x"));
    struct machine_config twice = base();
    twice.virtio[7] = plug_disk(2);
    twice.virtio[6] = plug_disk(2);
    ck_assert_ptr_null(machine_create(&twice, &error));
    ck_assert_msg(strstr(error.text, "bootindex=1"), "%s", error.text);
}
END_TEST

/* ---- SMBIOS -------------------------------------------------------------------------------------------- */

/* Returns the structure of a type, with its length in *size; NULL: there is none. Checks that each structure
 * ends correctly. */
static const uint8_t *find_table(const uint8_t *tables, uint32_t length, uint8_t type, unsigned *count)
{
    const uint8_t *found = NULL;
    *count = 0;
    for (uint32_t at = 0; at < length;) {
        ck_assert_uint_le(at + 4, length);
        ck_assert_uint_eq(tables[at + 2] | tables[at + 3] << 8, *count); /* handles are numbered in order */
        if (tables[at] == type)
            found = tables + at;
        at += tables[at + 1];
        while (at + 1 < length && (tables[at] || tables[at + 1]))
            at++;
        at += 2;
        ck_assert_uint_le(at, length);
        ++*count;
    }
    return found;
}

static const char *text_of(const uint8_t *table, unsigned number)
{
    const char *text = (const char *)table + table[1];
    for (; number > 1; number--)
        text += strlen(text) + 1;
    return text;
}

START_TEST(smbios)
{
    static const uint8_t uuid[16] = {
        0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8
    };
    static const uint8_t mixed[16] = {
        0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8
    };
    struct machine_config config = base();
    uint32_t length, anchor_length;
    unsigned count;
    config.smbios = (struct smbios_config){ .wanted = true, .has_uuid = true, .bios = true, .uefi = true };
    memcpy(config.smbios.uuid, uuid, sizeof(uuid));
    config.smbios.texts[SMBIOS_SYSTEM_SERIAL] = "serial";
    config.smbios.texts[SMBIOS_BIOS_VENDOR] = "vendor";
    config.smbios.strings[0].text = "a.b=c";
    config.smbios.strings[1].text = "second";
    config.smbios.string_count = 2;
    make(&config);
    uint8_t *tables = read_file("etc/smbios/smbios-tables", &length);
    uint8_t *anchor = read_file("etc/smbios/smbios-anchor", &anchor_length);
    ck_assert(tables && anchor && anchor_length == 24 && memcmp(anchor, "_SM3_", 5) == 0);
    uint8_t sum = 0;
    for (unsigned n = 0; n < 24; n++)
        sum = (uint8_t)(sum + anchor[n]);
    ck_assert_uint_eq(sum, 0);
    ck_assert_uint_eq((uint32_t)(anchor[12] | anchor[13] << 8 | anchor[14] << 16), length);
    static const struct {
        uint8_t type, size;
    } sizes[] = { { 0, 24 },  { 1, 27 },  { 3, 22 },  { 4, 48 },  { 11, 5 },
                  { 16, 23 }, { 17, 40 }, { 19, 31 }, { 32, 11 }, { 127, 4 } };
    for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        const uint8_t *table = find_table(tables, length, sizes[n].type, &count);
        ck_assert_msg(table && table[1] == sizes[n].size, "type %u", sizes[n].type);
    }
    ck_assert_uint_eq(count, 10);
    const uint8_t *system = find_table(tables, length, 1, &count);
    ck_assert_mem_eq(system + 8, mixed, 16);
    ck_assert_str_eq(text_of(system, system[7]), "serial");
    const uint8_t *strings = find_table(tables, length, 11, &count);
    ck_assert_uint_eq(strings[4], 2);
    ck_assert_str_eq(text_of(strings, 2), "second");
    const uint8_t *memory = find_table(tables, length, 17, &count);
    ck_assert_uint_eq(memory[12] | memory[13] << 8, 64);
    const uint8_t *processor = find_table(tables, length, 4, &count);
    ck_assert_uint_eq(processor[40] | processor[41] << 8, 0x201);
    ck_assert_uint_eq(processor[35], 2);
    select_item(2);
    ck_assert_uint_eq(read_number(4), 0x12345678);
    free(tables);
    free(anchor);
}
END_TEST

/* ---- The device tree, and RAM -------------------------------------------------------------------------- */

static const uint32_t *cells(const char *path, const char *name, unsigned count)
{
    static uint32_t values[64];
    int length, node = fdt_path_offset(machine->fdt, path);
    const fdt32_t *found = node < 0 ? NULL : fdt_getprop(machine->fdt, node, name, &length);
    ck_assert_msg(found && length == (int)(4 * count), "%s/%s", path, name);
    for (unsigned n = 0; n < count; n++)
        values[n] = fdt32_to_cpu(found[n]);
    return values;
}

START_TEST(aclint)
{
    struct machine_config config = base();
    make(&config);
    ck_assert_int_ge(fdt_path_offset(machine->fdt, "/soc/clint@2000000"), 0);
    teardown();
    setup();
    config.aclint = true;
    make(&config);
    ck_assert_int_lt(fdt_path_offset(machine->fdt, "/soc/clint@2000000"), 0);
    static const uint32_t timer[] = { 0, 0x200bff8, 0, 0x4008, 0, 0x2004000, 0, 0x7ff8 };
    ck_assert_mem_eq(cells("/soc/mtimer@2004000", "reg", 8), timer, sizeof(timer));
    ck_assert_uint_eq(cells("/soc/mtimer@2004000", "interrupts-extended", 4)[3], 7);
    static const uint32_t software[] = { 0, 0x2000000, 0, 0x4000 };
    ck_assert_mem_eq(cells("/soc/mswi@2000000", "reg", 4), software, sizeof(software));
    ck_assert_uint_eq(cells("/soc/mswi@2000000", "interrupts-extended", 4)[3], 3);
    int length, node = fdt_path_offset(machine->fdt, "/soc/mswi@2000000");
    ck_assert_ptr_nonnull(fdt_getprop(machine->fdt, node, "interrupt-controller", &length));
}
END_TEST

START_TEST(nodes)
{
    static const uint32_t matrix[] = { 0, 0, 10, 0, 1, 25, 1, 0, 25, 1, 1, 10 };
    struct machine_config config = base();
    config.nodes[0] = (struct machine_node){ .id = 0, .ram_size = 48u << 20, .harts = 2 };
    config.nodes[1] = (struct machine_node){ .id = 1, .ram_size = 16u << 20, .harts = 1 };
    config.node_count = 2;
    config.has_distances = true;
    config.distances[0][0] = config.distances[1][1] = 10;
    config.distances[0][1] = config.distances[1][0] = 25;
    make(&config);
    ck_assert_uint_eq(cells("/memory@80000000", "numa-node-id", 1)[0], 0);
    ck_assert_uint_eq(cells("/memory@83000000", "reg", 4)[3], 16u << 20);
    ck_assert_uint_eq(cells("/memory@83000000", "numa-node-id", 1)[0], 1);
    ck_assert_uint_eq(cells("/cpus/cpu@0", "numa-node-id", 1)[0], 1);
    ck_assert_uint_eq(cells("/cpus/cpu@1", "numa-node-id", 1)[0], 0);
    ck_assert_mem_eq(cells("/distance-map", "distance-matrix", 12), matrix, sizeof(matrix));
}
END_TEST

/* What the guest writes is in the file if the memory is shared, and otherwise not. */
START_TEST(memory_in_files)
{
    struct machine_config config = base();
    for (unsigned shared = 0; shared < 2; shared++) {
        config.memory[0] = (struct machine_memory){ .size = 48u << 20, .prealloc = true };
        config.memory[1] = (struct machine_memory){ .size = 16u << 20, .path = disk, .shared = shared };
        config.memory_count = 2;
        make(&config);
        memcpy(bus_host(machine->bus, 0x83000000 + 4096, 8), "in there", 8);
        machine_destroy(machine);
        machine = NULL;
        char bytes[9] = "";
        FILE *file = fopen(disk, "r");
        ck_assert(fseek(file, 0, SEEK_END) == 0 && ftell(file) == 16 << 20);
        ck_assert(fseek(file, 4096, SEEK_SET) == 0 && fread(bytes, 1, 8, file) == 8);
        fclose(file);
        ck_assert_str_eq(bytes, shared ? "in there" : "");
    }
    config.memory[1].path = "/nonexistent/x";
    ck_assert_ptr_null(machine_create(&config, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/x"));
    config.memory[1].path = "/tmp"; /* a file without a name */
    make(&config);
    ck_assert_ptr_nonnull(bus_host(machine->bus, 0x83000000, 1));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("fw_items");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, order);
    tcase_add_test(tests, files);
    tcase_add_test(tests, smbios);
    tcase_add_test(tests, aclint);
    tcase_add_test(tests, nodes);
    tcase_add_test(tests, memory_in_files);
    suite_add_tcase(suite, tests);
    return suite;
}
