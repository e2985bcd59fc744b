/* SPDX-License-Identifier: MIT
 *
 * Flags of QEMU that have little or no effect on this board, and those that correspond to something else
 * here: -vga, -parallel, -usb, -k, -compat, -trace; -L, -seed.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/options/options.h"
#include "util/guest_random.h"
#include "util/log.h"

static bool is_one_of(const char *const *names, const char *value)
{
    for (; *names; names++)
        if (strcmp(*names, value) == 0)
            return true;
    return false;
}

/* QEMU's virt has no VGA either, and gives a warning, too. */
bool options_take_vga(struct options *options, const char *argument, struct error *error)
{
    static const char *const cards[] = { "std",   "virtio", "cirrus", "vmware", "qxl",
                                         "xenfb", "tcx",    "cg3",    NULL };
    if (strcmp(argument, "none") == 0)
        return true;
    if (!is_one_of(cards, argument))
        return options_bad_value(error, "-vga", argument, "none, std, virtio, cirrus, vmware, qxl");
    log_warn("-vga %s: the board has no VGA of its own; -device virtio-vga, bochs-display or ramfb plugs a "
             "screen in",
             argument);
    return true;
}

bool options_take_parallel(struct options *options, const char *argument, struct error *error)
{
    return strcmp(argument, "none") == 0 || strcmp(argument, "null") == 0 ||
           error_set(error, "-parallel %s: the board has no parallel port; there are none and null",
                     argument);
}

bool options_take_usb(struct options *options, const char *argument, struct error *error)
{
    return true;
}

/* Viewers that send characters and not positions are answered as if they had a keyboard of the USA. */
bool options_take_keyboard(struct options *options, const char *argument, struct error *error)
{
    if (*argument && strcmp(argument, "en-us") != 0)
        log_warn("-k %s: windows send the positions of keys, so the layout is set in the guest", argument);
    return *argument || error_set(error, "-k: the language is missing");
}

bool options_take_compat(struct options *options, const char *argument, struct error *error)
{
    return true;
}

/* As on QEMU's virt, nothing uses it. */
bool options_take_shim(struct options *options, const char *argument, struct error *error)
{
    log_warn("-shim %s: it is not used", argument);
    return true;
}

bool options_take_firmware_dir(struct options *options, const char *argument, struct error *error)
{
    if (!options->machine.firmware_dir) /* if several are given, QEMU searches the first one first */
        options->machine.firmware_dir = argument;
    return *argument || error_set(error, "-L: the name of the folder is missing");
}

bool options_take_seed(struct options *options, const char *argument, struct error *error)
{
    char *end;
    uint64_t seed = strtoull(argument, &end, 0);
    if (*argument < '0' || *argument > '9' || *end)
        return error_set(error, "-seed %s: not a number", argument);
    guest_random_seed(seed);
    return true;
}

/* ---- -trace -------------------------------------------------------------------------------------------- */

/* The beginnings of the names of QEMU's events, and the category of the log that reports the same things. */
static const struct {
    const char *event, *category;
} events[] = {
    { "virtio", "virtio" },
    { "riscv_trap", "int" },
    { "sifive_plic", "irq" },
    { "plic", "irq" },
    { "memory_region_ops", "mmio" },
    { "exec_tb", "block" },
    { "guest_cpu_reset", "cpu_reset" },
    { "translate_block", "in_asm" },
};

/* Compares a pattern like virtio_blk* or *plic* with an event: the letters up to the first wildcard count. */
static bool may_mean(const char *pattern, const char *event)
{
    size_t length = strcspn(pattern, "*?"), known = strlen(event);
    return strncmp(pattern, event, length < known ? length : known) == 0;
}

static void trace_event(const char *pattern)
{
    const char *bad;
    bool any = false;
    for (size_t n = 0; n < sizeof(events) / sizeof(events[0]); n++)
        if (may_mean(pattern, events[n].event))
            any |= log_enable(events[n].category, &bad);
    if (!any)
        log_warn("-trace %.100s: this version has no such event; -d help lists what is logged", pattern);
}

/* QEMU's categories that are here under another name, or of which there is nothing to log. */
static const struct {
    const char *name, *category; /* category: what is turned on; NULL: nothing */
    const char *why;             /* NULL: it is the same */
} categories[] = {
    { "op", "ir", NULL },
    { "op_opt", "ir", NULL },
    { "op_ind", "ir", NULL },
    { "mmu", NULL, "walks of page tables are not logged; int has the faults" },
    { "fpu", NULL, "insn and commit have results of floating point" },
    { "vpu", NULL, "insn and commit have results of vectors" },
    { "page", NULL, "it is about programs of Linux (qemu-user)" },
    { "strace", NULL, "it is about programs of Linux (qemu-user)" },
    { "plugin", NULL, "there are no plug-ins" },
    { "tid", NULL, "all threads have one file, whose lines name the hart" },
};

/* Takes an item of -d that is QEMU's alone. False: it is not. *category: what it means here; NULL: nothing.
 */
static bool qemu_category(const char *item, size_t length, const char **category)
{
    static const char trace[] = "trace:";
    char pattern[128];
    if (length > strlen(trace) && strncmp(item, trace, strlen(trace)) == 0) {
        snprintf(pattern, sizeof(pattern), "%.*s", (int)(length - strlen(trace)), item + strlen(trace));
        trace_event(pattern);
        *category = NULL;
        return true;
    }
    for (size_t n = 0; n < sizeof(categories) / sizeof(categories[0]); n++) {
        if (strlen(categories[n].name) != length || strncmp(categories[n].name, item, length) != 0)
            continue;
        *category = categories[n].category;
        if (categories[n].why)
            log_warn("-d %s: nothing is logged for it: %s", categories[n].name, categories[n].why);
        return true;
    }
    return false;
}

bool options_take_qemu_categories(struct options *options, const char **list, struct error *error)
{
    /* No name is longer than the one that it replaces. */
    const size_t size = strlen(*list) + 1;
    char *kept = option_strings_add(&options->strings, *list, size - 1);
    size_t used = 0;
    if (!kept)
        return error_set(error, "out of memory for the options");
    *kept = '\0';
    for (const char *item = *list; *item;) {
        size_t length = strcspn(item, ",");
        const char *category = item;
        bool qemu = qemu_category(item, length, &category);
        if (category)
            used += (size_t)snprintf(kept + used, size - used, "%s%.*s", used ? "," : "",
                                     (int)(qemu ? strlen(category) : length), category);
        item += length + (item[length] == ',');
    }
    *list = kept;
    return true;
}

/* Reads a file with one pattern on each line. */
static bool trace_events(const char *path, struct error *error)
{
    char line[256];
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, "-trace events=%s: %m", path);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line && *line != '#' && *line != '-')
            trace_event(line);
    }
    fclose(file);
    return true;
}

bool options_take_trace(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    bool ok = option_pairs_split(&pairs, &options->strings, argument, "enable", error);
    for (unsigned n = 0; ok && n < pairs.count; n++) {
        const char *key = pairs.pairs[n].key, *value = pairs.pairs[n].value ? pairs.pairs[n].value : "";
        if (strcmp(key, "enable") == 0 && *value != '-')
            trace_event(value);
        else if (strcmp(key, "events") == 0)
            ok = trace_events(value, error);
        else if (strcmp(key, "file") == 0)
            options->log_file = value;
        else if (strcmp(key, "enable") != 0)
            ok = error_set(error, "-trace: unknown option %s; there are: enable, events, file", key);
    }
    return ok;
}
