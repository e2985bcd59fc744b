/* SPDX-License-Identifier: MIT
 *
 * Guest memory that is sent while the machine runs, in rounds: a page is sent again if it is no longer what
 * was sent last, as a sum of its bytes says. So it does not matter who writes (harts, devices, threads), and
 * nothing has to be noted while the guest runs: a round costs reading all memory that the host has given to
 * the guest, some gigabytes a second. Before the last round the machine stops.
 *
 * The bytes that are summed are those that are sent, though the guest may write them meanwhile: they are
 * copied first. Two pages with the same sum (64 bits) would be taken for the same; only a guest that looks
 * for such pages could find them, and would harm itself alone.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/state/internal.h"
#include "util/host_time.h"

#define PAGE   MEMORY_PAGE
#define CHUNK  CONTAINER_CHUNK
#define BITMAP MEMORY_BITMAP

struct memory_rounds {
    struct machine *machine;
    uint64_t *sums; /* of each page as it was sent last; 0: it is zeroes there */
    uint64_t page_count;
    uint8_t *packed; /* the present chunk: its bits, and the pages that have changed */
    size_t length;
};

/* ---- Sums ---------------------------------------------------------------------------------------------- */

#define LANES 4

/* Each bit of `value` changes about half of the result's. */
static uint64_t mix(uint64_t value)
{
    __uint128_t product = (__uint128_t)value * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Never 0, which is the sum of zeroes. */
static uint64_t sum_of(const uint8_t *page)
{
    uint64_t lanes[LANES] = { 1, 2, 3, 4 }, word;
    if (memory_is_zero(page))
        return 0;
    for (unsigned at = 0; at < PAGE; at += LANES * sizeof(word))
        for (unsigned n = 0; n < LANES; n++) {
            memcpy(&word, page + at + n * sizeof(word), sizeof(word));
            lanes[n] = mix(lanes[n] ^ word) + at;
        }
    uint64_t sum = mix(mix(mix(mix(lanes[0]) ^ lanes[1]) ^ lanes[2]) ^ lanes[3]);
    return sum ? sum : 1;
}

/* ---- Sending ------------------------------------------------------------------------------------------- */

struct memory_rounds *memory_rounds_create(struct machine *machine, struct error *error)
{
    struct memory_rounds *rounds = calloc(1, sizeof(*rounds));
    struct bus_region region;
    if (rounds) {
        rounds->machine = machine;
        for (unsigned n = 0; memory_next_region(machine, false, &n, &region); n++)
            rounds->page_count += region.size / PAGE;
        rounds->sums = calloc(rounds->page_count, sizeof(*rounds->sums));
        rounds->packed = malloc(BITMAP + CHUNK);
    }
    if (rounds && rounds->sums && rounds->packed)
        return rounds;
    memory_rounds_destroy(rounds);
    error_set(error, "saving the machine: out of memory");
    return NULL;
}

void memory_rounds_destroy(struct memory_rounds *rounds)
{
    if (!rounds)
        return;
    free(rounds->sums);
    free(rounds->packed);
    free(rounds);
}

/* A chunk that is being packed: the bits of its pages, and the pages. */
static void add_page(struct memory_rounds *rounds, unsigned n, const uint8_t *page)
{
    rounds->packed[n / 8] |= (uint8_t)(1u << n % 8);
    memcpy(rounds->packed + rounds->length, page, PAGE);
    rounds->length += PAGE;
}

/* The sum is that of the bytes that are sent, so the page is summed again when it was copied. */
static void look_at(struct memory_rounds *rounds, unsigned n, const uint8_t *page, uint64_t *sum)
{
    if (sum_of(page) == *sum)
        return;
    add_page(rounds, n, page);
    *sum = sum_of(rounds->packed + rounds->length - PAGE);
}

/* What the host has not given to the guest is zeroes; reading it where it is mapped would make the host give
 * it. */
static void look_at_hole(struct memory_rounds *rounds, unsigned n, uint64_t *sum)
{
    static const uint8_t zeroes[PAGE];
    if (*sum)
        look_at(rounds, n, zeroes, sum);
}

/* Packs the pages of a chunk that have changed. */
static void pack_changed(struct memory_rounds *rounds, const uint8_t *host, unsigned pages, uint64_t *sums)
{
    uint64_t length = (uint64_t)pages * PAGE, at = 0, data = 0, end = 0;
    memset(rounds->packed, 0, BITMAP);
    rounds->length = BITMAP;
    for (unsigned n = 0; n < pages; n++, at += PAGE) {
        if (at >= end)
            memory_find_data(rounds->machine, host, length, at, &data, &end);
        if (at >= data && at < end)
            look_at(rounds, n, host + at, &sums[n]);
        else
            look_at_hole(rounds, n, &sums[n]);
    }
}

/* *sent: bytes of pages. */
static bool send_chunk(struct memory_rounds *rounds, struct container_writer *writer, uint64_t paddr,
                       unsigned pages, uint64_t *sums, uint64_t *sent)
{
    const uint8_t *host = bus_host(rounds->machine->bus, paddr, (uint64_t)pages * PAGE);
    *sent = 0;
    if (!host)
        return true;
    pack_changed(rounds, host, pages, sums);
    *sent = rounds->length - BITMAP;
    return !*sent || container_write(writer, CONTAINER_PAGES, paddr, rounds->packed, rounds->length);
}

/* Waits as long as `bytes` take at that rate, if not so much time has passed since `began_ns`; returns for
 * how long. */
static uint64_t keep_rate(uint64_t began_ns, uint64_t bytes, uint64_t bandwidth, const atomic_bool *cancel)
{
    const uint64_t look_ns = 50000000;
    uint64_t began = host_now_ns(), now = began;
    double due = bandwidth ? (double)bytes * 1e9 / (double)bandwidth : 0;
    while ((double)(now - began_ns) < due && !atomic_load(cancel)) {
        double left = due - (double)(now - began_ns);
        struct timespec wait = host_timespec(left < (double)look_ns ? (uint64_t)left + 1 : look_ns);
        nanosleep(&wait, NULL);
        now = host_now_ns();
    }
    return now - began;
}

static uint64_t cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

bool memory_round(struct memory_rounds *rounds, struct container_writer *writer,
                  struct machine_state_progress *progress, uint64_t bandwidth, struct memory_pace *pace)
{
    struct bus_region region;
    uint64_t began = host_now_ns(), cpu = cpu_ns(), waited = 0, page = 0, sent, bytes = 0;
    bool ok = true;
    atomic_store(&progress->done, 0);
    for (unsigned n = 0; ok && memory_next_region(rounds->machine, false, &n, &region); n++)
        for (uint64_t at = 0; ok && at < region.size; at += CHUNK) {
            unsigned pages = (unsigned)((region.size - at < CHUNK ? region.size - at : CHUNK) / PAGE);
            if (page + pages > rounds->page_count)
                return error_set(writer->error, "saving the machine: its memory has grown");
            ok = send_chunk(rounds, writer, region.base + at, pages, &rounds->sums[page], &sent);
            page += pages;
            bytes += sent;
            atomic_fetch_add(&progress->done, (uint64_t)pages * PAGE);
            atomic_fetch_add(&progress->pages, sent / PAGE);
            waited += keep_rate(began, bytes, bandwidth, &progress->cancel);
        }
    if (atomic_load(&progress->rounds) == 1)
        atomic_store(&progress->zeroes, page - bytes / PAGE);
    *pace = (struct memory_pace){ (host_now_ns() - began - waited) / 1000000, (cpu_ns() - cpu) / 1000000 };
    return ok;
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

/* The chunk of memory at that address, which is the beginning of one; NULL: there is none. */
static uint8_t *find_chunk(struct machine *machine, uint64_t paddr, unsigned *pages)
{
    struct bus_region region;
    for (unsigned n = 0; memory_next_region(machine, false, &n, &region); n++) {
        uint64_t at = paddr - region.base;
        if (paddr < region.base || at >= region.size)
            continue;
        uint64_t length = region.size - at < CHUNK ? region.size - at : CHUNK;
        *pages = (unsigned)(length / PAGE);
        return at % CHUNK == 0 ? bus_host(machine->bus, paddr, length) : NULL;
    }
    return NULL;
}

bool memory_load_pages(struct machine *machine, const struct container_reader *chunk, struct error *error)
{
    unsigned pages = 0;
    uint8_t *host = find_chunk(machine, chunk->place, &pages);
    return memory_unpack(chunk, host, pages, false, error);
}
