/* SPDX-License-Identifier: MIT
 *
 * The 9P server, message by message: what a client may do works, what it may not do is refused, and nothing
 * leads out of the folder: no name, no symbolic link, no way up, and no directory that becomes a link
 * meanwhile. The folder lies in the current directory, because it needs extended attributes.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "devices/virtio/9p/9p.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

enum {
    TSTATFS = 8,
    TLOPEN = 12,
    TLCREATE = 14,
    TSYMLINK = 16,
    TMKNOD = 18,
    TRENAME = 20,
    TREADLINK = 22,
    TGETATTR = 24,
    TSETATTR = 26,
    TXATTRWALK = 30,
    TXATTRCREATE = 32,
    TREADDIR = 40,
    TFSYNC = 50,
    TLINK = 70,
    TMKDIR = 72,
    TRENAMEAT = 74,
    TUNLINKAT = 76,
    TVERSION = 100,
    TATTACH = 104,
    TWALK = 110,
    TREAD = 116,
    TWRITE = 118,
    TCLUNK = 120
};

static char base[] = "test-9p-XXXXXX", share[64];
static struct p9_server *server;
static uint8_t reply[65536];
static struct p9_reader in; /* the fields of the last answer */

/* Sends a message of fields: '1', '2', '4' and '8' are integers of that many bytes, 's' a string, 'n' the
 * number of bytes of a pointer that follows. Returns 0 or the error. */
static int ask(unsigned type, const char *fields, ...)
{
    static uint8_t request[65536];
    struct p9_writer out = { request, request, request + sizeof(request), false };
    va_list args;
    p9_put(&out, 4, 0);
    p9_put(&out, 1, type);
    p9_put(&out, 2, 77);
    va_start(args, fields);
    for (; *fields; fields++) {
        if (*fields == 's') {
            p9_put_string(&out, va_arg(args, const char *));
        } else if (*fields == '8') {
            p9_put(&out, 8, va_arg(args, uint64_t));
        } else if (*fields == 'n') {
            unsigned length = va_arg(args, unsigned);
            memcpy(p9_put_room(&out, length), va_arg(args, const void *), length);
        } else {
            p9_put(&out, (unsigned)(*fields - '0'), va_arg(args, unsigned));
        }
    }
    va_end(args);
    size_t length = (size_t)(out.at - request);
    out.at = request;
    p9_put(&out, 4, length);
    length = p9_server_answer(server, request, length, reply, sizeof(reply));
    in = (struct p9_reader){ reply, reply + length, false };
    ck_assert_uint_eq(p9_get(&in, 4), length);
    unsigned got = (unsigned)p9_get(&in, 1);
    ck_assert_uint_eq(p9_get(&in, 2), 77);
    if (got == 7)
        return (int)p9_get(&in, 4);
    ck_assert_uint_eq(got, type + 1);
    return 0;
}

#define OK(...)           ck_assert_int_eq(ask(__VA_ARGS__), 0)
#define FAILS(error, ...) ck_assert_int_eq(ask(__VA_ARGS__), error)
#define NO_FID            UINT32_MAX
#define WIDE(n)           ((uint64_t)(n))

static const char *at(const char *name)
{
    static char path[4][256];
    static unsigned next;
    snprintf(path[++next % 4], sizeof(path[0]), "%s/%s", base, name);
    return path[next % 4];
}

static void put_file(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void get_file(const char *name, const char *expected)
{
    char text[256];
    FILE *file = fopen(at(name), "r");
    ck_assert_msg(file, "no %s", name);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    ck_assert_str_eq(text, expected);
}

static void serve(enum p9_security security, bool read_only)
{
    struct error error = { "" };
    struct p9_server_config config = { share, security, read_only };
    server = p9_server_create(&config, &error);
    ck_assert_msg(server, "%s", error.text);
    OK(TVERSION, "4s", 8192u, "9P2000.L");
    ck_assert_uint_eq(p9_get(&in, 4), 8192);
    OK(TATTACH, "44ss4", 0u, NO_FID, "user", "", 0u);
}

static void set_up(void)
{
    strcpy(base, "test-9p-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    snprintf(share, sizeof(share), "%s/share", base);
    ck_assert_int_eq(mkdir(share, 0755), 0);
    ck_assert_int_eq(mkdir(at("share/d"), 0755), 0);
    ck_assert_int_eq(mkdir(at("outside"), 0755), 0);
    put_file("secret", "secret");
    put_file("outside/secret", "secret");
    put_file("share/a", "content of a");
    put_file("share/d/b", "content of b");
}

static void tear_down(void)
{
    char command[128];
    if (server)
        p9_server_destroy(server);
    server = NULL;
    snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", base, base);
    ck_assert_int_eq(system(command), 0);
}

/* Reads the whole file by a new fid. */
static void read_back(const char *name, const char *expected)
{
    OK(TWALK, "442s", 0u, 50u, 1u, name);
    OK(TLOPEN, "44", 50u, 0u);
    OK(TREAD, "484", 50u, WIDE(0), 4000u);
    ck_assert_uint_eq(p9_get(&in, 4), strlen(expected));
    ck_assert_mem_eq(in.at, expected, strlen(expected));
    OK(TCLUNK, "4", 50u);
}

START_TEST(files)
{
    serve(P9_SECURITY_NONE, false);
    read_back("a", "content of a");
    OK(TWALK, "442", 0u, 1u, 0u);
    OK(TLCREATE, "4s444", 1u, "new", 2u | 0200, 0640u, 0u);
    OK(TWRITE, "484n", 1u, WIDE(0), 5u, 5u, "hello");
    OK(TWRITE, "484n", 1u, WIDE(3), 4u, 4u, "p me");
    OK(TREAD, "484", 1u, WIDE(1), 100u);
    ck_assert_uint_eq(p9_get(&in, 4), 6);
    ck_assert_mem_eq(in.at, "elp me", 6);
    OK(TFSYNC, "44", 1u, 0u);
    get_file("share/new", "help me");
    struct stat stat_buffer;
    ck_assert_int_eq(stat(at("share/new"), &stat_buffer), 0);
    ck_assert_uint_eq(stat_buffer.st_mode & 07777, 0640);
    OK(TWALK, "442", 0u, 2u, 0u);
    FAILS(EEXIST, TLCREATE, "4s444", 2u, "new", 2u | 0200, 0640u, 0u);
    OK(TRENAMEAT, "4s4s", 0u, "new", 2u, "newer");
    OK(TREAD, "484", 1u, WIDE(0), 4u); /* the fid stands for the file, whatever its name is */
    OK(TLINK, "44s", 0u, 1u, "second");
    OK(TUNLINKAT, "4s4", 0u, "newer", 0u);
    read_back("second", "help me");
    OK(TSETATTR,
       "444448"
       "8888",
       1u, 8u | 1u, 0600u, 0u, 0u, WIDE(4), WIDE(0), WIDE(0), WIDE(0), WIDE(0));
    get_file("share/second", "help");
    OK(TGETATTR, "48", 1u, WIDE(0x7ff));
    p9_get(&in, 8), p9_get(&in, 1), p9_get(&in, 4), p9_get(&in, 8);
    ck_assert_uint_eq(p9_get(&in, 4), S_IFREG | 0600);
    OK(TMKDIR, "4s44", 0u, "dir", 0700u, 0u);
    FAILS(EEXIST, TMKDIR, "4s44", 0u, "dir", 0700u, 0u);
    OK(TUNLINKAT, "4s4", 0u, "dir", 0x200u);
    FAILS(ENOENT, TUNLINKAT, "4s4", 0u, "dir", 0x200u);
    OK(TSTATFS, "4", 0u);
    ck_assert_uint_eq(p9_get(&in, 4), 0x01021997);
    /* Devices and pipes are not opened on the host. */
    OK(TMKNOD, "4s4444", 0u, "pipe", S_IFIFO | 0600u, 0u, 0u, 0u);
    OK(TWALK, "442s", 0u, 3u, 1u, "pipe");
    FAILS(ENXIO, TLOPEN, "44", 3u, 0u);
}
END_TEST

START_TEST(directories)
{
    char name[64], seen[300] = { 0 };
    serve(P9_SECURITY_NONE, false);
    for (unsigned n = 0; n < 300; n++) {
        snprintf(name, sizeof(name), "share/d/a-name-of-some-length-%u", n);
        put_file(name, "");
    }
    OK(TWALK, "442s", 0u, 1u, 1u, "d");
    FAILS(EBADF, TREADDIR, "484", 1u, WIDE(0), 1000u);
    OK(TLOPEN, "44", 1u, 0200000u);
    uint64_t offset = 0;
    unsigned total = 0;
    for (;;) {
        OK(TREADDIR, "484", 1u, offset, 1000u);
        uint32_t bytes = (uint32_t)p9_get(&in, 4);
        ck_assert_uint_le(bytes, 1000);
        ck_assert_ptr_eq(in.at + bytes, in.end);
        if (!bytes)
            break;
        while (in.at < in.end) {
            unsigned number;
            p9_get_bytes(&in, 13);
            offset = p9_get(&in, 8);
            p9_get(&in, 1);
            ck_assert(p9_get_string(&in, name, sizeof(name)));
            total++;
            if (sscanf(name, "a-name-of-some-length-%u", &number) == 1)
                seen[number]++;
        }
    }
    ck_assert_uint_eq(total, 303);
    for (unsigned n = 0; n < 300; n++)
        ck_assert_int_eq(seen[n], 1);
    FAILS(EINVAL, TREADDIR, "484", 1u, WIDE(0), 10u);
    FAILS(EISDIR, TREAD, "484", 1u, WIDE(0), 10u);
}
END_TEST

START_TEST(nothing_leads_out)
{
    static const char *const names[] = { "../secret", "d/b", "/etc/passwd", ".", "", "d/../../secret", "/" };
    ck_assert_int_eq(symlink("../secret", at("share/link")), 0);
    ck_assert_int_eq(symlink("..", at("share/up")), 0);
    ck_assert_int_eq(symlink("/", at("share/slash")), 0);
    serve(P9_SECURITY_NONE, false);
    for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        FAILS(EINVAL, TWALK, "442s", 0u, 9u, 1u, names[n]);
        FAILS(EINVAL, TLCREATE, "4s444", 0u, names[n], 2u, 0600u, 0u);
        FAILS(EINVAL, TMKDIR, "4s44", 0u, names[n], 0700u, 0u);
        FAILS(EINVAL, TUNLINKAT, "4s4", 0u, names[n], 0u);
        FAILS(EINVAL, TRENAMEAT, "4s4s", 0u, "a", 0u, names[n]);
        FAILS(EINVAL, TRENAMEAT, "4s4s", 0u, names[n], 0u, "a");
        FAILS(EINVAL, TSYMLINK, "4ss4", 0u, names[n], "x", 0u);
        FAILS(EINVAL, TLINK, "44s", 0u, 0u, names[n]);
    }
    FAILS(EINVAL, TUNLINKAT, "4s4", 0u, "..", 0x200u);
    FAILS(EINVAL, TRENAMEAT, "4s4s", 0u, "a", 0u, "..");
    /* Links are not followed. */
    OK(TWALK, "442s", 0u, 1u, 1u, "link");
    OK(TREADLINK, "4", 1u);
    char target[64];
    p9_get_string(&in, target, sizeof(target));
    ck_assert_str_eq(target, "../secret");
    FAILS(ELOOP, TLOPEN, "44", 1u, 0u);
    FAILS(ELOOP, TLCREATE, "4s444", 0u, "link", 2u, 0600u, 0u);
    OK(TWALK, "442ss", 0u, 2u, 2u, "up", "secret");
    ck_assert_uint_eq(p9_get(&in, 2), 1); /* the walk ends at the link, and no fid is made */
    FAILS(EBADF, TCLUNK, "4", 2u);
    OK(TWALK, "442ss", 0u, 2u, 2u, "slash", "etc");
    ck_assert_uint_eq(p9_get(&in, 2), 1);
    FAILS(ELOOP, TSETATTR,
          "444448"
          "8888",
          1u, 8u, 0u, 0u, 0u, WIDE(0), WIDE(0), WIDE(0), WIDE(0), WIDE(0));
    /* Up, from the root and from below. */
    uint64_t root, path;
    OK(TGETATTR, "48", 0u, WIDE(0x7ff));
    p9_get(&in, 8), p9_get(&in, 1), p9_get(&in, 4);
    root = p9_get(&in, 8);
    OK(TWALK, "442sss", 0u, 3u, 3u, "d", "..", "..");
    OK(TGETATTR, "48", 3u, WIDE(0x7ff));
    p9_get(&in, 8), p9_get(&in, 1), p9_get(&in, 4);
    path = p9_get(&in, 8);
    ck_assert_uint_eq(path, root);
    /* A directory that somebody moves out of the folder has no way up any more. */
    OK(TWALK, "442s", 0u, 4u, 1u, "d");
    ck_assert_int_eq(rename(at("share/d"), at("outside/d")), 0);
    FAILS(ENOENT, TWALK, "442s", 4u, 5u, 1u, "..");
    get_file("secret", "secret");
}
END_TEST

static atomic_bool flipping;

static void *flip(void *opaque)
{
    char dir[256], link[256], aside[256];
    (void)opaque;
    strcpy(dir, at("share/x"));
    strcpy(link, at("share/x-link"));
    strcpy(aside, at("share/x-dir"));
    while (atomic_load(&flipping)) {
        rename(dir, aside);
        rename(link, dir);
        rename(dir, link);
        rename(aside, dir);
    }
    return NULL;
}

/* A name that is a directory one moment and a link to the outside the next. */
START_TEST(races)
{
    pthread_t thread;
    unsigned found = 0;
    ck_assert_int_eq(mkdir(at("share/x"), 0755), 0);
    put_file("share/x/secret", "inside");
    ck_assert_int_eq(symlink("../outside", at("share/x-link")), 0);
    serve(P9_SECURITY_NONE, false);
    atomic_store(&flipping, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, flip, NULL), 0);
    for (unsigned n = 0; n < 20000; n++) {
        if (ask(TWALK, "442ss", 0u, 1u, 2u, "x", "secret") || p9_get(&in, 2) != 2)
            continue;
        found++;
        OK(TLOPEN, "44", 1u, 2u);
        OK(TREAD, "484", 1u, WIDE(0), 100u);
        ck_assert_uint_eq(p9_get(&in, 4), 6);
        ck_assert_mem_eq(in.at, "inside", 6);
        OK(TCLUNK, "4", 1u);
    }
    atomic_store(&flipping, false);
    pthread_join(thread, NULL);
    ck_assert_uint_gt(found, 100);
    get_file("outside/secret", "secret");
}
END_TEST

START_TEST(attributes)
{
    serve(_i ? P9_SECURITY_MAPPED_XATTR : P9_SECURITY_NONE, false);
    OK(TWALK, "442s", 0u, 1u, 1u, "a");
    OK(TXATTRCREATE, "4s84", 1u, "user.colour", WIDE(5), 0u);
    OK(TWRITE, "484n", 1u, WIDE(0), 2u, 2u, "gr");
    FAILS(ENOSPC, TWRITE, "484n", 1u, WIDE(2), 4u, 4u, "eenn");
    OK(TWRITE, "484n", 1u, WIDE(2), 3u, 3u, "een");
    OK(TCLUNK, "4", 1u);
    OK(TWALK, "442s", 0u, 1u, 1u, "a");
    OK(TXATTRWALK, "44s", 1u, 2u, "user.colour");
    ck_assert_uint_eq(p9_get(&in, 8), 5);
    OK(TREAD, "484", 2u, WIDE(1), 100u);
    ck_assert_uint_eq(p9_get(&in, 4), 4);
    ck_assert_mem_eq(in.at, "reen", 4);
    OK(TREAD, "484", 2u, WIDE(9), 100u);
    ck_assert_uint_eq(p9_get(&in, 4), 0);
    OK(TCLUNK, "4", 2u);
    OK(TSETATTR,
       "444448"
       "8888",
       1u, 7u, 04711u, 1234u, 567u, WIDE(0), WIDE(0), WIDE(0), WIDE(0), WIDE(0));
    OK(TXATTRWALK, "44s", 1u, 2u, "");
    OK(TREAD, "484", 2u, WIDE(0), 1000u);
    uint32_t length = (uint32_t)p9_get(&in, 4);
    ck_assert_ptr_nonnull(memmem(in.at, length, "user.colour", 12));
    ck_assert_ptr_null(memmem(in.at, length, "virtfs", 6));
    OK(TCLUNK, "4", 2u);
    OK(TXATTRCREATE, "4s84", 1u, "user.colour", WIDE(0), 0u); /* this removes it */
    OK(TCLUNK, "4", 1u);
    OK(TWALK, "442s", 0u, 1u, 1u, "a");
    FAILS(ENODATA, TXATTRWALK, "44s", 1u, 2u, "user.colour");
    FAILS(E2BIG, TXATTRCREATE, "4s84", 1u, "user.big", WIDE(1) << 40, 0u);
    if (_i)
        FAILS(EOPNOTSUPP, TXATTRWALK, "44s", 1u, 2u, "user.virtfs.uid");
}
END_TEST

/* What the guest sees is kept in QEMU's attributes; on the host the file belongs to the user. */
START_TEST(mapped)
{
    struct stat stat_buffer;
    uint32_t value;
    serve(P9_SECURITY_MAPPED_XATTR, false);
    OK(TATTACH, "44ss4", 10u, NO_FID, "", "", 1000u);
    OK(TLCREATE, "4s444", 10u, "f", 1u, 06755u, 1001u);
    ck_assert_int_eq(stat(at("share/f"), &stat_buffer), 0);
    ck_assert_uint_eq(stat_buffer.st_mode, S_IFREG | 0600);
    ck_assert_uint_eq(stat_buffer.st_uid, getuid());
    ck_assert_int_eq(getxattr(at("share/f"), "user.virtfs.uid", &value, 4), 4);
    ck_assert_uint_eq(value, 1000);
    ck_assert_int_eq(getxattr(at("share/f"), "user.virtfs.mode", &value, 4), 4);
    ck_assert_uint_eq(value, S_IFREG | 06755);
    OK(TGETATTR, "48", 10u, WIDE(0x7ff));
    p9_get(&in, 8), p9_get_bytes(&in, 13);
    ck_assert_uint_eq(p9_get(&in, 4), S_IFREG | 06755);
    ck_assert_uint_eq(p9_get(&in, 4), 1000);
    ck_assert_uint_eq(p9_get(&in, 4), 1001);
    OK(TMKNOD, "4s4444", 0u, "dev", S_IFBLK | 0660u, 8u, 1u, 6u);
    ck_assert_int_eq(lstat(at("share/dev"), &stat_buffer), 0);
    ck_assert(S_ISREG(stat_buffer.st_mode));
    OK(TWALK, "442s", 0u, 2u, 1u, "dev");
    OK(TGETATTR, "48", 2u, WIDE(0x7ff));
    p9_get(&in, 8), p9_get_bytes(&in, 13);
    ck_assert_uint_eq(p9_get(&in, 4), S_IFBLK | 0660);
    FAILS(ENXIO, TLOPEN, "44", 2u, 2u);
    OK(TSYMLINK, "4ss4", 0u, "sym", "/etc/passwd", 0u);
    ck_assert_uint_eq(p9_get(&in, 1), 2);
    ck_assert_int_eq(lstat(at("share/sym"), &stat_buffer), 0);
    ck_assert(S_ISREG(stat_buffer.st_mode));
    OK(TWALK, "442s", 0u, 3u, 1u, "sym");
    OK(TREADLINK, "4", 3u);
    char target[64];
    p9_get_string(&in, target, sizeof(target));
    ck_assert_str_eq(target, "/etc/passwd");
    FAILS(ELOOP, TLOPEN, "44", 3u, 0u);
}
END_TEST

START_TEST(read_only)
{
    serve(P9_SECURITY_NONE, true);
    read_back("a", "content of a");
    OK(TWALK, "442s", 0u, 1u, 1u, "a");
    FAILS(EROFS, TLOPEN, "44", 1u, 1u);
    FAILS(EROFS, TLOPEN, "44", 1u, 2u);
    FAILS(EROFS, TLOPEN, "44", 1u, 01000u);
    FAILS(EROFS, TLCREATE, "4s444", 0u, "n", 2u, 0600u, 0u);
    FAILS(EROFS, TMKDIR, "4s44", 0u, "n", 0700u, 0u);
    FAILS(EROFS, TMKNOD, "4s4444", 0u, "n", S_IFREG | 0600u, 0u, 0u, 0u);
    FAILS(EROFS, TSYMLINK, "4ss4", 0u, "n", "t", 0u);
    FAILS(EROFS, TLINK, "44s", 0u, 1u, "n");
    FAILS(EROFS, TRENAMEAT, "4s4s", 0u, "a", 0u, "n");
    FAILS(EROFS, TUNLINKAT, "4s4", 0u, "a", 0u);
    FAILS(EROFS, TSETATTR,
          "444448"
          "8888",
          1u, 1u, 0u, 0u, 0u, WIDE(0), WIDE(0), WIDE(0), WIDE(0), WIDE(0));
    FAILS(EROFS, TXATTRCREATE, "4s84", 1u, "user.x", WIDE(1), 0u);
    get_file("share/a", "content of a");
}
END_TEST

START_TEST(bad_messages)
{
    serve(P9_SECURITY_NONE, false);
    FAILS(EBADF, TATTACH, "44ss4", 0u, NO_FID, "", "", 0u); /* the fid is in use */
    FAILS(EBADF, TATTACH, "44ss4", NO_FID, NO_FID, "", "", 0u);
    FAILS(EBADF, TATTACH, "44ss4", 1u, 0u, "", "", 0u);
    FAILS(EBADF, TWALK, "442", 99u, 1u, 0u);
    FAILS(EBADF, TWALK, "442s", 0u, NO_FID, 1u, "a");
    FAILS(EINVAL, TWALK, "442", 0u, 1u, 17u);
    FAILS(EINVAL, TWALK, "442", 0u, 1u, 2u); /* names that are missing from the message */
    FAILS(ENOENT, TWALK, "442s", 0u, 1u, 1u, "nothing");
    FAILS(EBADF, TREAD, "484", 0u, WIDE(0), 10u);
    FAILS(EINVAL, TREAD, "48", 0u, WIDE(0));
    OK(TWALK, "442s", 0u, 1u, 1u, "a");
    FAILS(EBADF, TWRITE, "484n", 1u, WIDE(0), 1u, 1u, "x");
    OK(TLOPEN, "44", 1u, 0u);
    FAILS(EBADF, TLOPEN, "44", 1u, 0u);
    FAILS(EBADF, TWRITE, "484n", 1u, WIDE(0), 1u, 1u, "x");
    FAILS(EINVAL, TWRITE, "484n", 1u, WIDE(0), 1000u, 1u, "x");
    FAILS(EINVAL, TREAD, "484", 1u, UINT64_MAX, 10u);
    OK(TREAD, "484", 1u, WIDE(0), UINT32_MAX);
    ck_assert_uint_eq(p9_get(&in, 4), 12);
    FAILS(EOPNOTSUPP, TRENAME, "44s", 1u, 0u, "x");
    FAILS(EOPNOTSUPP, 255, "");
    FAILS(EOPNOTSUPP, 102, "4ss4", 0u, "", "", 0u);
    /* Sizes that do not agree. */
    static const uint8_t shorter[] = { 3, 0, 0, 0, TCLUNK, 0, 0 }, longer[] = { 99, 0, 0, 0, TCLUNK, 0, 0 };
    ck_assert_uint_eq(p9_server_answer(server, shorter, 7, reply, 11), 11);
    ck_assert_uint_eq(reply[7], EINVAL);
    ck_assert_uint_eq(p9_server_answer(server, longer, 7, reply, 11), 11);
    ck_assert_uint_eq(reply[7], EINVAL);
    /* An answer that does not fit. */
    static const uint8_t getattr[] = { 19, 0, 0, 0, TGETATTR, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    ck_assert_uint_eq(p9_server_answer(server, getattr, 19, reply, 40), 11);
    ck_assert_uint_eq(reply[7], EMSGSIZE);
    OK(TVERSION, "4s", 1u << 30, "9P2000.u");
    ck_assert_uint_eq(p9_get(&in, 4), P9_MSIZE_MAX);
    FAILS(EBADF, TCLUNK, "4", 1u); /* a new session */
    FAILS(EINVAL, TVERSION, "4s", 100u, "9P2000.L");
}
END_TEST

START_TEST(state)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    serve(P9_SECURITY_NONE, false);
    OK(TWALK, "442ss", 0u, 1u, 2u, "d", "b");
    OK(TLOPEN, "44", 1u, 2u);
    OK(TWALK, "442s", 0u, 2u, 1u, "a");
    OK(TWALK, "442s", 0u, 3u, 1u, "d");
    OK(TLOPEN, "44", 3u, 0u);
    state_writer_init(&writer);
    state_section(&writer, "virtio-9p", 1);
    p9_server_save(server, &writer);
    p9_server_destroy(server);
    ck_assert_int_eq(unlink(at("share/a")), 0);
    serve(P9_SECURITY_NONE, false);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_uint_eq(state_open(&reader, "virtio-9p", 1), 1);
    p9_server_load(server, &reader);
    ck_assert_msg(!reader.failed, "%s", error.text);
    OK(TREAD, "484", 1u, WIDE(0), 100u);
    ck_assert_uint_eq(p9_get(&in, 4), 12);
    OK(TWRITE, "484n", 1u, WIDE(0), 1u, 1u, "C");
    get_file("share/d/b", "Content of b");
    FAILS(ESTALE, TLOPEN, "44", 2u, 0u);
    OK(TCLUNK, "4", 2u);
    OK(TREADDIR, "484", 3u, WIDE(0), 1000u);
    OK(TGETATTR, "48", 0u, WIDE(0x7ff));
    state_writer_destroy(&writer);
}
END_TEST

/* The whole device: a message through a queue, in buffers that are cut anywhere. */
START_TEST(device)
{
    static struct guest guest;
    struct ring ring;
    struct error error = { "" };
    struct virtio_9p_config config = { { share, P9_SECURITY_NONE, false }, "the-tag" };
    struct virtio_device *vdev = virtio_9p_create(&config, &error);
    ck_assert_msg(vdev, "%s", error.text);
    guest_init(&guest, _i);
    guest_plug(&guest, vdev);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 9);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG, 2), 7);
    ck_assert_uint_eq(guest.slot->ops->read(guest.slot, REG_CONFIG + 2, 1), 't');
    guest_negotiate(&guest, 1);
    guest_ring(&guest, &ring, 0, 8, GUEST_RAM_BASE + 0x10000);
    guest_driver_ok(&guest);
    static const uint8_t version[] = { 21, 0, 0,   0,   TVERSION, 0xff, 0xff, 0,   0,   1,  0,
                                       8,  0, '9', 'P', '2',      '0',  '0',  '0', '.', 'L' };
    uint8_t *data = guest_host(&guest, GUEST_RAM_BASE + 0x20000);
    memcpy(data, version, sizeof(version));
    ring_desc(&ring, 0, GUEST_RAM_BASE + 0x20000, 5, DESC_NEXT, 1);
    ring_desc(&ring, 1, GUEST_RAM_BASE + 0x20005, 16, DESC_NEXT, 2);
    ring_desc(&ring, 2, GUEST_RAM_BASE + 0x21000, 3, DESC_NEXT | DESC_WRITE, 3);
    ring_desc(&ring, 3, GUEST_RAM_BASE + 0x21003, 100, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    uint32_t written;
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_eq(written, 21);
    ck_assert_uint_eq(data[0x1004], TVERSION + 1);
    ck_assert_mem_eq(data + 0x1005, version + 5, 16);
    /* Too short to be a message. */
    ring_desc(&ring, 0, GUEST_RAM_BASE + 0x20000, 5, DESC_NEXT, 2);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    guest_settle(&guest);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, _i ? 0 : VIRTIO_NEEDS_RESET);
    guest_destroy(&guest);
    config.tag = "a-tag-that-is-longer-than-is-allowed";
    ck_assert_ptr_null(virtio_9p_create(&config, &error));
    ck_assert_msg(strstr(error.text, "mount_tag"), "%s", error.text);
    config.tag = "t";
    config.folder.path = "/nonexistent";
    ck_assert_ptr_null(virtio_9p_create(&config, &error));
    ck_assert_msg(strstr(error.text, "/nonexistent"), "%s", error.text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio-9p");
    TCase *tcase = tcase_create("9p");
    umask(022);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, files);
    tcase_add_test(tcase, directories);
    tcase_add_test(tcase, nothing_leads_out);
    tcase_add_test(tcase, races);
    tcase_add_loop_test(tcase, attributes, 0, 2);
    tcase_add_test(tcase, mapped);
    tcase_add_test(tcase, read_only);
    tcase_add_test(tcase, bad_messages);
    tcase_add_test(tcase, state);
    tcase_add_loop_test(tcase, device, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
