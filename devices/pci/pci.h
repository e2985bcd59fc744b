/* SPDX-License-Identifier: MIT
 *
 * PCI functions (PCI Local Bus 3.0 chapter 6, PCI Express Base 7.5): a device fills in a `struct
 * pci_function` - its identity, base address registers (BARs), capabilities - and gets the guest's accesses
 * to its BARs as offsets. What all functions have in common is here: configuration space with a mask of the
 * bits that the guest may write, decoding of the BARs, the interrupt wire (INTx), MSI (msi.h), MSI-X
 * (msix.h). The board's end of the bus is host.h.
 *
 * The fields of a function belong to the lock of its bus, except those that do not change after it was
 * plugged in and those that are atomic. That lock is taken after a device's own and before the interrupt
 * controller's. No op of a function is called with it held, so a device may take its own lock in them. Where
 * BARs decode is atomic: an access looks for its BAR without a lock. BARs may overlap; the first function in
 * the order of (slot, function) then answers.
 */
#ifndef DEVICES_PCI_PCI_H
#define DEVICES_PCI_PCI_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/device.h"

#define PCI_SLOTS       32u
#define PCI_FUNCTIONS   8u /* of one slot */
#define PCI_BARS        6u
#define PCI_CONFIG_SIZE 256u
#define PCI_PINS        4u /* INTA .. INTD */
#define PCI_UNMAPPED    UINT64_MAX

enum pci_register { /* of configuration space, header type 0 */
                    PCI_VENDOR_ID = 0x00,
                    PCI_DEVICE_ID = 0x02,
                    PCI_COMMAND = 0x04,
                    PCI_STATUS = 0x06,
                    PCI_REVISION = 0x08,
                    PCI_CLASS = 0x09, /* 24 bits */
                    PCI_CACHE_LINE = 0x0c,
                    PCI_HEADER_TYPE = 0x0e,
                    PCI_BAR = 0x10,
                    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
                    PCI_SUBSYSTEM_ID = 0x2e,
                    PCI_CAPABILITIES = 0x34,
                    PCI_INTERRUPT_LINE = 0x3c,
                    PCI_INTERRUPT_PIN = 0x3d,
                    PCI_CAPABILITY_AREA = 0x40,
};

enum { /* bits of PCI_COMMAND */
       PCI_COMMAND_IO = 0x001,
       PCI_COMMAND_MEMORY = 0x002,
       PCI_COMMAND_MASTER = 0x004,
       PCI_COMMAND_PARITY = 0x040,
       PCI_COMMAND_SERR = 0x100,
       PCI_COMMAND_INTX_DISABLE = 0x400,
};

enum { PCI_STATUS_INTERRUPT = 0x08, PCI_STATUS_CAPABILITIES = 0x10 };
enum { PCI_HEADER_BRIDGE = 0x01, PCI_HEADER_MULTIFUNCTION = 0x80 };
enum pci_express_type { /* bits 7:4 of the capability's own register */
                        PCI_EXPRESS_ENDPOINT = 0,
                        PCI_EXPRESS_ROOT_PORT = 4,
                        PCI_EXPRESS_UPSTREAM = 5,
                        PCI_EXPRESS_DOWNSTREAM = 6,
                        PCI_EXPRESS_TO_PCI = 7,
                        PCI_EXPRESS_INTEGRATED = 9
};
enum pci_capability {
    PCI_CAP_POWER = 0x01,
    PCI_CAP_SLOT = 0x04,
    PCI_CAP_MSI = 0x05,
    PCI_CAP_VENDOR = 0x09,
    PCI_CAP_BRIDGE_SUBSYSTEM = 0x0d,
    PCI_CAP_EXPRESS = 0x10,
    PCI_CAP_MSIX = 0x11
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_function;
struct pci_bridge;
struct pci_iommu;

struct pci_bar {
    struct pci_function *function;
    unsigned index;
    enum pci_bar_kind kind;
    uint64_t size;         /* bytes, a power of two */
    _Atomic uint64_t base; /* where it decodes now; PCI_UNMAPPED: nowhere */
};

struct pci_function_ops {
    const char *name;   /* "virtio-blk-pci" */
    uint8_t access_max; /* bytes, 1 to 8; wider accesses to BARs are split into pieces of this size */
    /* An aligned access within the BAR (an index below PCI_BARS). */
    uint64_t (*read)(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size);
    void (*write)(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                  uint64_t value);
    /* The guest is about to read configuration space, or has just written it (what is writable has already
     * changed). For registers with side effects; NULL: there are none. */
    void (*config_reading)(struct pci_function *function, unsigned offset, unsigned size);
    void (*config_written)(struct pci_function *function, unsigned offset, unsigned size);
    /* As in struct device_ops, in addition to what pci.c does itself. NULL: nothing. */
    void (*reset)(struct pci_function *function);
    void (*save)(struct pci_function *function, struct state_writer *writer);
    bool (*load)(struct pci_function *function, struct state_reader *reader);
    void (*destroy)(struct pci_function *function);
    void (*hold)(struct pci_function *function, bool held);
};

/* Where message-signalled interrupts are sent to. False if nothing took the message. Any thread. */
struct pci_msi_target {
    bool (*send)(void *opaque, uint64_t address, uint32_t data);
    void *opaque;
};

struct pci_bus {
    pthread_mutex_t lock;
    struct irq_line intx[PCI_PINS];
    unsigned asserted[PCI_PINS]; /* how many functions drive the wire */
    struct pci_msi_target msi;   /* send == NULL: no interrupt controller takes them */
    struct pci_bridge *bridge;   /* it is behind this one; NULL: it is the root bus */
    struct pci_iommu *iommu;     /* iommu.h; of the root bus, set before harts run; NULL: none */
    bool port; /* the bus of a PCI Express port: only slot 0 exists, and what is there is an endpoint */
    bool conventional; /* it is no PCI Express: a bridge that leads there makes the requests its own */
    /* The functions, and their BARs and bridges in this order. They change only while no hart runs. */
    struct pci_function *functions[PCI_SLOTS * PCI_FUNCTIONS];
    struct pci_bar **bars;
    unsigned bar_count;
    struct pci_bridge **bridges;
    unsigned bridge_count;
};

struct pci_msi { /* msi.h */
    unsigned vectors, capability;
};

struct pci_msix { /* msix.h */
    unsigned vectors, bar, capability;
    uint32_t table_offset, pba_offset;
    uint8_t *table;
    uint64_t *pending;
};

struct pci_function {
    const struct pci_function_ops *ops;
    struct pci_bus *bus; /* NULL until plugged in */
    unsigned slot, number;
    unsigned express;          /* offset of the PCI Express capability, with which configuration space has
                                * 4 KiB; 0: none */
    struct pci_bridge *bridge; /* bridge.h; NULL: it is none */
    struct pci_bar bars[PCI_BARS];
    struct pci_msi msi;
    struct pci_msix msix;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];  /* bits that the guest can set and clear */
    uint8_t clearable[PCI_CONFIG_SIZE]; /* bits that the guest clears by writing 1 */
    bool intx_level;                    /* as the device has set it */
    bool intx_asserted;                 /* as it reaches the wire */
    atomic_bool bus_master;
};

struct pci_identity {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /* 24 bits: class, subclass, programming interface */
    uint8_t revision;
    uint8_t interrupt_pin; /* 1 .. 4: INTA .. INTD; 0: none */
};

/* ---- For devices, before they are plugged in ----------------------------------------------------------- */

void pci_function_init(struct pci_function *function, const struct pci_function_ops *ops,
                       const struct pci_identity *identity);
/* Frees what the function owns (but not the function itself); for destroy(). */
void pci_function_fini(struct pci_function *function);
/* size: a power of two, at least 4 for I/O and 16 for memory. A 64-bit BAR takes the next index too. */
void pci_function_set_bar(struct pci_function *function, unsigned index, enum pci_bar_kind kind,
                          uint64_t size, bool prefetchable);
/* Puts a capability of `length` bytes at `offset` (a multiple of 4, from PCI_CAPABILITY_AREA on), and at the
 * head of the list. */
void pci_function_add_capability(struct pci_function *function, enum pci_capability id, unsigned offset,
                                 unsigned length);
/* The PCI Express capability of an endpoint: 60 bytes. On the root bus, the function is integrated into the
 * root complex; behind a port, it has a link. */
void pci_function_add_express(struct pci_function *function, unsigned offset, enum pci_express_type type);
/* Sets a little-endian register of 1 to 4 bytes (set_config), or the bits of it that the guest may write
 * (set_writable); these are 0 after reset. */
void pci_function_set_config(struct pci_function *function, unsigned offset, unsigned size, uint32_t value);
void pci_function_set_writable(struct pci_function *function, unsigned offset, unsigned size, uint32_t mask);

/* ---- For devices, from any thread ---------------------------------------------------------------------- */

/* Sets the level of the function's interrupt wire. To set a level that is high already tells the interrupt
 * controller of a new request, as irq_line_set() does: a device does so when it has something new to say
 * before the driver has dealt with all that came before. */
void pci_function_set_intx(struct pci_function *function, bool level);
/* May the function reach memory? */
bool pci_function_is_bus_master(struct pci_function *function);
/* Sets bits of the command register on the guest's behalf. */
void pci_function_enable(struct pci_function *function, uint16_t command);
/* Accesses as the guest makes them; size 1, 2 or 4, aligned, offset below 4096. */
uint32_t pci_config_read(struct pci_function *function, unsigned offset, unsigned size);
void pci_config_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value);
/* Does an access of `size` bytes at `offset` meet the register of `length` bytes at `at`? */
static inline bool pci_config_overlaps(unsigned offset, unsigned size, unsigned at, unsigned length)
{
    return offset < at + length && at < offset + size;
}
/* Accesses without side effects, for what is stored and for registers that the device fills in itself. */
uint32_t pci_config_peek(struct pci_function *function, unsigned offset, unsigned size);
void pci_config_poke(struct pci_function *function, unsigned offset, unsigned size, uint32_t value);
/* An access to a BAR, wherever it decodes; size 1, 2, 4 or 8. If it is out of range or misaligned, a read
 * gives all ones and a write is ignored. */
uint64_t pci_bar_read(struct pci_bar *bar, uint64_t offset, unsigned size);
void pci_bar_write(struct pci_bar *bar, uint64_t offset, unsigned size, uint64_t value);

/* ---- For the host bridge ------------------------------------------------------------------------------- */

bool pci_bus_init(struct pci_bus *bus, struct error *error);
void pci_bus_destroy(struct pci_bus *bus); /* with the functions on it */
/* To be called while no hart runs. False and *error if the place is taken; the caller then keeps the
 * function. */
bool pci_bus_plug(struct pci_bus *bus, struct pci_function *function, unsigned slot, unsigned number,
                  struct error *error);
/* Resets the function and takes it off its bus; the caller then destroys it. To be called while no hart
 * runs. */
void pci_bus_unplug(struct pci_function *function);
/* NULL if there is none. */
struct pci_function *pci_bus_function(const struct pci_bus *bus, unsigned slot, unsigned number);
/* Whether there is any function. */
bool pci_bus_is_empty(const struct pci_bus *bus);
/* The bus that has the number, below a bus whose own number is 0, as the guest has set up the bridges; NULL:
 * none. */
struct pci_bus *pci_bus_numbered(struct pci_bus *bus, unsigned number);
/* All functions on the bus, and what is behind those that are bridges. `name` is that of the section. */
void pci_bus_reset(struct pci_bus *bus);
void pci_bus_hold(struct pci_bus *bus, bool held);
void pci_bus_save(struct pci_bus *bus, const char *name, struct state_writer *writer);
bool pci_bus_load(struct pci_bus *bus, const char *name, struct state_reader *reader);
/* The BAR that decodes [address, address + size) of I/O or memory space, on the bus or behind its bridges;
 * NULL: none. */
struct pci_bar *pci_bus_decode(const struct pci_bus *bus, bool io, uint64_t address, unsigned size,
                               uint64_t *offset);
void pci_function_reset(struct pci_function *function);
void pci_function_save(struct pci_function *function, struct state_writer *writer);
bool pci_function_load(struct pci_function *function, struct state_reader *reader);

#endif
