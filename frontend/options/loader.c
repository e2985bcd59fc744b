/* SPDX-License-Identifier: MIT
 *
 * -device loader and guest-loader: not devices, but bytes that are in memory before the harts start.
 */
#include "frontend/options/keys.h"

static const struct device_key loader_keys[] = {
    { "file", DEVICE_KEY_TEXT, "an ELF file, or a file of bytes",
      DEVICE_KEY_VALUE(struct machine_load, file) },
    { "addr", DEVICE_KEY_NUMBER, "where they go; for an ELF file, instead of where it says",
      DEVICE_KEY_VALUE(struct machine_load, addr), .most = UINT64_MAX },
    { "cpu-num", DEVICE_KEY_NUMBER, "the hart that starts there", DEVICE_KEY_VALUE(struct machine_load, cpu),
      .most = MACHINE_HARTS_MAX - 1 },
    { "force-raw", DEVICE_KEY_SWITCH, "the file is not looked into",
      DEVICE_KEY_VALUE(struct machine_load, force_raw) },
    { "data", DEVICE_KEY_NUMBER, "instead of a file: a value, little-endian",
      DEVICE_KEY_VALUE(struct machine_load, data), .most = UINT64_MAX },
    { "data-be", DEVICE_KEY_SWITCH, "big-endian instead", DEVICE_KEY_VALUE(struct machine_load, big_endian) },
    { "data-len", DEVICE_KEY_NUMBER, "its bytes", DEVICE_KEY_VALUE(struct machine_load, data_len),
      .most = 8 },
    { .name = NULL },
};

const struct device_model options_loader_model = {
    .name = "loader",
    .text = "puts a file or a value into memory before the start",
    .buses = DEVICE_BUS_NONE,
    .keys = loader_keys,
};

/* Both kinds of modules, of which only one is given. */
struct guest_load {
    struct machine_load load;
    const char *kernel, *initrd;
};

static const struct device_key guest_keys[] = {
    { "addr", DEVICE_KEY_NUMBER, "where it goes", DEVICE_KEY_VALUE(struct guest_load, load.addr),
      .most = UINT64_MAX },
    { "kernel", DEVICE_KEY_TEXT, "a file: the kernel that a hypervisor starts",
      DEVICE_KEY_VALUE(struct guest_load, kernel) },
    { "bootargs", DEVICE_KEY_TEXT, "that kernel's command line",
      DEVICE_KEY_VALUE(struct guest_load, load.bootargs) },
    { "initrd", DEVICE_KEY_TEXT, "a file: its RAM disk", DEVICE_KEY_VALUE(struct guest_load, initrd) },
    { .name = NULL },
};

const struct device_model options_guest_loader_model = {
    .name = "guest-loader",
    .text = "puts a kernel or RAM disk for a hypervisor into memory, and names it in the device tree",
    .buses = DEVICE_BUS_NONE,
    .keys = guest_keys,
};

bool options_is_loader(const struct device_model *model)
{
    return model == &options_loader_model || model == &options_guest_loader_model;
}

static bool add_load(struct options *options, const struct machine_load *load, const char *name,
                     struct error *error)
{
    if (options->machine.load_count == MACHINE_LOADS_MAX)
        return error_set(error, "-device %s: more than %d of them", name, MACHINE_LOADS_MAX);
    options->machine.loads[options->machine.load_count++] = *load;
    return true;
}

bool options_take_guest_loader(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    struct guest_load guest = { .load.cpu = -1 };
    struct machine_load *load = &guest.load;
    const struct options_keys lists[] = { { guest_keys, &guest, "guest-loader" }, { NULL, NULL, NULL } };
    if (!options_take_keys(lists, pairs, "-device guest-loader", error))
        return false;
    load->has_addr = option_pairs_get(pairs, "addr");
    load->file = guest.kernel ? guest.kernel : guest.initrd;
    load->module = guest.kernel ? MACHINE_MODULE_KERNEL : MACHINE_MODULE_RAMDISK;
    if (!load->file || (guest.kernel && guest.initrd))
        return error_set(error, "-device guest-loader: one of kernel=FILE and initrd=FILE is needed");
    if (!load->has_addr)
        return error_set(error, "-device guest-loader: addr= is missing");
    if (load->bootargs && guest.initrd)
        return error_set(error, "-device guest-loader: bootargs= is for kernel=");
    return add_load(options, load, "guest-loader", error);
}

bool options_take_loader(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    struct machine_load load = { .cpu = -1 };
    const struct options_keys lists[] = { { loader_keys, &load, "loader" }, { NULL, NULL, NULL } };
    if (!options_take_keys(lists, pairs, "-device loader", error))
        return false;
    load.has_addr = option_pairs_get(pairs, "addr");
    if (load.file && load.data_len)
        return error_set(error, "-device loader: file= and data= do not go together");
    if (!load.file && !load.data_len && load.cpu < 0)
        return error_set(error, "-device loader: file=, or data= with data-len=, or cpu-num= is missing");
    if (!load.has_addr && !load.file)
        return error_set(error, "-device loader: addr= is missing");
    return add_load(options, &load, "loader", error);
}
