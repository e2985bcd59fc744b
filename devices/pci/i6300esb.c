/* SPDX-License-Identifier: MIT
 *
 * See i6300esb.h. Two of its registers are in configuration space: which clock counts, and whether it counts
 * at all. The others are in BAR 0, and a write there needs a key of two bytes before it. The watchdog counts
 * in guest time, so a paused guest is not bitten.
 *
 * The interrupt of the first stage leads to inputs that the board does not have (an APIC's); drivers poll its
 * bit, or do without. All state is under the device's lock, which is taken before that of the bus; the bite
 * is reported with no lock held.
 */
#include "devices/pci/i6300esb.h"

#include <stdlib.h>

#include "util/check.h"
#include "util/clock.h"
#include "util/log.h"

enum { BAR_REGISTERS = 0, BAR_BYTES = 16 };
enum { /* in configuration space */
       CONFIG_AT = 0x60,
       CONFIG_INTERRUPT = 0x03, /* the kind of interrupt */
       CONFIG_FAST = 0x04,      /* counts at 1 MHz, and not at 1 kHz */
       CONFIG_NO_BITE = 0x20,
       LOCK_AT = 0x68,
       LOCK_LOCKED = 1, /* this register does not change any more until a reset */
       LOCK_ENABLE = 2,
       LOCK_FREE = 4 /* begins anew after its end */
};
enum { REG_FIRST = 0x0, REG_SECOND = 0x4, REG_INTERRUPT = 0x8, REG_RELOAD = 0xc };
enum { RELOAD_FEED = 0x100, RELOAD_TIMED_OUT = 0x200 };
enum { KEY_NONE = 0, KEY_HALF = 0x80, KEY_WHOLE = 0x86 };
enum { OFF, FIRST_STAGE, SECOND_STAGE };

#define PRELOAD_MASK UINT32_C(0xfffff)
#define PCI_CLOCK_NS 30u /* of 33 MHz */
#define SLOW_SHIFT   15
#define FAST_SHIFT   5
/* A stage takes at least this long, so that a guest cannot keep the clock's thread busy. */
#define STAGE_MIN_NS UINT64_C(1000000)

struct i6300esb {
    struct pci_function function; /* must be first */
    struct i6300esb_config config;
    pthread_mutex_t lock;
    struct clock_timer timer;
    uint32_t first, second; /* preloads */
    uint8_t lock_register;
    uint8_t key; /* what of the key has been written */
    bool interrupt, timed_out;
    unsigned stage;
    uint64_t deadline; /* of guest time; unless OFF */
};

static struct i6300esb *of_function(struct pci_function *function)
{
    return (struct i6300esb *)function;
}

/* ---- Counting ------------------------------------------------------------------------------------------ */

/* [locked] */
static void arm(struct i6300esb *esb, unsigned stage, uint64_t left)
{
    CHECK_HELD(&esb->lock);
    esb->stage = stage;
    esb->deadline = clock_ns(esb->config.clock) + left;
    clock_timer_arm(&esb->timer, stage == OFF ? CLOCK_NEVER : esb->deadline);
}

static void start_stage(struct i6300esb *esb, unsigned stage)
{
    bool fast = pci_config_peek(&esb->function, CONFIG_AT, 1) & CONFIG_FAST;
    uint64_t preload = stage == FIRST_STAGE ? esb->first : esb->second;
    uint64_t left = (preload << (fast ? FAST_SHIFT : SLOW_SHIFT)) * PCI_CLOCK_NS;
    arm(esb, stage, left < STAGE_MIN_NS ? STAGE_MIN_NS : left);
}

static void set_reset_values(struct i6300esb *esb)
{
    esb->first = esb->second = PRELOAD_MASK;
    esb->lock_register = 0;
    esb->key = KEY_NONE;
    esb->interrupt = false;
    arm(esb, OFF, 0);
}

/* The second stage has ended. Returns whether that is to be reported. [locked] */
static bool end_second_stage(struct i6300esb *esb)
{
    bool bites = !(pci_config_peek(&esb->function, CONFIG_AT, 1) & CONFIG_NO_BITE);
    esb->timed_out = true;
    if (esb->lock_register & LOCK_FREE)
        start_stage(esb, FIRST_STAGE);
    else
        arm(esb, OFF, 0);
    return bites;
}

static void fire(void *opaque)
{
    struct i6300esb *esb = opaque;
    bool bites = false;
    pthread_mutex_lock(&esb->lock);
    /* A timer that was set anew in the last moment fires once more at the right time. */
    bool due = esb->stage != OFF && clock_ns(esb->config.clock) >= esb->deadline;
    if (due && esb->stage == FIRST_STAGE) {
        esb->interrupt = true;
        start_stage(esb, SECOND_STAGE);
    } else if (due) {
        bites = end_second_stage(esb);
    }
    pthread_mutex_unlock(&esb->lock);
    if (bites)
        esb->config.report(esb->config.opaque, GUEST_EVENT_WATCHDOG);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

/* What the guest has just written to configuration space. */
static void esb_config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct i6300esb *esb = of_function(function);
    if (offset > LOCK_AT || offset + size <= LOCK_AT)
        return;
    pthread_mutex_lock(&esb->lock);
    uint8_t before = esb->lock_register;
    if (before & LOCK_LOCKED) {
        pci_config_poke(function, LOCK_AT, 1, before);
    } else {
        esb->lock_register = (uint8_t)pci_config_peek(function, LOCK_AT, 1);
        if (esb->lock_register & ~before & LOCK_ENABLE)
            start_stage(esb, FIRST_STAGE);
        else if (!(esb->lock_register & LOCK_ENABLE))
            arm(esb, OFF, 0);
    }
    pthread_mutex_unlock(&esb->lock);
}

static uint32_t read_register(const struct i6300esb *esb, uint64_t offset)
{
    switch (offset) {
    case REG_FIRST: return esb->first;
    case REG_SECOND: return esb->second;
    case REG_INTERRUPT: return esb->interrupt;
    case REG_RELOAD: return esb->timed_out ? RELOAD_TIMED_OUT : 0;
    default: return 0;
    }
}

static uint64_t esb_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct i6300esb *esb = of_function(function);
    (void)bar, (void)size;
    pthread_mutex_lock(&esb->lock);
    uint64_t value = read_register(esb, offset & ~UINT64_C(3)) >> 8 * (offset & 3);
    pthread_mutex_unlock(&esb->lock);
    return value;
}

/* A write after the whole key. */
static void write_register(struct i6300esb *esb, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case REG_FIRST: esb->first = value & PRELOAD_MASK; break;
    case REG_SECOND: esb->second = value & PRELOAD_MASK; break;
    case REG_INTERRUPT: esb->interrupt &= !(value & 1); break;
    case REG_RELOAD:
        if (value & RELOAD_TIMED_OUT)
            esb->timed_out = false;
        if (value & RELOAD_FEED && esb->lock_register & LOCK_ENABLE)
            start_stage(esb, FIRST_STAGE);
        break;
    default: LOG_GUEST("i6300esb: write to offset 0x%llx", (unsigned long long)offset); break;
    }
}

/* Any write but the next part of the key begins anew. */
static void esb_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct i6300esb *esb = of_function(function);
    (void)bar, (void)size;
    pthread_mutex_lock(&esb->lock);
    uint8_t key = esb->key;
    esb->key = KEY_NONE;
    if (offset == REG_RELOAD && key == KEY_NONE && value == KEY_HALF)
        esb->key = KEY_HALF;
    else if (offset == REG_RELOAD && key == KEY_HALF && value == KEY_WHOLE)
        esb->key = KEY_WHOLE;
    else if (key == KEY_WHOLE)
        write_register(esb, offset, (uint32_t)value);
    else
        LOG_GUEST("i6300esb: write of 0x%llx to offset 0x%llx without the key before it",
                  (unsigned long long)value, (unsigned long long)offset);
    pthread_mutex_unlock(&esb->lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* That it has timed out survives the reset: this is how the guest learns why it was reset. */
static void esb_reset(struct pci_function *function)
{
    struct i6300esb *esb = of_function(function);
    pthread_mutex_lock(&esb->lock);
    set_reset_values(esb);
    pthread_mutex_unlock(&esb->lock);
}

static void esb_save(struct pci_function *function, struct state_writer *writer)
{
    struct i6300esb *esb = of_function(function);
    pthread_mutex_lock(&esb->lock);
    uint64_t now = clock_ns(esb->config.clock);
    state_section(writer, "i6300esb", 1);
    state_put(writer, "first", esb->first);
    state_put(writer, "second", esb->second);
    state_put(writer, "lock", esb->lock_register);
    state_put(writer, "key", esb->key);
    state_put(writer, "interrupt", esb->interrupt);
    state_put(writer, "timed_out", esb->timed_out);
    state_put(writer, "stage", esb->stage);
    state_put(writer, "left", esb->stage != OFF && esb->deadline > now ? esb->deadline - now : 0);
    pthread_mutex_unlock(&esb->lock);
}

static bool esb_load(struct pci_function *function, struct state_reader *reader)
{
    struct i6300esb *esb = of_function(function);
    if (!state_open(reader, "i6300esb", 1))
        return false;
    pthread_mutex_lock(&esb->lock);
    esb->first = (uint32_t)state_get(reader, "first", PRELOAD_MASK);
    esb->second = (uint32_t)state_get(reader, "second", PRELOAD_MASK);
    esb->lock_register = (uint8_t)state_get(reader, "lock", LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE);
    esb->key = (uint8_t)state_get(reader, "key", KEY_WHOLE);
    esb->interrupt = state_get(reader, "interrupt", 1);
    esb->timed_out = state_get(reader, "timed_out", 1);
    unsigned stage = (unsigned)state_get(reader, "stage", SECOND_STAGE);
    uint64_t left = state_get(reader, "left", ((uint64_t)PRELOAD_MASK << SLOW_SHIFT) * PCI_CLOCK_NS);
    arm(esb, reader->failed || !(esb->lock_register & LOCK_ENABLE) ? OFF : stage, left);
    pci_config_poke(function, LOCK_AT, 1, esb->lock_register);
    pthread_mutex_unlock(&esb->lock);
    return !reader->failed;
}

static void esb_destroy(struct pci_function *function)
{
    struct i6300esb *esb = of_function(function);
    pthread_mutex_lock(&esb->lock);
    arm(esb, OFF, 0); /* a callback that runs now does not arm the timer again */
    pthread_mutex_unlock(&esb->lock);
    clock_timer_cancel(&esb->timer);
    pci_function_fini(function);
    pthread_mutex_destroy(&esb->lock);
    free(esb);
}

static const struct pci_function_ops esb_ops = {
    .name = "i6300esb",
    .access_max = 4,
    .read = esb_read,
    .write = esb_write,
    .config_written = esb_config_written,
    .reset = esb_reset,
    .save = esb_save,
    .load = esb_load,
    .destroy = esb_destroy,
};

struct pci_function *i6300esb_create(const struct i6300esb_config *config, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x8086,
        .device = 0x25ab,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x088000, /* other system peripheral */
    };
    struct i6300esb *esb = calloc(1, sizeof(*esb));
    if (!esb) {
        error_set(error, "i6300esb: out of memory");
        return NULL;
    }
    esb->config = *config;
    esb->first = esb->second = PRELOAD_MASK;
    pthread_mutex_init(&esb->lock, NULL);
    clock_timer_init(&esb->timer, config->clock, fire, esb);
    pci_function_init(&esb->function, &esb_ops, &identity);
    pci_function_set_bar(&esb->function, BAR_REGISTERS, PCI_BAR_MEM32, BAR_BYTES, false);
    pci_function_set_writable(&esb->function, CONFIG_AT, 2, CONFIG_INTERRUPT | CONFIG_FAST | CONFIG_NO_BITE);
    pci_function_set_writable(&esb->function, LOCK_AT, 1, LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE);
    if (config->multifunction)
        pci_function_set_config(&esb->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return &esb->function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct i6300esb_config config = { plug->clock, plug->guest_event, plug->opaque, plug->multifunction };
    return i6300esb_create(&config, error);
}

static const struct device_key model_keys[] = { { .name = NULL } };

const struct device_model i6300esb_model = {
    .name = "i6300esb",
    .text = "a watchdog (-action watchdog=)",
    .buses = DEVICE_BUS_PCI,
    .keys = model_keys,
    .create_pci = model_create,
};
