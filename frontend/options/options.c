/* SPDX-License-Identifier: MIT
 *
 * The table of flags and its walk; see options.h. Flags with one value are taken here, the others in
 * machine.c and devices.c.
 */
#include "frontend/options/options.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* ---- Flags with one value ------------------------------------------------------------------------------ */

#define TAKE_TEXT(name, member)                                                                              \
    static bool name(struct options *options, const char *argument, struct error *error)                     \
    {                                                                                                        \
        (void)error;                                                                                         \
        options->member = argument;                                                                          \
        return true;                                                                                         \
    }
#define TAKE_FLAG(name, member, value)                                                                       \
    static bool name(struct options *options, const char *argument, struct error *error)                     \
    {                                                                                                        \
        (void)argument, (void)error;                                                                         \
        options->member = value;                                                                             \
        return true;                                                                                         \
    }

TAKE_TEXT(take_bios, machine.bios)
TAKE_TEXT(take_kernel, machine.kernel)
TAKE_TEXT(take_initrd, machine.initrd)
TAKE_TEXT(take_append, machine.append)
TAKE_TEXT(take_dtb, machine.dtb)
TAKE_TEXT(take_log_file, log_file)
TAKE_TEXT(take_log_filter, log_filter)
TAKE_FLAG(take_gdb_default, machine.gdb, "tcp::1234")
TAKE_FLAG(take_perf_map, perf_map, true)
TAKE_FLAG(take_nographic, nographic, true)
TAKE_FLAG(take_nodefaults, nodefaults, true)
TAKE_FLAG(take_snapshot, snapshot, true)
TAKE_FLAG(take_no_reboot, machine.no_reboot, true)
TAKE_FLAG(take_no_shutdown, machine.no_shutdown, true)
TAKE_FLAG(take_paused, machine.start_paused, true)
TAKE_FLAG(take_version, action, OPTIONS_VERSION)
TAKE_FLAG(take_help, action, OPTIONS_HELP)

static bool take_gdb(struct options *options, const char *argument, struct error *error)
{
    (void)error;
    options->machine.gdb = strcmp(argument, "none") == 0 ? NULL : argument;
    return true;
}

static bool take_nothing(struct options *options, const char *argument, struct error *error)
{
    return true;
}

static bool take_log(struct options *options, const char *argument, struct error *error)
{
    (void)error;
    if (strcmp(argument, "help") == 0)
        options->action = OPTIONS_LIST_LOG;
    else
        options->log_list = argument;
    return true;
}

static bool take_name(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "guest", error))
        return false;
    options->title = option_pairs_get(&pairs, "guest");
    for (unsigned i = 0; i < pairs.count; i++) {
        if (strcmp(pairs.pairs[i].key, "guest") != 0)
            return options_bad_value(error, "-name", pairs.pairs[i].key, "guest");
    }
    return true;
}

/* ---- The table ----------------------------------------------------------------------------------------- */

static const struct flag {
    const char *name, *argument;
    options_take_fn *take;
    const char *text;
} flags[] = {
#define FLAG(name, argument, take, text) { name, argument, take, text },
#include "frontend/options/options.def"
};
#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

static const struct later {
    const char *name, *text;
} later[] = {
#define LATER(name, argument, text) { name, text },
#include "frontend/options/options.def"
};
#define LATER_COUNT (sizeof(later) / sizeof(later[0]))

static bool unknown_flag(const char *given, const char *name, struct error *error)
{
    const char *names[FLAG_COUNT + 1];
    for (size_t i = 0; i < LATER_COUNT; i++) {
        if (strcmp(later[i].name, name) == 0)
            return error_set(error, "%s: this version does not have it: %s", given, later[i].text);
    }
    for (size_t i = 0; i < FLAG_COUNT; i++)
        names[i] = flags[i].name;
    names[FLAG_COUNT] = NULL;
    const char *nearest = option_nearest(name, names);
    if (nearest)
        return error_set(error, "%s: unknown option; did you mean -%s? (rvive -help lists all)", given,
                         nearest);
    return error_set(error, "%s: unknown option (rvive -help lists all)", given);
}

static bool take_argument(struct options *options, char *const *argv, int argc, int *at, struct error *error)
{
    const char *given = argv[*at];
    if (given[0] != '-' || given[1] == '\0')
        return error_set(error,
                         "%s: an argument without its flag; a disk image needs -drive file=%s,format=raw",
                         given, given);
    const char *name = given + 1 + (given[1] == '-');
    size_t length = given[1] == '-' ? strcspn(name, "=") : strlen(name); /* --name=value, too */
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (strlen(flags[i].name) != length || strncmp(flags[i].name, name, length) != 0)
            continue;
        if (name[length] && !flags[i].argument)
            return error_set(error, "%s: -%s has no argument", given, flags[i].name);
        if (name[length])
            return flags[i].take(options, name + length + 1, error);
        if (!flags[i].argument)
            return flags[i].take(options, NULL, error);
        if (*at + 1 == argc)
            return error_set(error, "%s: its argument is missing: %s", given, flags[i].argument);
        return flags[i].take(options, argv[++*at], error);
    }
    return unknown_flag(given, name, error);
}

bool options_take_pairs(struct options *options, const struct option_pairs *pairs,
                        const struct options_key *rows, void *item, const char *flag, struct error *error)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        const struct option_pair *pair = &pairs->pairs[i];
        const struct options_key *row = rows;
        while (row->key && strcmp(row->key, pair->key) != 0)
            row++;
        if (row->key && row->take(options, item, pair->value, error))
            continue;
        if (row->key)
            return false;
        char known[256] = "";
        for (row = rows; row->key; row++) {
            if (strlen(known) + strlen(row->key) + 3 < sizeof(known))
                strcat(strcat(known, *known ? ", " : ""), row->key);
        }
        return error_set(error, "%s: unknown option %s%s%s; there are: %s", flag, pair->key,
                         pair->value ? "=" : "", pair->value ? pair->value : "", known);
    }
    return true;
}

bool options_bad_value(struct error *error, const char *flag, const char *value, const char *instead)
{
    return error_set(error, "%s: \"%s\" is not a value for it; there are: %s", flag, value ? value : "",
                     instead);
}

/* Also of the categories that QEMU has: what shows the same here. */
static bool unknown_category(const char *list, const char *bad, struct error *error)
{
    static const struct {
        const char *name, *instead;
    } qemu[] = { { "exec", "block" }, { "cpu", "insn" },     { "fpu", "insn" },   { "op", "ir" },
                 { "op_opt", "ir" },  { "trace", "virtio" }, { "nochain", NULL }, { "mmu", "int" } };
    int length = (int)strcspn(bad, ",");
    for (size_t i = 0; i < sizeof(qemu) / sizeof(qemu[0]); i++)
        if ((int)strlen(qemu[i].name) == length && strncmp(bad, qemu[i].name, (size_t)length) == 0)
            return error_set(error, "-d %.100s: %s is QEMU's; here %s%s; -d help lists the categories", list,
                             qemu[i].name, qemu[i].instead ? "there is " : "no category has to do with it",
                             qemu[i].instead ? qemu[i].instead : "");
    return error_set(error, "-d %.200s: unknown category %.*s; -d help lists them", list, length, bad);
}

/* Called by the name of QEMU's 32-bit program, or by that which stands for it here, the harts are RV32. */
static bool called_for_rv32(const char *program)
{
    const char *slash = program ? strrchr(program, '/') : NULL;
    const char *name = slash ? slash + 1 : program;
    return name && (strcmp(name, "rvive32") == 0 || strcmp(name, "qemu-system-riscv32") == 0);
}

static void set_defaults(struct options *options, const char *program, struct error *error)
{
    *options = (struct options){ 0 };
    options->machine.board = boards[0];
    options->machine.virtio_legacy = true;
    options->sandbox.off = OPTIONS_SANITIZED;
    isa_config_parse(&options->machine.isa, called_for_rv32(program) ? "rv32" : "rv64", error);
}

bool options_parse(struct options *options, int argc, char *const *argv, struct error *error)
{
    const char *bad;
    set_defaults(options, argc > 0 ? argv[0] : NULL, error);
    for (int at = 1; at < argc && options->action == OPTIONS_RUN; at++) {
        if (!take_argument(options, argv, argc, &at, error))
            return false;
    }
    if (options->action != OPTIONS_RUN)
        return true;
    if (options->log_list && !options_take_ir_passes(options, &options->log_list, error))
        return false;
    if (options->log_list && !log_enable(options->log_list, &bad))
        return unknown_category(options->log_list, bad, error);
    if (options->log_filter && !log_set_filter(options->log_filter, &bad))
        return error_set(error,
                         "-dfilter %s: %.*s is no range of addresses; ranges are START..LAST, START+SIZE and "
                         "START-SIZE, up to 16 of them",
                         options->log_filter, (int)strcspn(bad, ","), bad);
    return options_join(options, error);
}

void options_free(struct options *options)
{
    option_strings_free(&options->strings);
}

/* ---- Lists --------------------------------------------------------------------------------------------- */

static void print_help(FILE *out)
{
    fprintf(out, "usage: rvive [-flag [argument]]...\n"
                 "A RISC-V machine with the address map of QEMU's virt. Ctrl-A X ends it, Ctrl-A H lists the "
                 "keys.\n\n");
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        char left[160];
        snprintf(left, sizeof(left), "-%s%s%s", flags[i].name, flags[i].argument ? " " : "",
                 flags[i].argument ? flags[i].argument : "");
        fprintf(out, "%-34s %s\n", left, flags[i].text);
    }
}

static void print_cpus(FILE *out)
{
    fprintf(out, "rv64    64-bit, all extensions below that have it on\n"
                 "rv32    32-bit, the same\n"
                 "max     rv64 with every extension\n"
                 "Extensions, NAME=on or NAME=off after a comma:\n");
#define X(name, string, rv64, rv32, text)                                                                    \
    fprintf(out, "  %-12s %s%s\n", string, text, rv64 ? "" : " (off unless asked for)");
    ISA_EXTENSIONS(X)
#undef X
    fprintf(
        out,
        "  %-12s widest address translation: sv32, sv39, sv48, sv57\n  %-12s physical memory protection\n",
        "svNN", "pmp");
}

void options_print(const struct options *options, FILE *out)
{
    switch (options->action) {
    case OPTIONS_RUN: break;
    case OPTIONS_HELP: print_help(out); break;
    case OPTIONS_VERSION: fprintf(out, "rvive %s\n", RVIVE_VERSION); break;
    case OPTIONS_LIST_MACHINES:
        for (const struct board *const *board = boards; *board; board++)
            fprintf(out, "%-7s %s\n", (*board)->name, (*board)->text);
        break;
    case OPTIONS_LIST_CPUS: print_cpus(out); break;
    case OPTIONS_LIST_DEVICES: options_print_devices(options->help_with, out); break;
    case OPTIONS_LIST_LOG:
#define X(name, option, text) fprintf(out, "%-14s %s\n", option, text);
        LOG_CATEGORIES(X)
#undef X
        break;
    }
}
