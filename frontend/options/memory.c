/* SPDX-License-Identifier: MIT
 *
 * -m, -mem-path, -mem-prealloc, -object memory-backend-..., -numa: the guest's RAM, the memory of the host
 * that it consists of, and which harts are near which part of it.
 */
#include <inttypes.h>
#include <string.h>

#include "frontend/options/options.h"

/* ---- -m ------------------------------------------------------------------------------------------------ */

static bool check_size(const char *flag, const char *value, uint64_t unit, uint64_t *bytes,
                       struct error *error)
{
    uint64_t least = unit > 1 ? UINT64_C(64) << 10 : 4096;
    if (!option_parse_size(value, unit, bytes))
        return error_set(error, "%s %s: not a size; write a number of %s, or one with K, M, G", flag,
                         value ? value : "", unit > 1 ? "MiB" : "bytes");
    if (*bytes < least || *bytes % 4096)
        return error_set(error, "%s %s: RAM must be a multiple of 4K and at least %uK", flag, value,
                         (unsigned)(least >> 10));
    return true;
}

#define RAM_STEP UINT64_C(8192)

static bool memory_size(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t *size = &options->machine.ram_size;
    options->memory = value;
    if (value && strchr(value, '.') && option_parse_size(value, UINT64_C(1) << 20, size) && *size >> 20) {
        *size = (*size + RAM_STEP - 1) & ~(RAM_STEP - 1); /* as on QEMU; a fraction is seldom a whole one */
        return true;
    }
    return check_size("-m", value, UINT64_C(1) << 20, size, error);
}

/* Checked only: this is for memory that is plugged in later, which the board cannot do. */
static bool memory_slots(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t slots;
    return (option_parse_number(value, &slots) && slots <= 256) ||
           error_set(error, "-m slots=%s: not a number up to 256", value ? value : "");
}

static bool memory_max(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_size(value, UINT64_C(1) << 20, &options->memory_max) ||
           error_set(error, "-m maxmem=%s: not a size", value ? value : "");
}

bool options_take_memory(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "size", memory_size }, { "slots", memory_slots }, { "maxmem", memory_max }, { NULL, NULL }
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "size", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-m", error);
}

/* ---- -object memory-backend-... ------------------------------------------------------------------------ */

#define BACKEND_SWITCH(name, key, member)                                                                    \
    static bool name(struct options *options, void *item, const char *value, struct error *error)            \
    {                                                                                                        \
        return options_take_switch("-object memory-backend " key, value,                                     \
                                   &((struct options_memory *)item)->memory.member, error);                  \
    }
BACKEND_SWITCH(backend_share, "share", shared)
BACKEND_SWITCH(backend_prealloc, "prealloc", prealloc)
BACKEND_SWITCH(backend_merge, "merge", merge)
BACKEND_SWITCH(backend_read_only, "readonly", read_only_file)

static bool backend_dump(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true, ok = options_take_switch("-object memory-backend dump", value, &on, error);
    ((struct options_memory *)item)->memory.undumped = !on;
    return ok;
}

static bool backend_id(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_memory *)item)->id = value;
    return true;
}

static bool backend_size(struct options *options, void *item, const char *value, struct error *error)
{
    return check_size("-object memory-backend size", value, 1, &((struct options_memory *)item)->memory.size,
                      error);
}

static bool backend_path(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_memory *)item)->memory.path = value;
    return (value && *value) || error_set(error, "-object memory-backend-file,mem-path: the name is missing");
}

static bool backend_offset(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t *offset = &((struct options_memory *)item)->memory.offset;
    return (option_parse_size(value, 1, offset) && *offset % 4096 == 0 && *offset < UINT64_C(1) << 62) ||
           error_set(error, "-object memory-backend-file,offset=%s: not a multiple of 4K",
                     value ? value : "");
}

/* Accepted: the host's kernel decides how the memory is placed. */
static bool backend_hint(struct options *options, void *item, const char *value, struct error *error)
{
    return true;
}

static bool backend_huge(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    return options_take_switch("-object memory-backend-memfd,hugetlb", value, &on, error) &&
           (!on ||
            error_set(error, "-object memory-backend-memfd,hugetlb=on: this version takes huge pages from a "
                             "mounted hugetlbfs: memory-backend-file,mem-path=FOLDER"));
}

bool options_take_memory_backend(struct options *options, const char *kind, const struct option_pairs *pairs,
                                 struct error *error)
{
    static const struct options_key keys[] = {
        { "id", backend_id },
        { "size", backend_size },
        { "share", backend_share },
        { "prealloc", backend_prealloc },
        { "prealloc-threads", backend_hint },
        { "merge", backend_merge },
        { "dump", backend_dump },
        { "reserve", backend_hint },
        { "policy", backend_hint },
        { "host-nodes", backend_hint },
        { "x-use-canonical-path-for-ramblock-id", backend_hint },
        { "mem-path", backend_path },
        { "offset", backend_offset },
        { "align", backend_hint },
        { "readonly", backend_read_only },
        { "discard-data", backend_hint },
        { "hugetlb", backend_huge },
        { "seal", backend_hint },
        { NULL, NULL },
    };
    struct options_memory backend = { .memory = { .memfd = strcmp(kind, "memory-backend-memfd") == 0 } };
    struct option_pairs rest = *pairs;
    bool file = strcmp(kind, "memory-backend-file") == 0;
    option_pairs_take(&rest, "qom-type");
    if (!options_take_pairs(options, &rest, keys, &backend, "-object memory-backend", error))
        return false;
    if (!backend.id || !*backend.id || !backend.memory.size)
        return error_set(error, "-object %s: id=ID and size=SIZE are needed", kind);
    if (file != (backend.memory.path != NULL))
        return error_set(error, "-object %s: mem-path=FILE %s", kind,
                         file ? "is missing" : "is memory-backend-file's");
    if (backend.memory.read_only_file && backend.memory.shared)
        return error_set(error, "-object %s: readonly=on and share=on do not go together: the guest writes",
                         kind);
    for (unsigned n = 0; n < options->memory_count; n++)
        if (strcmp(options->memories[n].id, backend.id) == 0)
            return error_set(error, "-object %s: the id %s is taken by another one", kind, backend.id);
    if (options->memory_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-object %s: too many of them", kind);
    options->memories[options->memory_count++] = backend;
    return true;
}

bool options_take_mem_path(struct options *options, const char *argument, struct error *error)
{
    options->mem_path = argument;
    return *argument || error_set(error, "-mem-path: the name of the file or folder is missing");
}

bool options_take_mem_prealloc(struct options *options, const char *argument, struct error *error)
{
    options->mem_prealloc = true;
    return true;
}

/* ---- -numa --------------------------------------------------------------------------------------------- */

#define NODE_DISTANCE_NEAR 10
#define NODE_DISTANCE_FAR  20

static bool node_id(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t id;
    if (!option_parse_number(value, &id) || id >= MACHINE_NODES_MAX)
        return error_set(error, "-numa node,nodeid=%s: not a number below %d", value ? value : "",
                         MACHINE_NODES_MAX);
    ((struct options_node *)item)->node.id = (unsigned)id;
    ((struct options_node *)item)->has_id = true;
    return true;
}

static bool node_memdev(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_node *)item)->memdev = value;
    return (value && *value) || error_set(error, "-numa node,memdev: the id is missing");
}

static bool node_mem(struct options *options, void *item, const char *value, struct error *error)
{
    return check_size("-numa node,mem", value, UINT64_C(1) << 20,
                      &((struct options_node *)item)->node.ram_size, error);
}

/* Takes N or FIRST-LAST; this key may be given several times. */
static bool node_cpus(struct options *options, void *item, const char *value, struct error *error)
{
    unsigned first, last;
    char end;
    int found = value ? sscanf(value, "%4u-%4u%c", &first, &last, &end) : 0;
    if (found == 1)
        last = first;
    if (found < 1 || found > 2 || first > last || last >= MACHINE_HARTS_MAX ||
        (found == 1 && strspn(value, "0123456789") != strlen(value)))
        return error_set(error, "-numa node,cpus=%s: not N or FIRST-LAST below %d", value ? value : "",
                         MACHINE_HARTS_MAX);
    for (unsigned hart = first; hart <= last; hart++)
        ((struct options_node *)item)->node.harts |= UINT64_C(1) << hart;
    return true;
}

static bool take_node(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const struct options_key keys[] = { { "nodeid", node_id },
                                               { "memdev", node_memdev },
                                               { "mem", node_mem },
                                               { "cpus", node_cpus },
                                               { NULL, NULL } };
    struct options_node node = { .memdev = NULL };
    if (!options_take_pairs(options, pairs, keys, &node, "-numa node", error))
        return false;
    if (options->node_count == MACHINE_NODES_MAX)
        return error_set(error, "-numa node: more than %d of them", MACHINE_NODES_MAX);
    if (!node.has_id)
        node.node.id = options->node_count;
    for (unsigned n = 0; n < options->node_count; n++)
        if (options->nodes[n].node.id == node.node.id)
            return error_set(error, "-numa node,nodeid=%u: another node has that number", node.node.id);
    if (node.memdev && node.node.ram_size)
        return error_set(error, "-numa node: memdev= and mem= do not go together");
    options->nodes[options->node_count++] = node;
    return true;
}

static bool take_distance(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const keys[] = { "src", "dst", "val", NULL };
    const char *from = option_pairs_get(pairs, "src"), *to = option_pairs_get(pairs, "dst");
    const char *value = option_pairs_get(pairs, "val");
    uint64_t a, b, distance;
    if (!options_only_keys(pairs, keys, "-numa dist", "src, dst, val", error))
        return false;
    if (!option_parse_number(from, &a) || !option_parse_number(to, &b) ||
        !option_parse_number(value, &distance) || a >= MACHINE_NODES_MAX || b >= MACHINE_NODES_MAX ||
        distance < NODE_DISTANCE_NEAR || distance > 255)
        return error_set(error, "-numa dist: src= and dst= are nodes, and val= is a number from %d to 255",
                         NODE_DISTANCE_NEAR);
    options->machine.distances[a][b] = (uint8_t)distance;
    if (!options->machine.distances[b][a])
        options->machine.distances[b][a] = (uint8_t)distance;
    options->machine.has_distances = true;
    return true;
}

/* Handles -numa cpu,node-id=N,core-id=H: puts a hart into a node. */
static bool take_node_cpu(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const char *const keys[] = { "node-id", "socket-id", "cluster-id", "core-id", "thread-id", NULL };
    const char *hart = option_pairs_get(pairs, "core-id"), *node = option_pairs_get(pairs, "node-id");
    uint64_t number, id;
    if (!options_only_keys(pairs, keys, "-numa cpu", "node-id, core-id, socket-id, cluster-id, thread-id",
                           error))
        return false;
    if (!option_parse_number(node, &id) || !option_parse_number(hart, &number) || number >= MACHINE_HARTS_MAX)
        return error_set(error, "-numa cpu: node-id=NODE and core-id=HART are needed");
    for (unsigned n = 0; n < options->node_count; n++) {
        if (options->nodes[n].node.id == id) {
            options->nodes[n].node.harts |= UINT64_C(1) << number;
            return true;
        }
    }
    return error_set(error, "-numa cpu,node-id=%s: there is no -numa node with that number before it", node);
}

bool options_take_numa(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "type", error))
        return false;
    const char *type = option_pairs_take(&pairs, "type");
    if (type && strcmp(type, "node") == 0)
        return take_node(options, &pairs, error);
    if (type && strcmp(type, "dist") == 0)
        return take_distance(options, &pairs, error);
    if (type && strcmp(type, "cpu") == 0)
        return take_node_cpu(options, &pairs, error);
    return options_bad_value(error, "-numa", type, "node, dist, cpu");
}

/* ---- The end ------------------------------------------------------------------------------------------- */

static const struct options_memory *find_backend(const struct options *options, const char *id)
{
    for (unsigned n = 0; n < options->memory_count; n++)
        if (strcmp(options->memories[n].id, id) == 0)
            return &options->memories[n];
    return NULL;
}

bool options_join_memdev(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error)
{
    const char *id = device->settings.backend;
    const struct options_memory *backend = find_backend(options, id);
    bool taken = options->memory_backend && strcmp(options->memory_backend, id) == 0;
    if (!backend)
        return error_set(error, "-device %s: there is no -object memory-backend-... with id=%s", device->text,
                         id);
    for (unsigned n = 0; n < options->node_count; n++)
        taken |= options->nodes[n].memdev && strcmp(options->nodes[n].memdev, id) == 0;
    for (unsigned n = 0; n < options->device_count; n++) {
        const struct options_device *other = &options->devices[n];
        taken |= other != device && other->model->backend == DEVICE_BACKEND_MEMORY &&
                 strcmp(other->settings.backend, id) == 0;
    }
    if (taken)
        return error_set(error, "-device %s: the memory %s has another use already", device->text, id);
    slot->memory = backend->memory;
    return true;
}

static bool use_backend(struct options *options, const char *flag, const char *id, struct error *error)
{
    struct machine_config *machine = &options->machine;
    const struct options_memory *backend = find_backend(options, id);
    if (!backend)
        return error_set(error, "%s=%s: there is no -object memory-backend-... with that id", flag, id);
    machine->memory[machine->memory_count] = backend->memory;
    machine->memory[machine->memory_count].prealloc |= options->mem_prealloc;
    machine->memory_count++;
    return true;
}

/* Adds RAM of a node without memdev=, as -m and -mem-path describe it. */
static void use_plain(struct options *options, uint64_t size)
{
    struct machine_config *machine = &options->machine;
    machine->memory[machine->memory_count++] = (struct machine_memory){ .size = size,
                                                                        .path = options->mem_path,
                                                                        .prealloc = options->mem_prealloc,
                                                                        .merge = options->mem_merge,
                                                                        .undumped = options->mem_undumped };
}

/* Nodes without a size share the RAM equally; the last one has the rest. */
static bool share_ram(struct options *options, uint64_t ram_size, struct error *error)
{
    unsigned silent = 0;
    uint64_t given = 0;
    for (unsigned n = 0; n < options->node_count; n++) {
        struct options_node *node = &options->nodes[n];
        const struct options_memory *backend = node->memdev ? find_backend(options, node->memdev) : NULL;
        if (node->memdev && !backend)
            return error_set(error,
                             "-numa node,memdev=%s: there is no -object memory-backend-... with that id",
                             node->memdev);
        if (backend)
            node->node.ram_size = backend->memory.size;
        given += node->node.ram_size;
        silent += !node->node.ram_size && !node->memdev;
    }
    if (silent && silent != options->node_count)
        return error_set(error, "-numa node: each of them has memdev= or mem=, or none has");
    uint64_t share = silent ? (ram_size / silent) & ~UINT64_C(0x1fffff) : 0;
    for (unsigned n = 0; n < silent; n++)
        options->nodes[n].node.ram_size = n + 1 < silent ? share : ram_size - share * (silent - 1);
    if (silent && !share)
        return error_set(error, "-numa node: %" PRIu64 " MiB of RAM are too little for %u nodes",
                         ram_size >> 20, options->node_count);
    return silent || given == ram_size ||
           error_set(error, "-numa node: the nodes have %" PRIu64 " MiB in all, and -m says %" PRIu64 " MiB",
                     given >> 20, ram_size >> 20);
}

/* Harts that no node names are distributed to the nodes in turn. */
static bool share_harts(struct options *options, struct error *error)
{
    uint64_t taken = 0,
             all = options->machine.smp == 64 ? UINT64_MAX : (UINT64_C(1) << options->machine.smp) - 1;
    for (unsigned n = 0; n < options->node_count; n++) {
        if (options->nodes[n].node.harts & taken)
            return error_set(error, "-numa node: a hart is in two nodes");
        taken |= options->nodes[n].node.harts;
    }
    for (unsigned hart = 0; hart < options->machine.smp; hart++)
        if (!(taken >> hart & 1))
            options->nodes[hart % options->node_count].node.harts |= UINT64_C(1) << hart;
    return !(taken & ~all) ||
           error_set(error, "-numa node,cpus: there are only %u harts (-smp)", options->machine.smp);
}

static void fill_distances(struct machine_config *machine)
{
    for (unsigned a = 0; a < MACHINE_NODES_MAX; a++)
        for (unsigned b = 0; b < MACHINE_NODES_MAX; b++)
            if (!machine->distances[a][b])
                machine->distances[a][b] = a == b ? NODE_DISTANCE_NEAR : NODE_DISTANCE_FAR;
}

static bool join_nodes(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (!share_ram(options, machine->ram_size, error) || !share_harts(options, error))
        return false;
    for (unsigned n = 0; n < options->node_count; n++) {
        struct options_node *node = &options->nodes[n];
        machine->nodes[machine->node_count++] = node->node;
        if (node->memdev && !use_backend(options, "-numa node,memdev", node->memdev, error))
            return false;
        if (!node->memdev)
            use_plain(options, node->node.ram_size);
    }
    fill_distances(machine);
    return true;
}

bool options_join_memory(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (options->memory_max && options->memory_max < machine->ram_size)
        return error_set(error, "-m maxmem: it is less than the size of %" PRIu64 " MiB",
                         machine->ram_size >> 20);
    if (options->node_count && options->memory_backend)
        return error_set(error, "-machine memory-backend= and -numa do not go together; write memdev=");
    if (options->node_count)
        return join_nodes(options, error);
    if (options->memory_backend) {
        const struct options_memory *backend = find_backend(options, options->memory_backend);
        if (backend && !options->memory)
            machine->ram_size = backend->memory.size;
        if (backend && backend->memory.size != machine->ram_size)
            return error_set(
                error, "-machine memory-backend=%s: it has %" PRIu64 " MiB, and -m says %" PRIu64 " MiB",
                options->memory_backend, backend->memory.size >> 20, machine->ram_size >> 20);
        return use_backend(options, "-machine memory-backend", options->memory_backend, error);
    }
    if (options->mem_path || options->mem_prealloc || options->mem_merge || options->mem_undumped)
        use_plain(options, machine->ram_size);
    return true;
}
