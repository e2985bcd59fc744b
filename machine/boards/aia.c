/* SPDX-License-Identifier: MIT
 *
 * The advanced interrupt controllers of the board `virt` (-machine aia=): an APLIC in the place of the PLIC,
 * and with aplic-imsic the pages of the harts' interrupt files, to which the APLIC and PCI functions send
 * messages. Addresses and inputs are those of QEMU's board.
 */
#include "devices/platform/aplic.h"
#include "devices/platform/imsic.h"
#include "machine/boards/boards.h"

#define APLIC_M_BASE  UINT64_C(0xc000000)
#define APLIC_S_BASE  UINT64_C(0xd000000)
#define IMSIC_M_BASE  UINT64_C(0x24000000)
#define IMSIC_S_BASE  UINT64_C(0x28000000)
#define APLIC_SOURCES 96

/* Numbers of FDT_PHANDLE_OTHER(); the APLIC of S-mode has the PLIC's, since devices name it as theirs. */
enum { PHANDLE_APLIC_M, PHANDLE_IMSIC_M, PHANDLE_IMSIC_S };

static uint32_t phandle(const struct machine *machine, unsigned number)
{
    return FDT_PHANDLE_OTHER(machine->hart_count, number);
}

static bool has_files(const struct machine *machine)
{
    return machine->config.aia == MACHINE_AIA_APLIC_IMSIC;
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

static void receive_m(void *opaque, unsigned hart, unsigned guest, unsigned identity)
{
    struct machine *machine = opaque;
    (void)guest;
    harts_set_irq(machine->harts[hart], HART_MSI_TO(0, identity), true);
}

static void receive_s(void *opaque, unsigned hart, unsigned guest, unsigned identity)
{
    struct machine *machine = opaque;
    harts_set_irq(machine->harts[hart], HART_MSI_TO(1 + guest, identity), true);
}

/* The devices of the interrupt files come behind those of the APLIC. */
static bool send_message(void *opaque, uint64_t address, uint32_t data)
{
    const struct machine *machine = opaque;
    for (unsigned n = APLIC_LEVELS; n < 2 * APLIC_LEVELS; n++) {
        const struct fdt_device *files = &machine->devices[n];
        if (address - files->place.base < files->place.size)
            return imsic_send(files->device, address - files->place.base, data);
    }
    return false;
}

struct pci_msi_target board_aia_messages(struct machine *machine)
{
    return has_files(machine) ? (struct pci_msi_target){ send_message, machine }
                              : (struct pci_msi_target){ .send = NULL };
}

uint32_t board_aia_msi_parent(const struct machine *machine)
{
    return has_files(machine) ? phandle(machine, PHANDLE_IMSIC_S) : 0;
}

/* ---- Making them --------------------------------------------------------------------------------------- */

static bool create_aplic(struct machine *machine, struct error *error)
{
    struct aplic_hart harts[MACHINE_HARTS_MAX];
    struct device *devices[APLIC_LEVELS];
    for (unsigned i = 0; i < machine->hart_count; i++)
        harts[i] = (struct aplic_hart){ .lines = { board_hart_line(machine, i, BOARD_IRQ_M_EXT),
                                                   board_hart_line(machine, i, BOARD_IRQ_S_EXT) },
                                        .intc_phandle = FDT_PHANDLE_INTC(i) };
    struct aplic_config config = {
        .source_count = APLIC_SOURCES,
        .guest_bits = machine_guest_bits(machine),
        .hart_count = machine->hart_count,
        .harts = harts,
        .phandles = { phandle(machine, PHANDLE_APLIC_M), FDT_PHANDLE_PLIC(machine->hart_count) },
        .msi_phandles = { phandle(machine, PHANDLE_IMSIC_M), phandle(machine, PHANDLE_IMSIC_S) },
        .send = has_files(machine) ? send_message : NULL,
        .opaque = machine,
    };
    return aplic_create(&config, devices, error) &&
           board_add_device(machine, devices[APLIC_M], APLIC_M_BASE, 0, NULL, error) &&
           board_add_device(machine, devices[APLIC_S], APLIC_S_BASE, 0, NULL, error);
}

static bool create_files(struct machine *machine, bool supervisor, struct error *error)
{
    uint32_t phandles[MACHINE_HARTS_MAX];
    for (unsigned i = 0; i < machine->hart_count; i++)
        phandles[i] = FDT_PHANDLE_INTC(i);
    struct imsic_config config = {
        .hart_count = machine->hart_count,
        .intc_phandles = phandles,
        .hart_irq = supervisor ? BOARD_IRQ_S_EXT : BOARD_IRQ_M_EXT,
        .phandle = phandle(machine, supervisor ? PHANDLE_IMSIC_S : PHANDLE_IMSIC_M),
        .identities = HART_FILE_IDS - 1,
        .guest_bits = supervisor ? machine_guest_bits(machine) : 0,
        .receive = supervisor ? receive_s : receive_m,
        .opaque = machine,
    };
    struct device *device = imsic_create(&config, error);
    return device &&
           board_add_device(machine, device, supervisor ? IMSIC_S_BASE : IMSIC_M_BASE, 0, NULL, error);
}

bool board_aia_create(struct machine *machine, struct error *error)
{
    return create_aplic(machine, error) && (!has_files(machine) || (create_files(machine, false, error) &&
                                                                    create_files(machine, true, error)));
}
