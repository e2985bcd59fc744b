/* SPDX-License-Identifier: MIT
 *
 * -machine, -cpu, -rtc.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontend/options/options.h"
#include "util/log.h"

/* ---- -machine ------------------------------------------------------------------------------------------ */

/* A wrong name is reported at the end, so that an -accel help after it still works, as in QEMU. */
static bool machine_type(struct options *options, void *item, const char *value, struct error *error)
{
    if (value && options_is_help(value)) {
        options->action = OPTIONS_LIST_MACHINES;
        return true;
    }
    const struct board *board = value ? board_find(value) : NULL;
    options->bad_machine = board ? NULL : value ? value : "";
    if (board)
        options->machine.board = board;
    return true;
}

static bool machine_dumpdtb(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.dumpdtb = value;
    return (value && *value) || error_set(error, "-machine dumpdtb: the name of the file is missing");
}

/* Checks a switch of QEMU's virt of which this version has only "off". */
static bool only_off(const char *key, const char *value, struct error *error)
{
    bool on;
    if (option_parse_switch(value, &on) && !on)
        return true;
    return error_set(error, "-machine %s=%s: this version has only %s=off", key, value ? value : "on", key);
}

/* The tables would only tell firmware and kernels what the device tree tells them, too. */
static bool machine_acpi(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    if (value && strcmp(value, "auto") == 0)
        return true;
    if (!options_take_switch("-machine acpi", value, &on, error))
        return false;
    if (on)
        log_warn("-machine acpi=on: the board has no ACPI tables; the guest gets the device tree");
    return true;
}

/* Accepted: the board has no USB of its own, and neither has QEMU's virt. */
static bool machine_usb(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return options_take_switch("-machine usb", value, &on, error);
}

static bool machine_aclint(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("-machine aclint", value, &options->machine.aclint, error);
}

static bool machine_strict(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value ? value : "", &options->machine.strict) ||
           options_bad_value(error, "-machine strict", value, "on, off");
}

static bool machine_aia(struct options *options, void *item, const char *value, struct error *error)
{
    static const char *const names[] = { "none", "aplic", "aplic-imsic" };
    for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (value && strcmp(value, names[n]) == 0) {
            options->machine.aia = (enum machine_aia)n;
            return true;
        }
    }
    return options_bad_value(error, "-machine aia", value, "none, aplic, aplic-imsic");
}

static bool machine_pflash0(struct options *options, void *item, const char *value, struct error *error)
{
    options->pflash_nodes[0] = value;
    return (value && *value) || error_set(error, "-machine pflash0: the name of a -blockdev is missing");
}

static bool machine_pflash1(struct options *options, void *item, const char *value, struct error *error)
{
    options->pflash_nodes[1] = value;
    return (value && *value) || error_set(error, "-machine pflash1: the name of a -blockdev is missing");
}

static bool machine_accel(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_accel_list(options, value ? value : "", error);
}

static bool machine_memory(struct options *options, void *item, const char *value, struct error *error)
{
    options->memory_backend = value;
    return (value && *value) || error_set(error, "-machine memory-backend: the id is missing");
}

static bool machine_dump_core(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true, ok = options_take_switch("-machine dump-guest-core", value, &on, error);
    options->mem_undumped = !on;
    return ok;
}

static bool machine_merge(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("-machine mem-merge", value, &options->mem_merge, error);
}

/* Accepted: this is about the description in saved states, which the command line does not control here. */
static bool machine_vmdesc(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return options_take_switch("-machine suppress-vmdesc", value, &on, error);
}

static bool machine_graphics(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true, ok = options_take_switch("-machine graphics", value, &on, error);
    options->nographic |= !on;
    return ok;
}

static bool machine_iommu(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.iommu_sys = false;
    return (value && strcmp(value, "auto") == 0) ||
           options_take_switch("-machine iommu-sys", value, &options->machine.iommu_sys, error);
}

/* The number of interrupt files that each hart has for guests of the guest; it means nothing without
 * interrupt files, as with QEMU. */
static bool machine_aia_guests(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number;
    if (!option_parse_number(value, &number) || number > 63)
        return error_set(error, "-machine aia-guests=%s: not a number up to 63", value ? value : "");
    options->machine.aia_guests = (unsigned)number;
    return true;
}

/* A PC's timer; scripts for all of QEMU's boards switch it off. */
static bool machine_hpet(struct options *options, void *item, const char *value, struct error *error)
{
    return only_off("hpet", value, error);
}

/* Accepted: where a program of HiFive1 lies in flash says for which revision it is. */
static bool machine_revb(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return options_take_switch("-machine revb", value, &on, error);
}

static bool machine_msel(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number;
    if (!option_parse_number(value, &number) || number > UINT32_MAX)
        return error_set(error, "-machine msel=%s: not a number of 32 bits", value ? value : "");
    options->machine.msel = (uint32_t)number;
    options->has_u_keys = true;
    return true;
}

static bool machine_start_in_flash(struct options *options, void *item, const char *value,
                                   struct error *error)
{
    bool on = false, ok = options_take_switch("-machine start-in-flash", value, &on, error);
    options->start_in_flash = on;
    options->has_u_keys = true;
    return ok;
}

static bool machine_otp_serial(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number;
    if (!option_parse_number(value, &number) || number > UINT32_MAX)
        return error_set(error, "-machine serial=%s: not a number of 32 bits", value ? value : "");
    options->machine.otp_serial = (uint32_t)number;
    options->has_u_keys = true;
    return true;
}

#define MACHINE_TEXT(name, member)                                                                           \
    static bool name(struct options *options, void *item, const char *value, struct error *error)            \
    {                                                                                                        \
        options->machine.member = value;                                                                     \
        return true;                                                                                         \
    }
/* smp=, memory= and boot= stand for the flags, and smp.cores= for a key of one. */
struct options_group {
    const char *name;
    options_take_fn *take;
};

/* Moves the keys of the group to the flag's own list, and takes it. */
static bool take_group(struct options *options, struct option_pairs *pairs, const struct options_group *group,
                       struct error *error)
{
    char list[512] = "";
    unsigned kept = 0;
    size_t length = strlen(group->name);
    for (unsigned n = 0; n < pairs->count; n++) {
        const struct option_pair *pair = &pairs->pairs[n];
        bool whole = strcmp(pair->key, group->name) == 0 && pair->value;
        bool part = strncmp(pair->key, group->name, length) == 0 && pair->key[length] == '.' && pair->value;
        size_t used = strlen(list);
        if (!whole && !part)
            pairs->pairs[kept++] = *pair;
        else if (used + strlen(pair->key) + strlen(pair->value) + 3 > sizeof(list))
            return error_set(error, "-machine %s=: too long", group->name);
        else
            snprintf(list + used, sizeof(list) - used, "%s%s%s%s", used ? "," : "",
                     part ? pair->key + length + 1 : "", part ? "=" : "", pair->value);
    }
    pairs->count = kept;
    char *text = *list ? option_strings_add(&options->strings, list, strlen(list)) : NULL;
    if (*list && !text)
        return error_set(error, "out of memory for the options");
    return !*list || group->take(options, text, error);
}

static bool take_groups(struct options *options, struct option_pairs *pairs, struct error *error)
{
    static const struct options_group groups[] = {
        { "smp", options_take_smp },
        { "memory", options_take_memory },
        { "boot", options_take_boot },
    };
    for (size_t n = 0; n < sizeof(groups) / sizeof(groups[0]); n++)
        if (!take_group(options, pairs, &groups[n], error))
            return false;
    return true;
}

MACHINE_TEXT(machine_kernel, kernel)
MACHINE_TEXT(machine_initrd, initrd)
MACHINE_TEXT(machine_append, append)
MACHINE_TEXT(machine_dtb, dtb)
MACHINE_TEXT(machine_firmware, bios)

bool options_take_machine(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "type", machine_type },
        { "dumpdtb", machine_dumpdtb },
        { "acpi", machine_acpi },
        { "aia", machine_aia },
        { "usb", machine_usb },
        { "aclint", machine_aclint },
        { "revb", machine_revb },
        { "msel", machine_msel },
        { "start-in-flash", machine_start_in_flash },
        { "serial", machine_otp_serial },
        { "pflash0", machine_pflash0 },
        { "pflash1", machine_pflash1 },
        { "accel", machine_accel },
        { "strict", machine_strict },
        { "memory-backend", machine_memory },
        { "dump-guest-core", machine_dump_core },
        { "mem-merge", machine_merge },
        { "suppress-vmdesc", machine_vmdesc },
        { "graphics", machine_graphics },
        { "iommu-sys", machine_iommu },
        { "aia-guests", machine_aia_guests },
        { "hpet", machine_hpet },
        { "kernel", machine_kernel },
        { "initrd", machine_initrd },
        { "append", machine_append },
        { "dtb", machine_dtb },
        { "firmware", machine_firmware },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "type", error) &&
           take_groups(options, &pairs, error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-machine", error);
}

bool options_take_ir_passes(struct options *options, const char **list, struct error *error)
{
    static const char mark[] = "ir=";
    size_t length = strlen(*list);
    /* Neither list is longer than the one that they are made from. */
    char *categories = option_strings_add(&options->strings, *list, length);
    char *passes = option_strings_add(&options->strings, *list, length);
    if (!categories || !passes)
        return error_set(error, "out of memory for the options");
    *categories = *passes = '\0';
    for (const char *item = *list; *item;) {
        size_t size = strcspn(item, ",");
        bool named = strncmp(item, mark, strlen(mark)) == 0;
        if (*categories)
            strcat(categories, ",");
        strncat(categories, item, named ? strlen("ir") : size);
        if (named && *passes)
            strcat(passes, ",");
        if (named)
            strncat(passes, item + strlen(mark), size - strlen(mark));
        item += size + (item[size] == ',');
    }
    if (*passes)
        options->machine.dbt_trace_passes = passes;
    *list = categories;
    return true;
}

bool options_take_cpu(struct options *options, const char *argument, struct error *error)
{
    struct error reason;
    if (options_is_help(argument)) {
        options->action = OPTIONS_LIST_CPUS;
        return true;
    }
    options->cpu = argument;
    return isa_config_parse(&options->machine.isa, argument, &reason) ||
           error_set(error, "-cpu %.200s: %.250s (-cpu help lists what there is)", argument, reason.text);
}

/* ---- -rtc ---------------------------------------------------------------------------------------------- */

static bool rtc_base(struct options *options, void *item, const char *value, struct error *error)
{
    time_t now = time(NULL);
    struct tm local, date = { 0 };
    if (!value)
        return options_bad_value(error, "-rtc base", value,
                                 "utc, localtime, a date like 2026-01-31T12:00:00");
    options->machine.rtc_dated = false;
    if (strcmp(value, "utc") == 0) {
        options->machine.rtc_offset = 0;
        return true;
    }
    if (strcmp(value, "localtime") == 0) {
        localtime_r(&now, &local);
        options->machine.rtc_offset = local.tm_gmtoff;
        return true;
    }
    const char *end = strptime(value, "%Y-%m-%dT%H:%M:%S", &date);
    if (!end) {
        date = (struct tm){ 0 };
        end = strptime(value, "%Y-%m-%d", &date);
    }
    if (!end || *end)
        return options_bad_value(error, "-rtc base", value,
                                 "utc, localtime, a date like 2026-01-31T12:00:00");
    options->machine.rtc_dated = true;
    options->machine.rtc_date = (int64_t)timegm(&date);
    return true;
}

/* host and rt: the calendar continues while the guest is stopped; after the start both follow the host's
 * monotonic clock. vm: the calendar stands still while the guest is stopped. */
static bool rtc_clock(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.rtc_stands = value && strcmp(value, "vm") == 0;
    return options->machine.rtc_stands ||
           (value && (strcmp(value, "host") == 0 || strcmp(value, "rt") == 0)) ||
           options_bad_value(error, "-rtc clock", value, "host, rt, vm");
}

/* Accepted: this is for a clock with periodic interrupts, and the board's clock has none. */
static bool rtc_driftfix(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && (strcmp(value, "none") == 0 || strcmp(value, "slew") == 0)) ||
           options_bad_value(error, "-rtc driftfix", value, "none, slew");
}

bool options_take_rtc(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "base", rtc_base }, { "clock", rtc_clock }, { "driftfix", rtc_driftfix }, { NULL, NULL }
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, NULL, error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-rtc", error);
}
