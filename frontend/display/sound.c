/* SPDX-License-Identifier: MIT
 *
 * See sound.h.
 */
#include "frontend/display/sound.h"

#include "frontend/display/view_module.h"
#include "util/log.h"

/* Numbers begin at 1. */
static bool is_used(const struct machine_config *machine, unsigned number)
{
    bool used = false;
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX; n++)
        used |= machine->virtio[n].audiodev == number;
    for (unsigned n = 0; n < machine->pci_count; n++)
        used |= machine->pci[n].plug.audiodev == number;
    return used;
}

bool sound_load(struct machine_config *machine, struct error *error)
{
    for (unsigned n = 0; n < machine->audiodev_count; n++) {
        struct machine_audiodev *audiodev = &machine->audiodevs[n];
        if (audiodev->config.create || !is_used(machine, n + 1))
            continue;
        const struct sound_ops *ops = view_module_load(SOUND_MODULE, SOUND_SYMBOL, error);
        if (!ops && !audiodev->may_fail)
            return false;
        if (!ops)
            log_warn("%s; the guest's sound goes nowhere", error->text);
        audiodev->config.create = ops ? ops->create : audiodev_none_create;
    }
    return true;
}
