/* SPDX-License-Identifier: MIT
 *
 * -profile.
 */
#include <inttypes.h>

#include "frontend/options/options.h"

static bool take_file(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.profile.file = value;
    return (value && *value) || error_set(error, "-profile: the file is missing");
}

static bool take_hz(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t hz;
    if (!option_parse_number(value ? value : "", &hz) || !hz || hz > PROFILE_HZ_MAX)
        return error_set(error, "-profile hz=%s: samples a second, 1 to %u", value ? value : "",
                         PROFILE_HZ_MAX);
    options->machine.profile.hz = (unsigned)hz;
    return true;
}

static bool take_symbols(struct options *options, void *item, const char *value, struct error *error)
{
    struct profile_config *profile = &options->machine.profile;
    if (!value || !*value || profile->symbol_count == PROFILE_SYMBOL_FILES)
        return error_set(error, "-profile symbols=%s: up to %d ELF files", value ? value : "",
                         PROFILE_SYMBOL_FILES);
    profile->symbols[profile->symbol_count++] = value;
    return true;
}

bool options_take_profile(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "file", take_file }, { "hz", take_hz }, { "symbols", take_symbols }, { NULL, NULL }
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "file", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-profile", error) &&
           (options->machine.profile.file || error_set(error, "-profile %s: the file is missing", argument));
}
