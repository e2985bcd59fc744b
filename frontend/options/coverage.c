/* SPDX-License-Identifier: MIT
 *
 * -coverage.
 */
#include <string.h>

#include "frontend/options/options.h"

static bool take_file(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.coverage.file = value;
    return (value && *value) || error_set(error, "-coverage: the file is missing");
}

static bool take_format(struct options *options, void *item, const char *value, struct error *error)
{
    bool *said = item;
    *said = true;
    options->machine.coverage.format = value && strcmp(value, "drcov") == 0 ? COVERAGE_DRCOV : COVERAGE_LCOV;
    return (value && (strcmp(value, "lcov") == 0 || strcmp(value, "drcov") == 0)) ||
           error_set(error, "-coverage format=%s: lcov or drcov", value ? value : "");
}

static bool take_elf(struct options *options, void *item, const char *value, struct error *error)
{
    struct coverage_config *coverage = &options->machine.coverage;
    if (!value || !*value)
        return error_set(error, "-coverage elf=: the file is missing");
    if (coverage->elf_count == COVERAGE_ELF_MAX)
        return error_set(error, "-coverage elf=%s: there are at most %d of them", value, COVERAGE_ELF_MAX);
    coverage->elfs[coverage->elf_count++].path = value;
    return true;
}

static bool take_base(struct options *options, void *item, const char *value, struct error *error)
{
    struct coverage_config *coverage = &options->machine.coverage;
    uint64_t base;
    if (!coverage->elf_count)
        return error_set(error, "-coverage base=%s: it belongs to an elf= before it", value ? value : "");
    if (!option_parse_number(value ? value : "", &base) || base & 1)
        return error_set(error, "-coverage base=%s: an even address", value ? value : "");
    coverage->elfs[coverage->elf_count - 1].base = base;
    return true;
}

/* Derives the format from the end of the file's name. */
static bool guess_format(struct coverage_config *coverage, struct error *error)
{
    const char *dot = strrchr(coverage->file, '.');
    if (dot && strcmp(dot, ".drcov") == 0)
        coverage->format = COVERAGE_DRCOV;
    else if (dot && strcmp(dot, ".info") == 0)
        coverage->format = COVERAGE_LCOV;
    else
        return error_set(
            error, "-coverage %s: the name ends in neither .info nor .drcov; say format=lcov or format=drcov",
            coverage->file);
    return true;
}

bool options_take_coverage(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = { { "file", take_file },
                                               { "format", take_format },
                                               { "elf", take_elf },
                                               { "base", take_base },
                                               { NULL, NULL } };
    struct coverage_config *coverage = &options->machine.coverage;
    struct option_pairs pairs;
    bool format = false;
    *coverage = (struct coverage_config){ 0 };
    return option_pairs_split(&pairs, &options->strings, argument, "file", error) &&
           options_take_pairs(options, &pairs, rows, &format, "-coverage", error) &&
           (coverage->file || error_set(error, "-coverage %s: the file is missing", argument)) &&
           (format || guess_format(coverage, error));
}
