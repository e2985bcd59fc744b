/* SPDX-License-Identifier: MIT
 *
 * -semihosting and -semihosting-config.
 */
#include <string.h>

#include "frontend/options/options.h"

static struct semihosting_config *config_of(struct options *options)
{
    return &options->machine.semihosting;
}

static bool take_enable(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value, &config_of(options)->enable) ||
           options_bad_value(error, "-semihosting-config enable", value, "on, off");
}

static bool take_target(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && (strcmp(value, "native") == 0 || strcmp(value, "auto") == 0)) ||
           options_bad_value(error, "-semihosting-config target", value, "native, auto");
}

static bool take_chardev(struct options *options, void *item, const char *value, struct error *error)
{
    config_of(options)->chardev = value; /* options_join_semihosting() resolves it */
    return (value && *value) || error_set(error, "-semihosting-config chardev: the id is missing");
}

static bool take_userspace(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value, &config_of(options)->userspace) ||
           options_bad_value(error, "-semihosting-config userspace", value, "on, off");
}

static bool take_path(struct options *options, void *item, const char *value, struct error *error)
{
    config_of(options)->path = value;
    return (value && *value) || error_set(error, "-semihosting-config path: the folder is missing");
}

static bool take_arg(struct options *options, void *item, const char *value, struct error *error)
{
    struct semihosting_config *config = config_of(options);
    if (config->arg_count == SEMIHOSTING_ARGS_MAX)
        return error_set(error, "-semihosting-config: more than %d args", SEMIHOSTING_ARGS_MAX);
    config->args[config->arg_count++] = value ? value : "";
    return true;
}

bool options_take_semihosting(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "enable", take_enable },
        { "target", take_target },
        { "chardev", take_chardev },
        { "userspace", take_userspace },
        { "path", take_path },
        { "arg", take_arg },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    config_of(options)->enable = true;
    if (!argument)
        return true;
    return option_pairs_split(&pairs, &options->strings, argument, "enable", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-semihosting-config", error);
}

bool options_join_semihosting(struct options *options, struct error *error)
{
    const char **chardev = &config_of(options)->chardev;
    for (unsigned i = 0; *chardev && i < options->chardev_count; i++) {
        if (strcmp(options->chardevs[i].id, *chardev) == 0) {
            *chardev = options->chardevs[i].value;
            return true;
        }
    }
    return !*chardev || error_set(error, "-semihosting-config: there is no -chardev with id=%s", *chardev);
}
