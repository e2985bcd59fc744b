/* SPDX-License-Identifier: MIT
 *
 * Handles flags that change other arguments before these are taken: -readconfig FILE stands for the flags
 * that the file describes, -set GROUP.ID.KEY=VALUE adds a key to an argument before it, -add-fd makes
 * "/dev/fdset/N" the name of an open descriptor, and -writeconfig writes the command line to a file. The
 * result is a list of words like argv, without these flags.
 *
 * A configuration file has QEMU's form: sections [GROUP "ID"], each with lines KEY = "VALUE". A section is a
 * flag; most groups have the name of their flag.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/options/options.h"
#include "util/fd_sets.h"

#define WORDS_MAX   4096u
#define LINE_MAX_   4096u
#define FDS_MAX     16u
#define SECTION_MAX 16384u

struct expansion {
    struct options *options;
    struct options_words *words;
    struct {
        unsigned set;
        int fd;
        bool writes;
    } fds[FDS_MAX];
    unsigned fd_count;
    const char *write_to; /* -writeconfig; NULL: none */
    struct error *error;
};

/* ---- Words --------------------------------------------------------------------------------------------- */

static bool add_word(struct expansion *expansion, const char *word, size_t length)
{
    struct options_words *words = expansion->words;
    if (words->count == WORDS_MAX)
        return error_set(expansion->error, "more than %u words on the command line", WORDS_MAX);
    char **grown = realloc(words->list, (words->count + 1) * sizeof(*grown));
    if (grown)
        words->list = grown;
    char *kept = grown ? option_strings_add(&expansion->options->strings, word, length) : NULL;
    if (!kept)
        return error_set(expansion->error, "out of memory for the options");
    words->list[words->count++] = kept;
    return true;
}

static bool add_flag(struct expansion *expansion, const char *flag, const char *argument)
{
    char name[64];
    int length = snprintf(name, sizeof(name), "-%s", flag);
    return add_word(expansion, name, (size_t)length) && add_word(expansion, argument, strlen(argument));
}

/* Returns whether the word is the flag -NAME or --NAME. */
static bool is_flag(const char *word, const char *name)
{
    return word[0] == '-' && strcmp(word + 1 + (word[1] == '-'), name) == 0;
}

/* ---- Groups -------------------------------------------------------------------------------------------- */

/* Groups whose flag has another name. If there is a key, the flag's argument is the value of this key of the
 * group. */
static const struct {
    const char *group, *flag, *key;
} groups[] = {
    { "memory", "m", NULL },           { "smp-opts", "smp", NULL },       { "boot-opts", "boot", NULL },
    { "machine", "machine", NULL },    { "machine", "M", NULL },          { "machine", "kernel", "kernel" },
    { "machine", "initrd", "initrd" }, { "machine", "append", "append" }, { "machine", "dtb", "dtb" },
    { "machine", "bios", "firmware" },
};
/* Groups that have the name of their flag. */
static const char *const same_groups[] = { "drive",
                                           "device",
                                           "netdev",
                                           "nic",
                                           "net",
                                           "chardev",
                                           "mon",
                                           "object",
                                           "fsdev",
                                           "global",
                                           "rtc",
                                           "name",
                                           "accel",
                                           "audiodev",
                                           "sandbox",
                                           "msg",
                                           "overcommit",
                                           "action",
                                           "semihosting-config",
                                           "fw_cfg",
                                           "smbios",
                                           "numa",
                                           "run-with",
                                           "blockdev",
                                           "icount",
                                           "add-fd",
                                           "set",
                                           NULL };

/* Returns the key that a first value without a key has. */
static const char *implied_key(const char *group)
{
    static const struct {
        const char *group, *key;
    } rows[] = { { "machine", "type" },
                 { "memory", "size" },
                 { "smp-opts", "cpus" },
                 { "boot-opts", "order" },
                 { "device", "driver" },
                 { "netdev", "type" },
                 { "nic", "type" },
                 { "net", "type" },
                 { "chardev", "backend" },
                 { "mon", "chardev" },
                 { "object", "qom-type" },
                 { "fsdev", "fsdriver" },
                 { "name", "guest" },
                 { "accel", "type" },
                 { "audiodev", "driver" },
                 { "sandbox", "enable" },
                 { "semihosting-config", "enable" },
                 { "fw_cfg", "name" },
                 { "numa", "type" },
                 { "icount", "shift" },
                 { "blockdev", "driver" } };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
        if (strcmp(rows[n].group, group) == 0)
            return rows[n].key;
    return NULL;
}

const char *options_flag_of_group(const char *group)
{
    for (size_t n = 0; n < sizeof(groups) / sizeof(groups[0]); n++)
        if (strcmp(groups[n].group, group) == 0)
            return groups[n].flag;
    for (const char *const *same = same_groups; *same; same++)
        if (strcmp(*same, group) == 0)
            return group;
    return NULL;
}

const char *options_group_at(unsigned number)
{
    static const char *const own[] = { "machine", "memory", "smp-opts", "boot-opts" };
    const unsigned count = sizeof(own) / sizeof(own[0]);
    return number < count                                                ? own[number]
           : number - count < sizeof(same_groups) / sizeof(*same_groups) ? same_groups[number - count]
                                                                         : NULL;
}

static const char *group_of_flag(const char *flag, const char **key)
{
    *key = NULL;
    for (size_t n = 0; n < sizeof(groups) / sizeof(groups[0]); n++) {
        if (strcmp(groups[n].flag, flag) == 0) {
            *key = groups[n].key;
            return groups[n].group;
        }
    }
    for (const char *const *same = same_groups; *same; same++)
        if (strcmp(*same, flag) == 0)
            return *same;
    return NULL;
}

/* ---- -readconfig --------------------------------------------------------------------------------------- */

static bool take_special(struct expansion *expansion, const char *flag, const char *argument, bool *special);

struct section {
    char group[64], text[SECTION_MAX];
    size_t length;
    bool open;
};

/* Appends KEY=VALUE with the value's commas doubled; false: it is too long. */
static bool add_key(struct section *section, const char *key, const char *value)
{
    int length = snprintf(section->text + section->length, SECTION_MAX - section->length,
                          "%s%s=", section->length ? "," : "", key);
    section->length += (size_t)length;
    for (; *value && section->length + 2 < SECTION_MAX; value++) {
        section->text[section->length++] = *value;
        if (*value == ',')
            section->text[section->length++] = ',';
    }
    if (section->length + 2 >= SECTION_MAX)
        return false;
    section->text[section->length] = '\0';
    return true;
}

static bool end_section(struct expansion *expansion, struct section *section)
{
    bool special = false;
    if (!section->open)
        return true;
    const char *flag = options_flag_of_group(section->group);
    section->open = false;
    return take_special(expansion, flag, section->text, &special) &&
           (special || add_flag(expansion, flag, section->text));
}

static bool begin_section(struct expansion *expansion, struct section *section, const char *line)
{
    char id[64] = "";
    int named = sscanf(line, " [ %63[^] \"] \"%63[^\"]\" ]", section->group, id);
    section->length = 0;
    section->text[0] = '\0';
    section->open = named >= 1 && strchr(line, ']');
    if (!section->open)
        return error_set(expansion->error, "not [GROUP] or [GROUP \"ID\"]: %.60s", line);
    if (!options_flag_of_group(section->group)) {
        section->open = false;
        return error_set(expansion->error, "there is no group %s", section->group);
    }
    return named < 2 || add_key(section, "id", id);
}

static bool take_line(struct expansion *expansion, struct section *section, char *line)
{
    char key[64], *value = strchr(line, '"');
    char *end = value ? strrchr(value + 1, '"') : NULL;
    line += strspn(line, " \t");
    if (!*line || *line == '#' || *line == '\n' || *line == '\r')
        return true;
    if (*line == '[')
        return end_section(expansion, section) && begin_section(expansion, section, line);
    if (!section->open)
        return error_set(expansion->error, "a line before the first [GROUP]");
    if (sscanf(line, "%63[^= \t] = \"", key) != 1 || !end || strspn(end + 1, " \t\r\n") != strlen(end + 1))
        return error_set(expansion->error, "not KEY = \"VALUE\": %.60s", line);
    *end = '\0';
    return add_key(section, key, value + 1) || error_set(expansion->error, "the section is too long");
}

static bool read_config(struct expansion *expansion, const char *path)
{
    static struct section section;
    char line[LINE_MAX_];
    unsigned number = 0;
    bool ok = true;
    section.open = false;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return error_set(expansion->error, "-readconfig %s: %s", path, strerror(errno));
    while (ok && fgets(line, sizeof(line), file)) {
        number++;
        ok = strlen(line) + 1 < sizeof(line) || error_set(expansion->error, "the line is too long");
        ok = ok && take_line(expansion, &section, line);
    }
    ok = ok && end_section(expansion, &section);
    if (ok && ferror(file))
        ok = error_set(expansion->error, "%s", strerror(errno));
    if (!ok) {
        struct error why = *expansion->error;
        error_set(expansion->error, "-readconfig %.100s, line %u: %.300s", path, number, why.text);
    }
    if (file != stdin)
        fclose(file);
    return ok;
}

/* ---- -set ---------------------------------------------------------------------------------------------- */

/* Returns whether the argument has id=ID (for -blockdev: node-name=ID). */
static bool has_id(struct expansion *expansion, const char *argument, const char *id)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &expansion->options->strings, argument, "", expansion->error))
        return false;
    const char *value = option_pairs_get(&pairs, "id");
    if (!value)
        value = option_pairs_get(&pairs, "node-name");
    return value && strcmp(value, id) == 0;
}

static bool take_set(struct expansion *expansion, const char *argument)
{
    struct options_words *words = expansion->words;
    char group[64], id[64], key[64], *text = NULL;
    int at = 0;
    if (sscanf(argument, "%63[^.].%63[^.].%63[^=]=%n", group, id, key, &at) != 3 || !at)
        return error_set(expansion->error, "-set %s: not GROUP.ID.KEY=VALUE, such as drive.d0.cache=none",
                         argument);
    const char *flag = options_flag_of_group(group);
    for (unsigned n = 0; flag && n + 1 < words->count; n++) {
        if (!is_flag(words->list[n], flag) || !has_id(expansion, words->list[n + 1], id))
            continue;
        if (words->list[n + 1][0] == '{')
            return error_set(expansion->error, "-set %s: -%s has JSON there, whose keys stay as they are",
                             argument, flag);
        struct section section = { .length = 0 };
        if (!add_key(&section, key, argument + at) ||
            asprintf(&text, "%s,%s", words->list[n + 1], section.text) < 0)
            return error_set(expansion->error, "-set %.100s: too long", argument);
        words->list[n + 1] = option_strings_add(&expansion->options->strings, text, strlen(text));
        free(text);
        return words->list[n + 1] || error_set(expansion->error, "out of memory for the options");
    }
    return error_set(expansion->error, "-set %s: there is no -%s with id=%s before it", argument, group, id);
}

/* ---- -add-fd ------------------------------------------------------------------------------------------- */

static bool take_add_fd(struct expansion *expansion, const char *argument)
{
    static const char *const keys[] = { "fd", "set", "opaque", NULL };
    struct option_pairs pairs;
    uint64_t fd, set;
    if (!option_pairs_split(&pairs, &expansion->options->strings, argument, NULL, expansion->error) ||
        !options_only_keys(&pairs, keys, "-add-fd", "fd, set, opaque", expansion->error))
        return false;
    if (!option_parse_number(option_pairs_get(&pairs, "fd"), &fd) || fd > INT32_MAX ||
        !option_parse_number(option_pairs_get(&pairs, "set"), &set) || set > UINT32_MAX)
        return error_set(expansion->error, "-add-fd %s: fd=N and set=N are needed", argument);
    int flags = fd > STDERR_FILENO ? fcntl((int)fd, F_GETFL) : -1;
    if (flags < 0)
        return error_set(expansion->error, "-add-fd fd=%u: no open descriptor above 2", (unsigned)fd);
    if (expansion->fd_count == FDS_MAX)
        return error_set(expansion->error, "-add-fd: more than %u of them", FDS_MAX);
    fcntl((int)fd, F_SETFD, FD_CLOEXEC);           /* programs that this process starts do not get it */
    int copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 3); /* for commands of the monitor */
    if (copy < 0 ||
        fd_sets_add((int64_t)set, copy, option_pairs_get(&pairs, "opaque"), expansion->error) < 0) {
        if (copy >= 0)
            close(copy);
        return error_set(expansion->error, "-add-fd fd=%u: too many descriptors", (unsigned)fd);
    }
    expansion->fds[expansion->fd_count].set = (unsigned)set;
    expansion->fds[expansion->fd_count].fd = (int)fd;
    expansion->fds[expansion->fd_count++].writes = (flags & O_ACCMODE) != O_RDONLY;
    return true;
}

/* Returns the set's descriptor; if there are several, one that can be written. */
static int find_fd(const struct expansion *expansion, unsigned set)
{
    int found = -1;
    for (unsigned n = 0; n < expansion->fd_count; n++)
        if (expansion->fds[n].set == set && (found < 0 || expansion->fds[n].writes))
            found = expansion->fds[n].fd;
    return found;
}

/* Replaces "/dev/fdset/N" by the descriptor's own name. */
static bool name_fds(struct expansion *expansion, char **word)
{
    static const char mark[] = "/dev/fdset/";
    char text[SECTION_MAX];
    size_t length = 0;
    if (!strstr(*word, mark))
        return true;
    for (const char *at = *word; *at;) {
        if (length + 32 >= sizeof(text))
            return error_set(expansion->error, "%.60s: too long", *word);
        if (strncmp(at, mark, strlen(mark)) != 0) {
            text[length++] = *at++;
            continue;
        }
        char *end;
        unsigned long set = strtoul(at + strlen(mark), &end, 10);
        int fd = end == at + strlen(mark) ? -1 : find_fd(expansion, (unsigned)set);
        if (fd < 0)
            return error_set(expansion->error, "%.20s: there is no -add-fd with that set", at);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "/proc/self/fd/%d", fd);
        at = end;
    }
    *word = option_strings_add(&expansion->options->strings, text, length);
    return *word || error_set(expansion->error, "out of memory for the options");
}

/* ---- -writeconfig -------------------------------------------------------------------------------------- */

static bool write_section(struct expansion *expansion, FILE *file, const char *group, const char *key,
                          const char *argument)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &expansion->options->strings, argument, implied_key(group),
                            expansion->error))
        return false;
    const char *id = key ? NULL : option_pairs_take(&pairs, "id");
    fprintf(file, id ? "[%s \"%s\"]\n" : "[%s]\n", group, id);
    if (key)
        fprintf(file, "  %s = \"%s\"\n", key, argument);
    for (unsigned n = 0; n < pairs.count && !key; n++)
        fprintf(file, "  %s = \"%s\"\n", pairs.pairs[n].key,
                pairs.pairs[n].value ? pairs.pairs[n].value : "on");
    fprintf(file, "\n");
    return true;
}

/* Writes all flags. Those without a group become comments, since a file cannot hold them. */
static bool write_config(struct expansion *expansion)
{
    const struct options_words *words = expansion->words;
    const char *path = expansion->write_to, *key;
    bool ok = true;
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!file)
        return error_set(expansion->error, "-writeconfig %s: %s", path, strerror(errno));
    fprintf(file, "# for -readconfig\n\n");
    for (unsigned n = 1; ok && n < words->count; n++) {
        const char *flag = words->list[n] + 1 + (words->list[n][1] == '-');
        const char *group = group_of_flag(flag, &key);
        bool has_argument = n + 1 < words->count && options_takes_argument(flag);
        if (group && has_argument)
            ok = write_section(expansion, file, group, key, words->list[n + 1]);
        else
            fprintf(file, "# %s%s%s\n\n", words->list[n], has_argument ? " " : "",
                    has_argument ? words->list[n + 1] : "");
        n += has_argument;
    }
    bool failed = ferror(file) || (file == stdout ? fflush(file) : fclose(file));
    return ok && (!failed || error_set(expansion->error, "-writeconfig %s: %s", path, strerror(errno)));
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

static bool take_special(struct expansion *expansion, const char *flag, const char *argument, bool *special)
{
    *special = true;
    if (strcmp(flag, "readconfig") == 0)
        return read_config(expansion, argument);
    if (strcmp(flag, "set") == 0)
        return take_set(expansion, argument);
    if (strcmp(flag, "add-fd") == 0)
        return take_add_fd(expansion, argument);
    if (strcmp(flag, "writeconfig") == 0) {
        expansion->write_to = argument;
        return true;
    }
    *special = false;
    return true;
}

/* Takes one word, and also the next one if that is its argument. */
static bool take_word(struct expansion *expansion, char *const *argv, int argc, int *at)
{
    const char *word = argv[*at], *name = word[0] == '-' ? word + 1 + (word[1] == '-') : "";
    const char *argument = NULL;
    char flag[64];
    size_t length = word[0] == '-' && word[1] == '-' ? strcspn(name, "=") : strlen(name);
    bool special = false;
    snprintf(flag, sizeof(flag), "%.*s", (int)(length < sizeof(flag) ? length : 0), name);
    if (*flag && options_takes_argument(flag)) {
        if (name[length])
            argument = name + length + 1;
        else if (*at + 1 < argc)
            argument = argv[++*at];
    }
    if (argument && !take_special(expansion, flag, argument, &special))
        return false;
    if (special)
        return true;
    if (argument && name[length])
        return add_word(expansion, word, strlen(word));
    return add_word(expansion, word, strlen(word)) &&
           (!argument || add_word(expansion, argument, strlen(argument)));
}

bool options_expand(struct options *options, int argc, char *const *argv, struct options_words *words,
                    struct error *error)
{
    struct expansion expansion = { .options = options, .words = words, .error = error };
    bool ok = argc < 1 || add_word(&expansion, argv[0], strlen(argv[0]));
    for (int at = 1; ok && at < argc; at++)
        ok = take_word(&expansion, argv, argc, &at);
    for (unsigned n = 1; ok && n < words->count; n++)
        ok = name_fds(&expansion, &words->list[n]);
    return ok && (!expansion.write_to || write_config(&expansion));
}
