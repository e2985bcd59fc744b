/* SPDX-License-Identifier: MIT
 *
 * The sources of an APLIC: their modes, when they become pending, and how they are delivered. See
 * aplic_internal.h. The rules are those of "Precise effects on interrupt-pending bits".
 */
#include "devices/platform/aplic_internal.h"

#include "util/check.h"
#include "util/log.h"

#define HART_SHIFT  18
#define GUEST_SHIFT 12
#define EIID_MASK   0x7ffu
#define PRIORITY    0xffu

static bool by_messages(const struct aplic_domain *domain)
{
    return domain->aplic->config.send;
}

bool aplic_has_source(const struct aplic_domain *domain, unsigned source)
{
    return domain->level == APLIC_M || domain->aplic->domains[APLIC_M].sourcecfg[source] & APLIC_DELEGATED;
}

static enum aplic_mode mode_of(const struct aplic_domain *domain, unsigned source)
{
    uint32_t config = domain->sourcecfg[source];
    bool here = aplic_has_source(domain, source) && !(config & APLIC_DELEGATED);
    return here ? (enum aplic_mode)(config & APLIC_SOURCE_MODE) : APLIC_INACTIVE;
}

bool aplic_active(const struct aplic_domain *domain, unsigned source)
{
    return mode_of(domain, source) != APLIC_INACTIVE;
}

static bool is_level(enum aplic_mode mode)
{
    return mode == APLIC_LEVEL1 || mode == APLIC_LEVEL0;
}

static bool rectified(enum aplic_mode mode, bool wire)
{
    if (mode == APLIC_INACTIVE || mode == APLIC_DETACHED)
        return false;
    return wire != (mode == APLIC_EDGE0 || mode == APLIC_LEVEL0);
}

bool aplic_input_high(const struct aplic_domain *domain, unsigned source)
{
    return rectified(mode_of(domain, source), aplic_bit(domain->aplic->wires, source));
}

/* ---- Modes --------------------------------------------------------------------------------------------- */

/* The bits of a target that say which guest's interrupt file it is; 0: the hart's own. */
static uint32_t guest_mask(const struct aplic_domain *domain)
{
    unsigned bits = domain->level == APLIC_S ? domain->aplic->config.guest_bits : 0;
    return ((1u << bits) - 1) << GUEST_SHIFT;
}

/* Sources that deliver by wires have a priority, which is never 0. */
static uint32_t legal_target(const struct aplic_domain *domain, uint32_t value)
{
    uint32_t hart = value >> HART_SHIFT << HART_SHIFT;
    if (by_messages(domain))
        return hart | (value & (EIID_MASK | guest_mask(domain)));
    return hart | (value & PRIORITY ? value & PRIORITY : 1);
}

static void clear_source(struct aplic_domain *domain, unsigned source)
{
    aplic_set_bit(domain->pending, source, false);
    aplic_set_bit(domain->enable, source, false);
    domain->target[source] = 0;
}

/* After the mode has changed. */
static void apply_mode(struct aplic_domain *domain, unsigned source)
{
    enum aplic_mode mode = mode_of(domain, source);
    bool high = aplic_input_high(domain, source);
    if (mode == APLIC_INACTIVE)
        clear_source(domain, source);
    else
        domain->target[source] = legal_target(domain, domain->target[source]);
    if (high || is_level(mode))
        aplic_set_bit(domain->pending, source, high);
}

static uint32_t legal_sourcecfg(const struct aplic_domain *domain, uint32_t value)
{
    if (value & APLIC_DELEGATED)
        return domain->level == APLIC_M ? APLIC_DELEGATED : 0; /* the only child has the index 0 */
    uint32_t mode = value & APLIC_SOURCE_MODE;
    return mode == 2 || mode == 3 ? APLIC_INACTIVE : mode;
}

void aplic_write_sourcecfg(struct aplic_domain *domain, unsigned source, uint32_t value)
{
    CHECK_HELD(&domain->aplic->lock);
    if (!aplic_has_source(domain, source))
        return;
    domain->sourcecfg[source] = legal_sourcecfg(domain, value);
    apply_mode(domain, source);
    struct aplic_domain *child = &domain->aplic->domains[APLIC_S];
    if (domain->level == APLIC_M && !aplic_has_source(child, source)) {
        child->sourcecfg[source] = 0;
        clear_source(child, source);
        aplic_deliver(child);
    }
    aplic_deliver(domain);
}

void aplic_write_target(struct aplic_domain *domain, unsigned source, uint32_t value)
{
    CHECK_HELD(&domain->aplic->lock);
    if (aplic_active(domain, source))
        domain->target[source] = legal_target(domain, value);
    aplic_deliver(domain);
}

/* ---- Pending ------------------------------------------------------------------------------------------- */

void aplic_write_pending(struct aplic_domain *domain, unsigned source, bool value)
{
    CHECK_HELD(&domain->aplic->lock);
    enum aplic_mode mode = mode_of(domain, source);
    if (mode == APLIC_INACTIVE || (is_level(mode) && !by_messages(domain)))
        return; /* in the latter case it is a copy of the wire */
    if (value && is_level(mode) && !aplic_input_high(domain, source))
        return;
    aplic_set_bit(domain->pending, source, value);
}

static void wire_changed(struct aplic_domain *domain, unsigned source)
{
    enum aplic_mode mode = mode_of(domain, source);
    bool high = aplic_input_high(domain, source);
    if (mode == APLIC_INACTIVE || mode == APLIC_DETACHED)
        return;
    if (high || is_level(mode))
        aplic_set_bit(domain->pending, source, high);
    aplic_deliver(domain);
}

static void input_set(void *controller, unsigned source, bool level)
{
    struct aplic *aplic = controller;
    pthread_mutex_lock(&aplic->lock);
    if (aplic_bit(aplic->wires, source) != level) {
        aplic_set_bit(aplic->wires, source, level);
        if (log_enabled(LOG_CATEGORY_IRQ))
            log_line(LOG_CATEGORY_IRQ, "aplic: source %u %s", source, level ? "raised" : "lowered");
        wire_changed(&aplic->domains[APLIC_M], source);
        wire_changed(&aplic->domains[APLIC_S], source);
    }
    pthread_mutex_unlock(&aplic->lock);
}

struct irq_line aplic_input(struct device *root, unsigned source)
{
    struct aplic *aplic = ((struct aplic_domain *)root)->aplic;
    if (source == 0 || source > aplic->config.source_count)
        return (struct irq_line){ .set = NULL };
    return (struct irq_line){ .set = input_set, .controller = aplic, .number = source };
}

bool aplic_source(struct device *root, unsigned number, struct aplic_source *source)
{
    struct aplic *aplic = ((struct aplic_domain *)root)->aplic;
    if (!number || number > aplic->config.source_count)
        return false;
    pthread_mutex_lock(&aplic->lock);
    bool delegated = aplic_has_source(&aplic->domains[APLIC_S], number);
    const struct aplic_domain *domain = &aplic->domains[delegated ? APLIC_S : APLIC_M];
    *source = (struct aplic_source){
        .level = aplic_bit(aplic->wires, number),
        .pending = aplic_bit(domain->pending, number),
        .enabled = aplic_bit(domain->enable, number),
        .priority = domain->target[number] & (by_messages(domain) ? EIID_MASK : PRIORITY),
    };
    pthread_mutex_unlock(&aplic->lock);
    return true;
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

/* "Addresses and data for outgoing MSIs". S-mode's harts have the numbers of M-mode's. */
static uint64_t message_address(const struct aplic_domain *domain, uint32_t hart, uint32_t guest)
{
    const uint32_t *config = domain->aplic->addrcfg, high = config[1];
    unsigned base = domain->level == APLIC_M ? 0 : 2;
    unsigned low_width = high >> 12 & 15, high_width = high >> 16 & 7, high_shift = high >> 24 & 31;
    unsigned low_shift = config[base + 1] >> 20 & 7;
    uint64_t page = config[base] | (uint64_t)(config[base + 1] & 0xfff) << 32;
    uint64_t group = hart >> low_width & ((1u << high_width) - 1), member = hart & ((1u << low_width) - 1);
    return (page | group << (high_shift + 12) | member << low_shift | guest) << 12;
}

static void send(const struct aplic_domain *domain, uint32_t target)
{
    const struct aplic_config *config = &domain->aplic->config;
    uint64_t address =
        message_address(domain, target >> HART_SHIFT, (target & guest_mask(domain)) >> GUEST_SHIFT);
    if (!config->send(config->opaque, address, target & EIID_MASK))
        LOG_GUEST("aplic: a message to 0x%llx, where no interrupt file is", (unsigned long long)address);
}

void aplic_send_extempore(struct aplic_domain *domain)
{
    CHECK_HELD(&domain->aplic->lock);
    send(domain, domain->genmsi);
}

static void send_pending(struct aplic_domain *domain)
{
    for (unsigned word = 0; domain->enabled && word < domain->aplic->words; word++) {
        for (uint32_t due = domain->pending[word] & domain->enable[word]; due; due &= due - 1) {
            unsigned source = word * 32 + (unsigned)__builtin_ctz(due);
            aplic_set_bit(domain->pending, source, false);
            send(domain, domain->target[source]);
        }
    }
}

/* ---- Wires --------------------------------------------------------------------------------------------- */

uint32_t aplic_top(const struct aplic_domain *domain, unsigned hart)
{
    unsigned threshold = domain->idc[hart].threshold, best = threshold ? threshold : PRIORITY + 1;
    uint32_t top = 0;
    for (unsigned word = 0; word < domain->aplic->words; word++) {
        for (uint32_t bits = domain->pending[word] & domain->enable[word]; bits; bits &= bits - 1) {
            unsigned source = word * 32 + (unsigned)__builtin_ctz(bits);
            uint32_t target = domain->target[source];
            if (target >> HART_SHIFT != hart || (target & PRIORITY) >= best)
                continue;
            best = target & PRIORITY;
            top = source << 16 | best;
        }
    }
    return top;
}

/* A claim does not end a level. */
uint32_t aplic_claim(struct aplic_domain *domain, unsigned hart)
{
    CHECK_HELD(&domain->aplic->lock);
    uint32_t top = aplic_top(domain, hart);
    if (!top)
        domain->idc[hart].forced = false;
    else if (!is_level(mode_of(domain, top >> 16)))
        aplic_set_bit(domain->pending, top >> 16, false);
    if (log_enabled(LOG_CATEGORY_IRQ))
        log_line(LOG_CATEGORY_IRQ, "aplic: hart %u claims %u in %c-mode", hart, top >> 16,
                 domain->level == APLIC_M ? 'M' : 'S');
    aplic_deliver(domain);
    return top;
}

void aplic_deliver(struct aplic_domain *domain)
{
    CHECK_HELD(&domain->aplic->lock);
    if (by_messages(domain)) {
        send_pending(domain);
        return;
    }
    for (unsigned hart = 0; hart < domain->aplic->config.hart_count; hart++) {
        const struct aplic_idc *idc = &domain->idc[hart];
        bool high = domain->enabled && idc->delivers && (idc->forced || aplic_top(domain, hart));
        irq_line_set(&domain->aplic->harts[hart].lines[domain->level], high);
    }
}

/* ---- A saved state ------------------------------------------------------------------------------------- */

static void legalize_source(struct aplic_domain *domain, unsigned source)
{
    uint32_t config = aplic_has_source(domain, source) ? domain->sourcecfg[source] : 0;
    domain->sourcecfg[source] = legal_sourcecfg(domain, config);
    if (!aplic_active(domain, source)) {
        clear_source(domain, source);
        return;
    }
    domain->target[source] = legal_target(domain, domain->target[source]);
    if (is_level(mode_of(domain, source)) && (!by_messages(domain) || !aplic_input_high(domain, source)))
        aplic_set_bit(domain->pending, source, aplic_input_high(domain, source));
}

void aplic_legalize(struct aplic *aplic)
{
    CHECK_HELD(&aplic->lock);
    for (unsigned level = 0; level < APLIC_LEVELS; level++) {
        struct aplic_domain *domain = &aplic->domains[level];
        for (unsigned source = 1; source <= aplic->config.source_count; source++)
            legalize_source(domain, source);
    }
}
