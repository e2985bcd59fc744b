/* SPDX-License-Identifier: MIT
 *
 * The identification of a monitor (VESA E-EDID 1.4), made for the size of the window.
 */
#ifndef DEVICES_DISPLAY_EDID_H
#define DEVICES_DISPLAY_EDID_H

#include <stdint.h>

#define EDID_SIZE     128u  /* bytes */
#define EDID_SIDE_MAX 4095u /* the most pixels that a detailed timing can express */

/* Fills one block whose preferred mode is width x height at 60 Hz; sizes beyond EDID_SIDE_MAX are cut to
 * it. */
void edid_make(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height);

#endif
