/* SPDX-License-Identifier: MIT
 *
 * See generate.h. Usage: rvive-package rvive.1|rvive-img.1|rvive.bash|rvive.zsh|rvive.fish FILE
 */
#include "frontend/package/generate.h"

#include <stdio.h>
#include <string.h>

const struct package_flag package_flags[] = {
#define FLAG(name, argument, take, text) { name, argument, text },
#include "frontend/options/options.def"
};
const size_t package_flag_count = sizeof(package_flags) / sizeof(package_flags[0]);

const struct package_command package_commands[] = {
#define COMMAND(name, run, usage, text) { name, usage, text },
#include "frontend/img/commands.def"
};
const size_t package_command_count = sizeof(package_commands) / sizeof(package_commands[0]);

enum package_kind package_kind_of(const struct package_flag *flag)
{
    static const char *const lists[] = { "machine", "M", "cpu", "device", "accel", "d" };
    if (!flag->argument)
        return PACKAGE_NOTHING;
    for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
        if (strcmp(flag->name, lists[n]) == 0)
            return PACKAGE_LIST;
    }
    if (strncmp(flag->argument, "FOLDER", 6) == 0)
        return PACKAGE_FOLDER;
    return strncmp(flag->argument, "FILE", 4) == 0 || strcmp(flag->name, "bios") == 0 ? PACKAGE_FILE
                                                                                      : PACKAGE_TEXT;
}

int package_is_first(size_t index)
{
    for (size_t n = 0; n < index; n++) {
        if (strcmp(package_flags[n].name, package_flags[index].name) == 0)
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(void);
    } files[] = {
        { "rvive.1", package_manual_rvive },       { "rvive-img.1", package_manual_img },
        { "rvive.bash", package_completion_bash }, { "rvive.zsh", package_completion_zsh },
        { "rvive.fish", package_completion_fish },
    };
    for (size_t n = 0; argc == 3 && n < sizeof(files) / sizeof(files[0]); n++) {
        if (strcmp(argv[1], files[n].name) != 0)
            continue;
        if (!freopen(argv[2], "w", stdout)) {
            perror(argv[2]);
            return 1;
        }
        files[n].write();
        return fflush(stdout) != 0;
    }
    fprintf(stderr, "usage: rvive-package rvive.1|rvive-img.1|rvive.bash|rvive.zsh|rvive.fish FILE\n");
    return 2;
}
