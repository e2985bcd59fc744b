/* SPDX-License-Identifier: MIT
 *
 * The device directory and the process directory: where a request's page tables are (sections "Process to
 * locate the Device-context" and "... the Process-context"). All checks of a context are here. A context that
 * asks for what this IOMMU does not offer is misconfigured, as one with a reserved bit is.
 */
#include "devices/iommu/internal.h"

enum { ENTRY_V = 1 };
#define ENTRY_RESERVED (~(IOMMU_PPN | ENTRY_V)) /* of an entry that leads to another table */

enum { /* translation control */
       TC_V = 0x001,
       TC_DTF = 0x010,
       TC_PDTV = 0x020,
       TC_DPE = 0x200
};
#define TC_CUSTOM  UINT64_C(0xff000000)
#define TC_KNOWN   (TC_V | TC_DTF | TC_PDTV | TC_DPE | TC_CUSTOM)
#define DC_PSCID   UINT64_C(0x00000000fffff000)
#define TABLE_PPN  UINT64_C(0x00000fffffffffff) /* of iosatp, iohgatp, pdtp and msiptp */
#define TABLE_ZERO UINT64_C(0x0ffff00000000000) /* the same without a GSCID there */
#define MSI_PAGES  UINT64_C(0x000fffffffffffff)

enum { /* of a process context's attributes */
       PC_V = 1,
       PC_ENS = 2,
       PC_SUM = 4
};
#define PC_KNOWN (PC_V | PC_ENS | PC_SUM | DC_PSCID)

enum { PDTP_PD8 = 1, PDTP_PD20 = 3 };

struct device_context {
    uint64_t tc, iohgatp, ta, fsc, msiptp, msi_mask, msi_pattern, reserved;
};

static unsigned mode_of(uint64_t pointer)
{
    return (unsigned)(pointer >> 60);
}

/* Modes 8 to 10 are Sv39 to Sv57, of either stage. */
static bool set_stage(struct iommu_stage *stage, uint64_t pointer)
{
    unsigned mode = mode_of(pointer);
    stage->levels = mode ? mode - 8 + 3 : 0;
    stage->root = (pointer & TABLE_PPN) << 12;
    return mode == 0 || (mode >= 8 && mode <= 10);
}

/* Section "Device-context configuration checks". */
static bool is_configured(const struct device_context *dc)
{
    bool processes = dc->tc & TC_PDTV;
    struct iommu_stage stage;
    if (dc->tc & ~TC_KNOWN || dc->ta & ~DC_PSCID || dc->fsc & TABLE_ZERO || dc->msiptp & TABLE_ZERO ||
        (dc->msi_mask | dc->msi_pattern) & ~MSI_PAGES || dc->reserved)
        return false;
    if (processes ? mode_of(dc->fsc) > PDTP_PD20 : !set_stage(&stage, dc->fsc) || dc->tc & TC_DPE)
        return false;
    if (!set_stage(&stage, dc->iohgatp) || (stage.levels && stage.root & 0x3fff))
        return false;
    return mode_of(dc->msiptp) <= 1;
}

/* Finds the table in which device contexts are, and the place of this device's one. Its number is DDI[0] (6
 * bits), DDI[1] and DDI[2] (9 bits each). */
static bool find_device(struct iommu *iommu, struct iommu_request *request, uint64_t *place)
{
    unsigned levels = atomic_load(&iommu->mode) - IOMMU_1LVL + 1;
    uint64_t table = (iommu->directory & IOMMU_PPN) << 2, entry;
    static const unsigned shifts[] = { 0, 6, 15, 24 };
    if (request->device >> shifts[levels])
        return iommu_fail(request, IOMMU_TYPE_DISALLOWED);
    for (unsigned level = levels - 1; level > 0; level--) {
        uint64_t index = request->device >> shifts[level] & 0x1ff;
        if (!iommu_load_words(iommu, table + 8 * index, &entry, 1))
            return iommu_fail(request, IOMMU_DDT_ACCESS_FAULT);
        if (!(entry & ENTRY_V))
            return iommu_fail(request, IOMMU_DDT_INVALID);
        if (entry & ENTRY_RESERVED)
            return iommu_fail(request, IOMMU_DDT_MISCONFIGURED);
        table = (entry & IOMMU_PPN) << 2;
    }
    *place = table + (request->device & 0x3f) * sizeof(struct device_context);
    return true;
}

/* Finds the process context of a request whose device has a process directory. PDI[0] has 8 bits, PDI[1] 9,
 * PDI[2] 3. */
static bool find_process(struct iommu *iommu, struct iommu_request *request, uint64_t pdtp, uint64_t words[2])
{
    static const unsigned shifts[] = { 0, 8, 17, 20 };
    uint64_t table = (pdtp & TABLE_PPN) << 12;
    for (unsigned level = mode_of(pdtp) - PDTP_PD8; level > 0; level--) {
        uint64_t index = request->process >> shifts[level] & 0x1ff, entry;
        if (!iommu_second_stage(iommu, request, table + 8 * index, true))
            return false;
        if (!iommu_load_words(iommu, request->paddr, &entry, 1))
            return iommu_fail(request, IOMMU_PDT_ACCESS_FAULT);
        if (!(entry & ENTRY_V))
            return iommu_fail(request, IOMMU_PDT_INVALID);
        if (entry & ENTRY_RESERVED)
            return iommu_fail(request, IOMMU_PDT_MISCONFIGURED);
        table = (entry & IOMMU_PPN) << 2;
    }
    if (!iommu_second_stage(iommu, request, table + (request->process & 0xff) * 16, true))
        return false;
    if (!iommu_load_words(iommu, request->paddr, words, 2))
        return iommu_fail(request, IOMMU_PDT_ACCESS_FAULT);
    return true;
}

static bool take_process(struct iommu *iommu, struct iommu_request *request, uint64_t pdtp)
{
    uint64_t pc[2];
    if (!find_process(iommu, request, pdtp, pc))
        return false;
    if (!(pc[0] & PC_V))
        return iommu_fail(request, IOMMU_PDT_INVALID);
    if (pc[0] & ~PC_KNOWN || pc[1] & TABLE_ZERO || !set_stage(&request->first, pc[1]))
        return iommu_fail(request, IOMMU_PDT_MISCONFIGURED);
    if (request->privileged && !(pc[0] & PC_ENS))
        return iommu_fail(request, IOMMU_TYPE_DISALLOWED);
    request->sum = pc[0] & PC_SUM;
    return true;
}

/* The first stage, as a good device context has it. */
static bool take_first_stage(struct iommu *iommu, struct iommu_request *request,
                             const struct device_context *dc)
{
    static const unsigned widths[] = { 20, 8, 17, 20 };
    if (!(dc->tc & TC_PDTV)) {
        set_stage(&request->first, dc->fsc);
        return !request->has_process || iommu_fail(request, IOMMU_TYPE_DISALLOWED);
    }
    if (request->has_process && request->process >> widths[mode_of(dc->fsc)])
        return iommu_fail(request, IOMMU_TYPE_DISALLOWED);
    if (!mode_of(dc->fsc) || !(request->has_process || dc->tc & TC_DPE))
        return true;
    return take_process(iommu, request, dc->fsc);
}

bool iommu_find_context(struct iommu *iommu, struct iommu_request *request)
{
    CHECK_HELD(&iommu->lock);
    struct device_context dc;
    uint64_t place;
    if (!find_device(iommu, request, &place))
        return false;
    if (!iommu_load_words(iommu, place, (uint64_t *)&dc, sizeof(dc) / 8))
        return iommu_fail(request, IOMMU_DDT_ACCESS_FAULT);
    if (!(dc.tc & TC_V))
        return iommu_fail(request, IOMMU_DDT_INVALID);
    if (!is_configured(&dc))
        return iommu_fail(request, IOMMU_DDT_MISCONFIGURED);
    request->quiet = dc.tc & TC_DTF;
    set_stage(&request->second, dc.iohgatp);
    request->has_messages = mode_of(dc.msiptp) != 0;
    request->msi_table = (dc.msiptp & TABLE_PPN) << 12;
    request->msi_mask = dc.msi_mask;
    request->msi_pattern = dc.msi_pattern;
    return take_first_stage(iommu, request, &dc);
}
