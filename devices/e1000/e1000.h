/* SPDX-License-Identifier: MIT
 *
 * Network cards of Intel as PCI functions: the 82540EM (e1000) and the 82574L (e1000e), with one queue in
 * each direction. They do checksums and segmentation of what the guest sends; what is not there is listed in
 * docs/network.md.
 */
#ifndef DEVICES_E1000_E1000_H
#define DEVICES_E1000_E1000_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/model.h"
#include "util/error.h"

struct e1000_config {
    bool is_e; /* the 82574L */
    bool multifunction;
    struct dma *dma;
    struct clock *clock;
    struct netdev *netdev; /* borrowed, and outlives the card; NULL: none */
    uint8_t mac[6];
};

/* Attaches itself to the netdev, whose thread then calls back, until the function is destroyed. NULL and
 * *error if the host has no memory. */
struct pci_function *e1000_create(const struct e1000_config *config, struct error *error);

extern const struct device_model e1000_model, e1000e_model;

#endif
