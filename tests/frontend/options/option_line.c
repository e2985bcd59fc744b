/* SPDX-License-Identifier: MIT
 *
 * Splits and parses lines for the tests of the command line; see option_line.h.
 */
#include "tests/frontend/options/option_line.h"

#include <stdlib.h>

#define ARGS_MAX 64

struct options options;
struct error error;

bool parse(const char *line)
{
    static char text[2048];
    char *argv[ARGS_MAX] = { "rvive" };
    int argc = 1;
    ck_assert_uint_lt(strlen(line), sizeof(text));
    strcpy(text, line);
    for (char *at = text; *at;) {
        at += strspn(at, " ");
        if (!*at)
            break;
        char stop = *at == '\'' ? '\'' : ' ';
        at += stop == '\'';
        ck_assert_int_lt(argc, ARGS_MAX);
        argv[argc++] = at;
        at += strcspn(at, stop == '\'' ? "'" : " ");
        if (*at)
            *at++ = '\0';
    }
    error.text[0] = '\0';
    options_free(&options);
    return options_parse(&options, argc, argv, &error);
}

void check_failing_line(const struct failing_line *failing)
{
    bool ok = parse(failing->line);
    ck_assert_msg(!ok, "\"%s\" was accepted", failing->line);
    ck_assert_msg(strstr(error.text, failing->names) != NULL, "\"%s\": the message \"%s\" does not name %s",
                  failing->line, error.text, failing->names);
}
