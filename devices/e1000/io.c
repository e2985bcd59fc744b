/* SPDX-License-Identifier: MIT
 *
 * The registers of the Intel cards: BAR 0 in memory, and a window of two registers in I/O space (the offset,
 * then the value). Most registers only keep what is written: they are settings of the wire, of power and of
 * timing that have no meaning here. Those with a meaning are in read_register() and write_register().
 */
#include <string.h>

#include "devices/e1000/internal.h"
#include "util/check.h"
#include "util/log.h"

enum { BAR_MEMORY = 0, WINDOW_ADDRESS = 0, WINDOW_DATA = 4 };
enum { SWSM_TAKEN = 1 };

bool e1000_link_is_up(const struct e1000 *e1000)
{
    return e1000->netdev && netdev_link_is_up(e1000->netdev);
}

/* ---- Statistics ---------------------------------------------------------------------------------------- */

/* Counters stop at their maximum. */
static void add(struct e1000 *e1000, unsigned offset, uint32_t value)
{
    uint32_t *counter = &E1000_REG(e1000, offset);
    *counter = *counter > UINT32_MAX - value ? UINT32_MAX : *counter + value;
}

/* Octets have 64 bits, in two registers. */
static void add_octets(struct e1000 *e1000, unsigned offset, size_t value)
{
    uint64_t sum = (uint64_t)E1000_REG(e1000, offset + 4) << 32 | E1000_REG(e1000, offset);
    sum = sum > UINT64_MAX - value ? UINT64_MAX : sum + value;
    E1000_REG(e1000, offset) = (uint32_t)sum;
    E1000_REG(e1000, offset + 4) = (uint32_t)(sum >> 32);
}

void e1000_count(struct e1000 *e1000, bool sent, const uint8_t *frame, size_t length)
{
    CHECK_HELD(&e1000->lock);
    static const uint16_t sizes[] = { 64, 127, 255, 511, 1023 };
    static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    unsigned size = 0;
    while (size < 5 && length > sizes[size])
        size++;
    add(e1000, (sent ? E1000_PTC64 : E1000_PRC64) + 4 * size, 1);
    add(e1000, sent ? E1000_GPTC : E1000_GPRC, 1);
    add(e1000, sent ? E1000_TPT : E1000_TPR, 1);
    add_octets(e1000, sent ? E1000_GOTCL : E1000_GORCL, length);
    add_octets(e1000, sent ? E1000_TOTL : E1000_TORL, length);
    if (memcmp(frame, everybody, 6) == 0)
        add(e1000, sent ? E1000_BPTC : E1000_BPRC, 1);
    else if (frame[0] & 1)
        add(e1000, sent ? E1000_MPTC : E1000_MPRC, 1);
}

/* Reading clears; of octets, the upper half clears both. */
static uint32_t read_counter(struct e1000 *e1000, unsigned offset)
{
    uint32_t value = E1000_REG(e1000, offset);
    bool low = offset == E1000_GORCL || offset == E1000_GOTCL || offset == E1000_TORL || offset == E1000_TOTL;
    bool high = offset == E1000_GORCL + 4 || offset == E1000_GOTCL + 4 || offset == E1000_TORL + 4 ||
                offset == E1000_TOTL + 4;
    if (!low)
        E1000_REG(e1000, offset) = 0;
    if (high)
        E1000_REG(e1000, offset - 4) = 0;
    return value;
}

/* ---- Reset --------------------------------------------------------------------------------------------- */

void e1000_reset(struct e1000 *e1000)
{
    CHECK_HELD(&e1000->lock);
    memset(e1000->regs, 0, sizeof(e1000->regs));
    E1000_REG(e1000, E1000_CTRL) = 1u << 9 | 1u | E1000_CTRL_SLU; /* 1000 Mbit/s, full duplex */
    E1000_REG(e1000, E1000_PBA) = e1000->is_e ? 0x00140014 : 0x00100030;
    E1000_REG(e1000, E1000_VET) = 0x8100;
    E1000_REG(e1000, E1000_RAL) = e1000->mac[0] | (uint32_t)e1000->mac[1] << 8 |
                                  (uint32_t)e1000->mac[2] << 16 | (uint32_t)e1000->mac[3] << 24;
    E1000_REG(e1000, E1000_RAL + 4) = e1000->mac[4] | (uint32_t)e1000->mac[5] << 8 | 0x80000000u;
    memset(&e1000->wires, 0, sizeof(e1000->wires));
    memset(e1000->throttle, 0, sizeof(e1000->throttle));
    memset(e1000->contexts, 0, sizeof(e1000->contexts));
    memset(&e1000->packet, 0, sizeof(e1000->packet));
    e1000->delivered = 0;
    e1000->room_wanted = e1000->unsent = false;
    clock_timer_arm(&e1000->timer, CLOCK_NEVER);
    e1000_update_irq(e1000);
}

static void write_ctrl(struct e1000 *e1000, uint32_t value)
{
    if (value & E1000_CTRL_PHY_RST)
        e1000_phy_reset(e1000);
    if (value & E1000_CTRL_RST) {
        e1000_reset(e1000);
        return;
    }
    E1000_REG(e1000, E1000_CTRL) = value & ~(E1000_CTRL_PHY_RST | E1000_CTRL_RST);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static uint32_t read_status(const struct e1000 *e1000)
{
    uint32_t value = E1000_STATUS_FD | E1000_STATUS_SPEED_1000;
    value |= e1000_link_is_up(e1000) ? E1000_STATUS_LU : 0;
    if (!e1000->is_e)
        return value | E1000_STATUS_PCI66;
    return value | (E1000_REG(e1000, E1000_CTRL) & E1000_CTRL_MASTER_DISABLE ? 0 : E1000_STATUS_MASTER);
}

static uint32_t read_register(struct e1000 *e1000, unsigned offset)
{
    uint32_t value;
    switch (offset) {
    case E1000_STATUS: return read_status(e1000);
    case E1000_EECD: return e1000_read_eecd(e1000);
    case E1000_ICR: return e1000_read_causes(e1000);
    case E1000_ICS: return E1000_REG(e1000, E1000_ICR);
    case E1000_IMC: return 0;
    case E1000_SWSM: /* whoever reads the bit as 0 has the semaphore */
        value = E1000_REG(e1000, E1000_SWSM);
        E1000_REG(e1000, E1000_SWSM) |= SWSM_TAKEN;
        return value;
    default: break;
    }
    if (offset >= E1000_STATISTICS && offset < E1000_STATISTICS_END)
        return read_counter(e1000, offset);
    return offset < E1000_END ? E1000_REG(e1000, offset) : 0;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* What is not there is said when a driver asks for it. */
static void note_absent(const struct e1000 *e1000, unsigned offset, uint32_t value)
{
    if (offset == E1000_RCTL && value & E1000_RCTL_LOOPBACK)
        LOG_UNIMP("e1000: loopback (RCTL.LBM)");
    if (offset == E1000_RCTL && e1000->is_e && value & E1000_RCTL_SPLIT)
        LOG_UNIMP("e1000e: split receive descriptors (RCTL.DTYP): frames are dropped");
    if (offset == E1000_MRQC && e1000->is_e && value & 3)
        LOG_UNIMP("e1000e: a second receive queue (MRQC): frames go to the first");
    if ((offset == E1000_TDT1 || offset == E1000_RDT1) && e1000->is_e && value)
        LOG_UNIMP("e1000e: a second queue: only the first one works");
}

/* Registers with a meaning; false: it only keeps the value. */
static bool write_special(struct e1000 *e1000, unsigned offset, uint32_t value)
{
    switch (offset) {
    case E1000_CTRL: write_ctrl(e1000, value); break;
    case E1000_STATUS: break;
    case E1000_EECD: e1000_write_eecd(e1000, value); break;
    case E1000_EERD: e1000_write_eerd(e1000, value); break;
    case E1000_MDIC: e1000_write_mdic(e1000, value); break;
    case E1000_ICR: /* ones clear */
        E1000_REG(e1000, E1000_ICR) &= ~value;
        e1000_update_irq(e1000);
        break;
    case E1000_ICS: e1000_raise(e1000, value); break;
    case E1000_IMS: e1000_mask(e1000, value, 0); break;
    case E1000_IMC: e1000_mask(e1000, 0, value); break;
    case E1000_RDLEN:
    case E1000_TDLEN: E1000_REG(e1000, offset) = value & 0xfff80; break;
    case E1000_RDH:
    case E1000_RDT:
    case E1000_TDH:
    case E1000_TDT: E1000_REG(e1000, offset) = value & 0xffff; break;
    default: return false;
    }
    return true;
}

/* Returns whether the netdev's thread has something to do now. */
static bool write_register(struct e1000 *e1000, unsigned offset, uint32_t value)
{
    note_absent(e1000, offset, value);
    if (offset >= E1000_END || (offset >= E1000_STATISTICS && offset < E1000_STATISTICS_END)) {
        LOG_GUEST("e1000: a write of 0x%x to 0x%x, where nothing can be written", value, offset);
        return false;
    }
    if (!write_special(e1000, offset, value))
        E1000_REG(e1000, offset) = value;
    bool room = e1000->room_wanted && (offset == E1000_RDT || offset == E1000_RCTL);
    e1000->room_wanted = e1000->room_wanted && !room;
    return room || offset == E1000_TDT || offset == E1000_TCTL;
}

/* ---- Accesses ------------------------------------------------------------------------------------------ */

static bool is_memory(unsigned bar)
{
    return bar == BAR_MEMORY;
}

/* The flash (BAR 1 of the 82574) is empty; MSI-X's BAR has only what pci.c serves. */
static bool is_window(const struct e1000 *e1000, unsigned bar)
{
    return bar == (e1000->is_e ? 2 : 1);
}

uint64_t e1000_io_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    uint32_t value = 0;
    if (!is_memory(bar) && !is_window(e1000, bar))
        return UINT64_MAX >> (64 - 8 * size);
    pthread_mutex_lock(&e1000->lock);
    if (is_memory(bar))
        value = read_register(e1000, (unsigned)offset & ~3u);
    else if (offset == WINDOW_ADDRESS)
        value = e1000->io_address;
    else if (offset == WINDOW_DATA)
        value = read_register(e1000, e1000->io_address);
    pthread_mutex_unlock(&e1000->lock);
    return value >> (8 * (offset & 3)) & (UINT64_MAX >> (64 - 8 * size));
}

/* Section 13.2.1: registers are written as 32 bits. */
void e1000_io_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                    uint64_t value)
{
    struct e1000 *e1000 = (struct e1000 *)function;
    bool wake = false;
    if (size != 4 || (!is_memory(bar) && !is_window(e1000, bar)))
        return;
    pthread_mutex_lock(&e1000->lock);
    if (is_memory(bar))
        wake = write_register(e1000, (unsigned)offset, (uint32_t)value);
    else if (offset == WINDOW_ADDRESS)
        e1000->io_address = (uint32_t)value & 0x1fffc;
    else if (offset == WINDOW_DATA)
        wake = write_register(e1000, e1000->io_address, (uint32_t)value);
    if (wake && e1000->netdev)
        netdev_wake(e1000->netdev);
    pthread_mutex_unlock(&e1000->lock);
}
