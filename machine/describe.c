/* SPDX-License-Identifier: MIT
 *
 * What the monitor tells of the PCI bus and the networks (`info pci`, `info network`): text, a line a thing.
 * The lists are constant once the machine is made; what the guest sets on the bus is read under its lock.
 */
#include <inttypes.h>

#include "devices/pci_host.h"
#include "machine/board.h"

/* ---- PCI ---------------------------------------------------------------------------------------------- */

static void print_bar(const struct pci_bar *bar, FILE *out)
{
    static const char *const kinds[] = {
        [PCI_BAR_IO] = "I/O", [PCI_BAR_MEM32] = "32 bit memory", [PCI_BAR_MEM64] = "64 bit memory"
    };
    uint64_t base = atomic_load(&bar->base);
    if (bar->kind == PCI_BAR_NONE)
        return;
    fprintf(out, "    BAR%u: %s, 0x%" PRIx64 " bytes, ", bar->index, kinds[bar->kind], bar->size);
    if (base == PCI_UNMAPPED)
        fprintf(out, "not mapped\n");
    else
        fprintf(out, "at 0x%" PRIx64 "\n", base);
}

static void print_function(struct pci_function *function, FILE *out)
{
    unsigned pin = pci_config_peek(function, PCI_INTERRUPT_PIN, 1);
    fprintf(out, "00:%02x.%x %s: %04x:%04x class %04x", function->slot, function->number, function->ops->name,
            pci_config_peek(function, PCI_VENDOR_ID, 2), pci_config_peek(function, PCI_DEVICE_ID, 2),
            pci_config_peek(function, PCI_CLASS + 1, 2));
    if (pin)
        fprintf(out, ", INT%c", (int)('A' + pin - 1));
    if (function->msix.vectors)
        fprintf(out, ", %u MSI-X vectors", function->msix.vectors);
    fprintf(out, "%s\n", pci_function_is_bus_master(function) ? ", bus master" : "");
    for (unsigned i = 0; i < PCI_BARS; i++)
        print_bar(&function->bars[i], out);
}

static void print_pci(void *opaque, FILE *out)
{
    const struct pci_bus *bus = opaque;
    for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++) {
        if (bus->functions[i])
            print_function(bus->functions[i], out);
    }
}

/* ---- Networks ----------------------------------------------------------------------------------------- */

static void print_card(const struct machine_virtio *card, const char *place, FILE *out)
{
    const uint8_t *mac = card->mac;
    if (card->kind == MACHINE_VIRTIO_NET)
        fprintf(out, "    card at %s: virtio-net, %02x:%02x:%02x:%02x:%02x:%02x\n", place, mac[0], mac[1],
                mac[2], mac[3], mac[4], mac[5]);
}

/* The cards on a network, by its number; 0: those on none. */
static void print_cards(const struct machine_config *config, unsigned netdev, FILE *out)
{
    char place[40];
    for (unsigned i = 0; i < MACHINE_VIRTIO_SLOTS; i++) {
        snprintf(place, sizeof(place), "virtio-mmio-bus.%u", i);
        if (config->virtio[i].netdev == netdev)
            print_card(&config->virtio[i], place, out);
    }
    for (unsigned i = 0; i < config->pci_count; i++) {
        snprintf(place, sizeof(place), "PCI 00:%02x.%x", config->pci[i].slot, config->pci[i].function);
        if (config->pci[i].virtio.netdev == netdev)
            print_card(&config->pci[i].virtio, place, out);
    }
}

static void print_network(const struct machine_netdev *netdev, unsigned number, FILE *out)
{
    const struct netdev_slirp_config *user = &netdev->user;
    fprintf(out, "network %u, %s: user network %s%s%s\n", number, netdev->id ? netdev->id : "without an id",
            user->net ? user->net : "10.0.2.0/24", user->restricted ? ", restricted" : "",
            netdev->used ? "" : ", no card");
    for (unsigned i = 0; user->hostfwd[i]; i++)
        fprintf(out, "    forwards %s\n", user->hostfwd[i]);
    for (unsigned i = 0; user->guestfwd[i]; i++)
        fprintf(out, "    forwards from the guest %s\n", user->guestfwd[i]);
    for (unsigned i = 0; i < netdev->dump_count; i++)
        fprintf(out, "    copied to %s\n", netdev->dumps[i].file);
}

static void print_networks(void *opaque, FILE *out)
{
    const struct machine_config *config = opaque;
    for (unsigned i = 0; i < config->netdev_count; i++) {
        print_network(&config->netdevs[i], i + 1, out);
        print_cards(config, i + 1, out);
    }
    print_cards(config, 0, out);
}

void board_describe(struct machine *machine, struct pci_bus *pci)
{
    machine_set_topic(machine, MACHINE_TOPIC_PCI, print_pci, pci);
    machine_set_topic(machine, MACHINE_TOPIC_NETWORK, print_networks, &machine->config);
}
