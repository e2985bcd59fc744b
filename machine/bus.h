/* SPDX-License-Identifier: MIT
 *
 * The physical address space: RAM, ROM and device windows. Harts and devices reach memory only through it.
 * It is laid out before the harts start and does not change afterwards, so look-ups take no lock.
 *
 * The bus checks size and alignment of an access against what the device declares, and gives the device an
 * offset. If nothing answers an access, it is an access fault for a hart and a failed transfer for a device.
 */
#ifndef MACHINE_BUS_H
#define MACHINE_BUS_H

#include "cpu/hart_bus.h"
#include "cpu/recorder.h"
#include "devices/device.h"

struct bus;

/* `code_written` is called (from any thread) when a device stores to a page from which a hart has decoded
 * code. The machine then makes all harts check their decoded code. */
struct bus *bus_create(void (*code_written)(void *opaque, uint64_t paddr, uint64_t length), void *opaque,
                       struct error *error);
void bus_destroy(struct bus *bus); /* also the RAM and ROM that it mapped, but not the devices */

/* The first RAM that is added from now on is a file's, if the host has such (hart_bus.ram says so). */
void bus_share_ram(struct bus *bus);
/* Parts of RAM are replaced by other memory of the host, so pages are given back one by one. */
void bus_mix_ram(struct bus *bus);
/* Maps `size` bytes (a multiple of 4 KiB) of zeroed memory; returns the host pointer or NULL. */
uint8_t *bus_add_ram(struct bus *bus, uint64_t base, uint64_t size, struct error *error);
uint8_t *bus_add_rom(struct bus *bus, uint64_t base, uint64_t size, struct error *error);
/* Shows the ROM at `rom` at another address, too. */
bool bus_add_alias(struct bus *bus, uint64_t base, uint64_t rom, struct error *error);
bool bus_add_device(struct bus *bus, uint64_t base, struct device *device, struct error *error);
/* Makes the device at `base` executable, too: `code` has as many bytes as its window, and belongs to the
 * device. Before the harts run. */
void bus_set_code(struct bus *bus, uint64_t base, uint8_t *code);

/* From now on `stored` is called, on the thread of the hart, after a hart has stored to any of the 8 bytes of
 * RAM at `paddr`, which may be too often: `opaque` looks at what is there. What devices and debuggers store
 * is not told. Before the harts run. False, with *error filled: the bytes are not RAM, or there are too many
 * such pages. */
typedef void bus_stored_fn(void *opaque, uint64_t paddr, unsigned size);
bool bus_tell_stores(struct bus *bus, uint64_t paddr, bus_stored_fn *stored, void *opaque,
                     struct error *error);

/* From now on the recorder (cpu/recorder.h) is told what the harts have from devices, and what devices write;
 * while it replays, the harts reach no device. While no hart runs; the recorder outlives the harts. */
void bus_set_recorder(struct bus *bus, struct hart_recorder *recorder);

struct hart_bus *bus_for_harts(struct bus *bus);
struct dma *bus_for_devices(struct bus *bus);
/* Allows what QEMU's virt allows and specifications do not demand (docs/compatibility.md). Atomics of harts
 * reach devices. With RV32 harts, a device accepts an address that C has extended with its sign as the 32-bit
 * address that it was made of; no RAM is at the extended addresses. Before the harts run. */
void bus_be_lenient(struct bus *bus, unsigned xlen);

/* Returns the host pointer to [paddr, paddr + length) if all of it is RAM or ROM, else NULL (loader,
 * debugger). */
uint8_t *bus_host(struct bus *bus, uint64_t paddr, uint64_t length);
/* All of that, at `host`, is going to be used: the host may provide huge pages for it. It only makes what
 * follows faster. */
void bus_expect_use(struct bus *bus, const uint8_t *host, uint64_t length);
/* The same for the bytes that harts execute from a device (flash); NULL elsewhere. */
const uint8_t *bus_host_code(struct bus *bus, uint64_t paddr, uint64_t length);
/* The other way round: finds the physical address of a byte of RAM or ROM. False: it is neither. */
bool bus_paddr(struct bus *bus, const void *host, uint64_t *paddr);
/* The regions in the order of their addresses; false after the last one. */
struct bus_region {
    uint64_t base, size;
    const char *kind; /* "ram", "rom", "mmio" */
    const char *name; /* of the device; otherwise the same as `kind` */
};
bool bus_region(struct bus *bus, unsigned index, struct bus_region *region);
/* One access as a hart makes it (monitor, tests). */
bool bus_read(struct bus *bus, uint64_t paddr, unsigned size, uint64_t *value);
bool bus_write(struct bus *bus, uint64_t paddr, unsigned size, uint64_t value);

#endif
