/* SPDX-License-Identifier: MIT
 *
 * Vector loads and stores ("Vector Loads and Stores"): unit-stride, strided, indexed, segments,
 * fault-only-first, masks, whole registers.
 *
 * Elements are accessed one after the other, in order, even if the specification does not require an order.
 * Each is accessed as a scalar access would be. An element that traps leaves its number in vstart, and the
 * instruction continues there when it is executed again. The same happens if the hart must stop after a store
 * to a device. Contiguous elements in pages of the TLB are copied as a whole.
 */
#include "cpu/exec/vector/vector.h"

#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/trap.h"

/* The state of one instruction. */
struct vmem {
    struct hart *hart;
    const struct insn *insn;
    uint8_t *data;        /* the registers */
    const uint8_t *mask;  /* NULL: none */
    const uint8_t *index; /* offsets; NULL: there is a stride instead */
    uint64_t base, stride;
    size_t field_bytes; /* from the register of a field of a segment to that of the next field */
    uint32_t start, end;
    uint8_t sew, index_sew; /* log2 of bytes */
    uint8_t fields;
};

/* ---- Checks of legality -------------------------------------------------------------------------------- */

/* The group of the data: EMUL = LMUL * EEW / SEW. As on QEMU, a masked store may also store the mask
 * itself. */
static bool take_store(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields,
                       struct vmem *m)
{
    const struct hart_vector *v = &hart->vector;
    int emul = v->lmul + (int)eew - (int)v->sew;
    unsigned group = vector_group(emul), rd = insn->rd;
    if (!vector_on(hart) || v->vill || emul < -3 || emul > 3 || group * fields > 8 || rd & (group - 1) ||
        rd + group * fields > 32)
        return vector_illegal(hart, insn);
    *m = (struct vmem){
        .hart = hart,
        .insn = insn,
        .data = vector_register(hart, rd),
        .mask = vector_masked(insn) ? hart->v : NULL,
        .base = hart->x[insn->rs1],
        .stride = (uint64_t)fields << eew,
        .field_bytes = group * (size_t)v->vlenb,
        .start = v->vstart,
        .end = v->vl,
        .sew = (uint8_t)eew,
        .fields = (uint8_t)fields,
    };
    return true;
}

/* The same for a load, which must not overwrite the mask. */
static bool take_load(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields,
                      struct vmem *m)
{
    if (insn->rd == 0 && vector_masked(insn))
        return vector_illegal(hart, insn);
    if (!take_store(hart, insn, eew, fields, m))
        return false;
    vector_dirty(hart);
    return true;
}

/* Checks the group of the index, and whether the registers of the data may overlap it. Those of a store may
 * not if the widths differ (for the first field, as on QEMU). Neither may overlap the mask. An index of 64
 * bits needs XLEN 64. */
static bool take_index(struct hart *hart, const struct insn *insn, unsigned eew, bool load, struct vmem *m)
{
    const struct hart_vector *v = &hart->vector;
    int emul = v->lmul + (int)eew - (int)v->sew;
    unsigned group = vector_group(emul), first = insn->rs2, rd = insn->rd;
    unsigned count = (load ? m->fields : 1) * (unsigned)(m->field_bytes / v->vlenb);
    bool meet = rd < first + group && first < rd + count;
    bool good = emul >= -3 && emul <= 3 && !(first & (group - 1)) && eew <= (hart->isa.xlen == 32 ? 2 : 3);
    if (meet && eew != v->sew)
        good = good && load && (v->sew < eew ? rd == first : emul >= 0 && first + group == rd + count);
    if (!good || (load && meet && m->fields > 1) || ((first == 0 || rd == 0) && vector_masked(insn)))
        return vector_illegal(hart, insn);
    m->index = vector_register(hart, first);
    m->index_sew = (uint8_t)eew;
    return true;
}

/* ---- Elements ------------------------------------------------------------------------------------------ */

static inline uint64_t get(const uint8_t *at, unsigned sew)
{
    switch (sew) {
    case 0: return *at;
    case 1: return *(const uint16_t *)at;
    case 2: return *(const uint32_t *)at;
    default: return *(const uint64_t *)at;
    }
}

static inline void put(uint8_t *at, unsigned sew, uint64_t value)
{
    switch (sew) {
    case 0: *at = (uint8_t)value; break;
    case 1: *(uint16_t *)at = (uint16_t)value; break;
    case 2: *(uint32_t *)at = (uint32_t)value; break;
    default: *(uint64_t *)at = value; break;
    }
}

static inline uint64_t wrap(const struct vmem *m, uint64_t vaddr)
{
    return m->hart->isa.xlen == 32 ? (uint32_t)vaddr : vaddr;
}

static inline uint64_t address(const struct vmem *m, uint32_t i, unsigned field)
{
    uint64_t offset = m->index ? get(m->index + ((size_t)i << m->index_sew), m->index_sew) : m->stride * i;
    return wrap(m, m->base + offset + ((uint64_t)field << m->sew));
}

static inline uint8_t *element(const struct vmem *m, uint32_t i, unsigned field)
{
    return m->data + field * m->field_bytes + ((size_t)i << m->sew);
}

static inline bool active(const struct vmem *m, uint32_t i)
{
    return !m->mask || vector_bit(m->mask, i);
}

static bool stopped_at(const struct vmem *m, uint32_t i)
{
    m->hart->vector.vstart = i;
    vector_dirty(m->hart);
    return false;
}

/* ---- Contiguous elements ------------------------------------------------------------------------------- */

static bool contiguous(const struct vmem *m)
{
    return !m->mask && !m->index && m->fields == 1 && m->stride == 1u << m->sew;
}

/* Returns how many of the `size` bytes from vaddr on are in one entry of the TLB; 0: no entry has the first
 * element. */
static size_t bytes_in_page(const struct tlb_side *side, uint64_t vaddr, size_t size)
{
    size_t room = PAGE_SIZE - (vaddr & (PAGE_SIZE - 1));
    return mem_hit(side, vaddr, 1) ? (size < room ? size : room) : 0;
}

/* A chunk is unaligned. Copies proceed in the order of addresses and write each byte once, like one host
 * access for each element. memcpy() is not used, since it may store a byte twice and so overwrite what
 * another hart has stored there meanwhile. */
typedef uint64_t chunk __attribute__((vector_size(16), aligned(1), may_alias));

static inline GUEST_MEMORY size_t copy_chunks(volatile uint8_t *to, const volatile uint8_t *from, size_t size)
{
    size_t i = 0;
    for (; i + 16 <= size; i += 16)
        *(volatile chunk *)(to + i) = *(const volatile chunk *)(from + i);
    if (i + 8 <= size) {
        ((volatile struct mem64 *)(to + i))->value = ((const volatile struct mem64 *)(from + i))->value;
        i += 8;
    }
    return i;
}

static GUEST_MEMORY void copy_from_guest(uint8_t *to, const uint8_t *host, size_t size, unsigned sew)
{
    for (size_t i = copy_chunks(to, host, size); i < size; i += (size_t)1 << sew)
        put(to + i, sew, mem_host_read(host + i, 1u << sew));
}

static GUEST_MEMORY void copy_to_guest(uint8_t *host, const uint8_t *from, size_t size, unsigned sew)
{
    for (size_t i = copy_chunks(host, from, size); i < size; i += (size_t)1 << sew)
        mem_host_write(host + i, 1u << sew, get(from + i, sew));
}

/* Copies elements from `i` on, as many as are in one page of the TLB; returns the number of the element after
 * them. */
static uint32_t copy_page(const struct vmem *m, const struct tlb_side *side, uint32_t i, bool load)
{
    uint64_t vaddr = address(m, i, 0);
    size_t size = bytes_in_page(side, vaddr, (size_t)(m->end - i) << m->sew) >> m->sew << m->sew;
    uint8_t *host = mem_hit_host(side, vaddr);
    if (load)
        copy_from_guest(element(m, i, 0), host, size, m->sew);
    else
        copy_to_guest(host, element(m, i, 0), size, m->sew);
    return i + (uint32_t)(size >> m->sew);
}

/* ---- Loads --------------------------------------------------------------------------------------------- */

static bool load_segment(const struct vmem *m, uint32_t i)
{
    for (unsigned field = 0; field < m->fields; field++) {
        uint64_t value;
        if (!mem_read(m->hart, m->insn, address(m, i, field), 1u << m->sew, &value))
            return false;
        put(element(m, i, field), m->sew, value);
    }
    return true;
}

static bool load(const struct vmem *m)
{
    bool whole = contiguous(m);
    for (uint32_t i = m->start; i < m->end; i++) {
        if (whole) {
            i = copy_page(m, &m->hart->tlb_data->read, i, true);
            if (i == m->end)
                break;
        }
        if (active(m, i) && !load_segment(m, i))
            return stopped_at(m, i);
    }
    return vector_done(m->hart);
}

/* Translates the bytes of one segment, [vaddr, vaddr + size). Returns MMU_OK, or the exception's number, with
 * the address in *fault. *memory is cleared if some of them belong to a device. */
static int probe(const struct vmem *m, uint64_t vaddr, unsigned size, uint64_t *fault, bool *memory)
{
    while (size) {
        unsigned room = PAGE_SIZE - (unsigned)(vaddr & (PAGE_SIZE - 1)), part = size < room ? size : room;
        struct mmu_result result;
        int cause = mmu_translate(m->hart, vaddr, part, MMU_READ, &result);
        *fault = mmu_effective(m->hart, vaddr);
        if (cause == MMU_OK && !result.host && !m->hart->bus->ops->mapped(m->hart->bus, result.paddr))
            cause = CAUSE_LOAD_ACCESS;
        if (cause != MMU_OK)
            return cause;
        *memory &= result.host != NULL;
        vaddr = wrap(m, vaddr + part);
        size -= part;
    }
    return MMU_OK;
}

/* Returns whether the segment of a fault-only-first load may be loaded. If its access would trap, element 0
 * traps (*trapped), and for another element the vector ends before it. It also ends before an element other
 * than 0 that belongs to a device. */
static bool may_load(const struct vmem *m, uint32_t i, bool *trapped)
{
    unsigned size = (unsigned)m->fields << m->sew;
    uint64_t vaddr = address(m, i, 0), fault;
    bool memory = true;
    if (mem_hit(&m->hart->tlb_data->read, vaddr, size))
        return true;
    int cause = probe(m, vaddr, size, &fault, &memory);
    *trapped = i == 0 && cause != MMU_OK;
    if (*trapped)
        trap_insn(m->hart, m->insn, (enum cause)cause, fault);
    return cause == MMU_OK && (i == 0 || memory);
}

static bool load_until_fault(const struct vmem *m)
{
    bool trapped = false, whole = contiguous(m);
    for (uint32_t i = m->start; i < m->end; i++) {
        if (whole) {
            i = copy_page(m, &m->hart->tlb_data->read, i, true);
            if (i == m->end)
                break;
        }
        if (!active(m, i))
            continue;
        if (!may_load(m, i, &trapped)) {
            m->hart->vector.vl = trapped ? m->end : i;
            break;
        }
        if (!load_segment(m, i))
            return stopped_at(m, i);
    }
    return trapped ? stopped_at(m, 0) : vector_done(m->hart);
}

/* ---- Stores -------------------------------------------------------------------------------------------- */

static bool store_segment(const struct vmem *m, uint32_t i, bool *leave)
{
    for (unsigned field = 0; field < m->fields; field++) {
        const struct tlb_side *side = &m->hart->tlb_data->write;
        uint64_t vaddr = address(m, i, field), value = get(element(m, i, field), m->sew);
        if (mem_hit(side, vaddr, 1u << m->sew))
            mem_host_write(mem_hit_host(side, vaddr), 1u << m->sew, value);
        else if (!mem_write_element(m->hart, m->insn, vaddr, 1u << m->sew, value, leave))
            return false;
    }
    return true;
}

/* Returns whether the machine is off, or must pause: a pause should not have to wait for hundreds of stores
 * to a device. */
static bool has_to_stop(const struct hart *hart)
{
    return atomic_load(&hart->requests) & HART_REQUEST_STOP && !hart->stepping;
}

static bool store(const struct vmem *m)
{
    bool whole = contiguous(m), leave = false;
    if (m->start)
        vector_dirty(m->hart);
    for (uint32_t i = m->start; i < m->end; i++) {
        if (whole) {
            i = copy_page(m, &m->hart->tlb_data->write, i, false);
            if (i == m->end)
                break;
        }
        if (active(m, i) && !store_segment(m, i, &leave))
            return stopped_at(m, i);
        if (UNLIKELY(leave) && i + 1 < m->end && has_to_stop(m->hart)) {
            trap_leave_before(m->hart, m->insn);
            return stopped_at(m, i + 1);
        }
    }
    return vector_done(m->hart) && !(leave && trap_leave_behind(m->hart, m->insn));
}

/* ---- The kinds ----------------------------------------------------------------------------------------- */

static bool load_unit(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields,
                      bool first_only)
{
    struct vmem m;
    if (!take_load(hart, insn, eew, fields, &m))
        return false;
    return first_only ? load_until_fault(&m) : load(&m);
}

static bool load_strided(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields)
{
    struct vmem m;
    if (!take_load(hart, insn, eew, fields, &m))
        return false;
    m.stride = hart->x[insn->rs2];
    return load(&m);
}

static bool load_indexed(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields)
{
    struct vmem m;
    return take_load(hart, insn, hart->vector.sew, fields, &m) && take_index(hart, insn, eew, true, &m) &&
           load(&m);
}

static bool store_unit(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields)
{
    struct vmem m;
    return take_store(hart, insn, eew, fields, &m) && store(&m);
}

static bool store_strided(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields)
{
    struct vmem m;
    if (!take_store(hart, insn, eew, fields, &m))
        return false;
    m.stride = hart->x[insn->rs2];
    return store(&m);
}

static bool store_indexed(struct hart *hart, const struct insn *insn, unsigned eew, unsigned fields)
{
    struct vmem m;
    return take_store(hart, insn, hart->vector.sew, fields, &m) && take_index(hart, insn, eew, false, &m) &&
           store(&m);
}

/* clang-format off */
#define ROW(name, call) bool vector_##name(struct hart *hart, const struct insn *insn) { return call; }
/* clang-format on */

/* As VECTOR_SEGMENT of vector.def; log2: of the width in bytes. */
#define SEGMENT(seg, eew, log2, fields)                                                                      \
    ROW(vl##seg##e##eew##_v, load_unit(hart, insn, log2, fields, false))                                     \
    ROW(vl##seg##e##eew##ff_v, load_unit(hart, insn, log2, fields, true))                                    \
    ROW(vls##seg##e##eew##_v, load_strided(hart, insn, log2, fields))                                        \
    ROW(vlux##seg##ei##eew##_v, load_indexed(hart, insn, log2, fields))                                      \
    ROW(vlox##seg##ei##eew##_v, load_indexed(hart, insn, log2, fields))                                      \
    ROW(vs##seg##e##eew##_v, store_unit(hart, insn, log2, fields))                                           \
    ROW(vss##seg##e##eew##_v, store_strided(hart, insn, log2, fields))                                       \
    ROW(vsux##seg##ei##eew##_v, store_indexed(hart, insn, log2, fields))                                     \
    ROW(vsox##seg##ei##eew##_v, store_indexed(hart, insn, log2, fields))
#define WIDTHS(seg, fields)                                                                                  \
    SEGMENT(seg, 8, 0, fields)                                                                               \
    SEGMENT(seg, 16, 1, fields)                                                                              \
    SEGMENT(seg, 32, 2, fields)                                                                              \
    SEGMENT(seg, 64, 3, fields)
WIDTHS(, 1)
WIDTHS(seg2, 2)
WIDTHS(seg3, 3)
WIDTHS(seg4, 4)
WIDTHS(seg5, 5)
WIDTHS(seg6, 6)
WIDTHS(seg7, 7)
WIDTHS(seg8, 8)

/* ---- Whole registers and masks ------------------------------------------------------------------------- */

/* Describes an access to `bytes` bytes from register rd on, in elements of this width. */
static struct vmem plain(struct hart *hart, const struct insn *insn, size_t bytes, unsigned eew)
{
    return (struct vmem){
        .hart = hart,
        .insn = insn,
        .data = vector_register(hart, insn->rd),
        .base = hart->x[insn->rs1],
        .stride = 1u << eew,
        .start = hart->vector.vstart,
        .end = (uint32_t)(bytes >> eew),
        .sew = (uint8_t)eew,
        .fields = 1,
    };
}

/* These do not depend on vtype. */
static bool load_registers(struct hart *hart, const struct insn *insn, unsigned count, unsigned eew)
{
    struct vmem m = plain(hart, insn, count * (size_t)hart->vector.vlenb, eew);
    if (!vector_on(hart) || insn->rd & (count - 1))
        return vector_illegal(hart, insn);
    vector_dirty(hart);
    return load(&m);
}

static bool store_registers(struct hart *hart, const struct insn *insn, unsigned count)
{
    struct vmem m = plain(hart, insn, count * (size_t)hart->vector.vlenb, 0);
    if (!vector_on(hart) || insn->rd & (count - 1))
        return vector_illegal(hart, insn);
    return store(&m);
}

#define REGISTERS(n)                                                                                         \
    ROW(vl##n##re8_v, load_registers(hart, insn, n, 0))                                                      \
    ROW(vl##n##re16_v, load_registers(hart, insn, n, 1))                                                     \
    ROW(vl##n##re32_v, load_registers(hart, insn, n, 2))                                                     \
    ROW(vl##n##re64_v, load_registers(hart, insn, n, 3))                                                     \
    ROW(vs##n##r_v, store_registers(hart, insn, n))
REGISTERS(1)
REGISTERS(2)
REGISTERS(4)
REGISTERS(8)

/* The bytes that contain the bits of vl elements. */
bool vector_vlm_v(struct hart *hart, const struct insn *insn)
{
    struct vmem m = plain(hart, insn, (hart->vector.vl + 7) / 8, 0);
    if (!vector_on(hart) || hart->vector.vill)
        return vector_illegal(hart, insn);
    vector_dirty(hart);
    return load(&m);
}

bool vector_vsm_v(struct hart *hart, const struct insn *insn)
{
    struct vmem m = plain(hart, insn, (hart->vector.vl + 7) / 8, 0);
    if (!vector_on(hart) || hart->vector.vill)
        return vector_illegal(hart, insn);
    return store(&m);
}
