/* SPDX-License-Identifier: MIT
 *
 * The program rvive-img: finds the command, and has what the commands share. See img.h.
 */
#include "frontend/img/img.h"

#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/blockfile.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *text;
} commands[] = {
#define COMMAND(name, run, usage, text) { name, run, usage, text },
#include "frontend/img/commands.def"
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int img_failf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("rvive-img: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return 1;
}

int img_fail(const struct error *error)
{
    return img_failf("%s", error->text);
}

int img_usage(const char *name)
{
    for (size_t n = 0; n < COMMAND_COUNT; n++) {
        if (strcmp(commands[n].name, name) == 0)
            return img_failf("usage: rvive-img %s %s", name, commands[n].usage);
    }
    return 1;
}

bool img_parse_bytes(const char *text, uint64_t *bytes, struct error *error)
{
    static const char suffixes[] = "bkmgtpe";
    char *end;
    double number = strtod(text, &end);
    const char *suffix = *end ? strchr(suffixes, tolower((unsigned char)*end)) : suffixes;
    double scale = suffix ? (double)(1ull << 10 * (suffix - suffixes)) : 0;
    if (end == text || !suffix || (*end && end[1]) || !(number >= 0) || number * scale >= 0x1p62)
        return error_set(error, "'%s' is not a size; write bytes, or a number with k, M, G, T, P or E", text);
    *bytes = (uint64_t)(number * scale);
    return true;
}

bool img_parse_size(const char *text, uint64_t *bytes, struct error *error)
{
    bool ok = img_parse_bytes(text, bytes, error);
    if (ok)
        *bytes = (*bytes + BLOCKDEV_SECTOR - 1) / BLOCKDEV_SECTOR * BLOCKDEV_SECTOR;
    return ok;
}

struct blockdev *img_open(const char *path, const char *format, bool writable, bool shared, bool no_backing,
                          struct error *error)
{
    struct blockdev_config config = {
        .path = path,
        .format = format,
        .read_only = !writable,
        .shared_writer = shared,
        .no_backing = no_backing,
    };
    return blockdev_open(&config, error);
}

bool img_parse_output(const char *text, bool *json)
{
    *json = strcmp(text, "json") == 0;
    return *json || strcmp(text, "human") == 0 || !img_failf("--output=%s: there are human and json", text);
}

/* Data of a qcow2 image that nobody has written is a hole of its file. */
static int look_for_hole(struct blockdev_qcow2 *q, uint64_t offset, uint64_t *run,
                         enum blockdev_status *status)
{
    struct qcow2_extent extent;
    uint64_t part;
    pthread_mutex_lock(&q->lock);
    int rc = qcow2_lookup(q, offset, *run, &extent);
    pthread_mutex_unlock(&q->lock);
    if (rc || extent.kind != QCOW2_KIND_DATA)
        return rc;
    if (!blockfile_is_data(q->file, extent.host, extent.bytes, &part))
        *status = BLOCKDEV_STATUS_ZERO;
    *run = part < extent.bytes ? part : extent.bytes;
    return 0;
}

int img_status(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run, bool *zero)
{
    for (;;) {
        enum blockdev_status status;
        int rc = blockdev_status(blockdev, offset, length, run, &status);
        struct blockdev_qcow2 *q = qcow2_of(blockdev);
        if (!rc && q && status == BLOCKDEV_STATUS_DATA)
            rc = look_for_hole(q, offset, run, &status);
        struct blockdev *below = q && status == BLOCKDEV_STATUS_BACKING ? q->backing : NULL;
        *zero = status == BLOCKDEV_STATUS_ZERO || (status == BLOCKDEV_STATUS_BACKING && !below) ||
                (below && offset >= below->size);
        if (rc || !below || *zero)
            return rc;
        length = *run < below->size - offset ? *run : below->size - offset;
        blockdev = below;
    }
}

bool img_path_of(const char *path, const char *name, char *full, size_t size, struct error *error)
{
    const char *slash = strrchr(path, '/');
    int folder = *name == '/' || !slash ? 0 : (int)(slash + 1 - path);
    return snprintf(full, size, "%.*s%s", folder, path, name) < (int)size ||
           error_set(error, "%s: the path is too long", name);
}

const char *img_format_of(const struct blockdev *blockdev)
{
    return blockdev->ops->name;
}

void img_print_json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static int help(void)
{
    puts("rvive-img " RVIVE_VERSION ": disk images for Rvive\n\nCommands:");
    for (size_t n = 0; n < COMMAND_COUNT; n++)
        printf("  rvive-img %s %s\n      %s\n", commands[n].name, commands[n].usage, commands[n].text);
    puts("\nFormats: raw, qcow2. Without -f, the format is found by looking into the file.\n"
         "Options of -o for qcow2: size=, backing_file=, backing_fmt=, cluster_size=, compat=0.10|1.1,\n"
         "  refcount_bits=, lazy_refcounts=on|off, compression_type=zlib|zstd, preallocation=off\n"
         "Sizes are bytes, or numbers with k, M, G, T.");
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    signal(SIGXFSZ, SIG_IGN); /* reaching a limit of the file size becomes an error of write(), EFBIG */
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        return help();
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        puts("rvive-img version " RVIVE_VERSION);
        return 0;
    }
    for (size_t n = 0; n < COMMAND_COUNT; n++) {
        if (strcmp(commands[n].name, name) != 0)
            continue;
        int status = commands[n].run(argc - 1, argv + 1);
        return fflush(stdout) ? img_failf("cannot write to the standard output") : status;
    }
    return img_failf("%s%s; --help lists the commands", *name ? "unknown command: " : "a command is missing",
                     name);
}
