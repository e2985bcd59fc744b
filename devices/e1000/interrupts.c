/* SPDX-License-Identifier: MIT
 *
 * Interrupts of the Intel cards. A cause is a bit of ICR; while one is set that IMS lets pass, the wire is
 * high. With MSI a message is sent when it would rise. With MSI-X (82574 only) five causes have messages of
 * their own, and IVAR says which. ITR and EITR set the shortest time between two interrupts, in units of
 * 256 ns of the guest's time; what comes before that waits for the timer. The delays of single descriptors
 * (RDTR, RADV, TIDV, TADV) are 0: the causes of a batch of frames are raised together at its end.
 */
#include "devices/e1000/internal.h"
#include "devices/pci/msi.h"
#include "devices/pci/msix.h"
#include "util/check.h"

#define UNIT_NS 256u

/* Of IVAR: four bits for each of the five causes; the highest of them says that the rest is valid. */
static bool vector_of(const struct e1000 *e1000, unsigned cause, unsigned *vector)
{
    uint32_t field = E1000_REG(e1000, E1000_IVAR) >> (4 * cause) & 0xf;
    *vector = field & 7;
    return field & 8 && *vector < E1000_VECTORS;
}

/* May it interrupt now? If not, it is noted, and the timer is armed. */
static bool passes(struct e1000 *e1000, unsigned number)
{
    struct e1000_throttle *throttle = &e1000->throttle[number];
    unsigned offset = number ? E1000_EITR + 4 * (number - 1) : E1000_ITR;
    uint64_t interval = (E1000_REG(e1000, offset) & 0xffff) * UNIT_NS, now = clock_ns(e1000->clock);
    if (!interval || now >= throttle->next) {
        throttle->next = now + interval;
        throttle->waits = false;
        return true;
    }
    throttle->waits = true;
    uint64_t first = throttle->next;
    for (unsigned n = 0; n <= E1000_VECTORS; n++)
        if (e1000->throttle[n].waits && e1000->throttle[n].next < first)
            first = e1000->throttle[n].next;
    clock_timer_arm(&e1000->timer, first);
    return false;
}

/* Sends the messages of causes that are set and not masked. What EIAC and IAM name is then cleared or
 * masked, so that the driver need not do it. */
static void send_messages(struct e1000 *e1000)
{
    for (unsigned cause = 0; cause < 5; cause++) {
        uint32_t bit = (uint32_t)E1000_CAUSE_RXQ0 << cause;
        unsigned vector;
        if (!(E1000_REG(e1000, E1000_ICR) & E1000_REG(e1000, E1000_IMS) & bit) ||
            !vector_of(e1000, cause, &vector) || !passes(e1000, 1 + vector))
            continue;
        E1000_REG(e1000, E1000_ICR) &= ~(bit & E1000_REG(e1000, E1000_EIAC));
        if (E1000_REG(e1000, E1000_CTRL_EXT) & E1000_CTRL_EXT_EIAME)
            E1000_REG(e1000, E1000_IMS) &= ~(bit & E1000_REG(e1000, E1000_IAM));
        pci_msix_notify(&e1000->function, vector);
    }
}

void e1000_update_irq(struct e1000 *e1000)
{
    CHECK_HELD(&e1000->lock);
    bool wanted = E1000_REG(e1000, E1000_ICR) & E1000_REG(e1000, E1000_IMS) & ~E1000_CAUSE_ASSERTED;
    if (e1000->is_e && pci_msix_enabled(&e1000->function)) {
        send_messages(e1000);
        return;
    }
    if (!wanted) {
        e1000->throttle[0].waits = false;
        if (e1000->asserted)
            pci_function_set_intx(&e1000->function, false);
        e1000->asserted = false;
    } else if (!e1000->asserted && passes(e1000, 0)) {
        e1000->asserted = true;
        pci_function_set_intx(&e1000->function, true);
        pci_msi_notify(&e1000->function, 0);
    }
}

void e1000_timer_fired(void *opaque)
{
    struct e1000 *e1000 = opaque;
    pthread_mutex_lock(&e1000->lock);
    e1000_update_irq(e1000);
    pthread_mutex_unlock(&e1000->lock);
}

/* On the 82574 the causes that have no message of their own have one together. */
void e1000_raise(struct e1000 *e1000, uint32_t causes)
{
    CHECK_HELD(&e1000->lock);
    uint32_t others = causes & (E1000_CAUSE_LSC | E1000_CAUSE_MDAC | E1000_CAUSE_RXDMT0);
    if (e1000->is_e) {
        causes |= causes & E1000_CAUSE_RXT0 ? E1000_CAUSE_RXQ0 : 0;
        causes |= causes & E1000_CAUSE_TXDW ? E1000_CAUSE_TXQ0 : 0;
        causes |= others ? E1000_CAUSE_OTHER : 0;
    }
    E1000_REG(e1000, E1000_ICR) |= causes & ~E1000_CAUSE_ASSERTED;
    e1000_update_irq(e1000);
}

/* Reading ICR clears it. On the 82574 it does not if something is unmasked and no interrupt is signalled
 * (section 10.2.4.1), and with CTRL_EXT.IAME it also masks what IAM names. */
uint32_t e1000_read_causes(struct e1000 *e1000)
{
    CHECK_HELD(&e1000->lock);
    uint32_t causes = E1000_REG(e1000, E1000_ICR), mask = E1000_REG(e1000, E1000_IMS);
    bool signalled = causes & mask;
    if (e1000->is_e && mask && !signalled)
        return causes;
    if (e1000->is_e && signalled && E1000_REG(e1000, E1000_CTRL_EXT) & E1000_CTRL_EXT_IAME)
        E1000_REG(e1000, E1000_IMS) &= ~E1000_REG(e1000, E1000_IAM);
    E1000_REG(e1000, E1000_ICR) = 0;
    e1000_update_irq(e1000);
    return causes | (e1000->is_e && signalled ? E1000_CAUSE_ASSERTED : 0);
}

void e1000_mask(struct e1000 *e1000, uint32_t set, uint32_t clear)
{
    CHECK_HELD(&e1000->lock);
    E1000_REG(e1000, E1000_IMS) = (E1000_REG(e1000, E1000_IMS) | set) & ~clear & ~E1000_CAUSE_ASSERTED;
    e1000_update_irq(e1000);
}
