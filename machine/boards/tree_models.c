/* SPDX-License-Identifier: MIT
 *
 * The devices that Rvive makes for a device tree, by `compatible`; see tree.h. A device may come in several
 * forms: `fits` says whether the tree has the form that is here.
 */
#include <inttypes.h>
#include <string.h>

#include "devices/platform/aclint.h"
#include "devices/platform/pflash_cfi.h"
#include "devices/platform/plic.h"
#include "devices/platform/rtc_goldfish.h"
#include "devices/platform/sifive_gpio.h"
#include "devices/platform/sifive_pdma.h"
#include "devices/platform/sifive_spi.h"
#include "devices/platform/sifive_test.h"
#include "devices/platform/sifive_u_l2cc.h"
#include "devices/platform/sifive_u_otp.h"
#include "devices/platform/sifive_u_prci.h"
#include "devices/platform/sifive_uart.h"
#include "devices/platform/syscon.h"
#include "devices/platform/uart16550.h"
#include "machine/boards/tree.h"
#include "util/log.h"

#define PAGE            UINT64_C(4096)
#define SCREEN_MAX      (UINT64_C(1) << 30)
#define MTIMECMP_OFFSET UINT64_C(0x4000) /* of a CLINT */
#define MTIME_OFFSET    UINT64_C(0xbff8)
#define PLIC_SOURCES    127 /* if the tree does not say */

/* ---- Lines --------------------------------------------------------------------------------------------- */

/* Wire number `n` of a device; *number is 0 if it leads nowhere. */
static struct irq_line line_of(const struct board_tree *tree, uint32_t node, unsigned n, unsigned *number)
{
    struct tree_wires wires = tree_wires(tree, node);
    uint32_t controller, input;
    *number = 0;
    while (tree_next_wire(&wires, &controller, &input)) {
        if (n-- > 0)
            continue;
        if (!tree->plic || controller != tree->plic_node || !input || input > PLIC_SOURCES_MAX)
            break;
        *number = input;
        return plic_input(tree->plic, input);
    }
    return (struct irq_line){ .set = NULL };
}

static void lines_of(const struct board_tree *tree, uint32_t node, struct irq_line *lines, unsigned count)
{
    unsigned ignored;
    for (unsigned n = 0; n < count; n++)
        lines[n] = line_of(tree, node, n, &ignored);
}

static bool add(struct machine *machine, const struct board_tree *tree, const struct tree_device *what,
                struct device *device, struct error *error)
{
    unsigned irq;
    line_of(tree, what->node, 0, &irq);
    return device && board_add_device(machine, device, what->range.base, irq, NULL, error);
}

/* ---- Interrupt controllers and timers ------------------------------------------------------------------ */

static bool add_plic(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    struct plic_context contexts[2 * MACHINE_HARTS_MAX];
    struct tree_wires wires = tree_wires(tree, what->node);
    struct plic_config config = { .contexts = contexts, .strict = machine->config.strict };
    uint32_t controller, number;
    uint64_t sources = PLIC_SOURCES;
    while (config.context_count < 2 * MACHINE_HARTS_MAX && tree_next_wire(&wires, &controller, &number)) {
        unsigned hart = tree_hart_of(tree, controller);
        struct plic_context *context = &contexts[config.context_count++];
        *context = (struct plic_context){ .hart_irq = number };
        if (hart < machine->hart_count && (number == BOARD_IRQ_M_EXT || number == BOARD_IRQ_S_EXT))
            context->line = board_hart_line(machine, hart, number);
    }
    tree_number(tree, what->node, "riscv,ndev", &sources);
    config.source_count = (unsigned)(sources < PLIC_SOURCES_MAX ? sources : PLIC_SOURCES_MAX);
    tree->plic = plic_create(&config, error);
    tree->plic_node = what->node;
    return tree->plic && board_add_device(machine, tree->plic, what->range.base, 0, NULL, error);
}

/* Adds the wires of a node to those of the harts, in the order of the registers. Returns how many harts have
 * one now. */
static unsigned add_wires(struct machine *machine, const struct board_tree *tree, uint32_t node,
                          struct aclint_hart harts[MACHINE_HARTS_MAX])
{
    struct tree_wires wires = tree_wires(tree, node);
    unsigned soft = 0, timer = 0;
    uint32_t controller, number;
    while (soft < MACHINE_HARTS_MAX && timer < MACHINE_HARTS_MAX &&
           tree_next_wire(&wires, &controller, &number)) {
        unsigned hart = tree_hart_of(tree, controller);
        struct irq_line line = { .set = NULL };
        if (hart < machine->hart_count)
            line = board_hart_line(machine, hart, number);
        if (number == BOARD_IRQ_M_SOFT)
            harts[soft++].msip = line;
        else if (number == BOARD_IRQ_M_TIMER)
            harts[timer++].mtip = line;
    }
    return soft > timer ? soft : timer;
}

/* The registers of so many harts; 0: the tree has no wires, so those of all of them. */
static struct device *create_clint(struct machine *machine, const struct aclint_hart *harts, unsigned count,
                                   struct error *error)
{
    return count ? board_clint_of(machine, harts, count, error) : board_clint(machine, error);
}

static bool add_clint(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                      struct error *error)
{
    struct aclint_hart harts[MACHINE_HARTS_MAX] = { { .intc_phandle = 0 } };
    unsigned count = add_wires(machine, tree, what->node, harts);
    struct device *device = create_clint(machine, harts, count, error);
    return device && board_add_device(machine, device, what->range.base, 0, NULL, error);
}

/* The timer of an ACLINT, if its two parts are where those of a CLINT are. */
static bool mtimer_fits(const struct board_tree *tree, const struct tree_device *what)
{
    struct board_range time, compare;
    return tree_reg(tree, what->node, 0, &time) && tree_reg(tree, what->node, 1, &compare) &&
           compare.base >= MTIMECMP_OFFSET && time.base - (compare.base - MTIMECMP_OFFSET) == MTIME_OFFSET;
}

static uint64_t mtimer_base(const struct board_tree *tree, uint32_t node)
{
    struct board_range compare = { 0, 0 };
    tree_reg(tree, node, 1, &compare);
    return compare.base - MTIMECMP_OFFSET;
}

/* The software interrupts belong to the timer that comes behind them. */
static bool mswi_fits(const struct board_tree *tree, const struct tree_device *what)
{
    for (uint32_t node = 0; node < tree->count; node++) {
        struct tree_device other = { .node = node };
        if (tree_has_text(tree, node, "compatible", "riscv,aclint-mtimer") && mtimer_fits(tree, &other) &&
            mtimer_base(tree, node) == what->range.base)
            return true;
    }
    return false;
}

static bool add_mtimer(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                       struct error *error)
{
    struct aclint_hart harts[MACHINE_HARTS_MAX] = { { .intc_phandle = 0 } };
    uint64_t base = mtimer_base(tree, what->node);
    unsigned count = add_wires(machine, tree, what->node, harts), more = 0;
    for (unsigned n = 0; n < tree->device_count; n++)
        if (tree->devices[n].model && tree->devices[n].range.base == base &&
            tree_has_text(tree, tree->devices[n].node, "compatible", "riscv,aclint-mswi"))
            more = add_wires(machine, tree, tree->devices[n].node, harts);
    struct device *device = create_clint(machine, harts, count > more ? count : more, error);
    return device && board_add_device(machine, device, base, 0, NULL, error);
}

static bool add_sswi(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    struct aclint_sswi_hart harts[MACHINE_HARTS_MAX] = { { .intc_phandle = 0 } };
    struct aclint_sswi_config config = { .harts = harts };
    struct tree_wires wires = tree_wires(tree, what->node);
    uint32_t controller, number;
    while (config.hart_count < MACHINE_HARTS_MAX && tree_next_wire(&wires, &controller, &number)) {
        unsigned hart = tree_hart_of(tree, controller);
        if (hart < machine->hart_count)
            harts[config.hart_count].ssip = board_hart_line(machine, hart, BOARD_IRQ_S_SOFT);
        config.hart_count++;
    }
    if (!config.hart_count)
        config.hart_count = 1; /* a register that leads nowhere */
    return add(machine, tree, what, aclint_sswi_create(&config, error), error);
}

/* ---- Consoles ------------------------------------------------------------------------------------------ */

/* Consoles behind the last -serial have no other end. */
static bool open_serial(struct machine *machine, unsigned number, struct chardev **chardev,
                        struct error *error)
{
    *chardev = NULL;
    return number > MACHINE_SPARE_SERIALS || (*chardev = machine_open_serial(machine, number, error));
}

static bool uart_fits(const struct board_tree *tree, const struct tree_device *what)
{
    uint64_t shift = 0;
    tree_number(tree, what->node, "reg-shift", &shift);
    return shift <= UART16550_SHIFT_MAX;
}

static bool add_uart16550(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                          struct error *error)
{
    unsigned irq;
    uint64_t shift = 0;
    struct irq_line line = line_of(tree, what->node, 0, &irq);
    struct chardev *chardev;
    tree_number(tree, what->node, "reg-shift", &shift);
    return open_serial(machine, what->number, &chardev, error) &&
           add(machine, tree, what, board_uart(machine, chardev, line, (unsigned)shift, error), error);
}

static bool add_sifive_uart(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                            struct error *error)
{
    unsigned irq;
    struct sifive_uart_config config = { .irq = line_of(tree, what->node, 0, &irq) };
    return open_serial(machine, what->number, &config.chardev, error) &&
           add(machine, tree, what, sifive_uart_create(&config, error), error);
}

/* HTIF has the first -serial, whatever else there is. */
static bool htif_fits(const struct board_tree *tree, const struct tree_device *what)
{
    for (unsigned n = 0; n < tree->device_count; n++)
        if (tree->devices[n].model && tree->devices[n].model->kind == TREE_SERIAL)
            return false;
    (void)what;
    return true;
}

static bool add_htif(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    (void)tree;
    return board_create_htif(machine, what->range.size ? what->range.base : BOARD_HTIF_BASE, error);
}

/* ---- Power --------------------------------------------------------------------------------------------- */

static bool add_finisher(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                         struct error *error)
{
    struct sifive_test_config config = { .power = board_power, .opaque = machine };
    return add(machine, tree, what, sifive_test_create(&config, error), error);
}

/* Adds what a node "syscon-poweroff" or "syscon-reboot" says about this system controller. */
static void read_action(const struct board_tree *tree, uint32_t node, uint32_t syscon,
                        struct syscon_config *config)
{
    bool off = tree_has_text(tree, node, "compatible", "syscon-poweroff");
    uint64_t regmap = 0, offset = 0, value = 0, mask = UINT32_MAX;
    if ((!off && !tree_has_text(tree, node, "compatible", "syscon-reboot")) ||
        config->count == SYSCON_ACTIONS_MAX)
        return;
    if (!tree_number(tree, node, "regmap", &regmap) || !tree_number(tree, node, "offset", &offset) ||
        tree_by_phandle(tree, (uint32_t)regmap) != syscon || offset % 4 || offset >= SYSCON_SIZE)
        return;
    bool has_value = tree_number(tree, node, "value", &value);
    bool has_mask = tree_number(tree, node, "mask", &mask);
    if (!has_value && !has_mask)
        return;
    if (!has_value)
        value = mask; /* the binding's older form: all bits of the mask */
    config->actions[config->count++] =
        (struct syscon_action){ (uint32_t)offset, (uint32_t)value, (uint32_t)mask,
                                off ? POWER_OFF : POWER_RESET };
}

static void read_actions(const struct board_tree *tree, uint32_t syscon, struct syscon_config *config)
{
    for (uint32_t node = 0; node < tree->count; node++)
        read_action(tree, node, syscon, config);
}

static bool syscon_fits(const struct board_tree *tree, const struct tree_device *what)
{
    struct syscon_config config = { .count = 0 };
    read_actions(tree, what->node, &config);
    return config.count > 0;
}

static bool add_syscon(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                       struct error *error)
{
    struct syscon_config config = { .power = board_power, .opaque = machine };
    read_actions(tree, what->node, &config);
    return add(machine, tree, what, syscon_create(&config, error), error);
}

/* ---- SiFive's ------------------------------------------------------------------------------------------ */

static void on_restart(void *machine)
{
    board_power(machine, POWER_RESET, 0);
}

/* Which pin of a GPIO controller resets the board; SIFIVE_GPIO_PINS: none. */
static unsigned restart_pin(const struct board_tree *tree, uint32_t gpio)
{
    uint32_t length;
    for (uint32_t node = 0; node < tree->count; node++) {
        const uint8_t *gpios = tree_bytes(tree, node, "gpios", &length);
        if (!gpios || length < 8 || !tree_has_text(tree, node, "compatible", "gpio-restart"))
            continue;
        uint64_t pin = board_cells(gpios + 4, 1);
        if (tree_by_phandle(tree, (uint32_t)board_cells(gpios, 1)) == gpio && pin < SIFIVE_GPIO_PINS)
            return (unsigned)pin;
    }
    return SIFIVE_GPIO_PINS;
}

static bool add_gpio(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    struct sifive_gpio_config config = { .opaque = machine, .reset_pin = restart_pin(tree, what->node) };
    if (config.reset_pin < SIFIVE_GPIO_PINS)
        config.reset = on_restart;
    lines_of(tree, what->node, config.irqs, SIFIVE_GPIO_PINS);
    return add(machine, tree, what, sifive_gpio_create(&config, error), error);
}

static bool add_spi(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                    struct error *error)
{
    unsigned irq;
    const struct blockdev_config *image = &machine->config.sd;
    struct sifive_spi_config config = { .irq = line_of(tree, what->node, 0, &irq), .has_slot = what->number };
    if (config.has_slot && image->path) {
        struct blockdev *blockdev = machine_open_disk(machine, image, error);
        config.card = blockdev ? sd_card_create(blockdev, error) : NULL;
        if (!config.card)
            return false;
    }
    return add(machine, tree, what, sifive_spi_create(&config, error), error);
}

static bool add_prci(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    struct sifive_u_prci_config config = { .phandle = 0 };
    return add(machine, tree, what, sifive_u_prci_create(&config, error), error);
}

static bool add_otp(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                    struct error *error)
{
    return add(machine, tree, what, sifive_u_otp_create(machine->config.otp_serial, error), error);
}

static bool add_l2cc(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    return add(machine, tree, what, sifive_u_l2cc_create(error), error);
}

static bool add_pdma(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                     struct error *error)
{
    struct sifive_pdma_config config = { .dma = bus_for_devices(machine->bus) };
    lines_of(tree, what->node, config.irqs, 2 * SIFIVE_PDMA_CHANNELS);
    return add(machine, tree, what, sifive_pdma_create(&config, error), error);
}

/* ---- QEMU's -------------------------------------------------------------------------------------------- */

static bool add_rtc(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                    struct error *error)
{
    unsigned irq;
    struct irq_line line = line_of(tree, what->node, 0, &irq);
    return add(machine, tree, what, board_rtc(machine, line, error), error);
}

static bool add_fw_cfg(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                       struct error *error)
{
    return add(machine, tree, what, board_fw_cfg(machine, error), error);
}

static bool add_virtio(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                       struct error *error)
{
    unsigned irq;
    struct irq_line line = line_of(tree, what->node, 0, &irq);
    struct device *slot = board_virtio_slot(machine, what->number, line, error);
    return slot && board_add_device(machine, slot, what->range.base, irq,
                                    &machine->config.virtio[what->number], error);
}

/* Two banks in a row. */
static bool flash_fits(const struct board_tree *tree, const struct tree_device *what)
{
    struct board_range banks[2];
    uint64_t width = 0;
    return tree_reg(tree, what->node, 0, &banks[0]) && tree_reg(tree, what->node, 1, &banks[1]) &&
           banks[0].size == PFLASH_BANK_BYTES && banks[1].size == PFLASH_BANK_BYTES &&
           banks[1].base - banks[0].base == PFLASH_BANK_BYTES &&
           tree_number(tree, what->node, "bank-width", &width) && width == 4;
}

static bool add_flash(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                      struct error *error)
{
    (void)tree;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t base = what->range.base + n * PFLASH_BANK_BYTES;
        struct device *bank = board_flash(machine, n, 0, error);
        if (!bank || !board_add_device(machine, bank, base, 0, NULL, error))
            return false;
        bus_set_code(machine->bus, base, machine->flash_code[n]);
    }
    return true;
}

/* The bridge of `virt` alone: with its windows, and its inputs of the interrupt controller. */
static bool pci_fits(const struct board_tree *tree, const struct tree_device *what)
{
    uint32_t length;
    const uint8_t *ranges = tree_bytes(tree, what->node, "ranges", &length);
    return ranges &&
           board_pci_is(&tree->memories[0], tree->cpu[2] == '3' ? 32 : 64, &what->range, ranges, length);
}

static struct irq_line input(struct machine *machine, unsigned number)
{
    return plic_input(machine->config.board->tree->plic, number);
}

static bool add_pci(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                    struct error *error)
{
    (void)what;
    return tree->plic ? board_pci_create(machine, input, error)
                      : error_set(error, "it needs an interrupt controller");
}

/* ---- Screens ------------------------------------------------------------------------------------------- */

static bool read_picture(const struct board_tree *tree, const struct tree_device *what,
                         struct ramfb_fixed *picture)
{
    uint32_t length;
    uint64_t width = 0, height = 0, stride = 0;
    *picture = (struct ramfb_fixed){ .paddr = what->range.base };
    picture->format = tree_texts(tree, what->node, "format", &length);
    if (!picture->format || !tree_number(tree, what->node, "width", &width) ||
        !tree_number(tree, what->node, "height", &height) ||
        !tree_number(tree, what->node, "stride", &stride) || (width | height | stride) > UINT32_MAX)
        return false;
    picture->width = (uint32_t)width;
    picture->height = (uint32_t)height;
    picture->stride = (uint32_t)stride;
    uint64_t bytes = ramfb_fixed_bytes(picture);
    return bytes && bytes <= what->range.size;
}

static bool screen_fits(const struct board_tree *tree, const struct tree_device *what)
{
    struct ramfb_fixed picture;
    return what->range.base % PAGE == 0 && what->range.size <= SCREEN_MAX &&
           read_picture(tree, what, &picture);
}

/* Its memory is a part of RAM, or memory of its own. */
static bool add_screen(struct machine *machine, struct board_tree *tree, const struct tree_device *what,
                       struct error *error)
{
    struct ramfb_fixed picture;
    struct ramfb_config config = { .display = machine->config.display, .dma = bus_for_devices(machine->bus) };
    uint64_t size = (what->range.size + PAGE - 1) & -PAGE;
    if (!bus_host(machine->bus, what->range.base, what->range.size) &&
        !bus_add_ram(machine->bus, what->range.base, size, error))
        return false;
    if (!config.display || machine->ramfb || !read_picture(tree, what, &picture))
        return true; /* nobody looks, or another screen is there */
    machine->ramfb = ramfb_create_fixed(&config, &picture, error);
    return machine->ramfb != NULL;
}

/* ---- All of them --------------------------------------------------------------------------------------- */

static const struct tree_model models[] = {
    { "sifive,plic-1.0.0", TREE_PLIC, 0x600000, NULL, add_plic },
    { "riscv,plic0", TREE_PLIC, 0x600000, NULL, add_plic },
    { "sifive,clint0", TREE_CLINT, 0x10000, NULL, add_clint },
    { "riscv,clint0", TREE_CLINT, 0x10000, NULL, add_clint },
    { "riscv,aclint-mtimer", TREE_CLINT, 0, mtimer_fits, add_mtimer },
    { "riscv,aclint-mswi", TREE_OTHER, MTIMECMP_OFFSET, mswi_fits, NULL },
    { "riscv,aclint-sswi", TREE_OTHER, 0x4000, NULL, add_sswi },
    { "ns16550a", TREE_SERIAL, 0x100, uart_fits, add_uart16550 },
    { "ns16550", TREE_SERIAL, 0x100, uart_fits, add_uart16550 },
    { "snps,dw-apb-uart", TREE_SERIAL, 0x100, uart_fits, add_uart16550 },
    { "sifive,uart0", TREE_SERIAL, 0x1000, NULL, add_sifive_uart },
    { "ucb,htif0", TREE_SERIAL, 0, htif_fits, add_htif },
    { "sifive,test0", TREE_OTHER, 0x1000, NULL, add_finisher },
    { "sifive,test1", TREE_OTHER, 0x1000, NULL, add_finisher },
    { "syscon", TREE_OTHER, SYSCON_SIZE, syscon_fits, add_syscon },
    { "sifive,gpio0", TREE_OTHER, 0x1000, NULL, add_gpio },
    { "sifive,spi0", TREE_SD, 0x1000, NULL, add_spi },
    { "sifive,fu540-c000-prci", TREE_OTHER, 0x1000, NULL, add_prci },
    { "sifive,fu540-c000-otp", TREE_OTHER, 0x1000, NULL, add_otp },
    { "sifive,fu540-c000-ccache", TREE_OTHER, 0x1000, NULL, add_l2cc },
    { "sifive,fu540-c000-pdma", TREE_OTHER, 0x100000, NULL, add_pdma },
    { "google,goldfish-rtc", TREE_OTHER, 0x1000, NULL, add_rtc },
    { "qemu,fw-cfg-mmio", TREE_OTHER, 0x18, NULL, add_fw_cfg },
    { "virtio,mmio", TREE_VIRTIO, 0x1000, NULL, add_virtio },
    { "cfi-flash", TREE_FLASH, 2 * PFLASH_BANK_BYTES, flash_fits, add_flash },
    { "simple-framebuffer", TREE_SCREEN, 0, screen_fits, add_screen },
    { "pci-host-ecam-generic", TREE_PCI, 0, pci_fits, add_pci },
};

const struct tree_model *tree_find_model(const struct board_tree *tree, const struct tree_device *what)
{
    uint32_t length;
    const char *list = tree_texts(tree, what->node, "compatible", &length);
    for (uint32_t at = 0; list && at < length; at += (uint32_t)strlen(list + at) + 1)
        for (size_t n = 0; n < sizeof(models) / sizeof(models[0]); n++)
            if (strcmp(models[n].compatible, list + at) == 0 &&
                (!models[n].fits || models[n].fits(tree, what)))
                return &models[n];
    return NULL;
}

/* All those that are the interrupt controller, or all others. */
static bool add_all(struct machine *machine, struct board_tree *tree, bool plic, struct error *error)
{
    struct error why = { .text = "" };
    for (unsigned n = 0; n < tree->device_count; n++) {
        const struct tree_device *device = &tree->devices[n];
        if (!device->model || !device->model->add || (device->model->kind == TREE_PLIC) != plic)
            continue;
        if (!device->model->add(machine, tree, device, &why))
            return error_set(error, "%s of the device tree: %.400s", device->name, why.text);
    }
    return true;
}

bool tree_create_devices(struct machine *machine, struct board_tree *tree, struct error *error)
{
    tree->plic = NULL;
    return add_all(machine, tree, true, error) && add_all(machine, tree, false, error);
}
