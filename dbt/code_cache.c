/* SPDX-License-Identifier: MIT
 *
 * Memory for translated code; see code_cache.h.
 */
#include "dbt/code_cache.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool code_cache_init(struct code_cache *cache, struct error *error)
{
    *cache = (struct code_cache){ 0 };
    int fd = memfd_create("rvive-code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, CODE_CACHE_SIZE) < 0) {
        error_set(error, "cannot make memory for translated code: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    void *write = mmap(NULL, CODE_CACHE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *run = mmap(NULL, CODE_CACHE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    void *data = mmap(NULL, CODE_DATA_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    close(fd);
    cache->write = write == MAP_FAILED ? NULL : write;
    cache->data = data == MAP_FAILED ? NULL : data;
    cache->run = run == MAP_FAILED ? 0 : (uint8_t *)run - (uint8_t *)write;
    if (write == MAP_FAILED || run == MAP_FAILED || data == MAP_FAILED)
        return error_set(error, "cannot map memory for translated code: %s; -accel interp does without",
                         strerror(errno));
    return true;
}

void code_cache_destroy(struct code_cache *cache)
{
    if (cache->write && cache->run)
        munmap(cache->write + cache->run, CODE_CACHE_SIZE);
    if (cache->write)
        munmap(cache->write, CODE_CACHE_SIZE);
    if (cache->data)
        munmap(cache->data, CODE_DATA_SIZE);
}

void code_cache_keep(struct code_cache *cache)
{
    cache->kept = cache->used;
}

void code_cache_empty(struct code_cache *cache)
{
    cache->used = cache->kept;
    madvise(cache->data, cache->data_used, MADV_DONTNEED); /* zeroes it and gives the memory back */
    cache->data_used = 0;
}

void *code_cache_data(struct code_cache *cache, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (size > CODE_DATA_SIZE - cache->data_used)
        return NULL;
    void *data = cache->data + cache->data_used;
    cache->data_used += size;
    return data;
}
