/* SPDX-License-Identifier: MIT
 *
 * What the translator has counted, in text. The harts count what happens on the cold side of translated code,
 * each for itself; a reading while they run may be some events old.
 */
#include <inttypes.h>

#include "cpu/mmu/window.h"
#include "dbt/runtime/counters.h"
#include "util/check.h"

uint64_t dbt_translated(struct dbt *dbt)
{
    pthread_mutex_lock(&dbt->lock);
    uint64_t blocks = dbt->counters.blocks;
    pthread_mutex_unlock(&dbt->lock);
    return blocks;
}

uint64_t dbt_regions(struct dbt *dbt)
{
    pthread_mutex_lock(&dbt->lock);
    uint64_t regions = dbt->counters.regions;
    pthread_mutex_unlock(&dbt->lock);
    return regions;
}

static uint64_t sum(const struct dbt *dbt, size_t offset)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < dbt->hart_count; i++)
        total += __atomic_load_n((const uint64_t *)(const void *)((const char *)dbt->harts[i] + offset),
                                 __ATOMIC_RELAXED);
    return total;
}
#define SUM(member)     sum(dbt, offsetof(struct hart, member))
#define DBT_SUM(member) sum(dbt, DBT_HART_OFFSET(member))

static void line(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, "%-28s %" PRIu64 "\n", name, value);
}

static void print_code(const struct dbt *dbt, FILE *out)
{
    const struct dbt_counters *c = &dbt->counters;
    line(out, "blocks translated", c->blocks);
    line(out, "regions made", c->regions);
    line(out, "  their host bytes", c->region_bytes);
    line(out, "  dropped, did not pay", c->regions_dropped);
    line(out, "guest instructions", c->insns);
    line(out, "  by interpreter handler", c->calls);
    line(out, "guest bytes", c->guest_bytes);
    line(out, "host bytes", c->host_bytes);
    line(out, "jumps linked", c->links);
    if (dbt->check) {
        line(out, "accesses checked", DBT_SUM(checked));
        line(out, "  to a page just unmapped", DBT_SUM(checked_stale));
    }
    line(out, "blocks that run on into the next one", c->runs_on);
    line(out, "blocks compared", c->verified);
    line(out, "blocks changed", c->invalidated);
}

static void print_cache(const struct dbt *dbt, FILE *out)
{
    const struct code_cache *cache = &dbt->cache;
    uint64_t code = 0, cold = 0, data = 0, segments = 0;
    for (unsigned i = 0; i < CODE_SEGMENTS; i++) {
        code += cache->segments[i].code_used;
        cold += cache->segments[i].cold_used;
        data += cache->segments[i].data_used;
        segments += cache->segments[i].owners != 0;
    }
    fprintf(out,
            "%-28s %" PRIu64 " code, %" PRIu64 " cold code, %" PRIu64 " data, in %" PRIu64
            " of %d segments of %zu\n",
            "cache bytes", code, cold, data, segments, CODE_SEGMENTS, cache->segment_size);
    line(out, "  huge pages made", cache->huge_made);
    line(out, "segments evicted", dbt->counters.evictions);
    line(out, "  blocks in them", dbt->counters.evicted);
    line(out, "  microseconds", dbt->counters.eviction_ns / 1000);
    line(out, "  of that, stopping harts", dbt->counters.eviction_wait_ns / 1000);
}

static void print_running(const struct dbt *dbt, FILE *out)
{
    line(out, "exits: jump not linked", DBT_SUM(exits[DBT_EXIT_LINK]));
    line(out, "exits: target not known", DBT_SUM(exits[DBT_EXIT_MISS]));
    line(out, "exits: for the interpreter", DBT_SUM(exits[DBT_EXIT_UNTRANSLATED]));
    line(out, "exits: requests", DBT_SUM(exits[DBT_EXIT_REQUEST]));
    line(out, "exits: traps and others", DBT_SUM(exits[DBT_EXIT_OTHER]));
    line(out, "returns mispredicted", DBT_SUM(returns_missed));
    line(out, "TLB misses: read", SUM(counts.tlb_misses[0]));
    line(out, "TLB misses: write", SUM(counts.tlb_misses[1]));
    line(out, "TLB misses: exec", SUM(counts.tlb_misses[2]));
    line(out, "TLB second level hits", SUM(counts.tlb_recalls));
}

static void print_windows(const struct dbt *dbt, FILE *out)
{
    const struct window_limits limits = window_limits();
    if (dbt->windows_refused)
        fprintf(out, "%-28s off: %s\n", "windows", dbt->windows_refused);
    if (!dbt->windows || dbt->windows_refused)
        return;
    line(out, "windows opened", DBT_SUM(windows_opened));
    line(out, "  closed again", DBT_SUM(windows_closed));
    line(out, "  faults", SUM(counts.window_faults));
    line(out, "  pages mapped", SUM(counts.window_pages));
    line(out, "  calls that mapped them", SUM(counts.window_maps));
    line(out, "  pages dropped", SUM(counts.window_drops));
    line(out, "  made read-only", SUM(counts.window_protected));
    line(out, "  instructions by the TLB", DBT_SUM(windows_sites));
    fprintf(out, "%-28s %" PRIu64 " of at most %" PRIu64 "\n", "  mappings of the host", limits.used,
            limits.limit);
}

void counters_print(struct dbt *dbt, FILE *out)
{
    CHECK_HELD(&dbt->lock);
    print_code(dbt, out);
    print_cache(dbt, out);
    print_running(dbt, out);
    print_windows(dbt, out);
}
