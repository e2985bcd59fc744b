/* SPDX-License-Identifier: MIT
 *
 * What the command line plugs into a machine, as lines of a recording's description.
 */
#include <stdio.h>
#include <stdlib.h>

#include "machine/internal.h"
#include "machine/timeline/timeline.h"

static void put_pci(FILE *out, const struct machine_config *config)
{
    for (unsigned n = 0; n < config->pci_count; n++) {
        const struct machine_pci *pci = &config->pci[n];
        if (pci->plug.model && !pci->left)
            fprintf(out, "plug %s, -device %u at addr=%x.%x\n", pci->plug.model->name, n + 1, pci->slot,
                    pci->function);
    }
}

char *timeline_describe_plugs(const struct machine_config *config)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX; n++)
        if (config->virtio[n].model)
            fprintf(out, "plug %s in slot %u\n", config->virtio[n].model->name, n);
    for (unsigned n = 0; n < MACHINE_PFLASH_BANKS_MAX; n++)
        if (config->pflash[n].present)
            fprintf(out, "plug pflash in bank %u\n", n);
    put_pci(out, config);
    for (unsigned n = 0; n < config->unit_count; n++)
        if (config->units[n].model)
            fprintf(out, "plug %s on controller %u\n", config->units[n].model->name,
                    config->units[n].controller);
    for (unsigned n = 0; n < config->usb_count; n++)
        if (config->usb[n].plug.model)
            fprintf(out, "plug %s in port %s\n", config->usb[n].plug.model->name, config->usb[n].path);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
