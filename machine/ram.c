/* SPDX-License-Identifier: MIT
 *
 * See ram.h. A file is mapped over the memory that the bus has, whose address stays what it is; the bus takes
 * all of it away at the end. So nobody else sees the difference.
 */
#include "machine/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_SIZE 4096u

/* A file without a name, in a folder (of huge pages, for example) or in the host's memory; or the one that is
 * named, as long as it has to be. -1: errno. */
static int open_memory(const struct machine_memory *memory)
{
    struct stat status;
    uint64_t end = memory->offset + memory->size;
    int fd;
    if (memory->memfd)
        fd = memfd_create("rvive-ram", MFD_CLOEXEC);
    else if (stat(memory->path, &status) == 0 && S_ISDIR(status.st_mode))
        fd = open(memory->path, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
    else
        fd = open(memory->path, (memory->read_only_file ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0 &&
        (!S_ISREG(status.st_mode) || (uint64_t)status.st_size >= end || ftruncate(fd, (off_t)end) == 0))
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool map_file(const struct machine_memory *memory, uint8_t *at, struct error *error)
{
    const char *name = memory->path ? memory->path : "memfd";
    int flags = MAP_FIXED | (memory->shared || memory->memfd ? MAP_SHARED : MAP_PRIVATE);
    int fd = open_memory(memory);
    if (fd < 0)
        return error_set(error, "the guest's memory in %s: %s", name, strerror(errno));
    void *map = mmap(at, memory->size, PROT_READ | PROT_WRITE, flags, fd, (off_t)memory->offset);
    int saved = errno;
    close(fd);
    return map != MAP_FAILED ||
           error_set(error, "the guest's memory in %s cannot be mapped: %s", name, strerror(saved));
}

/* The host's page by page, where the kernel cannot do it at once. */
static bool take_all(uint8_t *at, uint64_t size, struct error *error)
{
    if (madvise(at, size, MADV_POPULATE_WRITE) == 0)
        return true;
    if (errno != EINVAL)
        return error_set(error, "-mem-prealloc: the host has no %" PRIu64 " MiB of memory: %s", size >> 20,
                         strerror(errno));
    for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE)
        *(volatile uint8_t *)(at + offset) = at[offset];
    return true;
}

bool ram_is_replaced(const struct machine_config *config)
{
    for (unsigned n = 0; n < config->memory_count; n++)
        if (config->memory[n].path || config->memory[n].memfd)
            return true;
    return false;
}

static bool prepare(const struct machine_memory *memory, uint8_t *at, struct error *error)
{
    if ((memory->path || memory->memfd) && !map_file(memory, at, error))
        return false;
    if (memory->undumped)
        madvise(at, memory->size, MADV_DONTDUMP);
    if (memory->merge)
        madvise(at, memory->size, MADV_MERGEABLE); /* a kernel without KSM keeps them apart */
    return !memory->prealloc || take_all(at, memory->size, error);
}

bool ram_prepare(const struct machine_config *config, uint8_t *ram, struct error *error)
{
    uint64_t done = 0;
    for (unsigned n = 0; n < config->memory_count; n++) {
        if (!prepare(&config->memory[n], ram + done, error))
            return false;
        done += config->memory[n].size;
    }
    return true;
}

uint8_t *ram_map(const struct machine_memory *memory, struct error *error)
{
    void *at = mmap(NULL, memory->size, PROT_READ | PROT_WRITE,
                    MAP_ANONYMOUS | MAP_NORESERVE | (memory->shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
    if (at == MAP_FAILED) {
        error_set(error, "the host has no %" PRIu64 " MiB of memory to share: %s", memory->size >> 20,
                  strerror(errno));
        return NULL;
    }
    if (prepare(memory, at, error))
        return at;
    munmap(at, memory->size);
    return NULL;
}

void ram_drop_copies(const struct machine_config *config, uint8_t *ram)
{
    uint64_t done = 0;
    for (unsigned n = 0; n < config->memory_count; n++) {
        const struct machine_memory *memory = &config->memory[n];
        if (memory->path && !memory->memfd && !memory->shared)
            madvise(ram + done, memory->size, MADV_DONTNEED); /* if this fails, more is copied, no more */
        done += memory->size;
    }
}

bool ram_is_file(const struct machine_config *config, bool shared)
{
    for (unsigned n = 0; n < config->memory_count; n++) {
        const struct machine_memory *memory = &config->memory[n];
        if (!memory->path || memory->memfd || memory->shared != shared)
            return false;
    }
    return config->memory_count > 0;
}
