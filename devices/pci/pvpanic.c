/* SPDX-License-Identifier: MIT
 *
 * See pvpanic.h. A read of the register's byte gives the events that the guest may report, a write reports
 * them. Nothing changes while the guest runs, so there is no lock and no state.
 */
#include "devices/pci/pvpanic.h"

#include <stdlib.h>

#include "util/log.h"

enum { BAR_REGISTER = 0, BAR_BYTES = 16, REG_EVENTS = 0 };

struct pvpanic {
    struct pci_function function; /* must be first */
    struct pvpanic_config config;
};

static uint64_t pvpanic_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    (void)bar, (void)size;
    return offset == REG_EVENTS ? ((struct pvpanic *)function)->config.events : 0;
}

static void pvpanic_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                          uint64_t value)
{
    static const struct {
        uint8_t bit;
        enum guest_event event;
    } rows[] = { { PVPANIC_PANICKED, GUEST_EVENT_PANICKED },
                 { PVPANIC_CRASHLOADED, GUEST_EVENT_CRASHLOADED },
                 { PVPANIC_SHUTDOWN, GUEST_EVENT_SHUTDOWN } };
    const struct pvpanic_config *config = &((struct pvpanic *)function)->config;
    (void)bar, (void)size;
    if (offset != REG_EVENTS || value & ~(uint64_t)config->events)
        LOG_GUEST("pvpanic: write of 0x%llx to offset 0x%llx: it takes 0x%x at 0", (unsigned long long)value,
                  (unsigned long long)offset, config->events);
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]) && offset == REG_EVENTS; n++)
        if (value & config->events & rows[n].bit)
            config->report(config->opaque, rows[n].event);
}

static void pvpanic_save(struct pci_function *function, struct state_writer *writer)
{
    (void)function;
    state_section(writer, "pvpanic", 1);
}

static bool pvpanic_load(struct pci_function *function, struct state_reader *reader)
{
    (void)function;
    return state_open(reader, "pvpanic", 1) != 0;
}

static void pvpanic_destroy(struct pci_function *function)
{
    pci_function_fini(function);
    free(function);
}

static const struct pci_function_ops pvpanic_ops = {
    .name = "pvpanic-pci",
    .access_max = 1,
    .read = pvpanic_read,
    .write = pvpanic_write,
    .save = pvpanic_save,
    .load = pvpanic_load,
    .destroy = pvpanic_destroy,
};

struct pci_function *pvpanic_create(const struct pvpanic_config *config, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x1b36,
        .device = 0x0011,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x088000, /* other system peripheral */
        .revision = 1,
    };
    struct pvpanic *pvpanic = calloc(1, sizeof(*pvpanic));
    if (!pvpanic) {
        error_set(error, "pvpanic-pci: out of memory");
        return NULL;
    }
    pvpanic->config = *config;
    pci_function_init(&pvpanic->function, &pvpanic_ops, &identity);
    pci_function_set_bar(&pvpanic->function, BAR_REGISTER, PCI_BAR_MEM32, BAR_BYTES, false);
    if (config->multifunction)
        pci_function_set_config(&pvpanic->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return &pvpanic->function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct pvpanic_config config = { plug->guest_event, plug->opaque, (uint8_t)plug->settings->events,
                                     plug->multifunction };
    return pvpanic_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "events", DEVICE_KEY_NUMBER, "what may be reported, a sum: 1 panic, 2 crash kernel, 4 power-off",
      DEVICE_SETTING(events), .most = PVPANIC_ALL, .fallback = PVPANIC_ALL },
    { .name = NULL },
};

const struct device_model pvpanic_model = {
    .name = "pvpanic-pci",
    .text = "tells the host that the guest has panicked (-action panic=)",
    .buses = DEVICE_BUS_PCI,
    .keys = model_keys,
    .create_pci = model_create,
};
