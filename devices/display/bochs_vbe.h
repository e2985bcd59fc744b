/* SPDX-License-Identifier: MIT
 *
 * A simple screen: memory for the picture, the registers of the Bochs VBE interface and an EDID (QEMU
 * docs/specs/standard-vga, without the VGA's own modes). bochs-display is nothing else; virtio-vga has this
 * screen for firmware.
 *
 * Offsets are into the memory (BOCHS_VBE_MEMORY bytes) or the registers (BOCHS_VBE_REGISTERS bytes), and an
 * access lies wholly inside. size: 1, 2, 4 or 8 bytes. Any thread.
 */
#ifndef DEVICES_DISPLAY_BOCHS_VBE_H
#define DEVICES_DISPLAY_BOCHS_VBE_H

#include "devices/display/display.h"
#include "util/error.h"
#include "util/state.h"

#define BOCHS_VBE_MEMORY    0x1000000u /* bytes */
#define BOCHS_VBE_REGISTERS 0x1000u

struct bochs_vbe_config {
    const char *name;        /* of the device; static */
    struct display *display; /* borrowed; outlives this */
    uint32_t width, height;  /* the size that the EDID prefers; 0: 1280 x 800 */
};

struct bochs_vbe;

/* NULL and *error if memory is short. */
struct bochs_vbe *bochs_vbe_create(const struct bochs_vbe_config *config, struct error *error);
void bochs_vbe_destroy(struct bochs_vbe *vbe);
/* Takes the picture off the screen; the memory keeps its contents. */
void bochs_vbe_reset(struct bochs_vbe *vbe);
void bochs_vbe_save(struct bochs_vbe *vbe, struct state_writer *writer);
bool bochs_vbe_load(struct bochs_vbe *vbe, struct state_reader *reader);

uint64_t bochs_vbe_read_memory(struct bochs_vbe *vbe, uint64_t offset, unsigned size);
void bochs_vbe_write_memory(struct bochs_vbe *vbe, uint64_t offset, unsigned size, uint64_t value);
uint64_t bochs_vbe_read_register(struct bochs_vbe *vbe, uint64_t offset, unsigned size);
void bochs_vbe_write_register(struct bochs_vbe *vbe, uint64_t offset, unsigned size, uint64_t value);

#endif
