/* SPDX-License-Identifier: MIT
 *
 * -device loader: not a device, but bytes that are in memory before the harts start.
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

bool options_take_loader(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    struct machine_load load = { .cpu = -1 };
    const struct options_keys lists[] = { { loader_keys, &load, "loader" }, { NULL, NULL, NULL } };
    if (options->machine.load_count == MACHINE_LOADS_MAX)
        return error_set(error, "-device loader: more than %d of them", MACHINE_LOADS_MAX);
    if (!options_take_keys(lists, pairs, "-device loader", error))
        return false;
    load.has_addr = option_pairs_get(pairs, "addr");
    if (load.file && load.data_len)
        return error_set(error, "-device loader: file= and data= do not go together");
    if (!load.file && !load.data_len && load.cpu < 0)
        return error_set(error, "-device loader: file=, or data= with data-len=, or cpu-num= is missing");
    if (!load.has_addr && !load.file)
        return error_set(error, "-device loader: addr= is missing");
    options->machine.loads[options->machine.load_count++] = load;
    return true;
}
