/* SPDX-License-Identifier: MIT
 *
 * Reset of an APLIC, and its saved state, in which all may be wrong. See aplic_internal.h.
 */
#include "devices/platform/aplic_internal.h"

#include <stdio.h>
#include <string.h>

/* The wires keep their levels, since these belong to the devices, which are reset on their own. */
void aplic_reset(struct device *device)
{
    struct aplic_domain *domain = aplic_domain_of(device);
    struct aplic *aplic = domain->aplic;
    pthread_mutex_lock(&aplic->lock);
    domain->enabled = false;
    domain->genmsi = 0;
    memset(domain->sourcecfg, 0, sizeof(domain->sourcecfg));
    memset(domain->target, 0, sizeof(domain->target));
    memset(domain->pending, 0, sizeof(domain->pending));
    memset(domain->enable, 0, sizeof(domain->enable));
    memset(domain->idc, 0, aplic->config.hart_count * sizeof(domain->idc[0]));
    if (domain->level == APLIC_M)
        memset(aplic->addrcfg, 0, sizeof(aplic->addrcfg));
    aplic_deliver(domain);
    pthread_mutex_unlock(&aplic->lock);
}

/* The name of a domain's field in the saved state. */
static const char *field(char text[32], const struct aplic_domain *domain, const char *what, unsigned n)
{
    snprintf(text, 32, "%c.%s.%u", domain->level == APLIC_M ? 'm' : 's', what, n);
    return text;
}

/* Saved numbers are little-endian, as those of other controllers; hosts are, too. */
static void save_domain(const struct aplic_domain *domain, struct state_writer *writer)
{
    unsigned sources = domain->aplic->config.source_count, words = domain->aplic->words;
    char name[32];
    state_put(writer, field(name, domain, "enabled", 0), domain->enabled);
    state_put(writer, field(name, domain, "genmsi", 0), domain->genmsi);
    state_put_bytes(writer, field(name, domain, "sourcecfg", 0), domain->sourcecfg, (sources + 1) * 4);
    state_put_bytes(writer, field(name, domain, "target", 0), domain->target, (sources + 1) * 4);
    state_put_bytes(writer, field(name, domain, "pending", 0), domain->pending, words * 4);
    state_put_bytes(writer, field(name, domain, "enable", 0), domain->enable, words * 4);
    for (unsigned hart = 0; hart < domain->aplic->config.hart_count; hart++) {
        const struct aplic_idc *idc = &domain->idc[hart];
        state_put(writer, field(name, domain, "idc", hart),
                  idc->delivers | (unsigned)idc->forced << 1 | (unsigned)idc->threshold << 8);
    }
}

void aplic_save(struct device *device, struct state_writer *writer)
{
    struct aplic *aplic = aplic_domain_of(device)->aplic;
    pthread_mutex_lock(&aplic->lock);
    state_section(writer, "aplic", 1);
    state_put(writer, "sources", aplic->config.source_count);
    state_put(writer, "harts", aplic->config.hart_count);
    state_put(writer, "msi", aplic->config.send != NULL);
    state_put_bytes(writer, "wires", aplic->wires, aplic->words * 4);
    state_put_bytes(writer, "addrcfg", aplic->addrcfg, sizeof(aplic->addrcfg));
    save_domain(&aplic->domains[APLIC_M], writer);
    save_domain(&aplic->domains[APLIC_S], writer);
    pthread_mutex_unlock(&aplic->lock);
}

/* aplic_legalize() removes what stands for sources that do not exist or are inactive. */
static void load_domain(struct aplic_domain *domain, struct state_reader *reader)
{
    unsigned sources = domain->aplic->config.source_count, words = domain->aplic->words;
    char name[32];
    domain->enabled = state_get(reader, field(name, domain, "enabled", 0), 1);
    domain->genmsi = (uint32_t)state_get(reader, field(name, domain, "genmsi", 0), UINT32_MAX) & 0xfffc07ff;
    state_get_bytes(reader, field(name, domain, "sourcecfg", 0), domain->sourcecfg, (sources + 1) * 4);
    state_get_bytes(reader, field(name, domain, "target", 0), domain->target, (sources + 1) * 4);
    state_get_bytes(reader, field(name, domain, "pending", 0), domain->pending, words * 4);
    state_get_bytes(reader, field(name, domain, "enable", 0), domain->enable, words * 4);
    for (unsigned hart = 0; hart < domain->aplic->config.hart_count; hart++) {
        uint64_t idc = state_get(reader, field(name, domain, "idc", hart), 0xffff);
        domain->idc[hart] = (struct aplic_idc){ idc & 1, idc >> 1 & 1, (uint8_t)(idc >> 8) };
    }
}

static uint32_t sources_of_word(const struct aplic *aplic, unsigned word)
{
    uint32_t mask = 0;
    for (unsigned bit = 0; bit < 32; bit++)
        mask |= aplic_is_source(&aplic->domains[0], word * 32 + bit) ? 1u << bit : 0;
    return mask;
}

static void keep_sources(struct aplic *aplic)
{
    for (unsigned word = 0; word < aplic->words; word++) {
        uint32_t mask = sources_of_word(aplic, word);
        aplic->wires[word] &= mask;
        for (unsigned level = 0; level < APLIC_LEVELS; level++) {
            aplic->domains[level].pending[word] &= mask;
            aplic->domains[level].enable[word] &= mask;
        }
    }
    for (unsigned n = 0; n < 4; n++)
        aplic->addrcfg[n] &= aplic->config.send ? aplic_addrcfg_masks[n] : 0;
}

bool aplic_load(struct device *device, struct state_reader *reader)
{
    struct aplic *aplic = aplic_domain_of(device)->aplic;
    if (!state_open(reader, "aplic", 1))
        return false;
    uint64_t sources = state_get(reader, "sources", APLIC_SOURCES_MAX);
    uint64_t harts = state_get(reader, "harts", APLIC_HARTS_MAX), msi = state_get(reader, "msi", 1);
    if (!reader->failed && (sources != aplic->config.source_count || harts != aplic->config.hart_count ||
                            msi != (aplic->config.send != NULL))) {
        reader->failed = true;
        return error_set(reader->error,
                         "saved state: the APLIC has %u sources, %u harts and %s, the saved one "
                         "%u, %u and %s: start with the same -smp and -machine aia=",
                         aplic->config.source_count, aplic->config.hart_count,
                         aplic->config.send ? "messages" : "wires", (unsigned)sources, (unsigned)harts,
                         msi ? "messages" : "wires");
    }
    pthread_mutex_lock(&aplic->lock);
    state_get_bytes(reader, "wires", aplic->wires, aplic->words * 4);
    state_get_bytes(reader, "addrcfg", aplic->addrcfg, sizeof(aplic->addrcfg));
    load_domain(&aplic->domains[APLIC_M], reader);
    load_domain(&aplic->domains[APLIC_S], reader);
    keep_sources(aplic);
    aplic_legalize(aplic);
    if (!aplic->config.send) { /* messages are only sent for what happens later */
        aplic_deliver(&aplic->domains[APLIC_M]);
        aplic_deliver(&aplic->domains[APLIC_S]);
    }
    pthread_mutex_unlock(&aplic->lock);
    return !reader->failed;
}
