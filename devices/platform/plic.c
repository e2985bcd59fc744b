/* SPDX-License-Identifier: MIT
 *
 * PLIC; see plic.h. Register map (PLIC spec 1.0.0 chapter 3): priorities at 0, pending bits at 0x1000, enable
 * bits at 0x2000 + 0x80 * context, threshold and claim/complete at 0x200000 + 0x1000 * context.
 *
 * State of a source: `raised` is its wire, `pending` its pending bit, `claimed` a request that was handed out
 * and not completed. The gateway's invariant is
 *
 *     a source becomes pending when raised && !claimed; pending is cleared only by a claim.
 *
 * A request that is pending stays so when its wire falls (spec 1.0.0 chapter 1.2: a request forwarded to the
 * PLIC core cannot be withdrawn). The wires to the harts are recomputed after every change, under the lock.
 *
 * By default a claim also clears `raised`, which then means that the device has raised its wire since the
 * claim and has not lowered it. So a device that calls irq_line_set(true) once more has a new request, even
 * while the old one is being served; a device whose wire only stays high has none. With `strict`, `raised` is
 * the level of the wire, and a completed source whose wire is high becomes pending again.
 */
#include "devices/platform/plic.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/check.h"
#include "util/log.h"

#define PRIORITY_BASE    0x0u
#define PENDING_BASE     0x1000u
#define ENABLE_BASE      0x2000u
#define ENABLE_STRIDE    0x80u
#define CONTEXT_BASE     0x200000u
#define CONTEXT_STRIDE   0x1000u
#define WINDOW_SIZE      0x600000u
#define PRIORITY_HIGHEST 7u
#define WORDS            ((PLIC_SOURCES_MAX + 1) / 32)

struct context {
    struct plic_context wiring;
    uint32_t enable[WORDS];
    uint8_t threshold;
};

struct plic {
    struct device device;                        /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;                        /* all below, except the constants */
    unsigned source_count, context_count, words; /* constants */
    uint32_t phandle;
    uint32_t raised[WORDS], pending[WORDS], claimed[WORDS];
    bool strict; /* constant */
    uint8_t priority[PLIC_SOURCES_MAX + 1];
    struct context contexts[];
};

static bool bit_test(const uint32_t *words, unsigned bit)
{
    return words[bit / 32] >> (bit % 32) & 1;
}

static void bit_assign(uint32_t *words, unsigned bit, bool value)
{
    uint32_t mask = 1u << (bit % 32);
    words[bit / 32] = value ? words[bit / 32] | mask : words[bit / 32] & ~mask;
}

/* Which bits of an enable or pending word stand for sources that exist. Source 0 does not exist. */
static uint32_t word_mask(const struct plic *plic, unsigned word)
{
    unsigned last = plic->source_count;
    uint32_t mask = word == 0 ? ~1u : ~0u;
    if (word > last / 32)
        return 0;
    if (word == last / 32 && last % 32 != 31)
        mask &= (1u << (last % 32 + 1)) - 1;
    return mask;
}

/* The pending and enabled source of the highest priority, the lowest id first; 0: none. Priority 0 never
 * interrupts. */
static unsigned context_best(const struct plic *plic, const struct context *context, unsigned above)
{
    unsigned best = 0, best_priority = above;
    for (unsigned word = 0; word < plic->words; word++) {
        uint32_t bits = plic->pending[word] & context->enable[word];
        for (; bits; bits &= bits - 1) {
            unsigned source = word * 32 + (unsigned)__builtin_ctz(bits);
            if (plic->priority[source] > best_priority) {
                best = source;
                best_priority = plic->priority[source];
            }
        }
    }
    return best;
}

static void update_lines(struct plic *plic)
{
    CHECK_HELD(&plic->lock);
    for (unsigned i = 0; i < plic->context_count; i++) {
        struct context *context = &plic->contexts[i];
        irq_line_set(&context->wiring.line, context_best(plic, context, context->threshold) != 0);
    }
}

static void gateway_update(struct plic *plic, unsigned source)
{
    CHECK_HELD(&plic->lock);
    if (bit_test(plic->raised, source) && !bit_test(plic->claimed, source))
        bit_assign(plic->pending, source, true);
}

static void input_set(void *controller, unsigned source, bool level)
{
    struct plic *plic = controller;
    pthread_mutex_lock(&plic->lock);
    if (bit_test(plic->raised, source) != level) {
        bit_assign(plic->raised, source, level);
        if (log_enabled(LOG_CATEGORY_IRQ))
            log_line(LOG_CATEGORY_IRQ, "plic: source %u %s", source, level ? "raised" : "lowered");
        gateway_update(plic, source);
        update_lines(plic);
    }
    pthread_mutex_unlock(&plic->lock);
}

struct irq_line plic_input(struct device *device, unsigned source)
{
    struct plic *plic = (struct plic *)device;
    if (source == 0 || source > plic->source_count)
        return (struct irq_line){ .set = NULL };
    return (struct irq_line){ .set = input_set, .controller = plic, .number = source };
}

/* The threshold does not mask a claim: it only masks the notification (spec 1.0.0 chapters 8 and 9). */
static unsigned context_claim(struct plic *plic, struct context *context)
{
    CHECK_HELD(&plic->lock);
    unsigned source = context_best(plic, context, 0);
    if (source) {
        bit_assign(plic->pending, source, false);
        bit_assign(plic->claimed, source, true);
        if (!plic->strict)
            bit_assign(plic->raised, source, false);
        update_lines(plic);
    }
    if (log_enabled(LOG_CATEGORY_IRQ))
        log_line(LOG_CATEGORY_IRQ, "plic: context %u claims %u", (unsigned)(context - plic->contexts),
                 source);
    return source;
}

/* Spec 1.0.0 chapter 9: a completion by a context that has not enabled the source is ignored. Kernels that
 * disable a source in its handler before they complete it would never get it again. */
static void context_complete(struct plic *plic, struct context *context, uint64_t source)
{
    CHECK_HELD(&plic->lock);
    bool exists = source && source <= plic->source_count;
    if (!exists || !bit_test(context->enable, (unsigned)source))
        LOG_GUEST("plic: completion of source %llu, which this context has not enabled",
                  (unsigned long long)source);
    if (!exists || (plic->strict && !bit_test(context->enable, (unsigned)source)))
        return;
    if (log_enabled(LOG_CATEGORY_IRQ))
        log_line(LOG_CATEGORY_IRQ, "plic: context %u completes %u", (unsigned)(context - plic->contexts),
                 (unsigned)source);
    bit_assign(plic->claimed, (unsigned)source, false);
    gateway_update(plic, (unsigned)source);
    update_lines(plic);
}

/* What a register offset names. */
enum reg { REG_NONE, REG_PRIORITY, REG_PENDING, REG_ENABLE, REG_THRESHOLD, REG_CLAIM };
struct reg_place {
    enum reg reg;
    unsigned index; /* source or word */
    struct context *context;
};

static struct reg_place decode(struct plic *plic, uint64_t offset)
{
    if (offset < PENDING_BASE) {
        unsigned source = (unsigned)(offset - PRIORITY_BASE) / 4;
        if (source >= 1 && source <= plic->source_count)
            return (struct reg_place){ .reg = REG_PRIORITY, .index = source };
    } else if (offset < ENABLE_BASE) {
        unsigned word = (unsigned)(offset - PENDING_BASE) / 4;
        if (word < plic->words)
            return (struct reg_place){ .reg = REG_PENDING, .index = word };
    } else if (offset < CONTEXT_BASE) {
        unsigned context = (unsigned)(offset - ENABLE_BASE) / ENABLE_STRIDE;
        unsigned word = (unsigned)(offset - ENABLE_BASE) % ENABLE_STRIDE / 4;
        if (context < plic->context_count && word < plic->words)
            return (
                struct reg_place){ .reg = REG_ENABLE, .index = word, .context = &plic->contexts[context] };
    } else {
        unsigned context = (unsigned)(offset - CONTEXT_BASE) / CONTEXT_STRIDE;
        unsigned within = (unsigned)(offset - CONTEXT_BASE) % CONTEXT_STRIDE;
        if (context < plic->context_count && within <= 4)
            return (struct reg_place){ .reg = within == 0 ? REG_THRESHOLD : REG_CLAIM,
                                       .context = &plic->contexts[context] };
    }
    return (struct reg_place){ .reg = REG_NONE };
}

/* Source 0, priorities of sources that do not exist and the rest of the window read as zero. Nothing is
 * logged where an ordinary driver writes when it clears all 1024 sources. */
static void log_no_register(const char *what, uint64_t offset)
{
    if (offset >= CONTEXT_BASE)
        LOG_GUEST("plic: %s at offset %#llx, where no register is", what, (unsigned long long)offset);
}

static uint64_t plic_read(struct device *device, uint64_t offset, unsigned size)
{
    struct plic *plic = (struct plic *)device;
    (void)size;
    uint64_t value = 0;
    pthread_mutex_lock(&plic->lock);
    struct reg_place place = decode(plic, offset);
    switch (place.reg) {
    case REG_PRIORITY: value = plic->priority[place.index]; break;
    case REG_PENDING: value = plic->pending[place.index]; break;
    case REG_ENABLE: value = place.context->enable[place.index]; break;
    case REG_THRESHOLD: value = place.context->threshold; break;
    case REG_CLAIM: value = context_claim(plic, place.context); break;
    case REG_NONE: log_no_register("read", offset); break;
    }
    pthread_mutex_unlock(&plic->lock);
    return value;
}

/* Priorities and thresholds are WARL with three bits implemented. */
static void plic_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct plic *plic = (struct plic *)device;
    (void)size;
    pthread_mutex_lock(&plic->lock);
    struct reg_place place = decode(plic, offset);
    switch (place.reg) {
    case REG_PRIORITY:
        plic->priority[place.index] = value & PRIORITY_HIGHEST;
        update_lines(plic);
        break;
    case REG_PENDING: LOG_GUEST("plic: write to the pending bits, which are read-only"); break;
    case REG_ENABLE:
        place.context->enable[place.index] = (uint32_t)value & word_mask(plic, place.index);
        update_lines(plic);
        break;
    case REG_THRESHOLD:
        place.context->threshold = value & PRIORITY_HIGHEST;
        update_lines(plic);
        break;
    case REG_CLAIM: context_complete(plic, place.context, value); break;
    case REG_NONE: log_no_register("write", offset); break;
    }
    pthread_mutex_unlock(&plic->lock);
}

/* With `strict` the wires keep their levels, since these belong to the devices, which are reset on their
 * own. */
static void plic_reset(struct device *device)
{
    struct plic *plic = (struct plic *)device;
    pthread_mutex_lock(&plic->lock);
    memset(plic->pending, 0, sizeof(plic->pending));
    memset(plic->claimed, 0, sizeof(plic->claimed));
    if (!plic->strict)
        memset(plic->raised, 0, sizeof(plic->raised));
    memset(plic->priority, 0, sizeof(plic->priority));
    for (unsigned i = 0; i < plic->context_count; i++) {
        memset(plic->contexts[i].enable, 0, sizeof(plic->contexts[i].enable));
        plic->contexts[i].threshold = 0;
    }
    for (unsigned source = 1; source <= plic->source_count; source++)
        gateway_update(plic, source);
    update_lines(plic);
    pthread_mutex_unlock(&plic->lock);
}

static void put_words(struct state_writer *writer, const char *field, const uint32_t *words, unsigned count)
{
    uint8_t bytes[WORDS * 4];
    for (unsigned i = 0; i < count * 4; i++)
        bytes[i] = (uint8_t)(words[i / 4] >> (i % 4 * 8));
    state_put_bytes(writer, field, bytes, count * 4);
}

static void get_words(const struct plic *plic, struct state_reader *reader, const char *field,
                      uint32_t *words)
{
    uint8_t bytes[WORDS * 4];
    state_get_bytes(reader, field, bytes, plic->words * 4);
    for (unsigned word = 0; word < plic->words; word++) {
        const uint8_t *at = bytes + word * 4;
        words[word] = (at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24) &
                      word_mask(plic, word);
    }
}

static void plic_save(struct device *device, struct state_writer *writer)
{
    struct plic *plic = (struct plic *)device;
    pthread_mutex_lock(&plic->lock);
    state_section(writer, plic->device.ops->name, 1);
    state_put(writer, "sources", plic->source_count);
    state_put(writer, "contexts", plic->context_count);
    put_words(writer, "level", plic->raised, plic->words);
    put_words(writer, "pending", plic->pending, plic->words);
    put_words(writer, "claimed", plic->claimed, plic->words);
    state_put_bytes(writer, "priority", plic->priority, plic->source_count + 1);
    for (unsigned i = 0; i < plic->context_count; i++) {
        char field[32];
        snprintf(field, sizeof(field), "enable.%u", i);
        put_words(writer, field, plic->contexts[i].enable, plic->words);
        snprintf(field, sizeof(field), "threshold.%u", i);
        state_put(writer, field, plic->contexts[i].threshold);
    }
    pthread_mutex_unlock(&plic->lock);
}

static void load_fields(struct plic *plic, struct state_reader *reader)
{
    CHECK_HELD(&plic->lock);
    get_words(plic, reader, "level", plic->raised);
    get_words(plic, reader, "pending", plic->pending);
    get_words(plic, reader, "claimed", plic->claimed);
    state_get_bytes(reader, "priority", plic->priority, plic->source_count + 1);
    for (unsigned i = 0; i <= plic->source_count; i++)
        plic->priority[i] &= PRIORITY_HIGHEST;
    for (unsigned i = 0; i < plic->context_count; i++) {
        char field[32];
        snprintf(field, sizeof(field), "enable.%u", i);
        get_words(plic, reader, field, plic->contexts[i].enable);
        snprintf(field, sizeof(field), "threshold.%u", i);
        plic->contexts[i].threshold = (uint8_t)state_get(reader, field, PRIORITY_HIGHEST);
    }
}

static bool plic_load(struct device *device, struct state_reader *reader)
{
    struct plic *plic = (struct plic *)device;
    if (!state_open(reader, plic->device.ops->name, 1))
        return false;
    uint64_t sources = state_get(reader, "sources", PLIC_SOURCES_MAX);
    uint64_t contexts = state_get(reader, "contexts", PLIC_CONTEXTS_MAX);
    if (!reader->failed && (sources != plic->source_count || contexts != plic->context_count)) {
        reader->failed = true;
        return error_set(
            reader->error,
            "saved state: the PLIC has %u sources and %u contexts, the saved one %u and %u: start with "
            "the same -smp",
            plic->source_count, plic->context_count, (unsigned)sources, (unsigned)contexts);
    }
    pthread_mutex_lock(&plic->lock);
    load_fields(plic, reader);
    update_lines(plic);
    pthread_mutex_unlock(&plic->lock);
    return !reader->failed;
}

static void plic_destroy(struct device *device)
{
    struct plic *plic = (struct plic *)device;
    pthread_mutex_destroy(&plic->lock);
    free(plic);
}

static int plic_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    struct plic *plic = (struct plic *)device;
    struct fdt_node node = fdt_node_begin(fdt, "plic", place);
    fdt_node_compatible(&node, "sifive,plic-1.0.0\0riscv,plic0");
    fdt_node_bytes(&node, "interrupt-controller", NULL, 0);
    fdt_node_u32(&node, "#interrupt-cells", 1);
    fdt_node_u32(&node, "#address-cells", 0);
    fdt_node_u32(&node, "riscv,ndev", plic->source_count);
    fdt_node_u32(&node, "phandle", plic->phandle);
    fdt32_t *wiring = fdt_node_cells(&node, "interrupts-extended", plic->context_count * 2);
    for (unsigned i = 0; wiring && i < plic->context_count; i++) {
        fdt32_st(&wiring[i * 2], plic->contexts[i].wiring.hart_intc_phandle);
        fdt32_st(&wiring[i * 2 + 1], plic->contexts[i].wiring.hart_irq);
    }
    return fdt_node_end(&node);
}

static const struct device_ops plic_ops = {
    .name = "plic",
    .size = WINDOW_SIZE,
    .access_min = 4,
    .access_max = 4,
    .read = plic_read,
    .write = plic_write,
    .reset = plic_reset,
    .save = plic_save,
    .load = plic_load,
    .destroy = plic_destroy,
    .fdt = plic_fdt,
};

struct device *plic_create(const struct plic_config *config, struct error *error)
{
    if (config->source_count < 1 || config->source_count > PLIC_SOURCES_MAX || config->context_count < 1 ||
        config->context_count > PLIC_CONTEXTS_MAX) {
        error_set(error, "plic: %u sources and %u contexts; it has at most %u and %u", config->source_count,
                  config->context_count, PLIC_SOURCES_MAX, PLIC_CONTEXTS_MAX);
        return NULL;
    }
    struct plic *plic = calloc(1, sizeof(*plic) + config->context_count * sizeof(struct context));
    if (!plic) {
        error_set(error, "plic: out of memory");
        return NULL;
    }
    plic->device.ops = &plic_ops;
    pthread_mutex_init(&plic->lock, NULL);
    plic->source_count = config->source_count;
    plic->context_count = config->context_count;
    plic->words = config->source_count / 32 + 1;
    plic->phandle = config->phandle;
    plic->strict = config->strict;
    for (unsigned i = 0; i < config->context_count; i++)
        plic->contexts[i].wiring = config->contexts[i];
    return &plic->device;
}

bool plic_source(struct device *device, unsigned number, struct plic_source *source)
{
    struct plic *plic = (struct plic *)device;
    if (!number || number > plic->source_count)
        return false;
    pthread_mutex_lock(&plic->lock);
    *source = (struct plic_source){
        .level = bit_test(plic->raised, number),
        .pending = bit_test(plic->pending, number),
        .claimed = bit_test(plic->claimed, number),
        .priority = plic->priority[number],
    };
    for (unsigned i = 0; i < plic->context_count; i++)
        source->enabled += bit_test(plic->contexts[i].enable, number);
    pthread_mutex_unlock(&plic->lock);
    return true;
}
