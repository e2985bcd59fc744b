/* SPDX-License-Identifier: MIT
 *
 * Raw images for microcontrollers, which have no header: their table of interrupt handlers says what they
 * were made for; see identify.h.
 */
#include "frontend/identify/identify.h"

#include <inttypes.h>

#define GD32_FLASH   UINT64_C(0x08000000)
#define GD32_SIZE    UINT64_C(0x20000)
#define GD32_SOURCES 87u

/* The table begins with a jump over it; the other words are addresses in the flash, or 0. */
static bool is_table(const struct subject *subject)
{
    uint64_t first = subject_le(subject, 0, 4);
    bool jumps = (first & 0xe003) == 0xa001 || (first & 0xfff) == 0x06f; /* c.j; jal x0 */
    for (unsigned i = 1; i < GD32_SOURCES && jumps; i++) {
        uint64_t word = subject_le(subject, UINT64_C(4) * i, 4);
        jumps = !word || (word - GD32_FLASH < GD32_SIZE && !(word & 1));
    }
    return jumps;
}

/* Behind it, start-up code of GigaDevice's begins with csrci mstatus, 8. */
static bool has_start(const struct subject *subject)
{
    for (uint64_t at = UINT64_C(4) * GD32_SOURCES; at < 0x200; at += 2)
        if (subject_le(subject, at, 4) == 0x30047073)
            return true;
    return false;
}

bool identify_controller(const struct subject *subject, struct identity *identity)
{
    if (subject->file_size > GD32_SIZE || !subject_has(subject, 0, 0x200) || !is_table(subject) ||
        !has_start(subject))
        return false;
    identity_set(identity->what, sizeof(identity->what), "a raw image for GD32VF103 (Longan Nano)");
    identity_why(identity, "it begins with a table of interrupt handlers, in the flash at 0x%" PRIx64,
                 GD32_FLASH);
    identity_why(identity, "behind that is start-up code of GigaDevice's");
    identity_set(identity->machine, sizeof(identity->machine), "gd32vf103");
    identity_set(identity->flags, sizeof(identity->flags), "-nographic -kernel %%s");
    identity->rv32 = true;
    return true;
}
