/* SPDX-License-Identifier: MIT
 *
 * The controller as a PCI function, with its global registers (section 3.1) and the ids of Intel's ICH9. And
 * the models, from which the command line makes it and what is on its ports.
 */
#include "devices/ahci/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/pci/msi.h"
#include "util/check.h"
#include "util/log.h"

enum { BAR_REGISTERS = 5, BAR_BYTES = 0x1000, MSI_AT = 0x80 };
enum { REG_CAP = 0x00, REG_GHC = 0x04, REG_IS = 0x08, REG_PI = 0x0c, REG_VERSION = 0x10, REG_PORTS = 0x100 };
enum { PORT_BYTES = 0x80 };
enum { GHC_RESET = 1u, GHC_INTERRUPTS = 2u };
#define GHC_AHCI (1u << 31)
/* 64-bit addresses, queued commands, 1.5 Gb/s, 32 slots. */
#define CAP_VALUE (1u << 31 | 1u << 30 | 1u << 20 | (AHCI_SLOTS - 1) << 8 | (AHCI_PORTS - 1))

/* ---- Registers ----------------------------------------------------------------------------------------- */

static bool is_idle(const struct ahci *ahci)
{
    bool idle = true;
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        idle &= !ahci->ports[n].busy || ahci->ports[n].rests;
    return idle;
}

/* A port whose command still runs ends its reset when that is over. */
static void reset_controller(struct ahci *ahci)
{
    ahci->ghc = GHC_AHCI;
    ahci->is = 0;
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_clear(&ahci->ports[n]);
    ahci_update_interrupts(ahci);
}

static uint32_t register_read(const struct ahci *ahci, unsigned offset)
{
    switch (offset) {
    case REG_CAP: return CAP_VALUE;
    case REG_GHC: return ahci->ghc;
    case REG_IS: return ahci->is;
    case REG_PI: return (1u << AHCI_PORTS) - 1;
    case REG_VERSION: return 0x10301;
    default: return 0;
    }
}

static void register_write(struct ahci *ahci, unsigned offset, uint32_t value)
{
    switch (offset) {
    case REG_GHC:
        if (value & GHC_RESET && is_idle(ahci))
            reset_controller(ahci);
        else
            ahci->ghc = GHC_AHCI | (value & (GHC_INTERRUPTS | GHC_RESET));
        break;
    case REG_IS: ahci->is &= ~value; break;
    default: LOG_GUEST("ahci: write of 0x%x to register 0x%x", value, offset);
    }
    ahci_update_interrupts(ahci);
}

void ahci_settle(struct ahci *ahci)
{
    CHECK_HELD(&ahci->lock);
    if (ahci->ghc & GHC_RESET && is_idle(ahci))
        reset_controller(ahci);
}

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct ahci *ahci = (struct ahci *)function;
    unsigned at = (unsigned)offset & ~3u, port = (at - REG_PORTS) / PORT_BYTES;
    uint32_t value = 0;
    (void)bar;
    pthread_mutex_lock(&ahci->lock);
    if (at < REG_PORTS)
        value = register_read(ahci, at);
    else if (port < AHCI_PORTS)
        value = ahci_port_read(&ahci->ports[port], at % PORT_BYTES);
    pthread_mutex_unlock(&ahci->lock);
    value >>= 8 * (offset & 3);
    return size < 4 ? value & ((1u << 8 * size) - 1) : value;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct ahci *ahci = (struct ahci *)function;
    unsigned at = (unsigned)offset, port = (at - REG_PORTS) / PORT_BYTES;
    (void)bar;
    if (size != 4) {
        LOG_GUEST("ahci: write of %u bytes to offset 0x%x", size, at);
        return;
    }
    pthread_mutex_lock(&ahci->lock);
    if (at < REG_PORTS)
        register_write(ahci, at, (uint32_t)value);
    else if (port < AHCI_PORTS)
        ahci_port_write(&ahci->ports[port], at % PORT_BYTES, (uint32_t)value);
    pthread_mutex_unlock(&ahci->lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

void ahci_pause(struct ahci *ahci)
{
    CHECK_HELD(&ahci->lock);
    ahci->pauses++;
    device_worker_wait_idle(&ahci->worker);
}

void ahci_resume(struct ahci *ahci)
{
    CHECK_HELD(&ahci->lock);
    ahci->pauses--;
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_kick(&ahci->ports[n]);
}

/* A function that may not master the bus takes no commands, and touches no memory. */
static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct ahci *ahci = (struct ahci *)function;
    if (!pci_config_overlaps(offset, size, PCI_COMMAND, 2))
        return;
    pthread_mutex_lock(&ahci->lock);
    bool stopped = !pci_function_is_bus_master(function);
    if (stopped != ahci->stopped) {
        ahci->stopped = stopped;
        ahci_pause(ahci);
        ahci_resume(ahci);
    }
    pthread_mutex_unlock(&ahci->lock);
}

static void function_reset(struct pci_function *function)
{
    struct ahci *ahci = (struct ahci *)function;
    pthread_mutex_lock(&ahci->lock);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_forget(&ahci->ports[n]);
    ahci_pause(ahci);
    ahci->stopped = !pci_function_is_bus_master(function);
    reset_controller(ahci);
    ahci_resume(ahci);
    pthread_mutex_unlock(&ahci->lock);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct ahci *ahci = (struct ahci *)function;
    pthread_mutex_lock(&ahci->lock);
    (held ? ahci_pause : ahci_resume)(ahci);
    pthread_mutex_unlock(&ahci->lock);
}

static void ahci_free(struct ahci *ahci)
{
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        scsi_unit_destroy(ahci->ports[n].cd);
    pthread_mutex_destroy(&ahci->lock);
    pci_function_fini(&ahci->function);
    free(ahci);
}

static void function_destroy(struct pci_function *function)
{
    struct ahci *ahci = (struct ahci *)function;
    pthread_mutex_lock(&ahci->lock);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_forget(&ahci->ports[n]);
    ahci->pauses++;
    pthread_mutex_unlock(&ahci->lock);
    device_worker_stop(&ahci->worker);
    ahci_free(ahci);
}

static const struct pci_function_ops ahci_ops = {
    .name = "ich9-ahci",
    .access_max = 4,
    .read = bar_read,
    .write = bar_write,
    .config_written = config_written,
    .reset = function_reset,
    .hold = function_hold,
    .save = ahci_save,
    .load = ahci_load,
    .destroy = function_destroy,
};

/* ---- Making it ----------------------------------------------------------------------------------------- */

static bool plug_unit(struct ahci *ahci, const struct device_unit *unit, struct error *error)
{
    const struct device_settings *settings = unit->settings;
    unsigned number = settings->target - 1;
    struct ahci_port *port = &ahci->ports[number];
    bool cd = unit->model == &ide_cd_model;
    if (number >= AHCI_PORTS || port->disk || port->cd)
        return error_set(error, "ahci: port %u is taken, or there is none", number);
    port->on_error = *unit->on_error;
    port->rotation_rate = settings->rotation_rate;
    port->wwn = settings->wwn;
    snprintf(port->serial, sizeof(port->serial), "%s", settings->serial ? settings->serial : "");
    if (!settings->serial)
        snprintf(port->serial, sizeof(port->serial), "QM%05u", number + 1);
    snprintf(port->model, sizeof(port->model), "%s",
             settings->product ? settings->product
             : cd              ? "QEMU DVD-ROM"
                               : "QEMU HARDDISK");
    if (!cd) {
        port->disk = unit->disk;
        return true;
    }
    port->cd = scsi_unit_plug(unit, NULL, 0, true, error);
    if (port->cd && unit->made)
        *unit->made = port->cd;
    return port->cd != NULL;
}

static void make_function(struct ahci *ahci, bool multifunction)
{
    static const struct pci_identity identity = {
        .vendor = 0x8086,
        .device = 0x2922,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x010601, /* mass storage, SATA, AHCI */
        .revision = 2,
        .interrupt_pin = 1,
    };
    pci_function_init(&ahci->function, &ahci_ops, &identity);
    pci_function_set_bar(&ahci->function, BAR_REGISTERS, PCI_BAR_MEM32, BAR_BYTES, false);
    pci_msi_add(&ahci->function, MSI_AT, 1);
    if (multifunction)
        pci_function_set_config(&ahci->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
}

struct pci_function *ahci_create(const struct ahci_config *config, struct error *error)
{
    struct ahci *ahci = calloc(1, sizeof(*ahci));
    struct device_worker_config worker = { .device = "ahci",
                                           .name = "ahci",
                                           .role = THREAD_WORKER,
                                           .threads = AHCI_PORTS,
                                           .run = ahci_run,
                                           .opaque = ahci };
    bool ok = ahci != NULL;
    if (!ahci) {
        error_set(error, "ahci: out of memory");
        return NULL;
    }
    worker.lock = &ahci->lock;
    ahci->dma = config->dma;
    ahci->stopped = true; /* no bus mastering yet */
    pthread_mutex_init(&ahci->lock, NULL);
    make_function(ahci, config->multifunction);
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci->ports[n].ahci = ahci;
        ahci->ports[n].number = n;
    }
    for (unsigned n = 0; n < config->unit_count && ok; n++)
        ok = plug_unit(ahci, &config->units[n], error);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_init(&ahci->ports[n]);
    ahci->ghc = GHC_AHCI;
    if (!ok || !device_worker_start(&ahci->worker, &worker, error)) {
        ahci_free(ahci);
        return NULL;
    }
    return &ahci->function;
}

/* ---- The models ---------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct ahci_config config = { plug->units, plug->unit_count, plug->dma, plug->multifunction };
    return ahci_create(&config, error);
}

static const struct device_key no_keys[] = { { .name = NULL } };

const struct device_model ahci_model = {
    .name = "ahci",
    .alias = "ich9-ahci",
    .text = "a SATA controller for ide-hd and ide-cd",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_UNITS,
    .boot_node = "pci8086,2922",
    .keys = no_keys,
    .create_pci = model_create,
};

/* What both kinds have: rows of the two lists. */
#define KEY_BUS                                                                                              \
    "bus", DEVICE_KEY_TEXT, "ID.PORT, of an ahci with id=ID; without it, the first that is free",            \
        DEVICE_SETTING(carrier)
#define KEY_UNIT "unit", DEVICE_KEY_NUMBER, "a port has only 0", DEVICE_SETTING(channel), .most = 0
#define KEY_SERIAL                                                                                           \
    "serial", DEVICE_KEY_TEXT, "what the guest reads as its serial number", DEVICE_SETTING(serial)
#define KEY_MODEL "model", DEVICE_KEY_TEXT, "up to 40 characters", DEVICE_SETTING(product)
#define KEY_WWN   "wwn", DEVICE_KEY_NUMBER, "its world wide name", DEVICE_SETTING(wwn), .most = UINT64_MAX
#define KEY_BOOT                                                                                             \
    "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it", DEVICE_SETTING(boot_index)

static const struct device_key disk_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev", DEVICE_SETTING(backend), .needed = "ID" },
    { KEY_BUS },
    { KEY_UNIT },
    { KEY_SERIAL },
    { KEY_MODEL },
    { KEY_WWN },
    { KEY_BOOT },
    BLOCK_ON_ERROR_KEYS,
    { "rotation_rate", DEVICE_KEY_NUMBER, "turns a minute; 1: it does not turn, as SSDs",
      DEVICE_SETTING(rotation_rate), .most = UINT16_MAX },
    { .name = NULL },
};

static const struct device_key cd_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev; without it, there is no medium",
      DEVICE_SETTING(backend) },
    { KEY_BUS },
    { KEY_UNIT },
    { KEY_SERIAL },
    { KEY_MODEL },
    { KEY_BOOT },
    BLOCK_ON_ERROR_KEYS,
    { .name = NULL },
};

/* Only a controller makes these. */
const struct device_model ide_hd_model = {
    .name = "ide-hd",
    .text = "a disk on an ahci",
    .buses = DEVICE_BUS_IDE,
    .backend = DEVICE_BACKEND_DISK,
    .keys = disk_keys,
};
const struct device_model ide_cd_model = {
    .name = "ide-cd",
    .text = "a CD drive on an ahci",
    .buses = DEVICE_BUS_IDE,
    .backend = DEVICE_BACKEND_DISK,
    .keys = cd_keys,
};
