/* SPDX-License-Identifier: MIT
 *
 * The state of an APLIC, for its files: aplic.c (registers), aplic_source.c (sources and their
 * delivery), aplic_state.c (reset, the saved state).
 */
#ifndef DEVICES_PLATFORM_APLIC_INTERNAL_H
#define DEVICES_PLATFORM_APLIC_INTERNAL_H

#include <pthread.h>

#include "devices/platform/aplic.h"

#define APLIC_WORDS ((APLIC_SOURCES_MAX + 1) / 32)

enum { APLIC_IE = 0x100, APLIC_DM = 4 };                 /* of domaincfg */
enum { APLIC_DELEGATED = 0x400, APLIC_SOURCE_MODE = 7 }; /* of sourcecfg */
enum aplic_mode {
    APLIC_INACTIVE = 0,
    APLIC_DETACHED = 1,
    APLIC_EDGE1 = 4,
    APLIC_EDGE0,
    APLIC_LEVEL1,
    APLIC_LEVEL0
};

/* What a hart has in a domain that delivers by wires. */
struct aplic_idc {
    bool delivers, forced;
    uint8_t threshold;
};

struct aplic_domain {
    struct device device; /* must be first: the ops cast back to the whole */
    struct aplic *aplic;
    enum aplic_level level;
    bool enabled; /* IE */
    uint32_t genmsi;
    uint32_t sourcecfg[APLIC_SOURCES_MAX + 1], target[APLIC_SOURCES_MAX + 1];
    uint32_t pending[APLIC_WORDS], enable[APLIC_WORDS];
    struct aplic_idc *idc; /* one for each hart */
};

struct aplic {
    pthread_mutex_t lock; /* all below, except the constants */
    struct aplic_config config;
    struct aplic_hart *harts; /* constant */
    unsigned words;           /* constant */
    uint32_t wires[APLIC_WORDS];
    uint32_t addrcfg[4]; /* mmsiaddrcfg, mmsiaddrcfgh, smsiaddrcfg, smsiaddrcfgh */
    struct aplic_domain domains[APLIC_LEVELS];
};

static inline bool aplic_bit(const uint32_t *words, unsigned bit)
{
    return words[bit / 32] >> (bit % 32) & 1;
}

static inline void aplic_set_bit(uint32_t *words, unsigned bit, bool value)
{
    uint32_t mask = 1u << (bit % 32);
    words[bit / 32] = value ? words[bit / 32] | mask : words[bit / 32] & ~mask;
}

static inline struct aplic_domain *aplic_domain_of(struct device *device)
{
    return (struct aplic_domain *)device;
}

static inline bool aplic_is_source(const struct aplic_domain *domain, uint64_t number)
{
    return number && number <= domain->aplic->config.source_count;
}

/* What the registers of addresses hold. */
extern const uint32_t aplic_addrcfg_masks[4];

/* aplic_state.c: the ops of devices. save() and load(): of the root domain, for both. */
void aplic_reset(struct device *device);
void aplic_save(struct device *device, struct state_writer *writer);
bool aplic_load(struct device *device, struct state_reader *reader);

/* All of these: with the lock held. `source` exists. */

/* Whether the domain has the source, as root or by delegation. */
bool aplic_has_source(const struct aplic_domain *domain, unsigned source);
/* The domain has it, and its mode is not Inactive. */
bool aplic_active(const struct aplic_domain *domain, unsigned source);
/* The "rectified input value". */
bool aplic_input_high(const struct aplic_domain *domain, unsigned source);
void aplic_write_sourcecfg(struct aplic_domain *domain, unsigned source, uint32_t value);
void aplic_write_target(struct aplic_domain *domain, unsigned source, uint32_t value);
/* A write to setip or in_clrip; what it does depends on the source's mode. */
void aplic_write_pending(struct aplic_domain *domain, unsigned source, bool value);
/* The most urgent interrupt of a hart, as topi has it; 0: none. */
uint32_t aplic_top(const struct aplic_domain *domain, unsigned hart);
uint32_t aplic_claim(struct aplic_domain *domain, unsigned hart);
/* A message that software asks for by genmsi. */
void aplic_send_extempore(struct aplic_domain *domain);
/* Sends what is to be sent, or sets the wires. After each change. */
void aplic_deliver(struct aplic_domain *domain);
/* Keeps of a saved state what the registers can hold. */
void aplic_legalize(struct aplic *aplic);

#endif
