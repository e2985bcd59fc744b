/* SPDX-License-Identifier: MIT
 *
 * The list of all models. A new kind of device needs one line here; all else is in its own file.
 */
#include "devices/catalog/catalog.h"

#include "devices/ahci/ahci.h"
#include "devices/e1000/e1000.h"
#include "devices/nvme/nvme.h"
#include "devices/pci/bochs_display.h"
#include "devices/pci/edu.h"
#include "devices/pci/i6300esb.h"
#include "devices/pci/ivshmem.h"
#include "devices/pci/pvpanic.h"
#include "devices/pci/root_port.h"
#include "devices/pci/bridges.h"
#include "devices/platform/ramfb.h"
#include "devices/platform/vmcoreinfo.h"
#include "devices/scsi/scsi.h"
#include "devices/usb/ehci.h"
#include "devices/usb/hid.h"
#include "devices/usb/hub.h"
#include "devices/usb/storage.h"
#include "devices/usb/xhci.h"
#include "devices/iommu/iommu.h"
#include "devices/virtio/9p/9p.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/gpu/gpu.h"
#include "devices/virtio/input.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/scsi.h"
#include "devices/virtio/snd/snd.h"

const struct device_model *const device_catalog[] = {
    &virtio_blk_model,
    &virtio_rng_model,
    &virtio_net_model,
    &virtio_9p_model,
    &virtio_console_model,
    &virtconsole_model,
    &virtserialport_model,
    &virtio_gpu_model,
    &virtio_keyboard_model,
    &virtio_tablet_model,
    &virtio_mouse_model,
    &virtio_snd_model,
    &virtio_vga_model,
    &bochs_display_model,
    &ramfb_model,
    &vmcoreinfo_model,
    &virtio_balloon_model,
    &edu_model,
    &ivshmem_model,
    &ivshmem_doorbell_model,
    &pvpanic_model,
    &i6300esb_model,
    &nvme_model,
    &virtio_scsi_model,
    &scsi_hd_model,
    &scsi_cd_model,
    &ahci_model,
    &ide_hd_model,
    &ide_cd_model,
    &e1000_model,
    &e1000e_model,
    &root_port_model,
    &ioh3420_model,
    &xio3130_model,
    &x3130_model,
    &pcie_pci_bridge_model,
    &pci_bridge_model,
    &i82801b11_model,
    &riscv_iommu_model,
    &xhci_model,
    &ehci_model,
    &ehci_ich9_model,
    &usb_kbd_model,
    &usb_tablet_model,
    &usb_mouse_model,
    &usb_hub_model,
    &usb_storage_model,
    NULL,
};
