/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: messages for the 9P server of a shared folder, as a hostile guest would send them. The
 * input is a sequence of messages; each begins with its type and a length, and the rest of its bytes are its
 * fields, so that most of them are understood. The folder is new for each input. Beside it lies a file
 * outside the folder, which must not change, and whose name and content must never be in an answer.
 *
 *   byte 0     bit 0: mapped-xattr, bit 1: read-only
 *   messages   type, length (one byte), fields
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/virtio/9p/server.h"

#define SECRET      "the-secret-outside"
#define MESSAGES    64u
#define ANSWER_ROOM 8192u

static char base[64], share[96], secret[96];

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    abort();
}

/* Empties a directory, after changing its permissions if it cannot be opened. */
static void empty(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0)) {
            empty(fd, entry->d_name);
            unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        }
    }
    if (dir)
        closedir(dir);
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail(path);
    close(fd);
}

static void remove_base(void)
{
    empty(AT_FDCWD, base);
    rmdir(base);
}

static void make_share(void)
{
    char path[160];
    if (!*base) {
        snprintf(base, sizeof(base), "%s/rvive-fuzz-9p-XXXXXX",
                 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        if (!mkdtemp(base))
            fail(base);
        atexit(remove_base);
        snprintf(share, sizeof(share), "%s/share", base);
        snprintf(secret, sizeof(secret), "%s/secret", base);
        put_file(secret, SECRET);
    }
    empty(AT_FDCWD, share);
    chmod(share, 0755);
    if (mkdir(share, 0755) && errno != EEXIST)
        fail(share);
    snprintf(path, sizeof(path), "%s/a", share);
    put_file(path, "content");
    snprintf(path, sizeof(path), "%s/d", share);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/l", share);
    if (symlink("../secret", path))
        fail(path);
    snprintf(path, sizeof(path), "%s/up", share);
    if (symlink("..", path))
        fail(path);
}

static void check_outside(const uint8_t *answer, size_t length)
{
    char text[64] = "";
    int fd = open(secret, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text)) != (ssize_t)strlen(SECRET) || strcmp(text, SECRET) != 0)
        fail("the file outside changed");
    close(fd);
    if (memmem(answer, length, SECRET, strlen(SECRET)))
        fail("the file outside was read");
}

static void send_message(struct p9_server *server, uint8_t type, const uint8_t *fields, size_t length)
{
    uint8_t *request = malloc(P9_HEADER + length), *answer = malloc(ANSWER_ROOM);
    size_t size = P9_HEADER + length;
    memset(request, 0, P9_HEADER);
    request[0] = (uint8_t)size, request[1] = (uint8_t)(size >> 8);
    request[4] = type;
    if (length)
        memcpy(request + P9_HEADER, fields, length);
    /* Answers have odd types, and an odd request gets none. */
    size_t room = type & 1 ? P9_HEADER + 4 : ANSWER_ROOM;
    size_t got = p9_server_answer(server, request, size, answer, room);
    if (got < P9_HEADER || got > room || (answer[0] | answer[1] << 8) != (int)got)
        fail("an answer of a wrong length");
    check_outside(answer, got);
    free(request);
    free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The fuzzer learns the text that answers are compared with; a message with that text gets it back (as a
     * lock's owner), so such inputs are ignored. */
    if (memmem(data, size, SECRET, strlen(SECRET)))
        return 0;
    static const uint8_t version[] = { 0, 0x20, 0, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L' };
    static const uint8_t attach[] = { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t walk[] = { 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 'a' };
    struct error error;
    if (!size)
        return 0;
    make_share();
    struct p9_server_config config = { .path = share,
                                       .security = data[0] & 1 ? P9_SECURITY_MAPPED_XATTR : P9_SECURITY_NONE,
                                       .read_only = data[0] & 2 };
    struct p9_server *server = p9_server_create(&config, &error);
    if (!server && data[0] & 1)
        return 0; /* the file system has no extended attributes */
    if (!server)
        fail(error.text);
    send_message(server, 100, version, sizeof(version));
    send_message(server, 104, attach, sizeof(attach)); /* fid 0 is the root, fid 1 the file a */
    send_message(server, 110, walk, sizeof(walk));
    data++, size--;
    for (unsigned n = 0; n < MESSAGES && size >= 2; n++) {
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        send_message(server, data[0], data + 2, length);
        data += 2 + length;
        size -= 2 + length;
    }
    p9_server_destroy(server);
    return 0;
}
