/* SPDX-License-Identifier: MIT
 *
 * Completions for bash, zsh and fish. Machines, processors and devices are asked of the program itself, so
 * that they are those of the installed version.
 */
#include "frontend/package/generate.h"

#include <stdio.h>
#include <string.h>

/* The first word of each line of `rvive -FLAG help`, without the lines that continue another and
 * without the keys after them. */
#define LIST_WORDS "awk '/^Extensions/ { exit } /^ ? ?[a-z]/ { sub(/:$/, \"\", $1); print $1 }'"

/* Text with a backslash before each of the characters `special`, and without line ends. */
static void put_escaped(const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text))
            putchar('\\');
        putchar(*text);
    }
}

/* Text in single quotes of a POSIX shell. */
static void put_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\'", stdout);
        putchar(*text);
    }
    putchar('\'');
}

static void put_commands(void)
{
    for (size_t n = 0; n < package_command_count; n++)
        printf("%s%s", n ? " " : "", package_commands[n].name);
}

/* ---- bash ---------------------------------------------------------------------------------------------- */

/* The pattern of all flags whose argument is of one kind; false if there are none. */
static void bash_case(enum package_kind kind, const char *action)
{
    const char *separator = "    ";
    for (size_t n = 0; n < package_flag_count; n++) {
        if (!package_is_first(n) || package_kind_of(&package_flags[n]) != kind)
            continue;
        printf("%s-%s", separator, package_flags[n].name);
        separator = "|";
    }
    printf(") %s ;;\n", action);
}

void package_completion_bash(void)
{
    puts("# bash completion for rvive and rvive-img. Made by Rvive's build.\n"
         "_rvive()\n{\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    COMPREPLY=()\n"
         "    case $before in");
    bash_case(PACKAGE_FILE,
              "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\") && return");
    bash_case(PACKAGE_FOLDER,
              "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\") && return");
    bash_case(PACKAGE_LIST,
              "mapfile -t COMPREPLY < <(compgen -W \"$(\"$1\" \"$before\" help 2>/dev/null | " LIST_WORDS
              ")\" -- \"$word\") && return");
    bash_case(PACKAGE_TEXT, "return");
    fputs("    esac\n    mapfile -t COMPREPLY < <(compgen -W '", stdout);
    for (size_t n = 0; n < package_flag_count; n++) {
        if (package_is_first(n))
            printf("%s-%s", n ? " " : "", package_flags[n].name);
    }
    puts("' -- \"$word\")\n}\ncomplete -F _rvive rvive rvive32\n\n"
         "_rvive_img()\n{\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    case $before in");
    fputs("    rvive-img) mapfile -t COMPREPLY < <(compgen -W '", stdout);
    put_commands();
    puts("' -- \"$word\") ;;\n"
         "    -f|-F|-O) mapfile -t COMPREPLY < <(compgen -W 'raw qcow2' -- \"$word\") ;;\n"
         "    *) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
         "    esac\n}\ncomplete -F _rvive_img rvive-img");
}

/* ---- zsh ----------------------------------------------------------------------------------------------- */

static const char *zsh_action(enum package_kind kind)
{
    switch (kind) {
    case PACKAGE_FILE: return ":file:_files";
    case PACKAGE_FOLDER: return ":folder:_files -/";
    case PACKAGE_LIST: return ":name:_rvive_list";
    case PACKAGE_TEXT: return ":value: ";
    case PACKAGE_NOTHING: break;
    }
    return "";
}

void package_completion_zsh(void)
{
    puts("#compdef rvive rvive32 rvive-img\n# zsh completion. Made by Rvive's build.\n"
         "_rvive_list()\n{\n"
         "    local -a names\n"
         "    names=(${(f)\"$($service $words[CURRENT-1] help 2>/dev/null | " LIST_WORDS ")\"})\n"
         "    compadd -a names\n}\n"
         "if [[ $service = rvive-img ]]; then");
    fputs("    _arguments '1:command:(", stdout);
    put_commands();
    puts(")' '*-f[format]:format:(raw qcow2)' '*-O[format]:format:(raw qcow2)' '*:file:_files'\n    "
         "return\nfi\n"
         "_arguments \\");
    for (size_t n = 0; n < package_flag_count; n++) {
        if (!package_is_first(n))
            continue;
        char spec[2048] = "";
        size_t used = (size_t)snprintf(spec, sizeof(spec), "*-%s[", package_flags[n].name);
        for (const char *at = package_flags[n].text; *at && used < sizeof(spec) - 64; at++) {
            if (strchr("[]\\:", *at))
                spec[used++] = '\\';
            spec[used++] = *at;
        }
        snprintf(spec + used, sizeof(spec) - used, "]%s", zsh_action(package_kind_of(&package_flags[n])));
        fputs("    ", stdout);
        put_quoted(spec);
        puts(" \\");
    }
    puts("    && return");
}

/* ---- fish ---------------------------------------------------------------------------------------------- */

void package_completion_fish(void)
{
    puts("# fish completion for rvive and rvive-img. Made by Rvive's build.\n"
         "function __rvive_list\n    rvive $argv help 2>/dev/null | " LIST_WORDS "\nend");
    for (size_t n = 0; n < package_flag_count; n++) {
        const struct package_flag *flag = &package_flags[n];
        if (!package_is_first(n))
            continue;
        printf("complete -c rvive -o %s -d '", flag->name);
        put_escaped(flag->text, "\\'");
        putchar('\'');
        switch (package_kind_of(flag)) {
        case PACKAGE_FILE: fputs(" -r -F", stdout); break;
        case PACKAGE_FOLDER: fputs(" -x -a '(__fish_complete_directories)'", stdout); break;
        case PACKAGE_LIST: printf(" -x -a '(__rvive_list -%s)'", flag->name); break;
        case PACKAGE_TEXT: fputs(" -x", stdout); break;
        case PACKAGE_NOTHING: break;
        }
        putchar('\n');
    }
    puts("complete -c rvive32 -w rvive");
    for (size_t n = 0; n < package_command_count; n++) {
        printf("complete -c rvive-img -n __fish_use_subcommand -a %s -d '", package_commands[n].name);
        put_escaped(package_commands[n].text, "\\'");
        puts("'");
    }
}
