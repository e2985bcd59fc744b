/* SPDX-License-Identifier: MIT
 *
 * The table of flags, and the loop over the arguments; see options.h. Flags with one value are taken here,
 * the others in the files for their subjects.
 */
#include "frontend/options/fixed.h"
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

static bool take_identify(struct options *options, const char *argument, struct error *error)
{
    (void)error;
    options->identify = argument;
    options->action = OPTIONS_IDENTIFY;
    return true;
}

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
    if (options_is_help(argument) || strcmp(argument, "trace:help") == 0)
        options->action = OPTIONS_LIST_LOG;
    else
        options->log_list = argument;
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

bool options_is_help(const char *text)
{
    return strcmp(text, "help") == 0 || strcmp(text, "?") == 0;
}

static bool list_keys(struct options *options, const struct options_key *keys, const char *flag,
                      struct error *error)
{
    options->help_with = option_strings_add(&options->strings, flag, strlen(flag));
    options->help_keys = keys;
    options->action = OPTIONS_LIST_KEYS;
    return options->help_with || error_set(error, "out of memory for the options");
}

static const struct flag *find_flag(const char *name, size_t length)
{
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, name, length) == 0)
            return &flags[i];
    return NULL;
}

/* Returns whether FLAG help prints the flag's keys. Flags with lists of their own handle help themselves. */
static bool has_help(const struct flag *flag)
{
    static options_take_fn *const own[] = { options_take_machine, options_take_cpu, options_take_device,
                                            options_take_accel, take_log };
    for (size_t n = 0; n < sizeof(own) / sizeof(own[0]); n++)
        if (flag->take == own[n])
            return false;
    return strpbrk(flag->argument, "=[|") && strcmp(flag->name, "bios") != 0;
}

static bool take_flag(struct options *options, const struct flag *flag, const char *argument,
                      struct error *error)
{
    if (options_is_help(argument) && has_help(flag))
        return list_keys(options, NULL, flag->name, error);
    if (options_asks_for_values(flag->name, argument, &options->help_with)) {
        options->action = OPTIONS_LIST_VALUES;
        return true;
    }
    if (*argument == '{' && strpbrk(flag->argument, "=,")) {
        argument = options_read_json(options, flag->name, argument, error);
        return argument && flag->take(options, argument, error);
    }
    return flag->take(options, argument, error);
}

bool options_takes_argument(const char *name)
{
    const struct flag *flag = find_flag(name, strlen(name));
    return flag && flag->argument;
}

/* Takes "x,help" for this: a `help` in a list makes the flag record its keys, whatever the first value is. */
const struct options_key *options_keys_of(const char *name)
{
    static options_take_fn *const simple[] = {
        options_take_machine,     options_take_memory,   options_take_smp,      options_take_boot,
        options_take_drive,       options_take_blockdev, options_take_rtc,      options_take_name,
        options_take_accel,       options_take_sandbox,  options_take_msg,      options_take_overcommit,
        options_take_action,      options_take_fw_cfg,   options_take_run_with, options_take_display,
        options_take_semihosting,
    };
    const struct flag *flag = find_flag(name, strlen(name));
    const struct options_key *keys = NULL;
    struct error ignored;
    for (size_t n = 0; flag && n < sizeof(simple) / sizeof(simple[0]); n++) {
        if (flag->take != simple[n])
            continue;
        struct options *scratch = calloc(1, sizeof(*scratch));
        if (!scratch)
            return NULL;
        flag->take(scratch, "x,help", &ignored);
        keys = scratch->help_keys;
        options_free(scratch);
        free(scratch);
    }
    return keys;
}

static bool take_argument(struct options *options, char *const *argv, int argc, int *at, struct error *error)
{
    const char *given = argv[*at];
    if (given[0] != '-') /* as on QEMU, a disk image */
        return options_take_hda(options, given, error);
    if (given[1] == '\0')
        return error_set(error, "-: an argument that is neither a flag nor a disk image");
    const char *name = given + 1 + (given[1] == '-');
    size_t length = given[1] == '-' ? strcspn(name, "=") : strlen(name); /* this form includes --name=value */
    const struct flag *flag = find_flag(name, length);
    if (!flag)
        return unknown_flag(given, name, error);
    if (name[length] && !flag->argument)
        return error_set(error, "%s: -%s has no argument", given, flag->name);
    if (name[length])
        return take_flag(options, flag, name + length + 1, error);
    if (!flag->argument)
        return flag->take(options, NULL, error);
    if (*at + 1 == argc)
        return error_set(error, "%s: its argument is missing: %s", given, flag->argument);
    return take_flag(options, flag, argv[++*at], error);
}

bool options_take_pairs(struct options *options, const struct option_pairs *pairs,
                        const struct options_key *rows, void *item, const char *flag, struct error *error)
{
    for (unsigned i = 0; i < pairs->count; i++)
        if (!pairs->pairs[i].value && options_is_help(pairs->pairs[i].key))
            return list_keys(options, rows, flag, error);
    for (unsigned i = 0; i < pairs->count; i++) {
        const struct option_pair *pair = &pairs->pairs[i];
        const struct options_key *row = rows;
        while (row->key && strcmp(row->key, pair->key) != 0)
            row++;
        if (row->key && row->take(options, item, pair->value, error))
            continue;
        enum options_fixed found =
            row->key ? OPTIONS_FIXED_REFUSED : options_take_fixed(flag, flag, pair, error);
        if (found == OPTIONS_FIXED_TAKEN)
            continue;
        if (found == OPTIONS_FIXED_REFUSED)
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

bool options_take_switch(const char *flag, const char *value, bool *on, struct error *error)
{
    return option_parse_switch(value, on) || options_bad_value(error, flag, value, "on, off");
}

/* Returns whether the program was called by the name of QEMU's 32-bit program, or by the corresponding name
 * here: then the harts are RV32. */
static bool called_for_rv32(const char *name)
{
    return strcmp(name, "rvive32") == 0 || strcmp(name, "qemu-system-riscv32") == 0;
}

static void set_defaults(struct options *options, const char *program, struct error *error)
{
    const char *slash = program ? strrchr(program, '/') : NULL;
    const char *name = slash ? slash + 1 : program ? program : "";
    *options = (struct options){ .called_qemu = strncmp(name, "qemu-system-", 12) == 0 };
    options->machine.board = boards[0];
    options->machine.virtio_legacy = true;
    options->machine.otp_serial = 1; /* as on QEMU */
    options->sandbox.off = OPTIONS_SANITIZED;
    isa_config_parse(&options->machine.isa, called_for_rv32(name) ? "rv32" : "rv64", error);
}

static bool take_all(struct options *options, int argc, char *const *argv, struct error *error)
{
    struct options_words words = { .list = NULL };
    bool ok = options_expand(options, argc, argv, &words, error);
    for (int at = 1; ok && at < (int)words.count && options->action == OPTIONS_RUN; at++) {
        /* An error does not count if the user asks for help. */
        ok = take_argument(options, words.list, (int)words.count, &at, error) ||
             options->action != OPTIONS_RUN;
    }
    free(words.list);
    return ok;
}

bool options_parse(struct options *options, int argc, char *const *argv, struct error *error)
{
    const char *bad;
    set_defaults(options, argc > 0 ? argv[0] : NULL, error);
    if (!take_all(options, argc, argv, error))
        return false;
    if (options->action != OPTIONS_RUN)
        return true;
    if (options->log_list && (!options_take_ir_passes(options, &options->log_list, error) ||
                              !options_take_qemu_categories(options, &options->log_list, error)))
        return false;
    if (options->log_list && !log_enable(options->log_list, &bad))
        return error_set(error, "-d %.200s: unknown category %.*s; -d help lists them", options->log_list,
                         (int)strcspn(bad, ","), bad);
    if (options->log_filter && !log_set_filter(options->log_filter, &bad))
        return error_set(
            error,
            "-dfilter %s: %.*s is not a range of addresses; ranges are START..LAST, START+SIZE and "
            "START-SIZE, up to 16 of them",
            options->log_filter, (int)strcspn(bad, ","), bad);
    if (!options_join(options, error))
        return false;
    if (argc == 1)
        options->action = OPTIONS_FIRST_STEPS;
    return true;
}

void options_free(struct options *options)
{
    option_strings_free(&options->strings);
    board_free_tree(options->tree_board);
    options->tree_board = NULL;
    free(options->replay_plugs);
    options->replay_plugs = NULL;
}

/* ---- Lists --------------------------------------------------------------------------------------------- */

#define HELP_COLUMN 34

static void print_flag(const struct flag *flag, FILE *out)
{
    int used =
        fprintf(out, "-%s%s%s", flag->name, flag->argument ? " " : "", flag->argument ? flag->argument : "");
    fprintf(out, "%*s %s\n", used < HELP_COLUMN ? HELP_COLUMN - used : 0, "", flag->text);
}

static void print_help(FILE *out)
{
    fprintf(out, "usage: rvive [-flag [argument]]...\n"
                 "A RISC-V machine with the address map of QEMU's virt. Ctrl-A X ends it, Ctrl-A H lists the "
                 "keys.\n\n");
    for (size_t i = 0; i < FLAG_COUNT; i++)
        print_flag(&flags[i], out);
}

/* Prints the keys of a flag, or, if help for the flag as a whole was asked, its lines of -help. */
static void print_keys(const struct options *options, FILE *out)
{
    if (options->help_keys)
        fprintf(out, "%s takes:\n", options->help_with);
    for (const struct options_key *key = options->help_keys; key && key->key; key++)
        fprintf(out, "  %s=\n", key->key);
    for (size_t i = 0; i < FLAG_COUNT && !options->help_keys; i++)
        if (strcmp(flags[i].name, options->help_with) == 0)
            print_flag(&flags[i], out);
}

/* Scripts search for QEMU's line, for its version. If they call the program by QEMU's name, they expect that
 * line to be the first. */
static void print_version(const struct options *options, FILE *out)
{
    if (!options->called_qemu)
        fprintf(out, "rvive %s\n", RVIVE_VERSION);
    fprintf(out, "QEMU emulator version %s (a compatible command line; this is Rvive %s)\n",
            OPTIONS_QEMU_VERSION, RVIVE_VERSION);
}

void options_print(const struct options *options, FILE *out)
{
    switch (options->action) {
    case OPTIONS_RUN:
    case OPTIONS_IDENTIFY: break;
    case OPTIONS_FIRST_STEPS: options_print_first_steps(out); break;
    case OPTIONS_HELP: print_help(out); break;
    case OPTIONS_VERSION: print_version(options, out); break;
    case OPTIONS_LIST_MACHINES:
        for (const struct board *const *board = boards; *board; board++)
            fprintf(out, "%-9s %s\n", (*board)->name, (*board)->text);
        break;
    case OPTIONS_LIST_CPUS: options_print_cpus(out); break;
    case OPTIONS_LIST_DEVICES: options_print_devices(options->help_with, out); break;
    case OPTIONS_LIST_ACCELS: options_print_accels(out); break;
    case OPTIONS_LIST_KEYS: print_keys(options, out); break;
    case OPTIONS_LIST_VALUES: fputs(options->help_with, out); break;
    case OPTIONS_LIST_LOG:
#define X(name, option, text) fprintf(out, "%-14s %s\n", option, text);
        LOG_CATEGORIES(X)
#undef X
        break;
    }
}
