/* SPDX-License-Identifier: MIT
 *
 * Nuclei's ECLIC; see nuclei_eclic.h. The lock protects all of it. After each change the most urgent source
 * is searched: the largest control byte, whose upper `nlbits` bits are the level, and of equals the largest
 * id.
 */
#include "devices/platform/nuclei_eclic.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

enum { CLICCFG = 0x0, CLICINFO = 0x4, MTH = 0xb, SOURCES = 0x1000 };
enum { BYTE_IP, BYTE_IE, BYTE_ATTR, BYTE_CTL };
#define CFG_NLBITS    0x1eu
#define ATTR_VECTOR   1u
#define ATTR_EDGE     2u
#define ATTR_NEGATIVE 4u
#define ATTR_MASK     7u
#define ATTR_MODE     0xc0u /* M-mode */
#define CTL_FIXED     0x0fu /* four bits are there; the others read as 1 */
#define SOURCES_MAX   4096u /* of the architecture */
#define INFO          (NUCLEI_ECLIC_SOURCES | 4u << 21)

struct source {
    bool level, pending, enabled;
    uint8_t attr, ctl;
};

struct eclic {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    nuclei_eclic_offer_fn *offer;
    void *opaque;
    struct source sources[NUCLEI_ECLIC_SOURCES];
    uint8_t cfg, threshold;
    int offered; /* id, level and vector as they were told; -1: nothing */
};

static bool is_pending(const struct source *source)
{
    return source->attr & ATTR_EDGE ? source->pending : source->level;
}

static unsigned level_of(const struct eclic *eclic, const struct source *source)
{
    unsigned bits = eclic->cfg >> 1 & 15;
    unsigned priority = bits < 8 ? 0xffu >> bits : 0;
    return (source->ctl & ~priority & 0xff) | priority | CTL_FIXED;
}

static void update(struct eclic *eclic)
{
    unsigned best = NUCLEI_ECLIC_SOURCES;
    for (unsigned id = 0; id < NUCLEI_ECLIC_SOURCES; id++) {
        const struct source *source = &eclic->sources[id];
        if (source->enabled && is_pending(source) &&
            (best == NUCLEI_ECLIC_SOURCES || source->ctl >= eclic->sources[best].ctl))
            best = id;
    }
    unsigned level = best < NUCLEI_ECLIC_SOURCES ? level_of(eclic, &eclic->sources[best]) : 0;
    bool any = level > eclic->threshold;
    bool vectored = any && eclic->sources[best].attr & ATTR_VECTOR;
    int told = any ? (int)(best | level << 8 | (unsigned)vectored << 16) : -1;
    if (told == eclic->offered)
        return;
    eclic->offered = told;
    eclic->offer(eclic->opaque, any, any ? best : 0, level, vectored);
}

static void input_set(void *opaque, unsigned id, bool level)
{
    struct eclic *eclic = opaque;
    pthread_mutex_lock(&eclic->lock);
    struct source *source = &eclic->sources[id];
    if (source->level != level && source->attr & ATTR_EDGE && level == !(source->attr & ATTR_NEGATIVE))
        source->pending = true;
    source->level = level;
    update(eclic);
    pthread_mutex_unlock(&eclic->lock);
}

struct irq_line nuclei_eclic_input(struct device *device, unsigned id)
{
    return (struct irq_line){ .set = input_set, .controller = device, .number = id };
}

void nuclei_eclic_taken(struct device *device, unsigned id)
{
    struct eclic *eclic = (struct eclic *)device;
    if (id >= NUCLEI_ECLIC_SOURCES)
        return;
    pthread_mutex_lock(&eclic->lock);
    eclic->sources[id].pending = false;
    update(eclic);
    pthread_mutex_unlock(&eclic->lock);
}

bool nuclei_eclic_source(struct device *device, unsigned id, struct nuclei_eclic_source *source)
{
    struct eclic *eclic = (struct eclic *)device;
    if (id >= NUCLEI_ECLIC_SOURCES)
        return false;
    pthread_mutex_lock(&eclic->lock);
    const struct source *at = &eclic->sources[id];
    *source = (struct nuclei_eclic_source){ at->level, is_pending(at), at->enabled, at->ctl };
    pthread_mutex_unlock(&eclic->lock);
    return true;
}

/* ---- Registers: bytes, which may also be accessed two or four at a time -------------------------------- */

static uint8_t source_read(const struct source *source, unsigned byte)
{
    switch (byte) {
    case BYTE_IP: return is_pending(source);
    case BYTE_IE: return source->enabled;
    case BYTE_ATTR: return source->attr | ATTR_MODE;
    default: return source->ctl;
    }
}

static uint8_t byte_read(const struct eclic *eclic, uint64_t offset)
{
    if (offset >= SOURCES)
        return offset - SOURCES < 4 * NUCLEI_ECLIC_SOURCES
                   ? source_read(&eclic->sources[(offset - SOURCES) / 4], offset & 3)
                   : 0;
    if (offset >= CLICINFO && offset < CLICINFO + 4)
        return (uint8_t)(INFO >> (8 * (offset - CLICINFO)));
    return offset == CLICCFG ? eclic->cfg : offset == MTH ? eclic->threshold : 0;
}

/* A level that is pending is what the input says; only that of an edge can be written. */
static void source_write(struct source *source, unsigned byte, uint8_t value)
{
    switch (byte) {
    case BYTE_IP:
        if (source->attr & ATTR_EDGE)
            source->pending = value & 1;
        break;
    case BYTE_IE: source->enabled = value & 1; break;
    case BYTE_ATTR:
        source->attr = value & ATTR_MASK;
        if (!(source->attr & ATTR_EDGE))
            source->pending = false;
        break;
    default: source->ctl = value | CTL_FIXED;
    }
}

static void byte_write(struct eclic *eclic, uint64_t offset, uint8_t value)
{
    if (offset >= SOURCES && offset - SOURCES < 4 * NUCLEI_ECLIC_SOURCES)
        source_write(&eclic->sources[(offset - SOURCES) / 4], offset & 3, value);
    else if (offset == CLICCFG)
        eclic->cfg = value & CFG_NLBITS;
    else if (offset == MTH)
        eclic->threshold = value;
}

static uint64_t eclic_read(struct device *device, uint64_t offset, unsigned size)
{
    struct eclic *eclic = (struct eclic *)device;
    uint64_t value = 0;
    pthread_mutex_lock(&eclic->lock);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)byte_read(eclic, offset + i) << (8 * i);
    pthread_mutex_unlock(&eclic->lock);
    return value;
}

static void eclic_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct eclic *eclic = (struct eclic *)device;
    if (offset >= SOURCES + 4 * SOURCES_MAX) /* GigaDevice's start-up code clears some that are not there */
        LOG_GUEST("nuclei-eclic: write at offset %#llx, where no register is", (unsigned long long)offset);
    pthread_mutex_lock(&eclic->lock);
    for (unsigned i = 0; i < size; i++)
        byte_write(eclic, offset + i, (uint8_t)(value >> (8 * i)));
    update(eclic);
    pthread_mutex_unlock(&eclic->lock);
}

static void eclic_reset(struct device *device)
{
    struct eclic *eclic = (struct eclic *)device;
    pthread_mutex_lock(&eclic->lock);
    for (unsigned id = 0; id < NUCLEI_ECLIC_SOURCES; id++)
        eclic->sources[id] = (struct source){ .level = eclic->sources[id].level, .ctl = CTL_FIXED };
    eclic->cfg = eclic->threshold = 0;
    update(eclic);
    pthread_mutex_unlock(&eclic->lock);
}

#define STATE_BYTES 5

static void eclic_save(struct device *device, struct state_writer *writer)
{
    struct eclic *eclic = (struct eclic *)device;
    uint8_t bytes[NUCLEI_ECLIC_SOURCES * STATE_BYTES];
    pthread_mutex_lock(&eclic->lock);
    for (unsigned id = 0; id < NUCLEI_ECLIC_SOURCES; id++) {
        const struct source *source = &eclic->sources[id];
        const uint8_t fields[STATE_BYTES] = { source->level, source->pending, source->enabled, source->attr,
                                              source->ctl };
        memcpy(bytes + (size_t)id * STATE_BYTES, fields, STATE_BYTES);
    }
    state_section(writer, eclic->device.ops->name, 1);
    state_put_bytes(writer, "sources", bytes, sizeof(bytes));
    state_put(writer, "cfg", eclic->cfg);
    state_put(writer, "threshold", eclic->threshold);
    pthread_mutex_unlock(&eclic->lock);
}

static bool eclic_load(struct device *device, struct state_reader *reader)
{
    struct eclic *eclic = (struct eclic *)device;
    uint8_t bytes[NUCLEI_ECLIC_SOURCES * STATE_BYTES] = { 0 };
    if (!state_open(reader, eclic->device.ops->name, 1))
        return false;
    state_get_bytes(reader, "sources", bytes, sizeof(bytes));
    pthread_mutex_lock(&eclic->lock);
    for (unsigned id = 0; id < NUCLEI_ECLIC_SOURCES; id++) {
        const uint8_t *at = bytes + (size_t)id * STATE_BYTES;
        uint8_t attr = at[3] & ATTR_MASK;
        eclic->sources[id] = (struct source){ .level = at[0] & 1,
                                              .pending = at[1] & 1 && attr & ATTR_EDGE,
                                              .enabled = at[2] & 1,
                                              .attr = attr,
                                              .ctl = at[4] | CTL_FIXED };
    }
    eclic->cfg = (uint8_t)state_get(reader, "cfg", UINT8_MAX) & CFG_NLBITS;
    eclic->threshold = (uint8_t)state_get(reader, "threshold", UINT8_MAX);
    eclic->offered = -2; /* the core is told anew */
    update(eclic);
    pthread_mutex_unlock(&eclic->lock);
    return !reader->failed;
}

static void eclic_destroy(struct device *device)
{
    struct eclic *eclic = (struct eclic *)device;
    pthread_mutex_destroy(&eclic->lock);
    free(eclic);
}

static const struct device_ops eclic_ops = {
    .name = "nuclei-eclic",
    .size = 0x10000,
    .access_min = 1,
    .access_max = 4,
    .read = eclic_read,
    .write = eclic_write,
    .reset = eclic_reset,
    .save = eclic_save,
    .load = eclic_load,
    .destroy = eclic_destroy,
};

struct device *nuclei_eclic_create(nuclei_eclic_offer_fn *offer, void *opaque, struct error *error)
{
    struct eclic *eclic = calloc(1, sizeof(*eclic));
    if (!eclic) {
        error_set(error, "nuclei-eclic: out of memory");
        return NULL;
    }
    eclic->device.ops = &eclic_ops;
    eclic->offer = offer;
    eclic->opaque = opaque;
    eclic->offered = -1;
    for (unsigned id = 0; id < NUCLEI_ECLIC_SOURCES; id++)
        eclic->sources[id].ctl = CTL_FIXED;
    pthread_mutex_init(&eclic->lock, NULL);
    return &eclic->device;
}
