/* SPDX-License-Identifier: MIT
 *
 * A SATA controller with the interface of AHCI 1.3.1, as Intel's ICH9 has it: six ports for disks (ATA) and
 * CD drives (ATAPI, on the SCSI engine).
 */
#ifndef DEVICES_AHCI_AHCI_H
#define DEVICES_AHCI_AHCI_H

#include "devices/model.h"
#include "devices/pci/pci.h"

#define AHCI_PORTS 6u

struct ahci_config {
    const struct device_unit *units; /* copied; a unit's port is settings->target, less one */
    unsigned unit_count;
    struct dma *dma;
    bool multifunction;
};

/* NULL and *error if a value is impossible or the host has no memory or thread. */
struct pci_function *ahci_create(const struct ahci_config *config, struct error *error);

extern const struct device_model ahci_model, ide_hd_model, ide_cd_model;

#endif
