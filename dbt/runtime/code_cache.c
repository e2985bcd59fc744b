/* SPDX-License-Identifier: MIT
 *
 * Memory for translated code; see code_cache.h.
 */
#include "dbt/runtime/code_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "util/check.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/map.h"
#include "util/thread.h"

#define ARENA_OFFSET 8 /* so that no ref is 0 */

/* Size of the address space: hot and cold code of a segment lie apart, and either may fill the segment
 * alone. */
static size_t code_size(const struct code_cache *cache)
{
    return CODE_FIXED_SIZE + 2 * CODE_SEGMENTS * cache->segment_size;
}

static size_t data_size(const struct code_cache *cache)
{
    return CODE_SEGMENTS * cache->segment_size + ARENA_OFFSET;
}

static uint8_t *segment_code(const struct code_cache *cache, unsigned segment)
{
    return cache->write + CODE_FIXED_SIZE + segment * cache->segment_size;
}

static uint8_t *segment_cold(const struct code_cache *cache, unsigned segment)
{
    return segment_code(cache, CODE_SEGMENTS + segment);
}

static uint8_t *segment_data(const struct code_cache *cache, unsigned segment)
{
    return cache->data + ARENA_OFFSET + segment * cache->segment_size;
}

/* An access and its cold code are longer than 32 bytes. */
static unsigned faults_max(const struct code_cache *cache)
{
    return (unsigned)(cache->segment_size / 32);
}

static size_t faults_size(const struct code_cache *cache)
{
    return CODE_SEGMENTS * faults_max(cache) * sizeof(struct code_fault);
}

static bool map_all(struct code_cache *cache, int fd)
{
    /* Code runs where huge pages can hold it. Where it is written, a patch brings in a few small pages. */
    void *write = mmap(NULL, code_size(cache), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *at = map_reserved(code_size(cache), MAP_HUGE_SIZE);
    void *run =
        at ? mmap(at, code_size(cache), PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) : MAP_FAILED;
    void *data = mmap(NULL, data_size(cache), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int error = errno;
    cache->write = write == MAP_FAILED ? NULL : write;
    cache->data = data == MAP_FAILED ? NULL : data;
    if (run != MAP_FAILED && cache->write)
        cache->run = (uint8_t *)run - (uint8_t *)write;
    else if (run != MAP_FAILED)
        munmap(run, code_size(cache));
    errno = error;
    return cache->write && cache->data && cache->run;
}

/* ---- Huge pages ---------------------------------------------------------------------------------------- */

/* What lies before the end of the code that is filled becomes huge pages of the host where code runs. (The
 * other mapping loses those pages, which are only patched from now on.) This only makes it faster: a program
 * that runs much code, a little of each page, misses the host's TLB all the time. It costs a millisecond,
 * which is less than a third of a percent of what it took to translate two megabytes. Cold code stays in
 * small pages, most of which never run. */
static void use_huge_pages(struct code_cache *cache, const uint8_t *end)
{
    size_t until = (size_t)(end - cache->write) / MAP_HUGE_SIZE;
    for (; cache->huge_next < until && !cache->huge_refused; cache->huge_next++) {
        uint8_t *page = cache->write + cache->run + cache->huge_next * MAP_HUGE_SIZE;
        if (map_collapse(page))
            cache->huge_made++;
        else
            cache->huge_refused = errno == EINVAL; /* the host does not know it, or has no huge pages */
    }
}

static void begin_segment(struct code_cache *cache, unsigned segment)
{
    cache->current = segment;
    cache->huge_next = (size_t)(segment_code(cache, segment) - cache->write) / MAP_HUGE_SIZE;
}

/* ---- Write protection ---------------------------------------------------------------------------------- */

static void guard_round(struct code_cache *cache)
{
    CHECK_HELD(cache->lock);
    struct timespec until = host_timespec(host_now_ns() + CODE_IDLE_MS * UINT64_C(1000000));
    cache->written = false;
    while (!cache->stop && pthread_cond_timedwait(&cache->wake, cache->lock, &until) != ETIMEDOUT)
        ;
    if (cache->written)
        return;
    /* The cost of mprotect() grows with the number of mapped pages. So the pages leave the mapping (not the
     * memory): an idle guest, which translates a little all the time, pays only for the few pages that it
     * writes to. */
    madvise(cache->write, code_size(cache), MADV_DONTNEED);
    if (mprotect(cache->write, code_size(cache), PROT_READ) == 0)
        cache->writable = false;
}

static void *guard_main(void *opaque)
{
    struct code_cache *cache = opaque;
    pthread_mutex_lock(cache->lock);
    while (!cache->stop) {
        if (cache->writable)
            guard_round(cache);
        else
            pthread_cond_wait(&cache->wake, cache->lock);
    }
    pthread_mutex_unlock(cache->lock);
    return NULL;
}

bool code_cache_guard(struct code_cache *cache, pthread_mutex_t *lock, struct error *error)
{
    host_cond_init(&cache->wake);
    cache->lock = lock;
    int status = thread_create(&cache->guard, THREAD_TRANSLATOR, "code guard", guard_main, cache);
    if (status)
        return error_set(error, "cannot start the thread that guards translated code: %s", strerror(status));
    cache->guarded = true;
    return true;
}

static void guard_stop(struct code_cache *cache)
{
    if (!cache->guarded)
        return;
    pthread_mutex_lock(cache->lock);
    cache->stop = true;
    pthread_cond_signal(&cache->wake);
    pthread_mutex_unlock(cache->lock);
    thread_join(&cache->guard);
    pthread_cond_destroy(&cache->wake);
    cache->guarded = false;
}

void code_cache_unprotect(struct code_cache *cache)
{
    if (mprotect(cache->write, code_size(cache), PROT_READ | PROT_WRITE)) {
        log_warn("cannot make memory for translated code writable again: %s", strerror(errno));
        abort(); /* the caller is about to write there */
    }
    cache->writable = true;
    if (cache->guarded)
        pthread_cond_signal(&cache->wake);
}

bool code_cache_init(struct code_cache *cache, size_t size, struct error *error)
{
    *cache = (struct code_cache){ .segment_size = size / CODE_SEGMENTS & ~(size_t)4095, .writable = true };
    for (unsigned i = 0; i < CODE_SEGMENTS; i++)
        cache->segments[i].generation = 1;
    int fd = memfd_create("rvive-code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)code_size(cache)) < 0) {
        error_set(error, "cannot make memory for translated code: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool mapped = map_all(cache, fd);
    begin_segment(cache, 0);
    if (!mapped)
        error_set(error, "cannot map memory for translated code: %s; -accel interp needs none",
                  strerror(errno));
    close(fd);
    return mapped;
}

void code_cache_destroy(struct code_cache *cache)
{
    guard_stop(cache);
    if (cache->write && cache->run)
        munmap(cache->write + cache->run, code_size(cache));
    if (cache->write)
        munmap(cache->write, code_size(cache));
    if (cache->data)
        munmap(cache->data, data_size(cache));
    if (cache->faults)
        munmap(cache->faults, faults_size(cache));
}

/* ---- What always holds --------------------------------------------------------------------------------- */

/* The translator's lock is held; a cache without a guard has no lock (tests). */
static bool is_ours(const struct code_cache *cache)
{
    return !cache->guarded || check_held(cache->lock);
}

/* Checked between transactions. */
static void check_cache(const struct code_cache *cache)
{
    CHECK(is_ours(cache));
    CHECK(cache->current < CODE_SEGMENTS);
    CHECK(cache->reserved == 0);
    for (unsigned i = 0; i < CODE_SEGMENTS; i++) {
        const struct code_segment *segment = &cache->segments[i];
        CHECK(segment->generation != 0);
        CHECK(segment->code_used + segment->cold_used + segment->data_used <= cache->segment_size);
        CHECK(!segment->owners || code_segment_of(cache, segment->owners) == i);
    }
}

/* ---- Transactions -------------------------------------------------------------------------------------- */

static bool has_room(const struct code_cache *cache, size_t code, size_t data)
{
    const struct code_segment *segment = &cache->segments[cache->current];
    size_t faults = cache->fault_count * sizeof(struct code_fault);
    return segment->code_used + segment->cold_used + segment->data_used + faults + code + data <=
           cache->segment_size;
}

bool code_cache_has_room(const struct code_cache *cache, size_t code, size_t data)
{
    return has_room(cache, cache->reserved + code, data);
}

bool code_cache_begin(struct code_cache *cache, size_t hot, size_t cold, struct code_place *place)
{
    struct code_segment *segment = &cache->segments[cache->current];
    size_t gap = -segment->code_used & 15;
    if (!has_room(cache, gap + hot + cold, 0))
        return false;
    segment->code_used += gap;
    return code_cache_begin_behind(cache, hot, cold, place);
}

bool code_cache_begin_behind(struct code_cache *cache, size_t hot, size_t cold, struct code_place *place)
{
    struct code_segment *segment = &cache->segments[cache->current];
    CHECK_INVARIANT(check_cache(cache));
    if (!has_room(cache, hot + cold, 0))
        return false;
    code_cache_open(cache);
    cache->reserved = hot + cold;
    cache->data_mark = segment->data_used;
    place->hot = segment_code(cache, cache->current) + segment->code_used;
    place->cold = segment_cold(cache, cache->current) + segment->cold_used;
    return true;
}

void *code_cache_data(struct code_cache *cache, size_t size)
{
    struct code_segment *segment = &cache->segments[cache->current];
    size = (size + 7) & ~(size_t)7;
    if (!has_room(cache, cache->reserved, size))
        return NULL;
    void *data = segment_data(cache, cache->current) + segment->data_used;
    segment->data_used += size;
    return data;
}

void code_cache_commit(struct code_cache *cache, struct code_owner *owner, const struct code_place *end)
{
    struct code_segment *segment = &cache->segments[cache->current];
    size_t used = (size_t)(end->hot - segment_code(cache, cache->current));
    CHECK(end->hot >= segment_code(cache, cache->current) + segment->code_used);
    CHECK(end->cold >= segment_cold(cache, cache->current) + segment->cold_used);
    CHECK(code_segment_of(cache, code_ref(cache, owner)) == cache->current);
    atomic_store_explicit(&segment->faults, cache->fault_count, memory_order_release);
    segment->code_used = used;
    segment->cold_used = (size_t)(end->cold - segment_cold(cache, cache->current));
    use_huge_pages(cache, end->hot);
    owner->segment_next = segment->owners;
    segment->owners = code_ref(cache, owner);
    cache->reserved = 0;
    CHECK_INVARIANT(check_cache(cache));
}

void code_cache_abort(struct code_cache *cache)
{
    struct code_segment *segment = &cache->segments[cache->current];
    memset(segment_data(cache, cache->current) + cache->data_mark, 0, segment->data_used - cache->data_mark);
    segment->data_used = cache->data_mark;
    cache->fault_count = segment->faults;
    cache->reserved = 0;
    CHECK_INVARIANT(check_cache(cache));
}

/* ---- Faults -------------------------------------------------------------------------------------------- */

bool code_cache_use_faults(struct code_cache *cache)
{
    void *faults = mmap(NULL, faults_size(cache), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (faults == MAP_FAILED)
        return false;
    cache->faults = faults;
    return true;
}

bool code_cache_fault(struct code_cache *cache, const uint8_t *access, const uint8_t *cold)
{
    struct code_fault *faults = cache->faults + cache->current * faults_max(cache);
    if (cache->fault_count == faults_max(cache) || !has_room(cache, cache->reserved, sizeof(*faults)))
        return false;
    struct code_fault fault = { code_offset(cache, access), code_offset(cache, cold) };
    CHECK(!cache->fault_count || faults[cache->fault_count - 1].access < fault.access);
    faults[cache->fault_count++] = fault;
    return true;
}

const uint8_t *code_cache_find_fault(const struct code_cache *cache, const uint8_t *pc)
{
    const uint8_t *run = cache->write + cache->run;
    size_t offset = (size_t)(pc - run), hot = CODE_FIXED_SIZE + CODE_SEGMENTS * cache->segment_size;
    if (!cache->faults || pc < run || offset < CODE_FIXED_SIZE || offset >= hot)
        return NULL;
    unsigned segment = (unsigned)((offset - CODE_FIXED_SIZE) / cache->segment_size);
    const struct code_fault *faults = cache->faults + segment * faults_max(cache);
    unsigned low = 0, high = atomic_load_explicit(&cache->segments[segment].faults, memory_order_acquire);
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (faults[middle].access == offset)
            return run + faults[middle].cold;
        if (faults[middle].access < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- Segments ------------------------------------------------------------------------------------------ */

unsigned code_cache_next(const struct code_cache *cache)
{
    return (cache->current + 1) % CODE_SEGMENTS;
}

bool code_cache_advance(struct code_cache *cache)
{
    unsigned next = code_cache_next(cache);
    if (cache->segments[next].owners)
        return false;
    /* Full segments are only patched here and there: their pages leave the writable mapping. */
    madvise(segment_code(cache, 0), 2 * CODE_SEGMENTS * cache->segment_size, MADV_DONTNEED);
    begin_segment(cache, next);
    cache->fault_count = 0;
    return true;
}

void code_cache_empty(struct code_cache *cache, unsigned segment)
{
    struct code_segment *emptied = &cache->segments[segment];
    CHECK_INVARIANT(check_cache(cache));
    memset(segment_data(cache, segment), 0, emptied->data_used);
    *emptied = (struct code_segment){ .generation = emptied->generation + 1 };
    if (segment == cache->current)
        cache->fault_count = 0;
}
