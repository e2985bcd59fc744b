/* SPDX-License-Identifier: MIT
 *
 * -sandbox and -run-with, as QEMU spells them; docs/security.md says what each value means here.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/options/options.h"

static bool sandbox_enable(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    if (!value || !option_parse_switch(value, &on))
        return options_bad_value(error, "-sandbox", value, "on, off");
    if (on && OPTIONS_SANITIZED)
        return error_set(error, "-sandbox on: this build has a sanitizer, whose own system calls the sandbox "
                                "would refuse; use a build without");
    options->sandbox.off = !on;
    options->sandbox.asked = on;
    return true;
}

/* Takes allow or deny. */
static bool take_allow(const char *flag, const char *value, bool *allow, struct error *error)
{
    *allow = value && strcmp(value, "allow") == 0;
    return *allow || (value && strcmp(value, "deny") == 0) ||
           options_bad_value(error, flag, value, "allow, deny");
}

static bool sandbox_obsolete(struct options *options, void *item, const char *value, struct error *error)
{
    return take_allow("-sandbox obsolete", value, &options->sandbox.obsolete, error);
}

static bool sandbox_spawn(struct options *options, void *item, const char *value, struct error *error)
{
    return take_allow("-sandbox spawn", value, &options->sandbox.spawn, error);
}

static bool sandbox_resources(struct options *options, void *item, const char *value, struct error *error)
{
    return take_allow("-sandbox resourcecontrol", value, &options->sandbox.resources, error);
}

/* "children" forbids it only to programs that are started, which no_new_privs does in any case. */
static bool sandbox_privileges(struct options *options, void *item, const char *value, struct error *error)
{
    bool allow = value && (strcmp(value, "allow") == 0 || strcmp(value, "children") == 0);
    options->sandbox.privileges = allow;
    return allow || (value && strcmp(value, "deny") == 0) ||
           options_bad_value(error, "-sandbox elevateprivileges", value, "allow, deny, children");
}

static bool sandbox_folder(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_sandbox *sandbox = &options->sandbox;
    if (!value || !*value)
        return error_set(error, "-sandbox folder: the name of the folder is missing");
    if (sandbox->folder_count == OPTIONS_SANDBOX_FOLDERS)
        return error_set(error, "-sandbox folder=%s: more than %d folders", value, OPTIONS_SANDBOX_FOLDERS);
    struct stat status;
    if (stat(value, &status))
        return error_set(error, "-sandbox folder=%s: %s", value, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, "-sandbox folder=%s: not a folder", value);
    sandbox->folders[sandbox->folder_count++] = value;
    return true;
}

bool options_take_sandbox(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "enable", sandbox_enable },
        { "obsolete", sandbox_obsolete },
        { "elevateprivileges", sandbox_privileges },
        { "spawn", sandbox_spawn },
        { "resourcecontrol", sandbox_resources },
        { "folder", sandbox_folder },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "enable", error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-sandbox", error);
}

/* ---- -run-with ----------------------------------------------------------------------------------------- */

static bool with_chroot(struct options *options, void *item, const char *value, struct error *error)
{
    options->run_with.chroot = value;
    return (value && *value) || error_set(error, "-run-with chroot: the name of the folder is missing");
}

/* Takes UID:GID in numbers, or the name of a user of the host. */
bool options_take_user(struct options *options, const char *value, struct error *error)
{
    struct options_run_with *with = &options->run_with;
    uint64_t uid, gid;
    const char *colon = value ? strchr(value, ':') : NULL;
    if (!value || !*value)
        return error_set(error, "-run-with user: the user's name is missing");
    with->user = value;
    if (colon) {
        char *number = option_strings_add(&options->strings, value, (size_t)(colon - value));
        if (!number || !option_parse_number(number, &uid) || !option_parse_number(colon + 1, &gid) ||
            uid >= UINT32_MAX || gid >= UINT32_MAX)
            return error_set(error, "-run-with user=%s: not a user's name, and not UID:GID", value);
        with->uid = (uid_t)uid;
        with->gid = (gid_t)gid;
        with->numbers = true;
        return true;
    }
    const struct passwd *entry = getpwnam(value);
    if (!entry)
        return error_set(error, "-run-with user=%s: there is no such user; UID:GID names one by numbers",
                         value);
    with->uid = entry->pw_uid;
    with->gid = entry->pw_gid;
    with->numbers = false;
    return true;
}

static bool with_user(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_user(options, value, error);
}

/* Accepted: the memory is freed when the process ends in any case. */
static bool with_async_teardown(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return option_parse_switch(value, &on) ||
           options_bad_value(error, "-run-with async-teardown", value, "on, off");
}

bool options_take_run_with(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "user", with_user },
        { "chroot", with_chroot },
        { "async-teardown", with_async_teardown },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, NULL, error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-run-with", error);
}
