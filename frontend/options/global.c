/* SPDX-License-Identifier: MIT
 *
 * -global: keys of all devices of a kind, and of the harts. A key of -device or -cpu overrides them.
 */
#include <string.h>

#include "frontend/options/options.h"
#include "util/log.h"

/* DRIVER.PROPERTY=VALUE, or the three as keys. */
static bool split_global(struct options *options, const char *argument, struct options_global *global,
                         struct error *error)
{
    static const char *const keys[] = { "driver", "property", "value", NULL };
    struct option_pairs pairs;
    size_t driver = strcspn(argument, ".="), property = strcspn(argument + driver, "=");
    if (argument[driver] == '.' && argument[driver + property]) {
        global->driver = option_strings_add(&options->strings, argument, driver);
        global->property = option_strings_add(&options->strings, argument + driver + 1, property - 1);
        global->value = argument + driver + property + 1;
        return (global->driver && global->property) || error_set(error, "out of memory for the options");
    }
    if (!option_pairs_split(&pairs, &options->strings, argument, NULL, error) ||
        !options_only_keys(&pairs, keys, "-global", "driver, property, value", error))
        return false;
    global->driver = option_pairs_get(&pairs, "driver");
    global->property = option_pairs_get(&pairs, "property");
    global->value = option_pairs_get(&pairs, "value");
    return (global->driver && global->property && global->value) ||
           error_set(error, "-global %s: not DRIVER.PROPERTY=VALUE", argument);
}

static bool is_cpu(const char *driver)
{
    static const char end[] = "riscv-cpu";
    size_t length = strlen(driver);
    return length >= strlen(end) && strcmp(driver + length - strlen(end), end) == 0;
}

/* As in QEMU, a -global for a device that does not exist has no effect. */
bool options_take_global(struct options *options, const char *argument, struct error *error)
{
    struct options_global global;
    struct options_device device;
    if (!split_global(options, argument, &global, error))
        return false;
    if (strcmp(global.driver, "virtio-mmio") == 0 && strcmp(global.property, "force-legacy") == 0)
        return options_take_switch("-global virtio-mmio.force-legacy", global.value,
                                   &options->machine.virtio_legacy, error);
    if (!is_cpu(global.driver) && strcmp(global.driver, "virtio-pci") != 0 &&
        !options_name_device(global.driver, &device)) {
        log_warn("-global %s: there is no device %s: it has no effect", argument, global.driver);
        return true;
    }
    if (options->global_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-global: more than %d of them", OPTIONS_ITEMS_MAX);
    options->globals[options->global_count++] = global;
    return true;
}

bool options_join_cpu(struct options *options, struct error *error)
{
    const struct board *board = options->machine.board;
    bool wide = options->machine.isa.xlen == 64 && (options->called_qemu || board->cpu_is_wide);
    const char *const *own = board->cpu;
    const char *cpu = options->cpu ? options->cpu : options->machine.isa.xlen == 32 ? "rv32" : "rv64";
    if (!options->cpu && own[0])
        cpu = own[wide]; /* only QEMU's 64-bit program means the board's 64-bit sibling */
    size_t model = strcspn(cpu, ",");
    char text[2048];
    int length = snprintf(text, sizeof(text), "%.*s", (int)model, cpu);
    bool any = false;
    for (unsigned n = 0; n < options->global_count && length < (int)sizeof(text); n++) {
        const struct options_global *global = &options->globals[n];
        if (!is_cpu(global->driver))
            continue;
        any = true;
        length +=
            snprintf(text + length, sizeof(text) - (size_t)length, ",%s=%s", global->property, global->value);
    }
    if (length < (int)sizeof(text))
        length += snprintf(text + length, sizeof(text) - (size_t)length, "%s", cpu + model);
    if (length >= (int)sizeof(text))
        return error_set(error, "-global, -cpu: too long");
    return (!any && !(own[0] && !options->cpu)) || options_take_cpu(options, text, error);
}

/* Returns whether a -global for `driver` applies to the device, which the user calls `name`. */
static bool is_for(const char *driver, const char *name, const struct options_device *device)
{
    struct options_device other;
    if (strcmp(driver, "virtio-pci") == 0)
        return device->on_pci && device->model->buses & DEVICE_BUS_MMIO;
    return strcmp(driver, name) == 0 || (options_name_device(driver, &other) &&
                                         other.model == device->model && other.on_pci == device->on_pci);
}

bool options_add_globals(const struct options *options, const char *name, const struct options_device *device,
                         struct option_pairs *pairs, struct error *error)
{
    struct option_pairs all = { .count = 0 };
    for (unsigned n = 0; n < options->global_count; n++) {
        const struct options_global *global = &options->globals[n];
        if (!is_for(global->driver, name, device))
            continue;
        if (all.count + pairs->count == OPTION_PAIRS_MAX)
            return error_set(error, "-device %s: with -global, it has more than %d keys", name,
                             OPTION_PAIRS_MAX);
        all.pairs[all.count++] = (struct option_pair){ global->property, global->value };
    }
    memcpy(all.pairs + all.count, pairs->pairs, pairs->count * sizeof(pairs->pairs[0]));
    all.count += pairs->count;
    *pairs = all;
    return true;
}
