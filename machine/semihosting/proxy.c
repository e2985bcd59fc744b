/* SPDX-License-Identifier: MIT
 *
 * System calls of HTIF programs; see proxy.h. The table `calls` has a row for each. A guest's buffer is used
 * where it is, if all of it is RAM.
 */
#include "machine/semihosting/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/internal.h"
#include "machine/semihosting/guest_folder.h"
#include "util/check.h"
#include "util/log.h"

#define FIRST_FD 3
#define FILES    64
#define PIECE    (UINT64_C(64) << 10) /* bytes of a file moved at a time */
#define WHO      "htif"
#define ARGS_MAX 65536u /* bytes of getmainvars */

struct proxy {
    struct machine *machine;
    struct dma *dma;
    int root; /* the folder; -1: none */
    pthread_mutex_t lock;
    int files[FILES]; /* number n is the guest's n + FIRST_FD; -1: free */
};

typedef int64_t proxy_fn(struct proxy *proxy, const uint64_t args[7]);

/* ---- Descriptors and names ----------------------------------------------------------------------------- */

static bool is_console(uint64_t fd)
{
    return fd < FIRST_FD;
}

/* The host's descriptor; -EBADF. The console has none here. */
static int host_fd(const struct proxy *proxy, uint64_t fd)
{
    return fd >= FIRST_FD && fd < FIRST_FD + FILES && proxy->files[fd - FIRST_FD] >= 0
               ? proxy->files[fd - FIRST_FD]
               : -EBADF;
}

static int64_t result_of(int64_t host)
{
    return host < 0 ? -errno : host;
}

/* A name of `length` bytes with its NUL. Only names from the folder on are known: no folder can be opened. */
static int get_name(const struct proxy *proxy, uint64_t dir, uint64_t addr, uint64_t length,
                    char name[GUEST_FOLDER_NAME])
{
    if (length == 0 || length > GUEST_FOLDER_NAME)
        return length ? -ENAMETOOLONG : -EINVAL;
    if (!dma_read(proxy->dma, addr, name, length))
        return -EFAULT;
    if (name[length - 1] || strlen(name) != length - 1)
        return -EINVAL;
    return (int32_t)dir == AT_FDCWD || name[0] == '/' ? 0 : -EBADF;
}

/* Opens the folder that a name lies in, for *at() calls. */
static int get_parent(const struct proxy *proxy, uint64_t dir, uint64_t addr, uint64_t length,
                      char last[GUEST_FOLDER_NAME])
{
    char name[GUEST_FOLDER_NAME];
    int status = get_name(proxy, dir, addr, length, name);
    return status ? status : guest_folder_open_parent(proxy->root, WHO, name, last);
}

static int64_t open_name(struct proxy *proxy, const char *name, uint64_t guest_flags, uint64_t mode)
{
    /* RISC-V's numbers of these are x86's. */
    const uint64_t known =
        O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NOFOLLOW | O_DIRECTORY | O_SYNC;
    int flags = (int)(guest_flags & known);
    for (unsigned i = 0; i < FILES; i++) {
        if (proxy->files[i] >= 0)
            continue;
        int fd = guest_folder_open_file(proxy->root, WHO, name, flags, (mode_t)(mode & 0777));
        if (fd < 0)
            return fd;
        proxy->files[i] = fd;
        return i + FIRST_FD;
    }
    return -EMFILE;
}

static int64_t do_openat(struct proxy *proxy, const uint64_t args[7])
{
    char name[GUEST_FOLDER_NAME];
    int status = get_name(proxy, args[0], args[1], args[2], name);
    return status ? status : open_name(proxy, name, args[3], args[4]);
}

static int64_t do_open(struct proxy *proxy, const uint64_t args[7])
{
    const uint64_t at[7] = { (uint64_t)AT_FDCWD, args[0], args[1], args[2], args[3] };
    return do_openat(proxy, at);
}

static int64_t do_close(struct proxy *proxy, const uint64_t args[7])
{
    int fd = host_fd(proxy, args[0]);
    if (is_console(args[0]))
        return 0; /* it stays */
    if (fd < 0)
        return fd;
    close(fd);
    proxy->files[args[0] - FIRST_FD] = -1;
    return 0;
}

/* ---- Bytes --------------------------------------------------------------------------------------------- */

/* Moves bytes piece by piece; `at`: from there, not from the file's position, if `seeks`. */
static int64_t transfer(struct proxy *proxy, const uint64_t args[7], bool write_it, bool seeks)
{
    int fd = host_fd(proxy, args[0]);
    if (is_console(args[0]))
        return seeks ? -ESPIPE : -EBADF;
    if (fd < 0)
        return fd;
    uint8_t *bytes = proxy->dma->ops->map(proxy->dma, args[1], args[2], !write_it);
    if (!bytes)
        return -EFAULT;
    if (seeks && (args[3] > INT64_MAX || args[2] > INT64_MAX - args[3]))
        return -EINVAL;
    uint64_t done = 0;
    ssize_t n = 0;
    while (done < args[2]) {
        size_t part = (size_t)(args[2] - done < PIECE ? args[2] - done : PIECE);
        off_t at = (off_t)(args[3] + done);
        if (write_it)
            n = seeks ? pwrite(fd, bytes + done, part, at) : write(fd, bytes + done, part);
        else
            n = seeks ? pread(fd, bytes + done, part, at) : read(fd, bytes + done, part);
        if (n <= 0)
            break;
        done += (uint64_t)n;
    }
    if (n < 0 && !done)
        return -errno;
    if (!write_it)
        proxy->dma->ops->written(proxy->dma, args[1], done);
    return (int64_t)done;
}

static int64_t do_read(struct proxy *proxy, const uint64_t args[7])
{
    return transfer(proxy, args, false, false);
}

static int64_t do_write(struct proxy *proxy, const uint64_t args[7])
{
    return transfer(proxy, args, true, false);
}

static int64_t do_pread(struct proxy *proxy, const uint64_t args[7])
{
    return transfer(proxy, args, false, true);
}

static int64_t do_pwrite(struct proxy *proxy, const uint64_t args[7])
{
    return transfer(proxy, args, true, true);
}

static int64_t do_lseek(struct proxy *proxy, const uint64_t args[7])
{
    int fd = host_fd(proxy, args[0]);
    if (is_console(args[0]))
        return -ESPIPE;
    if (fd < 0 || args[2] > SEEK_END)
        return fd < 0 ? fd : -EINVAL;
    return result_of(lseek(fd, (off_t)args[1], (int)args[2]));
}

static int64_t do_ftruncate(struct proxy *proxy, const uint64_t args[7])
{
    int fd = host_fd(proxy, args[0]);
    if (is_console(args[0]) || args[1] > INT64_MAX)
        return -EINVAL;
    if (fd < 0)
        return fd;
    return result_of(ftruncate(fd, (off_t)args[1]));
}

/* ---- What files are ------------------------------------------------------------------------------------ */

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* struct stat of Linux for RISC-V, 64 bits (uapi/asm-generic/stat.h), which RV32 programs of pk use, too. */
static int64_t put_stat(const struct proxy *proxy, uint64_t addr, const struct stat *from)
{
    uint8_t bytes[128] = { 0 };
    put(bytes, from->st_dev, 8);
    put(bytes + 8, from->st_ino, 8);
    put(bytes + 16, from->st_mode, 4);
    put(bytes + 20, from->st_nlink, 4);
    put(bytes + 24, from->st_uid, 4);
    put(bytes + 28, from->st_gid, 4);
    put(bytes + 32, from->st_rdev, 8);
    put(bytes + 48, (uint64_t)from->st_size, 8);
    put(bytes + 56, (uint64_t)from->st_blksize, 4);
    put(bytes + 64, (uint64_t)from->st_blocks, 8);
    put(bytes + 72, (uint64_t)from->st_atim.tv_sec, 8);
    put(bytes + 80, (uint64_t)from->st_atim.tv_nsec, 8);
    put(bytes + 88, (uint64_t)from->st_mtim.tv_sec, 8);
    put(bytes + 96, (uint64_t)from->st_mtim.tv_nsec, 8);
    put(bytes + 104, (uint64_t)from->st_ctim.tv_sec, 8);
    put(bytes + 112, (uint64_t)from->st_ctim.tv_nsec, 8);
    return dma_write(proxy->dma, addr, bytes, sizeof(bytes)) ? 0 : -EFAULT;
}

static int64_t do_fstat(struct proxy *proxy, const uint64_t args[7])
{
    struct stat status = { .st_mode = S_IFCHR | 0620, .st_nlink = 1, .st_blksize = 1024 };
    int fd = host_fd(proxy, args[0]);
    if (is_console(args[0]))
        return put_stat(proxy, args[1], &status);
    if (fd < 0)
        return fd;
    return fstat(fd, &status) ? -errno : put_stat(proxy, args[1], &status);
}

/* What a name leads to: O_PATH needs no right to read. */
static int64_t stat_name(const struct proxy *proxy, const char *name, bool follow, uint64_t addr)
{
    struct stat status;
    int fd = guest_folder_open_below(proxy->root, WHO, name, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
    if (fd < 0)
        return fd;
    int64_t result = fstat(fd, &status) ? -errno : 0;
    close(fd);
    return result ? result : put_stat(proxy, addr, &status);
}

static int64_t do_fstatat(struct proxy *proxy, const uint64_t args[7])
{
    char name[GUEST_FOLDER_NAME];
    int status = get_name(proxy, args[0], args[1], args[2], name);
    return status ? status : stat_name(proxy, name, !(args[4] & AT_SYMLINK_NOFOLLOW), args[3]);
}

static int64_t do_lstat(struct proxy *proxy, const uint64_t args[7])
{
    char name[GUEST_FOLDER_NAME];
    int status = get_name(proxy, (uint64_t)AT_FDCWD, args[0], args[1], name);
    return status ? status : stat_name(proxy, name, false, args[2]);
}

static int64_t do_faccessat(struct proxy *proxy, const uint64_t args[7])
{
    char name[GUEST_FOLDER_NAME];
    struct stat status;
    int error = get_name(proxy, args[0], args[1], args[2], name);
    int fd = error ? error : guest_folder_open_below(proxy->root, WHO, name, O_PATH, 0);
    if (fd < 0)
        return fd;
    int64_t result = fstat(fd, &status) ? -errno : 0;
    close(fd);
    unsigned wanted = (unsigned)(args[3] & 7);
    /* The guest's programs have the rights of the user who owns the files. */
    return result ? result : (status.st_mode >> 6 & wanted) == wanted ? 0 : -EACCES;
}

/* ---- Folders and names --------------------------------------------------------------------------------- */

static int64_t do_mkdirat(struct proxy *proxy, const uint64_t args[7])
{
    char last[GUEST_FOLDER_NAME];
    int folder = get_parent(proxy, args[0], args[1], args[2], last);
    if (folder < 0)
        return folder;
    int64_t result = result_of(mkdirat(folder, last, (mode_t)(args[3] & 0777)));
    close(folder);
    return result;
}

static int64_t do_unlinkat(struct proxy *proxy, const uint64_t args[7])
{
    char last[GUEST_FOLDER_NAME];
    int folder = get_parent(proxy, args[0], args[1], args[2], last);
    if (folder < 0)
        return folder;
    int64_t result = result_of(unlinkat(folder, last, args[3] & AT_REMOVEDIR ? AT_REMOVEDIR : 0));
    close(folder);
    return result;
}

/* rename() or link() from one name to another. */
static int64_t two_names(struct proxy *proxy, const uint64_t args[7], bool link_it)
{
    char from[GUEST_FOLDER_NAME], to[GUEST_FOLDER_NAME];
    int from_folder = get_parent(proxy, args[0], args[1], args[2], from);
    if (from_folder < 0)
        return from_folder;
    int to_folder = get_parent(proxy, args[3], args[4], args[5], to);
    int64_t result = to_folder;
    if (to_folder >= 0) {
        result = result_of(link_it ? linkat(from_folder, from, to_folder, to, 0)
                                   : renameat(from_folder, from, to_folder, to));
        close(to_folder);
    }
    close(from_folder);
    return result;
}

static int64_t do_renameat(struct proxy *proxy, const uint64_t args[7])
{
    return two_names(proxy, args, false);
}

static int64_t do_renameat2(struct proxy *proxy, const uint64_t args[7])
{
    return args[6] ? -EINVAL : two_names(proxy, args, false);
}

static int64_t do_linkat(struct proxy *proxy, const uint64_t args[7])
{
    return two_names(proxy, args, true);
}

/* The folder is the guest's root. */
static int64_t do_getcwd(struct proxy *proxy, const uint64_t args[7])
{
    if (args[1] < 2)
        return -ERANGE;
    return dma_write(proxy->dma, args[0], "/", 2) ? 2 : -EFAULT;
}

/* ---- The program's arguments --------------------------------------------------------------------------- */

/* The arguments one after the other, each with its NUL: arg=, or the kernel and the words of -append. Returns
 * their number; 0: there are more than fit. */
static unsigned arguments(const struct machine_config *config, char *text, size_t size, size_t *length)
{
    const struct semihosting_config *semihosting = &config->semihosting;
    const char *append = config->append ? config->append : "";
    unsigned count = 0;
    size_t used = 0;
    for (; count < semihosting->arg_count && used < size; count++)
        used += (size_t)snprintf(text + used, size - used, "%s", semihosting->args[count]) + 1;
    if (!count) {
        const char *kernel = config->kernel ? config->kernel : config->bios ? config->bios : "";
        used = (size_t)snprintf(text, size, "%s", kernel) + 1;
        count = 1;
        while (used < size && *(append += strspn(append, " "))) {
            size_t word = strcspn(append, " ");
            used += (size_t)snprintf(text + used, size - used, "%.*s", (int)word, append) + 1;
            append += word;
            count++;
        }
    }
    *length = used;
    return used <= size ? count : 0;
}

/* argc, pointers to the arguments, 0, the end of an empty environment, and then the strings. */
static int64_t do_getmainvars(struct proxy *proxy, const uint64_t args[7])
{
    static const unsigned ends = 2;
    char text[GUEST_FOLDER_NAME];
    uint8_t *bytes = calloc(1, ARGS_MAX);
    size_t length;
    unsigned count = arguments(&proxy->machine->config, text, sizeof(text), &length);
    size_t words = 1 + count + ends, all = words * 8 + (count ? length : 0);
    int64_t result = count && all <= ARGS_MAX && all <= args[1] ? 0 : -ENOMEM;
    if (!bytes)
        return -ENOMEM;
    if (result == 0) {
        const char *next = text;
        put(bytes, count, 8);
        for (unsigned i = 0; i < count; next += strlen(next) + 1, i++)
            put(bytes + 8 * (i + 1), args[0] + words * 8 + (uint64_t)(next - text), 8);
        memcpy(bytes + words * 8, text, length);
        result = dma_write(proxy->dma, args[0], bytes, all) ? 0 : -EFAULT;
    }
    free(bytes);
    return result;
}

/* ---- The call ------------------------------------------------------------------------------------------ */

/* call == NULL: known by name, and not there. */
static const struct {
    unsigned number;
    const char *name;
    proxy_fn *call;
} calls[] = {
    { 17, "getcwd", do_getcwd },
    { 25, "fcntl", NULL },
    { 34, "mkdirat", do_mkdirat },
    { 35, "unlinkat", do_unlinkat },
    { 37, "linkat", do_linkat },
    { 38, "renameat", do_renameat },
    { 46, "ftruncate", do_ftruncate },
    { 48, "faccessat", do_faccessat },
    { 49, "chdir", NULL },
    { 56, "openat", do_openat },
    { 57, "close", do_close },
    { 62, "lseek", do_lseek },
    { 63, "read", do_read },
    { 64, "write", do_write },
    { 67, "pread", do_pread },
    { 68, "pwrite", do_pwrite },
    { 79, "fstatat", do_fstatat },
    { 80, "fstat", do_fstat },
    { 276, "renameat2", do_renameat2 },
    { 291, "statx", NULL },
    { 1024, "open", do_open },
    { 1039, "lstat", do_lstat },
    { 2011, "getmainvars", do_getmainvars },
};

int64_t proxy_call(void *opaque, const uint64_t words[PROXY_WORDS])
{
    struct proxy *proxy = opaque;
    const char *name = "that is unknown";
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (calls[i].number != words[0])
            continue;
        name = calls[i].name;
        if (!calls[i].call)
            break;
        pthread_mutex_lock(&proxy->lock);
        int64_t result = calls[i].call(proxy, words + 1);
        pthread_mutex_unlock(&proxy->lock);
        return result;
    }
    LOG_UNIMP("htif: system call %" PRIu64 " (%s) is not implemented", words[0], name);
    return -ENOSYS;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

struct proxy *proxy_create(struct machine *machine, struct error *error)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    if (!proxy) {
        error_set(error, "out of memory for the frontend server");
        return NULL;
    }
    proxy->machine = machine;
    proxy->dma = bus_for_devices(machine->bus);
    for (unsigned i = 0; i < FILES; i++)
        proxy->files[i] = -1;
    pthread_mutex_init(&proxy->lock, NULL);
    if (guest_folder_open(machine->config.semihosting.path, &proxy->root, error))
        return proxy;
    proxy_destroy(proxy);
    return NULL;
}

void proxy_reset(struct proxy *proxy)
{
    if (!proxy)
        return;
    pthread_mutex_lock(&proxy->lock);
    for (unsigned i = 0; i < FILES; i++) {
        if (proxy->files[i] >= 0)
            close(proxy->files[i]);
        proxy->files[i] = -1;
    }
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_destroy(struct proxy *proxy)
{
    if (!proxy)
        return;
    proxy_reset(proxy);
    if (proxy->root >= 0)
        close(proxy->root);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}
