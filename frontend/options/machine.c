/* SPDX-License-Identifier: MIT
 *
 * -machine, -cpu, -smp, -m, -rtc, -accel.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbt/runtime/code_cache.h"
#include "frontend/options/options.h"

/* ---- -machine ------------------------------------------------------------------------------------------ */

static bool machine_type(struct options *options, void *item, const char *value, struct error *error)
{
    if (value && (strcmp(value, "help") == 0 || strcmp(value, "?") == 0)) {
        options->action = OPTIONS_LIST_MACHINES;
        return true;
    }
    const struct board *board = value ? board_find(value) : NULL;
    char names[128] = "";
    if (board) {
        options->machine.board = board;
        return true;
    }
    for (const struct board *const *known = boards; *known; known++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "", (*known)->name);
    }
    return options_bad_value(error, "-machine", value, names);
}

static bool machine_dumpdtb(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.dumpdtb = value;
    return (value && *value) || error_set(error, "-machine dumpdtb: the name of the file is missing");
}

/* A switch of QEMU's virt that Rvive has in one position only. */
static bool only_off(const char *key, const char *value, struct error *error)
{
    bool on;
    if (option_parse_switch(value, &on) && !on)
        return true;
    return error_set(error, "-machine %s=%s: this version has only %s=off", key, value ? value : "on", key);
}

static bool machine_acpi(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && strcmp(value, "auto") == 0) || only_off("acpi", value, error);
}

static bool machine_usb(struct options *options, void *item, const char *value, struct error *error)
{
    return only_off("usb", value, error);
}

static bool machine_aclint(struct options *options, void *item, const char *value, struct error *error)
{
    return only_off("aclint", value, error);
}

static bool machine_strict(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value ? value : "", &options->machine.strict) ||
           options_bad_value(error, "-machine strict", value, "on, off");
}

static bool machine_aia(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && strcmp(value, "none") == 0) ||
           error_set(error, "-machine aia=%s: this version has only aia=none (a PLIC)", value ? value : "");
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
    return options_take_accel(options, value ? value : "", error);
}

bool options_take_machine(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "type", machine_type },
        { "dumpdtb", machine_dumpdtb },
        { "acpi", machine_acpi },
        { "aia", machine_aia },
        { "usb", machine_usb },
        { "aclint", machine_aclint },
        { "pflash0", machine_pflash0 },
        { "pflash1", machine_pflash1 },
        { "accel", machine_accel },
        { "strict", machine_strict },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "type", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-machine", error);
}

static bool accel_number(const char *key, const char *value, unsigned max, unsigned *number,
                         struct error *error)
{
    char *end = NULL;
    unsigned long parsed = value ? strtoul(value, &end, 10) : 0;
    if (!value || !isdigit((unsigned char)*value) || *end || parsed < 1 || parsed > max)
        return error_set(error, "-accel: %s=%s is not a number from 1 to %u", key, value ? value : "", max);
    *number = (unsigned)parsed;
    return true;
}

static bool accel_type(struct options *options, void *item, const char *value, struct error *error)
{
    const char *type = value ? value : "";
    if (strcmp(type, "tcg") == 0)
        return error_set(error, "-accel tcg: that is QEMU's translator; there are -accel t2, t1 and interp");
    if (strcmp(type, "interp") == 0)
        options->machine.accel = MACHINE_ACCEL_INTERP;
    else if (strcmp(type, "t1") == 0)
        options->machine.accel = MACHINE_ACCEL_T1;
    else if (strcmp(type, "t2") == 0)
        options->machine.accel = MACHINE_ACCEL_T2;
    else
        return options_bad_value(error, "-accel", type, "interp, t1, t2");
    return true;
}

/* The optimiser makes a region at each block, at once: for tests. */
static bool accel_eager(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value ? value : "", &options->machine.eager) ||
           options_bad_value(error, "-accel eager", value ? value : "", "on, off");
}

/* Each access of translated code is compared with what the MMU says: for tests. */
static bool accel_check(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value ? value : "", &options->machine.check) ||
           options_bad_value(error, "-accel check", value ? value : "", "on, off");
}

/* How often a block runs before it is translated. */
static bool accel_hot(struct options *options, void *item, const char *value, struct error *error)
{
    return accel_number("hot", value, 1000000, &options->machine.hot, error);
}

static bool accel_cache(struct options *options, void *item, const char *value, struct error *error)
{
    return accel_number("cache", value, CODE_CACHE_MAX >> 20, &options->machine.code_cache_mib, error);
}

bool options_take_accel(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = { { "type", accel_type },   { "hot", accel_hot },
                                               { "cache", accel_cache }, { "eager", accel_eager },
                                               { "check", accel_check }, { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "type", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-accel", error);
}

bool options_take_dbt_without(struct options *options, const char *argument, struct error *error)
{
    (void)error; /* the translator knows the names */
    options->machine.dbt_without = argument;
    return true;
}

bool options_take_dbt_without_pass(struct options *options, const char *argument, struct error *error)
{
    (void)error; /* as above */
    options->machine.dbt_without_passes = argument;
    return true;
}

bool options_take_ir_passes(struct options *options, const char **list, struct error *error)
{
    static const char mark[] = "ir=";
    size_t length = strlen(*list);
    /* No list is longer than the one that it comes from. */
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
    if (strcmp(argument, "help") == 0 || strcmp(argument, "?") == 0) {
        options->action = OPTIONS_LIST_CPUS;
        return true;
    }
    return isa_config_parse(&options->machine.isa, argument, &reason) ||
           error_set(error, "-cpu %.200s: %.250s (-cpu help lists what there is)", argument, reason.text);
}

/* ---- -smp ---------------------------------------------------------------------------------------------- */

struct topology {
    uint64_t cpus, maxcpus, product;
};

static bool smp_number(const char *key, const char *value, uint64_t *number, struct error *error)
{
    if (option_parse_number(value, number) && *number >= 1 && *number <= 1u << 16)
        return true;
    return error_set(error, "-smp %s=%s: not a number of harts", key, value ? value : "");
}

static bool smp_cpus(struct options *options, void *item, const char *value, struct error *error)
{
    return smp_number("cpus", value, &((struct topology *)item)->cpus, error);
}

static bool smp_maxcpus(struct options *options, void *item, const char *value, struct error *error)
{
    return smp_number("maxcpus", value, &((struct topology *)item)->maxcpus, error);
}

/* sockets, cores, threads: only their product counts, the board is one cluster of single-threaded cores. */
static bool smp_factor(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number = 0;
    if (!smp_number("cores", value, &number, error))
        return false;
    ((struct topology *)item)->product *= number;
    return true;
}

bool options_take_smp(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "cpus", smp_cpus },    { "maxcpus", smp_maxcpus }, { "sockets", smp_factor },
        { "cores", smp_factor }, { "threads", smp_factor },  { NULL, NULL },
    };
    struct option_pairs pairs;
    struct topology topology = { .product = 1 };
    if (!option_pairs_split(&pairs, &options->strings, argument, "cpus", error) ||
        !options_take_pairs(options, &pairs, rows, &topology, "-smp", error))
        return false;
    if (!topology.cpus)
        topology.cpus = topology.product;
    if (topology.product != 1 && topology.product != topology.cpus)
        return error_set(error, "-smp %s: sockets * cores * threads is not the number of harts", argument);
    if (topology.maxcpus && topology.maxcpus != topology.cpus)
        return error_set(error, "-smp %s: harts cannot be plugged in later, maxcpus must be %" PRIu64,
                         argument, topology.cpus);
    if (topology.cpus > MACHINE_HARTS_MAX)
        return error_set(error, "-smp %s: the board has 1 to %d harts", argument, MACHINE_HARTS_MAX);
    options->machine.smp = (unsigned)topology.cpus;
    return true;
}

/* ---- -m ------------------------------------------------------------------------------------------------ */

static bool memory_size(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t bytes;
    if (!option_parse_size(value, UINT64_C(1) << 20, &bytes))
        return error_set(error, "-m %s: not a size; write a number of MiB, or one with K, M, G",
                         value ? value : "");
    if (bytes < UINT64_C(64) << 10 || bytes % 4096)
        return error_set(error, "-m %s: RAM must be a multiple of 4K and at least 64K", value);
    options->machine.ram_size = bytes;
    options->memory = value;
    return true;
}

bool options_take_memory(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = { { "size", memory_size }, { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "size", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-m", error);
}

/* ---- -rtc ---------------------------------------------------------------------------------------------- */

static bool rtc_base(struct options *options, void *item, const char *value, struct error *error)
{
    time_t now = time(NULL);
    struct tm local, date = { 0 };
    if (!value)
        return options_bad_value(error, "-rtc base", value,
                                 "utc, localtime, a date like 2026-01-31T12:00:00");
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
    options->machine.rtc_offset = (int64_t)timegm(&date) - now;
    return true;
}

static bool rtc_clock(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && strcmp(value, "host") == 0) || options_bad_value(error, "-rtc clock", value, "host");
}

bool options_take_rtc(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = { { "base", rtc_base }, { "clock", rtc_clock }, { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, NULL, error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-rtc", error);
}
