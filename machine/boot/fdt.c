/* SPDX-License-Identifier: MIT
 *
 * The device tree; see fdt.h. The board's nodes are written in sequence, and each device adds its own under
 * /soc. What changes from boot to boot (/chosen) is set afterwards, so that a tree from -dtb gets it as well.
 * The first libfdt error sticks, so errors need no handling at each node. If the buffer was too small, it is
 * made twice as large and everything is written again.
 */
#include "machine/boot/fdt.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/isa/isa.h"
#include "machine/board.h"
#include "machine/boot/image.h"
#include "util/guest_random.h"

#define TREE_MIN  8192
#define TREE_MAX  (1u << 20)
#define TREE_ROOM 8192 /* for /chosen: the command line and little else */
#define RNG_SEED  32

/* Writes a sequence of nodes; the first error of libfdt sticks in `status`. */
struct writer {
    void *fdt;
    int status;
};

#define WRITE(writer, call)                                                                                  \
    do {                                                                                                     \
        if ((writer)->status == 0)                                                                           \
            (writer)->status = (call);                                                                       \
    } while (0)

static void begin(struct writer *writer, const char *name)
{
    WRITE(writer, fdt_begin_node(writer->fdt, name));
}

static void end(struct writer *writer)
{
    WRITE(writer, fdt_end_node(writer->fdt));
}

static void put_u32(struct writer *writer, const char *name, uint32_t value)
{
    WRITE(writer, fdt_property_u32(writer->fdt, name, value));
}

static void put_text(struct writer *writer, const char *name, const char *text)
{
    WRITE(writer, fdt_property_string(writer->fdt, name, text));
}

static void put_flag(struct writer *writer, const char *name)
{
    WRITE(writer, fdt_property(writer->fdt, name, NULL, 0));
}

static void put_cells(struct writer *writer, uint32_t address_cells, uint32_t size_cells)
{
    put_u32(writer, "#address-cells", address_cells);
    put_u32(writer, "#size-cells", size_cells);
}

/* ---- Nodes --------------------------------------------------------------------------------------------- */

static void write_isa_extensions(struct writer *writer, const struct isa_config *isa)
{
    char list[ISA_STRING_SIZE];
    size_t length = 0;
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        const char *name = isa_extension_in(isa, (enum isa_extension)i);
        size_t size = strlen(name) + 1;
        if (!isa_has(isa, (enum isa_extension)i) || length + size > sizeof(list))
            continue;
        memcpy(list + length, name, size);
        length += size;
    }
    WRITE(writer, fdt_property(writer->fdt, "riscv,isa-extensions", list, (int)length));
}

static void write_isa(struct writer *writer, const struct isa_config *isa)
{
    char text[ISA_STRING_SIZE];
    isa_config_string(isa, text, sizeof(text));
    put_text(writer, "riscv,isa", text);
    snprintf(text, sizeof(text), "rv%u%c", isa->xlen, isa->embedded ? 'e' : 'i');
    put_text(writer, "riscv,isa-base", text);
    write_isa_extensions(writer, isa);
    if (isa->satp_max) {
        snprintf(text, sizeof(text), "riscv,sv%u", isa->satp_max);
        put_text(writer, "mmu-type", text);
    }
    if (isa_has(isa, ISA_Zicbom))
        put_u32(writer, "riscv,cbom-block-size", ISA_CACHE_BLOCK);
    if (isa_has(isa, ISA_Zicboz))
        put_u32(writer, "riscv,cboz-block-size", ISA_CACHE_BLOCK);
    if (isa_has(isa, ISA_Zicbop))
        put_u32(writer, "riscv,cbop-block-size", ISA_CACHE_BLOCK);
}

static void write_cpu(struct writer *writer, const struct fdt_content *content, unsigned n)
{
    char name[32];
    snprintf(name, sizeof(name), "cpu@%x", n);
    begin(writer, name);
    put_u32(writer, "phandle", FDT_PHANDLE_CPU(n));
    put_text(writer, "device_type", "cpu");
    put_u32(writer, "reg", n);
    put_text(writer, "status", "okay");
    put_text(writer, "compatible", "riscv");
    for (unsigned node = 0; node < content->node_count; node++)
        if (content->nodes[node].harts >> n & 1)
            put_u32(writer, "numa-node-id", content->nodes[node].id);
    write_isa(writer, n ? content->isa : content->first_isa);
    begin(writer, "interrupt-controller");
    put_u32(writer, "#interrupt-cells", 1);
    put_flag(writer, "interrupt-controller");
    put_text(writer, "compatible", "riscv,cpu-intc");
    put_u32(writer, "phandle", FDT_PHANDLE_INTC(n));
    end(writer);
    end(writer);
}

static void write_cpus(struct writer *writer, const struct fdt_content *content)
{
    begin(writer, "cpus");
    put_cells(writer, 1, 0);
    put_u32(writer, "timebase-frequency", (uint32_t)content->board->timebase_hz);
    for (unsigned n = 0; n < content->harts; n++)
        write_cpu(writer, content, n);
    begin(writer, "cpu-map");
    begin(writer, "cluster0");
    for (unsigned n = 0; n < content->harts; n++) {
        char name[32];
        snprintf(name, sizeof(name), "core%u", n);
        begin(writer, name);
        put_u32(writer, "cpu", FDT_PHANDLE_CPU(n));
        end(writer);
    }
    end(writer);
    end(writer);
    end(writer);
}

/* `node`: NULL if there are no nodes, so all memory is alike. */
static void write_range(struct writer *writer, uint64_t base, uint64_t size, const struct machine_node *node)
{
    char name[32];
    uint64_t reg[2] = { cpu_to_fdt64(base), cpu_to_fdt64(size) };
    snprintf(name, sizeof(name), "memory@%" PRIx64, base);
    begin(writer, name);
    put_text(writer, "device_type", "memory");
    WRITE(writer, fdt_property(writer->fdt, "reg", reg, sizeof(reg)));
    if (node)
        put_u32(writer, "numa-node-id", node->id);
    end(writer);
}

static void write_memory(struct writer *writer, const struct fdt_content *content)
{
    uint64_t base = content->board->ram_base;
    if (!content->node_count)
        write_range(writer, base, content->ram_size, NULL);
    for (unsigned n = 0; n < content->node_count; n++) {
        write_range(writer, base, content->nodes[n].ram_size, &content->nodes[n]);
        base += content->nodes[n].ram_size;
    }
}

/* Devicetree binding numa.txt: {from, to, distance} for each pair of nodes. */
static void write_distances(struct writer *writer, const struct fdt_content *content)
{
    fdt32_t matrix[MACHINE_NODES_MAX * MACHINE_NODES_MAX * 3];
    size_t count = 0;
    if (!content->has_distances)
        return;
    for (unsigned a = 0; a < content->node_count; a++) {
        for (unsigned b = 0; b < content->node_count; b++) {
            unsigned from = content->nodes[a].id, to = content->nodes[b].id;
            matrix[count++] = cpu_to_fdt32(from);
            matrix[count++] = cpu_to_fdt32(to);
            matrix[count++] = cpu_to_fdt32(content->distances[from][to]);
        }
    }
    begin(writer, "distance-map");
    put_text(writer, "compatible", "numa-distance-map-v1");
    WRITE(writer, fdt_property(writer->fdt, "distance-matrix", matrix, (int)(count * sizeof(matrix[0]))));
    end(writer);
}

static void write_soc(struct writer *writer, const struct fdt_content *content)
{
    begin(writer, "soc");
    put_cells(writer, 2, 2);
    put_text(writer, "compatible", "simple-bus");
    put_flag(writer, "ranges");
    for (unsigned i = 0; i < content->device_count; i++) {
        struct device *device = content->devices[i].device;
        if (device->ops->fdt)
            WRITE(writer, device->ops->fdt(device, writer->fdt, &content->devices[i].place));
    }
    end(writer);
}

static void write_tree(struct writer *writer, const struct fdt_content *content)
{
    const struct board *board = content->board;
    WRITE(writer, fdt_finish_reservemap(writer->fdt));
    begin(writer, "");
    put_cells(writer, 2, 2);
    put_text(writer, "compatible", board->compatible);
    put_text(writer, "model", board->model);
    begin(writer, "aliases");
    put_text(writer, "serial0", board->stdout_path);
    for (const char *const *alias = board->aliases; alias && *alias; alias += 2)
        put_text(writer, alias[0], alias[1]);
    end(writer);
    begin(writer, "chosen");
    put_text(writer, "stdout-path", board->stdout_path);
    end(writer);
    write_memory(writer, content);
    write_distances(writer, content);
    write_cpus(writer, content);
    write_soc(writer, content);
    for (unsigned i = 0; i < content->device_count; i++) {
        struct device *device = content->devices[i].device;
        if (device->ops->fdt_root)
            WRITE(writer, device->ops->fdt_root(device, writer->fdt));
    }
    end(writer);
    WRITE(writer, fdt_finish(writer->fdt));
}

/* ---- Whole trees --------------------------------------------------------------------------------------- */

/* Makes a copy with room for /chosen, and frees `tree`. */
static void *open_with_room(void *tree, const char *name, struct error *error)
{
    uint32_t size = fdt_totalsize(tree) + TREE_ROOM;
    void *roomy = malloc(size);
    int status = roomy ? fdt_open_into(tree, roomy, (int)size) : -FDT_ERR_NOSPACE;
    free(tree);
    if (status == 0)
        return roomy;
    free(roomy);
    error_set(error, "%s: not a usable device tree: %s", name, fdt_strerror(status));
    return NULL;
}

void *boot_fdt_build(const struct fdt_content *content, struct error *error)
{
    for (int size = TREE_MIN; size <= (int)TREE_MAX; size *= 2) {
        struct writer writer = { .fdt = malloc((size_t)size) };
        if (!writer.fdt)
            break;
        WRITE(&writer, fdt_create(writer.fdt, size));
        write_tree(&writer, content);
        if (writer.status == 0)
            return open_with_room(writer.fdt, "the board", error);
        free(writer.fdt);
        if (writer.status != -FDT_ERR_NOSPACE) {
            error_set(error, "cannot write the device tree: %s", fdt_strerror(writer.status));
            return NULL;
        }
    }
    error_set(error, "out of memory for the device tree");
    return NULL;
}

void *boot_fdt_read(const char *path, struct error *error)
{
    struct image image;
    if (!image_read(&image, path, TREE_MAX, error))
        return NULL;
    int status = image.length < sizeof(struct fdt_header) ? -FDT_ERR_TRUNCATED
                                                          : fdt_check_full(image.bytes, image.length);
    if (status != 0) {
        error_set(error, "%s is no device tree: %s; make one with dtc or -machine dumpdtb=FILE", path,
                  fdt_strerror(status));
        image_free(&image);
        return NULL;
    }
    return open_with_room(image.bytes, path, error);
}

void *boot_fdt_copy(const void *tree, struct error *error)
{
    uint32_t size = fdt_totalsize(tree);
    void *copy = malloc(size);
    if (!copy) {
        error_set(error, "out of memory for the device tree");
        return NULL;
    }
    memcpy(copy, tree, size);
    return open_with_room(copy, "the device tree", error);
}

/* The node's name, and its two cells of address and of size, are as on QEMU. */
static void set_module(struct writer *writer, int chosen, const struct fdt_module *module)
{
    static const char kernel[] = "multiboot,module\0multiboot,kernel";
    static const char ramdisk[] = "multiboot,module\0multiboot,ramdisk";
    char name[40];
    snprintf(name, sizeof(name), "module@0x%08" PRIx64, module->addr);
    int node = fdt_subnode_offset(writer->fdt, chosen, name);
    if (node == -FDT_ERR_NOTFOUND)
        node = fdt_add_subnode(writer->fdt, chosen, name);
    if (node < 0) {
        WRITE(writer, node);
        return;
    }
    const fdt64_t reg[2] = { cpu_to_fdt64(module->addr), cpu_to_fdt64(module->size) };
    WRITE(writer, fdt_setprop(writer->fdt, node, "reg", reg, sizeof(reg)));
    if (module->ramdisk)
        WRITE(writer, fdt_setprop(writer->fdt, node, "compatible", ramdisk, sizeof(ramdisk)));
    else
        WRITE(writer, fdt_setprop(writer->fdt, node, "compatible", kernel, sizeof(kernel)));
    if (module->bootargs)
        WRITE(writer, fdt_setprop_string(writer->fdt, node, "bootargs", module->bootargs));
}

bool boot_fdt_set_chosen(void *tree, const struct fdt_chosen *chosen, struct error *error)
{
    uint8_t seed[RNG_SEED];
    int node = fdt_path_offset(tree, "/chosen");
    if (node == -FDT_ERR_NOTFOUND)
        node = fdt_add_subnode(tree, 0, "chosen");
    struct writer writer = { .fdt = tree, .status = node < 0 ? node : 0 };
    if (chosen->bootargs)
        WRITE(&writer, fdt_setprop_string(tree, node, "bootargs", chosen->bootargs));
    if (chosen->initrd_start != chosen->initrd_end) {
        WRITE(&writer, fdt_setprop_u64(tree, node, "linux,initrd-start", chosen->initrd_start));
        WRITE(&writer, fdt_setprop_u64(tree, node, "linux,initrd-end", chosen->initrd_end));
    }
    if (guest_random(seed, sizeof(seed), true) == (long)sizeof(seed))
        WRITE(&writer, fdt_setprop(tree, node, "rng-seed", seed, sizeof(seed)));
    for (unsigned i = 0; i < chosen->module_count && writer.status == 0; i++)
        set_module(&writer, node, &chosen->modules[i]);
    if (writer.status == -FDT_ERR_NOSPACE)
        return error_set(error, "the kernel's command line (-append) is too long: it may have about %d bytes",
                         TREE_ROOM - 512);
    if (writer.status != 0)
        return error_set(error, "cannot fill in /chosen of the device tree: %s", fdt_strerror(writer.status));
    return true;
}

uint32_t boot_fdt_size(const void *tree)
{
    return fdt_totalsize(tree);
}

bool boot_fdt_dump(const void *tree, const char *path, struct error *error)
{
    uint32_t size = fdt_totalsize(tree);
    void *packed = malloc(size);
    if (!packed)
        return error_set(error, "out of memory for the device tree");
    memcpy(packed, tree, size);
    fdt_pack(packed);
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(packed, fdt_totalsize(packed), 1, file) == 1;
    if (file && fclose(file) != 0)
        ok = false;
    free(packed);
    return ok || error_set(error, "cannot write the device tree to %s: %s", path, strerror(errno));
}
