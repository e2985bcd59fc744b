/* SPDX-License-Identifier: MIT
 *
 * The registers of an APLIC's domains; see aplic.h. aplic_source.c has what they do to the sources.
 */
#include "devices/platform/aplic_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

enum {
    DOMAINCFG = 0,
    SOURCECFG_END = 0x1000, /* sourcecfg[1] is at 4 */
    ADDRCFG = 0x1bc0,
    ADDRCFG_END = 0x1bd0,
    SETIP = 0x1c00,
    SETIPNUM = 0x1cdc,
    IN_CLRIP = 0x1d00,
    CLRIPNUM = 0x1ddc,
    SETIE = 0x1e00,
    SETIENUM = 0x1edc,
    CLRIE = 0x1f00,
    CLRIENUM = 0x1fdc,
    SETIPNUM_LE = 0x2000,
    SETIPNUM_BE = 0x2004,
    GENMSI = 0x3000,
    TARGET = 0x3000, /* target[1] is at 0x3004 */
    TARGET_END = 0x4000,
    IDC = 0x4000,
    IDC_SIZE = 32,
    WINDOW_SIZE = 0x8000
};
enum { IDELIVERY = 0, IFORCE = 4, ITHRESHOLD = 8, TOPI = 0x18, CLAIMI = 0x1c };

#define ADDRCFG_LOCKED (1u << 31)
/* What mmsiaddrcfgh and smsiaddrcfgh hold besides L. */
const uint32_t aplic_addrcfg_masks[4] = { UINT32_MAX, 0x9f77ffff, UINT32_MAX, 0x00700fff };

/* ---- Arrays of bits ------------------------------------------------------------------------------------ */

/* Returns the index of a register of an array that begins at `first`; -1: it is none of them. */
static int array_index(const struct aplic_domain *domain, uint64_t offset, uint64_t first)
{
    return offset >= first && offset < first + 4ull * domain->aplic->words ? (int)(offset - first) / 4 : -1;
}

static uint32_t inputs(const struct aplic_domain *domain, unsigned word)
{
    uint32_t value = 0;
    for (unsigned bit = 0; bit < 32; bit++)
        if (aplic_is_source(domain, word * 32 + bit) && aplic_input_high(domain, word * 32 + bit))
            value |= 1u << bit;
    return value;
}

static uint32_t read_bits(const struct aplic_domain *domain, uint64_t offset)
{
    int word;
    if ((word = array_index(domain, offset, SETIP)) >= 0)
        return domain->pending[word];
    if ((word = array_index(domain, offset, IN_CLRIP)) >= 0)
        return inputs(domain, (unsigned)word);
    if ((word = array_index(domain, offset, SETIE)) >= 0)
        return domain->enable[word];
    return 0; /* the others, and what does not exist */
}

static void set_enable(struct aplic_domain *domain, unsigned source, bool value)
{
    if (aplic_active(domain, source))
        aplic_set_bit(domain->enable, source, value);
}

typedef void change_fn(struct aplic_domain *domain, unsigned source, bool value);

static void change_one(struct aplic_domain *domain, uint64_t source, change_fn *change, bool value)
{
    if (aplic_is_source(domain, source))
        change(domain, (unsigned)source, value);
}

static void write_bits(struct aplic_domain *domain, uint64_t offset, uint32_t value)
{
    static const struct {
        unsigned array, number;
        change_fn *change;
        bool value;
    } rows[] = { { SETIP, SETIPNUM, aplic_write_pending, true },
                 { IN_CLRIP, CLRIPNUM, aplic_write_pending, false },
                 { SETIE, SETIENUM, set_enable, true },
                 { CLRIE, CLRIENUM, set_enable, false } };
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        int word = array_index(domain, offset, rows[n].array);
        for (uint32_t bits = word >= 0 ? value : 0; bits; bits &= bits - 1)
            change_one(domain, (unsigned)word * 32 + (unsigned)__builtin_ctz(bits), rows[n].change,
                       rows[n].value);
        if (offset == rows[n].number)
            change_one(domain, value, rows[n].change, rows[n].value);
    }
    if (offset == SETIPNUM_LE || offset == SETIPNUM_BE)
        change_one(domain, offset == SETIPNUM_BE ? __builtin_bswap32(value) : value, aplic_write_pending,
                   true);
    aplic_deliver(domain);
}

/* ---- A hart's registers, of domains that deliver by wires ---------------------------------------------- */

/* Returns the hart whose registers are at an offset; -1: nobody's. */
static int idc_hart(const struct aplic_domain *domain, uint64_t offset)
{
    uint64_t hart = (offset - IDC) / IDC_SIZE;
    return !domain->aplic->config.send && hart < domain->aplic->config.hart_count ? (int)hart : -1;
}

static uint32_t read_idc(struct aplic_domain *domain, uint64_t offset)
{
    int hart = idc_hart(domain, offset);
    if (hart < 0)
        return 0;
    const struct aplic_idc *idc = &domain->idc[hart];
    switch (offset % IDC_SIZE) {
    case IDELIVERY: return idc->delivers;
    case IFORCE: return idc->forced;
    case ITHRESHOLD: return idc->threshold;
    case TOPI: return aplic_top(domain, (unsigned)hart);
    case CLAIMI: return aplic_claim(domain, (unsigned)hart);
    default: return 0;
    }
}

static void write_idc(struct aplic_domain *domain, uint64_t offset, uint32_t value)
{
    int hart = idc_hart(domain, offset);
    if (hart < 0)
        return;
    struct aplic_idc *idc = &domain->idc[hart];
    switch (offset % IDC_SIZE) {
    case IDELIVERY: idc->delivers = value & 1; break;
    case IFORCE: idc->forced = value & 1; break;
    case ITHRESHOLD: idc->threshold = (uint8_t)value; break;
    default: return;
    }
    aplic_deliver(domain);
}

/* ---- All registers ------------------------------------------------------------------------------------- */

static uint32_t read_register(struct aplic_domain *domain, uint64_t offset)
{
    const struct aplic *aplic = domain->aplic;
    if (offset == DOMAINCFG)
        return 0x80000000u | (domain->enabled ? APLIC_IE : 0) | (aplic->config.send ? APLIC_DM : 0);
    if (offset < SOURCECFG_END)
        return aplic_is_source(domain, offset / 4) ? domain->sourcecfg[offset / 4] : 0;
    if (offset >= ADDRCFG && offset < ADDRCFG_END)
        return domain->level == APLIC_M ? aplic->addrcfg[(offset - ADDRCFG) / 4] : 0;
    if (offset < GENMSI)
        return read_bits(domain, offset);
    if (offset == GENMSI)
        return domain->genmsi;
    if (offset < TARGET_END)
        return aplic_is_source(domain, (offset - TARGET) / 4) ? domain->target[(offset - TARGET) / 4] : 0;
    return read_idc(domain, offset);
}

static void write_addrcfg(struct aplic_domain *domain, unsigned n, uint32_t value)
{
    struct aplic *aplic = domain->aplic;
    if (domain->level == APLIC_M && aplic->config.send && !(aplic->addrcfg[1] & ADDRCFG_LOCKED))
        aplic->addrcfg[n] = value & aplic_addrcfg_masks[n];
}

static void write_genmsi(struct aplic_domain *domain, uint32_t value)
{
    if (!domain->aplic->config.send)
        return;
    domain->genmsi = value & 0xfffc07ff;
    aplic_send_extempore(domain);
}

static void write_register(struct aplic_domain *domain, uint64_t offset, uint32_t value)
{
    if (offset == DOMAINCFG) {
        domain->enabled = value & APLIC_IE;
        aplic_deliver(domain);
    } else if (offset < SOURCECFG_END) {
        if (aplic_is_source(domain, offset / 4))
            aplic_write_sourcecfg(domain, (unsigned)offset / 4, value);
    } else if (offset >= ADDRCFG && offset < ADDRCFG_END) {
        write_addrcfg(domain, (unsigned)(offset - ADDRCFG) / 4, value);
    } else if (offset < GENMSI) {
        write_bits(domain, offset, value);
    } else if (offset == GENMSI) {
        write_genmsi(domain, value);
    } else if (offset < TARGET_END) {
        if (aplic_is_source(domain, (offset - TARGET) / 4))
            aplic_write_target(domain, (unsigned)(offset - TARGET) / 4, value);
    } else {
        write_idc(domain, offset, value);
    }
}

static uint64_t aplic_read(struct device *device, uint64_t offset, unsigned size)
{
    struct aplic_domain *domain = aplic_domain_of(device);
    (void)size;
    pthread_mutex_lock(&domain->aplic->lock);
    uint32_t value = read_register(domain, offset);
    pthread_mutex_unlock(&domain->aplic->lock);
    return value;
}

static void aplic_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct aplic_domain *domain = aplic_domain_of(device);
    (void)size;
    pthread_mutex_lock(&domain->aplic->lock);
    write_register(domain, offset, (uint32_t)value);
    pthread_mutex_unlock(&domain->aplic->lock);
}

/* ---- As a device --------------------------------------------------------------------------------------- */

/* The child's state is with the root's. */
static void child_save(struct device *device, struct state_writer *writer)
{
    (void)device, (void)writer;
}

static bool child_load(struct device *device, struct state_reader *reader)
{
    (void)device;
    return !reader->failed;
}

static void child_destroy(struct device *device)
{
    (void)device;
}

static void aplic_destroy(struct device *device)
{
    struct aplic *aplic = aplic_domain_of(device)->aplic;
    pthread_mutex_destroy(&aplic->lock);
    for (unsigned level = 0; level < APLIC_LEVELS; level++)
        free(aplic->domains[level].idc);
    free(aplic->harts);
    free(aplic);
}

/* ---- The device tree (binding riscv,aplic) ------------------------------------------------------------- */

static void fdt_targets(struct fdt_node *node, const struct aplic_domain *domain)
{
    const struct aplic *aplic = domain->aplic;
    if (aplic->config.send) {
        fdt_node_u32(node, "msi-parent", aplic->config.msi_phandles[domain->level]);
        return;
    }
    fdt32_t *wiring = fdt_node_cells(node, "interrupts-extended", aplic->config.hart_count * 2);
    for (unsigned i = 0; wiring && i < aplic->config.hart_count; i++) {
        fdt32_st(&wiring[i * 2], aplic->harts[i].intc_phandle);
        fdt32_st(&wiring[i * 2 + 1], domain->level == APLIC_M ? 11 : 9);
    }
}

/* Firmware delegates all sources to S-mode. */
static void fdt_delegation(struct fdt_node *node, const struct aplic *aplic)
{
    static const char *const names[] = { "riscv,delegation", "riscv,delegate" }; /* now, and before */
    fdt_node_u32(node, "riscv,children", aplic->config.phandles[APLIC_S]);
    for (unsigned n = 0; n < 2; n++) {
        fdt32_t *cells = fdt_node_cells(node, names[n], 3);
        if (!cells)
            continue;
        fdt32_st(&cells[0], aplic->config.phandles[APLIC_S]);
        fdt32_st(&cells[1], 1);
        fdt32_st(&cells[2], aplic->config.source_count);
    }
}

static int aplic_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct aplic_domain *domain = aplic_domain_of(device);
    struct fdt_node node = fdt_node_begin(fdt, "interrupt-controller", place);
    fdt_node_compatible(&node, "qemu,aplic\0riscv,aplic");
    fdt_node_bytes(&node, "interrupt-controller", NULL, 0);
    fdt_node_u32(&node, "#interrupt-cells", 2);
    fdt_node_u32(&node, "#address-cells", 0);
    fdt_node_u32(&node, "riscv,num-sources", domain->aplic->config.source_count);
    fdt_node_u32(&node, "phandle", domain->aplic->config.phandles[domain->level]);
    fdt_targets(&node, domain);
    if (domain->level == APLIC_M)
        fdt_delegation(&node, domain->aplic);
    return fdt_node_end(&node);
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

static const struct device_ops root_ops = {
    .name = "aplic",
    .size = WINDOW_SIZE,
    .access_min = 4,
    .access_max = 4,
    .read = aplic_read,
    .write = aplic_write,
    .reset = aplic_reset,
    .save = aplic_save,
    .load = aplic_load,
    .destroy = aplic_destroy,
    .fdt = aplic_fdt,
};

static const struct device_ops child_ops = {
    .name = "aplic-s",
    .size = WINDOW_SIZE,
    .access_min = 4,
    .access_max = 4,
    .read = aplic_read,
    .write = aplic_write,
    .reset = aplic_reset,
    .save = child_save,
    .load = child_load,
    .destroy = child_destroy,
    .fdt = aplic_fdt,
};

static bool fill(struct aplic *aplic, const struct aplic_config *config)
{
    aplic->config = *config;
    aplic->words = config->source_count / 32 + 1;
    pthread_mutex_init(&aplic->lock, NULL);
    aplic->harts = calloc(config->hart_count, sizeof(*aplic->harts));
    bool ok = aplic->harts;
    for (unsigned level = 0; level < APLIC_LEVELS; level++) {
        struct aplic_domain *domain = &aplic->domains[level];
        domain->device.ops = level == APLIC_M ? &root_ops : &child_ops;
        domain->aplic = aplic;
        domain->level = (enum aplic_level)level;
        domain->idc = calloc(config->hart_count, sizeof(*domain->idc));
        ok &= domain->idc != NULL;
    }
    if (ok)
        memcpy(aplic->harts, config->harts, config->hart_count * sizeof(*aplic->harts));
    return ok;
}

bool aplic_create(const struct aplic_config *config, struct device *devices[APLIC_LEVELS],
                  struct error *error)
{
    if (!config->source_count || config->source_count > APLIC_SOURCES_MAX || !config->hart_count ||
        config->hart_count > APLIC_HARTS_MAX)
        return error_set(error, "aplic: %u sources and %u harts; it has at most %u and %u",
                         config->source_count, config->hart_count, APLIC_SOURCES_MAX, APLIC_HARTS_MAX);
    struct aplic *aplic = calloc(1, sizeof(*aplic));
    if (!aplic)
        return error_set(error, "aplic: out of memory");
    if (!fill(aplic, config)) {
        aplic_destroy(&aplic->domains[APLIC_M].device);
        return error_set(error, "aplic: out of memory");
    }
    for (unsigned level = 0; level < APLIC_LEVELS; level++)
        devices[level] = &aplic->domains[level].device;
    return true;
}
