/* SPDX-License-Identifier: MIT
 *
 * -icount: virtual time (machine/turns.c).
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

static bool take_rr(struct options *options, void *item, const char *value, struct error *error)
{
    options->rr = !value                         ? OPTIONS_RR_BAD
                  : strcmp(value, "record") == 0 ? OPTIONS_RR_RECORD
                  : strcmp(value, "replay") == 0 ? OPTIONS_RR_REPLAY
                  : strcmp(value, "none") == 0   ? OPTIONS_RR_NONE
                                                 : OPTIONS_RR_BAD;
    return options->rr != OPTIONS_RR_BAD ||
           options_bad_value(error, "-icount rr", value, "none, record, replay");
}

static bool take_rrfile(struct options *options, void *item, const char *value, struct error *error)
{
    options->rrfile = value;
    return (value && *value) || options_bad_value(error, "-icount rrfile", value, "a file");
}

static bool take_rrsnapshot(struct options *options, void *item, const char *value, struct error *error)
{
    return error_set(error,
                     "-icount rrsnapshot=%s: a recording begins with the machine's state, so no "
                     "snapshot is needed: leave it out",
                     value ? value : "");
}

bool options_take_icount(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "shift", take_shift }, { "sleep", take_sleep },   { "align", take_align },
        { "rr", take_rr },       { "rrfile", take_rrfile }, { "rrsnapshot", take_rrsnapshot },
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
