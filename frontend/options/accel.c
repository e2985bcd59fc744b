/* SPDX-License-Identifier: MIT
 *
 * -accel, -singlestep, -dbt-without, -dbt-without-pass: how guest code is run. If there are several -accel,
 * or a list in -machine accel=, they are tried in order, as by QEMU: scripts write kvm:tcg for a host that
 * may have the guest's processor. The names are QEMU's name for a translator (tcg), and the names of the ways
 * of this program.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dbt/runtime/code_cache.h"
#include "frontend/options/options.h"

/* QEMU's names for hosts that run the guest's code themselves. */
static const char *const absent[] = { "kvm", "hvf", "whpx", "nvmm", "xen", "mshv", "nitro", "qtest", NULL };

static bool is_absent(const char *type)
{
    for (const char *const *name = absent; *name; name++)
        if (strcmp(*name, type) == 0)
            return true;
    return false;
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

static bool accel_switch(const char *key, const char *value, bool *on, struct error *error)
{
    char flag[32];
    snprintf(flag, sizeof(flag), "-accel %s", key);
    return option_parse_switch(value ? value : "", on) ||
           options_bad_value(error, flag, value ? value : "", "on, off");
}

static bool accel_type(struct options *options, void *item, const char *value, struct error *error)
{
    static const struct {
        const char *name;
        enum machine_accel accel;
    } types[] = {
        { "tcg", MACHINE_ACCEL_BEST },
        { "interp", MACHINE_ACCEL_INTERP },
        { "t1", MACHINE_ACCEL_T1 },
        { "t2", MACHINE_ACCEL_T2 },
    };
    for (size_t n = 0; value && n < sizeof(types) / sizeof(types[0]); n++) {
        if (strcmp(value, types[n].name) == 0) {
            options->machine.accel = types[n].accel;
            options->accel_found = true;
            return true;
        }
    }
    return options_bad_value(error, "-accel", value, "tcg, t2, t1, interp (kvm and others are passed over)");
}

/* The optimiser makes a region from each block at once: for tests. */
static bool accel_eager(struct options *options, void *item, const char *value, struct error *error)
{
    return accel_switch("eager", value, &options->machine.eager, error);
}

/* Each access of translated code is compared with the MMU's answer: for tests. */
static bool accel_check(struct options *options, void *item, const char *value, struct error *error)
{
    return accel_switch("check", value, &options->machine.check, error);
}

/* Accesses of translated code use the host's page tables: of programs, or of kernels, too. */
static bool accel_windows(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true, kernel = value && strcmp(value, "kernel") == 0;
    if (!kernel && !option_parse_switch(value ? value : "", &on))
        return options_bad_value(error, "-accel windows", value ? value : "", "on, off, kernel");
    options->machine.windows = kernel ? MACHINE_WINDOWS_KERNEL
                               : on   ? MACHINE_WINDOWS_ON
                                      : MACHINE_WINDOWS_OFF;
    return true;
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

/* QEMU's caches may be larger than this program can use. */
static bool accel_tb_size(struct options *options, void *item, const char *value, struct error *error)
{
    unsigned mib = 0;
    if (!accel_number("tb-size", value, 1u << 20, &mib, error))
        return false;
    options->machine.code_cache_mib = mib < CODE_CACHE_MAX >> 20 ? mib : CODE_CACHE_MAX >> 20;
    return true;
}

/* Each hart has a thread. On one thread the harts would take turns, but no guest can rely on that. */
static bool accel_thread(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && (strcmp(value, "single") == 0 || strcmp(value, "multi") == 0)) ||
           options_bad_value(error, "-accel tcg,thread", value, "single, multi (each hart has its own)");
}

/* The switch changes nothing: code is always written through one mapping of its memory and runs through
 * another. */
static bool accel_split_wx(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return accel_switch("tcg,split-wx", value, &on, error);
}

/* The interpreter runs one instruction at a time. */
static bool accel_one_insn(struct options *options, void *item, const char *value, struct error *error)
{
    return accel_switch("tcg,one-insn-per-tb", value, &options->single_step, error);
}

bool options_take_accel(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "type", accel_type },
        { "hot", accel_hot },
        { "cache", accel_cache },
        { "eager", accel_eager },
        { "check", accel_check },
        { "windows", accel_windows },
        { "thread", accel_thread },
        { "tb-size", accel_tb_size },
        { "split-wx", accel_split_wx },
        { "one-insn-per-tb", accel_one_insn },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    if (options_is_help(argument)) {
        options->action = OPTIONS_LIST_ACCELS;
        return true;
    }
    if (!option_pairs_split(&pairs, &options->strings, argument, "type", error))
        return false;
    const char *type = option_pairs_get(&pairs, "type");
    if (type && is_absent(type)) { /* its keys are those of QEMU */
        options->accel_absent = type;
        return true;
    }
    return options_take_pairs(options, &pairs, rows, NULL, "-accel", error);
}

bool options_take_accel_list(struct options *options, const char *list, struct error *error)
{
    do {
        size_t length = strcspn(list, ":");
        const char *type = option_strings_add(&options->strings, list, length);
        if (!type)
            return error_set(error, "out of memory for the options");
        if (!options_take_accel(options, type, error))
            return false;
        list += length;
    } while (*list++ == ':' && !options->accel_found);
    return true;
}

bool options_join_accel(struct options *options, struct error *error)
{
    if (options->single_step)
        options->machine.accel = MACHINE_ACCEL_INTERP;
    return !options->accel_absent || options->accel_found ||
           error_set(
               error,
               "-accel %s: the host's processor runs no RISC-V; hot guest code is translated with -accel "
               "tcg; a list such as kvm:tcg may name both",
               options->accel_absent);
}

void options_print_accels(FILE *out)
{
    fprintf(out, "Accelerators supported here:\ntcg\nt2\nt1\ninterp\n"
                 "(t2: hot code is translated, and hot regions of it optimised; t1: without regions; interp: "
                 "nothing is\ntranslated; tcg: the best of them for the harts, which is the default)\n");
}

bool options_take_singlestep(struct options *options, const char *argument, struct error *error)
{
    options->single_step = true;
    return true;
}

bool options_take_tb_size(struct options *options, const char *argument, struct error *error)
{
    return accel_tb_size(options, NULL, argument, error);
}

bool options_take_dbt_without(struct options *options, const char *argument, struct error *error)
{
    (void)error; /* the translator checks the names */
    options->machine.dbt_without = argument;
    return true;
}

bool options_take_dbt_without_pass(struct options *options, const char *argument, struct error *error)
{
    (void)error; /* the optimiser checks the names */
    options->machine.dbt_without_passes = argument;
    return true;
}
