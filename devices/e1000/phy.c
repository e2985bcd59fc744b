/* SPDX-License-Identifier: MIT
 *
 * The transceiver (PHY) and the memory with the card's settings (NVM). The PHY has always found a partner at
 * 1000 Mbit/s, full duplex, while the cable is plugged in. The NVM is read by EERD or, on the 82540, also bit
 * by bit through EECD (a 93C46: 64 words).
 */
#include <string.h>

#include "devices/e1000/internal.h"
#include "util/check.h"
#include "util/log.h"

enum {
    PHY_CONTROL = 0,
    PHY_STATUS = 1,
    PHY_ID1 = 2,
    PHY_ID2 = 3,
    PHY_ADVERTISE = 4,
    PHY_PARTNER = 5,
    PHY_1000_CONTROL = 9,
    PHY_1000_STATUS = 10,
    PHY_EXTENDED_STATUS = 15,
    PHY_SPECIFIC_STATUS = 17,
    PHY_PAGE = 22 /* of the 82574's */
};
enum { CONTROL_RESET = 0x8000, CONTROL_RESTART = 0x0200, CONTROL_AT_FIRST = 0x1140 };
enum { STATUS_FIXED = 0x7949, STATUS_DONE = 0x0020, STATUS_LINK = 0x0004 };
enum { SPECIFIC_1000_FULL = 0xa000, SPECIFIC_RESOLVED = 0x0800, SPECIFIC_LINK = 0x0400 };

void e1000_phy_reset(struct e1000 *e1000)
{
    memset(e1000->phy, 0, sizeof(e1000->phy));
    e1000->phy[PHY_CONTROL] = CONTROL_AT_FIRST;
    e1000->phy[PHY_ADVERTISE] = 0x0de1;
    e1000->phy[PHY_1000_CONTROL] = 0x0e00;
    e1000->phy[16] = 0x0360;
    e1000->phy[20] = 0x0d60;
}

static uint16_t read_phy(const struct e1000 *e1000, unsigned number)
{
    bool up = e1000_link_is_up(e1000);
    if (e1000->is_e && e1000->phy[PHY_PAGE] && number != PHY_PAGE)
        return 0; /* only page 0 has registers */
    switch (number) {
    case PHY_STATUS: return STATUS_FIXED | (up ? STATUS_DONE | STATUS_LINK : 0);
    case PHY_ID1: return 0x0141;
    case PHY_ID2: return e1000->is_e ? 0x0cb1 : 0x0c20;
    case PHY_PARTNER: return up ? 0x45e1 : 0;
    case PHY_1000_STATUS: return up ? 0x3c00 : 0;
    case PHY_EXTENDED_STATUS: return 0x3000;
    case PHY_SPECIFIC_STATUS: return up ? SPECIFIC_1000_FULL | SPECIFIC_RESOLVED | SPECIFIC_LINK : 0;
    default: return e1000->phy[number];
    }
}

static void write_phy(struct e1000 *e1000, unsigned number, uint16_t value)
{
    if (e1000->is_e && e1000->phy[PHY_PAGE] && number != PHY_PAGE)
        return;
    if (number == PHY_CONTROL && value & CONTROL_RESET) {
        e1000_phy_reset(e1000);
        return;
    }
    e1000->phy[number] = value;
    if (number != PHY_CONTROL)
        return;
    e1000->phy[PHY_CONTROL] &= (uint16_t)~CONTROL_RESTART; /* the partner is found at once */
    if (value & CONTROL_RESTART && e1000_link_is_up(e1000))
        e1000_raise(e1000, E1000_CAUSE_LSC);
}

void e1000_write_mdic(struct e1000 *e1000, uint32_t value)
{
    CHECK_HELD(&e1000->lock);
    unsigned number = value >> 16 & 31, phy = value >> 21 & 31, what = value >> 26 & 3;
    uint32_t answer = value & ~(uint32_t)(E1000_MDIC_ERROR | E1000_MDIC_READY);
    if (phy != 1 || (what != E1000_MDIC_READ && what != E1000_MDIC_WRITE))
        answer |= E1000_MDIC_ERROR;
    else if (what == E1000_MDIC_WRITE)
        write_phy(e1000, number, (uint16_t)value);
    else
        answer = (answer & 0xffff0000u) | read_phy(e1000, number);
    E1000_REG(e1000, E1000_MDIC) = answer | E1000_MDIC_READY;
    if (value & E1000_MDIC_INTERRUPT)
        e1000_raise(e1000, E1000_CAUSE_MDAC);
}

/* ---- The NVM ------------------------------------------------------------------------------------------- */

/* The words sum to 0xbaba (section 5.6.34 of the manual). */
void e1000_nvm_fill(struct e1000 *e1000, uint16_t device, uint16_t subsystem_vendor, uint16_t subsystem)
{
    uint16_t sum = 0xbaba;
    memset(e1000->nvm, 0, sizeof(e1000->nvm));
    for (unsigned n = 0; n < 3; n++)
        e1000->nvm[n] = (uint16_t)(e1000->mac[2 * n] | e1000->mac[2 * n + 1] << 8);
    e1000->nvm[0x0a] = 0x4508;
    e1000->nvm[0x0b] = subsystem;
    e1000->nvm[0x0c] = subsystem_vendor;
    e1000->nvm[0x0d] = device;
    e1000->nvm[0x0e] = 0x8086;
    e1000->nvm[0x0f] = 0x3049;
    e1000->nvm[0x37] = 0xffff; /* there is no other address */
    for (unsigned n = 0; n < E1000_NVM_WORDS - 1; n++)
        sum = (uint16_t)(sum - e1000->nvm[n]);
    e1000->nvm[E1000_NVM_WORDS - 1] = sum;
}

uint32_t e1000_read_eecd(const struct e1000 *e1000)
{
    uint32_t value =
        E1000_REG(e1000, E1000_EECD) & (E1000_EECD_SK | E1000_EECD_CS | E1000_EECD_DI | E1000_EECD_REQ);
    value |= E1000_EECD_PRES | (e1000->wires.data ? E1000_EECD_DO : 0);
    value |= value & E1000_EECD_REQ ? E1000_EECD_GNT : 0;
    return value | (e1000->is_e ? E1000_EECD_AUTO_RD : 0);
}

/* One clock of the wires: a start bit, two bits of the command (read is 10) and six of the address come in,
 * then a word goes out, the highest bit first. */
static void clock_wires(struct e1000 *e1000, bool bit)
{
    if (e1000->wires.reading) {
        e1000->wires.data = e1000->wires.out >> 15;
        e1000->wires.out = (uint16_t)(e1000->wires.out << 1);
        return;
    }
    if (!e1000->wires.count && !bit)
        return; /* before the start bit */
    e1000->wires.in = e1000->wires.in << 1 | bit;
    if (++e1000->wires.count < 9)
        return;
    e1000->wires.count = 0;
    e1000->wires.data = false;
    if ((e1000->wires.in >> 6 & 7) == 6) {
        e1000->wires.reading = true;
        e1000->wires.out = e1000->nvm[e1000->wires.in & (E1000_NVM_WORDS - 1)];
    } else {
        LOG_GUEST("e1000: the driver writes to the NVM, which cannot be changed");
    }
}

void e1000_write_eecd(struct e1000 *e1000, uint32_t value)
{
    CHECK_HELD(&e1000->lock);
    uint32_t before = E1000_REG(e1000, E1000_EECD);
    E1000_REG(e1000, E1000_EECD) = value;
    if (e1000->is_e)
        return; /* another kind of memory; drivers use EERD */
    if (!(value & E1000_EECD_CS)) {
        e1000->wires.in = e1000->wires.count = 0;
        e1000->wires.reading = e1000->wires.data = false;
    } else if (value & ~before & E1000_EECD_SK) {
        clock_wires(e1000, value & E1000_EECD_DI);
    }
}

/* The place of the address and of the bit that says that the word is there differ. */
void e1000_write_eerd(struct e1000 *e1000, uint32_t value)
{
    CHECK_HELD(&e1000->lock);
    unsigned shift = e1000->is_e ? 2 : 8, done = e1000->is_e ? 1 << 1 : 1 << 4;
    unsigned address = value >> shift & (e1000->is_e ? 0x3fff : 0xff);
    uint16_t word = address < E1000_NVM_WORDS ? e1000->nvm[address] : 0xffff;
    E1000_REG(e1000, E1000_EERD) = value & 1 ? (uint32_t)word << 16 | address << shift | done : 0;
}
