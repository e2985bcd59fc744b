/* SPDX-License-Identifier: MIT
 *
 * One-time programmable memory of the FU540; see sifive_u_otp.h. The macro's pins are registers. A word is
 * read at PDOUT while the macro is enabled; a bit is burnt when PWE rises: a fuse reads 1 until then, and 0
 * ever after. The lock protects everything.
 */
#include "devices/platform/sifive_u_otp.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define FUSE_WORDS   0x1000u
#define SERIAL_WORD  0xfcu /* and its complement behind it */
#define NOT_ENABLED  0xffu
#define ADDRESS_MASK (FUSE_WORDS - 1)

enum reg {
    PA,
    PAIO,
    PAS,
    PCE,
    PCLK,
    PDIN,
    PDOUT,
    PDSTB,
    PPROG,
    PTC,
    PTM,
    PTM_REP,
    PTR,
    PTRIM,
    PWE,
    REG_COUNT
};

struct otp {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    uint32_t regs[REG_COUNT];
    uint32_t fuses[FUSE_WORDS];
};

static uint32_t data_out(const struct otp *otp)
{
    bool enabled = otp->regs[PCE] & otp->regs[PDSTB] & otp->regs[PTRIM] & 1;
    return enabled ? otp->fuses[otp->regs[PA]] : NOT_ENABLED;
}

static uint64_t otp_read(struct device *device, uint64_t offset, unsigned size)
{
    struct otp *otp = (struct otp *)device;
    uint64_t reg = offset / 4;
    (void)size;
    if (reg >= REG_COUNT) {
        LOG_GUEST("sifive-u-otp: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&otp->lock);
    uint32_t value = reg == PDOUT ? data_out(otp) : otp->regs[reg];
    pthread_mutex_unlock(&otp->lock);
    return value;
}

/* Burns what PDIN says into bit PAIO of word PA. PAS selects spare fuses, which nothing reads here. */
static void burn(struct otp *otp)
{
    uint32_t bit = otp->regs[PAIO];
    if (bit > 31 || otp->regs[PAS] & 1)
        LOG_GUEST("sifive-u-otp: there is no fuse %u of word %#x%s", bit, otp->regs[PA],
                  otp->regs[PAS] & 1 ? " among the spare ones" : "");
    else if (!(otp->fuses[otp->regs[PA]] >> bit & 1))
        LOG_GUEST("sifive-u-otp: fuse %u of word %#x is burnt already", bit, otp->regs[PA]);
    else if (!(otp->regs[PDIN] & 1))
        otp->fuses[otp->regs[PA]] &= ~(1u << bit);
}

static void otp_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct otp *otp = (struct otp *)device;
    uint64_t reg = offset / 4;
    (void)size;
    if (reg >= REG_COUNT || reg == PDOUT) {
        LOG_GUEST("sifive-u-otp: write at offset %#llx, where no register can be written",
                  (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&otp->lock);
    bool was_burning = otp->regs[PWE] & 1;
    otp->regs[reg] = reg == PA    ? (uint32_t)value & ADDRESS_MASK
                     : reg == PWE ? (uint32_t)value & 1
                                  : (uint32_t)value;
    if (reg == PWE && value & 1 && !was_burning)
        burn(otp);
    pthread_mutex_unlock(&otp->lock);
}

/* The fuses stay. */
static void otp_reset(struct device *device)
{
    struct otp *otp = (struct otp *)device;
    pthread_mutex_lock(&otp->lock);
    memset(otp->regs, 0, sizeof(otp->regs));
    pthread_mutex_unlock(&otp->lock);
}

static void reg_name(unsigned reg, char name[6])
{
    static const char pattern[] = "reg00";
    memcpy(name, pattern, sizeof(pattern));
    name[3] = (char)('0' + reg / 10);
    name[4] = (char)('0' + reg % 10);
}

static void otp_save(struct device *device, struct state_writer *writer)
{
    struct otp *otp = (struct otp *)device;
    char name[6];
    pthread_mutex_lock(&otp->lock);
    state_section(writer, otp->device.ops->name, 1);
    for (unsigned reg = 0; reg < REG_COUNT; reg++) {
        reg_name(reg, name);
        state_put(writer, name, otp->regs[reg]);
    }
    state_put_bytes(writer, "fuses", otp->fuses, sizeof(otp->fuses));
    pthread_mutex_unlock(&otp->lock);
}

static bool otp_load(struct device *device, struct state_reader *reader)
{
    struct otp *otp = (struct otp *)device;
    char name[6];
    if (!state_open(reader, otp->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&otp->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++) {
        reg_name(reg, name);
        uint32_t largest = reg == PA ? ADDRESS_MASK : reg == PWE ? 1 : UINT32_MAX;
        otp->regs[reg] = (uint32_t)state_get(reader, name, largest);
    }
    state_get_bytes(reader, "fuses", otp->fuses, sizeof(otp->fuses));
    pthread_mutex_unlock(&otp->lock);
    return !reader->failed;
}

static void otp_destroy(struct device *device)
{
    struct otp *otp = (struct otp *)device;
    pthread_mutex_destroy(&otp->lock);
    free(otp);
}

static int otp_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    (void)device;
    struct fdt_node node = fdt_node_begin(fdt, "otp", place);
    fdt_node_compatible(&node, "sifive,fu540-c000-otp");
    fdt_node_u32(&node, "fuse-count", FUSE_WORDS);
    return fdt_node_end(&node);
}

static const struct device_ops otp_ops = {
    .name = "sifive-u-otp",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = otp_read,
    .write = otp_write,
    .reset = otp_reset,
    .save = otp_save,
    .load = otp_load,
    .destroy = otp_destroy,
    .fdt = otp_fdt,
};

struct device *sifive_u_otp_create(uint32_t serial, struct error *error)
{
    struct otp *otp = calloc(1, sizeof(*otp));
    if (!otp) {
        error_set(error, "sifive-u-otp: out of memory");
        return NULL;
    }
    otp->device.ops = &otp_ops;
    memset(otp->fuses, 0xff, sizeof(otp->fuses));
    otp->fuses[SERIAL_WORD] = serial;
    otp->fuses[SERIAL_WORD + 1] = ~serial;
    pthread_mutex_init(&otp->lock, NULL);
    return &otp->device;
}
