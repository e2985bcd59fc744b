/* SPDX-License-Identifier: MIT
 *
 * The build's tool that writes what a package contains beside the programs: manual pages and completions for
 * shells. Flags and commands come from the tables that the programs themselves use, so they cannot differ.
 */
#ifndef FRONTEND_PACKAGE_GENERATE_H
#define FRONTEND_PACKAGE_GENERATE_H

#include <stddef.h>

/* A row of frontend/options/options.def. A name may have several rows, one for each of its forms. */
struct package_flag {
    const char *name;
    const char *argument; /* NULL: it has none */
    const char *text;
};
extern const struct package_flag package_flags[];
extern const size_t package_flag_count;

/* A row of frontend/img/commands.def. */
struct package_command {
    const char *name, *usage, *text;
};
extern const struct package_command package_commands[];
extern const size_t package_command_count;

/* What the shell can offer as a flag's argument. */
enum package_kind {
    PACKAGE_NOTHING, /* it has no argument */
    PACKAGE_TEXT,    /* anything */
    PACKAGE_FILE,
    PACKAGE_FOLDER,
    PACKAGE_LIST, /* the first word of each line that `rvive -FLAG help` prints */
};
enum package_kind package_kind_of(const struct package_flag *flag);

/* Is this the flag's first row? */
int package_is_first(size_t index);

/* Each writes one file to the standard output. */
void package_manual_rvive(void);
void package_manual_img(void);
void package_completion_bash(void);
void package_completion_zsh(void);
void package_completion_fish(void);

#endif
