/* SPDX-License-Identifier: MIT
 *
 * -icount: virtual time (machine/turns.c); -record: the past (machine/timeline/).
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/options/options.h"

#define SHIFT_AUTO_FIRST 3 /* what shift=auto begins with, as QEMU's does */

static bool take_shift(struct options *options, void *item, const char *value, struct error *error)
{
    struct machine_icount *icount = item;
    char *end = NULL;
    unsigned long shift = value && *value >= '0' && *value <= '9' ? strtoul(value, &end, 10) : 0;
    icount->on = true;
    icount->automatic = value && strcmp(value, "auto") == 0;
    icount->shift = icount->automatic ? SHIFT_AUTO_FIRST : (unsigned)shift;
    return icount->automatic || (end && !*end && shift <= MACHINE_ICOUNT_SHIFT_MAX) ||
           options_bad_value(error, "-icount shift", value, "0 to 10, auto");
}

static bool take_sleep(struct options *options, void *item, const char *value, struct error *error)
{
    struct machine_icount *icount = item;
    bool sleep = true;
    bool ok = options_take_switch("-icount sleep", value, &sleep, error);
    icount->skip = !sleep;
    return ok;
}

static bool take_align(struct options *options, void *item, const char *value, struct error *error)
{
    struct machine_icount *icount = item;
    return options_take_switch("-icount align", value, &icount->align, error);
}

static bool take_record(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && strcmp(value, "none") == 0) ||
           error_set(error,
                     "-icount rr=%s: nothing is recorded or replayed; without rr= a machine that gets no "
                     "input runs in the same way each time",
                     value ? value : "");
}

bool options_take_icount(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "shift", take_shift }, { "sleep", take_sleep },   { "align", take_align },
        { "rr", take_record },   { "rrfile", take_record }, { "rrsnapshot", take_record },
        { NULL, NULL }
    };
    struct option_pairs pairs;
    struct machine_icount *icount = &options->machine.icount;
    if (!option_pairs_split(&pairs, &options->strings, argument, "shift", error) ||
        !options_take_pairs(options, &pairs, rows, icount, "-icount", error))
        return false;
    if (icount->align && (icount->automatic || icount->skip))
        return error_set(error, "-icount align=on is not possible with %s",
                         icount->automatic ? "shift=auto" : "sleep=off");
    return icount->on || (!icount->align && !icount->skip) ||
           error_set(error, "-icount: give shift=N, too (an instruction takes 2^N nanoseconds)");
}

/* ---- -record --------------------------------------------------------------------------------------------
 */

#define RECORD_DEFAULT (UINT64_C(512) << 20)

static bool take_record_switch(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    bool ok = options_take_switch("-record", value, &on, error);
    options->record = on ? OPTIONS_RECORD_ON : OPTIONS_RECORD_OFF;
    return ok;
}

static bool take_record_memory(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && option_parse_size(value, 1 << 20, &options->machine.record_memory) &&
            options->machine.record_memory >= 1 << 20) ||
           options_bad_value(error, "-record memory", value, "a size of at least 1M");
}

bool options_take_record(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = { { "record", take_record_switch },
                                               { "memory", take_record_memory },
                                               { NULL, NULL } };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "record", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-record", error);
}

/* With virtual time and gdb the past is recorded unless the user says no. */
void options_join_record(struct options *options)
{
    struct machine_config *machine = &options->machine;
    bool wanted =
        options->record == OPTIONS_RECORD_ON || (options->record == OPTIONS_RECORD_BEST && machine->gdb &&
                                                 machine->icount.on && !machine->semihosting.enable);
    machine->record_memory = !wanted ? 0 : machine->record_memory ? machine->record_memory : RECORD_DEFAULT;
}
